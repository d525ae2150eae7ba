package phone

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certlink/trust"
)

// signerHeader is the protected header of everything that one key signs, encoded, with
// the dot. It is made once for each certificate.
func signerHeader(alg trust.Algorithm, jwk string, chain [][]byte) string {
	h := `{"alg":"` + string(alg) + `","typ":"` + trust.StatementType + `",`
	if jwk != "" {
		h += `"jwk":` + jwk
	} else {
		h += `"x5c":[`
		for i, der := range chain {
			if i > 0 {
				h += ","
			}
			h += `"` + base64.StdEncoding.EncodeToString(der) + `"`
		}
		h += `]`
	}
	return b64.EncodeToString([]byte(h+"}")) + "."
}

// signJWS makes the compact JWS over a statement. The payload is the text in which the
// statement came: it is copied, never written anew.
func signJWS(key crypto.Signer, alg trust.Algorithm, header, statement string) (string, error) {
	out := make([]byte, 0, len(header)+len(statement)+360)
	out = append(out, header...)
	out = append(out, statement...)
	signature, err := sign(key, alg, out)
	if err != nil {
		return "", err
	}
	out = append(out, '.')
	return string(b64.AppendEncode(out, signature)), nil
}

func sign(key crypto.Signer, alg trust.Algorithm, input []byte) ([]byte, error) {
	switch alg {
	case trust.ES256:
		return es256(key, input)
	case trust.RS256:
		sum := sha256.Sum256(input)
		return key.Sign(rand.Reader, sum[:], crypto.SHA256)
	case trust.SM2SM3:
		// The digest of SM2 begins with the identifier and the public key, so the key
		// takes the message itself.
		der, err := key.Sign(rand.Reader, input, sm2.DefaultSM2SignerOpts)
		if err != nil {
			return nil, err
		}
		return rawSignature(der)
	}
	return nil, fmt.Errorf("there is no algorithm %s", alg)
}

func es256(key crypto.Signer, input []byte) ([]byte, error) {
	sum := sha256.Sum256(input)
	var der []byte
	var err error
	if k, ok := key.(*ecdsa.PrivateKey); ok {
		der, err = ecdsa.SignASN1(rand.Reader, k, sum[:])
	} else {
		der, err = key.Sign(rand.Reader, sum[:], crypto.SHA256)
	}
	if err != nil {
		return nil, err
	}
	return rawSignature(der)
}

// rawSignature turns SEQUENCE { r, s } into r‖s of 32 bytes each (RFC 7518 §3.4).
func rawSignature(der []byte) ([]byte, error) {
	s := cryptobyte.String(der)
	var inner cryptobyte.String
	var r, t []byte
	if !s.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&t) || len(r) > 32 || len(t) > 32 {
		return nil, errors.New("the key answered with something that is no signature")
	}
	out := make([]byte, 64)
	copy(out[32-len(r):32], r)
	copy(out[64-len(t):], t)
	return out, nil
}

// algorithmOf a private key; RSA keys too short to be certified are refused here
// already.
func algorithmOf(key crypto.Signer) (trust.Algorithm, error) {
	if k, ok := key.(*rsa.PrivateKey); ok {
		if err := k.Validate(); err != nil {
			return "", err
		}
	}
	return trust.AlgorithmOf(key.Public())
}
