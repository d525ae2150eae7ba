package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"certlink/internal/clock"
	"certlink/internal/id"
	"certlink/internal/seal"
	"certlink/store"
)

// Config is what the service is made of.
type Config struct {
	Store store.Store
	Clock clock.Clock
	Seal  *seal.Ring
	// Checker is the service that is asked; nil where there is none.
	Checker Checker
	Log     *slog.Logger
}

// Service knows checks.
type Service struct {
	cfg    Config
	checks store.Record[Check]
	days   store.Record[day]
}

// New makes the service.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Service{cfg: c, checks: checkRecord(c.Store), days: dayRecord(c.Store)}
}

const (
	// lifetime is how long a person has; what services give is somewhat less.
	lifetime = 15 * time.Minute
	// startTime is how long a service may take to take a check on.
	startTime = 20 * time.Second
	// askAfter is when a service that has not called back is asked, and again.
	askAfter = 20 * time.Second
)

// Available says whether faces can be checked here.
func (s *Service) Available() bool { return s.cfg.Checker != nil }

// Sandbox says whether the service only stands for a real one.
func (s *Service) Sandbox() bool {
	_, sandbox := s.cfg.Checker.(interface{ Sandbox() })
	return sandbox
}

// person is the keyed digest that is counted by. It stays the same when the keys of
// the installation are changed.
func (s *Service) person(p Person) string {
	h := hmac.New(sha256.New, s.cfg.Seal.DeriveLast("identity person"))
	h.Write([]byte(p.IDNumber))
	return hex.EncodeToString(h.Sum(nil))
}

// Begin starts a check for a subject and tells where the person does it.
func (s *Service) Begin(ctx context.Context, subject Subject, account string, p Person, back string) (*Check, error) {
	if s.cfg.Checker == nil {
		return nil, ErrNoService
	}
	now := s.cfg.Clock()
	due := now.Add(startTime)
	c := &Check{
		ID: id.New(), State: Starting, Subject: subject, Account: account, Person: s.person(p), Day: dayOf(now),
		Service: s.cfg.Checker.Name(), At: now, Due: &due, Until: now.Add(lifetime),
	}
	// The check is written first: if this server dies now, the sweep finds it and gives
	// back what it has taken.
	if err := s.checks.Create(ctx, c); err != nil {
		return nil, err
	}
	if err := s.take(ctx, c); err != nil {
		if errors.Is(err, ErrTooMany) { // nothing was begun, so there is nothing to keep
			if err := s.checks.Store.Delete(ctx, checks.Name, c.ID, 0); err != nil {
				return nil, err
			}
		}
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, startTime/2)
	started, err := s.cfg.Checker.Begin(bounded, c.ID, p, back)
	cancel()
	if err != nil {
		s.cfg.Log.Warn("the face check service could not begin", "service", c.Service, "check", c.ID, "err", err)
		if err := s.end(ctx, c, Failed, "begin"); err != nil {
			return nil, err
		}
		return nil, ErrServiceDown.Because(err)
	}
	return s.change(ctx, c.ID, func(c *Check) error {
		due := s.cfg.Clock().Add(askAfter)
		c.Ref, c.URL, c.Due = started.Ref, started.URL, &due
		return c.move(Pending, s.cfg.Clock(), "")
	})
}

// Get reads a check.
func (s *Service) Get(ctx context.Context, id string) (*Check, error) {
	c, _, err := s.checks.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrCheckUnknown
	}
	return c, err
}

// Forget removes the checks of a subject. What they said stands in it and in the audit
// log, without the person.
func (s *Service) Forget(ctx context.Context, subject Subject) error {
	return s.checks.Walk(ctx, store.Equal("subject", subject.key()), func(c *Check) error {
		if err := s.checks.Store.Delete(ctx, checks.Name, c.ID, 0); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil
	})
}

// Notice takes a call-back of the service, and asks the service how the check that
// it names stands. Repeated and late ones change nothing.
func (s *Service) Notice(ctx context.Context, service string, header func(string) string, body []byte) error {
	if s.cfg.Checker == nil || s.cfg.Checker.Name() != service {
		return ErrNotice.Becausef("no service is called %q", service)
	}
	ref, err := s.cfg.Checker.Notice(header, body)
	if err != nil {
		return err
	}
	c, _, err := s.checks.First(ctx, store.Equal("ref", store.Key(service, ref)))
	if errors.Is(err, store.ErrNotFound) {
		return ErrCheckUnknown
	}
	if err != nil {
		return err
	}
	return s.look(ctx, c)
}

// Look asks the service about an open check, for somebody who waits for it.
func (s *Service) Look(ctx context.Context, id string) error {
	c, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.look(ctx, c)
}

func (s *Service) look(ctx context.Context, c *Check) error {
	if c.State != Pending || s.cfg.Checker == nil || s.cfg.Checker.Name() != c.Service {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	r, err := s.cfg.Checker.Ask(bounded, c.Ref)
	if err != nil {
		return ErrServiceDown.Because(err)
	}
	switch r.State {
	case Passed, Mismatched, Failed:
		return s.end(ctx, c, r.State, r.Reason)
	case Pending:
		return nil
	}
	return fmt.Errorf("identity: the service says of %s that it is %q", c.ID, r.State)
}

// end ends a check. What is over stays as it is.
func (s *Service) end(ctx context.Context, c *Check, to State, reason string) error {
	if to == Failed {
		// First: if this server dies now, the check is still due and this is done again.
		if err := s.giveBack(ctx, c); err != nil {
			return err
		}
	}
	_, err := s.change(ctx, c.ID, func(c *Check) error {
		if c.State.Over() {
			return store.ErrUnchanged
		}
		return c.move(to, s.cfg.Clock(), reason)
	})
	return err
}

func (s *Service) change(ctx context.Context, id string, decide func(*Check) error) (*Check, error) {
	c, err := s.checks.Update(ctx, id, decide)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrCheckUnknown
	}
	return c, err
}

// Sweep looks after checks that nobody has said anything about: it asks the service,
// ends what has expired, and gives back what never began.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.cfg.Clock()
	due, _, err := s.checks.Query(ctx, store.Query{Index: "due", Below: store.TimeKey(now), Limit: 64})
	if err != nil {
		return err
	}
	var failed error
	for _, c := range due {
		failed = errors.Join(failed, s.settle(ctx, c, now))
	}
	return errors.Join(failed, s.purge(ctx, now))
}

func (s *Service) settle(ctx context.Context, c *Check, now time.Time) error {
	if c.State == Starting {
		return s.end(ctx, c, Failed, "abandoned") // a server died while it asked
	}
	silent := s.look(ctx, c)
	if silent != nil {
		s.cfg.Log.Warn("the face check service does not say how a check stands", "service", c.Service, "check", c.ID, "err", silent)
	}
	switch {
	case now.Before(c.Until):
		_, err := s.change(ctx, c.ID, func(c *Check) error {
			if c.State.Over() {
				return store.ErrUnchanged
			}
			later := now.Add(askAfter)
			c.Due = &later
			return nil
		})
		return err
	case silent != nil:
		return s.end(ctx, c, Failed, "silent")
	}
	return s.end(ctx, c, Expired, "")
}

// purge forgets the counts of days that are over.
func (s *Service) purge(ctx context.Context, now time.Time) error {
	old, _, err := s.days.Query(ctx, store.Query{Index: "purge", Below: store.TimeKey(now), Limit: 256})
	for _, d := range old {
		if err := s.days.Store.Delete(ctx, days.Name, d.ID, 0); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return err
}
