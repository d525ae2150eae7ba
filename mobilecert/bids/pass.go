package bids

import (
	"context"
	"errors"
	"time"

	"certlink/internal/fault"
	"certlink/store"
)

// Standing is how the guard of a certificate stands.
type Standing struct {
	Open []Item
	// Acknowledged: the holder has signed for all that is open now.
	Acknowledged bool
	// Evidence of the last acknowledgement, "" where there was none.
	Evidence string
	// LastOpening is when the last bid is to be opened; zero without open ones.
	// Until then the key must be kept.
	LastOpening time.Time
	Digest      string
}

// Standing reads how the guard of a certificate stands, by its ContentID.
func (l *Ledger) Standing(ctx context.Context, certificate string) (*Standing, error) {
	g, _, err := l.guards.Get(ctx, certificate)
	if errors.Is(err, store.ErrNotFound) {
		return &Standing{Acknowledged: true, Digest: digest(nil)}, nil
	}
	if err != nil {
		return nil, err
	}
	open := g.at(l.cfg.Clock(), l.cfg.Grace)
	s := &Standing{Open: open, Acknowledged: g.Acknowledged.covers(open), Digest: digest(open)}
	if g.Acknowledged != nil {
		s.Evidence = g.Acknowledged.Statement
	}
	if n := len(open); n > 0 {
		s.LastOpening = open[n-1].OpensAt
	}
	return s, nil
}

// Check refuses with what is open, unless it was acknowledged.
func (l *Ledger) Check(ctx context.Context, certificate string) error {
	s, err := l.Standing(ctx, certificate)
	if err != nil || s.Acknowledged {
		return err
	}
	return stopped(s.Open)
}

// Pass lets an extension through, or refuses as Check does. It is one write to
// the guard: a bid that is recorded before it stops the extension, and one that
// comes after it is told that the certificate has been extended. Repeating it for
// the same statement is the same passage.
func (l *Ledger) Pass(ctx context.Context, certificate, account, organisation, statement string) error {
	for {
		now := l.cfg.Clock()
		_, err := l.guards.Update(ctx, certificate, func(g *Guard) error {
			if g.Passed != nil && g.Passed.Statement == statement {
				return store.ErrUnchanged
			}
			open := g.at(now, l.cfg.Grace)
			if !g.Acknowledged.covers(open) {
				return stopped(open)
			}
			g.Passed = &Passage{Statement: statement, At: now}
			if len(open) > 0 {
				g.Passed.Digest = g.Acknowledged.Digest
			}
			return nil
		})
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		g := &Guard{ID: certificate, Account: account, Organisation: organisation, Open: []Item{}, Passed: &Passage{Statement: statement, At: now}}
		if err := l.guards.Create(ctx, g); !errors.Is(err, store.ErrExists) {
			return err
		}
	}
}

// Release takes back the passage of an extension that came to nothing.
func (l *Ledger) Release(ctx context.Context, certificate, statement string) error {
	_, err := l.guards.Update(ctx, certificate, func(g *Guard) error {
		if g.Passed == nil || g.Passed.Statement != statement {
			return store.ErrUnchanged
		}
		g.Passed = nil
		return nil
	})
	return gone(err)
}

// shown bounds what a refusal lists.
const shown = 20

// stopped is the refusal, with the openings in the order of time.
func stopped(open []Item) error { return listed(ErrOpen, open) }

func listed(refusal *fault.Error, open []Item) *fault.Error {
	list := make([]map[string]any, 0, min(len(open), shown))
	for _, it := range open[:min(len(open), shown)] {
		list = append(list, map[string]any{"tender": it.Tender, "opens_at": it.OpensAt.UTC().Format(time.RFC3339)})
	}
	return refusal.With("bids", list).With("count", len(open))
}
