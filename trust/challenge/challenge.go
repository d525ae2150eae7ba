// Package challenge is the form of what is encrypted to a key in a rehearsal, to see
// whether its holder can open it. Whoever decrypts for others (the desktop bridge) knows
// by the form that it is nothing else, and tells only the digest: so it never becomes a
// way to have anything decrypted.
package challenge

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
)

// Label begins every challenge.
const Label = "certlink rehearsal\x00"

const secret = 32

// New is a challenge for one audience: the label, the SHA-256 of the audience, and 32
// random bytes.
func New(audience string) []byte {
	out := append(head(audience), make([]byte, secret)...)
	rand.Read(out[len(out)-secret:])
	return out
}

// Answer is what is told of a plaintext: its SHA-256, if it is a challenge for the
// audience; ok is false for anything else.
func Answer(plain []byte, audience string) (digest []byte, ok bool) {
	want := head(audience)
	if len(plain) != len(want)+secret || subtle.ConstantTimeCompare(plain[:len(want)], want) != 1 {
		return nil, false
	}
	sum := sha256.Sum256(plain)
	return sum[:], true
}

func head(audience string) []byte {
	sum := sha256.Sum256([]byte(audience))
	return append([]byte(Label), sum[:]...)
}
