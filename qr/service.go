package qr

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
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
	Created   time.Duration // how long a code is shown
	Scanned   time.Duration // how long the holder has after the scan
	Typed     time.Duration // how long a typed code lives
	Link      time.Duration // how long a same-device link lives
	CodeAge   time.Duration // a code older than this is refused
	CodeAhead time.Duration // a code further ahead than this is refused
	Retry     time.Duration // first pause before an owed act is tried again
	Keep      time.Duration // how long an ended session can still be read
	Block     time.Duration // how long a pair stays blocked after three "not me"
}

// DefaultTimes are those of the protocol.
func DefaultTimes() Times {
	return Times{
		Created: 60 * time.Second, Scanned: 180 * time.Second, Typed: 180 * time.Second, Link: 60 * time.Second,
		CodeAge: 5 * time.Second, CodeAhead: 2 * time.Second, Retry: time.Second, Keep: 24 * time.Hour, Block: 15 * time.Minute,
	}
}

// Config wires a Service.
type Config struct {
	Store  store.Store
	Clock  clock.Clock
	Hub    *feed.Hub
	Engine *confirm.Engine
	Origin string // the server's public origin
	Times  Times
	// MaxOpen bounds the open sessions of one account.
	MaxOpen int
	// Holds tells whether a device holds a certificate, and whether one of an account;
	// see countNotMe.
	Holds func(ctx context.Context, device, account string) (any, own bool, err error)
	// DeviceName is how the portal names the phone that scanned.
	DeviceName func(ctx context.Context, device string) (string, error)
}

// Service runs sessions. It keeps nothing in memory that matters: any server
// of the installation can take any step of any session.
type Service struct {
	Config
	course confirm.Carrier[Session]
	pairs  store.Record[pair]
}

// New makes the service.
func New(c Config) *Service {
	v := &Service{Config: c, pairs: pairRecord(c.Store)}
	v.course = confirm.Carrier[Session]{
		Engine: c.Engine, Clock: c.Clock, Record: sessionRecord(c.Store, c.Times), Retry: c.Times.Retry,
		Of: func(s *Session) *confirm.Course { return &s.Course }, Steps: steps, Asks: Scanned,
		Moved: func(s *Session, now time.Time) { s.moved(now, c.Times) }, Told: v.told,
		Unknown: ErrUnknown, Over: ErrOver, Expired: ErrExpired,
	}
	return v
}

// told wakes who waits for a session.
func (v *Service) told(_ context.Context, s *Session, _ confirm.State) {
	v.Hub.Tell(collection, s.ID, s)
}

// StartInput is a request to show a code.
type StartInput struct {
	Request confirm.Request
	// Browser is the hash of the secret that the page holds (id.Hash).
	Browser string
}

// Start begins a session for the page that holds the browser secret.
func (v *Service) Start(ctx context.Context, in StartInput) (*Session, error) {
	if err := v.blocked(ctx, in.Request.Actor.ID, in.Browser); err != nil {
		return nil, err
	}
	open, _, err := v.Store.Query(ctx, collection, withLimit(store.Equal("open", in.Request.Actor.ID), v.MaxOpen))
	if err != nil {
		return nil, err
	}
	if len(open) >= v.MaxOpen {
		return nil, ErrTooMany.After(v.Times.Created / 4)
	}
	now := v.Clock()
	if in.Request.Requester.StartedAt == "" {
		in.Request.Requester.StartedAt = now.UTC().Format(time.RFC3339)
	}
	c, err := v.Engine.Begin(ctx, in.Request)
	if err != nil {
		return nil, err
	}
	s := &Session{
		ID:     id.Secret(16),
		Letter: string(v.Engine.Purpose(in.Request.Purpose).Letter()),
		Secret: make([]byte, 32), Browser: in.Browser, Account: in.Request.Actor.ID,
		CreatedAt: now, Match: Match{Required: c.Terms.MatchCode},
		Course: confirm.Course{State: Created, Seq: 1, Confirmation: *c, ExpiresAt: now.Add(v.Times.Created)},
	}
	rand.Read(s.Secret)
	if err := v.course.Record.Create(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

func withLimit(q store.Query, n int) store.Query { q.Limit = n; return q }

// Owned reads a session for the page that began it. Without the right browser
// secret there is no telling whether the session exists.
func (v *Service) Owned(ctx context.Context, sessionID, browser string) (*Session, error) {
	s, err := v.course.Get(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	if err := v.owns(s, browser); err != nil {
		return nil, err
	}
	return s, nil
}

func (v *Service) owns(s *Session, browser string) error {
	if browser == "" || subtle.ConstantTimeCompare([]byte(s.Browser), []byte(browser)) != 1 {
		return ErrUnknown
	}
	return nil
}

// Code is the text of the code for now, "" when none is shown.
func (v *Service) Code(s *Session) (code string, counter int64) {
	now := v.Clock()
	if s.State != Created || !now.Before(s.ExpiresAt) {
		return "", 0
	}
	return s.codeAt(v.Origin, now)
}

// Watch subscribes to a session's changes. The hub hands over the changed
// *Session, or nil after another server's change.
func (v *Service) Watch(sessionID string) *feed.Sub { return v.Hub.Subscribe(collection, sessionID) }

// Cancel ends a session from the page that began it. Cancelling what is over
// changes nothing and is no error: the page may have been late.
func (v *Service) Cancel(ctx context.Context, sessionID, browser string) (*Session, error) {
	s, err := v.course.Change(ctx, sessionID, func(s *Session, now time.Time) error {
		if err := v.owns(s, browser); err != nil {
			return err
		}
		if s.State.Over() {
			return store.ErrUnchanged
		}
		return v.course.Move(s, confirm.StateCancelled, now)
	})
	if errors.Is(err, ErrExpired) {
		err = nil
	}
	return s, err
}

// MatchDigits takes the digits that the browser's person read off the phone.
func (v *Service) MatchDigits(ctx context.Context, sessionID, browser, digits string) (*Session, error) {
	return v.course.Change(ctx, sessionID, func(s *Session, now time.Time) error {
		if err := v.owns(s, browser); err != nil {
			return err
		}
		if err := v.course.Open(s); err != nil {
			return err
		}
		if s.State != Scanned || !s.Match.Required {
			return ErrMatchNotAsked
		}
		if s.Match.Done {
			return store.ErrUnchanged
		}
		s.Seq++
		if subtle.ConstantTimeCompare([]byte(s.Match.Digits), []byte(digits)) == 1 {
			s.Match.Done = true
			return nil
		}
		s.Match.Misses++
		if s.Match.Misses < matchMisses {
			return confirm.Kept(ErrMatchWrong.With("tries_left", matchMisses-s.Match.Misses))
		}
		s.Failure = &Failure{Code: ErrMatchFailed.Code}
		s.Owe(s.audit(now, "session.match_failed"))
		if err := v.course.Move(s, confirm.StateFailed, now); err != nil {
			return err
		}
		return confirm.Kept(ErrMatchFailed)
	})
}

// matchMisses end a session: two digits are guessed by chance once in a
// hundred, so three tries leave three in a hundred, once.
const matchMisses = 3

// TypedCode makes (or shows again) the code for a phone without a camera. From
// then on the session always asks for the digits.
func (v *Service) TypedCode(ctx context.Context, sessionID, browser string) (*Session, error) {
	for {
		s, err := v.course.Change(ctx, sessionID, func(s *Session, now time.Time) error {
			if err := v.owns(s, browser); err != nil {
				return err
			}
			if err := v.course.Open(s); err != nil {
				return err
			}
			if s.State != Created {
				return ErrTaken
			}
			if s.Confirmation.Request.Purpose == "login" {
				return ErrTypedNever
			}
			if s.Typed != nil {
				if s.Typed.Misses >= typedMisses {
					return ErrTypedLocked
				}
				return store.ErrUnchanged
			}
			s.Typed = newTyped(now, v.Times.Typed)
			s.ExpiresAt = s.Typed.ExpiresAt
			s.Match.Required = true
			s.Seq++
			return nil
		})
		if store.IsDuplicate(err, "typed") {
			continue // 25 bits collide now and then among open codes: draw again
		}
		return s, err
	}
}

// SameDeviceLink mints the one-off link that opens the app in the browser that
// began the session.
func (v *Service) SameDeviceLink(ctx context.Context, sessionID, browser string) (string, time.Time, error) {
	s, err := v.course.Change(ctx, sessionID, func(s *Session, now time.Time) error {
		if err := v.owns(s, browser); err != nil {
			return err
		}
		if err := v.course.Open(s); err != nil {
			return err
		}
		if s.State != Created {
			return ErrTaken
		}
		nonce := make([]byte, 16)
		rand.Read(nonce)
		s.Link = &Link{Nonce: base64.RawURLEncoding.EncodeToString(nonce), ExpiresAt: now.Add(v.Times.Link)}
		if s.ExpiresAt.Before(s.Link.ExpiresAt) {
			s.ExpiresAt = s.Link.ExpiresAt
		}
		s.Seq++
		return nil
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return link(v.Origin, s.Letter, s.ID, "L"+s.Link.Nonce, s.Secret), s.Link.ExpiresAt, nil
}

// audit makes the log entry of a session's change.
func (s *Session) audit(now time.Time, act string) effect.Effect {
	data := map[string]string{
		"act": act, "object": "qr_session", "id": s.StatementID(), "purpose": s.Confirmation.Request.Purpose,
		"account": s.Account, "organisation": s.Confirmation.Request.Actor.OrganisationID,
		"subject": s.Confirmation.Request.Subject.ID, "device": s.Device,
		"ip": s.Confirmation.Request.Requester.IP,
	}
	return effect.New(effect.Audit, now, data)
}

// StatementID names the statement, "" before there is one.
func (s *Session) StatementID() string { return s.Confirmation.StatementID() }
