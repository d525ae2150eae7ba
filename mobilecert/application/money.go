package application

import (
	"context"
	"time"

	"certlink/cashier"
	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/store"
)

// SubjectKind is what the cashier, the face checks and the grants call applications.
const SubjectKind = "application"

// OpenOrder makes the order that is to be paid, or finds it. Where nothing is to be
// paid, this is 确定, and the application goes on at once.
func (s *Service) OpenOrder(ctx context.Context, by mobilecert.Who, id string) (*Application, *cashier.Order, error) {
	subject := cashier.Subject{Kind: SubjectKind, ID: id}
	// The order is named first: an application that is withdrawn from now on gives it up.
	a, err := s.own(ctx, by, id, func(a *Application, _ time.Time, _ mobilecert.Actor) error {
		if err := a.may(pay); err != nil {
			return err
		}
		if err := s.price(a); err != nil {
			return err
		}
		a.Money.Order = cashier.OrderID(subject)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	product, err := s.cfg.Catalogue.Offered(a.Product)
	if err != nil {
		return nil, nil, err
	}
	o, err := s.cfg.Orders.Open(ctx, cashier.OrderRequest{
		Subject: subject, Account: a.Account.ID, Organisation: a.Account.OrganisationID,
		Lines: []cashier.Line{{Name: "CA介质", Category: "电子认证服务", Spec: product.Name.ZH, Unit: "个", Quantity: 1, UnitFen: a.Money.AmountFen}},
	})
	if err != nil {
		return nil, nil, err
	}
	if o.AmountFen == 0 {
		if o, err = s.cfg.Orders.Complete(ctx, cashier.Who{Account: by.Account, Organisation: by.Organisation}, o.ID); err != nil {
			return nil, nil, err
		}
		a, err = s.paid(ctx, id, o.ID)
	}
	return a, o, err
}

// CarryOrder is the relay's handler for what the cashier tells of an order.
func (s *Service) CarryOrder(ctx context.Context, e effect.Effect) (err error) {
	id, order := e.Data["subject"], e.Data["order"]
	switch e.Data["event"] {
	case "paid":
		_, err = s.paid(ctx, id, order)
	case "refunded":
		_, err = s.change(ctx, id, func(a *Application) error {
			if a.Money.Order != order || a.Money.PaidAt == nil {
				return store.ErrUnchanged
			}
			now, payer := s.cfg.Clock(), mobilecert.Actor{ID: a.Account.ID, Name: a.Account.Name}
			a.Money.PaidAt = nil
			if a.State == Review { // not by us: it must be paid again before it is looked at
				a.Decision = nil
				return a.move(unpaid, Payment, now, payer, "")
			}
			a.happened(unpaid.name, now, payer, "")
			return nil
		})
	}
	return err
}

// paid takes over that the order is paid, once. Whenever that is told: money for
// what was withdrawn goes back.
func (s *Service) paid(ctx context.Context, id, order string) (*Application, error) {
	return s.change(ctx, id, func(a *Application) error {
		if a.Money.PaidAt != nil {
			return store.ErrUnchanged
		}
		now, payer := s.cfg.Clock(), mobilecert.Actor{ID: a.Account.ID, Name: a.Account.Name}
		a.Money.Order, a.Money.PaidAt = order, &now
		switch a.State {
		case Payment:
			return a.move(pay, a.ahead(), now, payer, "")
		case Withdrawn:
			a.refund(now, payer)
		}
		a.happened(pay.name, now, payer, "")
		return nil
	})
}
