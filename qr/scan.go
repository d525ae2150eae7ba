package qr

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"certlink/confirm"
	"certlink/store"
)

// Scan claims the session of a scanned link for a device. One phone wins; the
// same phone asking again gets the same answer, however old the code by then.
func (v *Service) Scan(ctx context.Context, device, link string) (*Session, error) {
	code, err := ParseCode(v.Origin, link)
	if err != nil {
		return nil, err
	}
	s, err := v.claim(ctx, code.Token, device, func(s *Session, now time.Time) error {
		return s.check(code, now, v.Times)
	})
	if errors.Is(err, ErrUnknown) {
		// An invented token and an invented MAC look alike.
		err = ErrCodeInvalid
	}
	return s, err
}

// ScanTyped claims the session of a typed code.
func (v *Service) ScanTyped(ctx context.Context, device, typed string) (*Session, error) {
	name, secret, err := NormaliseTyped(typed)
	if err != nil {
		return nil, err
	}
	found, _, err := v.course.Record.First(ctx, store.Equal("typed", name))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrTypedWrong
	}
	if err != nil {
		return nil, err
	}
	s, err := v.claim(ctx, found.ID, device, func(s *Session, now time.Time) error {
		switch {
		case s.Typed == nil || s.Typed.Name != name || !now.Before(s.Typed.ExpiresAt):
			return ErrTypedWrong
		case s.Typed.Misses >= typedMisses:
			return ErrTypedLocked
		case s.Typed.matches(secret):
			return nil
		}
		// The miss is counted before the answer leaves, so that many tries at
		// once buy no more than five.
		s.Typed.Misses++
		s.Seq++
		if s.Typed.Misses >= typedMisses {
			s.Owe(s.audit(now, "session.typed_code_locked"))
			return confirm.Kept(ErrTypedLocked)
		}
		return confirm.Kept(ErrTypedWrong)
	})
	if errors.Is(err, ErrUnknown) {
		err = ErrTypedWrong
	}
	return s, err
}

// claim moves a session to scanned for the device, if admit lets it.
func (v *Service) claim(ctx context.Context, sessionID, device string, admit func(*Session, time.Time) error) (*Session, error) {
	name, err := v.DeviceName(ctx, device)
	if err != nil {
		return nil, err
	}
	var hints []Hint
	hinted := false
	s, err := v.course.Change(ctx, sessionID, func(s *Session, now time.Time) error {
		err := admit(s, now)
		if s.Device == device && (err == nil || errors.Is(err, ErrCodeStale)) {
			return store.ErrUnchanged // a lost reply asked for again
		}
		if err != nil {
			return err
		}
		if err := v.course.Open(s); err != nil {
			return err
		}
		if s.State != Created {
			return ErrTaken
		}
		if !hinted {
			if hints, err = v.hints(ctx, device, s.Confirmation.Request); err != nil {
				return err
			}
			hinted = true
		}
		if err := v.course.Move(s, Scanned, now); err != nil {
			return err
		}
		s.Device, s.DeviceName, s.Hints = device, name, hints
		if s.Match.Required {
			n, err := rand.Int(rand.Reader, big.NewInt(100))
			if err != nil {
				return err
			}
			s.Match.Digits = fmt.Sprintf("%02d", n)
		}
		return v.Engine.Issue(ctx, &s.Confirmation, nil, now, s.ExpiresAt)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Claim is the secret that the scan reply hands to the phone.
func (s *Session) Claim() string { return s.claim(s.Device) }

// Key takes the phone's request for a new key and makes the statement with it.
func (v *Service) Key(ctx context.Context, sessionID, device, claim string, csr []byte) (*Session, error) {
	return v.course.Change(ctx, sessionID, func(s *Session, now time.Time) error {
		if err := s.claimed(device, claim); err != nil {
			return err
		}
		if err := v.course.Open(s); err != nil {
			return err
		}
		if s.Confirmation.Statement != nil {
			if err := v.Engine.Issue(ctx, &s.Confirmation, csr, now, s.ExpiresAt); err != nil {
				return err
			}
			return store.ErrUnchanged
		}
		s.Seq++
		return v.Engine.Issue(ctx, &s.Confirmation, csr, now, s.ExpiresAt)
	})
}

// Claimed reads a session for the phone that claimed it.
func (v *Service) Claimed(ctx context.Context, sessionID, device, claim string) (*Session, error) {
	s, err := v.course.Get(ctx, sessionID)
	if errors.Is(err, ErrUnknown) {
		return nil, ErrClaim
	}
	if err != nil {
		return nil, err
	}
	if err := s.claimed(device, claim); err != nil {
		return nil, err
	}
	return s, nil
}

// History lists the sessions that a device claimed, newest first.
func (v *Service) History(ctx context.Context, device string, after store.Cursor, limit int) ([]*Session, store.Cursor, error) {
	list, next, err := v.course.Record.Query(ctx, store.Query{Index: "device", Prefix: store.KeyPrefix(device), Desc: true, After: after, Limit: limit})
	for _, s := range list {
		v.course.Settle(s, v.Clock())
	}
	return list, next, err
}

// hints compares a request with the last one that this device confirmed.
func (v *Service) hints(ctx context.Context, device string, r confirm.Request) ([]Hint, error) {
	alike := func(s *Session) bool {
		return s.State == confirm.StateConfirmed && s.Confirmation.Request.Purpose == r.Purpose
	}
	// The newest one is it nearly always.
	newest, _, err := v.course.Record.Last(ctx, "device", device)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return confirm.Hints(nil, r.Requester), nil
	case err != nil:
		return nil, err
	case alike(newest):
		return confirm.Hints(&newest.Confirmation.Request.Requester, r.Requester), nil
	}
	recent, _, err := v.History(ctx, device, "", 5)
	if err != nil {
		return nil, err
	}
	if at := slices.IndexFunc(recent, alike); at >= 0 {
		return confirm.Hints(&recent[at].Confirmation.Request.Requester, r.Requester), nil
	}
	return confirm.Hints(nil, r.Requester), nil
}

// claimed lets only the phone pass that claimed the session.
func (s *Session) claimed(device, claim string) error {
	if s.Device == "" || !equal(s.Device, device) || !equal(s.claim(device), claim) {
		return ErrClaim
	}
	return nil
}
