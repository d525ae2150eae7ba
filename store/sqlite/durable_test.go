package sqlite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestKilled kills a writing process in the middle, again and again on the same
// directory: what it had acknowledged is there each time, and whole.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]int64{}
	for round := range 5 {
		cmd, out := helper(t, "write", dir)
		stop := time.AfterFunc(time.Duration(150+50*round)*time.Millisecond, func() { cmd.Process.Kill() })
		for out.Scan() {
			var id string
			var rev int64
			if n, _ := fmt.Sscan(out.Text(), &id, &rev); n == 2 {
				acknowledged[id] = max(acknowledged[id], rev)
			}
		}
		cmd.Wait()
		if stop.Stop() {
			t.Fatal("the helper ended by itself")
		}
		db := open(t, dir, helperSchema)
		for id, rev := range acknowledged {
			d, err := db.Get(t.Context(), "things", id)
			if err != nil || d.Rev < rev || d.Rev > rev+1 || string(d.Body) != fmt.Sprintf(`{"rev":%d}`, d.Rev) || d.Index["slot"] != id {
				t.Fatalf("round %d: %s was acknowledged at revision %d: %+v, %v", round, id, rev, d, err)
			}
		}
		if s, err := db.conns[0].first("PRAGMA integrity_check"); err != nil || s != "ok" {
			t.Fatalf("round %d: %s, %v", round, s, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(acknowledged) < 20 {
		t.Fatalf("only %d documents were written: the test shows nothing", len(acknowledged))
	}
	t.Logf("%d documents", len(acknowledged))
}

// outside finds a program that a test needs. Where tests must not be left out,
// in CI, its absence is a failure.
func outside(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed, and CI must run this test", program)
		}
		t.Skipf("%s is not installed; on Debian: apt-get install %s", program, program)
	}
	return path
}

// TestSyncedBeforeAnswer watches the system calls of a process that writes: each
// answer leaves it only after the log was written and then synced, and the
// first only after the directory was synced, too.
func TestSyncedBeforeAnswer(t *testing.T) {
	strace := outside(t, "strace")
	dir := filepath.Join(t.TempDir(), "data")
	trace := filepath.Join(t.TempDir(), "trace")
	cmd, out := helper(t, "acknowledge", dir, strace, "-f", "-y", "-s", "40", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o", trace)
	for out.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("strace: %v (it needs the right to trace processes)", err)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	var (
		written, synced, dirSynced, answers int // by line number; 0 is never
		lastAnswer                          int
		begun                               = map[string]string{} // by thread: a call that is not finished
		unfinished                          = regexp.MustCompile(`^(\d+) +(.*) <unfinished \.\.\.>$`)
		resumed                             = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)$`)
		calls                               = regexp.MustCompile(`^(\d+) +(\w+)\(\d+<([^>]*)>(.*)\) += (\d+)$`)
	)
	for i, line := range strings.Split(string(b), "\n") {
		i++
		if m := unfinished.FindStringSubmatch(line); m != nil {
			begun[m[1]] = m[1] + " " + m[2]
			if !strings.Contains(m[2], "acknowledged") {
				continue
			}
			line = m[1] + " " + m[2] + ") = 0" // an answer counts from where it begins
		} else if m := resumed.FindStringSubmatch(line); m != nil {
			if line = begun[m[1]] + m[2]; strings.Contains(line, "acknowledged") {
				continue
			}
		}
		m := calls.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		switch call, file := m[2], m[3]; {
		case call == "pwrite64" && strings.Contains(file, "/journal."):
			written = i
		case (call == "fdatasync" || call == "fsync") && strings.Contains(file, "/journal."):
			synced = i
		case call == "fsync" && file == dir:
			dirSynced = i
		case call == "write" && strings.Contains(m[4], "acknowledged"):
			answers++
			if written <= lastAnswer || synced <= written || dirSynced == 0 {
				t.Errorf("line %d: an answer left after the log was last written in line %d and synced in line %d, the directory in line %d",
					i, written, synced, dirSynced)
			}
			lastAnswer = i
		}
	}
	if answers != 20 {
		t.Fatalf("the trace shows %d answers of 20:\n%.4000s", answers, b)
	}
}

func TestFullDisk(t *testing.T) {
	cmd, out := helper(t, "full", t.TempDir())
	for out.Scan() {
		t.Log(out.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}
