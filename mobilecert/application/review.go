package application

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/mobilecert"
	"certlink/store"
)

// Reason is why something was not accepted, and of which field.
type Reason struct {
	Field string `json:"field"` // a field of the form, "files/" and a slot, identity or other
	Code  string `json:"code"`  // one of ReasonCodes
	Text  string `json:"text,omitempty"`
}

// ReasonCodes are the list that a reviewer chooses from; each has its words on the
// pages. other wants a text.
var ReasonCodes = []string{"unreadable", "expired", "differs", "incomplete", "no_seal", "wrong_paper", "not_found", "other"}

// Decision is a reviewer's, until it takes effect.
type Decision struct {
	Accept  bool             `json:"accept"`
	Reasons []Reason         `json:"reasons,omitempty"`
	By      mobilecert.Actor `json:"by"`
	At      time.Time        `json:"at"`
	Due     time.Time        `json:"due"`
}

// UndoTime is how long a decision can be taken back. Nothing of it is told to anybody
// before it is over.
const UndoTime = 10 * time.Second

// Hold is who has an application open.
type Hold struct {
	By    mobilecert.Actor `json:"by"`
	Until time.Time        `json:"until"`
}

// HoldTime is how long one counts as open; the page renews it.
const HoldTime = 2 * time.Minute

// heldBy is the other reviewer who has it open, nil for none.
func (a *Application) heldBy(by mobilecert.Actor, now time.Time) *Hold {
	if a.Hold == nil || a.Hold.By.ID == by.ID || !now.Before(a.Hold.Until) {
		return nil
	}
	return a.Hold
}

// Inspect reads an application for a reviewer, who then reads personal data: that
// stands in the log before anything is handed out. A draft is nobody's business.
func (s *Service) Inspect(ctx context.Context, by mobilecert.Actor, id, what string) (*Application, error) {
	a, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.Last() == nil {
		return nil, ErrUnknown
	}
	return a, s.cfg.Log(ctx, effect.New(effect.Audit, s.cfg.Clock(), map[string]string{
		"act": "application.read", "object": "application", "id": a.ID, "what": what, "by": by.ID,
		"account": a.Account.ID, "organisation": a.Account.OrganisationID,
	}))
}

// TakeUp notes that a reviewer has it open, unless another has; over takes it from
// them, for when they have gone home.
func (s *Service) TakeUp(ctx context.Context, by mobilecert.Actor, id string, over bool) (*Application, error) {
	return s.staff(ctx, id, func(a *Application, now time.Time) error {
		if err := a.may(decide); err != nil {
			return err
		}
		if h := a.heldBy(by, now); h != nil && !over {
			return ErrHeld.With("by", h.By.Name)
		}
		a.Hold = &Hold{by, now.Add(HoldTime)}
		return nil
	})
}

// PutDown ends that note.
func (s *Service) PutDown(ctx context.Context, by mobilecert.Actor, id string) (*Application, error) {
	return s.staff(ctx, id, func(a *Application, _ time.Time) error {
		if a.Hold == nil || a.Hold.By.ID != by.ID {
			return store.ErrUnchanged
		}
		a.Hold = nil
		return nil
	})
}

// staff changes an application that was handed in.
func (s *Service) staff(ctx context.Context, id string, decide func(a *Application, now time.Time) error) (*Application, error) {
	return s.change(ctx, id, func(a *Application) error {
		if a.Last() == nil {
			return ErrUnknown
		}
		return decide(a, s.cfg.Clock())
	})
}

// reviewing changes an application for the reviewer who looks at this submission,
// and whom no other has it open before.
func (s *Service) reviewing(ctx context.Context, by mobilecert.Actor, id string, submission int, change func(a *Application, now time.Time) error) (*Application, error) {
	return s.staff(ctx, id, func(a *Application, now time.Time) error {
		if a.State == Review {
			switch h := a.heldBy(by, now); {
			case submission != len(a.Submissions):
				return ErrStale
			case a.Decision != nil:
				return ErrDecided.With("by", a.Decision.By.Name)
			case h != nil:
				return ErrHeld.With("by", h.By.Name)
			}
		}
		return change(a, now)
	})
}

// Accept decides that it is right. It takes effect when it can no longer be undone.
func (s *Service) Accept(ctx context.Context, by mobilecert.Actor, id string, submission int) (*Application, error) {
	return s.reviewing(ctx, by, id, submission, func(a *Application, now time.Time) error {
		if err := a.may(decide); err != nil {
			return err
		}
		if a.Proof.VerifiedAt == nil {
			return ErrIdentityOpen
		}
		a.Decision = &Decision{Accept: true, By: by, At: now, Due: now.Add(UndoTime)}
		return nil
	})
}

// Reject decides that something must be changed, and says what.
func (s *Service) Reject(ctx context.Context, by mobilecert.Actor, id string, submission int, reasons []Reason) (*Application, error) {
	if err := checkReasons(reasons); err != nil {
		return nil, err
	}
	return s.reviewing(ctx, by, id, submission, func(a *Application, now time.Time) error {
		if err := a.may(decide); err != nil {
			return err
		}
		a.Decision = &Decision{Reasons: reasons, By: by, At: now, Due: now.Add(UndoTime)}
		return nil
	})
}

const maxReason = 500

func checkReasons(reasons []Reason) error {
	if len(reasons) == 0 {
		return ErrReasons
	}
	var wrong *fault.Error
	for i, r := range reasons {
		field := slices.Contains(Fields, r.Field) || r.Field == "identity" || r.Field == "other" ||
			slices.ContainsFunc(Slots, func(s Slot) bool { return r.Field == "files/"+string(s) })
		text := utf8.ValidString(r.Text) && utf8.RuneCountInString(r.Text) <= maxReason && (r.Code != "other" || r.Text != "")
		if !field || !slices.Contains(ReasonCodes, r.Code) || !text {
			if wrong == nil {
				wrong = ErrReasons
			}
			wrong = wrong.At("/reasons/"+string(rune('0'+i%10)), "请选择资料项和原因；选“其他”时请写明", "choose a field and a reason; with \"other\", say it in words")
		}
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

// Undo takes one's decision back, in time.
func (s *Service) Undo(ctx context.Context, by mobilecert.Actor, id string) (*Application, error) {
	return s.staff(ctx, id, func(a *Application, now time.Time) error {
		if a.Decision == nil || a.Decision.By.ID != by.ID {
			return ErrUndo.With("state", string(a.State))
		}
		a.Decision = nil
		a.Hold = &Hold{by, now.Add(HoldTime)}
		a.happened("application.decision_undone", now, by, "")
		return nil
	})
}

// settle lets a decision take effect whose time has come.
func (a *Application) settle(now time.Time) bool {
	d := a.Decision
	if d == nil || now.Before(d.Due) {
		return false
	}
	a.Decision = nil
	x, to := reject, Rejected
	if d.Accept {
		x, to = accept, Making
	} else {
		a.Reasons = d.Reasons
	}
	// It stands in the history as of when it was made.
	if err := a.move(x, to, d.At, d.By, ""); err != nil {
		return true // the application has moved on; the decision is void
	}
	a.Since = now
	return true
}

// Sweep lets decisions take effect.
func (s *Service) Sweep(ctx context.Context) error {
	due, _, err := s.docs.Query(ctx, store.Query{Index: "due", Below: store.TimeKey(s.cfg.Clock().Add(time.Microsecond)), Limit: 256})
	if err != nil {
		return err
	}
	for _, a := range due {
		if _, err := s.change(ctx, a.ID, func(*Application) error { return store.ErrUnchanged }); err != nil {
			return err
		}
	}
	return nil
}
