package main

import (
	"context"
	"fmt"
	"time"

	"certlink/cashier"
	"certlink/internal/effect"
	"certlink/push"
)

// openCashier wires the cashier and the ways to pay.
func (p *program) openCashier() (err error) {
	p.orders, err = cashier.New(cashier.Config{
		Store: p.store, Clock: p.clock, Hub: p.hub, Log: p.log,
		Providers: []cashier.Provider{cashier.Transfer{}},
		Life:      time.Duration(p.settings.OrderDays) * 24 * time.Hour,
	})
	return err
}

// orderHandlers are the effects that orders owe, and those that are asked of them.
func (p *program) orderHandlers() map[string]push.Handler {
	return map[string]push.Handler{
		cashier.EffectOrder:     p.carryOrder,
		cashier.EffectRefund:    p.orders.CarryRefund,
		cashier.EffectCompleted: p.orders.CarryCompleted,
	}
}

// carryOrder tells the room whose thing was paid for.
func (p *program) carryOrder(ctx context.Context, e effect.Effect) error {
	if carry := p.subjects[e.Data["subject_kind"]]; carry != nil {
		return carry(ctx, e)
	}
	return fmt.Errorf("the order %s is for a %q, of which nobody knows", e.Data["order"], e.Data["subject_kind"])
}
