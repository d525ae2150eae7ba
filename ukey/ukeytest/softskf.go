package ukeytest

import (
	"crypto/ecdsa"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"certlink/ukey/softskf"
)

// SoftSKF is a token behind our own SKF library.
type SoftSKF struct {
	Library string
	PIN     string
	t       testing.TB
}

var compiled struct {
	once sync.Once
	code []byte
}

// NewSoftSKF builds the library, once, and puts a token beside a copy of it.
func NewSoftSKF(t testing.TB) *SoftSKF {
	t.Helper()
	cc := tool(t, "gcc", "gcc")
	compiled.once.Do(func() {
		dir := t.TempDir()
		source, library := filepath.Join(dir, "softskf.c"), filepath.Join(dir, "softskf.so")
		if err := os.WriteFile(source, softskf.Source, 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, nil, cc, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden", "-o", library, source)
		compiled.code, _ = os.ReadFile(library)
	})
	ext := ".so"
	if runtime.GOOS == "darwin" {
		ext = ".dylib"
	}
	library := filepath.Join(t.TempDir(), "libsoftskf"+ext)
	if err := os.WriteFile(library, compiled.code, 0o755); err != nil {
		t.Fatal(err)
	}
	return newToken(t, library)
}

// newToken puts a token beside a library.
func newToken(t testing.TB, library string) *SoftSKF {
	t.Helper()
	s := &SoftSKF{Library: library, PIN: "824617", t: t}
	if err := os.Mkdir(s.Library+".d", 0o700); err != nil {
		t.Fatal(err)
	}
	s.Set("pin", []byte(s.PIN))
	s.Left(3)
	s.Plug()
	return s
}

// Set writes one of the token's files.
func (s *SoftSKF) Set(name string, content []byte) {
	s.t.Helper()
	// At once for whoever reads it meanwhile.
	at := filepath.Join(s.Library+".d", name)
	if err := os.WriteFile(at+".new", content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(at+".new", at); err != nil {
		s.t.Fatal(err)
	}
}

// Put writes a key and its certificate; use is "sign" or "encrypt".
func (s *SoftSKF) Put(use string, key *ecdsa.PrivateKey, der []byte) {
	s.t.Helper()
	s.Set(use+".key", key.D.FillBytes(make([]byte, 32)))
	s.Set(use+".cer", der)
}

// Plug plugs the token in, Unplug pulls it out.
func (s *SoftSKF) Plug() { s.Set("present", nil) }

// Unplug pulls it out.
func (s *SoftSKF) Unplug() {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.Library+".d", "present")); err != nil {
		s.t.Fatal(err)
	}
}

// Left sets how many wrong PINs it takes still.
func (s *SoftSKF) Left(n int) { s.Set("left", []byte(strconv.Itoa(n))) }

// Misbehave has a function hang, crash, lose its token ("remove") or answer with a
// value in hex; "" has it behave again.
func (s *SoftSKF) Misbehave(mode string) { s.Set("mode", []byte(mode)) }
