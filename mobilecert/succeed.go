package mobilecert

import (
	"context"
	"errors"
	"time"

	"certlink/store"
	"certlink/trust"
)

// Holding finds the active binding of a certificate, be it the one that signs or
// its encryption twin; nil without one.
func (v *Bindings) Holding(ctx context.Context, cert *trust.Certificate) (*Binding, error) {
	b, err := v.Of(ctx, cert)
	if err != nil || b != nil {
		return b, err
	}
	b, _, err = v.docs.First(ctx, store.Equal("pair", cert.ContentID()))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return b, err
}

// Succession is the move of a binding from a certificate to its successor.
type Succession struct {
	Old, New *Certificate
	Device   string // that holds the new one; "" for a token
	// Pair and Encryption are, of a token, what lies beside the new one; see Binding.
	Pair       *Bound
	Encryption []byte
	// Evidence is the statement by which the holder asked for it.
	Evidence string
	By       Actor
	At       time.Time
}

// Succeed moves the binding that the old certificate has to the new one: one
// write, so that there is no moment in which the account has none and none in
// which it has two. A repeat finds it done. nil: the old one is not bound.
func (v *Bindings) Succeed(ctx context.Context, in Succession) (*Binding, error) {
	bound, err := boundOf(in.New)
	if err != nil {
		return nil, err
	}
	pair := in.Pair
	if t := in.New.Twin; pair == nil && t != nil && len(t.DER) > 0 {
		if pair, err = t.bound(in.New); err != nil {
			return nil, err
		}
	}
	for {
		b, err := v.holding(ctx, in.Old.Content)
		if err != nil {
			return nil, err
		}
		if b == nil { // moved by an earlier try, or never bound
			return v.holding(ctx, in.New.Content)
		}
		b, err = v.docs.Update(ctx, b.ID, func(b *Binding) error {
			if b.State != Active || b.Certificate.Content != in.Old.Content {
				return store.ErrUnchanged // unbound, or moved, by somebody faster
			}
			b.Certificate, b.Pair, b.Device, b.Encryption, b.Elsewhere = *bound, pair, in.Device, in.Encryption, false
			b.happened("binding.moved", in.At, in.By, in.Evidence)
			return nil
		})
		if store.IsDuplicate(err, "certificate") {
			return v.holding(ctx, in.New.Content) // its holder has bound it already
		}
		if err != nil {
			return nil, err
		}
		if b.State == Active && b.Certificate.Content == bound.Content {
			return b, nil
		}
	}
}

// boundOf is a certificate issued here as a binding remembers it.
func boundOf(c *Certificate) (*Bound, error) {
	x, err := trust.ParseCertificate(c.DER)
	if err != nil {
		return nil, err
	}
	alg, err := x.Algorithm()
	if err != nil {
		return nil, err
	}
	return &Bound{
		Fingerprint: x.Fingerprint(), Content: x.ContentID(), Serial: x.SerialHex(), Subject: maskName(x.Subject(), trust.Identity{}),
		HolderName: c.Subject.CommonName, OrganisationName: c.Subject.Organisation,
		Algorithm: alg, NotBefore: x.NotBefore().UTC(), NotAfter: x.NotAfter().UTC(),
	}, nil
}
