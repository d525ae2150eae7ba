package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/audit"
	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/internal/feed"
	"certlink/internal/seal"
	"certlink/push"
	"certlink/store"
	"certlink/store/sqlite"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// asking is an engine on a real store, with one purpose whose acts are counted.
type asking struct {
	t       *testing.T
	clock   *clock.Manual
	db      store.Store
	schema  []store.Collection
	hub     *feed.Hub
	engine  *confirm.Engine
	prompts *push.Prompts
	holder  *trusttest.Holder
	other   *trusttest.Holder // of another authority
	act     *counted
	ended   sync.Map // prompt → state
	ends    atomic.Int64
	lost    sync.Map // devices that are revoked
}

type counted struct {
	mu     sync.Mutex
	acts   map[string]int
	fail   error
	refuse error
	match  bool
	key    bool
}

func (c *counted) Name() string { return "extend" }
func (c *counted) Letter() byte { return 'x' }
func (c *counted) Begin(context.Context, confirm.Request) (confirm.Terms, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := confirm.Terms{Provider: "p", SignedBy: confirm.ByCertificate, MatchCode: c.match, Details: map[string]string{"term": "1"}}
	if c.key {
		t.NewKey = &confirm.KeyRequest{Algorithm: trust.ES256}
	}
	return t, c.refuse
}
func (c *counted) CheckKey(context.Context, confirm.Request, *trust.CSR) error     { return nil }
func (c *counted) Check(context.Context, *confirm.Statement, confirm.Signer) error { return nil }
func (c *counted) Done(_ context.Context, s *confirm.Statement) (*confirm.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acts[s.ID] == 0 {
		return nil, nil
	}
	return &confirm.Result{Kind: "certificate", ID: s.ID, View: json.RawMessage(`{}`)}, nil
}
func (c *counted) Act(_ context.Context, a *confirm.Accepted) (*confirm.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return nil, c.fail
	}
	c.acts[a.Statement.ID]++
	return &confirm.Result{Kind: "certificate", ID: a.Statement.ID, View: json.RawMessage(`{}`)}, nil
}

func (c *counted) set(change func(*counted)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

func (w *asking) Standing(context.Context, string) error { return nil }

func newAsking(t *testing.T) *asking {
	w := &asking{t: t, clock: clock.NewManual(trusttest.Now), act: &counted{acts: map[string]int{}}}
	w.schema = append(append(push.Collections(), confirm.Collections()...), audit.Collections()...)
	db, err := sqlite.Open(ctx, t.TempDir(), w.schema)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	w.db, w.hub = db, feed.NewHub(db)
	root := trusttest.Root(t, trust.ES256, "root")
	w.holder, w.other = root.Leaf(t, trust.ES256), trusttest.Root(t, trust.ES256, "elsewhere").Leaf(t, trust.ES256)
	policy := &trust.Policy{Provider: "p", Anchors: trusttest.Pool(t, root.Cert), Revocation: trust.RevocationNone}
	w.engine, err = confirm.New(confirm.Config{
		Store: db, Clock: w.clock.Now, Audience: "https://ca.example.cn", Directory: w,
		Policy: func(string) (*trust.Policy, error) { return policy, nil }, Purposes: []confirm.Purpose{w.act},
	})
	must(t, err)
	w.prompts = w.server()
	return w
}

var errLostPhone = fault.New(fault.Forbidden, "test_phone_lost", "手机已停用", "the phone is revoked")

// server is another process on the same store.
func (w *asking) server() *push.Prompts {
	return push.NewPrompts(push.PromptsConfig{
		Store: w.db, Clock: w.clock.Now, Hub: w.hub, Engine: w.engine, Times: push.DefaultPromptTimes(),
		Phones: push.NewPhones(w.db, w.clock.Now, w.hub, ring(w.t)),
		DeviceName: func(_ context.Context, d string) (string, error) {
			if _, lost := w.lost.Load(d); lost {
				return "", errLostPhone
			}
			return "手机 " + d, nil
		},
		Party: func(_ context.Context, id string) (confirm.Party, bool, error) { return party(id), false, nil },
		Told: map[string]push.Handler{"extend": func(_ context.Context, e effect.Effect) error {
			if _, twice := w.ended.LoadOrStore(e.Data["id"], e.Data["state"]); !twice {
				w.ends.Add(1)
			}
			return nil
		}},
	})
}

func party(id string) confirm.Party {
	return confirm.Party{ID: id, Name: "张伟", OrganisationID: "org1", Organisation: "某公司"}
}

func request() confirm.Request {
	return confirm.Request{Purpose: "extend", Actor: party("acc1"), Subject: party("acc1"),
		Requester: confirm.Requester{IP: "192.0.2.1", Browser: "Chrome"}, Params: map[string]string{}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, err error, want *fault.Error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func (w *asking) open(id string, change ...func(*push.PromptRequest)) *push.Prompt {
	w.t.Helper()
	in := push.PromptRequest{ID: id, Request: request(), Device: "phone1", Deadline: w.clock.Now().Add(time.Hour)}
	for _, c := range change {
		c(&in)
	}
	p, err := w.prompts.Open(ctx, in)
	must(w.t, err)
	return p
}

func (w *asking) state(id string, want confirm.State) *push.Prompt {
	w.t.Helper()
	p, err := w.prompts.Get(ctx, id)
	must(w.t, err)
	if p.State != want {
		w.t.Fatalf("%s is %s, want %s", id, p.State, want)
	}
	return p
}

func (w *asking) sign(h *trusttest.Holder, p *push.Prompt) string {
	w.t.Helper()
	jws, err := trust.SignJWS(h.Key, h.Alg, h.Chain, false, p.Confirmation.Statement)
	must(w.t, err)
	return jws
}

// relay carries out what is owed, until nothing is.
func (w *asking) relay(also ...func(map[string]push.Handler)) {
	w.t.Helper()
	done := func(context.Context, effect.Effect) error { return nil }
	handlers := map[string]push.Handler{effect.Audit: audit.New(w.db).Carry, effect.Webhook: done, effect.Push: done,
		push.EffectPrompt: w.prompts.Carry, push.EffectPromptEnded: w.prompts.CarryEnded}
	for _, a := range also {
		a(handlers)
	}
	for range 3 {
		must(w.t, push.NewRelay(w.db, w.schema, handlers).Run(ctx))
	}
}

func (w *asking) acted(n int) {
	w.t.Helper()
	w.act.mu.Lock()
	defer w.act.mu.Unlock()
	total := 0
	for _, k := range w.act.acts {
		total += k
	}
	if len(w.act.acts) != n || total != n {
		w.t.Fatalf("%d statements, %d acts; want %d", len(w.act.acts), total, n)
	}
}

func TestTwentyRequestsShowOnePrompt(t *testing.T) {
	w := newAsking(t)
	servers := []*push.Prompts{w.server(), w.server()}
	var g sync.WaitGroup
	got := make([]string, 20)
	for i := range got {
		g.Go(func() {
			p, err := servers[i%2].Open(ctx, push.PromptRequest{ID: fmt.Sprint("cause", i), Request: request(), Device: "phone1", Collapse: "renewal 1"})
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = p.ID
		})
	}
	g.Wait()
	inbox, err := w.prompts.Inbox(ctx, "phone1")
	must(t, err)
	if len(inbox) != 1 {
		t.Fatalf("the phone shows %d prompts", len(inbox))
	}
	for i, id := range got {
		if id != inbox[0].ID {
			t.Fatalf("request %d became prompt %q, not %q", i, id, inbox[0].ID)
		}
	}
	// Once it is over, a repeat of any of the twenty asks nothing anew.
	_, err = w.prompts.Confirm(ctx, inbox[0].ID, "phone1", w.sign(w.holder, inbox[0]))
	must(t, err)
	for i := range got {
		p, err := w.prompts.Open(ctx, push.PromptRequest{ID: fmt.Sprint("cause", i), Request: request(), Device: "phone1", Collapse: "renewal 1"})
		must(t, err)
		if p.State != confirm.StateConfirmed {
			t.Fatalf("a repeat is %s", p.State)
		}
	}
	w.acted(1)
}

func TestAnotherRequestWaitsItsTurn(t *testing.T) {
	w := newAsking(t)
	first, second := w.open("a"), w.open("b")
	if first.State != push.PromptOpen || second.State != push.PromptWaiting {
		t.Fatalf("%s, %s", first.State, second.State)
	}
	if _, err := w.prompts.For(ctx, "b", "phone1"); !errors.Is(err, push.ErrPromptUnknown) {
		t.Fatalf("what waits is shown: %v", err)
	}
	w.open("c", func(r *push.PromptRequest) { r.Device = "phone2" })
	w.state("c", push.PromptOpen)
	_, err := w.prompts.Cancel(ctx, "a")
	must(t, err)
	w.relay()
	if p := w.state("b", push.PromptOpen); p.Confirmation.Statement == nil {
		t.Fatal("no statement")
	}
}

func TestConfirmOnceThoughRepeated(t *testing.T) {
	w := newAsking(t)
	p := w.open("a")
	var g sync.WaitGroup
	for range 8 {
		jws := w.sign(w.holder, p) // ECDSA differs each time
		g.Go(func() {
			done, err := w.prompts.Confirm(ctx, "a", "phone1", jws)
			if err != nil || done.State != confirm.StateConfirmed {
				t.Errorf("%v, %v", done, err)
			}
		})
	}
	g.Wait()
	w.acted(1)
	w.relay()
	if s, _ := w.ended.Load("a"); s != "confirmed" || w.ends.Load() != 1 {
		t.Fatalf("whoever asked was told %v", s)
	}
}

func TestAcceptedIsFinishedAfterACrash(t *testing.T) {
	w := newAsking(t)
	p := w.open("a")
	w.act.set(func(c *counted) { c.fail = errors.New("the store is away") })
	done, err := w.prompts.Confirm(ctx, "a", "phone1", w.sign(w.holder, p))
	must(t, err)
	if done.State != confirm.StateAccepted {
		t.Fatal(done.State)
	}
	w.act.set(func(c *counted) { c.fail = nil })
	w.clock.Advance(10 * time.Second)
	must(t, w.server().Sweep(ctx)) // another process, which knows only what is stored
	w.state("a", confirm.StateConfirmed)
	w.acted(1)
}

func TestWhatMustFail(t *testing.T) {
	w := newAsking(t)
	p := w.open("a")
	good := w.sign(w.holder, p)
	_, err := w.prompts.Confirm(ctx, "a", "phone2", good)
	refused(t, err, push.ErrPromptUnknown)
	_, err = w.prompts.For(ctx, "a", "phone2")
	refused(t, err, push.ErrPromptUnknown)
	_, err = w.prompts.Confirm(ctx, "a", "phone1", w.sign(w.other, p))
	refused(t, err, trust.ErrUntrusted)
	b := w.open("b", func(r *push.PromptRequest) { r.Device = "phone2" })
	_, err = w.prompts.Confirm(ctx, "a", "phone1", w.sign(w.holder, b))
	refused(t, err, confirm.ErrStatementMismatch)
	_, err = w.prompts.Caused(ctx, "a", "acc2")
	refused(t, err, push.ErrPromptUnknown)
	w.act.set(func(c *counted) { c.match = true })
	_, err = w.prompts.Open(ctx, push.PromptRequest{ID: "c", Request: request(), Device: "phone3"})
	refused(t, err, push.ErrPromptByScan)
	w.lost.Store("phone4", true)
	_, err = w.prompts.Open(ctx, push.PromptRequest{ID: "d", Request: request(), Device: "phone4"})
	refused(t, err, errLostPhone)
	w.acted(0)

	w.clock.Advance(time.Hour)
	_, err = w.prompts.Confirm(ctx, "a", "phone1", good)
	refused(t, err, push.ErrPromptExpired)
	w.clock.Advance(time.Second)
	must(t, w.prompts.Sweep(ctx))
	w.relay()
	if s, _ := w.ended.Load("a"); s != "expired" {
		t.Fatalf("whoever asked was told %v", s)
	}
	w.acted(0)
}

func TestAfterANoThePhoneIsLeftAlone(t *testing.T) {
	w := newAsking(t)
	w.open("a")
	for range 2 { // a lost reply
		_, err := w.prompts.Reject(ctx, "a", "phone1", confirm.Reason{Code: "not_now"})
		must(t, err)
	}
	if p := w.open("b"); p.State != push.PromptWaiting {
		t.Fatalf("asked again at once: %s", p.State)
	}
	// The holder who asks for it at the phone is not kept waiting.
	w.open("self", func(r *push.PromptRequest) { r.Self = true })
	w.state("self", push.PromptOpen)
	_, err := w.prompts.Cancel(ctx, "self")
	must(t, err)
	w.clock.Advance(9 * time.Minute)
	must(t, w.prompts.Sweep(ctx))
	w.relay()
	w.state("b", push.PromptWaiting)
	w.clock.Advance(2 * time.Minute)
	must(t, w.prompts.Sweep(ctx))
	w.state("b", push.PromptOpen)

	_, err = w.prompts.NotMe(ctx, "b", "phone1")
	must(t, err)
	hooks := 0
	w.relay(func(h map[string]push.Handler) {
		h[effect.Webhook] = func(_ context.Context, e effect.Effect) error {
			if e.Data["act"] == "prompt.not_me" {
				hooks++
			}
			return nil
		}
	})
	log, _, err := audit.New(w.db).List(ctx, "", "", 20)
	must(t, err)
	acts := map[string]int{}
	for _, e := range log {
		acts[e.Act]++
	}
	if hooks != 1 || acts["prompt.not_me"] != 1 || acts["prompt.rejected"] != 1 {
		t.Fatalf("webhooks %d, audit %v", hooks, acts)
	}
	w.clock.Advance(time.Hour)
	if p := w.open("c"); p.State != push.PromptWaiting {
		t.Fatalf("an hour after \"not me\" asked again: %s", p.State)
	}
	_, err = w.prompts.Reject(ctx, "b", "phone1", confirm.Reason{Code: "because"})
	refused(t, err, confirm.ErrReason)
}

func TestAnEffectAsksAndIsToldOfARefusal(t *testing.T) {
	w := newAsking(t)
	data := map[string]string{"id": "a", "purpose": "extend", "actor": "acc1", "device": "phone1", "deadline": "2100-01-01T00:00:00Z", "param.certificate": "c1"}
	for range 2 {
		must(t, w.prompts.Carry(ctx, effect.New(push.EffectPrompt, w.clock.Now(), data)))
	}
	p := w.state("a", push.PromptOpen)
	if p.Confirmation.Request.Params["certificate"] != "c1" {
		t.Fatalf("%+v", p.Confirmation.Request)
	}
	no := fault.New(fault.Conflict, "test_refused", "不行", "no")
	w.act.set(func(c *counted) { c.refuse = no })
	data["id"] = "b"
	must(t, w.prompts.Carry(ctx, effect.New(push.EffectPrompt, w.clock.Now(), data)))
	if p := w.state("b", confirm.StateFailed); p.Failure.Code != "test_refused" {
		t.Fatalf("%+v", p.Failure)
	}
	w.relay()
	if s, _ := w.ended.Load("b"); s != "failed" {
		t.Fatalf("whoever asked was told %v", s)
	}
}

func TestANewKeyComesBeforeTheStatement(t *testing.T) {
	w := newAsking(t)
	w.act.set(func(c *counted) { c.key = true })
	p := w.open("a")
	if p.Confirmation.Statement != nil {
		t.Fatal("a statement without the key")
	}
	csr := trusttest.CSR(t, w.holder.Key)
	for range 2 {
		var err error
		p, err = w.prompts.Key(ctx, "a", "phone1", csr)
		must(t, err)
	}
	if s, err := p.Confirmation.Parsed(); err != nil || s.Details["public_key_sha256"] == "" {
		t.Fatalf("%+v, %v", s, err)
	}
	_, err := w.prompts.Confirm(ctx, "a", "phone1", w.sign(w.holder, p))
	must(t, err)
	w.acted(1)
}

func TestEndedPromptsArePurgedLast(t *testing.T) {
	w := newAsking(t)
	w.open("a")
	_, err := w.prompts.Cancel(ctx, "a")
	must(t, err)
	w.clock.Advance(31 * 24 * time.Hour)
	must(t, w.prompts.Sweep(ctx))
	w.state("a", confirm.StateCancelled) // its effects are still owed
	w.relay()
	must(t, w.prompts.Sweep(ctx))
	_, err = w.prompts.Get(ctx, "a")
	refused(t, err, push.ErrPromptUnknown)
}

func ring(t testing.TB) *seal.Ring {
	t.Helper()
	r, err := seal.Parse("k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	must(t, err)
	return r
}
