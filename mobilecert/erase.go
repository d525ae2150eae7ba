package mobilecert

import (
	"context"
	"time"

	"certlink/internal/retain"
	"certlink/store"
)

// System is who acts when time does.
var System = Actor{ID: "system"}

// waits is the value of retain.Index: since when a request that has not become a
// certificate waits for being erased, "" for all others. One that an authority has is a
// reviewer's to end first.
func (c *Certificate) waits() string {
	switch {
	case c.ErasedAt != nil:
	case c.State == Issuing: // its statement came to nothing
		return retain.Idle(c.CreatedAt)
	case c.State == Declined:
		return retain.Idle(*c.EndedAt)
	}
	return ""
}

// Erase takes whom it was about out of what was asked for and never made. It may be
// broken off anywhere, and run on two servers at once.
func (v *Certificates) Erase(ctx context.Context, terms retain.Terms) error {
	now := v.cfg.Clock()
	return retain.Each(ctx, v.docs, terms, now, func(c *Certificate) error {
		due := c.waits()
		_, err := v.change(ctx, c.ID, func(c *Certificate) error {
			if c.waits() != due {
				return store.ErrUnchanged // it has come to something meanwhile
			}
			return c.erase(now)
		})
		return err
	})
}

func (c *Certificate) erase(now time.Time) error {
	if c.State == Issuing {
		if err := c.move(Declined, now, System, "", "abandoned"); err != nil {
			return err
		}
	}
	c.Subject.CommonName, c.Account.Name = "", ""
	for i := range c.History {
		c.History[i].By.Name, c.History[i].Note = "", ""
	}
	c.ErasedAt = &now
	c.History = append(c.History, Event{At: now, Act: "certificate.erased", By: System})
	c.Owe(c.audit(now, "certificate.erased", System))
	return nil
}

// Last is the certificate that one has come to: itself, or what extensions have put in
// its place.
func (v *Certificates) Last(ctx context.Context, id string) (*Certificate, error) {
	c, err := v.Get(ctx, id)
	for err == nil && c.Successor != "" {
		c, err = v.Get(ctx, c.Successor)
	}
	return c, err
}

// Claimed says whether a certificate was made of a grant, or is being made.
func (v *Certificates) Claimed(ctx context.Context, grant, replaces string) (bool, error) {
	docs, _, err := v.cfg.Store.Query(ctx, certificateCollection.Name, limited(store.Equal("grant", store.Key(grant, replaces)), 1))
	return len(docs) > 0, err
}
