package cashier

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/id"
	"certlink/store"
)

// Config is what the cashier is made of.
type Config struct {
	Store store.Store
	Clock clock.Clock
	// Providers are the ways to pay, in the order in which they are shown.
	Providers []Provider
	// Life is how long an unpaid order stays open; 0 means DefaultLife.
	Life time.Duration
	Log  *slog.Logger
}

// DefaultLife leaves time for a transfer between banks.
const DefaultLife = 7 * 24 * time.Hour

// Service knows orders.
type Service struct {
	cfg       Config
	docs      store.Record[Order]
	providers map[string]Provider
}

// New makes the service.
func New(c Config) (*Service, error) {
	if c.Life == 0 {
		c.Life = DefaultLife
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	s := &Service{cfg: c, docs: record(c.Store), providers: map[string]Provider{}}
	for _, p := range c.Providers {
		if s.providers[p.Name()] != nil {
			return nil, fmt.Errorf("cashier: two providers are called %s", p.Name())
		}
		s.providers[p.Name()] = p
	}
	return s, nil
}

var collection = store.Collection{Name: "orders", Indexes: []store.Index{
	{Name: "account"}, {Name: "organisation"}, // and the time
	{Name: "due"},      // when the sweeper must look
	{Name: "hand"},     // since when a reviewer is waited for
	{Name: "transfer"}, // since when a transfer without a proof is
	{Name: "number"},
	{Name: effect.Index},
}}

// Collections declares what the package stores.
func Collections() []store.Collection { return []store.Collection{record(nil).Declare(collection)} }

func record(s store.Store) store.Record[Order] {
	return store.Record[Order]{Store: s, Collection: collection.Name,
		ID: func(o *Order) string { return o.ID },
		Index: func(o *Order) map[string]string {
			at := store.TimeKey(o.CreatedAt)
			ix := map[string]string{"account": store.Key(o.Account, at), "organisation": store.Key(o.Organisation, at), "number": store.Key(o.Number, "")}
			if t := o.due(); !t.IsZero() {
				ix["due"] = store.TimeKey(t)
			}
			if t := o.byHand(); !t.IsZero() {
				ix["hand"] = store.TimeKey(t)
			}
			if a := o.offline(); o.State == Open && a != nil && a.State == Waiting {
				ix["transfer"] = store.TimeKey(a.At)
			}
			ix[effect.Index] = o.Place()
			return ix
		}}
}

// OrderRequest opens an order.
type OrderRequest struct {
	Subject      Subject
	Account      string // who pays
	Organisation string
	Lines        []Line
}

const orderIDLength = 26

// OrderID is the id of the order for a subject: a subject has one, whoever asks and
// however often.
func OrderID(s Subject) string {
	sum := digest(s)
	out := make([]byte, orderIDLength)
	for i := range out {
		out[i] = id.Alphabet[sum[i]&31]
	}
	return string(out)
}

func digest(s Subject) [32]byte { return sha256.Sum256([]byte(store.Key("order", s.Kind, s.ID))) }

// shanghai is where the days of people and invoices begin.
var shanghai = time.FixedZone("CST", 8*3600)

func number(s Subject, at time.Time) string {
	sum := digest(s)
	return at.In(shanghai).Format("20060102") + fmt.Sprintf("%012d", binary.BigEndian.Uint64(sum[24:])%1e12)
}

// amountMost is ten million yuan: above it a price is a mistake.
const amountMost = 1_000_000_000

func (r *OrderRequest) check() (total int64, err error) {
	if r.Subject.Kind == "" || r.Subject.ID == "" || r.Account == "" || len(r.Lines) == 0 {
		return 0, errors.New("cashier: an order needs a subject, an account and goods")
	}
	for i := range r.Lines {
		l := &r.Lines[i]
		if l.Name == "" || l.Quantity < 1 || l.Quantity > 10000 || l.UnitFen < 0 || l.UnitFen > amountMost {
			return 0, fmt.Errorf("cashier: line %d is not goods with a quantity and a price", i+1)
		}
		total += l.AmountFen()
	}
	if total > amountMost {
		return 0, errors.New("cashier: the amount is beyond all reason")
	}
	return total, nil
}

// Open makes the order for a subject, or finds it. One that was closed unpaid is open
// again then, with the goods and prices as they are now.
func (s *Service) Open(ctx context.Context, r OrderRequest) (*Order, error) {
	total, err := r.check()
	if err != nil {
		return nil, err
	}
	now := s.cfg.Clock()
	o := &Order{
		ID: OrderID(r.Subject), Number: number(r.Subject, now), State: Open, Subject: r.Subject,
		Account: r.Account, Organisation: r.Organisation, Lines: r.Lines, AmountFen: total,
		CreatedAt: now, ExpiresAt: now.Add(s.cfg.Life),
	}
	o.happened("order.opened", now, r.Account, "", "")
	err = s.docs.Create(ctx, o)
	if err == nil {
		return o, nil
	}
	if !errors.Is(err, store.ErrExists) {
		return nil, err
	}
	return s.change(ctx, o.ID, func(o *Order) error {
		if o.State != Closed {
			return store.ErrUnchanged
		}
		now := s.cfg.Clock()
		o.GivenUp, o.Lines, o.AmountFen, o.ExpiresAt = "", r.Lines, total, now.Add(s.cfg.Life)
		return o.move(Open, now, r.Account, "")
	})
}

// Complete is 确定: what pays for an order of nothing.
func (s *Service) Complete(ctx context.Context, by Who, id string) (*Order, error) {
	return s.change(ctx, id, func(o *Order) error {
		switch {
		case !by.may(o):
			return ErrUnknown
		case o.AmountFen != 0:
			return ErrNotFree
		case o.State == Paid:
			return store.ErrUnchanged
		case o.State == Open:
			return o.move(Paid, s.cfg.Clock(), by.Account, "")
		}
		return ErrState.With("state", string(o.State))
	})
}

// change is the one way an order is written: what is due of a reviewer's decision is
// done first.
func (s *Service) change(ctx context.Context, id string, decide func(*Order) error) (*Order, error) {
	o, err := s.docs.Update(ctx, id, func(o *Order) error {
		settled, err := o.settle(s.cfg.Clock())
		if err != nil {
			return err
		}
		if err = decide(o); settled && errors.Is(err, store.ErrUnchanged) {
			return nil
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}
