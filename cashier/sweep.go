package cashier

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"certlink/internal/fault"
	"certlink/store"
)

// sweepWidth bounds the questions to providers that are under way at once.
const sweepWidth = 16

// Sweep does what is due: it asks about payments no notice has come for, calls in
// what was dropped, sends money back, and closes what was not paid in time. It runs
// under a lease, and is harmless if it runs twice.
func (s *Service) Sweep(ctx context.Context) error {
	list, _, err := s.docs.Query(ctx, store.Query{Index: "due", Below: store.TimeKey(s.cfg.Clock().Add(time.Microsecond)), Limit: 128})
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(sweepWidth)
	for _, o := range list {
		g.Go(func() error {
			err := s.tend(ctx, o)
			if fault.Of(err) != nil && !errors.Is(err, ErrProvider) {
				s.cfg.Log.Error("an order cannot be tended to", "order", o.ID, "err", err)
				return nil
			}
			return err
		})
	}
	return g.Wait()
}

// tend does what is due about one order.
func (s *Service) tend(ctx context.Context, o *Order) error {
	now := s.cfg.Clock()
	var failed error
	if o.Decision().Over(now) {
		_, failed = s.change(ctx, o.ID, func(*Order) error { return store.ErrUnchanged })
	}
	for i := range o.Attempts {
		a := &o.Attempts[i]
		if f := a.Refund; f != nil && (f.State == RefundOwed || f.State == RefundPending) && !now.Before(f.Due) {
			failed = errors.Join(failed, s.sendBack(ctx, o, a))
		}
		if (a.State == Starting || a.State == Waiting || a.State == Dropped) && !now.Before(a.Due) {
			failed = errors.Join(failed, s.ask(ctx, o, a))
		}
	}
	if o.State == Open && !o.InReview() && !now.Before(o.ExpiresAt) {
		_, err := s.change(ctx, o.ID, func(o *Order) error {
			if o.State != Open || o.InReview() || s.cfg.Clock().Before(o.ExpiresAt) {
				return store.ErrUnchanged
			}
			return o.close(expired, "", s.cfg.Clock())
		})
		failed = errors.Join(failed, err)
	}
	return failed
}

// callTime bounds one question to a provider.
const callTime = 5 * time.Second

// ask puts the question that is due about an attempt, and writes the answer down.
func (s *Service) ask(ctx context.Context, o *Order, a *Attempt) error {
	p := s.providers[a.Provider]
	var t *Trade
	var failure error
	bounded, cancel := context.WithTimeout(ctx, callTime)
	switch {
	case p == nil:
		failure = errors.New("the provider is no longer configured")
	case a.State == Waiting && s.cfg.Clock().Before(a.ExpiresAt):
		t, failure = p.Query(bounded, a.ID)
	default:
		t, failure = p.Close(bounded, a.ID)
	}
	cancel()
	return s.written(ctx, o.ID, func(o *Order, now time.Time) (bool, error) {
		if failure == nil {
			return o.report(t, "", now)
		}
		a := o.attempt(a.ID)
		if !a.State.live() {
			return false, nil
		}
		a.Due, a.Tries, a.Asked = now.Add(patience(a.Tries)), a.Tries+1, now
		return true, nil
	}, failure)
}

// sendBack asks the provider to refund, or how that stands.
func (s *Service) sendBack(ctx context.Context, o *Order, a *Attempt) error {
	p := s.providers[a.Provider]
	f := a.Refund
	var r *RefundReport
	failure := errors.New("the provider is no longer configured")
	if p != nil {
		bounded, cancel := context.WithTimeout(ctx, callTime)
		r, failure = p.Refund(bounded, RefundOrder{ID: f.ID, Attempt: a.ID, PaidFen: a.Payment.AmountFen, AmountFen: f.AmountFen, Reason: f.words()})
		cancel()
	}
	var refusal *Refusal
	if errors.As(failure, &refusal) {
		// What the provider will never do, a person must: the money is not forgotten.
		r, failure = &RefundReport{ID: f.ID, State: RefundByHand, Note: refusal.Note}, nil
	}
	return s.written(ctx, o.ID, func(o *Order, now time.Time) (bool, error) {
		if failure == nil {
			return o.refunded(r, "", now)
		}
		f := o.attempt(a.ID).Refund
		if f.State != RefundOwed && f.State != RefundPending {
			return false, nil
		}
		f.Due, f.Tries = now.Add(patience(f.Tries)), f.Tries+1
		return true, nil
	}, failure)
}

// written records an answer, also when the time for asking has run out. failure is
// what the caller is told of.
func (s *Service) written(ctx context.Context, id string, take func(*Order, time.Time) (bool, error), failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	_, err := s.change(ctx, id, func(o *Order) error {
		changed, err := take(o, s.cfg.Clock())
		if err == nil && !changed {
			return store.ErrUnchanged
		}
		return err
	})
	return errors.Join(err, failure)
}
