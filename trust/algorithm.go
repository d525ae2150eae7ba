package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// Algorithm is how a statement is signed, as the header of the JWS spells it.
type Algorithm string

const (
	ES256  Algorithm = "ES256"  // ECDSA on P-256 with SHA-256 (RFC 7518 §3.4)
	RS256  Algorithm = "RS256"  // RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3)
	SM2SM3 Algorithm = "SM2SM3" // SM2 with SM3, identifier 1234567812345678 (GB/T 32918.2)
)

// SM2Identifier is the distinguishing identifier of every SM2 signature here.
const SM2Identifier = "1234567812345678"

const (
	minRSA = 2048
	maxRSA = 8192 // larger keys cost seconds to check, and nobody has them
)

// AlgorithmOf is the algorithm that belongs to a holder's key, or why the key is not
// accepted.
func AlgorithmOf(pub crypto.PublicKey) (Algorithm, error) {
	switch key := pub.(type) {
	case *rsa.PublicKey:
		if err := rsaStrength(key); err != nil {
			return "", err
		}
		return RS256, nil
	case *ecdsa.PublicKey:
		switch {
		case sm2.IsSM2PublicKey(key):
			return SM2SM3, nil
		case key.Curve == elliptic.P256():
			return ES256, nil
		}
	}
	return "", ErrKeyUnsupported.Becausef("key of type %T", pub)
}

func rsaStrength(key *rsa.PublicKey) error {
	bits := key.N.BitLen()
	if bits < minRSA || bits > maxRSA || key.E < 3 || key.E&1 == 0 {
		return ErrWeak.Becausef("RSA key of %d bits, exponent %d", bits, key.E)
	}
	return nil
}

// authorityKey says whether an authority's key is strong enough. Authorities may use
// larger curves than holders do.
func authorityKey(pub crypto.PublicKey) error {
	if key, ok := pub.(*ecdsa.PublicKey); ok && (key.Curve == elliptic.P384() || key.Curve == elliptic.P521()) {
		return nil
	}
	_, err := AlgorithmOf(pub)
	return err
}

// PublicKeySHA256 is the SHA-256, in base64url without padding, of the key's
// SubjectPublicKeyInfo in its usual DER form. A request that names SM2 as the key's
// algorithm (GM/T 0015-2023) therefore has the same value as the certificate made
// from it, which names the curve.
func PublicKeySHA256(pub crypto.PublicKey) (string, error) {
	spki, err := smx509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return "", ErrKeyUnsupported.Because(err)
	}
	sum := sha256.Sum256(spki)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// SerialHex writes a serial number in lower-case hex, in whole bytes.
func SerialHex(n *big.Int) string {
	if n.Sign() == 0 {
		return "00"
	}
	return hex.EncodeToString(n.Bytes())
}
