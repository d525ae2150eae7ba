package renewal

import (
	"context"
	"errors"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/retain"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/store"
)

// EffectErased is owed when a renewal has been erased: data holds renewal. Its face
// checks go then.
const EffectErased = "renewal.erased"

// lapses says whether it is paid for and its holder's to go on with, on the phone or at
// the authority's site. Then it is kept for the longer time, since somebody can claim
// what they have paid for; after it the money goes back.
func (r *Renewal) lapses() bool {
	return r.State == Extension || r.State == Extending && r.Course != nil
}

// waits is the value of retain.Index: since when a renewal waits for being erased, ""
// where it does not. What an authority has is a reviewer's to end first.
func (r *Renewal) waits() string {
	switch {
	case r.ErasedAt != nil:
	case r.State == Extended:
		since := *r.EndedAt
		if r.TermEnds != nil {
			since = *r.TermEnds
		}
		return retain.Finished(since)
	case r.lapses():
		since := *r.PaidAt
		if r.Certificate.NotAfter.After(since) {
			since = r.Certificate.NotAfter
		}
		return retain.Finished(since)
	case r.State == Cancelled, r.State == Refunded:
		return retain.Idle(*r.EndedAt)
	case r.State == Payment: // a crash kept it from having an order, which would end by itself
		return retain.Idle(r.CreatedAt)
	}
	return ""
}

// Erase takes the personal data out of what has been kept long enough; that there was
// a renewal, and who did what when, stays. It may be broken off anywhere, and run on
// two servers at once.
func (v *Service) Erase(ctx context.Context, terms retain.Terms) error {
	now := v.cfg.Clock()
	return retain.Each(ctx, v.docs, terms, now, func(n *Renewal) error { return v.eraseOne(ctx, n, now, terms) })
}

func (v *Service) eraseOne(ctx context.Context, n *Renewal, now time.Time, terms retain.Terms) error {
	due, ends := n.waits(), time.Time{}
	if n.lapses() {
		if claimed, err := v.cfg.Certificates.Claimed(ctx, n.ID, ""); err != nil || claimed {
			return err // a new certificate is on its way
		}
		if err := v.cfg.Bids.Release(ctx, n.Certificate.Content, n.ID); err != nil {
			return err
		}
	}
	if n.State == Extended {
		switch c, err := v.cfg.Certificates.Last(ctx, n.Attempt.Successor); {
		case errors.Is(err, mobilecert.ErrCertificateUnknown):
		case err != nil:
			return err
		default:
			ends = c.Ends()
		}
	}
	_, err := v.change(ctx, n.ID, func(n *Renewal) error {
		if n.waits() != due {
			return store.ErrUnchanged // something has happened to it meanwhile
		}
		if n.lapses() { // it is erased as what was paid back
			n.Attempt = nil
			return n.move(Refunding, now, mobilecert.System, "", "lapsed")
		}
		if ends.After(now.Add(-terms.Finished)) {
			n.TermEnds = &ends // the index moves on
			return nil
		}
		return n.erase(now)
	})
	return err
}

func (r *Renewal) erase(now time.Time) error {
	if r.State == Payment {
		r.giveUp("lapsed", now)
		if err := r.move(Cancelled, now, mobilecert.System, "", ""); err != nil {
			return err
		}
	}
	r.Certificate.HolderName, r.Account.Name, r.By.Name = "", "", ""
	r.Requester, r.Face = confirm.Requester{}, nil
	if r.Identity != nil {
		r.Identity.By.Name = ""
	}
	if r.Course != nil {
		r.Course.Ref, r.Course.URL, r.Course.Note = "", "", ""
	}
	for i := range r.History {
		r.History[i].By.Name, r.History[i].Note = "", ""
	}
	r.ErasedAt = &now
	r.happened("renewal.erased", now, mobilecert.System, "", "")
	r.Owe(effect.New(EffectErased, now, map[string]string{"renewal": r.ID}))
	return nil
}

// CarryErased is the relay's handler for EffectErased.
func (v *Service) CarryErased(ctx context.Context, e effect.Effect) error {
	return v.cfg.Faces.Forget(ctx, identity.Subject{Kind: SubjectKind, ID: e.Data["renewal"]})
}
