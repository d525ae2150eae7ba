// Package programtest starts the whole server for tests, in demo mode, and is the
// people who use it without a browser.
package programtest

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"certlink/account"
	"certlink/internal/clock"
	"certlink/internal/seal"
	"certlink/program"
	"certlink/web"
)

// Standard are the settings of an operator who set none.
func Standard(t *testing.T) program.Settings {
	t.Helper()
	var s struct{ program.Settings }
	k, err := kong.New(&s)
	if err == nil {
		_, err = k.Parse(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.Settings
}

// demoTemplate is a data directory with the demo people in it. Their passwords cost
// what passwords must, so they are made once.
var demoTemplate = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "certlink-demo-*"); err != nil {
		return "", err
	}
	db, err := (&program.Settings{Data: dir, Store: "embedded"}).OpenStore(context.Background())
	if err != nil {
		return "", err
	}
	defer db.Close()
	ring, err := seal.Load(filepath.Join(dir, "secret.key"))
	if err != nil {
		return "", err
	}
	accounts, err := account.New(account.Config{Store: db, Clock: clock.System, Seal: ring, Demo: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	defer accounts.Close()
	return dir, accounts.EnsureDemo(context.Background())
})

// DemoData is a copy of it.
func DemoData(t *testing.T) string {
	t.Helper()
	template, err := demoTemplate()
	dir := t.TempDir()
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(template))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Serve starts the whole program in demo mode, as make run does, on a port of
// the system's choice; change is for tests that want it otherwise.
func Serve(t *testing.T, change ...func(*program.Program)) (p *program.Program, origin string) {
	t.Helper()
	if _, built := web.Assets(); !built {
		if os.Getenv("CI") != "" {
			t.Fatal("the pages are not built: make web")
		}
		t.Skip("the pages are not built; to run this test: make web")
	}
	ctx, cancel := context.WithCancel(context.Background())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	origin = "http://" + ln.Addr().String()
	s := Standard(t)
	s.Addr, s.Data, s.Demo, s.StartsPerMin = ln.Addr().String(), DemoData(t), true, 300
	p = &program.Program{Settings: s}
	for _, c := range change {
		c(p)
	}
	if err := p.Settings.Check(); err != nil {
		t.Fatal(err)
	}
	if err := p.Open(ctx, origin); err != nil {
		t.Fatal(err)
	}
	if err := p.Accounts.EnsureDemo(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the server ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("the server did not end")
		}
	})
	return p, origin
}

const DemoPIN = "274918"
