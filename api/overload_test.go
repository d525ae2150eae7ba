package api_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/api"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/trust"
	"certlink/trust/trusttest"
)

func TestStoreAway(t *testing.T) {
	var g *gate
	w := newWorld(t, func(s *settings) { s.store = gated(&g, "none") })
	page, phone := w.browser("admin"), w.phone("admin")
	s := page.bind("cfca")
	p := phone.scan(s.Code)
	events, _ := page.events(s.ID)
	next(t, events, "scanned")
	g.fail(store.ErrUnavailable)
	for _, path := range []string{"/readyz", "/v1/session", "/v1/bindings", "/v1/qr-sessions/" + s.ID, "/v1/qr-sessions/" + s.ID + "/events"} {
		page.get(path).refused(503, "unavailable")
	}
	phone.confirm(p, phone.jws(p)).refused(503, "unavailable")
	page.get("/healthz").ok(200)
	page.get("/v1/config").ok(200)
	if a := page.with("Accept", "text/html").get("/plain/"); a.Status != 503 || !strings.Contains(string(a.Body), "unavailable") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	time.Sleep(500 * time.Millisecond) // several heartbeats: the stream bears it
	g.fail(nil)
	phone.confirm(p, phone.jws(p)).ok(200)
	next(t, eventsBut(events, "accepted"), "confirmed")
	// A defect is not explained to anybody.
	g.fail(errors.New("the password of the database is hunter2"))
	a := page.get("/v1/session").refused(500, "internal")
	if strings.Contains(string(a.Body), "hunter2") {
		t.Errorf("%s", a.Body)
	}
	g.fail(nil)
}

// TestDeadline: a store that hangs does not hang its callers.
func TestDeadline(t *testing.T) {
	w := newWorld(t, func(s *settings) {
		s.store = func(db store.Store) store.Store { return hanging{db} }
		s.api.Limits.Timeout = 200 * time.Millisecond
	})
	begin := time.Now()
	w.client().get("/readyz").refused(503, "unavailable")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

type hanging struct{ store.Store }

func (hanging) Ping(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestPanic: a defect in one request is that request's only.
func TestPanic(t *testing.T) {
	w := newWorld(t, func(s *settings) {
		s.store = func(db store.Store) store.Store { return broken{db} }
	})
	w.client().get("/readyz").refused(500, "internal")
	w.client().get("/healthz").ok(200)
}

type broken struct{ store.Store }

func (broken) Ping(context.Context) error { panic("out of order") }

func TestRates(t *testing.T) {
	w := newWorld(t, func(s *settings) {
		l := &s.api.Limits
		l.Starts, l.Session, l.Device, l.Account = api.Rate{PerSecond: 1, Burst: 2}, api.Rate{PerSecond: 1, Burst: 5}, api.Rate{PerSecond: 1, Burst: 5}, api.Rate{PerSecond: 1, Burst: 8}
	})
	w.clock.Stop(trusttest.Now)
	page := w.browser("admin")
	start := func(c *client) *answer {
		return c.post("/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "cfca"})
	}
	var s qrSession
	start(page).ok(201)
	start(page).ok(201, &s)
	if a := start(page).refused(429, "rate_limited"); a.Header.Get("Retry-After") != "1" {
		t.Errorf("%v", a.Header)
	}
	start(w.browser("zhangwei")).ok(201) // the same address, another account
	for range 5 {
		page.get("/v1/qr-sessions/" + s.ID).ok(200)
	}
	page.get("/v1/qr-sessions/"+s.ID).refused(429, "rate_limited")
	h := w.handset().register("phone")
	for range 4 {
		h.call("GET", "/v1/phone/device", nil)
	}
	h.call("GET", "/v1/phone/device", nil).refused(429, "rate_limited")
	w.handset().register("another phone in the office")
	for range 5 {
		page.get("/v1/session").ok(200)
	}
	page.get("/v1/session").refused(429, "rate_limited")
	w.clock.Stop(trusttest.Now.Add(time.Second))
	page.get("/v1/session").ok(200)
}

func TestServerBusy(t *testing.T) {
	w := newWorld(t, func(s *settings) { s.api.Limits.Global = api.Rate{PerSecond: 1, Burst: 5} })
	w.clock.Stop(trusttest.Now)
	for range 5 {
		w.client().get("/healthz").ok(200)
	}
	w.client().get("/healthz").refused(503, "server_busy")
}

// TestIssuing: what an authority can say after a statement was accepted.
func TestIssuing(t *testing.T) {
	var fail sync.Map
	w := newWorld(t, func(s *settings) {
		issue := func(ctx context.Context, o mobilecert.Order) (*mobilecert.Signed, error) {
			if e, ok := fail.Load("error"); ok {
				return nil, e.(error)
			}
			m, err := template()
			if err != nil {
				return nil, err
			}
			return mobilecert.BuiltinIssuer{Authority: m.ca}.Issue(ctx, o)
		}
		s.products = []*mobilecert.Product{
			{ID: "demo-p256", Name: mobilecert.Name{ZH: "演示", EN: "demo"}, Provider: "huixin", Algorithm: trust.ES256, Term: 24 * time.Hour, Issuer: issuer(issue), Demo: true},
			{ID: "demo-sm2", Name: mobilecert.Name{ZH: "演示", EN: "demo"}, Provider: "huixin", Algorithm: trust.ES256, Term: 200 * 365 * 24 * time.Hour, Issuer: issuer(issue), Demo: true},
		}
	})
	page, phone := w.browser("admin"), w.phone("admin")
	confirm := func(product string) (*qrSession, *phoneSession, *answer) {
		s := page.begin(map[string]string{"purpose": "enroll", "product": product})
		p := phone.scan(s.Code)
		phone.about(p, "PUT", "/key", map[string][]byte{"csr": trusttest.CSR(t, trusttest.Key(t, trust.ES256))}).ok(200, p)
		page.post("/v1/qr-sessions/"+s.ID+"/match", map[string]string{"digits": p.Match.Digits}).ok(200)
		return s, p, phone.confirm(p, phone.deviceJWS(p.statement(t)))
	}
	// Longer than the authority itself lives: refused for good.
	s, p, a := confirm("demo-sm2")
	if a.ok(200).member("state") != "failed" || page.session(s).Failure.Code != "issue_term_refused" {
		t.Errorf("%s", a.Body)
	}
	phone.confirm(p, phone.deviceJWS(p.statement(t))).ok(200)
	// Away: accepted, and owed; the sweeper does it.
	fail.Store("error", store.ErrUnavailable)
	s, p, a = confirm("demo-p256")
	if a.ok(200).member("state") != "accepted" {
		t.Errorf("%s", a.Body)
	}
	events, _ := page.events(s.ID)
	next(t, events, "accepted")
	page.post("/v1/qr-sessions/"+s.ID+"/cancel", "{}")
	phone.about(p, "POST", "/reject", map[string]string{"reason": "other"}).refused(409, "session_over")
	fail.Delete("error")
	w.clock.Advance(5 * time.Second)
	check(t, w.qr.Sweep(ctx))
	next(t, events, "confirmed")
	phone.about(p, "GET", "", nil).ok(200, p)
	if p.State != "confirmed" || len(p.Result.Certificate) == 0 {
		t.Errorf("%+v", p)
	}
}

type issuer func(context.Context, mobilecert.Order) (*mobilecert.Signed, error)

func (f issuer) Issue(ctx context.Context, o mobilecert.Order) (*mobilecert.Signed, error) {
	return f(ctx, o)
}
