// Package id makes identifiers and secrets, all from crypto/rand.
package id

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// New is an identifier of a record: 48 bits of time in milliseconds, then 80
// random bits, in lower-case Crockford base 32 (26 characters). It orders by
// time of making, which keeps inserts together on disk. It is no secret.
func New() string {
	var b [16]byte
	ms := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint64(b[:8], ms<<16)
	rand.Read(b[6:])
	return crockford(b)
}

// Secret is n random bytes in base64url without padding.
func Secret(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Hash is how a secret is stored: SHA-256, base64url. Only for secrets of 128
// random bits and more, where no slow hash is needed.
func Hash(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// Alphabet is Crockford's base 32: no I, L, O or U.
const Alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

func crockford(b [16]byte) string {
	var out [26]byte
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	for i := 25; i >= 0; i-- {
		out[i] = Alphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}
