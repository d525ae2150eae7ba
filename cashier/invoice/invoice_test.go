package invoice

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/cashier"
	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/internal/seal"
	"certlink/internal/upload"
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

// press is an issuer that a test can stop.
type press struct {
	mu    sync.Mutex
	err   error
	asked []string
}

func (*press) Sandbox() bool { return true }

func (p *press) Issue(_ context.Context, r Request) (*Document, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r.ID)
	if p.err != nil {
		return nil, p.err
	}
	return &Document{Number: "25332000000123456789", Name: "i.pdf", File: []byte("%PDF-1.5\n" + r.Title.Name + "\n%%EOF\n")}, nil
}

type world struct {
	*Service
	t      testing.TB
	clock  *clock.Manual
	store  store.Store
	orders *cashier.Service
	ring   *seal.Ring
	press  *press
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db, err := sqlite.Open(ctx, t.TempDir(), append(append(cashier.Collections(), upload.Collections()...), Collections()...))
	check(t, err)
	t.Cleanup(func() { db.Close() })
	w := &world{t: t, clock: clock.NewManual(start), store: db, press: new(press)}
	w.ring, err = seal.Load(filepath.Join(t.TempDir(), "key"))
	check(t, err)
	w.orders, err = cashier.New(cashier.Config{Store: db, Clock: w.clock.Now, Providers: []cashier.Provider{cashier.Transfer{}}})
	check(t, err)
	w.Service = w.on(db, w.press)
	return w
}

func (w *world) on(s store.Store, i Issuer) *Service {
	return New(Config{Store: s, Clock: w.clock.Now, Seal: w.ring, Orders: w.orders, Uploads: upload.New(s, w.clock.Now, w.ring), Issuer: i})
}

var li = cashier.Who{Account: "li", Organisation: "org"}

// order is one that was paid (by transfer, with its proof or without) and completed.
func (w *world) order(subject string, fen int64, proof, completed bool) string {
	w.t.Helper()
	o, err := w.orders.Open(ctx, cashier.OrderRequest{Subject: cashier.Subject{Kind: "application", ID: subject}, Account: "li", Organisation: "org",
		Lines: []cashier.Line{{Name: "CA介质", Category: "数字证书服务", Unit: "个", Quantity: 1, UnitFen: fen}}})
	check(w.t, err)
	switch {
	case fen == 0:
		_, err = w.orders.Complete(ctx, li, o.ID)
	case proof:
		_, _, err = w.orders.Pay(ctx, li, o.ID, cashier.Offline)
		check(w.t, err)
		_, err = w.orders.Prove(ctx, li, o.ID, "file")
		check(w.t, err)
		_, err = w.orders.Decide(ctx, "reviewer", o.ID, "file", true, "")
		w.clock.Advance(cashier.UndoTime)
		err = errors.Join(err, w.orders.Sweep(ctx))
	default:
		_, err = w.orders.Received(ctx, "reviewer", o.ID, "statement of 11-25")
	}
	check(w.t, err)
	if completed {
		check(w.t, w.orders.CarryCompleted(ctx, effect.New(cashier.EffectCompleted, w.clock.Now(), map[string]string{"order": o.ID})))
	}
	return o.ID
}

func (w *world) saved() string {
	w.t.Helper()
	t, err := w.AddTitle(ctx, "org", Title{Name: "杭州示例科技有限公司", TaxNumber: "91330100ma27xxxx0x"})
	check(w.t, err)
	return t.ID
}

func form(title string) Form {
	return Form{Title: title, Content: Detail, Medium: Electronic, Recipient: Recipient{Phone: "13900000002", Email: "zhang@example.com"}}
}

func (w *world) stands(order string, want Standing) *Case {
	w.t.Helper()
	c, err := w.Look(ctx, li, order)
	check(w.t, err)
	if c.Standing != want {
		w.t.Fatalf("the invoice is %s, not %s", c.Standing, want)
	}
	return c
}

func TestIssued(t *testing.T) {
	w := newWorld(t)
	o := w.order("a1", 20000, true, true)
	w.stands(o, Available)
	_, err := w.Apply(ctx, li, o, form(w.saved()))
	check(t, err)
	w.stands(o, Standing(Issuing))
	if _, err := w.Apply(ctx, li, o, form(w.saved())); !errors.Is(err, ErrState) {
		t.Fatal(err)
	}
	w.press.err = errors.New("the platform is closed at night")
	if w.Sweep(ctx) == nil {
		t.Fatal("nobody is told")
	}
	w.press.err = nil
	check(t, w.Sweep(ctx)) // not yet due again
	if len(w.press.asked) != 1 {
		t.Fatal(w.press.asked)
	}
	w.clock.Advance(2 * time.Minute)
	check(t, w.Sweep(ctx))
	v := w.stands(o, Standing(Issued)).Invoice
	letters := 0
	for _, e := range v.Pending {
		if e.Kind == effect.Mail {
			letters++
			if len(e.Data) != 2 || e.Data["template"] != MailIssued || e.Data["invoice"] != o {
				t.Errorf("a letter of %v", e.Data)
			}
		}
	}
	if letters != 1 || !v.Sandbox || v.Number != "25332000000123456789" {
		t.Fatalf("%d letters, %+v", letters, v)
	}
	_, to, f, content, err := w.Letter(ctx, o)
	check(t, err)
	if to.Email != "zhang@example.com" || f.Kind != upload.PDF || !bytes.Contains(content, []byte("杭州示例科技有限公司")) {
		t.Fatal(to, f, string(content))
	}
	// Nothing of it lies open in the store, and the next form is filled in.
	docs, _, err := w.store.Query(ctx, "invoices", store.Query{})
	check(t, err)
	more, _, err := w.store.Query(ctx, "invoice_titles", store.Query{})
	check(t, err)
	for _, d := range append(docs, more...) {
		for _, secret := range []string{"zhang@example.com", "13900000002", "91330100", "杭州示例"} {
			if bytes.Contains(d.Body, []byte(secret)) {
				t.Errorf("%s lies open in %s", secret, d.Body)
			}
		}
	}
	if r, err := w.Remembered(ctx, "org", "li"); err != nil || r.Email != "zhang@example.com" {
		t.Fatal(r, err)
	}
	if r, err := w.Remembered(ctx, "org", "wu"); err != nil || r.Email != "" {
		t.Fatal(r, err)
	}
}

// 60 days are days of Shanghai: the 60th day counts to its end.
func TestSixtyDays(t *testing.T) {
	w := newWorld(t)
	w.clock.Advance(time.Date(2026, 11, 25, 15, 30, 0, 0, time.UTC).Sub(start)) // 23:30 in Shanghai
	o := w.order("a1", 20000, true, true)
	deadline := time.Date(2027, 1, 24, 23, 59, 59, 0, china)
	if c := w.stands(o, Available); !c.Deadline.Equal(deadline) {
		t.Fatal(c.Deadline)
	}
	title := w.saved()
	w.clock.Advance(deadline.Sub(w.clock.Now()))
	w.stands(o, Available)
	w.clock.Advance(time.Second)
	w.stands(o, Expired)
	if _, err := w.Apply(ctx, li, o, form(title)); !errors.Is(err, ErrExpired) {
		t.Fatal(err)
	}
}

func TestNotForThese(t *testing.T) {
	w := newWorld(t)
	title := w.saved()
	for order, want := range map[string]error{
		w.order("free", 0, false, true):      ErrNotPaid,
		w.order("early", 100, true, false):   ErrNotCompleted,
		w.order("noproof", 100, false, true): ErrProof,
		"nothing":                            cashier.ErrUnknown,
	} {
		if _, err := w.Apply(ctx, li, order, form(title)); !errors.Is(err, want) {
			t.Errorf("%s: %v, not %v", order, err, want)
		}
	}
	o := w.order("a1", 100, true, true)
	if _, err := w.Apply(ctx, cashier.Who{Account: "wu", Organisation: "other", Admin: true}, o, form(title)); !errors.Is(err, cashier.ErrUnknown) {
		t.Error(err)
	}
	if _, err := w.Apply(ctx, li, o, form("nothing")); !errors.Is(err, ErrTitleUnknown) {
		t.Error(err)
	}
}

// Paid outside the online cashier, without a proof so far: it is asked for, and
// reviewed first.
func TestProofFirst(t *testing.T) {
	w := newWorld(t)
	title := w.saved()
	o, other := w.order("a1", 100, false, true), w.order("a2", 100, false, true)
	if !w.stands(o, Available).Prove {
		t.Fatal("no proof is asked for")
	}
	var b bytes.Buffer
	check(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))))
	foreign, err := w.Prove(ctx, li, other, "x.png", bytes.NewReader(b.Bytes()))
	check(t, err)
	f := form(title)
	f.Proof = foreign.ID
	if _, err := w.Apply(ctx, li, o, f); !errors.Is(err, ErrProof) {
		t.Fatal("took another order's proof:", err)
	}
	file, err := w.Prove(ctx, li, o, "x.png", bytes.NewReader(b.Bytes()))
	check(t, err)
	f.Proof = file.ID
	_, err = w.Apply(ctx, li, o, f)
	check(t, err)
	w.stands(o, Standing(Reviewing))
	check(t, w.Sweep(ctx))
	if len(w.press.asked) != 0 {
		t.Fatal("issued before the proof was seen")
	}
	_, err = w.Decide(ctx, "reviewer", o, false, "金额看不清")
	check(t, err)
	w.stands(o, Standing(Reviewing)) // it can still be undone
	if _, err := w.Undo(ctx, "other", o); !errors.Is(err, cashier.ErrUndo) {
		t.Fatal(err)
	}
	_, err = w.Undo(ctx, "reviewer", o)
	check(t, err)
	w.clock.Advance(cashier.UndoTime)
	check(t, w.Sweep(ctx))
	w.stands(o, Standing(Reviewing))
	_, err = w.Decide(ctx, "reviewer", o, false, "金额看不清")
	check(t, err)
	w.clock.Advance(cashier.UndoTime)
	check(t, w.Sweep(ctx))
	if c := w.stands(o, Standing(Rejected)); c.Invoice.Reason != "金额看不清" {
		t.Fatal(c.Invoice.Reason)
	}
	w.clock.Advance(59 * 24 * time.Hour)
	_, err = w.Apply(ctx, li, o, f)
	check(t, err)
	var wins int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := w.Decide(ctx, "reviewer", o, true, ""); err == nil {
				mu.Lock()
				wins++
				mu.Unlock()
			} else if !errors.Is(err, ErrState) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if wins != 1 {
		t.Fatalf("%d reviewers have decided", wins)
	}
	w.clock.Advance(cashier.UndoTime)
	check(t, w.Sweep(ctx)) // the decision takes effect
	check(t, w.Sweep(ctx)) // the issuer is asked
	w.stands(o, Standing(Issued))
	if named, err := w.Names(ctx, o, file.ID); !named || err != nil {
		t.Fatal(named, err)
	}
}

// Without an issuer a reviewer brings the file: any of the three kinds, and nothing else.
func TestBrought(t *testing.T) {
	w := newWorld(t)
	w.Service = w.on(w.store, nil)
	title := w.saved()
	o := w.order("a1", 100, true, true)
	_, err := w.Apply(ctx, li, o, form(title))
	check(t, err)
	check(t, w.Sweep(ctx))
	bring := func(number, content string) error {
		_, err := w.Issue(ctx, "reviewer", o, Bring{Number: number, Name: "发票.xml", Content: strings.NewReader(content)})
		return err
	}
	if err := bring("123", "<Invoice/>"); !errors.Is(err, ErrForm) {
		t.Fatal(err)
	}
	if err := bring("25332000000123456789", "no invoice"); !errors.Is(err, upload.ErrKind) {
		t.Fatal(err)
	}
	check(t, bring("25332000000123456789", "<Invoice/>"))
	if err := bring("25332000000123456789", "<Invoice/>"); !errors.Is(err, ErrState) {
		t.Fatal(err)
	}
	v := w.stands(o, Standing(Issued)).Invoice
	if v.Sandbox || v.FileKind != string(upload.XML) {
		t.Fatalf("%+v", v)
	}
	// On paper: by courier, without a letter.
	p := w.order("a2", 100, true, true)
	f := form(title)
	f.Medium = Paper
	if _, err := w.Apply(ctx, li, p, f); !errors.Is(err, ErrForm) {
		t.Fatal("no address, and taken:", err)
	}
	f.Name, f.Address = "张伟", "杭州市西湖区某某路 1 号"
	_, err = w.Apply(ctx, li, p, f)
	check(t, err)
	if _, err = w.Issue(ctx, "reviewer", p, Bring{Number: "12345678"}); !errors.Is(err, ErrForm) {
		t.Fatal(err)
	}
	v, err = w.Issue(ctx, "reviewer", p, Bring{Number: "12345678", Carrier: "顺丰", Tracking: "SF1"})
	check(t, err)
	for _, e := range v.Pending {
		if e.Kind == effect.Mail {
			t.Fatal("a paper invoice is mailed")
		}
	}
}

// Ten at once when there is room for five: five.
func TestFiveTitles(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	saved, full := 0, 0
	for i := range 10 {
		wg.Go(func() {
			_, err := w.AddTitle(ctx, "org", Title{Name: fmt.Sprintf("公司 %d", i), TaxNumber: "913301000000000000"})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				saved++
			case errors.Is(err, ErrTitles):
				full++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := w.Titles(ctx, "org")
	check(t, err)
	if saved != 5 || full != 5 || len(list) != 5 {
		t.Fatalf("%d saved, %d refused, %d there", saved, full, len(list))
	}
	list[0].Name, list[0].Account = "改名公司", "6222 0000-0000"
	_, err = w.EditTitle(ctx, "org", list[0])
	check(t, err)
	check(t, w.RemoveTitle(ctx, "org", list[4].ID))
	if err := w.RemoveTitle(ctx, "org", list[4].ID); !errors.Is(err, ErrTitleUnknown) {
		t.Fatal(err)
	}
	again, err := w.Titles(ctx, "org")
	check(t, err)
	if len(again) != 4 || again[0].Name != "改名公司" || again[0].Account != "622200000000" {
		t.Fatalf("%+v", again)
	}
	if other, err := w.Titles(ctx, "other"); err != nil || len(other) != 0 {
		t.Fatal(other, err)
	}
}

// Every mistake of a form at once, each at its place.
func TestMistakes(t *testing.T) {
	places := func(err error) (out []string) {
		if f := fault.Of(err); f != nil {
			for _, p := range f.Fields {
				out = append(out, p.Pointer)
			}
		}
		return out
	}
	title := Title{Name: "x", TaxNumber: "12", Phone: "no", Account: "abc"}
	if got := places(title.check()); fmt.Sprint(got) != "[/name /tax_number /phone /account]" {
		t.Error(got)
	}
	f := Form{Medium: Paper, Content: "x", Recipient: Recipient{Phone: "1", Email: "a@b"}}
	if got := places(f.check()); fmt.Sprint(got) != "[/title /content /phone /email /recipient /address]" {
		t.Error(got)
	}
	wide := Title{Name: " 杭州\u200b公司 ", TaxNumber: "９１３３０１００ma27xxxx0x"}
	if err := wide.check(); err != nil || wide.TaxNumber != "91330100MA27XXXX0X" || wide.Name != "杭州公司" {
		t.Errorf("%+v, %v", wide, err)
	}
}
