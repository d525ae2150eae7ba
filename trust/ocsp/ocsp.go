// Package ocsp writes and reads OCSP (RFC 6960, nonces by RFC 9654) for RSA, ECDSA and
// SM2 alike. It is only the ASN.1 and the signature: fetching and caching is package
// revocation's, answering package authority's.
package ocsp

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"math/big"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certlink/internal/fault"
	"certlink/trust"
)

// retry is when to come back: after the pause that is made after a failure.
const retry = 5 * time.Second

// What can be wrong with an answer. All of them mean that nothing was learned.
var (
	ErrMalformed = fault.New(fault.Unavailable, "ocsp_malformed",
		"颁发机构的证书状态应答（OCSP）无法读取，为安全起见操作未执行。请稍后重试。",
		"The authority's answer about the certificate's status (OCSP) cannot be read, so for safety nothing was done. Try again a little later.").After(retry)
	ErrSignature = fault.New(fault.Unavailable, "ocsp_signature_invalid",
		"颁发机构的证书状态应答（OCSP）签名无效，未被采信，操作未执行。请稍后重试；若持续出现，请联系平台运营人员。",
		"The authority's answer about the certificate's status (OCSP) is not validly signed, so it was not believed and nothing was done. Try again; if it goes on, tell the operator.").After(retry)
	ErrStale = fault.New(fault.Unavailable, "ocsp_stale",
		"颁发机构的证书状态应答（OCSP）已过时，未被采信，操作未执行。请稍后重试。",
		"The authority's answer about the certificate's status (OCSP) is out of date, so it was not believed and nothing was done. Try again a little later.").After(retry)
	ErrNonce = fault.New(fault.Unavailable, "ocsp_nonce_mismatch",
		"颁发机构的证书状态应答（OCSP）不是针对本次询问的，未被采信，操作未执行。请重试。",
		"The authority's answer about the certificate's status (OCSP) belongs to another question, so it was not believed and nothing was done. Try again.").After(retry)
	ErrWrongResponder = fault.New(fault.Unavailable, "ocsp_wrong_responder",
		"证书状态应答（OCSP）的签发者未获颁发机构授权，未被采信，操作未执行。请联系平台运营人员。",
		"Who answered about the certificate's status (OCSP) is not authorised by the authority, so the answer was not believed and nothing was done. Tell the operator.").After(retry)
)

// MaxResponse is the largest answer that is read, in bytes.
const MaxResponse = 64 << 10

const (
	maxRequest = 4 << 10
	maxIDs     = 8
	maxNonce   = 128 // RFC 9654 §2.1
)

// Hash is how a CertID names the issuer. It identifies and protects nothing, which is
// why SHA-1 is still what most responders know.
type Hash int

const (
	SHA1 Hash = iota + 1
	SHA256
	SM3
)

var errParse = errors.New("ocsp: malformed")

var hashes = []struct {
	hash Hash
	oid  []byte // content of the OBJECT IDENTIFIER
	sum  func([]byte) []byte
}{
	{SHA1, []byte{0x2b, 0x0e, 0x03, 0x02, 0x1a}, func(b []byte) []byte { s := sha1.Sum(b); return s[:] }},
	{SHA256, []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01}, func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }},
	{SM3, []byte{0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x11}, func(b []byte) []byte { s := sm3.Sum(b); return s[:] }},
}

func (h Hash) sum(b []byte) []byte {
	for _, k := range hashes {
		if k.hash == h {
			return k.sum(b)
		}
	}
	return nil
}

// CertID names one certificate.
type CertID struct {
	Hash              Hash
	NameHash, KeyHash []byte
	Serial            *big.Int
}

// NewCertID names the certificate of that serial number from that issuer.
func NewCertID(h Hash, issuer *trust.Certificate, serial *big.Int) CertID {
	return CertID{Hash: h, NameHash: h.sum(issuer.X.RawSubject), KeyHash: h.sum(keyBits(issuer)), Serial: serial}
}

// From says whether the CertID names this issuer.
func (id CertID) From(issuer *trust.Certificate) bool {
	return id.Hash.sum(nil) != nil && bytes.Equal(id.NameHash, id.Hash.sum(issuer.X.RawSubject)) &&
		bytes.Equal(id.KeyHash, id.Hash.sum(keyBits(issuer)))
}

// keyBits is the content of the BIT STRING subjectPublicKey without tag, length and
// unused bits, which is what every key hash of OCSP is over.
func keyBits(c *trust.Certificate) []byte {
	s := cryptobyte.String(c.X.RawSubjectPublicKeyInfo)
	var inner, ai, bits cryptobyte.String
	if !s.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1(&ai, asn1.SEQUENCE) ||
		!inner.ReadASN1(&bits, asn1.BIT_STRING) || len(bits) < 1 {
		return nil
	}
	return bits[1:]
}

func (id CertID) add(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, k := range hashes {
				if k.hash == id.Hash {
					b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(k.oid) })
				}
			}
			b.AddASN1(asn1.NULL, func(*cryptobyte.Builder) {})
		})
		b.AddASN1OctetString(id.NameHash)
		b.AddASN1OctetString(id.KeyHash)
		b.AddASN1BigInt(id.Serial)
	})
}

// readCertID reads a CertID. One with a hash that is not known reads as Hash 0, which
// names nobody.
func readCertID(s *cryptobyte.String) (CertID, bool) {
	var inner, ai, oid, params cryptobyte.String
	var name, key []byte
	serial := new(big.Int)
	if !s.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1(&ai, asn1.SEQUENCE) ||
		!ai.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!(ai.Empty() || (ai.ReadASN1(&params, asn1.NULL) && params.Empty() && ai.Empty())) ||
		!inner.ReadASN1Bytes(&name, asn1.OCTET_STRING) || !inner.ReadASN1Bytes(&key, asn1.OCTET_STRING) ||
		!inner.ReadASN1Integer(serial) || !inner.Empty() || serial.BitLen() > 20*8 {
		return CertID{}, false
	}
	id := CertID{NameHash: name, KeyHash: key, Serial: serial}
	for _, k := range hashes {
		if bytes.Equal(k.oid, oid) {
			id.Hash = k.hash
		}
	}
	return id, true
}

var oidNonce = []byte{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02}

// addNonce writes an Extensions with the nonce alone.
func addNonce(b *cryptobyte.Builder, nonce []byte) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oidNonce) })
			b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(nonce) })
		})
	})
}

// readExtensions reads an Extensions: the nonce, if there is one. A critical extension
// other than that is refused (RFC 6960 §4.4).
func readExtensions(s cryptobyte.String) (nonce []byte, ok bool) {
	var list cryptobyte.String
	if !s.ReadASN1(&list, asn1.SEQUENCE) || !s.Empty() {
		return nil, false
	}
	for !list.Empty() {
		var ext, oid, value cryptobyte.String
		var critical bool
		if !list.ReadASN1(&ext, asn1.SEQUENCE) || !ext.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return nil, false
		}
		if ext.PeekASN1Tag(asn1.BOOLEAN) && !ext.ReadASN1Boolean(&critical) {
			return nil, false
		}
		if !ext.ReadASN1(&value, asn1.OCTET_STRING) || !ext.Empty() {
			return nil, false
		}
		if !bytes.Equal(oid, oidNonce) {
			if critical {
				return nil, false
			}
			continue
		}
		// Responders of before RFC 8954 put the bytes there without the inner OCTET STRING.
		inner := value
		if nonce != nil || len(value) == 0 || len(value) > maxNonce+4 {
			return nil, false
		}
		if !inner.ReadASN1Bytes(&nonce, asn1.OCTET_STRING) || !inner.Empty() {
			nonce = value
		}
	}
	return nonce, true
}

// Request asks about certificates.
type Request struct {
	IDs   []CertID
	Nonce []byte // absent if empty
}

// Marshal writes the request.
func (r Request) Marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, id := range r.IDs {
					b.AddASN1(asn1.SEQUENCE, id.add)
				}
			})
			if len(r.Nonce) > 0 {
				b.AddASN1(asn1.Tag(2).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) { addNonce(b, r.Nonce) })
			}
		})
	})
	return b.Bytes()
}

// ParseRequest reads a request; a requestor's name and signature are passed over.
func ParseRequest(der []byte) (*Request, error) {
	input := cryptobyte.String(der)
	var outer, tbs, list, skip, ext cryptobyte.String
	var extended bool
	if len(der) > maxRequest || !input.ReadASN1(&outer, asn1.SEQUENCE) || !input.Empty() ||
		!outer.ReadASN1(&tbs, asn1.SEQUENCE) || !outer.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) || !outer.Empty() {
		return nil, errParse
	}
	var version int64
	if tbs.PeekASN1Tag(asn1.Tag(0).Constructed().ContextSpecific()) {
		if !tbs.ReadASN1(&skip, asn1.Tag(0).Constructed().ContextSpecific()) || !skip.ReadASN1Integer(&version) || version != 0 {
			return nil, errParse
		}
	}
	if !tbs.SkipOptionalASN1(asn1.Tag(1).Constructed().ContextSpecific()) || !tbs.ReadASN1(&list, asn1.SEQUENCE) ||
		!tbs.ReadOptionalASN1(&ext, &extended, asn1.Tag(2).Constructed().ContextSpecific()) || !tbs.Empty() {
		return nil, errParse
	}
	r := &Request{}
	for !list.Empty() {
		var one cryptobyte.String
		if !list.ReadASN1(&one, asn1.SEQUENCE) {
			return nil, errParse
		}
		id, ok := readCertID(&one)
		if !ok || !one.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) || !one.Empty() || len(r.IDs) == maxIDs {
			return nil, errParse
		}
		r.IDs = append(r.IDs, id)
	}
	if len(r.IDs) == 0 {
		return nil, errParse
	}
	if extended {
		nonce, ok := readExtensions(ext)
		if !ok {
			return nil, errParse
		}
		r.Nonce = nonce
	}
	return r, nil
}
