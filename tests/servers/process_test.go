package servers

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"certlink/program/programtest"
)

func TestMain(m *testing.M) { programtest.Main(m) }

// process is certlink as a program of its own, that can be killed.
type process struct {
	t      *testing.T
	origin string
	data   string
	env    []string
	cmd    *exec.Cmd
	out    *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// binary is certlink, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "binary-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "certlink")
	out, err := exec.Command("go", "build", "-o", path, "certlink").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// newProcess prepares a server in demo mode on a free port; start starts it.
func newProcess(t *testing.T, env ...string) *process {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	p := &process{t: t, origin: "http://" + addr, data: programtest.DemoData(t), out: &lockedBuffer{}}
	p.env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.data, "CERTLINK_ADDR=" + addr, "CERTLINK_DATA=" + p.data,
		"CERTLINK_DEMO=true", "CERTLINK_STARTS_PER_MINUTE=100000"}, env...)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the server said:\n%s", p.out)
		}
	})
	return p
}

// launch starts the process, and start waits until it is ready too.
func (p *process) launch(wrap ...string) {
	p.t.Helper()
	path, err := binary()
	if err != nil {
		p.t.Fatal(err)
	}
	args := append(wrap, path, "serve")
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.env, p.out, p.out
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) start(wrap ...string) {
	p.t.Helper()
	p.launch(wrap...)
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		if resp, err := http.Get(p.origin + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.t.Fatalf("the server did not become ready:\n%s", p.out)
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	if p.cmd != nil && p.cmd.Process != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		p.cmd = nil
	}
}
