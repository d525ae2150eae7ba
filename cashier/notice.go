package cashier

import (
	"context"
	"errors"
	"time"

	"certlink/store"
)

// Notice takes in what a provider sent, and returns the answer for it. It is answered
// when what it says is written down: a crash before leaves the provider to repeat it.
func (s *Service) Notice(ctx context.Context, provider string, header func(string) string, body []byte) (mediaType, answer string, err error) {
	p := s.providers[provider]
	if p == nil || provider == Offline {
		return "", "", ErrMethod
	}
	n, err := p.Notice(ctx, header, body)
	if err != nil {
		return "", "", ErrNotice.Because(err)
	}
	switch {
	case n.Trade != nil:
		err = s.take(ctx, n.Trade.ID, provider, func(o *Order, now time.Time) (bool, error) { return o.report(n.Trade, "", now) })
	case n.Refund != nil:
		err = s.take(ctx, n.Refund.ID, provider, func(o *Order, now time.Time) (bool, error) { return o.refunded(n.Refund, "", now) })
	}
	if errors.Is(err, ErrPaymentUnknown) {
		s.cfg.Log.Error("a payment notice is genuine, and about no order of ours", "provider", provider)
	}
	if err != nil {
		return "", "", err
	}
	mediaType, answer = p.Taken()
	return mediaType, answer, nil
}

// take writes what was said about an attempt or a refund, by its provider only.
func (s *Service) take(ctx context.Context, id, provider string, take func(*Order, time.Time) (bool, error)) error {
	order := orderOf(id)
	if order == "" {
		return ErrPaymentUnknown
	}
	_, err := s.change(ctx, order, func(o *Order) error {
		if a := o.owner(id); a == nil || a.Provider != provider {
			return ErrPaymentUnknown
		}
		changed, err := take(o, s.cfg.Clock())
		if err == nil && !changed {
			return store.ErrUnchanged
		}
		return err
	})
	if errors.Is(err, ErrUnknown) {
		return ErrPaymentUnknown
	}
	return err
}

// owner is the attempt that an attempt's or a refund's id is about.
func (o *Order) owner(id string) *Attempt {
	for i := range o.Attempts {
		if a := &o.Attempts[i]; a.ID == id || a.Refund != nil && a.Refund.ID == id {
			return a
		}
	}
	return nil
}
