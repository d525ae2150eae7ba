package renewal

import (
	"context"
	"slices"

	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/trust"
)

// IdentityMethods are the ways to prove an identity anew. The old key has expired
// and cannot do it.
var IdentityMethods = []string{"mail", "on_site", "face"}

// Prove notes that a reviewer has had the holder's identity proved anew, because the
// certificate expired between payment and extension. From then on the renewal
// entitles to a new certificate, without another payment.
func (v *Service) Prove(ctx context.Context, by mobilecert.Actor, id, method string) (*Renewal, error) {
	return v.change(ctx, id, func(n *Renewal) error {
		switch {
		case n.Identity != nil:
			return store.ErrUnchanged
		case n.State != Extension:
			return ErrState.With("state", string(n.State))
		case n.Certificate.Medium != mobilecert.Mobile:
			return ErrToken
		case !v.cfg.Clock().After(n.Certificate.NotAfter):
			return ErrNotExpired
		case !slices.Contains(IdentityMethods, method):
			return ErrState
		}
		now := v.cfg.Clock()
		n.Identity = &Identity{Method: method, At: now, By: by}
		n.happened("renewal.identity_proved", now, by, "", method)
		n.notify("renewal_identity_proved", now)
		return nil
	})
}

// Grant is what entitles to the certificate in the place of an expired one; it
// stands beside the grants of applications. nil: there is no such renewal.
func (v *Service) Grant(ctx context.Context, id, account string) (*mobilecert.Grant, error) {
	n, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case n.Account.ID != account:
		return nil, mobilecert.ErrNotYourAccount
	case n.State != Extension && n.State != Extended:
		return nil, ErrState.With("state", string(n.State))
	case n.Identity == nil:
		return nil, ErrExpired
	}
	old, err := v.cfg.Certificates.Get(ctx, n.Certificate.ID)
	if err != nil {
		return nil, err
	}
	if n.State == Extension {
		// An expired key cannot sign for open bids, so they are waited for.
		if err := v.cfg.Bids.Check(ctx, old.Content); err != nil {
			return nil, err
		}
	}
	cert, err := trust.ParseCertificate(old.DER)
	if err != nil {
		return nil, err
	}
	policy, err := v.cfg.Catalogue.Policy(old.Provider)
	if err != nil {
		return nil, err
	}
	who := trust.Identify(cert, policy.Identifiers)
	return &mobilecert.Grant{ID: n.ID, Product: old.Product, Account: n.Account.ID, Subject: old.Subject,
		Person: who.Person, CreditCode: who.Organisation}, nil
}

// CarryIssued is the handler for mobilecert.EffectIssued of a certificate that a
// renewal has granted: it takes the expired one's place.
func (v *Service) CarryIssued(ctx context.Context, e effect.Effect) error {
	c, err := v.cfg.Certificates.Get(ctx, e.Data["certificate"])
	if err != nil {
		return err
	}
	return v.finish(ctx, e.Data["grant"], c, c.Device)
}
