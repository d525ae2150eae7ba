package application

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"slices"
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
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/store"
	"certlink/store/sqlite"
	"certlink/trust"
	"certlink/trust/trusttest"
)

var ctx = context.Background()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, err error, want *fault.Error) *fault.Error {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %s", err, want.Code)
	}
	return fault.Of(err)
}

// The numbers are made up, with right check characters.
const (
	idLi   = "339900199506090037"
	idWang = "339900198504120023"
	code1  = "91330100MA2B1C3D43"
	key1   = "k1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	key2   = "k2 ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
)

type people map[string]mobilecert.Person

func (p people) Person(_ context.Context, id string) (*mobilecert.Person, error) {
	who, ok := p[id]
	if !ok {
		return nil, ErrUnknown
	}
	return &who, nil
}

// faces is a face check service that says what the test wants.
type faces struct {
	mu   sync.Mutex
	next identity.State
	down bool
	n    int
}

func (f *faces) say(s identity.State) { f.mu.Lock(); f.next = s; f.mu.Unlock() }

func (f *faces) Name() string { return "test" }

func (f *faces) Begin(_ context.Context, check string, p identity.Person, back string) (*identity.Started, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errors.New("down")
	}
	f.n++
	return &identity.Started{Ref: "ref-" + check, URL: "https://face.example/" + check}, nil
}

func (f *faces) Ask(context.Context, string) (*identity.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errors.New("down")
	}
	return &identity.Result{State: f.next}, nil
}

func (f *faces) Notice(header func(string) string, body []byte) (string, error) {
	if header("Signature") != "good" {
		return "", identity.ErrNotice
	}
	return string(body), nil
}

// world is the package on a real store, with the real cashier beside it.
type world struct {
	t      testing.TB
	store  store.Store
	clock  *clock.Manual
	people people
	face   *faces
	log    []effect.Effect
	ca     *trusttest.Authority
	cat    *mobilecert.Catalogue
	*Service
	orders *cashier.Service
	checks *identity.Service
	files  *upload.Store
	certs  *mobilecert.Certificates
	token  []byte
}

func newWorld(t testing.TB) *world {
	t.Helper()
	schema := slices.Concat(Collections(), identity.Collections(), upload.Collections(), cashier.Collections(), mobilecert.Collections())
	db, err := sqlite.Open(ctx, t.TempDir(), schema)
	check(t, err)
	t.Cleanup(func() { db.Close() })
	w := &world{t: t, store: db, clock: clock.NewManual(trusttest.Now), face: &faces{next: identity.Pending}, people: people{
		"li":   {ID: "li", Login: "lina", Name: "李娜", IDNumber: idLi, OrganisationID: "org1", Organisation: "甲公司", CreditCode: code1},
		"boss": {ID: "boss", Login: "boss", Name: "王敏", OrganisationID: "org1", Organisation: "甲公司", CreditCode: code1, Admin: true},
		"zhou": {ID: "zhou", Login: "zhou", Name: "周涛", OrganisationID: "org2", Organisation: "乙中心", Admin: true},
	}}
	w.ca = trusttest.Root(t, trust.ES256, "汇信根")
	w.cat, err = mobilecert.LoadCatalogue("", mobilecert.Builtin{Provider: "huixin", Anchors: trusttest.PEM(w.ca.Cert), Revocation: trust.RevocationNone})
	check(t, err)
	w.start(key1)
	return w
}

// start makes another process on the same data, with these keys.
func (w *world) start(keys string) *Service {
	w.t.Helper()
	ring, err := seal.Parse(keys)
	check(w.t, err)
	w.files = upload.New(w.store, w.clock.Now, ring)
	w.orders, err = cashier.New(cashier.Config{Store: w.store, Clock: w.clock.Now})
	check(w.t, err)
	w.checks = identity.New(identity.Config{Store: w.store, Clock: w.clock.Now, Seal: ring, Checker: w.face})
	w.certs = mobilecert.NewCertificates(mobilecert.Config{Store: w.store, Clock: w.clock.Now, Seal: ring, Catalogue: w.cat, People: w.people})
	w.Service = New(Config{Store: w.store, Clock: w.clock.Now, Seal: ring, Catalogue: w.cat, People: w.people, Uploads: w.files,
		Faces: w.checks, Orders: w.orders, Certificates: w.certs,
		Log: func(_ context.Context, e effect.Effect) error { w.log = append(w.log, e); return nil }})
	return w.Service
}

func (w *world) who(id string) mobilecert.Who {
	p := w.people[id]
	return mobilecert.Who{Account: p.ID, Name: p.Name, Organisation: p.OrganisationID, Admin: p.Admin}
}

var reviewer = mobilecert.Actor{ID: "reviewer", Name: "赵审"}

var typed = map[string]string{"mobile": "139 0000 0004", "email": "lina@example.com", "recipient": "李娜", "recipient_mobile": "+86-13900000004", "address": "浙江省杭州市西湖区文三路 1 号"}

func picture() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// filled is a draft that can be handed in.
func (w *world) filled(product string) *Application {
	w.t.Helper()
	a, err := w.Create(ctx, w.who("li"), product, "2026-11", Form{})
	check(w.t, err)
	a, err = w.Save(ctx, w.who("li"), a.ID, a.Edit, typed)
	check(w.t, err)
	for _, slot := range Slots {
		a, err = w.Attach(ctx, w.who("li"), a.ID, slot, string(slot)+".png", bytes.NewReader(picture()))
		check(w.t, err)
	}
	return a
}

// submitted is handed in.
func (w *world) submitted(product string) *Application {
	w.t.Helper()
	a := w.filled(product)
	a, err := w.Submit(ctx, w.who("li"), a.ID, a.Edit)
	check(w.t, err)
	return a
}

// paidFor has its identity verified and is paid; it waits for review.
func (w *world) paidFor(product string) *Application {
	w.t.Helper()
	a := w.submitted(product)
	w.verify(a.ID)
	return w.payFor(a.ID)
}

func (w *world) verify(id string) {
	w.t.Helper()
	w.face.say(identity.Pending)
	c, err := w.StartFace(ctx, w.who("li"), id, "")
	check(w.t, err)
	w.face.say(identity.Passed)
	check(w.t, w.checks.Notice(ctx, "test", func(string) string { return "good" }, []byte("ref-"+c.ID)))
	w.relay()
}

func (w *world) payFor(id string) *Application {
	w.t.Helper()
	a, o, err := w.OpenOrder(ctx, w.who("li"), id)
	check(w.t, err)
	if o.AmountFen > 0 {
		// What the cashier tells when the money is there.
		check(w.t, w.CarryOrder(ctx, orderEffect(a, "paid")))
	}
	return w.now(id)
}

func orderEffect(a *Application, event string) effect.Effect {
	return effect.New(cashier.EffectOrder, time.Time{}, map[string]string{
		"order": cashier.OrderID(cashier.Subject{Kind: SubjectKind, ID: a.ID}), "event": event, "subject_kind": SubjectKind, "subject": a.ID})
}

// decided accepts and lets the time to undo pass.
func (w *world) decided(a *Application, reasons ...Reason) *Application {
	w.t.Helper()
	var err error
	if len(reasons) > 0 {
		_, err = w.Reject(ctx, reviewer, a.ID, len(a.Submissions), reasons)
	} else {
		_, err = w.Accept(ctx, reviewer, a.ID, len(a.Submissions))
	}
	check(w.t, err)
	w.clock.Advance(UndoTime)
	check(w.t, w.Sweep(ctx))
	return w.now(a.ID)
}

func (w *world) now(id string) *Application {
	w.t.Helper()
	a, err := w.Get(ctx, id)
	check(w.t, err)
	return a
}

func (w *world) is(id string, want State) *Application {
	w.t.Helper()
	a := w.now(id)
	if a.State != want {
		w.t.Fatalf("the application is %s, not %s", a.State, want)
	}
	return a
}

// relay carries what this package's neighbours owe.
func (w *world) relay() {
	w.t.Helper()
	for name, carry := range map[string]map[string]func(context.Context, effect.Effect) error{
		"identity_checks": {identity.EffectChecked: w.CarryChecked},
		"orders":          {cashier.EffectOrder: w.CarryOrder},
		"certificates":    {mobilecert.EffectIssued: w.CarryIssued},
		"applications":    {EffectErased: w.CarryErased},
	} {
		docs, _, err := w.store.Query(ctx, name, store.Query{})
		check(w.t, err)
		for _, d := range docs {
			pending, err := effect.Pending(d.Body)
			check(w.t, err)
			for range 2 { // at least once
				for _, e := range pending {
					if f := carry[e.Kind]; f != nil {
						check(w.t, f(ctx, e))
					}
				}
			}
		}
	}
}

// owes is how often an application owes effects of a kind.
func owes(a *Application, kind string) (n int) {
	for _, e := range a.Pending {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func acts(a *Application) string {
	var out []string
	for _, e := range a.History {
		out = append(out, strings.TrimPrefix(e.Act, "application."))
	}
	return strings.Join(out, " ")
}

func (w *world) body(id string) string {
	w.t.Helper()
	d, err := w.store.Get(ctx, collection.Name, id)
	check(w.t, err)
	raw, err := json.Marshal(d)
	check(w.t, err)
	return string(d.Body) + string(raw)
}
