package application

import (
	"context"
	"time"

	"certlink/cashier"
	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/store"
)

var _ mobilecert.Grants = (*Service)(nil)

// Grant is what entitles an account to collect the certificate of its application.
func (s *Service) Grant(ctx context.Context, id, account string) (*mobilecert.Grant, error) {
	a, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.Account.ID != account {
		return nil, ErrUnknown
	}
	a.settle(s.cfg.Clock())
	if err := a.may(collect); err != nil || a.Medium != mobilecert.Mobile {
		return nil, ErrNotCollectable.With("state", string(a.State))
	}
	if a.Replaces != "" {
		lost, err := s.cfg.Certificates.Get(ctx, a.Replaces)
		if err != nil {
			return nil, err
		}
		if !replaceable(lost, s.cfg.Clock()) {
			return nil, ErrNotReplaceable.With("state", string(a.State))
		}
	}
	// What the certificate says is what was reviewed.
	f, err := openForm(s.cfg.Seal, a.ID, a.Last().Sealed)
	if err != nil {
		return nil, err
	}
	return &mobilecert.Grant{
		ID: a.ID, Product: a.Product, Account: account, Person: f.IDNumber, CreditCode: f.CreditCode, Replaces: a.Replaces,
		Subject: mobilecert.Subject{CommonName: f.Holder, Organisation: f.Organisation},
	}, nil
}

// CarryIssued is the relay's handler for mobilecert.EffectIssued.
func (s *Service) CarryIssued(ctx context.Context, e effect.Effect) error {
	_, err := s.issued(ctx, e.Data["grant"], e.Data["certificate"], mobilecert.Actor{})
	return err
}

// issued takes over, once, that the certificate has been made. by is who had it
// recorded; nobody where the phone collected it.
func (s *Service) issued(ctx context.Context, id, certificate string, by mobilecert.Actor) (*Application, error) {
	return s.change(ctx, id, func(a *Application) error {
		if a.Certificate == certificate || a.State == Issued { // a repeat, or what came of an extension
			return store.ErrUnchanged
		}
		now := s.cfg.Clock()
		if by.ID == "" {
			by = mobilecert.Actor{ID: a.Account.ID, Name: a.Account.Name}
			if a.Shipment != nil {
				by = a.Shipment.By
			}
		}
		first := a.IssuedAt == nil
		a.Certificate, a.IssuedAt = certificate, &now
		if err := a.move(issue, Issued, now, by, ""); err != nil {
			return err
		}
		if first && a.Money.Order != "" {
			// From here on the invoice's days run.
			a.Owe(effect.New(cashier.EffectCompleted, now, map[string]string{"order": a.Money.Order, "at": now.Format(time.RFC3339)}))
		}
		return nil
	})
}

// Pickup is the carrier of a U-Key that is fetched in person.
const Pickup = "pickup"

// Made is a U-Key that was made: its certificate, and how it goes to its holder.
type Made struct {
	DER             []byte
	Carrier, Number string
}

// Ship marks a U-Key application as issued. How it was sent is written first, then
// the certificate recorded under the application's id, then the state: a crash in
// between is mended by doing it again, or by the effect that the record owes.
func (s *Service) Ship(ctx context.Context, by mobilecert.Actor, id string, m Made) (*Application, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	a, err := s.staff(ctx, id, func(a *Application, now time.Time) error {
		if err := a.may(ship); err != nil {
			return err
		}
		if a.Medium != mobilecert.UKey {
			return ErrNotInMaking.With("state", string(a.State))
		}
		a.Shipment = &Shipment{m.Carrier, m.Number, now, by}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f, err := openForm(s.cfg.Seal, a.ID, a.Last().Sealed)
	if err != nil {
		return nil, err
	}
	c, err := s.cfg.Certificates.Import(ctx, mobilecert.Import{
		ID: a.ID, DER: m.DER, Provider: a.Provider, Product: a.Product, Medium: mobilecert.UKey, Account: a.Account,
		Person: f.IDNumber, CreditCode: f.CreditCode, GrantKind: SubjectKind, Grant: a.ID, By: by,
	})
	if err != nil {
		return nil, err
	}
	return s.issued(ctx, id, c.ID, by)
}

func (m *Made) check() error {
	for _, s := range []string{m.Carrier, m.Number} {
		if len(s) > 64 {
			return ErrShipment
		}
	}
	switch {
	case m.Carrier == "":
		return ErrShipment.At("/carrier", "请填写快递公司", "the carrier")
	case m.Number == "" && m.Carrier != Pickup:
		return ErrShipment.At("/number", "请填写快递单号", "the carrier's number")
	}
	return nil
}
