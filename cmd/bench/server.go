package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is the process that is measured.
type server struct {
	url     string
	pid     int           // 0 where it is not known: then nothing is said about CPU and memory
	startup time.Duration // from its start to its first answer; 0 where it ran already
	cmd     *exec.Cmd
	log     *os.File
	gone    chan struct{}
}

// build compiles the server that the benchmark belongs to.
func build(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("the server cannot be built, because the module's directory is not known (run the benchmark inside it, or name a binary with -server): %w", err)
	}
	binary := filepath.Join(dir, "certlink")
	c := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	c.Dir = strings.TrimSpace(string(out))
	if text, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the server cannot be built: %w\n%s", err, text)
	}
	return binary, nil
}

// start runs the server on a free port, with limits out of the way: they protect one
// account and one server from too much, which is what this program is for.
func start(ctx context.Context, binary, data, log string, w *world, extra []string) (*server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil {
		return nil, err
	}
	s := &server{url: "http://" + address, gone: make(chan struct{})}
	if s.log, err = os.Create(log); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(binary, append([]string{"serve"}, extra...)...)
	s.cmd.Env = append(os.Environ(),
		"CERTLINK_ADDR="+address, "CERTLINK_DATA="+data, "CERTLINK_PUBLIC_ORIGIN="+s.url,
		"CERTLINK_CATALOGUE="+filepath.Join(w.dir, "catalogue.json"), "CERTLINK_ISSUERS="+filepath.Join(w.dir, "issuers.json"),
		"CERTLINK_REVOCATION_PRIVATE=127.0.0.1", "CERTLINK_STARTS_PER_MINUTE=100000000", "CERTLINK_REQUESTS_PER_SECOND=100000000")
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	begun := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.pid = s.cmd.Process.Pid
	go func() {
		_ = s.cmd.Wait()
		close(s.gone)
	}()
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, err
	}
	s.startup = time.Since(begun)
	return s, nil
}

// ready waits until the server answers that it would take writes.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.gone:
			return fmt.Errorf("the server ended by itself:\n%s", s.tail())
		case <-ctx.Done():
			return fmt.Errorf("the server at %s is not ready: %w\n%s", s.url, ctx.Err(), s.tail())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// tail is the end of the server's log.
func (s *server) tail() string {
	if s.log == nil {
		return ""
	}
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.gone:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.gone
	}
	s.log.Close()
}

func (s *server) cpu() time.Duration {
	if s.pid == 0 {
		return 0
	}
	d, err := cpuOf(s.pid)
	if err != nil {
		return 0
	}
	return d
}

// at is a server that runs already. Its process is measured if it is named and on this
// machine.
func at(ctx context.Context, url string, pid int) (*server, error) {
	s := &server{url: strings.TrimSuffix(url, "/"), pid: pid, gone: make(chan struct{})}
	if pid != 0 {
		if _, err := cpuOf(pid); err != nil {
			return nil, errors.Join(fmt.Errorf("the server's process %d cannot be measured", pid), err)
		}
	}
	return s, s.ready(ctx)
}
