package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

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

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "certlink-test-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "certlink")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
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
	p := &process{t: t, origin: "http://" + addr, data: demoData(t), out: &lockedBuffer{}}
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

// portal is a browser without a screen: an account signed in.
type portal struct {
	origin string
	http   *http.Client
}

// refusal is a problem document.
type refusal struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title_en"`
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Title) }

func signIn(ctx context.Context, origin, login, password string) (*portal, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p := &portal{origin: origin, http: &http.Client{Jar: jar, Timeout: 10 * time.Second}}
	return p, p.call(ctx, "POST", "/v1/session", map[string]string{"login": login, "password": password}, nil)
}

func (p *portal) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.origin+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", p.origin)
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 400 {
		r := &refusal{Status: resp.StatusCode}
		if err := json.Unmarshal(b, r); err != nil {
			return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, b)
		}
		return r
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// session is what the page that began it sees.
type session struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Code   string `json:"code"`
	Seq    int64  `json:"seq"`
	Result *struct {
		ID string `json:"id"`
	} `json:"result"`
	Failure *struct {
		Code string `json:"code"`
	} `json:"failure"`
}

func (p *portal) start(ctx context.Context, request map[string]string) (*session, error) {
	s := &session{}
	return s, p.call(ctx, "POST", "/v1/qr-sessions", request, s)
}

func (p *portal) read(ctx context.Context, id string) (*session, error) {
	s := &session{}
	return s, p.call(ctx, "GET", "/v1/qr-sessions/"+url.PathEscape(id), nil, s)
}

func (p *portal) match(ctx context.Context, id, digits string) error {
	return p.call(ctx, "POST", "/v1/qr-sessions/"+url.PathEscape(id)+"/match", map[string]string{"digits": digits}, nil)
}

type bindings struct {
	Items []struct {
		ID    string `json:"id"`
		State string `json:"state"`
	} `json:"items"`
}

func (p *portal) bindings(ctx context.Context) (*bindings, error) {
	b := &bindings{}
	return b, p.call(ctx, "GET", "/v1/bindings?scope=mine&state=active", nil, b)
}
