package desk

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"certlink/confirm"
	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/feed"
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
	Hub    *feed.Hub
	Engine *confirm.Engine
	Times  Times
	// MaxOpen bounds the open sessions of one account.
	MaxOpen int
}

// Service runs sessions. It keeps nothing in memory that matters.
type Service struct {
	Config
	sessions store.Record[Session]
	acts     confirm.Acting[Session]
}

// New makes the service.
func New(c Config) *Service {
	v := &Service{Config: c, sessions: sessionRecord(c.Store, c.Times)}
	v.acts.Engine = c.Engine
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
	s := &Session{ID: id.Secret(16), State: Open, Browser: browser, Account: r.Actor.ID,
		Confirmation: *c, CreatedAt: now, ExpiresAt: now.Add(v.Times.Open)}
	if err := v.Engine.Issue(ctx, &s.Confirmation, nil, now, s.ExpiresAt); err != nil {
		return nil, err
	}
	return s, v.sessions.Create(ctx, s)
}

// Owned reads a session for the page that began it. Without the right browser
// secret there is no telling whether the session exists.
func (v *Service) Owned(ctx context.Context, sessionID, browser string) (*Session, error) {
	s, _, err := v.sessions.Get(ctx, sessionID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	if err := s.owned(browser); err != nil {
		return nil, err
	}
	s.settle(v.Clock(), v.Times)
	return s, nil
}

func (s *Session) owned(browser string) error {
	if browser == "" || subtle.ConstantTimeCompare([]byte(s.Browser), []byte(browser)) != 1 {
		return ErrUnknown
	}
	return nil
}

// over is the answer to whoever comes too late.
func (s *Session) over() error {
	if s.State == Expired {
		return ErrExpired
	}
	return ErrOver.With("state", string(s.State))
}

// change applies one decision by compare-and-swap. An expiry found on the way is
// written, and the caller is told.
func (v *Service) change(ctx context.Context, sessionID string, decide func(*Session, time.Time) error) (*Session, error) {
	expired, owes := false, 0
	s, err := v.sessions.Update(ctx, sessionID, func(s *Session) error {
		now := v.Clock()
		owes = len(s.Pending)
		if expired = s.settle(now, v.Times); expired {
			return nil
		}
		return decide(s, now)
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrUnknown
	case err != nil:
		return nil, err
	case expired:
		return s, ErrExpired
	}
	if len(s.Pending) > owes {
		v.Hub.Tell(effect.Index, collection, nil)
	}
	return s, nil
}

// Confirm takes the signed statement. A signature that is refused leaves the
// session open: another certificate, or another PIN, may be tried in its time.
// Confirming again with the same certificate gives the same answer.
func (v *Service) Confirm(ctx context.Context, sessionID, browser, jws string) (*Session, error) {
	s, err := v.Owned(ctx, sessionID, browser)
	if err != nil {
		return nil, err
	}
	var verified *confirm.Verified
	switch s.State {
	case Open:
		if verified, err = v.Engine.Verify(ctx, &s.Confirmation, "", jws); err != nil {
			return nil, err
		}
		s, err = v.change(ctx, sessionID, func(s *Session, now time.Time) error {
			if s.State != Open {
				if verified = nil; s.Confirmation.JWS == "" {
					return s.over()
				}
				return store.ErrUnchanged // another request of this page was faster
			}
			s.Confirmation.Accept(verified, now)
			return s.move(Accepted, now, v.Times)
		})
		if err != nil {
			return nil, err
		}
	case Cancelled, Expired:
		return nil, s.over()
	}
	if verified == nil {
		if err := v.Engine.SameSignature(&s.Confirmation, "", jws); err != nil {
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
	return v.acts.Do(ctx, s.ID, &s.Confirmation, "", verified, func(ctx context.Context, o confirm.Outcome) (*Session, error) {
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

// Cancel ends a session from the page that began it. Cancelling what is over
// changes nothing and is no error.
func (v *Service) Cancel(ctx context.Context, sessionID, browser string) (*Session, error) {
	s, err := v.change(ctx, sessionID, func(s *Session, now time.Time) error {
		if err := s.owned(browser); err != nil {
			return err
		}
		if s.State != Open {
			return store.ErrUnchanged
		}
		return s.move(Cancelled, now, v.Times)
	})
	if errors.Is(err, ErrExpired) {
		if err := s.owned(browser); err != nil {
			return nil, err
		}
		err = nil
	}
	return s, err
}

// Sweep ends sessions whose time is over, finishes acts that are owed, and
// purges what has been kept long enough. Anyone may sweep at any time.
func (v *Service) Sweep(ctx context.Context) error {
	now := v.Clock()
	var after store.Cursor
	for {
		// One walk: what must stay, because the relay has not been there yet, does not
		// keep it from what comes behind.
		due, next, err := v.sessions.Query(ctx, store.Query{Index: "due", Below: store.TimeKey(now), Limit: 200, After: after})
		if err != nil {
			return err
		}
		for _, s := range due {
			if err := v.sweep(ctx, s); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

func (v *Service) sweep(ctx context.Context, s *Session) error {
	var err error
	switch {
	case s.State == Accepted:
		_, err = v.act(ctx, s, nil)
	case s.State == Open:
		_, err = v.change(ctx, s.ID, func(*Session, time.Time) error { return store.ErrUnchanged })
	case len(s.Pending) == 0: // the relay comes first
		err = v.Store.Delete(ctx, collection, s.ID, 0)
	}
	for _, harmless := range []error{ErrExpired, ErrUnknown, store.ErrNotFound} {
		if errors.Is(err, harmless) {
			return nil
		}
	}
	return err
}
