package challenge

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

func TestOnlyChallengesAreAnswered(t *testing.T) {
	const here = "https://ca.example.cn"
	plain := New(here)
	digest, ok := Answer(plain, here)
	if sum := sha256.Sum256(plain); !ok || !bytes.Equal(digest, sum[:]) {
		t.Fatal("a challenge is not answered")
	}
	if bytes.Equal(plain, New(here)) {
		t.Error("two challenges are the same")
	}
	for name, p := range map[string][]byte{
		"another audience": New("https://evil.example"), "a key of 32 bytes": make([]byte, 32), "nothing": nil,
		"cut short": plain[:len(plain)-1], "longer": append(bytes.Clone(plain), 0), "no label": append([]byte("x"), plain[1:]...),
	} {
		if digest, ok := Answer(p, here); ok || digest != nil {
			t.Errorf("%s is answered", name)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(New("a"), "a")
	f.Fuzz(func(t *testing.T, plain []byte, audience string) {
		if _, ok := Answer(plain, audience); ok && !bytes.HasPrefix(plain, head(audience)) {
			t.Errorf("%x", plain)
		}
	})
}
