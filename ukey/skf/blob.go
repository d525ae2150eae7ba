package skf

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Blobs (GM/T 0016 §6.4.5): numbers lie at the right end of fields of 64 bytes, which
// have room for curves of 512 bits. Nobody has those, so what fills the left must be
// zero.
const (
	field     = 64
	signBlob  = 2 * field
	hashBytes = 32
)

// signature reads r‖s, 32 bytes each, out of an ECCSIGNATUREBLOB.
func signature(blob []byte) ([]byte, error) {
	if len(blob) != signBlob {
		return nil, errors.New("a signature blob has 128 bytes")
	}
	out := make([]byte, 0, 64)
	for _, half := range [][]byte{blob[:field], blob[field:]} {
		n, err := right(half)
		if err != nil {
			return nil, err
		}
		out = append(out, n...)
	}
	return out, nil
}

func right(f []byte) ([]byte, error) {
	zero := true
	for i, b := range f {
		if i < field-32 && b != 0 {
			return nil, errors.New("a number is longer than 256 bits, or not at the right end of its field")
		}
		zero = zero && b == 0
	}
	if zero {
		return nil, errors.New("a number is zero")
	}
	return f[field-32:], nil
}

// cipherBlob writes an ECCCIPHERBLOB out of SM2Cipher (GM/T 0009 §7.2):
// SEQUENCE { x INTEGER, y INTEGER, hash OCTET STRING, cipher OCTET STRING }.
func cipherBlob(der []byte, ulong int) ([]byte, error) {
	s := cryptobyte.String(der)
	var inner, hash, cipher cryptobyte.String
	var x, y []byte
	if !s.ReadASN1(&inner, asn1.SEQUENCE) || !s.Empty() || !inner.ReadASN1Integer(&x) || !inner.ReadASN1Integer(&y) ||
		!inner.ReadASN1(&hash, asn1.OCTET_STRING) || !inner.ReadASN1(&cipher, asn1.OCTET_STRING) || !inner.Empty() ||
		len(x) > 32 || len(y) > 32 || len(hash) != hashBytes || len(cipher) == 0 || len(cipher) > 1<<20 {
		return nil, errors.New("not encrypted as GM/T 0009 says")
	}
	out := make([]byte, 2*field+hashBytes+ulong, 2*field+hashBytes+ulong+len(cipher))
	copy(out[field-len(x):], x)
	copy(out[2*field-len(y):], y)
	copy(out[2*field:], hash)
	for i := range 4 {
		out[2*field+hashBytes+i] = byte(len(cipher) >> (8 * i))
	}
	return append(out, cipher...), nil
}
