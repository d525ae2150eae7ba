// Package trust knows certificates: whose they are, which authority stands behind
// them, whether they still count, and whether a signature is theirs. RSA, P-256 and
// SM2 are treated alike. It knows nothing of accounts, bindings or HTTP.
package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certlink/trust/internal/lru"
	"certlink/trust/internal/signed"
)

// MaxCertificate is the largest certificate that is read, in bytes of DER. Real ones
// have one to three thousand.
const MaxCertificate = 16 << 10

// Certificate is a parsed certificate. It is shared and must not be changed.
type Certificate struct {
	Raw []byte
	X   *smx509.Certificate

	object      signed.Object
	sum         [32]byte
	fingerprint string
	contentID   string
	algorithm   Algorithm
	keyErr      error
	// issuer is the one whose signature was last found good: a fact about the bytes
	// of the two, which time does not change.
	issuer atomic.Pointer[Certificate]

	keyOnce sync.Once
	keySum  string
}

// parsed remembers certificates by the digest of their bytes: the same few
// intermediates and the same leaf (at the scan, at the confirmation, at the act) come
// again and again, and parsing is a pure function of the bytes.
var parsed = lru.New[[32]byte, *Certificate](2048)

// ParseCertificate reads one certificate in DER. It is stricter than most: bounded in
// size, no byte left over, named curves only.
func ParseCertificate(der []byte) (*Certificate, error) { return remembered(der, bytes.Clone) }

// parseOwn is ParseCertificate for bytes that nobody else has and will change.
func parseOwn(der []byte) (*Certificate, error) {
	return remembered(der, func(own []byte) []byte { return own })
}

func remembered(der []byte, keep func([]byte) []byte) (*Certificate, error) {
	if len(der) == 0 || len(der) > MaxCertificate {
		return nil, ErrCertificate.Becausef("%d bytes, at most %d are read", len(der), MaxCertificate)
	}
	sum := sha256.Sum256(der)
	if c, ok := parsed.Get(sum); ok {
		return c, nil
	}
	c, err := parseCertificate(keep(der), sum)
	if err != nil {
		return nil, err
	}
	parsed.Put(sum, c)
	return c, nil
}

func parseCertificate(der []byte, sum [32]byte) (*Certificate, error) {
	object, err := signed.Split(der)
	if err != nil {
		return nil, ErrCertificate.Because(err)
	}
	x, err := smx509.ParseCertificate(der)
	if err != nil {
		return nil, ErrCertificate.Because(err)
	}
	if _, ec := x.PublicKey.(*ecdsa.PublicKey); ec && !namedCurve(x.RawSubjectPublicKeyInfo) {
		// RFC 5480 §2.1.1: explicit parameters must not be used. A parser that guesses
		// the curve from some of them is how CVE-2020-0601 came about.
		return nil, ErrCertificate.Becausef("the curve is spelled out instead of named")
	}
	c := &Certificate{Raw: der, X: x, object: object, sum: sum}
	c.fingerprint = hex.EncodeToString(sum[:])
	content := sha256.Sum256(object.TBS)
	c.contentID = hex.EncodeToString(content[:])
	c.algorithm, c.keyErr = AlgorithmOf(x.PublicKey)
	return c, nil
}

// namedCurve says whether a SubjectPublicKeyInfo names its curve by identifier.
func namedCurve(spki []byte) bool {
	s := cryptobyte.String(spki)
	var inner, ai, oid cryptobyte.String
	return s.ReadASN1(&inner, asn1.SEQUENCE) && inner.ReadASN1(&ai, asn1.SEQUENCE) &&
		ai.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) && ai.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) && ai.Empty()
}

// Fingerprint is the SHA-256 of the DER in lower-case hex: how people and tools name
// a certificate. Do not key uniqueness on it; see ContentID.
func (c *Certificate) Fingerprint() string { return c.fingerprint }

// ContentID is the SHA-256, in lower-case hex, of the part that the authority signed.
//
// An ECDSA signature (r, s) is as good as (r, n-s), so anybody can turn a certificate
// into another one that verifies, with the same content and a different Fingerprint.
// "One binding per certificate", "superseded" and the like must therefore go by
// ContentID (or by issuer and serial number), never by Fingerprint.
func (c *Certificate) ContentID() string { return c.contentID }

// Algorithm is the signature algorithm that belongs to the certificate's key, or why
// that key is not accepted.
func (c *Certificate) Algorithm() (Algorithm, error) { return c.algorithm, c.keyErr }

// PublicKey is the certified key.
func (c *Certificate) PublicKey() crypto.PublicKey { return c.X.PublicKey }

// PublicKeySHA256 is the package function of that name over the certified key.
func (c *Certificate) PublicKeySHA256() string {
	c.keyOnce.Do(func() {
		var err error
		if c.keySum, err = PublicKeySHA256(c.X.PublicKey); err != nil { // a kind of key that cannot be written anew: its own bytes then
			spki := sha256.Sum256(c.X.RawSubjectPublicKeyInfo)
			c.keySum = base64.RawURLEncoding.EncodeToString(spki[:])
		}
	})
	return c.keySum
}

// SerialHex is the serial number in lower-case hex, as OpenSSL prints it (in pairs).
func (c *Certificate) SerialHex() string { return SerialHex(c.X.SerialNumber) }

// NotBefore is the beginning of the term.
func (c *Certificate) NotBefore() time.Time { return c.X.NotBefore }

// NotAfter is the last moment of the term (RFC 5280 §4.1.2.5: inclusive).
func (c *Certificate) NotAfter() time.Time { return c.X.NotAfter }

// Subject is the holder's name in the form of RFC 4514, readable.
func (c *Certificate) Subject() string { return nameString(c.X.RawSubject, c.X.Subject.Names) }

// Issuer is the authority's name in the form of RFC 4514, readable.
func (c *Certificate) Issuer() string { return nameString(c.X.RawIssuer, c.X.Issuer.Names) }

// SelfIssued says whether issuer and subject have the same name.
func (c *Certificate) SelfIssued() bool { return bytes.Equal(c.X.RawIssuer, c.X.RawSubject) }

// IssuedBy checks that parent's key signed c; nothing else about parent.
func (c *Certificate) IssuedBy(parent *Certificate) error {
	if !bytes.Equal(c.X.RawIssuer, parent.X.RawSubject) {
		return ErrUntrusted.Becausef("issuer %s is not %s", c.Issuer(), parent.Subject())
	}
	if c.issuer.Load() == parent {
		return nil
	}
	if err := c.object.Verify(parent.X.PublicKey); err != nil {
		return err
	}
	c.issuer.Store(parent)
	return nil
}

// String is for logs: the fingerprint, which says nothing about the person.
func (c *Certificate) String() string { return c.fingerprint }
