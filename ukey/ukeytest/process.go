package ukeytest

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"certlink/ukey/profile"
)

// Bridge is the bridge as a process of its own.
type Bridge struct {
	Origin string // where it listens, as http://127.0.0.1:port
	State  string
	t      testing.TB
	args   []string
	env    []string
	cmd    *exec.Cmd
	out    output
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "certlink-bridge-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ukey-bridge")
	cmd := exec.Command("go", "build", "-o", path, "certlink/cmd/ukey-bridge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		os.Stderr.Write(out)
	}
	return path, err
})

// Profile is a profile for a library on this machine.
func Profile(id, kind, library string) profile.Profile {
	system := runtime.GOOS
	if system == "darwin" {
		system = "macos"
	}
	return profile.Profile{ID: id, NameZH: "测试 " + id, NameEN: "Test " + id, Kind: kind, Library: map[string]string{system: library}}
}

// FreePort is a loopback address that nobody listens on.
func FreePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// StartBridge starts it for one origin at an address, with a person at the desktop.
func StartBridge(t testing.TB, listen, origin string, person *Pinentry, profiles ...profile.Profile) *Bridge {
	t.Helper()
	return StartBridgeIn(t, nil, listen, origin, person, profiles...)
}

// StartBridgeIn starts it with more in its environment, such as SoftHSM.Env.
func StartBridgeIn(t testing.TB, env []string, listen, origin string, person *Pinentry, profiles ...profile.Profile) *Bridge {
	t.Helper()
	config := map[string]any{"version": 1, "listen": listen, "origins": []string{origin}, "pinentry": person.Path, "profiles": profiles}
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bridge.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return startBridge(t, env, listen, "--config", file)
}

// StartDemoBridge starts it as the README says, with the demo server's tokens.
func StartDemoBridge(t testing.TB, listen, origin string, person *Pinentry) *Bridge {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"version": 1, "listen": listen, "origins": []string{origin}, "pinentry": person.Path})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bridge.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return startBridge(t, nil, listen, "--config", file, "--demo", origin)
}

func startBridge(t testing.TB, env []string, listen string, args ...string) *Bridge {
	t.Helper()
	b := &Bridge{Origin: "http://" + listen, State: t.TempDir(), t: t, env: env}
	b.args = append(args, "--state", b.State)
	t.Cleanup(func() {
		b.end()
		if t.Failed() {
			t.Logf("the bridge said:\n%s\nand wrote:\n%s", b.Log(), b.Audit())
		}
	})
	b.Start()
	return b
}

// Start starts it again after Kill.
func (b *Bridge) Start() {
	b.t.Helper()
	path, err := program()
	if err != nil {
		b.t.Fatal(err)
	}
	b.cmd = exec.Command(path, b.args...)
	b.cmd.Env = append(os.Environ(), b.env...)
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.out
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.await()
}

// Kill ends it without a word.
func (b *Bridge) Kill() {
	b.cmd.Process.Kill()
	b.cmd.Wait()
	b.cmd = nil
}

func (b *Bridge) end() {
	if b.cmd == nil {
		return
	}
	b.cmd.Process.Signal(os.Interrupt)
	done := make(chan error, 1)
	go func() { done <- b.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		b.cmd.Process.Kill()
		b.t.Error("the bridge did not end")
	}
}

// await waits until it answers.
func (b *Bridge) await() {
	b.t.Helper()
	for range 1000 {
		if resp, err := http.Get(b.Origin); err == nil {
			resp.Body.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.t.Fatalf("the bridge did not start:\n%s", b.Log())
}

// Log is what it has printed.
func (b *Bridge) Log() string { return b.out.String() }

// Audit is its audit file.
func (b *Bridge) Audit() string {
	raw, err := os.ReadFile(filepath.Join(b.State, "audit.log"))
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
