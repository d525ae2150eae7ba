package mobilecert

import (
	"context"
	"errors"

	"certlink/confirm"
	"certlink/store"
	"certlink/trust"
)

// What the rooms within this one (bids, renewal) ask of it.

// May says why who may not act for an account of that organisation.
func (w Who) May(account, organisation string) error { return w.may(account, organisation) }

// Asks is who stands behind a request, as this package knows people.
func Asks(r confirm.Request) Who { return whoAsks(r) }

// PhonesOf lists a provider's telephone numbers, none for one that has left the
// catalogue.
func (c *Catalogue) PhonesOf(provider string) []string {
	p := c.byID[provider]
	if p == nil {
		return nil
	}
	return p.numbers()
}

// Extendable says why a certificate can have no successor, nil where it can.
func (c *Certificate) Extendable() error { return c.extendable() }

// Collected is what has come of a request for the certificate.
func (c *Certificate) Collected() (*confirm.Result, error) { return collected(c) }

// Extending is what the phone is asked for to extend the certificate; what becomes
// of an encryption key is added to the statement's details.
func (v *Certificates) Extending(c *Certificate, details map[string]string) (*confirm.KeyRequest, error) {
	product := v.cfg.Products.find(c.Product)
	if product == nil {
		return nil, ErrProductUnknown
	}
	product.pairDetails(details)
	return product.keyRequest(), nil
}

// SignedKeys reads the phone's request of an accepted statement, if the keys in it
// are those that the statement names.
func SignedKeys(a *confirm.Accepted) (*trust.CSR, error) { return signedKeys(a) }

// ByContent finds the document of a certificate by its ContentID.
func (v *Certificates) ByContent(ctx context.Context, content string) (*Certificate, error) {
	c, _, err := v.docs.First(ctx, store.Equal("content", content))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrCertificateUnknown
	}
	return c, err
}

// Abandon gives an intent up whose statement has come to nothing, so that another
// statement can ask for the same. What was signed for it is never handed out: its
// signer finds that the intent has changed. What has been issued stays issued.
func (v *Certificates) Abandon(ctx context.Context, id string) error {
	_, err := v.change(ctx, id, func(c *Certificate) error {
		if c.State != Issuing {
			return store.ErrUnchanged
		}
		return c.move(Declined, v.cfg.Clock(), Actor{ID: c.Account.ID, Name: c.Account.Name}, "", "abandoned")
	})
	if errors.Is(err, ErrCertificateUnknown) {
		return nil
	}
	return err
}
