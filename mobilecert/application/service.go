package application

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"certlink/cashier"
	"certlink/confirm"
	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/id"
	"certlink/internal/retain"
	"certlink/internal/seal"
	"certlink/internal/upload"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/store"
)

// Orders is the cashier as far as applications need it.
type Orders interface {
	Open(ctx context.Context, r cashier.OrderRequest) (*cashier.Order, error)
	Complete(ctx context.Context, by cashier.Who, id string) (*cashier.Order, error)
}

// Config is what the service is made of.
type Config struct {
	Store     store.Store
	Clock     clock.Clock
	Seal      *seal.Ring
	Catalogue *mobilecert.Catalogue
	People    mobilecert.People
	Uploads   *upload.Store
	Faces     *identity.Service
	Orders    Orders
	// Certificates are asked how the certificate of an application stands.
	Certificates *mobilecert.Certificates
	// Log writes down that personal data was read, before it is handed out.
	Log func(ctx context.Context, e effect.Effect) error
}

// Service knows applications.
type Service struct {
	cfg  Config
	docs store.Record[Application]
}

// New makes the service.
func New(c Config) *Service {
	s := &Service{cfg: c, docs: record(c.Store)}
	c.Uploads.Owners("application", s.claims)
	return s
}

var collection = store.Collection{Name: "applications", Indexes: []store.Index{
	{Name: "account"},      // account, time, id
	{Name: "organisation"}, // organisation, time, id
	{Name: "queue"},        // state, since, id; once it was handed in
	{Name: "due"},          // when a decision takes effect
	{Name: seal.StaleIndex},
	{Name: retain.Index},
	{Name: effect.Index},
}}

// Collections declares what the package stores.
func Collections() []store.Collection { return []store.Collection{record(nil).Declare(collection)} }

func record(s store.Store) store.Record[Application] {
	return store.Record[Application]{Store: s, Collection: collection.Name,
		ID: func(a *Application) string { return a.ID },
		Index: func(a *Application) map[string]string {
			at := store.TimeKey(a.CreatedAt) + a.ID
			ix := map[string]string{
				"account":      store.Key(a.Account.ID, at),
				"organisation": store.Key(a.Account.OrganisationID, at),
			}
			if a.Last() != nil {
				ix["queue"] = store.Key(string(a.State), store.TimeKey(a.Since)+a.ID)
			}
			if a.Decision != nil {
				ix["due"] = store.TimeKey(a.Decision.Due)
			}
			ix[retain.Index] = a.waits()
			ix[seal.StaleIndex] = places.Keys(a)
			ix[effect.Index] = a.Place()
			return ix
		}}
}

// maxOpen bounds what somebody has under way.
const maxOpen = 10

// number is how people name an application: the day, and figures made of the id.
func number(id string, at time.Time) string {
	sum := sha256.Sum256([]byte(id))
	return at.In(time.FixedZone("CST", 8*3600)).Format("20060102") + fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[:])%1e6)
}

// Create begins an application for oneself, for a product whose terms one has read
// and accepts. What is on record of the person stands in the form already.
func (s *Service) Create(ctx context.Context, by mobilecert.Who, product, terms string, known Form) (*Application, error) {
	p, err := s.cfg.Catalogue.Offered(product)
	if err != nil {
		return nil, err
	}
	if terms != p.Offer.Terms.Version {
		return nil, ErrTerms.With("version", p.Offer.Terms.Version)
	}
	if err := s.room(ctx, by.Account); err != nil {
		return nil, err
	}
	who, err := s.cfg.People.Person(ctx, by.Account)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Clock()
	actor := mobilecert.Actor{ID: by.Account, Name: by.Name}
	a := &Application{
		ID: id.New(), State: Draft, Product: p.ID, Provider: p.Provider, Medium: p.Medium,
		Account: confirm.Party{ID: who.ID, Name: who.Name, OrganisationID: who.OrganisationID, Organisation: who.Organisation},
		Terms:   Acceptance{terms, now, actor}, Money: Money{AmountFen: p.Offer.PriceFen}, CreatedAt: now, Since: now, Edit: 1,
	}
	a.Number = number(a.ID, now)
	known.Organisation, known.CreditCode, known.Holder, known.Document, known.IDNumber = who.Organisation, who.CreditCode, who.Name, Documents[0], who.IDNumber
	if err := s.write(a, &known); err != nil {
		return nil, err
	}
	a.happened("application.created", now, actor, "")
	if err := s.docs.Create(ctx, a); err != nil {
		return nil, err
	}
	return a, nil
}

// room refuses somebody who has too many under way. Two at once may both find room:
// the bound is against a flood and not exact.
func (s *Service) room(ctx context.Context, account string) error {
	list, _, err := s.docs.Query(ctx, store.Query{Index: "account", Prefix: store.KeyPrefix(account), Desc: true, Limit: 200})
	if err != nil {
		return err
	}
	open := 0
	for _, a := range list {
		if a.State != Issued && a.State != Withdrawn {
			open++
		}
	}
	if open >= maxOpen {
		return ErrTooMany
	}
	return nil
}

// Get reads an application, whoever asks.
func (s *Service) Get(ctx context.Context, id string) (*Application, error) {
	a, _, err := s.docs.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	return a, err
}

// Form opens what was typed.
func (s *Service) Form(a *Application) (*Form, error) { return openForm(s.cfg.Seal, a.ID, a.Sealed) }

// Read reads an application for its applicant, or the admin of that organisation.
// To everybody else it does not exist.
func (s *Service) Read(ctx context.Context, by mobilecert.Who, id string) (*Application, error) {
	a, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !a.mine(by) && !(by.Admin && by.Organisation != "" && by.Organisation == a.Account.OrganisationID) {
		return nil, ErrUnknown
	}
	return a, nil
}

func (a *Application) mine(by mobilecert.Who) bool {
	return by.Account != "" && by.Account == a.Account.ID
}

// own is the one way in which an applicant changes an application.
func (s *Service) own(ctx context.Context, by mobilecert.Who, id string, change func(a *Application, now time.Time, by mobilecert.Actor) error) (*Application, error) {
	return s.change(ctx, id, func(a *Application) error {
		if !a.mine(by) {
			return ErrUnknown
		}
		return change(a, s.cfg.Clock(), mobilecert.Actor{ID: by.Account, Name: by.Name})
	})
}

// change is the one way an application is written: what is due is done first.
func (s *Service) change(ctx context.Context, id string, decide func(*Application) error) (*Application, error) {
	a, err := s.docs.Update(ctx, id, func(a *Application) error {
		settled := a.settle(s.cfg.Clock())
		if err := decide(a); err != nil {
			if errors.Is(err, store.ErrUnchanged) && settled {
				return nil
			}
			return err
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// write seals the form into the application.
func (s *Service) write(a *Application, f *Form) (err error) {
	now := s.cfg.Clock()
	a.Holder, a.Organisation, a.TouchedAt = f.Holder, f.Organisation, &now
	a.Sealed, err = sealForm(s.cfg.Seal, a.ID, f)
	return err
}
