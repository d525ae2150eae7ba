package qr_test

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"

	"certlink/confirm"
	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/internal/feed"
	"certlink/internal/id"
	"certlink/qr"
	"certlink/store"
	"certlink/store/sqlite"
	"certlink/trust"
	"certlink/trust/trusttest"
)

const origin = "https://ca.example.cn"

// world is a whole engine on a real store, with one purpose that counts acts.
type world struct {
	t       *testing.T
	clock   *clock.Manual
	store   store.Store
	schema  []store.Collection
	hub     *feed.Hub
	engine  *confirm.Engine
	qr      *qr.Service
	holder  *trusttest.Holder
	other   *trusttest.Holder // of another authority
	act     *counting
	locked  sync.Map
	holding atomic.Bool
}

// counting is a purpose whose acts are counted, and that can be made to fail.
type counting struct {
	mu     sync.Mutex
	acts   map[string]int
	fail   func() error
	match  bool
	device bool
}

func (c *counting) Name() string { return "bind" }
func (c *counting) Letter() byte { return 'b' }
func (c *counting) Begin(context.Context, confirm.Request) (confirm.Terms, error) {
	t := confirm.Terms{Details: map[string]string{"provider": "p", "provider_name": "某CA"}, Provider: "p", SignedBy: confirm.ByCertificate, MatchCode: c.match}
	if c.device {
		t.SignedBy, t.NewKey = confirm.ByDevice, &confirm.KeyRequest{Algorithm: trust.ES256}
	}
	return t, nil
}
func (c *counting) CheckKey(context.Context, confirm.Request, *trust.CSR) error     { return nil }
func (c *counting) Check(context.Context, *confirm.Statement, confirm.Signer) error { return nil }
func (c *counting) Done(_ context.Context, s *confirm.Statement) (*confirm.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acts[s.ID] == 0 {
		return nil, nil
	}
	return c.result(s)
}
func (c *counting) result(s *confirm.Statement) (*confirm.Result, error) {
	view, err := json.Marshal(map[string]string{"for": s.For().Name})
	return &confirm.Result{Kind: "binding", ID: s.ID, View: view}, err
}
func (c *counting) Act(_ context.Context, a *confirm.Accepted) (*confirm.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		if err := c.fail(); err != nil {
			return nil, err
		}
	}
	c.acts[a.Statement.ID]++
	return c.result(a.Statement)
}

var errLocked = fault.New(fault.Forbidden, "test_locked", "锁定", "locked")

func (w *world) Standing(_ context.Context, account string) error {
	if _, locked := w.locked.Load(account); locked {
		return errLocked
	}
	return nil
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, clock: clock.NewManual(trusttest.Now), act: &counting{acts: map[string]int{}}}
	w.schema = append(qr.Collections(), confirm.Collections()...)
	db, err := sqlite.Open(context.Background(), t.TempDir(), w.schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.store = db
	root := trusttest.Root(t, trust.ES256, "root")
	w.holder = root.Leaf(t, trust.ES256)
	w.other = trusttest.Root(t, trust.ES256, "elsewhere").Leaf(t, trust.ES256)
	policy := &trust.Policy{Provider: "p", Anchors: trusttest.Pool(t, root.Cert), Revocation: trust.RevocationNone}
	w.hub = feed.NewHub(db)
	w.engine, err = confirm.New(confirm.Config{
		Store: db, Clock: w.clock.Now, Audience: origin, Directory: w,
		Policy:   func(string) (*trust.Policy, error) { return policy, nil },
		Purposes: []confirm.Purpose{w.act},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.qr = w.server()
	return w
}

// server is another process on the same store.
func (w *world) server() *qr.Service {
	return qr.New(qr.Config{
		Store: w.store, Clock: w.clock.Now, Hub: w.hub, Engine: w.engine, Origin: origin, Times: qr.DefaultTimes(), MaxOpen: 5,
		Holds: func(_ context.Context, device, _ string) (bool, bool, error) {
			return w.holding.Load(), device == "phone1", nil
		},
		DeviceName: func(_ context.Context, d string) (string, error) { return "手机 " + d, nil },
	})
}

var ctx = context.Background()

// page is a browser: its secret and one session.
type page struct {
	secret string
	s      *qr.Session
}

func (w *world) start() *page {
	w.t.Helper()
	p := &page{secret: id.Hash(id.Secret(32))}
	s, err := w.qr.Start(ctx, qr.StartInput{Request: request("acc1"), Browser: p.secret})
	if err != nil {
		w.t.Fatal(err)
	}
	p.s = s
	return p
}

func request(account string) confirm.Request {
	me := confirm.Party{ID: account, Name: "张伟", OrganisationID: "org1", Organisation: "某公司"}
	return confirm.Request{Purpose: "bind", Actor: me, Subject: me, Requester: confirm.Requester{IP: "192.0.2.1", Browser: "Chrome"}}
}

func (w *world) code(p *page) string {
	w.t.Helper()
	code, _ := w.qr.Code(p.s)
	if code == "" {
		w.t.Fatal("no code is shown")
	}
	return code
}

func (w *world) scan(p *page, device string) *qr.Session {
	w.t.Helper()
	s, err := w.qr.Scan(ctx, device, w.code(p))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) sign(h *trusttest.Holder, payload []byte) string {
	w.t.Helper()
	jws, err := trust.SignJWS(h.Key, h.Alg, h.Chain, false, payload)
	if err != nil {
		w.t.Fatal(err)
	}
	return jws
}

func (w *world) state(p *page) confirm.State {
	w.t.Helper()
	s, err := w.qr.Owned(ctx, p.s.ID, p.secret)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.State
}

func wantCode(t *testing.T, err error, want *fault.Error) {
	t.Helper()
	f := fault.Of(err)
	if want == nil && err != nil || want != nil && (f == nil || f.Code != want.Code) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func (w *world) onlyActs(n int) {
	w.t.Helper()
	w.act.mu.Lock()
	defer w.act.mu.Unlock()
	total := 0
	for _, k := range w.act.acts {
		total += k
	}
	if len(w.act.acts) != n {
		w.t.Fatalf("%d statements were acted on (%d acts), want %d", len(w.act.acts), total, n)
	}
}
