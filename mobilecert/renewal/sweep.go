package renewal

import (
	"context"
	"errors"
	"time"

	"certlink/mobilecert"
	"certlink/store"
)

// givenUp is how long an extension whose statement came to nothing stands as under
// way: longer than any carrier tries.
const givenUp = 24 * time.Hour

// Sweep looks after what waits: extensions that a crash has left, and paid ones
// whose certificate has ended. Anyone may sweep at any time.
func (v *Service) Sweep(ctx context.Context) error {
	if err := v.each(ctx, Extending, v.look); err != nil {
		return err
	}
	return errors.Join(v.each(ctx, Payment, v.ended), v.each(ctx, Extension, v.ended))
}

func (v *Service) each(ctx context.Context, s State, do func(context.Context, *Renewal) error) error {
	q := store.Query{Index: "work", Prefix: store.KeyPrefix(string(s)), Limit: 100}
	return v.docs.Walk(ctx, q, func(n *Renewal) error { return do(ctx, n) })
}

// look finishes an extension whose successor is there, and gives one up that has
// none after a day or whose authority has declined it.
func (v *Service) look(ctx context.Context, n *Renewal) error {
	if n.Course != nil {
		return v.poll(ctx, n)
	}
	stale := v.cfg.Clock().After(n.Attempt.Since.Add(givenUp))
	c, err := v.cfg.Certificates.Get(ctx, n.Attempt.Statement)
	switch {
	case errors.Is(err, mobilecert.ErrCertificateUnknown):
		if !stale {
			return nil
		}
		return v.fail(ctx, n.ID, n.Attempt.Statement, ErrState)
	case err != nil:
		return err
	}
	switch c.State {
	case mobilecert.Waiting:
		return nil
	case mobilecert.Declined:
		return v.fail(ctx, n.ID, n.Attempt.Statement, mobilecert.ErrCertificateState)
	case mobilecert.Issuing:
		if !stale {
			return nil
		}
		return v.cfg.Certificates.Abandon(ctx, c.ID) // the next round finds it declined
	}
	return v.finish(ctx, n.ID, c, c.Device)
}

// ended gives up what was asked for a certificate that was revoked since, and pays
// back what was paid.
func (v *Service) ended(ctx context.Context, n *Renewal) error {
	c, err := v.cfg.Certificates.Get(ctx, n.Certificate.ID)
	if err != nil || c.State != mobilecert.Revoked {
		return err
	}
	_, err = v.change(ctx, n.ID, func(n *Renewal) error {
		switch n.State {
		case Payment:
			n.giveUp("certificate_ended", v.cfg.Clock())
			return n.move(Cancelled, v.cfg.Clock(), n.By, "", "certificate revoked")
		case Extension:
		default:
			return store.ErrUnchanged
		}
		return n.move(Refunding, v.cfg.Clock(), n.By, "", "certificate revoked")
	})
	return err
}
