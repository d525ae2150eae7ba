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

// Confirm takes the signed statement. The answer comes after the act; if the
// act cannot be done just now, the session stays accepted and the sweeper does
// it. Confirming again, with the same key, gives the same answer.
func (v *Service) Confirm(ctx context.Context, sessionID, device, claim, jws string) (*Session, error) {
	s, err := v.Claimed(ctx, sessionID, device, claim)
	if err != nil {
		return nil, err
	}
	var verified *confirm.Verified
	switch s.State {
	case Scanned:
		if s.Match.Required && !s.Match.Done {
			return nil, ErrMatchPending
		}
		if verified, err = v.Engine.Verify(ctx, &s.Confirmation, device, jws); err != nil {
			return nil, err
		}
		s, err = v.change(ctx, sessionID, func(s *Session, now time.Time) error {
			switch {
			case s.State == Accepted || s.State == Confirmed:
				verified = nil // another request of this phone was faster
				return store.ErrUnchanged
			case s.State != Scanned:
				return open(s)
			}
			s.Confirmation.Accept(verified, now)
			return s.move(Accepted, now, v.Times)
		})
		if err != nil {
			return nil, err
		}
	case Accepted, Confirmed:
	case Failed:
		if s.Confirmation.JWS == "" {
			return nil, open(s)
		}
	default:
		return nil, open(s)
	}
	if verified == nil {
		if err := v.Engine.SameSignature(&s.Confirmation, device, jws); err != nil {
			return nil, err
		}
	}
	if s.State == Accepted {
		return v.act(ctx, s, verified)
	}
	return s, nil
}

// act does what the session owes.
func (v *Service) act(ctx context.Context, s *Session, verified *confirm.Verified) (*Session, error) {
	return v.acts.Do(ctx, s.ID, &s.Confirmation, s.Device, verified, func(ctx context.Context, o confirm.Outcome) (*Session, error) {
		return v.change(ctx, s.ID, func(s *Session, now time.Time) error {
			switch {
			case s.State != Accepted:
				return store.ErrUnchanged
			case o.Result != nil:
				s.Result = o.Result
				return s.move(Confirmed, now, v.Times)
			case o.Refused != nil:
				s.Failure = &Failure{Code: o.Refused.Code, Extra: o.Refused.Extra}
				e := s.audit(now, "session.failed")
				e.Data["code"] = o.Refused.Code
				s.Owe(e)
				return s.move(Failed, now, v.Times)
			}
			s.Tries++
			retry := confirm.RetryAt(now, v.Times.Retry, s.Tries)
			s.RetryAt = &retry
			return nil
		})
	})
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
	return v.change(ctx, sessionID, func(s *Session, now time.Time) error {
		if err := s.claimed(device, claim); err != nil {
			return err
		}
		if s.State == Rejected {
			return store.ErrUnchanged // the reply was lost
		}
		if s.State == Accepted {
			return ErrOver.With("state", string(s.State))
		}
		if err := open(s); err != nil {
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
		return s.move(Rejected, now, v.Times)
	})
}

// Sweep ends sessions whose time is over, finishes acts that are owed, and
// purges what has been kept long enough. Anyone may sweep at any time.
func (v *Service) Sweep(ctx context.Context) error {
	now := v.Clock()
	var after store.Cursor
	for {
		// One walk: sessions that must stay, because the relay has not been there yet,
		// do not keep it from those behind them.
		due, next, err := v.sessions.Query(ctx, store.Query{Index: "due", Below: store.TimeKey(now), Limit: 200, After: after})
		if err != nil {
			return err
		}
		for _, s := range due {
			if err := v.sweep(ctx, s, now); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

func (v *Service) sweep(ctx context.Context, s *Session, now time.Time) error {
	switch {
	case s.State == Accepted:
		_, err := v.act(ctx, s, nil)
		return err
	case s.State.Over():
		if len(s.Pending) > 0 {
			return nil // the relay comes first
		}
		return ignore(v.Store.Delete(ctx, collection, s.ID, 0), store.ErrNotFound)
	}
	_, err := v.change(ctx, s.ID, func(*Session, time.Time) error { return store.ErrUnchanged })
	return ignore(err, ErrExpired, ErrUnknown)
}

func ignore(err error, harmless ...error) error {
	for _, h := range harmless {
		if errors.Is(err, h) {
			return nil
		}
	}
	return err
}
