package mobilecert

import (
	"context"
	"time"

	"certlink/confirm"
	"certlink/trust"
)

// Import is a certificate that was made elsewhere, on a U-Key for instance, for an
// account here.
type Import struct {
	// ID makes a repeat harmless: of the application, or of the act that brings it;
	// "" for the certificate's own name.
	ID       string
	DER      []byte
	Provider string
	Product  string
	Medium   Medium
	Account  confirm.Party
	// Person and CreditCode are what the identity in it must agree with, by the
	// provider's rules of where it stands.
	Person, CreditCode         string
	GrantKind, Grant, Replaces string
	// Predecessor is the certificate that it extends, by id; "" for a new one.
	Predecessor string
	By          Actor
}

// Import records a certificate made elsewhere: in its term, under one of the
// provider's anchors, for whom it should be, and not known here before.
func (v *Certificates) Import(ctx context.Context, in Import) (*Certificate, error) {
	found, err := v.read(in.Provider, in.DER)
	if err != nil {
		return nil, err
	}
	if err := agree(found.Identity, &Person{IDNumber: in.Person, CreditCode: in.CreditCode}); err != nil {
		return nil, err
	}
	cert, now := found.Chain[0], v.cfg.Clock()
	c := &Certificate{
		ID: in.ID, State: Issuing, Provider: in.Provider, Product: in.Product, Medium: in.Medium, Foreign: v.cfg.Own == nil || !v.cfg.Own(cert),
		Account: in.Account, Key: cert.PublicKeySHA256(), GrantKind: in.GrantKind, Grant: in.Grant, Replaces: in.Replaces,
		Serial: cert.SerialHex(), NotBefore: cert.NotBefore().UTC(), NotAfter: cert.NotAfter().UTC(),
		Subject: Subject{found.Identity.PersonName, found.Identity.OrganisationName}, CreatedAt: now,
	}
	if c.ID == "" {
		c.ID = cert.ContentID()
	}
	if in.Predecessor != "" {
		old, err := v.Get(ctx, in.Predecessor)
		if err != nil {
			return nil, err
		}
		c.Predecessor, c.KeyKept = old.ID, old.Key == c.Key
	}
	c.take(&Signed{Certificate: cert.Raw, Chain: above(found.Chain)}, cert)
	if err := c.move(Issued, now, in.By, "", "imported"); err != nil {
		return nil, err
	}
	stored, _, err := v.create(ctx, c)
	if err != nil {
		return nil, err
	}
	if stored.Content != c.Content {
		return nil, ErrCertificateKnown.Becausef("%s holds another certificate", c.ID)
	}
	return stored, nil
}

// read checks a certificate from outside: that it is one for signing, within its
// term, under the provider's anchors. Whether it was revoked is asked when it is
// used: a list of today says nothing of a certificate made today.
func (v *Certificates) read(provider string, der []byte) (*trust.Checked, error) {
	policy, err := v.cfg.Catalogue.Policy(provider)
	if err != nil {
		return nil, err
	}
	cert, err := trust.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	offline := *policy
	offline.Revocation = trust.RevocationNone
	// A second's grace: whoever has just made it may have a clock before ours.
	return offline.Check(context.Background(), cert, nil, v.cfg.Clock().Add(time.Second), nil)
}

// above is the chain from the issuer on, without the root.
func above(chain []*trust.Certificate) [][]byte {
	var out [][]byte
	for i, c := range chain[1:] {
		if i == len(chain)-2 && c.SelfIssued() && len(chain) > 2 {
			break
		}
		out = append(out, c.Raw)
	}
	return out
}
