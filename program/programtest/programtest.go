// Package programtest starts the whole server for tests, in demo mode, and is the
// people who use it without a browser.
package programtest

import (
	"context"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"certlink/program"
	"certlink/store"
	"certlink/store/sqlite"
	"certlink/web"
)

// Main runs the tests of a package, and takes away what they leave in the directory for
// temporary files: programs that were built, the data that others are copies of.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "certlink-*")
	if err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// Standard are the settings of an operator who set none.
func Standard(t *testing.T) program.Settings {
	t.Helper()
	s, err := standard()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func standard() (program.Settings, error) {
	var s struct{ program.Settings }
	k, err := kong.New(&s)
	if err == nil {
		_, err = k.Parse(nil)
	}
	return s.Settings, err
}

// demoTemplate is a data directory with the demo people and the demo authority in it.
// Their passwords and keys cost what they must, so they are made once.
var demoTemplate = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "demo-*"); err != nil {
		return "", err
	}
	s, err := standard()
	if err != nil {
		return "", err
	}
	s.Data, s.Demo = dir, true
	if err := s.Check(); err != nil {
		return "", err
	}
	ctx, p := context.Background(), &program.Program{Settings: s, Log: slog.New(slog.DiscardHandler)}
	if err := p.Open(ctx, "http://127.0.0.1"); err != nil {
		return "", err
	}
	defer p.Close()
	return dir, p.Accounts.EnsureDemo(ctx)
})

// DemoData is a copy of it.
func DemoData(t *testing.T) string {
	t.Helper()
	template, err := demoTemplate()
	dir := t.TempDir()
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(template))
	}
	if err == nil { // a copy does not take over who may read what
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return os.Chmod(path, 0o600)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// DemoStore opens the embedded store of a copy.
func DemoStore(t *testing.T) store.Store {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(DemoData(t), "store"), program.Schema())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Seed writes what a copy holds into another store, which is empty.
func Seed(t *testing.T, to store.Store) {
	t.Helper()
	ctx, from := context.Background(), DemoStore(t)
	for _, c := range program.Schema() {
		docs, next, err := from.Query(ctx, c.Name, store.Query{})
		if err != nil || next != "" {
			t.Fatal(c.Name, next, err)
		}
		for _, d := range docs {
			d.Rev = 0
			if err := to.Create(ctx, c.Name, d); err != nil {
				t.Fatal(c.Name, err)
			}
		}
	}
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
