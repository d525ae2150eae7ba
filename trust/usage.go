package trust

import (
	"encoding/asn1"

	"github.com/emmansun/gmsm/smx509"
)

const (
	signUsages    = smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment
	encryptUsages = smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment | smx509.KeyUsageKeyAgreement
)

// CanSign says whether the certificate is a holder's certificate for signing. A
// certificate without the key usage extension may do everything (RFC 5280 §4.2.1.3);
// an authority's, and one made only for a service, may not sign statements.
func (c *Certificate) CanSign() bool {
	return c.allows(signUsages) && !c.X.IsCA && !c.forServicesOnly()
}

// CanEncrypt says whether data may be encrypted for the certificate's key.
func (c *Certificate) CanEncrypt() bool {
	return c.allows(encryptUsages) && !c.X.IsCA && !c.forServicesOnly()
}

func (c *Certificate) allows(any smx509.KeyUsage) bool {
	return c.X.KeyUsage&any != 0 || !c.hasExtension(oidKeyUsage)
}

var (
	oidKeyUsage        = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidPolicyLimits    = asn1.ObjectIdentifier{2, 5, 29, 36}
	oidInhibitPolicy   = asn1.ObjectIdentifier{2, 5, 29, 54}
)

func (c *Certificate) hasExtension(oid asn1.ObjectIdentifier) bool {
	for _, e := range c.X.Extensions {
		if e.Id.Equal(oid) {
			return true
		}
	}
	return false
}

// forServicesOnly says whether every extended usage named is a machine's: the same
// authorities issue certificates for web servers, time stamps and OCSP responders,
// whose operators must not be able to confirm statements with them.
func (c *Certificate) forServicesOnly() bool {
	if len(c.X.ExtKeyUsage) == 0 || len(c.X.UnknownExtKeyUsage) > 0 {
		return false
	}
	for _, u := range c.X.ExtKeyUsage {
		switch u {
		case smx509.ExtKeyUsageServerAuth, smx509.ExtKeyUsageOCSPSigning, smx509.ExtKeyUsageTimeStamping:
		default:
			return false
		}
	}
	return true
}
