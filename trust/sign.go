package trust

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
)

// SignJWS makes the compact JWS that ParseJWS reads: the phone's and the bridge's side.
// With jwk the header carries the public key (enrol), otherwise chain, leaf first.
//
// key signs as the standard library's keys do: the digest for ES256 and RS256; the
// message itself with sm2.DefaultSM2SignerOpts for SM2SM3, since the digest of SM2
// begins with the identifier and the public key. ES256 and SM2 answers are in DER.
func SignJWS(key crypto.Signer, alg Algorithm, chain [][]byte, jwk bool, payload []byte) (string, error) {
	belongs, err := AlgorithmOf(key.Public())
	if err != nil {
		return "", err
	}
	if belongs != alg {
		return "", ErrJWSMismatch.Becausef("asked for %s, the key is for %s", alg, belongs)
	}
	header := struct {
		Alg Algorithm         `json:"alg"`
		Typ string            `json:"typ"`
		X5C []string          `json:"x5c,omitempty"`
		JWK map[string]string `json:"jwk,omitempty"`
	}{Alg: alg, Typ: StatementType}
	if jwk == (len(chain) > 0) {
		return "", ErrJWSHeader.Becausef("exactly one of a chain and jwk is needed")
	}
	if jwk {
		if header.JWK, err = writeJWK(key.Public()); err != nil {
			return "", err
		}
	}
	for _, der := range chain {
		header.X5C = append(header.X5C, base64.StdEncoding.EncodeToString(der))
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("writing the header: %w", err)
	}
	input := strict.EncodeToString(head) + "." + strict.EncodeToString(payload)
	signature, err := signInput(key, alg, []byte(input))
	if err != nil {
		return "", err
	}
	return input + "." + strict.EncodeToString(signature), nil
}

func signInput(key crypto.Signer, alg Algorithm, input []byte) ([]byte, error) {
	var signature []byte
	var err error
	if alg == SM2SM3 {
		signature, err = key.Sign(rand.Reader, input, sm2.DefaultSM2SignerOpts)
	} else {
		sum := sha256.Sum256(input)
		signature, err = key.Sign(rand.Reader, sum[:], crypto.SHA256)
	}
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	if alg == RS256 {
		return signature, nil
	}
	rs, ok := derToRS(signature)
	if !ok {
		return nil, ErrSignature.Becausef("the key answered with something that is no DER signature")
	}
	return rs, nil
}
