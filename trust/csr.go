package trust

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/asn1"
	"errors"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"certlink/trust/internal/signed"
)

// MaxCSR is the largest certificate request that is read, in bytes of DER.
const MaxCSR = 8 << 10

// maxHolderRSA: the authority certifies no RSA key larger than this; each later
// signature check would pay for it.
const maxHolderRSA = 4096

// CSR is a certificate request (PKCS#10, RFC 2986) whose sender has proved to hold the
// private key. Only the key counts: names and extensions in it are the applicant's
// wishes and are never copied into a certificate.
type CSR struct {
	Raw    []byte
	Public crypto.PublicKey
	// Encryption is a second key of the same applicant, for the encryption twin of
	// the certificate; nil where the request names none. The first key's signature
	// covers it; see SecondKey.
	Encryption crypto.PublicKey

	algorithm Algorithm
	keySum    string
}

// ParseCSR reads a request in DER and checks its proof of possession. SM2 keys may
// name their kind by curve (RFC 5480) or by the SM2 identifier (GM/T 0015-2023).
func ParseCSR(der []byte) (*CSR, error) {
	if len(der) == 0 || len(der) > MaxCSR {
		return nil, ErrCSR.Becausef("%d bytes, at most %d are read", len(der), MaxCSR)
	}
	der = bytes.Clone(der)
	object, err := signed.Split(der)
	if err != nil {
		return nil, ErrCSR.Because(err)
	}
	x, err := smx509.ParseCertificateRequest(der)
	if err != nil {
		return nil, ErrCSR.Because(err)
	}
	if x.Version != 0 {
		return nil, ErrCSR.Becausef("version %d", x.Version)
	}
	c := &CSR{Raw: der, Public: x.PublicKey}
	if c.algorithm, err = AlgorithmOf(x.PublicKey); err != nil {
		return nil, ErrCSRWeak.Because(err)
	}
	if why := knownKey(x.PublicKey); why != "" {
		return nil, ErrCSRWeak.Becausef("%s", why)
	}
	if key, ok := x.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxHolderRSA {
		return nil, ErrCSRWeak.Becausef("RSA key of %d bits", key.N.BitLen())
	}
	if c.algorithm != RS256 && !namedCurve(x.RawSubjectPublicKeyInfo) {
		return nil, ErrCSR.Becausef("the curve is spelled out instead of named")
	}
	if err := object.Verify(x.PublicKey); err != nil {
		if errors.Is(err, signed.ErrShape) {
			return nil, ErrCSR.Because(err)
		}
		return nil, ErrCSRProof.Because(err)
	}
	if c.keySum, err = PublicKeySHA256(x.PublicKey); err != nil {
		return nil, err
	}
	if c.Encryption, err = secondKey(x.RawTBSCertificateRequest); err != nil {
		return nil, ErrCSR.Because(err)
	}
	if c.Encryption == nil {
		return c, nil
	}
	second, err := PublicKeySHA256(c.Encryption)
	if alg, weak := AlgorithmOf(c.Encryption); weak != nil || err != nil || alg != c.algorithm || second == c.keySum || knownKey(c.Encryption) != "" {
		return nil, ErrCSRWeak.Becausef("the second key must be another one of the same kind: %v", errors.Join(weak, err))
	}
	return c, nil
}

// SecondKey is the attribute of a request that carries a second public key, as a
// SubjectPublicKeyInfo. It is the one that Chinese authorities read the applicant's
// second key from in requests for dual certificates.
var SecondKey = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 63}

// secondKey finds the attribute, nil where there is none.
func secondKey(tbs []byte) (crypto.PublicKey, error) {
	var info, attributes, attribute, set cryptobyte.String
	in := cryptobyte.String(tbs)
	if !in.ReadASN1(&info, cbasn1.SEQUENCE) || !info.SkipASN1(cbasn1.INTEGER) || !info.SkipASN1(cbasn1.SEQUENCE) || !info.SkipASN1(cbasn1.SEQUENCE) {
		return nil, errors.New("no request information")
	}
	if info.Empty() {
		return nil, nil
	}
	if !info.ReadASN1(&attributes, cbasn1.Tag(0).ContextSpecific().Constructed()) || !info.Empty() {
		return nil, errors.New("malformed attributes")
	}
	var found crypto.PublicKey
	for !attributes.Empty() {
		var oid asn1.ObjectIdentifier
		if !attributes.ReadASN1(&attribute, cbasn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) ||
			!attribute.ReadASN1(&set, cbasn1.SET) || !attribute.Empty() {
			return nil, errors.New("malformed attribute")
		}
		if !oid.Equal(SecondKey) {
			continue
		}
		if found != nil || !namedCurve(set) {
			return nil, errors.New("the second key stands there twice, or its curve is not named")
		}
		var err error
		if found, err = smx509.ParsePKIXPublicKey(set); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// PublicKeySHA256 is what the statement carries and what the certificate made from
// this request will answer to the method of the same name.
func (c *CSR) PublicKeySHA256() string { return c.keySum }

// Algorithm is the signature algorithm that belongs to the key.
func (c *CSR) Algorithm() Algorithm { return c.algorithm }
