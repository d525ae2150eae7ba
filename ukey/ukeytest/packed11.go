package ukeytest

import (
	_ "embed"
	"os"
	"testing"
)

//go:embed src/packed11.c
var packed11 []byte

// Packed11 is a PKCS#11 library whose structures lie without gaps, as all do on
// Windows. It signs nothing: it gives back what it is to sign.
type Packed11 struct {
	Library string
	PIN     string
}

// newPacked11 puts a token with one certificate beside a library.
func newPacked11(t testing.TB, library string, der []byte) *Packed11 {
	t.Helper()
	if err := os.WriteFile(library+".cer", der, 0o600); err != nil {
		t.Fatal(err)
	}
	return &Packed11{Library: library, PIN: "739164"}
}

// NewPacked11 builds it for this system.
func NewPacked11(t testing.TB, der []byte) *Packed11 {
	t.Helper()
	return newPacked11(t, build(t, tool(t, "gcc", "gcc"), packed11, "packed11.so", "-fPIC", "-fvisibility=hidden"), der)
}
