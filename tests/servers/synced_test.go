package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"certlink/program/programtest"
)

var (
	callBegun    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	callResumed  = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>`)
	journalWrite = regexp.MustCompile(`^\d+</[^>]*/journal\.`)
)

// The whole server under strace: between the request that unbinds and the first
// byte of its answer, the journal is written, and then synced.
func TestSyncedBeforeTheAnswerLeaves(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	trace := filepath.Join(t.TempDir(), "trace")
	srv := newProcess(t)
	srv.start(programtest.Tool(t, "strace", "strace"), "-f", "-y", "-s", "100", "-e", "trace=read,write,pwrite64,fsync,fdatasync", "-e", "signal=none", "-o", trace)
	w := newWorker(t, ctx, srv.origin, "lina")
	s, err := w.portal.Start(ctx, map[string]string{"purpose": "bind", "provider": "huixin"})
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := w.phone.Scan(ctx, s.Code)
	if err == nil {
		err = w.phone.Confirm(ctx, claimed, w.key)
	}
	if err != nil {
		t.Fatal(err)
	}
	waitConfirmed(t, w.portal, s.ID)
	active := w.active(ctx)
	if err := w.portal.Call(ctx, "POST", "/v1/bindings/"+active.Items[0].ID+"/unbind", map[string]string{}, nil); err != nil {
		t.Fatal(err)
	}
	// The server is strace's child; strace ends with it.
	tasks := fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", srv.cmd.Process.Pid)
	children, err := os.ReadFile(tasks)
	if err != nil {
		t.Fatal(err)
	}
	for _, child := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(child); err == nil {
			syscall.Kill(pid, syscall.SIGTERM)
		}
	}
	srv.cmd.Wait()
	srv.cmd = nil

	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	type step int
	const (
		waiting step = iota
		asked
		written
		synced
		answered
	)
	at := waiting
	syncing := map[string]bool{} // threads in the middle of syncing the journal
	for _, line := range strings.Split(string(b), "\n") {
		if m := callResumed.FindStringSubmatch(line); m != nil {
			if syncing[m[1]] && strings.HasSuffix(line, "= 0") && at == written {
				at = synced
			}
			delete(syncing, m[1])
			if strings.Contains(line, "/unbind HTTP/1.1") {
				at = asked
			}
			continue
		}
		m := callBegun.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		thread, call, rest := m[1], m[2], m[3]
		switch {
		case call == "read" && strings.Contains(rest, "/unbind HTTP/1.1"):
			at = asked
		case call == "pwrite64" && journalWrite.MatchString(rest) && (at == asked || at == synced):
			at = written
		case (call == "fdatasync" || call == "fsync") && journalWrite.MatchString(rest):
			if strings.HasSuffix(rest, "<unfinished ...>") {
				// What is written while it runs is for the next one.
				syncing[thread] = at == written
			} else if at == written {
				at = synced
			}
		case call == "write" && strings.Contains(rest, "HTTP/1.1 200 OK") && (at == asked || at == written):
			t.Errorf("an answer left before the journal was written and synced: %s", line)
			at = answered
		case call == "write" && strings.Contains(rest, "HTTP/1.1 200 OK") && at == synced:
			at = answered
		}
		if at == answered {
			break
		}
	}
	if at != answered {
		t.Fatalf("the trace shows no answer to the unbinding (%d): %d bytes", at, len(b))
	}
}
