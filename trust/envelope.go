package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"encoding/asn1"
	"encoding/base64"
	"errors"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// maxEnvelope is more than an enveloped SM2 key ever has.
const maxEnvelope = 1 << 10

// Algorithms that an envelope's key may be encrypted with: SM4, and SM4 in ECB.
var envelopeCiphers = []asn1.ObjectIdentifier{{1, 2, 156, 10197, 1, 104}, {1, 2, 156, 10197, 1, 104, 1}}

// ReadEnvelope reads the envelope in which an authority hands over an encryption key
// (SM2EnvelopedKey of GM/T 0009-2023, DER or base64), as far as it can be read without
// the key that opens it: its form, and that the public key in it is the certified one.
func ReadEnvelope(in []byte, certified crypto.PublicKey) ([]byte, error) {
	if len(in) == 0 || len(in) > maxEnvelope {
		return nil, errors.New("no envelope, or one far too large")
	}
	der := in
	// DER is taken as it is: its last octet may well look like a blank. Base64 of a
	// SEQUENCE begins with M.
	if der[0] != 0x30 {
		text := bytes.Join(bytes.Fields(der), nil)
		raw, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil {
			return nil, errors.New("neither DER nor base64")
		}
		der = raw
	}
	in2 := cryptobyte.String(der)
	var envelope, algorithm, cipher cryptobyte.String
	var oid asn1.ObjectIdentifier
	var public, secret asn1.BitString
	if !in2.ReadASN1(&envelope, cbasn1.SEQUENCE) || !in2.Empty() || !envelope.ReadASN1(&algorithm, cbasn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&oid) || !envelope.ReadASN1(&cipher, cbasn1.SEQUENCE) ||
		!envelope.ReadASN1BitString(&public) || !envelope.ReadASN1BitString(&secret) || !envelope.Empty() {
		return nil, errors.New("no SM2EnvelopedKey")
	}
	if !oid.Equal(envelopeCiphers[0]) && !oid.Equal(envelopeCiphers[1]) {
		return nil, errors.New("encrypted with another algorithm than SM4")
	}
	if n := len(secret.Bytes); n != 32 && n != 64 {
		return nil, errors.New("the private key in it has another length")
	}
	key, err := sm2.NewPublicKey(public.Bytes)
	if err != nil {
		return nil, err
	}
	want, ok := certified.(*ecdsa.PublicKey)
	if !ok || !sm2.IsSM2PublicKey(want) || !key.Equal(want) {
		return nil, errors.New("the key in it is not the certified one")
	}
	return der, nil
}
