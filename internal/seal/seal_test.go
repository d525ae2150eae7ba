package seal

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// field is a purpose of a test; nothing is declared by it.
func field(name string) Purpose { return Field{"things", name}.Of("1") }

func TestSealedTextOpensForItsPurposeOnly(t *testing.T) {
	r, err := Load(filepath.Join(t.TempDir(), "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	s := r.Seal(field("pepper"), []byte("hello"))
	if got, err := r.Open(field("pepper"), s); err != nil || string(got) != "hello" {
		t.Fatalf("Open: %q, %v", got, err)
	}
	if _, err := r.Open(field("id-number"), s); err == nil {
		t.Fatal("opened for another purpose")
	}
	for i := range s {
		b := []byte(s)
		b[i] ^= 1
		if got, err := r.Open(field("pepper"), string(b)); err == nil && string(got) != "hello" {
			t.Fatalf("a changed text opened as %q", got)
		}
	}
}

func TestRotationKeepsOldTextsReadable(t *testing.T) {
	old := "k1 " + strings.Repeat("A", 43) + "="
	r1, err := Parse(old)
	if err != nil {
		t.Fatal(err)
	}
	s := r1.Seal(field("p"), []byte("x"))
	r2, err := Parse("k2 " + strings.Repeat("B", 42) + "A=\n" + old)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r2.Open(field("p"), s); err != nil || string(got) != "x" {
		t.Fatalf("after rotation: %q, %v", got, err)
	}
	if !strings.HasPrefix(r2.Seal(field("p"), nil), "k2.") {
		t.Fatal("the new key does not seal")
	}
	if string(r1.DeriveLast("i")) != string(r2.DeriveLast("i")) {
		t.Fatal("a blind index changed with the rotation")
	}
}

func TestTwoServersMakingTheFileAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret.key")
	var wg sync.WaitGroup
	keys := make([]string, 20)
	for i := range keys {
		wg.Go(func() {
			r, err := Load(path)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i] = string(r.Derive("x"))
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k != keys[0] {
			t.Fatal("two servers hold different keys")
		}
	}
}

func TestABrokenFileIsNamed(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "k1", "k1 AAAA", "k1 " + strings.Repeat("!", 44)} {
		if _, err := Parse(text); err == nil {
			t.Errorf("accepted %q", text)
		}
	}
}
