package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const (
	// MaxJWS is the largest signature that is read, in characters.
	MaxJWS = 32 << 10
	// StatementType is the only typ there is.
	StatementType = "certlink-statement+jws"
)

// JWS is a parsed signature over a statement (RFC 7515 §7.1). Parsing checks its form
// only; Verify checks the signature, and Policy.Check whose certificate it is.
type JWS struct {
	Algorithm Algorithm
	Payload   []byte
	Chain     []*Certificate   // from x5c, leaf first; empty where the header has a jwk
	JWK       crypto.PublicKey // from jwk; nil where the header has an x5c
	Compact   []byte           // as it came

	input     []byte // what was signed: header and payload, as they came
	signature []byte
}

// strict refuses bits that are left over in the last character: one value, one
// spelling.
var strict = base64.RawURLEncoding.Strict()

// ParseJWS reads a compact JWS and refuses everything that the profile does not have.
func ParseJWS(compact string) (*JWS, error) {
	if len(compact) > MaxJWS {
		return nil, ErrJWSMalformed.Becausef("%d characters, at most %d are read", len(compact), MaxJWS)
	}
	whole := []byte(compact)
	head, rest, ok1 := bytes.Cut(whole, dot)
	body, sig, ok2 := bytes.Cut(rest, dot)
	// A detached payload (RFC 7515 appendix F) would leave open what was signed.
	if !ok1 || !ok2 || len(head) == 0 || len(body) == 0 || len(sig) == 0 {
		return nil, ErrJWSMalformed.Becausef("not three parts with something in each")
	}
	payload, err := decode(strict, body)
	if err != nil {
		return nil, ErrJWSMalformed.Because(err)
	}
	signature, err := decode(strict, sig)
	if err != nil {
		return nil, ErrJWSMalformed.Because(err)
	}
	raw, err := decode(strict, head)
	if err != nil {
		return nil, ErrJWSMalformed.Because(err)
	}
	h, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}
	return &JWS{Algorithm: h.alg, Payload: payload, Chain: h.chain, JWK: h.jwk, Compact: whole,
		input: whole[:len(head)+1+len(body)], signature: signature}, nil
}

var dot = []byte(".")

// decode reads base64 of the kind e; Go's decoder skips line ends, this does not.
func decode(e *base64.Encoding, text []byte) ([]byte, error) {
	for _, end := range []byte("\r\n") {
		if i := bytes.IndexByte(text, end); i >= 0 {
			return nil, base64.CorruptInputError(i)
		}
	}
	out := make([]byte, e.DecodedLen(len(text)))
	n, err := e.Decode(out, text)
	return out[:n], err
}

// Leaf is the signer's certificate, or nil where the header has a jwk.
func (j *JWS) Leaf() *Certificate {
	if len(j.Chain) == 0 {
		return nil
	}
	return j.Chain[0]
}

// Verify checks the signature with pub, whose kind must be that of the header's
// algorithm: the algorithm comes from the key, the header only has to agree.
func (j *JWS) Verify(pub crypto.PublicKey) error {
	belongs, err := AlgorithmOf(pub)
	if err != nil {
		return err
	}
	if belongs != j.Algorithm {
		return ErrJWSMismatch.Becausef("header says %s, the key is for %s", j.Algorithm, belongs)
	}
	ok := false
	switch j.Algorithm {
	case RS256:
		sum := sha256.Sum256(j.input)
		ok = rsa.VerifyPKCS1v15(pub.(*rsa.PublicKey), crypto.SHA256, sum[:], j.signature) == nil
	case ES256:
		ok = VerifyES256(pub.(*ecdsa.PublicKey), j.input, j.signature)
	case SM2SM3:
		der := j.SignatureDER()
		ok = der != nil && sm2.VerifyASN1WithSM2(pub.(*ecdsa.PublicKey), []byte(SM2Identifier), j.input, der)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// VerifyES256 says whether the signature, in the form of RFC 7518 §3.4, is one of input.
func VerifyES256(pub *ecdsa.PublicKey, input, signature []byte) bool {
	sum := sha256.Sum256(input)
	der := rsToDER(signature)
	return der != nil && ecdsa.VerifyASN1(pub, sum[:], der)
}

// SigningInput is what the signature is over: header and payload as they came.
func (j *JWS) SigningInput() []byte { return j.input }

// SignatureDER is the same signature as X.509 tools want it: SEQUENCE { r, s } for
// ECDSA and SM2, the bytes themselves for RSA. It is nil where the signature cannot be
// one of the algorithm (ECDSA and SM2 have exactly 64 bytes, neither half zero).
func (j *JWS) SignatureDER() []byte {
	if j.Algorithm == RS256 {
		return j.signature
	}
	return rsToDER(j.signature)
}

func rsToDER(rs []byte) []byte {
	if len(rs) != 64 {
		return nil
	}
	der := append(make([]byte, 0, 72), 0x30, 0) // SEQUENCE; its length follows
	for half := range slices.Chunk(rs, 32) {
		half = bytes.TrimLeft(half, "\x00")
		if len(half) == 0 {
			return nil
		}
		positive := half[0] >> 7                          // an octet of zeros, lest the first bit be taken for a sign
		der = append(der, 0x02, positive+byte(len(half))) // INTEGER
		der = append(append(der, make([]byte, positive)...), half...)
	}
	der[1] = byte(len(der) - 2)
	return der
}

// derToRS is the way back, for signers that answer in DER.
func derToRS(der []byte) ([]byte, bool) {
	s := cryptobyte.String(der)
	var inner cryptobyte.String
	var r, t []byte
	if !s.ReadASN1(&inner, asn1.SEQUENCE) || !s.Empty() || !inner.ReadASN1Integer(&r) ||
		!inner.ReadASN1Integer(&t) || !inner.Empty() || len(r) > 32 || len(t) > 32 {
		return nil, false
	}
	out := make([]byte, 64)
	copy(out[32-len(r):32], r)
	copy(out[64-len(t):], t)
	return out, true
}
