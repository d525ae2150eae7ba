package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/store"
)

// attempt counts the sign-in tries of one login, whether an account has that
// login or not, so that the lock tells nobody which logins exist. The id is a
// keyed hash of the login.
type attempt struct {
	ID string `json:"id"`
	tries
	LockedUntil time.Time `json:"locked_until,omitzero"`
	LastAt      time.Time `json:"last_at"`
	// Forget is when Sweep may delete it.
	Forget time.Time `json:"forget"`
	effect.Owing
}

func attemptRecord(s store.Store) store.Record[attempt] {
	return store.Record[attempt]{Store: s, Collection: attempts,
		ID: func(a *attempt) string { return a.ID },
		Index: func(a *attempt) map[string]string {
			return map[string]string{"until": store.TimeKey(a.Forget), effect.Index: a.Place()}
		}}
}

// try is one guess that is being compared.
type try struct {
	s  *Service
	id string
	at time.Time
	// Set once it is known whose login it is.
	account, organisation string
}

func (s *Service) attemptID(login string) string {
	m := hmac.New(sha256.New, s.attemptKey)
	m.Write([]byte(login))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}

// delay is how long to wait after so many wrong tries.
func (l Limits) delay(wrong int) time.Duration {
	if wrong < l.SignInTries {
		return 0
	}
	d := l.SignInDelay
	for range wrong - l.SignInTries {
		if d *= 2; d >= l.SignInDelayMax {
			return l.SignInDelayMax
		}
	}
	return min(d, l.SignInDelayMax)
}

// The right password sent several times at once is no attack: whoever finds all
// tries open waits a moment for them to close.
const (
	tryWait  = 25 * time.Millisecond
	tryWaits = 60
)

// try opens a guess at the login's secrets. The caller ends it with end.
func (s *Service) try(ctx context.Context, login string) (*try, error) {
	for range tryWaits {
		t, err := s.tryOnce(ctx, login)
		if t != nil || err != nil {
			return t, err
		}
		select {
		case <-time.After(tryWait):
		case <-ctx.Done():
			return nil, ErrSignInBusy.After(time.Second).Because(ctx.Err())
		}
	}
	return nil, ErrSignInBusy.After(time.Second)
}

// tryOnce returns neither if all tries are open.
func (s *Service) tryOnce(ctx context.Context, login string) (*try, error) {
	// Microseconds survive every engine's JSON; the time is the guess's name.
	now := s.now().Truncate(time.Microsecond)
	t := &try{s: s, id: s.attemptID(login), at: now}
	var full bool
	var locked error
	open := func(a *attempt) error {
		full, locked = false, nil
		if !a.Forget.After(now) {
			a.Wrong, a.LockedUntil = 0, time.Time{}
		}
		before := a.Wrong
		a.settle(now)
		settled := a.Wrong > before
		if settled && a.Wrong >= s.limits.SignInTries {
			a.LockedUntil = now.Add(s.limits.delay(a.Wrong))
		}
		switch {
		case now.Before(a.LockedUntil):
			locked = ErrSignInLocked.After(a.LockedUntil.Sub(now))
			if settled {
				return nil // written down, or the lock would begin anew each time
			}
			return store.ErrUnchanged
		case a.room(s.limits.SignInTries), a.Wrong >= s.limits.SignInTries && len(a.Open) == 0:
			a.open(now)
			a.LastAt, a.Forget = now, now.Add(s.limits.SignInForget)
			return nil
		}
		full = true
		return store.ErrUnchanged
	}
	for {
		_, err := s.attempts.Update(ctx, t.id, open)
		if errors.Is(err, store.ErrNotFound) {
			a := &attempt{ID: t.id, LastAt: now, Forget: now.Add(s.limits.SignInForget)}
			a.open(now)
			if err = s.attempts.Create(ctx, a); errors.Is(err, store.ErrExists) {
				continue
			}
		}
		if err == nil {
			err = locked
		}
		if err != nil || full {
			return nil, err
		}
		return t, nil
	}
}

// end closes the guess by what came of it: nil forgets all wrong ones, an error
// that is one of wrong counts, and any other error counts nothing. It returns
// the error, or the store's if the closing could not be written; then the guess
// stays open, which counts against the limit.
func (t *try) end(ctx context.Context, result error, wrong ...*fault.Error) error {
	counts := false
	for _, w := range wrong {
		counts = counts || errors.Is(result, w)
	}
	s := t.s
	// A person who goes away must not leave the guess open.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := s.attempts.Update(ctx, t.id, func(a *attempt) error {
		if !a.close(t.at) && counts {
			return store.ErrUnchanged // settled: it has counted
		}
		switch now := s.now(); {
		case result == nil:
			a.Wrong, a.LockedUntil = 0, time.Time{}
		case counts:
			a.Wrong++
			if a.Wrong >= s.limits.SignInTries {
				a.LockedUntil = now.Add(s.limits.delay(a.Wrong))
				if t.account != "" {
					a.Owe(effect.New(effect.Audit, now, map[string]string{"act": "sign_in.locked", "object": "account", "id": t.account, "account": t.account,
						"organisation": t.organisation, "by": t.account}))
				}
			}
		}
		return nil
	})
	if err != nil && result == nil {
		return err
	}
	return result
}
