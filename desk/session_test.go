package desk_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/desk"
	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/store"
	"certlink/store/sqlite"
	"certlink/trust"
	"certlink/trust/trusttest"
)

var ctx = context.Background()

// world is a whole engine on a real store, with one purpose that counts acts.
type world struct {
	t      *testing.T
	clock  *clock.Manual
	store  store.Store
	engine *confirm.Engine
	desk   *desk.Service
	holder *trusttest.Holder
	other  *trusttest.Holder // of the same authority
	act    *counting
}

type counting struct {
	mu     sync.Mutex
	acts   map[string]int
	fail   error
	device bool
}

func (c *counting) Name() string { return "bind" }
func (c *counting) Letter() byte { return 'b' }
func (c *counting) Begin(context.Context, confirm.Request) (confirm.Terms, error) {
	if c.device {
		return confirm.Terms{SignedBy: confirm.ByDevice, NewKey: &confirm.KeyRequest{Algorithm: trust.ES256}}, nil
	}
	return confirm.Terms{Details: map[string]string{"provider": "p"}, Provider: "p", SignedBy: confirm.ByCertificate}, nil
}
func (c *counting) CheckKey(context.Context, confirm.Request, *trust.CSR) error     { return nil }
func (c *counting) Check(context.Context, *confirm.Statement, confirm.Signer) error { return nil }
func (c *counting) Done(_ context.Context, s *confirm.Statement) (*confirm.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acts[s.ID] == 0 {
		return nil, nil
	}
	return &confirm.Result{Kind: "binding", ID: s.ID}, nil
}
func (c *counting) Act(_ context.Context, a *confirm.Accepted) (*confirm.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return nil, c.fail
	}
	c.acts[a.Statement.ID]++
	return &confirm.Result{Kind: "binding", ID: a.Statement.ID}, nil
}

func (*world) Standing(context.Context, string) error { return nil }

func newWorld(t *testing.T) *world {
	w := &world{t: t, clock: clock.NewManual(trusttest.Now), act: &counting{acts: map[string]int{}}}
	db, err := sqlite.Open(ctx, t.TempDir(), append(desk.Collections(), confirm.Collections()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.store = db
	root := trusttest.Root(t, trust.SM2SM3, "root")
	w.holder, w.other = root.Leaf(t, trust.SM2SM3), root.Leaf(t, trust.SM2SM3)
	policy := &trust.Policy{Provider: "p", Anchors: trusttest.Pool(t, root.Cert), Revocation: trust.RevocationNone}
	w.engine, err = confirm.New(confirm.Config{
		Store: db, Clock: w.clock.Now, Audience: "https://ca.example.cn", Directory: w,
		Policy:   func(string) (*trust.Policy, error) { return policy, nil },
		Purposes: []confirm.Purpose{w.act},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.desk = w.server()
	return w
}

// server is another process on the same store.
func (w *world) server() *desk.Service {
	return desk.New(desk.Config{Store: w.store, Clock: w.clock.Now, Engine: w.engine, Times: desk.DefaultTimes(), MaxOpen: 3})
}

func (w *world) start() *desk.Session {
	w.t.Helper()
	me := confirm.Party{ID: "acc1", Name: "张伟", OrganisationID: "org1", Organisation: "某公司"}
	s, err := w.desk.Start(ctx, confirm.Request{Purpose: "bind", Actor: me, Subject: me}, "page")
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) sign(h *trusttest.Holder, s *desk.Session) string {
	w.t.Helper()
	jws, err := trust.SignJWS(h.Key, h.Alg, h.Chain, false, s.Confirmation.Statement)
	if err != nil {
		w.t.Fatal(err)
	}
	return jws
}

func (w *world) want(err error, want *fault.Error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Fatalf("got %v, want %s", err, want.Code)
	}
}

func TestConfirmOnce(t *testing.T) {
	w := newWorld(t)
	s := w.start()
	servers := []*desk.Service{w.desk, w.server()}
	var wg sync.WaitGroup
	for i := range 16 {
		jws := w.sign(w.holder, s) // SM2 signatures differ each time
		wg.Go(func() {
			got, err := servers[i%2].Confirm(ctx, s.ID, "page", jws)
			if err != nil || got.State != confirm.StateConfirmed || got.Result.ID != s.Confirmation.StatementID() {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if len(w.act.acts) != 1 {
		t.Errorf("acted on %d statements", len(w.act.acts))
	}
	_, err := w.desk.Confirm(ctx, s.ID, "page", w.sign(w.other, s))
	w.want(err, confirm.ErrSignerMismatch)
}

// A server that ends between the acceptance and the act leaves what the sweeper of
// any other finishes, with every check made again.
func TestAnActThatIsOwed(t *testing.T) {
	w := newWorld(t)
	s := w.start()
	w.act.fail = store.ErrUnavailable
	got, err := w.desk.Confirm(ctx, s.ID, "page", w.sign(w.holder, s))
	if err != nil || got.State != confirm.StateAccepted {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := w.desk.Cancel(ctx, s.ID, "page"); err != nil {
		t.Fatal(err)
	}
	w.act.fail = nil
	w.clock.Advance(10 * time.Minute) // the statement's own time is over, and that is no matter
	after := w.server()
	if err := after.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err = after.Owned(ctx, s.ID, "page"); err != nil || got.State != confirm.StateConfirmed {
		t.Fatalf("%+v, %v", got, err)
	}
	w.clock.Advance(25 * time.Hour)
	if err := after.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = after.Owned(ctx, s.ID, "page")
	w.want(err, desk.ErrUnknown)
}

func TestARefusedAct(t *testing.T) {
	w := newWorld(t)
	s := w.start()
	w.act.fail = fault.New(fault.Conflict, "test_refused", "不行", "no")
	got, err := w.desk.Confirm(ctx, s.ID, "page", w.sign(w.holder, s))
	if err != nil || got.State != confirm.StateFailed || got.Failure.Code != "test_refused" || len(got.Pending) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestEndings(t *testing.T) {
	w := newWorld(t)
	stranger := trusttest.Root(t, trust.SM2SM3, "elsewhere").Leaf(t, trust.SM2SM3)
	s := w.start()
	_, err := w.desk.Confirm(ctx, s.ID, "page", w.sign(stranger, s))
	if fault.Of(err) == nil {
		t.Fatalf("a stranger's certificate: %v", err)
	}
	// The session is still open for the right one; to another page there is none.
	_, err = w.desk.Confirm(ctx, s.ID, "another page", w.sign(w.holder, s))
	w.want(err, desk.ErrUnknown)
	_, err = w.desk.Cancel(ctx, s.ID, "another page")
	w.want(err, desk.ErrUnknown)
	w.clock.Advance(181 * time.Second)
	_, err = w.desk.Confirm(ctx, s.ID, "page", w.sign(w.holder, s))
	w.want(err, desk.ErrExpired)
	_, err = w.desk.Cancel(ctx, s.ID, "another page")
	w.want(err, desk.ErrUnknown)

	s = w.start()
	if s, err = w.desk.Cancel(ctx, s.ID, "page"); err != nil || s.State != confirm.StateCancelled {
		t.Fatalf("%+v, %v", s, err)
	}
	_, err = w.desk.Confirm(ctx, s.ID, "page", w.sign(w.holder, s))
	w.want(err, desk.ErrOver)

	for range 3 {
		w.start()
	}
	me := confirm.Party{ID: "acc1"}
	_, err = w.desk.Start(ctx, confirm.Request{Purpose: "bind", Actor: me, Subject: me}, "page")
	w.want(err, desk.ErrTooMany)
	w.clock.Advance(181 * time.Second)
	if err := w.desk.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	w.act.device = true
	_, err = w.desk.Start(ctx, confirm.Request{Purpose: "bind", Actor: me, Subject: me}, "page")
	w.want(err, desk.ErrPurpose)
	if len(w.act.acts) != 0 {
		t.Errorf("something was done: %v", w.act.acts)
	}
}
