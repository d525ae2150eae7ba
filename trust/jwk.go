package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// publicJWK is the allow-list of a public key's members (RFC 7517, 7518). WebCrypto
// writes ext and key_ops. Anything else is refused, a private part above all: who sends
// one has lost the key already.
type publicJWK struct {
	Kty    jsontext.Value `json:"kty"`
	Crv    jsontext.Value `json:"crv"`
	X      jsontext.Value `json:"x"`
	Y      jsontext.Value `json:"y"`
	N      jsontext.Value `json:"n"`
	E      jsontext.Value `json:"e"`
	Alg    jsontext.Value `json:"alg"`
	Use    jsontext.Value `json:"use"`
	KeyOps jsontext.Value `json:"key_ops"`
	Ext    jsontext.Value `json:"ext"`
}

// text is the text in a member, "" where it holds none.
func text(v jsontext.Value) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// parseJWK reads the device key of an enrol statement. SM2 keys have kty EC and crv
// SM2; no standard has registered a name yet.
func parseJWK(raw jsontext.Value, alg Algorithm) (crypto.PublicKey, error) {
	var k publicJWK
	if raw.Kind() != jsontext.KindBeginObject {
		return nil, ErrJWSHeader.Becausef("jwk is no object")
	}
	if err := members(raw, &k); err != nil {
		return nil, err
	}
	if k.Alg != nil && text(k.Alg) != string(alg) {
		return nil, ErrJWSMismatch.Becausef("alg in jwk is not that of the header")
	}
	if k.Use != nil && text(k.Use) != "sig" {
		return nil, ErrJWSHeader.Becausef("jwk is not for signing")
	}
	var pub crypto.PublicKey
	var err error
	switch text(k.Kty) + "/" + text(k.Crv) {
	case "EC/P-256":
		pub, err = ecJWK(elliptic.P256(), text(k.X), text(k.Y))
	case "EC/SM2":
		pub, err = ecJWK(sm2.P256(), text(k.X), text(k.Y))
	case "RSA/":
		pub, err = rsaJWK(text(k.N), text(k.E))
	default:
		return nil, ErrJWSHeader.Becausef("jwk of an unknown kind")
	}
	if err != nil {
		return nil, err
	}
	belongs, err := AlgorithmOf(pub)
	if err != nil {
		return nil, err
	}
	if belongs != alg {
		return nil, ErrJWSMismatch.Becausef("header says %s, the jwk is for %s", alg, belongs)
	}
	return pub, nil
}

func ecJWK(curve elliptic.Curve, x, y string) (crypto.PublicKey, error) {
	xb, errX := decode(strict, []byte(x))
	yb, errY := decode(strict, []byte(y))
	if errX != nil || errY != nil || len(xb) != 32 || len(yb) != 32 {
		return nil, ErrJWSHeader.Becausef("jwk coordinates must have 32 bytes each")
	}
	point := append(append([]byte{4}, xb...), yb...)
	if curve == sm2.P256() {
		pub, err := sm2.NewPublicKey(point)
		if err != nil {
			return nil, ErrJWSHeader.Because(err)
		}
		return pub, nil
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, ErrJWSHeader.Because(err)
	}
	return pub, nil
}

func rsaJWK(n, e string) (crypto.PublicKey, error) {
	nb, errN := decode(strict, []byte(n))
	eb, errE := decode(strict, []byte(e))
	// RFC 7518 §6.3.1.1: no leading zero octets.
	if errN != nil || errE != nil || len(nb) == 0 || len(nb) > maxRSA/8 || len(eb) == 0 || len(eb) > 4 || nb[0] == 0 || eb[0] == 0 {
		return nil, ErrJWSHeader.Becausef("jwk modulus or exponent is malformed")
	}
	exp := new(big.Int).SetBytes(eb).Int64()
	return &rsa.PublicKey{N: new(big.Int).SetBytes(nb), E: int(exp)}, nil
}

// writeJWK is the public key as the members of a JWK.
func writeJWK(pub crypto.PublicKey) (map[string]string, error) {
	switch key := pub.(type) {
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "n": strict.EncodeToString(key.N.Bytes()),
			"e": strict.EncodeToString(big.NewInt(int64(key.E)).Bytes())}, nil
	case *ecdsa.PublicKey:
		crv := "P-256"
		if sm2.IsSM2PublicKey(key) {
			crv = "SM2"
		}
		var x, y [32]byte
		return map[string]string{"kty": "EC", "crv": crv, "x": strict.EncodeToString(key.X.FillBytes(x[:])),
			"y": strict.EncodeToString(key.Y.FillBytes(y[:]))}, nil
	}
	return nil, ErrKeyUnsupported.Becausef("key of type %T", pub)
}
