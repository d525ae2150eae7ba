// Package ukeytest makes tokens for tests: SoftHSM for PKCS#11, our own shared
// library for SKF, and a pinentry that answers by itself.
package ukeytest

import (
	"crypto"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/smx509"
)

// tool finds a program that a test needs.
func tool(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name, debian)
	}
	return path
}

// missing ends the test: in CI as an error, elsewhere with the way to run it.
func missing(t testing.TB, name, debian string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: apt-get install %s", name, debian)
	}
	t.Skipf("%s is not installed; to run this test: apt-get install %s", name, debian)
}

func run(t testing.TB, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// SoftHSM is a token made of files, behind the real PKCS#11 library.
type SoftHSM struct {
	Library string
	PIN     string
	Env     string // what a process must have in its environment to see the token
	dir     string
}

// NewSoftHSM makes a token that this process sees, and those that it starts.
func NewSoftHSM(t testing.TB) *SoftHSM {
	t.Helper()
	h := SoftHSMFor(t)
	if t, ok := t.(*testing.T); ok {
		name, conf, _ := strings.Cut(h.Env, "=")
		t.Setenv(name, conf)
	}
	return h
}

// SoftHSMFor makes a token for whoever is given its Env, so that tests can stand beside
// one another.
func SoftHSMFor(t testing.TB) *SoftHSM {
	t.Helper()
	h := &SoftHSM{PIN: "739164", dir: t.TempDir()}
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(path); err == nil {
			h.Library = path
		}
	}
	if h.Library == "" {
		missing(t, "SoftHSM", "softhsm2")
	}
	conf, tokens := filepath.Join(h.dir, "softhsm2.conf"), filepath.Join(h.dir, "tokens")
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens)
	if err := os.Mkdir(tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Env = "SOFTHSM2_CONF=" + conf
	run(t, []string{h.Env}, tool(t, "softhsm2-util", "softhsm2"), "--init-token", "--free", "--label", "certlink", "--so-pin", "12345678", "--pin", h.PIN)
	return h
}

// Put writes a key and its certificate onto the token; id is hex.
func (h *SoftHSM) Put(t testing.TB, label, id string, key crypto.PrivateKey, der []byte) {
	t.Helper()
	pkcs8, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keyFile, certFile := filepath.Join(h.dir, label+".key"), filepath.Join(h.dir, label+".cer")
	for path, content := range map[string][]byte{keyFile: pkcs8, certFile: der} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, object := range [][]string{{"privkey", keyFile}, {"cert", certFile}} {
		run(t, []string{h.Env}, tool(t, "pkcs11-tool", "opensc"), "--module", h.Library, "--token-label", "certlink", "--login", "--pin", h.PIN,
			"--write-object", object[1], "--type", object[0], "--id", id, "--label", label)
	}
}
