package skf

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/emmansun/gmsm/sm2"
)

func TestSignatureBlob(t *testing.T) {
	good := make([]byte, 128)
	good[63], good[64+32] = 1, 0xff
	if sig, err := signature(good); err != nil || sig[31] != 1 || sig[32] != 0xff || len(sig) != 64 {
		t.Errorf("%x, %v", sig, err)
	}
	left := make([]byte, 128) // written from the left end, as some have it
	left[0], left[64] = 1, 1
	for name, blob := range map[string][]byte{"left-aligned": left, "empty": make([]byte, 128), "short": good[:127], "long": append(good[:128:128], 0)} {
		if sig, err := signature(blob); err == nil {
			t.Errorf("%s: %x", name, sig)
		}
	}
}

func FuzzSignatureBlob(f *testing.F) {
	seed := make([]byte, 128)
	seed[63], seed[127] = 7, 9
	f.Add(seed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, blob []byte) {
		sig, err := signature(blob)
		if err == nil && (len(sig) != 64 || !bytes.Equal(sig[:32], blob[32:64]) || !bytes.Equal(sig[32:], blob[96:])) {
			t.Errorf("%x became %x", blob, sig)
		}
	})
}

func FuzzCipherBlob(f *testing.F) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := sm2.EncryptASN1(rand.Reader, &key.PublicKey, []byte("key"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der, 4)
	f.Add(der, 8)
	f.Add([]byte{0x30, 0}, 4)
	f.Fuzz(func(t *testing.T, der []byte, ulong int) {
		if ulong != 4 && ulong != 8 {
			return
		}
		if blob, err := cipherBlob(der, ulong); err == nil && len(blob) <= 2*field+hashBytes+ulong {
			t.Errorf("%x has no ciphertext", blob)
		}
	})
}

func FuzzNames(f *testing.F) {
	f.Add([]byte("a\x00b\x00\x00"))
	f.Add([]byte("no end"))
	f.Fuzz(func(t *testing.T, list []byte) {
		for _, name := range splitNames(list) {
			if name == "" || bytes.ContainsRune([]byte(name), 0) {
				t.Errorf("%q", name)
			}
		}
		describe(append(make([]byte, 300), list...)[len(list):])
	})
}
