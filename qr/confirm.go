package qr

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/store"
)

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Confirm takes the signed statement; see confirm.Carrier.
func (v *Service) Confirm(ctx context.Context, sessionID, device, claim, jws string) (*Session, error) {
	s, err := v.Claimed(ctx, sessionID, device, claim)
	if err != nil {
		return nil, err
	}
	if s.State == Scanned && s.Match.Required && !s.Match.Done {
		return nil, ErrMatchPending
	}
	return v.course.Confirm(ctx, s, jws)
}

// Reject ends a session because its holder said no.
func (v *Service) Reject(ctx context.Context, sessionID, device, claim string, r Reason) (*Session, error) {
	if !r.Valid() {
		return nil, ErrReason
	}
	return v.refuse(ctx, sessionID, device, claim, r, false)
}

// NotMe ends a session because its holder did not begin it. It is logged, told
// by webhook, and counted against the account and browser that began it.
func (v *Service) NotMe(ctx context.Context, sessionID, device, claim string) (*Session, error) {
	s, err := v.refuse(ctx, sessionID, device, claim, Reason{Code: ErrNotMe.Code}, true)
	if err != nil || s.Reason == nil || s.Reason.Code != ErrNotMe.Code {
		return s, err // said after a plain refusal, it is no second word on the same session
	}
	// Counted here so that the block holds at once, and by the relay in case
	// this process ends before it; the session's id makes the two one.
	return s, v.countNotMe(ctx, s)
}

func (v *Service) refuse(ctx context.Context, sessionID, device, claim string, r Reason, notMe bool) (*Session, error) {
	return v.course.Change(ctx, sessionID, func(s *Session, now time.Time) error {
		if err := s.claimed(device, claim); err != nil {
			return err
		}
		if s.State == confirm.StateRejected {
			return store.ErrUnchanged // the reply was lost
		}
		if s.State == confirm.StateAccepted {
			return ErrOver.With("state", string(s.State))
		}
		if err := v.course.Open(s); err != nil {
			return err
		}
		s.Reason = &r
		if notMe {
			told := s.audit(now, "session.not_me")
			s.Owe(told, effect.New(effect.Webhook, now, told.Data),
				effect.New(EffectNotMe, now, map[string]string{"session": s.ID}))
		} else {
			s.Owe(s.audit(now, "session.rejected"))
		}
		return v.course.Move(s, confirm.StateRejected, now)
	})
}

// Sweep sees to what time brings about; see confirm.Carrier.
func (v *Service) Sweep(ctx context.Context) error { return v.course.Sweep(ctx) }

func ignore(err error, harmless ...error) error {
	for _, h := range harmless {
		if errors.Is(err, h) {
			return nil
		}
	}
	return err
}
