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

// Issue makes a certificate that names the account's person.
func (d *DemoUKey) Issue(ctx context.Context, account string, csr *trust.CSR) (*Certificate, error) {
	holder, err := d.cfg.People.Person(ctx, account)
	if err != nil {
		return nil, err
	}
	if known, err := d.certificates.KeyKnown(ctx, csr.PublicKeySHA256()); err != nil || known {
		return nil, orKeyReused(err)
	}
	return d.certificates.Issue(ctx, Issuance{
		ID: id.New(),
		Product: &Product{ID: "demo-ukey", Name: Name{"演示 U-Key 证书", "Demo U-Key certificate"}, Provider: d.provider,
			Algorithm: csr.Algorithm(), Term: 365 * 24 * time.Hour, Issuer: d.issuer, Demo: true},
		Medium:  UKey,
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
