package cashier

import (
	"context"
	"errors"
	"time"

	"certlink/store"
)

// startTime bounds the provider's answer to a person who waits, startOver is when a
// start that was never finished (its server died) is given up.
const (
	startTime = 8 * time.Second
	startOver = 30 * time.Second
	// codeLeft is how long a code must still work to be shown again.
	codeLeft = 3 * time.Minute
)

// Pay begins a payment by one provider and returns the order with the attempt in it,
// or finds the one whose code can still be used. The attempt is written before the
// provider hears of it: what a crash leaves behind is called in by the sweeper.
func (s *Service) Pay(ctx context.Context, by Who, id, provider string) (*Order, *Attempt, error) {
	p := s.providers[provider]
	if p == nil {
		return nil, nil, ErrMethod
	}
	var attempt string
	var fresh bool
	o, err := s.change(ctx, id, func(o *Order) error {
		fresh = false
		if !by.may(o) {
			return ErrUnknown
		}
		now := s.cfg.Clock()
		if err := o.payable(now); err != nil {
			return err
		}
		if a := o.usable(provider, now); a != nil {
			attempt = a.ID
			return store.ErrUnchanged
		}
		if err := o.tooMany(now); err != nil {
			return err
		}
		fresh, attempt = true, attemptID(o.ID, len(o.Attempts)+1)
		o.drop(now, replaced)
		expires := o.ExpiresAt
		if t := now.Add(p.CodeLife()); p.CodeLife() > 0 && t.Before(expires) {
			expires = t
		}
		o.Attempts = append(o.Attempts, Attempt{ID: attempt, Provider: provider, State: Starting, At: now, By: by.Account,
			ExpiresAt: expires, Due: now.Add(startOver)})
		o.happened("order.attempt_started", now, by.Account, attempt, provider)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if fresh {
		if o, err = s.start(ctx, p, o, attempt); err != nil {
			return nil, nil, err
		}
	}
	return o, o.attempt(attempt), nil
}

// start asks the provider for the code and writes it down.
func (s *Service) start(ctx context.Context, p Provider, o *Order, attempt string) (*Order, error) {
	a := o.attempt(attempt)
	bounded, cancel := context.WithTimeout(ctx, startTime)
	code, failure := p.Start(bounded, Charge{ID: a.ID, AmountFen: o.AmountFen, Description: o.Lines[0].Name + " " + o.Number, ExpiresAt: a.ExpiresAt})
	cancel()
	// Written even if the person has gone.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	var refusal *Refusal
	out, err := s.change(ctx, o.ID, func(o *Order) error {
		a := o.attempt(attempt)
		if a.State != Starting {
			return store.ErrUnchanged // replaced, closed, or even paid meanwhile
		}
		now := s.cfg.Clock()
		switch {
		case failure == nil:
			a.State, a.Code, a.Due, a.Asked = Waiting, code, now.Add(pause(0)), now
			if p.CodeLife() == 0 {
				a.Due = a.ExpiresAt // nobody can be asked before
			}
		case errors.As(failure, &refusal):
			a.Reason, a.Note = refused, refusal.Note
			return o.end(a, now)
		default:
			// It may have reached the provider: it is called in there.
			a.State, a.Reason, a.Due = Dropped, refused, now
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case refusal != nil:
		return nil, ErrRefused.Because(failure)
	case failure != nil:
		return nil, ErrProvider.Because(failure).After(5 * time.Second)
	}
	return out, nil
}

// payable says why an order cannot be paid now.
func (o *Order) payable(now time.Time) error {
	switch {
	case o.State != Open:
		return ErrState.With("state", string(o.State))
	case o.AmountFen == 0:
		return ErrFree
	case o.InReview():
		return ErrState.With("state", string(Review))
	case !now.Before(o.ExpiresAt):
		return ErrState.With("state", string(Closing))
	}
	return nil
}

// usable finds an attempt of the provider's that can be shown again: two presses of
// the button, or two pages, are one attempt.
func (o *Order) usable(provider string, now time.Time) *Attempt {
	for i := range o.Attempts {
		a := &o.Attempts[i]
		if a.Provider != provider {
			continue
		}
		if a.State == Waiting && (now.Add(codeLeft).Before(a.ExpiresAt) || provider == Offline) || a.State == Starting && now.Before(a.At.Add(startTime)) {
			return a
		}
	}
	return nil
}

func (o *Order) tooMany(now time.Time) error {
	if len(o.Attempts) < attemptsHour {
		return nil
	}
	since := now.Sub(o.Attempts[len(o.Attempts)-attemptsHour].At)
	if since < time.Hour {
		return ErrAttempts.After(time.Hour - since)
	}
	if len(o.Attempts) >= attemptsMost {
		return ErrAttempts.After(time.Hour)
	}
	return nil
}

// checkEvery bounds how often a page can have the provider asked.
const checkEvery = 3 * time.Second

// Check asks the provider now, for a payer who says that it is paid.
func (s *Service) Check(ctx context.Context, by Who, id string) (*Order, error) {
	o, err := s.Read(ctx, by, id)
	if err != nil || o.State != Open {
		return o, err
	}
	now := s.cfg.Clock()
	for i := range o.Attempts {
		a := &o.Attempts[i]
		if a.State != Waiting || a.Provider == Offline || now.Sub(a.Asked) < checkEvery {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, startTime)
		err := s.ask(bounded, o, a)
		cancel()
		if err != nil {
			return nil, ErrProvider.Because(err).After(5 * time.Second)
		}
	}
	return s.Read(ctx, by, id)
}
