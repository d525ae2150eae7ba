package mobilecert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"certlink/confirm"
	"certlink/trust"
)

// Direct asks for a certificate without a phone and without a statement: of an
// operator whose own registration has checked the person, by its program's token.
type Direct struct {
	// Request names it to that program: a repeat finds what was made.
	Request string
	By      Actor // the program
	Product string
	Person  *Person // whom the certificate names
	CSR     []byte
}

// id is of its own kind, so that no program can name what another has asked for.
func (d Direct) id() string {
	sum := sha256.Sum256([]byte("direct\x00" + d.By.ID + "\x00" + d.Request))
	return hex.EncodeToString(sum[:16])
}

// IssueDirect makes the certificate, or finds it made. Of a product whose authority
// has no interface it waits for the reviewers.
func (v *Certificates) IssueDirect(ctx context.Context, in Direct) (*Certificate, error) {
	product := v.cfg.Products.find(in.Product)
	if product == nil {
		return nil, ErrProductUnknown
	}
	csr, err := trust.ParseCSR(in.CSR)
	if err != nil {
		return nil, err
	}
	if csr.Algorithm() != product.Algorithm {
		return nil, confirm.ErrKeyMismatch.Becausef("product %s is for %s", product.ID, product.Algorithm)
	}
	p := in.Person
	c, err := v.Issue(ctx, Issuance{
		ID: in.id(), Product: product, CSR: csr, At: v.cfg.Clock(),
		Account: confirm.Party{ID: p.ID, Name: p.Name, OrganisationID: p.OrganisationID, Organisation: p.Organisation},
		Subject: Subject{CommonName: p.Name, Organisation: p.Organisation}, Person: p.IDNumber, CreditCode: p.CreditCode, By: &in.By,
	})
	switch {
	case err != nil:
		return nil, err
	case c.Key != csr.PublicKeySHA256() || c.Account.ID != p.ID || c.Product != product.ID:
		return nil, ErrRequestReused
	case c.State == Declined:
		return nil, ErrDeclined
	}
	return c, nil
}
