package cashier

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/internal/fault"
)

func TestPaid(t *testing.T) {
	w := newWorld(t)
	o := w.opened(20000)
	if again := w.opened(20000); again.ID != o.ID || again.Number != o.Number || len(o.ID) != orderIDLength || !strings.HasPrefix(o.Number, "20261125") {
		t.Fatalf("%s %s, then %s %s", o.ID, o.Number, again.ID, again.Number)
	}
	a := w.paying(o, "wechat")
	if b := w.paying(o, "wechat"); b.ID != a.ID || a.Code == "" {
		t.Fatalf("a second press made another attempt: %+v, %+v", a, b)
	}
	if _, _, err := w.Pay(ctx, Who{Account: "wu", Organisation: "other", Admin: true}, o.ID, "wechat"); !errors.Is(err, ErrUnknown) {
		t.Fatalf("somebody else: %v", err)
	}
	check(t, w.tell(w.wechat, w.wechat.pays(a.ID)))
	p := w.is(o, Paid)
	if p.PaidBy != a.ID || p.Payment().Payment.Transaction != "T"+a.ID || !slices.Equal(events(p), []string{"paid"}) {
		t.Fatalf("%+v", p)
	}
	// What comes later, and out of order, changes nothing.
	for _, s := range []TradeState{TradeWaiting, TradeClosed, TradeNone} {
		check(t, w.tell(w.wechat, &Trade{ID: a.ID, State: s}))
	}
	check(t, w.tell(w.wechat, w.wechat.pays(a.ID)))
	w.sweep(30 * 24 * time.Hour)
	if again := w.is(o, Paid); len(again.History) != len(p.History) {
		t.Fatalf("%+v", again.History)
	}
}

// No notice comes: the provider is asked.
func TestAsked(t *testing.T) {
	w := newWorld(t)
	o := w.opened(100)
	a := w.paying(o, "alipay") // of which nothing is known before it is scanned
	w.sweep(15 * time.Second)
	w.is(o, Open)
	w.alipay.pays(a.ID)
	w.sweep(30 * time.Second)
	w.is(o, Paid)

	// The payer says so: asked at once, and not more often than that.
	w = newWorld(t)
	o = w.opened(100)
	a = w.paying(o, "wechat")
	w.clock.Advance(4 * time.Second)
	for range 5 {
		_, err := w.Check(ctx, li, o.ID)
		check(t, err)
	}
	if n := w.wechat.calls["query"]; n != 1 {
		t.Fatalf("asked %d times", n)
	}
	w.wechat.pays(a.ID)
	w.clock.Advance(4 * time.Second)
	if o, err := w.Check(ctx, li, o.ID); err != nil || o.State != Paid {
		t.Fatalf("%+v, %v", o, err)
	}
}

// A hundred notices of two payments, repeated, out of order and at once: one is the
// payment, the other goes back, once.
func TestAHundredNotices(t *testing.T) {
	w := newWorld(t)
	o := w.opened(20000)
	first := w.paying(o, "wechat")
	second := w.paying(o, "alipay")
	var notices []func() error
	paid := map[*bank]*Trade{w.wechat: w.wechat.pays(first.ID), w.alipay: w.alipay.pays(second.ID)}
	for range 20 {
		for b, a := range map[*bank]*Attempt{w.wechat: first, w.alipay: second} {
			notices = append(notices, func() error { return w.tell(b, paid[b]) }, func() error { return w.tell(b, paid[b]) })
			notices = append(notices, func() error {
				return w.tell(b, &Trade{ID: a.ID, State: []TradeState{TradeWaiting, TradeClosed}[rand.IntN(2)]})
			})
		}
	}
	rand.Shuffle(len(notices), func(i, j int) { notices[i], notices[j] = notices[j], notices[i] })
	var wg sync.WaitGroup
	for _, n := range notices {
		wg.Go(func() {
			if err := n(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.sweep(time.Minute)
	p := w.is(o, Paid)
	if !slices.Equal(events(p), []string{"paid"}) {
		t.Fatalf("told %v", events(p))
	}
	if n := len(w.wechat.refunds) + len(w.alipay.refunds); n != 1 {
		t.Fatalf("%d refunds", n)
	}
	for _, a := range p.Attempts {
		if back := a.Refund != nil && a.Refund.State == RefundDone; a.State != Settled || back == (a.ID == p.PaidBy) {
			t.Fatalf("%+v", a)
		}
	}
}

func TestAmountDiffers(t *testing.T) {
	for _, change := range []func(*Payment){
		func(p *Payment) { p.AmountFen-- }, func(p *Payment) { p.AmountFen++ }, func(p *Payment) { p.Currency = "USD" },
	} {
		w := newWorld(t)
		o := w.opened(20000)
		a := w.paying(o, "wechat")
		paid := w.wechat.pays(a.ID)
		p := *paid.Payment
		change(&p)
		check(t, w.tell(w.wechat, &Trade{ID: a.ID, State: TradePaid, Payment: &p}))
		w.sweep(time.Minute)
		now := w.is(o, Open)
		if r := w.wechat.refunds[now.Attempts[0].Refund.ID]; r.AmountFen != p.AmountFen || now.PaidBy != "" {
			t.Fatalf("%+v of %+v", r, now)
		}
		// It can still be paid rightly.
		b := w.paying(o, "wechat")
		check(t, w.tell(w.wechat, w.wechat.pays(b.ID)))
		w.is(o, Paid)
	}
}

func TestNoticesOfOthers(t *testing.T) {
	w := newWorld(t)
	o := w.opened(100)
	a := w.paying(o, "wechat")
	paid := func(id string) *Trade {
		return &Trade{ID: id, State: TradePaid, Payment: &Payment{Transaction: "T", AmountFen: 100, Currency: Currency}}
	}
	for _, id := range []string{"", "x", o.ID, o.ID + "t999", o.ID + "r001", strings.Repeat("z", orderIDLength+4), o.ID + "\x1ft01"} {
		if err := w.tell(w.wechat, paid(id)); !errors.Is(err, ErrPaymentUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := w.tell(w.alipay, paid(a.ID)); !errors.Is(err, ErrPaymentUnknown) {
		t.Errorf("by another provider: %v", err)
	}
	if _, _, err := w.Notice(ctx, "wechat", func(string) string { return "" }, nil); !errors.Is(err, ErrNotice) {
		t.Errorf("forged: %v", err)
	}
	if _, _, err := w.Notice(ctx, Offline, func(string) string { return "" }, nil); !errors.Is(err, ErrMethod) {
		t.Errorf("to nobody: %v", err)
	}
	w.is(o, Open)
}

func TestUnpaidCloses(t *testing.T) {
	w := newWorld(t)
	o := w.opened(100)
	w.sweep(DefaultLife - time.Hour)
	a := w.paying(o, "wechat")
	if a.ExpiresAt.After(o.ExpiresAt) {
		t.Fatal("the code outlives the order")
	}
	w.wechat.away = errors.New("the line is down")
	w.clock.Advance(time.Hour)
	if err := w.Sweep(ctx); err == nil {
		t.Fatal("nobody is told")
	}
	if n := w.is(o, Closing); !n.Attempts[0].State.live() { // not closed while it might be paid
		t.Fatalf("%+v", n.Attempts)
	}
	if _, _, err := w.Pay(ctx, li, o.ID, "alipay"); !errors.Is(err, ErrState) {
		t.Fatal(err)
	}
	w.wechat.away = nil
	w.sweep(time.Hour)
	closed := w.is(o, Closed)
	if w.wechat.pays(a.ID) != nil || !slices.Equal(events(closed), []string{"closed"}) {
		t.Fatal("the code was not called in")
	}
	// It opens again, at the price of then.
	if again := w.opened(300); again.State != Open || again.AmountFen != 300 || again.ID != o.ID || again.Number != o.Number {
		t.Fatalf("%+v", again)
	}
	b := w.paying(o, "wechat")
	check(t, w.tell(w.wechat, w.wechat.pays(b.ID)))
	w.is(o, Paid)
}

// Paid at the last moment, while the codes are called in.
func TestPaidWhileClosing(t *testing.T) {
	w := newWorld(t)
	o := w.opened(100)
	w.clock.Advance(DefaultLife - time.Minute)
	a := w.paying(o, "wechat")
	w.wechat.pays(a.ID)
	w.sweep(2 * time.Minute)
	w.is(o, Paid)
}

// Money that comes when the order is closed is not lost, and not kept.
func TestPaidAfterClosing(t *testing.T) {
	w := newWorld(t)
	o := w.opened(100)
	a := w.paying(o, "wechat")
	w.sweep(DefaultLife + time.Minute)
	w.is(o, Closed)
	w.wechat.trades[a.ID].State = TradeWaiting // against all promises
	check(t, w.tell(w.wechat, w.wechat.pays(a.ID)))
	w.sweep(time.Minute)
	if n := w.is(o, Closed); n.Attempts[0].Refund.State != RefundDone || len(w.wechat.refunds) != 1 {
		t.Fatalf("%+v", n.Attempts)
	}
}

func TestGivenUp(t *testing.T) {
	give := func(w *world, o *Order) {
		t.Helper()
		for range 2 {
			check(t, w.CarryRefund(ctx, carried(EffectRefund, o, w.clock.Now())))
		}
	}
	t.Run("open", func(t *testing.T) {
		w := newWorld(t)
		o := w.opened(100)
		w.paying(o, "wechat")
		give(w, o)
		w.sweep(time.Second)
		w.is(o, Closed)
	})
	t.Run("paid meanwhile", func(t *testing.T) {
		w := newWorld(t)
		o := w.opened(100)
		a := w.paying(o, "wechat")
		w.wechat.pays(a.ID)
		give(w, o)
		w.sweep(time.Second)
		if n := w.is(o, Refunded); !slices.Equal(events(n), []string{"refunded"}) {
			t.Fatal(events(n))
		}
	})
	t.Run("paid", func(t *testing.T) {
		w := newWorld(t)
		o := w.opened(100)
		a := w.paying(o, "wechat")
		check(t, w.tell(w.wechat, w.wechat.pays(a.ID)))
		w.wechat.pending = true
		give(w, o)
		w.sweep(time.Second)
		n := w.is(o, Refunding)
		id := n.Payment().Refund.ID
		w.wechat.pending = false
		for range 3 {
			check(t, w.take(ctx, id, "wechat", func(o *Order, now time.Time) (bool, error) {
				return o.refunded(&RefundReport{ID: id, State: RefundDone}, "", now)
			}))
		}
		w.sweep(time.Hour)
		if n := w.is(o, Refunded); w.wechat.calls["refund"] != 1 || !slices.Equal(events(n), []string{"paid", "refunded"}) {
			t.Fatalf("%v, %v", w.wechat.calls, events(n))
		}
	})
	t.Run("free", func(t *testing.T) {
		w := newWorld(t)
		o := w.opened(0)
		_, err := w.Complete(ctx, li, o.ID)
		check(t, err)
		give(w, o)
		w.is(o, Refunded)
	})
	t.Run("refused", func(t *testing.T) {
		w := newWorld(t)
		o := w.opened(100)
		a := w.paying(o, "wechat")
		check(t, w.tell(w.wechat, w.wechat.pays(a.ID)))
		w.wechat.refuses = &Refusal{"the balance does not suffice"}
		give(w, o)
		w.sweep(time.Second)
		n := w.is(o, Refunding)
		if queue, _, err := w.Queue(ctx, "", 0); err != nil || len(queue) != 1 || n.Payment().Refund.State != RefundByHand {
			t.Fatalf("%v, %v, %+v", queue, err, n.Payment().Refund)
		}
		_, err := w.SentBack(ctx, "reviewer", o.ID, n.Payment().Refund.ID, "by bank, 11-26")
		check(t, err)
		w.is(o, Refunded)
		if _, err := w.SentBack(ctx, "reviewer", o.ID, n.Payment().Refund.ID, ""); !errors.Is(err, ErrNoRefund) {
			t.Fatal(err)
		}
	})
}

func TestFree(t *testing.T) {
	w := newWorld(t)
	o := w.opened(0)
	if _, _, err := w.Pay(ctx, li, o.ID, "wechat"); !errors.Is(err, ErrFree) {
		t.Fatal(err)
	}
	if _, err := w.Complete(ctx, Who{Account: "wu"}, o.ID); !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
	for range 2 {
		_, err := w.Complete(ctx, li, o.ID)
		check(t, err)
	}
	if n := w.is(o, Paid); !slices.Equal(events(n), []string{"paid"}) {
		t.Fatal(events(n))
	}
	check(t, w.CarryCompleted(ctx, carried(EffectCompleted, o, start.Add(time.Hour))))
	check(t, w.CarryCompleted(ctx, carried(EffectCompleted, o, start.Add(2*time.Hour))))
	if n := w.is(o, Paid); !n.CompletedAt.Equal(start.Add(time.Hour)) {
		t.Fatal(n.CompletedAt)
	}
	w = newWorld(t)
	if _, err := w.Complete(ctx, li, w.opened(1).ID); !errors.Is(err, ErrNotFree) {
		t.Fatal(err)
	}
}

func TestTransfer(t *testing.T) {
	w := newWorld(t)
	o := w.opened(20000)
	if _, err := w.Prove(ctx, li, o.ID, "file1"); !errors.Is(err, ErrProof) {
		t.Fatal(err)
	}
	w.paying(o, Offline)
	_, err := w.Prove(ctx, li, o.ID, "file1")
	check(t, err)
	w.sweep(DefaultLife * 2) // the reviewer's time is not the payer's
	w.is(o, Open)
	if _, _, err := w.Pay(ctx, li, o.ID, "wechat"); !errors.Is(err, ErrState) {
		t.Fatal(err)
	}
	if queue, _, err := w.Queue(ctx, "", 0); err != nil || len(queue) != 1 {
		t.Fatalf("%v, %v", queue, err)
	}
	_, err = w.Decide(ctx, "reviewer", o.ID, "file1", false, "the amount cannot be read")
	check(t, err)
	w.sweep(time.Hour)
	w.is(o, Open) // there is time for another one
	w.paying(o, Offline)
	_, err = w.Prove(ctx, li, o.ID, "file2")
	check(t, err)
	if _, err := w.Decide(ctx, "reviewer", o.ID, "file1", true, ""); !errors.Is(err, ErrProof) {
		t.Fatalf("accepted what was replaced: %v", err)
	}
	var wins, losses int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			_, err := w.Decide(ctx, "reviewer", o.ID, "file2", i%2 == 0, "two at once")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				wins++
			} else if errors.Is(err, ErrProof) {
				losses++
			}
		})
	}
	wg.Wait()
	if wins != 1 || losses != 9 {
		t.Fatalf("%d decided, %d came too late", wins, losses)
	}
}

// A decision can be taken back for ten seconds, by whom it is; until then nobody is
// told, and a new proof voids it.
func TestUndoneDecision(t *testing.T) {
	w := newWorld(t)
	o := w.opened(20000)
	w.paying(o, Offline)
	_, err := w.Prove(ctx, li, o.ID, "file1")
	check(t, err)
	decide := func(proof string, accept bool) {
		t.Helper()
		_, err := w.Decide(ctx, "reviewer", o.ID, proof, accept, "")
		check(t, err)
	}
	decide("file1", true)
	w.sweep(UndoTime - time.Second)
	if now := w.is(o, Open); now.Decision() == nil || now.PaidAt != nil {
		t.Fatalf("%+v", now)
	}
	if _, err := w.Undo(ctx, "other", o.ID); !errors.Is(err, ErrUndo) {
		t.Fatal(err)
	}
	_, err = w.Undo(ctx, "reviewer", o.ID)
	check(t, err)
	w.sweep(time.Hour)
	if now := w.is(o, Open); now.Decision() != nil || !now.InReview() {
		t.Fatalf("%+v", now)
	}
	decide("file1", false)
	_, err = w.Prove(ctx, li, o.ID, "file2") // before it takes effect
	check(t, err)
	w.sweep(time.Hour)
	if now := w.is(o, Open); !now.InReview() {
		t.Fatalf("a proof was rejected that nobody has seen: %+v", now.Attempts)
	}
	decide("file2", true)
	w.sweep(UndoTime)
	w.is(o, Paid)
	if _, err := w.Undo(ctx, "reviewer", o.ID); !errors.Is(err, ErrUndo) {
		t.Fatal(err)
	}
}

// What reviewers look for beside the queue: transfers whose money may have come, and
// an order by its number.
func TestAwaitedTransfers(t *testing.T) {
	w := newWorld(t)
	o := w.opened(20000)
	awaited := func(want int) {
		t.Helper()
		list, _, err := w.Transfers(ctx, "", 0)
		check(t, err)
		if len(list) != want {
			t.Fatalf("%d transfers are awaited, not %d", len(list), want)
		}
	}
	awaited(0)
	w.paying(o, Offline)
	awaited(1)
	if list, err := w.Numbered(ctx, o.Number); err != nil || len(list) != 1 || list[0].ID != o.ID || !list[0].Receivable() {
		t.Fatalf("%v, %v", list, err)
	}
	if list, err := w.Numbered(ctx, o.Number[:12]); err != nil || len(list) != 0 {
		t.Fatalf("found by a part of its number: %v, %v", list, err)
	}
	_, err := w.Received(ctx, "reviewer", o.ID, "statement of 11-25")
	check(t, err)
	awaited(0)
	if w.is(o, Paid).Receivable() {
		t.Fatal("received twice")
	}
}

// An order that is given up while a proof waits: the money behind it goes back.
func TestProofOfGivenUp(t *testing.T) {
	w := newWorld(t)
	o := w.opened(100)
	w.paying(o, Offline)
	_, err := w.Prove(ctx, li, o.ID, "file")
	check(t, err)
	check(t, w.CarryRefund(ctx, carried(EffectRefund, o, start)))
	w.sweep(time.Hour)
	w.is(o, Closing)
	_, err = w.Decide(ctx, "reviewer", o.ID, "file", true, "")
	check(t, err)
	w.sweep(UndoTime)
	w.sweep(time.Second)
	n := w.is(o, Refunding)
	_, err = w.SentBack(ctx, "reviewer", o.ID, n.Payment().Refund.ID, "")
	check(t, err)
	w.is(o, Refunded)
}

func TestProviderAway(t *testing.T) {
	w := newWorld(t)
	o := w.opened(100)
	w.wechat.away = errors.New("the line is down")
	_, _, err := w.Pay(ctx, li, o.ID, "wechat")
	if f := fault.Of(err); f == nil || f.Code != ErrProvider.Code || f.Retry == 0 {
		t.Fatal(err)
	}
	w.wechat.away, w.wechat.refuses = nil, &Refusal{"the merchant is blocked"}
	if _, _, err := w.Pay(ctx, li, o.ID, "wechat"); !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
	if _, _, err := w.Pay(ctx, li, o.ID, "cash"); !errors.Is(err, ErrMethod) {
		t.Fatal(err)
	}
	w.wechat.refuses = nil
	w.paying(o, "wechat")
	for range attemptsHour {
		_, _, err = w.Pay(ctx, li, o.ID, []string{"wechat", "alipay"}[rand.IntN(2)])
		w.clock.Advance(2 * time.Hour / attemptsHour / 3)
		_, _, _ = w.Pay(ctx, li, o.ID, "alipay")
		_, _, err = w.Pay(ctx, li, o.ID, "wechat")
	}
	if !errors.Is(err, ErrAttempts) {
		t.Fatal(err)
	}
}
