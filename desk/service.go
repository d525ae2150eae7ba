package desk

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"certlink/confirm"
	"certlink/internal/clock"
	"certlink/internal/id"
	"certlink/store"
)

// Times are the settings of a session's life.
type Times struct {
	Open  time.Duration // how long the holder has to sign
	Retry time.Duration // first pause before an owed act is tried again
	Keep  time.Duration // how long an ended session can still be read
}

// DefaultTimes give a person the time to find the PIN.
func DefaultTimes() Times {
	return Times{Open: 180 * time.Second, Retry: time.Second, Keep: 24 * time.Hour}
}

// Config wires a Service.
type Config struct {
	Store  store.Store
	Clock  clock.Clock
	Engine *confirm.Engine
	Times  Times
	// MaxOpen bounds the open sessions of one account.
	MaxOpen int
}

// Service runs sessions. It keeps nothing in memory that matters.
type Service struct {
	Config
	course confirm.Carrier[Session]
}

// New makes the service.
func New(c Config) *Service {
	v := &Service{Config: c}
	v.course = confirm.Carrier[Session]{
		Engine: c.Engine, Clock: c.Clock, Record: sessionRecord(c.Store, c.Times), Retry: c.Times.Retry,
		Of: func(s *Session) *confirm.Course { return &s.Course }, Steps: steps, Asks: Open,
		Moved:   (*Session).moved,
		Unknown: ErrUnknown, Over: ErrOver, Expired: ErrExpired,
	}
	return v
}

// Start makes the statement for the page that holds the browser secret, whose
// hash (id.Hash) browser is. Whatever needs a key of a phone is none of the desk's.
func (v *Service) Start(ctx context.Context, r confirm.Request, browser string) (*Session, error) {
	open, _, err := v.Store.Query(ctx, collection, store.Query{Index: "open", From: r.Actor.ID, Below: r.Actor.ID + "\x00", Limit: v.MaxOpen})
	if err != nil {
		return nil, err
	}
	if len(open) >= v.MaxOpen {
		return nil, ErrTooMany.After(v.Times.Open / 4)
	}
	now := v.Clock()
	if r.Requester.StartedAt == "" {
		r.Requester.StartedAt = now.UTC().Format(time.RFC3339)
	}
	c, err := v.Engine.Begin(ctx, r)
	if err != nil {
		return nil, err
	}
	if c.Terms.SignedBy != confirm.ByCertificate || c.Terms.NewKey != nil {
		return nil, ErrPurpose
	}
	s := &Session{ID: id.Secret(16), Browser: browser, Account: r.Actor.ID, CreatedAt: now,
		Course: confirm.Course{State: Open, Seq: 1, Confirmation: *c, ExpiresAt: now.Add(v.Times.Open)}}
	if err := v.Engine.Issue(ctx, &s.Confirmation, nil, now, s.ExpiresAt); err != nil {
		return nil, err
	}
	return s, v.course.Record.Create(ctx, s)
}

// Owned reads a session for the page that began it. Without the right browser
// secret there is no telling whether the session exists.
func (v *Service) Owned(ctx context.Context, sessionID, browser string) (*Session, error) {
	s, err := v.course.Get(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	if err := s.owned(browser); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Session) owned(browser string) error {
	if browser == "" || subtle.ConstantTimeCompare([]byte(s.Browser), []byte(browser)) != 1 {
		return ErrUnknown
	}
	return nil
}

// Confirm takes the signed statement; see confirm.Carrier. While the session is
// open, another certificate, or another PIN, may be tried.
func (v *Service) Confirm(ctx context.Context, sessionID, browser, jws string) (*Session, error) {
	s, err := v.Owned(ctx, sessionID, browser)
	if err != nil {
		return nil, err
	}
	return v.course.Confirm(ctx, s, jws)
}

// Cancel ends a session from the page that began it. Cancelling what is over
// changes nothing and is no error.
func (v *Service) Cancel(ctx context.Context, sessionID, browser string) (*Session, error) {
	s, err := v.course.Change(ctx, sessionID, func(s *Session, now time.Time) error {
		if err := s.owned(browser); err != nil {
			return err
		}
		if s.State != Open {
			return store.ErrUnchanged
		}
		return v.course.Move(s, confirm.StateCancelled, now)
	})
	if errors.Is(err, ErrExpired) {
		if err := s.owned(browser); err != nil {
			return nil, err
		}
		err = nil
	}
	return s, err
}

// Sweep sees to what time brings about; see confirm.Carrier.
func (v *Service) Sweep(ctx context.Context) error { return v.course.Sweep(ctx) }
