package renewal

import (
	"context"
	"errors"
	"strconv"
	"time"

	"certlink/confirm"
	"certlink/internal/clock"
	"certlink/internal/id"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/identity"
	"certlink/store"
)

func itoa(n int) string { return strconv.Itoa(n) }

// KeyPolicy says which key a successor is made for.
type KeyPolicy string

// The policies.
const (
	NewKey  KeyPolicy = "new"
	SameKey KeyPolicy = "same"
)

// Terms are what a renewal of a product costs and brings.
type Terms struct {
	PriceFen int64
	Term     time.Duration
	Key      KeyPolicy
	// Algorithm of the key, of products for phones.
	Name mobilecert.Name
}

// Window says when renewal is possible.
type Window struct{ Before, After time.Duration }

// DefaultWindow is from 90 days before expiry until 30 days after it.
var DefaultWindow = Window{Before: 90 * 24 * time.Hour, After: 30 * 24 * time.Hour}

// OrderRequest asks the cashier for the order of a renewal.
type OrderRequest struct {
	Renewal, Account, Organisation string
	PriceFen                       int64
}

// Orders is the cashier, as far as it is needed here.
type Orders interface {
	// Open makes the order of a renewal, or finds it, and gives its id.
	Open(ctx context.Context, r OrderRequest) (string, error)
}

// Config is what the service is made of.
type Config struct {
	Store        store.Store
	Clock        clock.Clock
	Catalogue    *mobilecert.Catalogue
	Certificates *mobilecert.Certificates
	Bindings     *mobilecert.Bindings
	Bids         *bids.Ledger
	Faces        *identity.Service
	Orders       Orders
	// Terms gives what a product's renewal costs; false for what is not renewed here.
	Terms  func(product string) (Terms, bool)
	Window Window
	// Site is the authority's own site, where tokens are extended; nil without one.
	Site Site
}

// Service knows renewals.
type Service struct {
	cfg  Config
	docs store.Record[Renewal]
}

// New makes the service.
func New(c Config) *Service {
	if c.Window == (Window{}) {
		c.Window = DefaultWindow
	}
	return &Service{cfg: c, docs: record(c.Store)}
}

// Start begins the renewal of a certificate, or finds the one that is under way,
// and its order. Whoever may act for the account may pay.
func (v *Service) Start(ctx context.Context, by mobilecert.Who, certificate string, from confirm.Requester) (*Renewal, error) {
	c, err := v.cfg.Certificates.Get(ctx, certificate)
	if err != nil {
		return nil, err
	}
	if err := by.May(c.Account.ID, c.Account.OrganisationID); err != nil {
		return nil, err
	}
	for {
		r, err := v.Open(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		if r == nil {
			if r, err = v.create(ctx, by, c, from); store.IsDuplicate(err, "certificate") {
				continue // another page of theirs was faster
			}
			if err != nil {
				return nil, err
			}
		}
		return v.ordered(ctx, r)
	}
}

// create writes a new renewal.
func (v *Service) create(ctx context.Context, by mobilecert.Who, c *mobilecert.Certificate, from confirm.Requester) (*Renewal, error) {
	terms, err := v.Renewable(c)
	if err != nil {
		return nil, err
	}
	now := v.cfg.Clock()
	r := &Renewal{
		ID: id.New(), State: Payment, Account: c.Account, Certificate: subject(c), Device: c.Device,
		PriceFen: terms.PriceFen, Term: terms.Term, By: mobilecert.Actor{ID: by.Account, Name: by.Name}, Requester: from, CreatedAt: now,
	}
	r.looksAt(now.Add(lookSoon))
	r.happened("renewal.started", now, r.By, "", "")
	if err := v.docs.Create(ctx, r); err != nil {
		return nil, err
	}
	return r, nil
}

// ordered sees to it that a renewal that waits for money has its order.
func (v *Service) ordered(ctx context.Context, r *Renewal) (*Renewal, error) {
	if r.State != Payment || r.Order != "" {
		return r, nil
	}
	order, err := v.cfg.Orders.Open(ctx, OrderRequest{r.ID, r.By.ID, r.Account.OrganisationID, r.PriceFen})
	if err != nil {
		return nil, err
	}
	return v.change(ctx, r.ID, func(r *Renewal) error {
		if r.Order == order {
			return store.ErrUnchanged
		}
		r.Order = order
		return nil
	})
}

func subject(c *mobilecert.Certificate) Subject {
	medium := c.Medium
	if medium == "" {
		medium = mobilecert.Mobile
	}
	return Subject{ID: c.ID, Content: c.Content, Fingerprint: c.Fingerprint, Serial: c.Serial, Provider: c.Provider, Product: c.Product,
		HolderName: c.Subject.CommonName, Organisation: c.Subject.Organisation, NotAfter: c.NotAfter, Medium: medium}
}

// Renewable says what the renewal of a certificate costs, or why there is none now.
func (v *Service) Renewable(c *mobilecert.Certificate) (Terms, error) {
	if err := c.Extendable(); err != nil {
		return Terms{}, err
	}
	terms, ok := v.cfg.Terms(c.Product)
	if !ok {
		return Terms{}, ErrElsewhere.With("phones", v.cfg.Catalogue.PhonesOf(c.Provider))
	}
	now, from, until := v.cfg.Clock(), c.NotAfter.Add(-v.cfg.Window.Before), c.NotAfter.Add(v.cfg.Window.After)
	if now.Before(from) {
		return terms, ErrEarly.With("from", from.UTC().Format(time.RFC3339))
	}
	if now.After(until) {
		return terms, ErrLate.With("until", until.UTC().Format(time.RFC3339))
	}
	return terms, nil
}

// Open finds the renewal of a certificate that is under way, or nil.
func (v *Service) Open(ctx context.Context, certificate string) (*Renewal, error) {
	r, _, err := v.docs.First(ctx, store.Equal("certificate", certificate))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return r, err
}

// Get reads a renewal, whoever asks.
func (v *Service) Get(ctx context.Context, id string) (*Renewal, error) {
	r, _, err := v.docs.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	return r, err
}

// Read reads a renewal for somebody who may see it.
func (v *Service) Read(ctx context.Context, by mobilecert.Who, id string) (*Renewal, error) {
	r, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return r, by.May(r.Account.ID, r.Account.OrganisationID)
}

// List reads one's own renewals or, for its admin, the organisation's, newest first.
func (v *Service) List(ctx context.Context, by mobilecert.Who, organisation bool, after store.Cursor, limit int) ([]*Renewal, store.Cursor, error) {
	q := store.Query{Index: "account", Prefix: store.KeyPrefix(by.Account), Desc: true, After: after, Limit: limit}
	if organisation {
		if !by.Admin || by.Organisation == "" {
			return nil, "", mobilecert.ErrNotYourAccount
		}
		q.Index, q.Prefix = "organisation", store.KeyPrefix(by.Organisation)
	}
	return v.docs.Query(ctx, q)
}

// Cancel gives up a renewal that was not paid.
func (v *Service) Cancel(ctx context.Context, by mobilecert.Who, id string) (*Renewal, error) {
	return v.change(ctx, id, func(r *Renewal) error {
		if err := by.May(r.Account.ID, r.Account.OrganisationID); err != nil {
			return err
		}
		if r.State == Cancelled {
			return store.ErrUnchanged // the reply was lost
		}
		if r.State != Payment {
			return ErrPaid.With("state", string(r.State))
		}
		now := v.cfg.Clock()
		r.giveUp("cancelled", now)
		return r.move(Cancelled, now, mobilecert.Actor{ID: by.Account, Name: by.Name}, "", "")
	})
}

// Ask puts the question before the phone again: to extend, or to acknowledge the
// bids that stand in the way.
func (v *Service) Ask(ctx context.Context, by mobilecert.Who, id, purpose string) (*Renewal, error) {
	return v.change(ctx, id, func(r *Renewal) error {
		switch err := by.May(r.Account.ID, r.Account.OrganisationID); {
		case err != nil:
			return err
		case r.State != Extension:
			return ErrState.With("state", string(r.State))
		case r.Device == "":
			return ErrToken
		}
		r.ask(purpose, v.cfg.Clock(), by.Account)
		return nil
	})
}

// change is the one way a renewal is written.
func (v *Service) change(ctx context.Context, id string, decide func(*Renewal) error) (*Renewal, error) {
	r, err := v.docs.Update(ctx, id, decide)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}
