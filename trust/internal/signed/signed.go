// Package signed takes apart and checks what X.509 signs: SEQUENCE { to be signed,
// algorithm, signature }. Certificates, requests, revocation lists and OCSP answers
// all have this shape, and all are checked here, so that one list says which
// algorithms count.
package signed

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var (
	// ErrShape: the bytes are not one strict DER object of the shape.
	ErrShape = errors.New("not a signed DER object")
	// ErrWeak: the signature uses SHA-1, MD5 or another algorithm that no longer counts.
	ErrWeak = errors.New("weak signature algorithm")
	// ErrUnknown: the algorithm is none that this package knows.
	ErrUnknown = errors.New("unknown signature algorithm")
	// ErrMismatch: the algorithm does not belong to the signer's kind of key.
	ErrMismatch = errors.New("signature algorithm and key do not agree")
	// ErrSignature: the signature does not fit.
	ErrSignature = errors.New("signature does not verify")
)

// Object is a signed object in its three parts. TBS and Algorithm are whole DER
// elements; Signature is the content of the BIT STRING.
type Object struct{ TBS, Algorithm, Signature []byte }

// Split takes a DER object apart. It is strict (no bytes left over anywhere, no
// unused bits) so that nobody can vary the bytes around an unchanged signature.
func Split(der []byte) (Object, error) {
	input := cryptobyte.String(der)
	var inner cryptobyte.String
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !input.Empty() {
		return Object{}, ErrShape
	}
	o, ok := Read(&inner)
	if !ok || !inner.Empty() {
		return Object{}, ErrShape
	}
	return o, nil
}

// Read reads the three parts and leaves the rest of s; OCSP puts certificates there.
func Read(s *cryptobyte.String) (Object, bool) {
	var tbs, ai, sig cryptobyte.String
	if !s.ReadASN1Element(&tbs, asn1.SEQUENCE) || !s.ReadASN1Element(&ai, asn1.SEQUENCE) ||
		!s.ReadASN1(&sig, asn1.BIT_STRING) || len(sig) < 2 || sig[0] != 0 {
		return Object{}, false
	}
	return Object{TBS: tbs, Algorithm: ai, Signature: sig[1:]}, true
}

// Verify checks o's signature with pub.
func (o Object) Verify(pub crypto.PublicKey) error {
	a, err := lookUp(o.Algorithm)
	if err != nil {
		return err
	}
	ok := false
	switch key := pub.(type) {
	case *rsa.PublicKey:
		switch a.kind {
		case rsaPKCS1:
			ok = rsa.VerifyPKCS1v15(key, a.hash, digest(a.hash, o.TBS), o.Signature) == nil
		case rsaPSS:
			opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			ok = rsa.VerifyPSS(key, a.hash, digest(a.hash, o.TBS), o.Signature, opts) == nil
		default:
			return ErrMismatch
		}
	case *ecdsa.PublicKey:
		// An SM2 key is an *ecdsa.PublicKey on another curve: without this test ECDSA
		// would be computed with SM2 keys, and nobody ever promised that to be safe.
		onSM2 := sm2.IsSM2PublicKey(key)
		switch {
		case a.kind == ecSM2 && onSM2:
			// An empty identifier means the default 1234567812345678 to this library
			// (GM/T 0009 §10); it never means "no identifier".
			ok = sm2.VerifyASN1WithSM2(key, nil, o.TBS, o.Signature)
		case a.kind == ecDSA && !onSM2:
			ok = ecdsa.VerifyASN1(key, digest(a.hash, o.TBS), o.Signature)
		default:
			return ErrMismatch
		}
	case ed25519.PublicKey:
		if a.kind != ed {
			return ErrMismatch
		}
		ok = ed25519.Verify(key, o.TBS, o.Signature)
	default:
		return ErrUnknown
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// Weak says whether o's algorithm is one that no longer counts or is not known.
func (o Object) Weak() error {
	_, err := lookUp(o.Algorithm)
	return err
}

// Sign makes the three parts over tbs, with the algorithm that belongs to the key:
// SHA-256 for RSA and P-256, SM3 with the default identifier for SM2.
func Sign(key crypto.Signer, tbs []byte) (Object, error) {
	o := Object{TBS: tbs}
	var err error
	switch pub := key.Public().(type) {
	case *rsa.PublicKey:
		o.Algorithm = aiSHA256RSA
		o.Signature, err = key.Sign(rand.Reader, digest(crypto.SHA256, tbs), crypto.SHA256)
	case *ecdsa.PublicKey:
		switch {
		case sm2.IsSM2PublicKey(pub):
			o.Algorithm = aiSM2
			o.Signature, err = key.Sign(rand.Reader, tbs, sm2.DefaultSM2SignerOpts)
		case pub.Curve == elliptic.P256():
			o.Algorithm = aiSHA256ECDSA
			o.Signature, err = key.Sign(rand.Reader, digest(crypto.SHA256, tbs), crypto.SHA256)
		default:
			err = ErrUnknown
		}
	default:
		err = ErrUnknown
	}
	if err != nil {
		return Object{}, fmt.Errorf("signing: %w", err)
	}
	return o, nil
}

// Add writes the three parts to b; the caller closes the SEQUENCE around them.
func (o Object) Add(b *cryptobyte.Builder) {
	b.AddBytes(o.TBS)
	b.AddBytes(o.Algorithm)
	b.AddASN1BitString(o.Signature)
}

// DER is o as one DER object.
func (o Object) DER() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, o.Add)
	return b.Bytes()
}

func digest(h crypto.Hash, data []byte) []byte {
	if h == crypto.SHA256 { // nearly always
		sum := sha256.Sum256(data)
		return sum[:]
	}
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}
