package cashier

import (
	"slices"
	"testing"
	"time"

	"certlink/store/storetest"
)

// TestKilled lets the server die at each of its writes on the whole way from opening
// an order to its refund, where the payer pays twice. A new server goes on each time,
// with what the banks and the store know. At the end it is always the same: one
// payment, every fen of the others back, the room told once.
func TestKilled(t *testing.T) {
	points := 0
	for n := 1; ; n++ {
		lived := false
		for _, after := range []bool{false, true} {
			w := newWorld(t)
			m := storetest.NewMortal(w.store, n, after)
			w.walk(w.on(m))
			if !m.Dead() {
				lived = true
			} else {
				points++
				w.clock.Advance(time.Minute)
				w.walk(w.on(w.store))
			}
			w.sweep(3 * time.Hour)
			w.sweep(3 * time.Hour)
			o := w.is(&Order{ID: OrderID(request(0).Subject)}, Refunded)
			if told := events(o); !slices.Equal(told, []string{"paid", "refunded"}) {
				t.Fatalf("write %d (after: %v): told %v", n, after, told)
			}
			taken, back := w.balance()
			if taken == 0 || taken != back {
				t.Fatalf("write %d (after: %v): %d trades were paid, %d refunded", n, after, taken, back)
			}
		}
		if lived {
			break
		}
	}
	if points < 12 {
		t.Fatalf("only %d points to die at", points)
	}
}

// walk goes the whole way; whatever it cannot do any more, it leaves.
func (w *world) walk(s *Service) {
	o, err := s.Open(ctx, request(20000))
	if err != nil {
		return
	}
	_, first, err := s.Pay(ctx, li, o.ID, "wechat")
	if err == nil {
		w.wechat.pays(first.ID)
	}
	if _, second, err := s.Pay(ctx, li, o.ID, "alipay"); err == nil {
		w.alipay.pays(second.ID)
	}
	w.Service, s = s, w.Service
	defer func() { w.Service = s }()
	for _, b := range []*bank{w.wechat, w.alipay} {
		for _, t := range b.paid() {
			_ = w.tell(b, t)
		}
	}
	_ = w.Sweep(ctx)
	w.clock.Advance(15 * time.Second)
	_ = w.Sweep(ctx)
	_ = w.CarryRefund(ctx, carried(EffectRefund, o, w.clock.Now()))
	_ = w.Sweep(ctx)
}

// paid is every trade that money was taken for.
func (b *bank) paid() (out []*Trade) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.trades {
		if t.State == TradePaid {
			c := *t
			out = append(out, &c)
		}
	}
	return out
}

func (w *world) balance() (taken, back int) {
	for _, b := range []*bank{w.wechat, w.alipay} {
		taken += len(b.paid())
		seen := map[string]bool{}
		for _, r := range b.refunds {
			if seen[r.Attempt] || r.AmountFen != 20000 {
				w.t.Fatalf("refunded twice, or another amount: %+v", r)
			}
			seen[r.Attempt] = true
		}
		back += len(b.refunds)
	}
	return taken, back
}
