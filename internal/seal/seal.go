// Package seal holds the installation's secret: it seals personal data and
// peppers at rest, and derives the keys of stateless tokens. All servers of
// one installation are given the same key file.
package seal

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Ring holds the keys of the key file: the first seals, all open. A new key is
// put in front (rotation); an old one stays until nothing sealed with it is left.
type Ring struct {
	keys []key
}

type key struct {
	name string
	raw  []byte
	aead cipher.AEAD
}

// ErrSealed: the text was not sealed by this ring, or for another purpose.
var ErrSealed = errors.New("seal: cannot be opened with the keys of this installation")

// Load reads the key file, and makes one with a fresh key if there is none.
// Each line is "name base64key" with 32 bytes of key; # begins a comment.
func Load(path string) (*Ring, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("the key file %s cannot be made: %w", path, err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the key file %s cannot be read: %w", path, err)
	}
	r, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("the key file %s: %w", path, err)
	}
	return r, nil
}

// create writes the file whole or not at all, and never over another one: two
// servers that start at once on shared storage end up with one key.
func create(path string) error {
	raw := make([]byte, 32)
	rand.Read(raw)
	line := "# certlink: keep this file secret, and keep a copy: without it sealed data is lost.\nk1 " +
		base64.StdEncoding.EncodeToString(raw) + "\n"
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(line)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Parse reads the text of a key file.
func Parse(text string) (*Ring, error) {
	r := &Ring{}
	sc := bufio.NewScanner(strings.NewReader(text))
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, b64, ok := strings.Cut(line, " ")
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(b64))
		if !ok || err != nil || len(raw) != 32 || strings.Contains(name, ".") {
			return nil, fmt.Errorf("line %d is not \"name base64\" with 32 bytes of key", n)
		}
		block, err := aes.NewCipher(derive(raw, "seal"))
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, key{name, raw, aead})
	}
	if err := sc.Err(); err != nil {
		return nil, err
	}
	if len(r.keys) == 0 {
		return nil, errors.New("holds no key")
	}
	return r, nil
}

// Seal encrypts plain so that only Open with the same purpose reads it.
func (r *Ring) Seal(p Purpose, plain []byte) string {
	k := r.keys[0]
	return k.name + "." + base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, plain, []byte(p.text)))
}

// Open decrypts what Seal made.
func (r *Ring) Open(p Purpose, sealed string) ([]byte, error) {
	name, b64, _ := strings.Cut(sealed, ".")
	raw, err := base64.RawURLEncoding.DecodeString(b64)
	if err != nil {
		return nil, ErrSealed
	}
	for _, k := range r.keys {
		if k.name == name {
			if plain, err := k.aead.Open(nil, nil, raw, []byte(p.text)); err == nil {
				return plain, nil
			}
		}
	}
	return nil, ErrSealed
}

// Derive returns 32 bytes bound to the label, from the first key: for tokens
// that live minutes, so that rotation only makes clients ask again.
func (r *Ring) Derive(label string) []byte { return derive(r.keys[0].raw, label) }

// DeriveLast is Derive from the oldest key: for names that stay the same over a
// rotation until the oldest key is taken out, and may change then: what is counted by
// them for some hours begins anew.
func (r *Ring) DeriveLast(label string) []byte { return derive(r.keys[len(r.keys)-1].raw, label) }

func derive(raw []byte, label string) []byte {
	out, err := hkdf.Key(sha256.New, raw, nil, "certlink "+label, 32)
	if err != nil {
		panic(err) // only for lengths that HKDF cannot give
	}
	return out
}

// Key is the name of the key that seals.
func (r *Ring) Key() string { return r.keys[0].name }

// Older are the names of the other keys.
func (r *Ring) Older() (names []string) {
	for _, k := range r.keys[1:] {
		names = append(names, k.name)
	}
	return names
}

// KeyOf is the name of the key that something was sealed with.
func KeyOf(sealed string) string {
	name, _, _ := strings.Cut(sealed, ".")
	return name
}
