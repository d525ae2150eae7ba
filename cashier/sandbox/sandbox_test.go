package sandbox

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"certlink/cashier"
	"certlink/internal/clock"
	"certlink/store/sqlite"
)

var ctx = context.Background()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a cashier whose only provider is the sandbox, over real HTTP both ways.
type world struct {
	*cashier.Service
	t       *testing.T
	box     *Service
	clock   *clock.Manual
	notices int
	deaf    bool // notices are lost
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, clock: clock.NewManual(time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC))}
	merchant := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.notices++
		if w.deaf {
			out.WriteHeader(500)
			return
		}
		if _, answer, err := w.Notice(ctx, Name, r.Header.Get, body); err == nil {
			io.WriteString(out, answer)
		} else {
			out.WriteHeader(400)
		}
	}))
	t.Cleanup(merchant.Close)
	var err error
	w.box, err = New(Config{File: filepath.Join(t.TempDir(), "trades.json"), NoticeURL: merchant.URL, PageURL: "https://x/sandbox/pay/", Clock: w.clock.Now})
	check(t, err)
	bank := httptest.NewServer(w.box)
	t.Cleanup(bank.Close)
	db, err := sqlite.Open(ctx, t.TempDir(), cashier.Collections())
	check(t, err)
	t.Cleanup(func() { db.Close() })
	w.Service, err = cashier.New(cashier.Config{Store: db, Clock: w.clock.Now, Providers: []cashier.Provider{w.box.Provider(bank.URL)}})
	check(t, err)
	return w
}

var li = cashier.Who{Account: "li"}

func (w *world) paying() (order, trade string) {
	w.t.Helper()
	o, err := w.Open(ctx, cashier.OrderRequest{Subject: cashier.Subject{Kind: "application", ID: "a"}, Account: "li",
		Lines: []cashier.Line{{Name: "CA介质", Unit: "个", Quantity: 1, UnitFen: 20000}}})
	check(w.t, err)
	_, a, err := w.Pay(ctx, li, o.ID, Name)
	check(w.t, err)
	if a.Code != "https://x/sandbox/pay/"+a.ID {
		w.t.Fatal(a.Code)
	}
	return o.ID, a.ID
}

func (w *world) state(id string) cashier.State {
	w.t.Helper()
	o, err := w.Get(ctx, id)
	check(w.t, err)
	return o.State
}

func TestActs(t *testing.T) {
	w := newWorld(t)
	order, trade := w.paying()
	check(t, w.box.Do(ctx, trade, Fail))
	if w.state(order) != cashier.Open {
		t.Fatal("failed, and not open")
	}
	if err := w.box.Do(ctx, trade, Pay); err == nil {
		t.Fatal("paid what is over")
	}
	order, trade = w.paying()
	check(t, w.box.Do(ctx, trade, Twice))
	if w.state(order) != cashier.Paid || w.notices != 3 {
		t.Fatal(w.state(order), w.notices)
	}
	if _, err := w.box.Look("x"); err == nil {
		t.Fatal("found what is not there")
	}
	// A new process knows the trades; the money goes back.
	again, err := New(w.box.cfg)
	check(t, err)
	if tr, err := again.Look(trade); err != nil || tr.State != cashier.TradePaid {
		t.Fatal(tr, err)
	}
}

func TestLateAndLost(t *testing.T) {
	w := newWorld(t)
	order, trade := w.paying()
	check(t, w.box.Do(ctx, trade, PayLate))
	if w.notices != 0 || w.state(order) != cashier.Open {
		t.Fatal("told at once")
	}
	w.clock.Advance(15 * time.Second)
	check(t, w.Sweep(ctx)) // asked, since nobody tells
	if w.state(order) != cashier.Paid {
		t.Fatal("not asked")
	}
	w.deaf = true
	w.clock.Advance(late)
	w.box.Notify(ctx)
	w.deaf = false
	w.clock.Advance(time.Second)
	w.box.Notify(ctx)
	w.box.Notify(ctx)
	if w.notices != 2 {
		t.Fatalf("%d notices", w.notices)
	}
}

func TestForged(t *testing.T) {
	w := newWorld(t)
	_, trade := w.paying()
	body, err := json.Marshal(cashier.Trade{ID: trade, State: cashier.TradePaid, Payment: &cashier.Payment{Transaction: "x", AmountFen: 20000, Currency: cashier.Currency}})
	check(t, err)
	header := func(key ed25519.PrivateKey, at time.Time, subject string) func(string) string {
		unix, signature := sign(key, at, subject, body)
		return func(name string) string { return map[string]string{headerTime: unix, headerSignature: signature}[name] }
	}
	_, stranger, err := ed25519.GenerateKey(nil)
	check(t, err)
	for name, h := range map[string]func(string) string{
		"nothing":             func(string) string { return "" },
		"a stranger's key":    header(stranger, w.clock.Now(), "notice"),
		"an old one":          header(w.box.key, w.clock.Now().Add(-time.Hour), "notice"),
		"an answer":           header(w.box.key, w.clock.Now(), "answer /query"),
		"the merchant's word": header(w.box.merchant, w.clock.Now(), "notice"),
	} {
		if _, _, err := w.Notice(ctx, Name, h, body); err == nil {
			t.Errorf("%s is believed", name)
		}
	}
	_, _, err = w.Notice(ctx, Name, header(w.box.key, w.clock.Now(), "notice"), body)
	check(t, err)
}
