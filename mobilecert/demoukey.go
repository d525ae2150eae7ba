package mobilecert

import (
	"context"
	"time"

	"certlink/confirm"
	"certlink/internal/id"
	"certlink/trust"
)

// DemoUKey certifies the keys of the bridge's software token, so that U-Keys can be
// tried without one. It is for demo mode only.
type DemoUKey struct {
	cfg          Config
	certificates *Certificates
	provider     string
	issuer       Issuer
}

// NewDemoUKey makes it for one provider's certificates.
func NewDemoUKey(c Config, certificates *Certificates, provider string, issuer Issuer) *DemoUKey {
	return &DemoUKey{cfg: c, certificates: certificates, provider: provider, issuer: issuer}
}

// DemoUKeyProduct is what the certificates of demo tokens are. They end soon, so that
// a renewal can be tried at once.
const DemoUKeyProduct = "demo-ukey"

const demoUKeyTerm = 60 * 24 * time.Hour

// Issue makes a certificate that names the account's person and, where the token has a
// second key, its encryption twin.
func (d *DemoUKey) Issue(ctx context.Context, account string, csr, second *trust.CSR) (*Certificate, error) {
	holder, err := d.cfg.People.Person(ctx, account)
	if err != nil {
		return nil, err
	}
	if known, err := d.certificates.KeyKnown(ctx, csr.PublicKeySHA256()); err != nil || known {
		return nil, orKeyReused(err)
	}
	product := &Product{ID: DemoUKeyProduct, Name: Name{"演示 U-Key 证书", "Demo U-Key certificate"}, Provider: d.provider,
		Algorithm: csr.Algorithm(), Term: demoUKeyTerm, Issuer: d.issuer, Demo: true}
	if second != nil {
		both := *csr
		both.Encryption, csr = second.Public, &both
		product.Pair = &PairTerms{Maker: ByHolder}
	}
	return d.certificates.Issue(ctx, Issuance{
		ID: id.New(), Product: product, Medium: UKey,
		Account: confirm.Party{ID: holder.ID, Name: holder.Name, OrganisationID: holder.OrganisationID, Organisation: holder.Organisation},
		CSR:     csr,
		Subject: Subject{CommonName: holder.Name, Organisation: holder.Organisation},
		Person:  holder.IDNumber, CreditCode: holder.CreditCode,
		At: d.cfg.Clock(),
	})
}

func orKeyReused(err error) error {
	if err != nil {
		return err
	}
	return ErrKeyReused
}
