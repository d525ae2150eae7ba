package cashier

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/store"
	"certlink/store/sqlite"
)

var ctx = context.Background()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var start = time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)

// bank is a provider with a memory, as the real ones are: what a dead server asked
// of it stays done.
type bank struct {
	name string
	lazy bool // as Alipay: no trade before the code is scanned

	mu      sync.Mutex
	trades  map[string]*Trade
	asked   map[string]Charge
	refunds map[string]RefundOrder
	calls   map[string]int
	away    error
	refuses error
	pending bool // refunds take a while
	// before runs in Start, before the answer.
	before func()
}

func newBank(name string) *bank {
	return &bank{name: name, trades: map[string]*Trade{}, asked: map[string]Charge{}, refunds: map[string]RefundOrder{}, calls: map[string]int{}}
}

func (b *bank) Name() string            { return b.name }
func (b *bank) CodeLife() time.Duration { return 2 * time.Hour }
func (b *bank) Taken() (string, string) { return "text/plain", "success" }

func (b *bank) enter(what string) func() {
	b.mu.Lock()
	b.calls[what]++
	return b.mu.Unlock
}

func (b *bank) Start(_ context.Context, c Charge) (string, error) {
	defer b.enter("start")()
	if b.before != nil {
		b.before()
	}
	if b.away != nil {
		return "", b.away
	}
	if b.refuses != nil {
		return "", b.refuses
	}
	b.asked[c.ID] = c
	if !b.lazy {
		b.trades[c.ID] = &Trade{ID: c.ID, State: TradeWaiting}
	}
	return b.name + "://" + c.ID, nil
}

// pays is what a payer does with the code: nothing, where the trade is closed.
func (b *bank) pays(id string) *Trade {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.trades[id]
	if t == nil {
		t = &Trade{ID: id}
		b.trades[id] = t
	}
	if t.State == TradeClosed {
		return nil
	}
	t.State, t.Payment = TradePaid, &Payment{Transaction: "T" + id, AmountFen: b.asked[id].AmountFen, Currency: Currency, At: start}
	c := *t
	return &c
}

func (b *bank) Query(_ context.Context, id string) (*Trade, error) {
	defer b.enter("query")()
	if b.away != nil {
		return nil, b.away
	}
	if t := b.trades[id]; t != nil {
		c := *t
		return &c, nil
	}
	return &Trade{ID: id, State: TradeNone}, nil
}

func (b *bank) Close(_ context.Context, id string) (*Trade, error) {
	defer b.enter("close")()
	if b.away != nil {
		return nil, b.away
	}
	t := b.trades[id]
	if t == nil {
		if b.lazy {
			return &Trade{ID: id, State: TradeNone}, nil
		}
		t = &Trade{ID: id, State: TradeClosed}
		b.trades[id] = t
	}
	if t.State == TradeWaiting {
		t.State = TradeClosed
	}
	c := *t
	return &c, nil
}

func (b *bank) Refund(_ context.Context, r RefundOrder) (*RefundReport, error) {
	defer b.enter("refund")()
	if b.away != nil {
		return nil, b.away
	}
	if b.refuses != nil {
		return nil, b.refuses
	}
	b.refunds[r.ID] = r
	if b.pending {
		return &RefundReport{ID: r.ID, State: RefundPending}, nil
	}
	return &RefundReport{ID: r.ID, State: RefundDone}, nil
}

func (b *bank) Notice(_ context.Context, header func(string) string, body []byte) (*Notice, error) {
	if header("Signature") != b.name {
		return nil, errors.New("forged")
	}
	n := new(Notice)
	return n, json.Unmarshal(body, n)
}

// world is a cashier with two banks.
type world struct {
	*Service
	t              testing.TB
	clock          *clock.Manual
	store          store.Store
	wechat, alipay *bank
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db, err := sqlite.Open(ctx, t.TempDir(), Collections())
	check(t, err)
	t.Cleanup(func() { db.Close() })
	w := &world{t: t, clock: clock.NewManual(start), store: db, wechat: newBank("wechat"), alipay: newBank("alipay")}
	w.alipay.lazy = true
	w.Service = w.on(db)
	return w
}

func (w *world) on(s store.Store) *Service {
	v, err := New(Config{Store: s, Clock: w.clock.Now, Providers: []Provider{w.wechat, w.alipay, Transfer{}}})
	check(w.t, err)
	return v
}

var li = Who{Account: "li", Organisation: "org"}

func request(fen int64) OrderRequest {
	return OrderRequest{Subject: Subject{"application", "a1"}, Account: "li", Organisation: "org",
		Lines: []Line{{Name: "CA介质", Category: "数字证书", Unit: "个", Quantity: 1, UnitFen: fen}}}
}

func (w *world) opened(fen int64) *Order {
	w.t.Helper()
	o, err := w.Open(ctx, request(fen))
	check(w.t, err)
	return o
}

func (w *world) paying(o *Order, provider string) *Attempt {
	w.t.Helper()
	_, a, err := w.Pay(ctx, li, o.ID, provider)
	check(w.t, err)
	return a
}

// tell sends a notice of a trade, as the bank would.
func (w *world) tell(b *bank, t *Trade) error {
	body, err := json.Marshal(Notice{Trade: t})
	check(w.t, err)
	_, _, err = w.Notice(ctx, b.name, func(string) string { return b.name }, body)
	return err
}

// is wants the order in a state, and returns it.
func (w *world) is(o *Order, want State) *Order {
	w.t.Helper()
	now, err := w.Get(ctx, o.ID)
	check(w.t, err)
	if now.State != want {
		w.t.Fatalf("the order is %s, not %s: %+v", now.State, want, now.History)
	}
	return now
}

// sweep lets time pass and the sweeper come by until nothing is due.
func (w *world) sweep(d time.Duration) {
	w.t.Helper()
	w.clock.Advance(d)
	for range 10 {
		check(w.t, w.Sweep(ctx))
	}
}

// events is what the subject's room is told, in order.
func events(o *Order) (out []string) {
	for _, e := range o.Pending {
		if e.Kind == EffectOrder {
			out = append(out, e.Data["event"])
		}
	}
	return out
}

func carried(kind string, o *Order, at time.Time) effect.Effect {
	return effect.New(kind, at, map[string]string{"order": o.ID, "reason": "withdrawn"})
}
