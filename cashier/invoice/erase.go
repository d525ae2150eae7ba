package invoice

import (
	"context"
	"errors"
	"slices"
	"time"

	"certlink/internal/effect"
	"certlink/internal/retain"
	"certlink/store"
)

// waits is the value of retain.Index: since when an invoice waits for being erased.
func (v *Invoice) waits() string {
	switch {
	case v.ErasedAt != nil:
	case v.State == Issued:
		return retain.Finished(*v.IssuedAt)
	case v.State == Rejected:
		return retain.Idle(v.Rejected)
	}
	return ""
}

// waits is when the one was used that was used least lately.
func (t *titles) waits() string {
	var first time.Time
	for at := range t.used() {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if first.IsZero() {
		return ""
	}
	return retain.Idle(first)
}

func (t *titles) used() func(yield func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		for _, e := range t.Titles {
			if !yield(e.UsedAt) {
				return
			}
		}
		for _, r := range t.Recipients {
			if !yield(r.UsedAt) {
				return
			}
		}
	}
}

// Erase takes out of what has been kept long enough whom an invoice was sent to, all
// that a rejected application held, and the saved titles and recipients that nobody
// has used. The invoice itself, its title, its file and the proof of its payment are
// vouchers and stay. It may be broken off anywhere, and run on two servers at once.
func (s *Service) Erase(ctx context.Context, terms retain.Terms) error {
	now := s.cfg.Clock()
	err := retain.Each(ctx, s.docs, terms, now, func(v *Invoice) error {
		due := v.waits()
		if v.State == Rejected && v.Proof != "" {
			if err := s.cfg.Uploads.Delete(ctx, v.Proof); err != nil {
				return err
			}
		}
		_, err := s.change(ctx, v.ID, func(v *Invoice) error {
			if v.waits() != due {
				return store.ErrUnchanged
			}
			return s.erase(v, now)
		})
		if errors.Is(err, ErrUnknown) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if terms.Idle == 0 {
		return nil
	}
	limit := now.Add(-terms.Idle)
	q := store.Query{Index: retain.Index, Prefix: store.KeyPrefix("idle"), Below: retain.Idle(limit), Limit: 100}
	return s.titles.Walk(ctx, q, func(d *titles) error {
		_, err := s.titles.Update(ctx, d.Organisation, func(d *titles) error {
			if d.waits() == "" || d.waits() >= retain.Idle(limit) {
				return store.ErrUnchanged
			}
			d.Titles = slices.DeleteFunc(d.Titles, func(e entry) bool { return e.UsedAt.Before(limit) })
			for account, r := range d.Recipients {
				if r.UsedAt.Before(limit) {
					delete(d.Recipients, account)
				}
			}
			d.Owe(effect.New(effect.Audit, now, map[string]string{
				"act": "invoice_titles.erased", "object": "invoice_titles", "id": d.Organisation, "organisation": d.Organisation, "by": "system",
			}))
			return nil
		})
		return err
	})
}

func (s *Service) erase(v *Invoice, now time.Time) error {
	if v.State == Rejected {
		v.Sealed, v.Reason, v.Proof = "", "", ""
	} else {
		kept, err := s.open(v)
		if err != nil {
			return err
		}
		if v.Sealed, err = s.seal(v.ID, sealed{Title: kept.Title}); err != nil {
			return err
		}
	}
	v.ErasedAt = &now
	v.happened("invoice.erased", now, "system", "")
	return nil
}
