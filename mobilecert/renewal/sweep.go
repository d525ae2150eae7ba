package renewal

import (
	"context"
	"errors"
	"time"

	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/store"
)

// givenUp is how long an extension whose statement came to nothing stands as under
// way: longer than any carrier tries.
const givenUp = 24 * time.Hour

// The pauses between two looks at a renewal.
const (
	lookSoon = 30 * time.Second
	// lookMost is the longest while that an authority's work is waited for.
	lookMost = 5 * time.Minute
	// lookDaily is for what only the holder can bring on.
	lookDaily = 24 * time.Hour
)

// looked says whether a renewal in this state is looked after by the sweeper.
func (r *Renewal) looked() bool {
	return r.State == Payment || r.State == Extension || r.State == Extending
}

// pause is how long the sweeper leaves a renewal alone that it has looked at. The
// authority is asked less and less often while nothing happens there.
func (r *Renewal) pause(now time.Time) time.Duration {
	if r.State != Extending {
		return lookDaily
	}
	since := r.Attempt.Since
	if r.Course != nil {
		since = r.Course.SteppedAt
	}
	return min(max(now.Sub(since)/60, lookSoon), lookMost)
}

// Sweep looks after what waits and is due: extensions that a crash has left, the
// authority's word on others, and what was asked for a certificate that has ended.
// Anyone may sweep at any time. One that cannot be looked at keeps the others from
// nothing.
func (v *Service) Sweep(ctx context.Context) error {
	q := store.Query{Index: "due", Below: store.TimeKey(v.cfg.Clock().Add(time.Microsecond)), Limit: 100}
	var failed error
	for {
		list, next, err := v.docs.Query(ctx, q)
		if err != nil {
			return err
		}
		for _, n := range list {
			if err := v.lookAt(ctx, n); err != nil {
				failed = errors.Join(failed, err)
			}
		}
		if next == "" || ctx.Err() != nil {
			return failed
		}
		q.After = next
	}
}

// lookAt looks at one renewal, and says when the next time is. One that has moved
// on meanwhile has said so itself.
func (v *Service) lookAt(ctx context.Context, n *Renewal) error {
	do := v.ended
	if n.State == Extending {
		do = v.look
	}
	if err := do(ctx, n); err != nil {
		return err
	}
	_, err := v.change(ctx, n.ID, func(now *Renewal) error {
		if !now.looked() || now.State != n.State || !now.LookAt.Equal(*n.LookAt) {
			return store.ErrUnchanged
		}
		at := v.cfg.Clock()
		now.looksAt(at.Add(now.pause(at)))
		return nil
	})
	return err
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
		if err := v.cfg.Certificates.Abandon(ctx, c.ID); err != nil {
			return err
		}
		return v.look(ctx, n) // which finds it declined, or made just now
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

// CarryRevoked is the handler for mobilecert.EffectRevoked: what was asked for the
// certificate is given up at once.
func (v *Service) CarryRevoked(ctx context.Context, e effect.Effect) error {
	n, err := v.Open(ctx, e.Data["certificate"])
	if err != nil || n == nil {
		return err
	}
	return v.ended(ctx, n)
}
