package application

import (
	"context"
	"errors"
	"time"

	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/store"
)

// StartFace begins a face check, or finds the one that is open: whoever closed the
// page goes on with it and has not used up another.
func (s *Service) StartFace(ctx context.Context, by mobilecert.Who, id, back string) (*identity.Check, error) {
	a, err := s.Read(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if !a.mine(by) {
		return nil, ErrUnknown
	}
	if err := a.may(identify); err != nil {
		return nil, err
	}
	f, err := s.Form(a)
	if err != nil {
		return nil, err
	}
	if f.Document != Documents[0] {
		return nil, ErrFaceDocument
	}
	if a.Proof.Check != "" && a.Proof.Outcome == identity.Pending {
		open, err := s.cfg.Faces.Get(ctx, a.Proof.Check)
		if err == nil && open.State == identity.Pending && s.cfg.Clock().Before(open.Until) {
			return open, nil
		}
	}
	check, err := s.cfg.Faces.Begin(ctx, identity.Subject{Kind: SubjectKind, ID: id}, by.Account, identity.Person{Name: f.Holder, IDNumber: f.IDNumber}, back)
	if err != nil {
		return nil, err
	}
	_, err = s.own(ctx, by, id, func(a *Application, now time.Time, actor mobilecert.Actor) error {
		if err := a.may(identify); err != nil {
			return err
		}
		a.Proof = Proof{Way: Face, Holder: s.proves(a.ID, f), Check: check.ID, Outcome: identity.Pending}
		a.happened("application.face_started", now, actor, "")
		return nil
	})
	return check, err
}

// LookFace asks how the open face check stands, for a page that waits for it.
func (s *Service) LookFace(ctx context.Context, a *Application) error {
	if a.State != Identity || a.Proof.Check == "" || a.Proof.Outcome != identity.Pending {
		return nil
	}
	if err := s.cfg.Faces.Look(ctx, a.Proof.Check); err != nil {
		return err
	}
	c, err := s.cfg.Faces.Get(ctx, a.Proof.Check)
	if err != nil || !c.State.Over() {
		return err
	}
	return s.checked(ctx, a.ID, c)
}

// FacesLeft is how many checks the holder has left today.
func (s *Service) FacesLeft(ctx context.Context, a *Application) (int, error) {
	f, err := s.Form(a)
	if err != nil {
		return 0, err
	}
	return s.cfg.Faces.Left(ctx, identity.Person{Name: f.Holder, IDNumber: f.IDNumber})
}

// CarryChecked is the relay's handler for identity.EffectChecked of an application's check.
func (s *Service) CarryChecked(ctx context.Context, e effect.Effect) error {
	c, err := s.cfg.Faces.Get(ctx, e.Data["check"])
	if err != nil {
		return err
	}
	return s.checked(ctx, c.Subject.ID, c)
}

// checked takes over the outcome of a check, once, and only of the one that the
// application waits for: a check of a holder that was changed since says nothing.
func (s *Service) checked(ctx context.Context, id string, c *identity.Check) error {
	_, err := s.change(ctx, id, func(a *Application) error {
		if a.Proof.Check != c.ID {
			return ErrNoIdentityNow.Becausef("the application does not wait for check %s", c.ID)
		}
		if a.Proof.Outcome == c.State {
			return store.ErrUnchanged
		}
		f, err := s.Form(a)
		if err != nil {
			return err
		}
		if err := a.may(verified); err != nil {
			return err
		}
		now, who := s.cfg.Clock(), mobilecert.Actor{ID: a.Account.ID, Name: a.Account.Name}
		a.Proof.Outcome = c.State
		same, err := s.proved(a, f)
		if err != nil {
			return err
		}
		if c.State != identity.Passed || !same {
			a.happened("application.face_"+string(c.State), now, who, "")
			return nil
		}
		a.Proof.VerifiedAt = &now
		return a.move(verified, a.ahead(), now, who, string(Face))
	})
	if errors.Is(err, ErrNoIdentityNow) {
		return nil // it has moved on without this check
	}
	return err
}

// ChooseWay says that the identity shall be verified by papers, or on site; a
// reviewer confirms it later.
func (s *Service) ChooseWay(ctx context.Context, by mobilecert.Who, id string, way Way) (*Application, error) {
	return s.own(ctx, by, id, func(a *Application, now time.Time, actor mobilecert.Actor) error {
		if err := a.may(identify); err != nil {
			return err
		}
		f, err := s.Form(a)
		if err != nil {
			return err
		}
		a.Proof = Proof{Way: way, Holder: s.proves(a.ID, f)}
		return a.move(identify, a.ahead(), now, actor, string(way))
	})
}

// ConfirmIdentity is a reviewer's word that the papers, or the person on site, are
// who the form says.
func (s *Service) ConfirmIdentity(ctx context.Context, by mobilecert.Actor, id string, submission int) (*Application, error) {
	return s.reviewing(ctx, by, id, submission, func(a *Application, now time.Time) error {
		if err := a.may(confirms); err != nil {
			return err
		}
		if a.Proof.VerifiedAt != nil {
			return store.ErrUnchanged
		}
		a.Proof.VerifiedAt, a.Proof.VerifiedBy = &now, &by
		a.happened(confirms.name, now, by, string(a.Proof.Way))
		return nil
	})
}
