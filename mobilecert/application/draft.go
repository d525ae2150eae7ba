package application

import (
	"context"
	"maps"
	"time"

	"certlink/cashier"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/mobilecert"
	"certlink/store"
)

// Save keeps what was typed so far. edit is the state of things that the page knows:
// of two pages that change the same, the second is told.
func (s *Service) Save(ctx context.Context, by mobilecert.Who, id string, edit int, typed map[string]string) (*Application, error) {
	return s.own(ctx, by, id, func(a *Application, now time.Time, _ mobilecert.Actor) error {
		if err := a.may(save); err != nil {
			return err
		}
		f, err := s.Form(a)
		if err != nil {
			return err
		}
		before := *f
		if err := f.take(typed); err != nil {
			return err
		}
		switch {
		case *f == before:
			return store.ErrUnchanged // a repeat, or nothing new
		case edit != a.Edit:
			return ErrChanged.With("edit", a.Edit)
		}
		a.Edit++
		return s.write(a, f)
	})
}

// AcceptTerms accepts the present version, where the terms have changed meanwhile.
func (s *Service) AcceptTerms(ctx context.Context, by mobilecert.Who, id, version string) (*Application, error) {
	return s.own(ctx, by, id, func(a *Application, now time.Time, actor mobilecert.Actor) error {
		if err := a.may(accepts); err != nil {
			return err
		}
		if err := s.present(a.Product, version); err != nil {
			return err
		}
		if a.Terms.Version == version {
			return store.ErrUnchanged
		}
		a.Terms = Acceptance{version, now, actor}
		a.happened(accepts.name, now, actor, version)
		return nil
	})
}

// present refuses a version of the terms that is not the present one.
func (s *Service) present(product, version string) error {
	p, err := s.cfg.Catalogue.Offered(product)
	if err != nil {
		return err
	}
	if p.Offer.Terms.Version != version {
		return ErrTerms.With("version", p.Offer.Terms.Version)
	}
	return nil
}

// Submit hands in what was typed. What has been paid and verified stays, unless it
// is about another holder now.
func (s *Service) Submit(ctx context.Context, by mobilecert.Who, id string, edit int) (*Application, error) {
	return s.own(ctx, by, id, func(a *Application, now time.Time, actor mobilecert.Actor) error {
		if err := a.may(submit); err != nil {
			return err
		}
		if edit != a.Edit {
			return ErrChanged.With("edit", a.Edit)
		}
		if err := s.present(a.Product, a.Terms.Version); err != nil {
			return err
		}
		f, err := s.Form(a)
		if err != nil {
			return err
		}
		if err := a.complete(f); err != nil {
			return err
		}
		if a.Proof.Holder != "" {
			same, err := s.proved(a, f)
			if err != nil {
				return err
			}
			if !same {
				a.Proof = Proof{}
			}
		}
		if err := s.write(a, f); err != nil {
			return err
		}
		if err := s.price(a); err != nil {
			return err
		}
		a.Submissions = append(a.Submissions, Submission{N: len(a.Submissions) + 1, At: now, Sealed: a.Sealed, Files: maps.Clone(a.Files)})
		a.Reasons = nil
		return a.move(submit, a.ahead(), now, actor, "")
	})
}

// price takes the price as it is now, until an order was opened.
func (s *Service) price(a *Application) error {
	if a.Money.Order != "" || a.Money.PaidAt != nil {
		return nil
	}
	p, err := s.cfg.Catalogue.Offered(a.Product)
	if err == nil {
		a.Money.AmountFen = p.Offer.PriceFen
	}
	return err
}

// complete checks the form and the papers.
func (a *Application) complete(f *Form) error {
	refusal := fault.Of(f.clean(a.Medium))
	for _, slot := range Slots {
		if _, there := a.Files[slot]; !there {
			if refusal == nil {
				refusal = ErrForm
			}
			refusal = refusal.At("/files/"+string(slot), "请上传这份文件", "this paper is missing")
		}
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

// Reopen takes an application back for changes, before it is reviewed.
func (s *Service) Reopen(ctx context.Context, by mobilecert.Who, id string) (*Application, error) {
	return s.own(ctx, by, id, func(a *Application, now time.Time, actor mobilecert.Actor) error {
		if a.Replaces != "" { // what was issued once is not typed anew
			return ErrNotReopenable.With("state", string(a.State))
		}
		return a.move(reopen, Draft, now, actor, "")
	})
}

// Withdraw ends it before a certificate is made; what was paid goes back.
func (s *Service) Withdraw(ctx context.Context, by mobilecert.Who, id string) (*Application, error) {
	return s.own(ctx, by, id, func(a *Application, now time.Time, actor mobilecert.Actor) error {
		if a.State == Withdrawn {
			return store.ErrUnchanged
		}
		if a.Replaces != "" { // the certificate was had already; what is given up is the second
			return ErrNotWithdrawable.With("state", string(a.State))
		}
		a.Decision = nil // one that has not taken effect
		if err := a.move(withdraw, Withdrawn, now, actor, ""); err != nil {
			return err
		}
		a.refund(now, actor)
		return nil
	})
}

// refund asks the cashier to give the order up, if there ever was one.
func (a *Application) refund(at time.Time, by mobilecert.Actor) {
	if a.Money.Order == "" {
		return
	}
	a.Owe(effect.New(cashier.EffectRefund, at, map[string]string{"order": a.Money.Order, "reason": "withdrawn", "by": by.ID}))
}
