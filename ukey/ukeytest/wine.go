package ukeytest

import (
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certlink/ukey/profile"
	"certlink/ukey/softskf"
)

//go:embed src/bcryptprimitives.c
var bcryptprimitives []byte

// mingw builds programs for 64-bit Windows.
const mingw = "x86_64-w64-mingw32-gcc"

// Wine is a 64-bit Windows as far as wine is one.
type Wine struct {
	t    testing.TB
	path string
	env  []string
}

// NewWine makes one, with a disk of its own.
func NewWine(t testing.TB) *Wine {
	t.Helper()
	prefix, server := t.TempDir(), tool(t, "wineserver", "wine")
	w := &Wine{t: t, path: tool(t, "wine", "wine")}
	// No desktop, no menus, no browser: nothing outside the directory is touched.
	w.env = append(os.Environ(), "WINEPREFIX="+prefix, "HOME="+prefix, "WINEDEBUG=-all", "WINEARCH=win64",
		"WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=", "DISPLAY=", "LC_ALL=C.UTF-8")
	t.Cleanup(func() {
		// What still runs there would write into the directory while it is removed.
		end := exec.Command(server, "--kill")
		end.Env = w.env
		end.Run()
	})
	if out, err := w.Command("wineboot", "--init").CombinedOutput(); err != nil {
		t.Fatalf("wine: %v\n%s", err, out)
	}
	// Go programs need this library, which wine got only after Debian's version.
	system := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(system); err != nil {
		w.copy(w.build(t, bcryptprimitives, "bcryptprimitives.dll"), system)
	}
	return w
}

func (w *Wine) copy(from, to string) {
	w.t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o755)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// Command runs a program for Windows.
func (w *Wine) Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(w.path, append([]string{program}, args...)...)
	cmd.Env = w.env
	return cmd
}

// Bridge builds the bridge for Windows.
func (w *Wine) Bridge() string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "ukey-bridge.exe")
	// As make bridge does it.
	run(w.t, []string{"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"}, "go", "build", "-trimpath", "-ldflags", "-H=windowsgui", "-o", path, "certlink/cmd/ukey-bridge")
	return path
}

// StartBridge starts the whole bridge there, with its state in a directory.
func (w *Wine) StartBridge(t testing.TB, exe, state, origin string, p *profile.Profile) *Bridge {
	t.Helper()
	b := &Bridge{Origin: "http://" + FreePort(t), State: state, t: t}
	raw, err := json.Marshal(map[string]any{"version": 1, "listen": strings.TrimPrefix(b.Origin, "http://"), "origins": []string{origin}, "profiles": []*profile.Profile{p}})
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "bridge.json")
	if err := os.WriteFile(config, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := w.Command(exe, "--config", w.Path(config), "--state", w.Path(state))
	cmd.Stdout, cmd.Stderr = &b.out, &b.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Process.Wait()
		if t.Failed() {
			t.Logf("the bridge said:\n%s\nand wrote:\n%s", b.Log(), b.Audit())
		}
	})
	b.await()
	return b
}

// Profile is a profile for a library in it.
func (w *Wine) Profile(kind, library string) *profile.Profile {
	return &profile.Profile{ID: "test", NameZH: "测试", NameEN: "Test", Kind: kind, Library: map[string]string{"windows": w.Path(library)}}
}

// Path is what a file of this machine is called in it.
func (w *Wine) Path(file string) string { return `Z:` + strings.ReplaceAll(file, "/", `\`) }

// SoftSKF is a token behind our own SKF library, built for Windows.
func (w *Wine) SoftSKF(t testing.TB) *SoftSKF {
	t.Helper()
	return newToken(t, w.build(t, softskf.Source, "softskf.dll"))
}

// Packed11 is the PKCS#11 library without gaps, built for Windows.
func (w *Wine) Packed11(t testing.TB, der []byte) *Packed11 {
	t.Helper()
	return newPacked11(t, w.build(t, packed11, "packed11.dll"), der)
}

func (w *Wine) build(t testing.TB, source []byte, name string) string {
	t.Helper()
	return build(t, tool(t, mingw, "gcc-mingw-w64-x86-64-win32"), source, name, "-static-libgcc", "-ladvapi32")
}

// build compiles a shared library of one file.
func build(t testing.TB, cc string, source []byte, name string, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	file, library := filepath.Join(dir, "source.c"), filepath.Join(dir, name)
	if err := os.WriteFile(file, source, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, nil, cc, append([]string{"-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-o", library, file}, options...)...)
	return library
}
