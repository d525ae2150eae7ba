package trust

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"errors"

	"github.com/emmansun/gmsm/smx509"

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
	return c, nil
}

// PublicKeySHA256 is what the statement carries and what the certificate made from
// this request will answer to the method of the same name.
func (c *CSR) PublicKeySHA256() string { return c.keySum }

// Algorithm is the signature algorithm that belongs to the key.
func (c *CSR) Algorithm() Algorithm { return c.algorithm }
