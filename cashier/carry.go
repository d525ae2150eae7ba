package cashier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"certlink/internal/effect"
	"certlink/store"
)

// What other rooms ask of orders by effects.
const (
	// EffectRefund gives an order up: it is closed if it is not paid, and refunded if it
	// is. Data: order, reason.
	EffectRefund = "order.refund"
	// EffectCompleted says that what was bought is delivered. Data: order, and at, when
	// that was (RFC 3339); without it, when the effect was written.
	EffectCompleted = "order.completed"
)

// CarryRefund is the relay's handler for EffectRefund.
func (s *Service) CarryRefund(ctx context.Context, e effect.Effect) error {
	return s.carry(ctx, e, func(o *Order) error {
		changed, err := o.giveUp(e.Data["reason"], e.Data["by"], s.cfg.Clock())
		if err == nil && !changed {
			return store.ErrUnchanged
		}
		return err
	})
}

// CarryCompleted is the relay's handler for EffectCompleted. The first word counts.
func (s *Service) CarryCompleted(ctx context.Context, e effect.Effect) error {
	return s.carry(ctx, e, func(o *Order) error {
		if o.CompletedAt != nil {
			return store.ErrUnchanged
		}
		at := e.At
		if t, err := time.Parse(time.RFC3339, e.Data["at"]); err == nil {
			at = t.UTC()
		}
		o.CompletedAt = &at
		o.happened("order.completed", at, "", "", "")
		return nil
	})
}

func (s *Service) carry(ctx context.Context, e effect.Effect, decide func(*Order) error) error {
	_, err := s.change(ctx, e.Data["order"], decide)
	if errors.Is(err, ErrUnknown) || errors.Is(err, ErrState) {
		return fmt.Errorf("the order %s of %s: %w", e.Data["order"], e.Kind, err)
	}
	return err
}
