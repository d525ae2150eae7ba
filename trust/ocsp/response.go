package ocsp

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"math/big"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certlink/trust"
	"certlink/trust/internal/signed"
)

// Status is what an answer says about a certificate.
type Status int

const (
	Good Status = iota
	Revoked
	Unknown
)

// Single is the answer about one certificate.
type Single struct {
	ID                     CertID
	Status                 Status
	RevokedAt              time.Time
	Reason                 int // CRLReason; 0 is unspecified
	ThisUpdate, NextUpdate time.Time
}

// Response is a parsed answer whose signature has not been checked yet; see Verify.
type Response struct {
	Raw        []byte
	ProducedAt time.Time
	Singles    []Single
	Nonce      []byte

	byName, byKey []byte // one of them: who says that they signed
	certs         []*trust.Certificate
	object        signed.Object
}

// The error answers of RFC 6960 §4.2.1.
const (
	StatusMalformedRequest = 1
	StatusInternalError    = 2
	StatusTryLater         = 3
	StatusUnauthorized     = 6
)

// BuildError writes an answer without content.
func BuildError(status int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Enum(status) })
	return b.BytesOrPanic() // no input of anybody's
}

var (
	oidBasic = []byte{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01}
	tag0     = asn1.Tag(0).Constructed().ContextSpecific()
	tag1     = asn1.Tag(1).Constructed().ContextSpecific()
	tag2     = asn1.Tag(2).Constructed().ContextSpecific()
)

const maxCertificates = 4

// ParseResponse reads an answer.
func ParseResponse(der []byte) (*Response, error) {
	if len(der) > MaxResponse {
		return nil, ErrMalformed.Becausef("%d bytes", len(der))
	}
	input := cryptobyte.String(der)
	var outer, wrapped, body, oid, basic cryptobyte.String
	var status int
	if !input.ReadASN1(&outer, asn1.SEQUENCE) || !input.Empty() || !outer.ReadASN1Enum(&status) {
		return nil, ErrMalformed.Becausef("no OCSPResponse")
	}
	if status != 0 {
		return nil, trust.ErrRevocationUnavailable.Becausef("the responder answered with status %d", status)
	}
	if !outer.ReadASN1(&wrapped, tag0) || !outer.Empty() || !wrapped.ReadASN1(&body, asn1.SEQUENCE) || !wrapped.Empty() ||
		!body.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !bytes.Equal(oid, oidBasic) ||
		!body.ReadASN1(&basic, asn1.OCTET_STRING) || !body.Empty() {
		return nil, ErrMalformed.Becausef("no basic response in it")
	}
	r := &Response{Raw: bytes.Clone(der)}
	if !r.readBasic(basic) {
		return nil, ErrMalformed.Becausef("the basic response does not parse")
	}
	return r, nil
}

func (r *Response) readBasic(s cryptobyte.String) bool {
	var inner, certs, list cryptobyte.String
	var present, ok bool
	if !s.ReadASN1(&inner, asn1.SEQUENCE) || !s.Empty() {
		return false
	}
	if r.object, ok = signed.Read(&inner); !ok {
		return false
	}
	if !inner.ReadOptionalASN1(&certs, &present, tag0) || !inner.Empty() {
		return false
	}
	if present {
		if !certs.ReadASN1(&list, asn1.SEQUENCE) || !certs.Empty() {
			return false
		}
		for !list.Empty() {
			var der cryptobyte.String
			if !list.ReadASN1Element(&der, asn1.SEQUENCE) || len(r.certs) == maxCertificates {
				return false
			}
			c, err := trust.ParseCertificate(der)
			if err != nil {
				return false
			}
			r.certs = append(r.certs, c)
		}
	}
	return r.readData(r.object.TBS)
}

// readData reads the ResponseData.
func (r *Response) readData(der cryptobyte.String) bool {
	var s, version, list, ext, id cryptobyte.String
	var present bool
	var v int64
	if !der.ReadASN1(&s, asn1.SEQUENCE) || !s.ReadOptionalASN1(&version, &present, tag0) ||
		(present && (!version.ReadASN1Integer(&v) || v != 0)) {
		return false
	}
	switch {
	case s.PeekASN1Tag(tag1):
		if !s.ReadASN1(&id, tag1) {
			return false
		}
		r.byName = id
	case s.PeekASN1Tag(tag2):
		var key []byte
		if !s.ReadASN1(&id, tag2) || !id.ReadASN1Bytes(&key, asn1.OCTET_STRING) || !id.Empty() {
			return false
		}
		r.byKey = key
	default:
		return false
	}
	if !s.ReadASN1GeneralizedTime(&r.ProducedAt) || !s.ReadASN1(&list, asn1.SEQUENCE) ||
		!s.ReadOptionalASN1(&ext, &present, tag1) || !s.Empty() {
		return false
	}
	if present {
		nonce, ok := readExtensions(ext)
		if !ok {
			return false
		}
		r.Nonce = nonce
	}
	for !list.Empty() {
		one, ok := readSingle(&list)
		if !ok || len(r.Singles) == 32 {
			return false
		}
		r.Singles = append(r.Singles, one)
	}
	return len(r.Singles) > 0
}

func readSingle(list *cryptobyte.String) (Single, bool) {
	var s, inner, ext cryptobyte.String
	var one Single
	var present, ok bool
	if !list.ReadASN1(&s, asn1.SEQUENCE) {
		return one, false
	}
	if one.ID, ok = readCertID(&s); !ok {
		return one, false
	}
	switch {
	case s.PeekASN1Tag(asn1.Tag(0).ContextSpecific()):
		ok = s.ReadASN1(&inner, asn1.Tag(0).ContextSpecific()) && inner.Empty()
	case s.PeekASN1Tag(tag1):
		one.Status = Revoked
		var reason cryptobyte.String
		ok = s.ReadASN1(&inner, tag1) && inner.ReadASN1GeneralizedTime(&one.RevokedAt) &&
			inner.ReadOptionalASN1(&reason, &present, tag0) && inner.Empty() &&
			(!present || (reason.ReadASN1Enum(&one.Reason) && reason.Empty()))
	case s.PeekASN1Tag(asn1.Tag(2).ContextSpecific()):
		one.Status = Unknown
		ok = s.ReadASN1(&inner, asn1.Tag(2).ContextSpecific()) && inner.Empty()
	default:
		ok = false
	}
	var next cryptobyte.String
	if !ok || !s.ReadASN1GeneralizedTime(&one.ThisUpdate) || !s.ReadOptionalASN1(&next, &present, tag0) ||
		(present && (!next.ReadASN1GeneralizedTime(&one.NextUpdate) || !next.Empty())) ||
		!s.ReadOptionalASN1(&ext, &present, tag1) || !s.Empty() {
		return one, false
	}
	if present {
		if _, ok := readExtensions(ext); !ok {
			return one, false
		}
	}
	return one, true
}

// Verify checks who signed and that they did: the issuer itself, or a responder whose
// certificate the issuer itself has signed for this purpose (RFC 6960 §4.2.2.2) and
// which is valid at now. Whether that certificate is revoked is not asked in turn;
// authorities mark it id-pkix-ocsp-nocheck or give it a short term.
func (r *Response) Verify(issuer *trust.Certificate, now time.Time) error {
	signer, err := r.signer(issuer, now)
	if err != nil {
		return err
	}
	if err := r.object.Verify(signer); err != nil {
		return ErrSignature.Because(err)
	}
	return nil
}

func (r *Response) signer(issuer *trust.Certificate, now time.Time) (crypto.PublicKey, error) {
	if r.named(issuer) {
		return issuer.PublicKey(), nil
	}
	for _, c := range r.certs {
		if !r.named(c) {
			continue
		}
		switch {
		case !mayAnswer(c):
			return nil, ErrWrongResponder.Becausef("%s is not for signing OCSP", c.Subject())
		case c.IssuedBy(issuer) != nil:
			return nil, ErrWrongResponder.Becausef("%s was not issued by the certificate's issuer", c.Subject())
		case now.Before(c.NotBefore()) || now.After(c.NotAfter()):
			return nil, ErrWrongResponder.Becausef("%s is outside its term", c.Subject())
		}
		if _, err := c.Algorithm(); err != nil {
			return nil, ErrWrongResponder.Because(err)
		}
		return c.PublicKey(), nil
	}
	return nil, ErrWrongResponder.Becausef("signed by neither the issuer nor a responder whose certificate is there")
}

// named says whether c is who the answer says signed it.
func (r *Response) named(c *trust.Certificate) bool {
	if r.byName != nil {
		return bytes.Equal(r.byName, c.X.RawSubject)
	}
	sum := sha1.Sum(keyBits(c)) // by the definition of KeyHash
	return bytes.Equal(r.byKey, sum[:])
}

func mayAnswer(c *trust.Certificate) bool {
	if c.X.IsCA || (c.X.KeyUsage != 0 && c.X.KeyUsage&smx509.KeyUsageDigitalSignature == 0) || len(c.X.UnhandledCriticalExtensions) > 0 {
		return false
	}
	for _, u := range c.X.ExtKeyUsage {
		if u == smx509.ExtKeyUsageOCSPSigning {
			return true
		}
	}
	return false
}

// Find returns the answer about the certificate of that serial number from that issuer.
func (r *Response) Find(issuer *trust.Certificate, serial *big.Int) (Single, bool) {
	for _, s := range r.Singles {
		if s.ID.Serial.Cmp(serial) == 0 && s.ID.From(issuer) {
			return s, true
		}
	}
	return Single{}, false
}

// Certificates are those that came along, the responder's among them.
func (r *Response) Certificates() []*trust.Certificate { return r.certs }
