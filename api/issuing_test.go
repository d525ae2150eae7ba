package api_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// granted are applications that were accepted.
type granted struct {
	mu  sync.Mutex
	all map[string]mobilecert.Grant
}

func (g *granted) Grant(_ context.Context, id, account string) (*mobilecert.Grant, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	found, ok := g.all[id]
	if !ok || found.Account != account {
		return nil, mobilecert.ErrGrantNeeded
	}
	return &found, nil
}

func (g *granted) set(id string, grant mobilecert.Grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	grant.ID = id
	if g.all == nil {
		g.all = map[string]mobilecert.Grant{}
	}
	g.all[id] = grant
}

// mobileProduct is one to apply for, made by issuer.
func mobileProduct(id string, issuer mobilecert.Issuer, alg trust.Algorithm) *mobilecert.Product {
	return &mobilecert.Product{ID: id, Name: mobilecert.Name{ZH: "汇信CA（移动证书）", EN: "Huixin CA (mobile certificate)"}, Provider: "huixin",
		Algorithm: alg, Term: 365 * 24 * time.Hour, Issuer: issuer}
}

// The certificate of an application is collected once, by the applicant only.
func TestCollectByApplication(t *testing.T) {
	g := new(granted)
	m, err := template()
	check(t, err)
	w := newWorld(t, func(s *settings) {
		s.grants = g
		s.products = append(mobilecert.DemoProducts("huixin", mobilecert.BuiltinIssuer{Authority: m.ca}),
			mobileProduct("huixin-mobile", mobilecert.BuiltinIssuer{Authority: m.ca}, trust.ES256))
	})
	page, phone, stranger := w.browser("lina"), w.phone("lina"), w.browser("admin")
	g.set("app1", mobilecert.Grant{Product: "huixin-mobile", Account: w.person("lina").ID, Subject: mobilecert.Subject{CommonName: "赵小明"}})

	begin := func(c *client, body map[string]string) *answer { return c.post("/v1/qr-sessions", body) }
	begin(page, map[string]string{"purpose": "enroll", "product": "huixin-mobile"}).refused(422, "application_needed")
	begin(stranger, map[string]string{"purpose": "enroll", "application": "app1"}).refused(422, "application_needed")
	begin(page, map[string]string{"purpose": "enroll", "application": "app1", "product": "demo-p256"}).refused(400, "request_invalid")
	begin(page, map[string]string{"purpose": "enroll"}).refused(400, "request_invalid")
	begin(page, map[string]string{"purpose": "bind", "application": "app1"}).refused(400, "request_invalid")

	// Two codes are shown before either is used.
	var scans []*phoneSession
	for range 2 {
		s := page.begin(map[string]string{"purpose": "enroll", "application": "app1"})
		p := phone.scan(s.Code)
		phone.about(p, "PUT", "/key", map[string][]byte{"csr": trusttest.CSR(t, trusttest.Key(t, trust.ES256))}).ok(200, p)
		statement, err := confirm.ParseStatement(p.statement(t))
		check(t, err)
		if d := statement.Details; d["application"] != "app1" || d["applicant"] != "赵小明" {
			t.Errorf("details %v", d)
		}
		page.post("/v1/qr-sessions/"+s.ID+"/match", map[string]string{"digits": p.Match.Digits}).ok(200)
		scans = append(scans, p)
	}
	phone.confirm(scans[0], phone.deviceJWS(scans[0].statement(t))).ok(200)
	phone.confirm(scans[1], phone.deviceJWS(scans[1].statement(t))).refused(409, "grant_used")
	begin(page, map[string]string{"purpose": "enroll", "application": "app1"}).refused(409, "grant_used")
}
