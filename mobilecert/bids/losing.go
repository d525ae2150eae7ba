package bids

import (
	"context"
	"slices"

	"certlink/mobilecert"
)

// Needed are the bids that only the keys of one phone can open.
type Needed struct {
	Open   []Item // by opening time
	Digest string // names exactly this list
}

// NeededOf lists the open bids under all certificates whose keys a phone holds, also
// under those that have ended: their keys decrypt until the last opening.
func (l *Ledger) NeededOf(ctx context.Context, device string) (*Needed, error) {
	held, err := l.heldBy(ctx, device)
	if err != nil {
		return nil, err
	}
	n := &Needed{}
	for _, certificate := range held {
		s, err := l.Standing(ctx, certificate)
		if err != nil {
			return nil, err
		}
		n.Open = append(n.Open, s.Open...)
	}
	slices.SortFunc(n.Open, byOpening)
	n.Digest = digest(n.Open)
	return n, nil
}

// MayLose stops what would take its keys from a phone while bids wait for them. It
// goes on for whoever names the list that they were shown: a phone that was stolen
// must be stopped all the same, but not unawares.
func (l *Ledger) MayLose(ctx context.Context, device, acknowledged string) (*Needed, error) {
	n, err := l.NeededOf(ctx, device)
	if err != nil || len(n.Open) == 0 || n.Digest == acknowledged {
		return n, err
	}
	return nil, listed(ErrKeyNeeded, n.Open).With("acknowledge", n.Digest)
}

// heldBy lists the ContentIDs of the certificates that a phone has collected, or has
// signed a standing binding with.
func (l *Ledger) heldBy(ctx context.Context, device string) ([]string, error) {
	held, err := mobilecert.HeldBy(ctx, l.cfg.Certificates, l.cfg.Bindings, device)
	if err != nil {
		return nil, err
	}
	var contents []string
	for _, h := range held {
		if content := h.Content(); content != "" && !slices.Contains(contents, content) {
			contents = append(contents, content)
		}
	}
	return contents, nil
}
