package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certlink/trust/internal/lru"
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
	Compact   string           // as it came

	input     string // what was signed: header and payload, as they came
	signature []byte
}

// headers remembers parsed headers that carry certificates, by their bytes: one
// certificate always makes the same header.
var headers = lru.New[string, *header](1024)

// strict refuses bits that are left over in the last character: one value, one
// spelling.
var strict = base64.RawURLEncoding.Strict()

// ParseJWS reads a compact JWS and refuses everything that the profile does not have.
func ParseJWS(compact string) (*JWS, error) {
	if len(compact) > MaxJWS {
		return nil, ErrJWSMalformed.Becausef("%d characters, at most %d are read", len(compact), MaxJWS)
	}
	compact = strings.Clone(compact) // the caller's buffer may be used again
	head, rest, ok1 := strings.Cut(compact, ".")
	body, sig, ok2 := strings.Cut(rest, ".")
	// A detached payload (RFC 7515 appendix F) would leave open what was signed.
	if !ok1 || !ok2 || head == "" || body == "" || sig == "" {
		return nil, ErrJWSMalformed.Becausef("not three parts with something in each")
	}
	payload, err := decode(body)
	if err != nil {
		return nil, ErrJWSMalformed.Because(err)
	}
	signature, err := decode(sig)
	if err != nil {
		return nil, ErrJWSMalformed.Because(err)
	}
	h, ok := headers.Get(head)
	if !ok {
		raw, err := decode(head)
		if err != nil {
			return nil, ErrJWSMalformed.Because(err)
		}
		if h, err = parseHeader(raw); err != nil {
			return nil, err
		}
		if h.jwk == nil {
			headers.Put(strings.Clone(head), h)
		}
	}
	return &JWS{Algorithm: h.alg, Payload: payload, Chain: h.chain, JWK: h.jwk, Compact: compact,
		input: compact[:len(head)+1+len(body)], signature: signature}, nil
}

// decode reads base64url without padding; Go's decoder skips line ends, this does not.
func decode(s string) ([]byte, error) {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	return strict.DecodeString(s)
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
		sum := sha256.Sum256([]byte(j.input))
		ok = rsa.VerifyPKCS1v15(pub.(*rsa.PublicKey), crypto.SHA256, sum[:], j.signature) == nil
	case ES256:
		sum := sha256.Sum256([]byte(j.input))
		der := j.SignatureDER()
		ok = der != nil && ecdsa.VerifyASN1(pub.(*ecdsa.PublicKey), sum[:], der)
	case SM2SM3:
		der := j.SignatureDER()
		ok = der != nil && sm2.VerifyASN1WithSM2(pub.(*ecdsa.PublicKey), []byte(SM2Identifier), []byte(j.input), der)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// SigningInput is what the signature is over: header and payload as they came.
func (j *JWS) SigningInput() []byte { return []byte(j.input) }

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
	var b cryptobyte.Builder
	zero := false
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, half := range [][]byte{rs[:32], rs[32:]} {
			for len(half) > 0 && half[0] == 0 {
				half = half[1:]
			}
			zero = zero || len(half) == 0
			b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) {
				if len(half) > 0 && half[0]&0x80 != 0 {
					b.AddUint8(0)
				}
				b.AddBytes(half)
			})
		}
	})
	der, err := b.Bytes()
	if err != nil || zero {
		return nil
	}
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
