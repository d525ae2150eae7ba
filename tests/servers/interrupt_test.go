package servers

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"certlink/account"
	"certlink/program/programtest"
)

// Ctrl-C with streams and a long poll open: they end, the process ends within two
// seconds and says that all is well. Started again, everything is there.
func TestInterruptedWithStreamsOpen(t *testing.T) {
	ctx := t.Context()
	srv := newProcess(t)
	srv.start()
	page, err := programtest.SignIn(ctx, srv.origin, "admin", account.DemoPassword)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorker(t, ctx, srv.origin, "lina")
	bound, err := w.portal.Start(ctx, map[string]string{"purpose": "bind", "provider": "huixin"})
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := w.phone.Scan(ctx, bound.Code)
	if err == nil {
		err = w.phone.Confirm(ctx, claimed, w.key)
	}
	if err != nil {
		t.Fatal(err)
	}
	waitConfirmed(t, w.portal, bound.ID)

	const streams = 20
	ended := make(chan error, streams+1)
	for range streams {
		s, err := page.Start(ctx, map[string]string{"purpose": "bind", "provider": "huixin"})
		if err != nil {
			if r, ok := err.(*programtest.Refusal); ok && r.Code == "sessions_too_many" {
				break
			}
			t.Fatal(err)
		}
		lines := openStream(t, page, s.ID)
		go func() {
			for lines.Scan() {
			}
			ended <- lines.Err()
		}()
	}
	begin := time.Now()
	if err := srv.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	state, err := srv.cmd.Process.Wait()
	took := time.Since(begin)
	if err != nil || state.ExitCode() != 0 || took > 2*time.Second {
		t.Errorf("it ended after %s with %v, %v:\n%s", took, state, err, srv.out)
	}
	t.Logf("it ended in %s", took.Round(time.Millisecond))
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("a stream outlives its server")
	}
	srv.cmd = nil

	srv.start()
	again, err := w.portal.Bindings(ctx)
	if err != nil || len(again.Items) != 1 || again.Items[0].State != "active" {
		t.Errorf("after the restart: %+v, %v", again, err)
	}
	if s, err := w.portal.Read(ctx, bound.ID); err != nil || s.State != "confirmed" {
		t.Errorf("the session's end: %+v, %v", s, err)
	}
}

// openStream opens a session's events and returns when the first has come.
func openStream(t *testing.T, p *programtest.Portal, id string) *bufio.Scanner {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), "GET", p.Origin+"/v1/qr-sessions/"+id+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Jar: p.HTTP.Jar}).Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(err, resp)
	}
	t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data:") {
	}
	return lines
}

// Told to end while it is still starting, it ends, and does not call it an error.
func TestInterruptedAtTheStart(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 30, 100, 300} {
		srv := newProcess(t)
		srv.launch()
		time.Sleep(after * time.Millisecond) // where in its start it is hit does not matter
		if err := srv.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		state, err := srv.cmd.Process.Wait()
		srv.cmd = nil
		// Before the handler stands, the signal itself ends it.
		if by, ok := state.Sys().(syscall.WaitStatus); err != nil || state.ExitCode() != 0 && !(ok && by.Signaled()) || strings.Contains(srv.out.String(), "certlink: ") {
			t.Errorf("after %d ms: %v, %v:\n%s", after, state, err, srv.out)
		}
	}
}
