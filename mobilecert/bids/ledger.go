package bids

import (
	"context"
	"errors"
	"time"

	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/trust"
)

// Report is what a bidding system says of a bid.
type Report struct {
	External string // its own number for it
	// One of the two names the certificate: the binding that it acts through, or
	// the certificate itself (DER), be it the signing one or its encryption twin.
	Binding string
	DER     []byte
	Tender  string
	OpensAt time.Time
}

// Record writes that a bid was encrypted, or finds it written. Repeating it with
// another time or name moves the entry; with another certificate it is refused.
// created says whether it is new.
//
// The guard is told first: a crash in between leaves a bid that is guarded and
// not yet in the ledger, never the other way round, and the bidding system, which
// got no answer, asks again.
func (l *Ledger) Record(ctx context.Context, system string, r Report) (e *Entry, created bool, err error) {
	now := l.cfg.Clock()
	opens := r.OpensAt.UTC().Truncate(time.Second)
	if opens.After(now.AddDate(10, 0, 0)) || opens.Before(now.Add(-l.cfg.Grace)) {
		return nil, false, ErrTime
	}
	h, err := l.holder(ctx, r)
	if err != nil {
		return nil, false, err
	}
	id := entryID(system, r.External)
	switch e, _, err = l.entries.Get(ctx, id); {
	case err == nil && e.Certificate != h.certificate:
		return nil, false, ErrOther
	case err == nil && e.State == Closed:
		return nil, false, ErrClosed.With("state", string(e.State))
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return nil, false, err
	}
	it := Item{Entry: id, Tender: r.Tender, OpensAt: opens}
	g, err := l.tell(ctx, h, it)
	if err != nil {
		return nil, false, err
	}
	if e == nil {
		e = &Entry{ID: id, External: r.External, System: system, State: Open, Certificate: h.certificate, Fingerprint: h.fingerprint,
			Account: h.account, Organisation: h.organisation, Tender: r.Tender, OpensAt: opens, RecordedAt: now, Late: g.Passed != nil}
		e.happened("bid.recorded", now, system, Event{OpensAt: &opens})
		err = l.entries.Create(ctx, e)
		if err == nil {
			return e, true, nil
		}
		if !errors.Is(err, store.ErrExists) {
			return nil, false, err
		}
	}
	e, err = l.entries.Update(ctx, id, func(e *Entry) error {
		switch {
		case e.State == Closed:
			return ErrClosed.With("state", string(e.State))
		case e.Certificate != h.certificate:
			return ErrOther
		case e.Tender == r.Tender && e.OpensAt.Equal(opens):
			return store.ErrUnchanged
		}
		e.Tender, e.OpensAt = r.Tender, opens
		e.happened("bid.moved", now, system, Event{OpensAt: &opens})
		return nil
	})
	if err != nil { // closed, or written for another certificate, meanwhile
		return nil, false, errors.Join(err, l.forget(ctx, h.certificate, id))
	}
	return e, false, nil
}

// Close ends an entry. The ledger comes first, and owes the guard: a crash in
// between stops an extension that could go on, until the relay comes by.
func (l *Ledger) Close(ctx context.Context, system, external, reason string) (*Entry, error) {
	e, err := l.entries.Update(ctx, entryID(system, external), func(e *Entry) error {
		if e.State == Closed {
			return store.ErrUnchanged // the reply was lost
		}
		return e.move(Closed, l.cfg.Clock(), system, reason)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return e, l.forget(ctx, e.Certificate, e.ID)
}

// Get reads an entry of a bidding system.
func (l *Ledger) Get(ctx context.Context, system, external string) (*Entry, error) {
	e, _, err := l.entries.Get(ctx, entryID(system, external))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	return e, err
}

// List goes through the entries of a bidding system, newest first.
func (l *Ledger) List(ctx context.Context, system string, after store.Cursor, limit int) ([]*Entry, store.Cursor, error) {
	return l.entries.Query(ctx, store.Query{Index: "system", Prefix: store.KeyPrefix(system), Desc: true, After: after, Limit: limit})
}

// CarryGuard is the relay's handler for EffectGuard.
func (l *Ledger) CarryGuard(ctx context.Context, e effect.Effect) error {
	entry, _, err := l.entries.Get(ctx, e.Data["entry"])
	if err != nil || entry.State == Open {
		return gone(err)
	}
	return l.forget(ctx, entry.Certificate, entry.ID)
}

// gone takes a document that is not there for done with.
func gone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// forget takes an entry from the guard of a certificate.
func (l *Ledger) forget(ctx context.Context, certificate, entry string) error {
	_, err := l.guards.Update(ctx, certificate, func(g *Guard) error {
		if !g.drop(entry) {
			return store.ErrUnchanged
		}
		return nil
	})
	return gone(err)
}

// tell puts an open entry before the guard of its certificate.
func (l *Ledger) tell(ctx context.Context, h holder, it Item) (*Guard, error) {
	for {
		g, err := l.guards.Update(ctx, h.certificate, func(g *Guard) error {
			if g.has(it) {
				return store.ErrUnchanged
			}
			g.drop(it.Entry)
			if g.Open = g.at(l.cfg.Clock(), l.cfg.Grace); len(g.Open) >= l.cfg.Most {
				return ErrFull
			}
			g.put(it)
			return nil
		})
		if !errors.Is(err, store.ErrNotFound) {
			return g, err
		}
		g = &Guard{ID: h.certificate, Account: h.account, Organisation: h.organisation, Open: []Item{it}}
		if err := l.guards.Create(ctx, g); !errors.Is(err, store.ErrExists) {
			return g, err
		}
	}
}

// holder is whose certificate a bid was encrypted to.
type holder struct{ certificate, fingerprint, account, organisation string }

// holder finds the certificate of a report. Certificates that are neither issued
// here nor bound here cannot be extended here, so there is nothing to guard.
func (l *Ledger) holder(ctx context.Context, r Report) (holder, error) {
	if r.Binding != "" {
		b, err := l.cfg.Bindings.Get(ctx, r.Binding)
		if err != nil {
			return holder{}, err
		}
		return ofBinding(b, b.Certificate.Fingerprint), nil
	}
	cert, err := trust.ParseCertificate(r.DER)
	if err != nil {
		return holder{}, err
	}
	b, err := l.cfg.Bindings.Holding(ctx, cert)
	if err != nil {
		return holder{}, err
	}
	if b != nil {
		return ofBinding(b, cert.Fingerprint()), nil
	}
	c, err := l.cfg.Certificates.Of(ctx, cert)
	if err != nil {
		return holder{}, err
	}
	return holder{c.Content, cert.Fingerprint(), c.Account.ID, c.Account.OrganisationID}, nil
}

func ofBinding(b *mobilecert.Binding, fingerprint string) holder {
	return holder{b.Certificate.Content, fingerprint, b.Account.ID, b.Account.OrganisationID}
}
