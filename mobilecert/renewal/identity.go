package renewal

import (
	"context"
	"slices"
	"time"

	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/store"
)

// IdentityMethods are the ways by which a reviewer has an identity proved anew. The old
// key has expired and cannot do it.
var IdentityMethods = []string{"mail", "on_site", "face"}

// Prove notes that a reviewer has had the holder's identity proved anew, because the
// certificate expired between payment and extension. From then on the renewal
// entitles to a new certificate, without another payment.
func (v *Service) Prove(ctx context.Context, by mobilecert.Actor, id, method string) (*Renewal, error) {
	return v.change(ctx, id, func(n *Renewal) error {
		if n.Identity != nil {
			return store.ErrUnchanged
		}
		if err := v.provable(n); err != nil {
			return err
		}
		if !slices.Contains(IdentityMethods, method) {
			return ErrState
		}
		n.proved(method, v.cfg.Clock(), by)
		return nil
	})
}

func (r *Renewal) proved(method string, at time.Time, by mobilecert.Actor) {
	r.Identity = &Identity{Method: method, At: at, By: by}
	r.happened("renewal.identity_proved", at, by, "", method)
	r.notify("renewal_identity_proved", at)
}

// Unproved lists, for reviewers, the renewals that wait for their holder's identity to
// be proved anew, what expired first coming first.
func (v *Service) Unproved(ctx context.Context, after store.Cursor, limit int) ([]*Renewal, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "unidentified", Below: store.TimeKey(v.cfg.Clock()), After: after, Limit: limit})
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
	who, err := v.cfg.Certificates.Names(old)
	if err != nil {
		return nil, err
	}
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
