package qr

import (
	"crypto/rand"
	"crypto/subtle"
	"strings"
	"time"

	"certlink/internal/id"
)

// typedLen is each half of a typed code: 25 bits to find the session, 25 bits
// to prove it, which five tries in three minutes cannot guess.
const typedLen = 5

// typedMisses lock the code of a session.
const typedMisses = 5

func newTyped(now time.Time, life time.Duration) *Typed {
	var b [2 * typedLen]byte
	rand.Read(b[:])
	for i := range b {
		b[i] = id.Alphabet[b[i]&31]
	}
	name, secret := string(b[:typedLen]), string(b[typedLen:])
	return &Typed{Name: name, Hash: id.Hash(secret), Code: strings.ToUpper(name + "-" + secret), ExpiresAt: now.Add(life)}
}

// NormaliseTyped reads what a person typed: Crockford's base 32 takes O for 0,
// I and L for 1, either case, and hyphens or spaces anywhere.
func NormaliseTyped(typed string) (name, secret string, err error) {
	if len(typed) > 40 {
		return "", "", ErrTypedMalformed
	}
	var b []byte
	for _, r := range strings.ToLower(typed) {
		switch r {
		case '-', ' ', '\u00a0', '\u3000', '－', '—':
			continue
		case 'o':
			r = '0'
		case 'i', 'l':
			r = '1'
		}
		if r > 'z' || !strings.ContainsRune(id.Alphabet, r) {
			return "", "", ErrTypedMalformed
		}
		b = append(b, byte(r))
	}
	if len(b) != 2*typedLen {
		return "", "", ErrTypedMalformed
	}
	return string(b[:typedLen]), string(b[typedLen:]), nil
}

// matches compares in constant time.
func (t *Typed) matches(secret string) bool {
	return subtle.ConstantTimeCompare([]byte(t.Hash), []byte(id.Hash(secret))) == 1
}
