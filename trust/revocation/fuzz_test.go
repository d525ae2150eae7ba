package revocation

import (
	"math/big"
	"testing"

	"github.com/emmansun/gmsm/smx509"

	"certlink/internal/fault"
	"certlink/trust"
	tt "certlink/trust/trusttest"
)

func FuzzParseCRL(f *testing.F) {
	ca := tt.Root(f, trust.SM2SM3, "ca")
	for _, entries := range [][]smx509.RevocationListEntry{nil, {{SerialNumber: big.NewInt(200), RevocationTime: tt.Now, ReasonCode: 3}}} {
		der, err := smx509.CreateRevocationList(nil, &smx509.RevocationList{Number: big.NewInt(1), ThisUpdate: tt.Now, NextUpdate: tt.Now.AddDate(0, 0, 1),
			RevokedCertificateEntries: entries}, ca.Cert.X, ca.Key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	leaf := ca.Leaf(f, trust.SM2SM3).Cert
	stranger := tt.Root(f, trust.SM2SM3, "ca").Cert
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := parseCRL(der)
		if err != nil {
			if fault.Of(err) == nil {
				t.Errorf("without a code: %v", err)
			}
			return
		}
		c.covers(leaf, "http://x")
		if c.signedBy(stranger) == nil {
			t.Error("believed without a signature")
		}
		// What the other reader of lists reads as revoked must be revoked here, too.
		if other, err := smx509.ParseRevocationList(der); err == nil {
			for _, e := range other.RevokedCertificateEntries {
				if _, ok := c.revoked[string(e.SerialNumber.Bytes())]; !ok && e.SerialNumber.Sign() >= 0 {
					t.Errorf("%s is revoked and is not seen", e.SerialNumber)
				}
			}
		}
	})
}
