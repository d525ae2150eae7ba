package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"certlink/account"
	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/id"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/identity"
	"certlink/mobilecert/renewal"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// renewing wires the rooms of renewal as main does; the cashier is a name here.
func (w *world) renewing(cfg mobilecert.Config, s *settings) []confirm.Purpose {
	w.bids = bids.New(bids.Config{Store: cfg.Store, Clock: cfg.Clock, Catalogue: cfg.Catalogue, Certificates: w.certs, Bindings: w.bindings, Most: 3})
	w.renewals = renewal.New(renewal.Config{
		Store: cfg.Store, Clock: cfg.Clock, Catalogue: cfg.Catalogue, Certificates: w.certs, Bindings: w.bindings, Bids: w.bids, Faces: s.api.Faces, Orders: till{}, Site: s.site,
		Terms: func(product string) (renewal.Terms, bool) {
			terms := renewal.Terms{PriceFen: 20000, Term: 365 * 24 * time.Hour, Key: renewal.NewKey, Name: mobilecert.Name{ZH: "移动证书", EN: "Mobile"}}
			if product == "demo-sm2" {
				terms.Key = renewal.SameKey
			}
			return terms, product != "sold-elsewhere"
		},
	})
	return []confirm.Purpose{bids.NewAcknowledge(w.bids), renewal.NewExtend(w.renewals), renewal.NewReplace(w.renewals)}
}

type till struct{}

func (till) Open(_ context.Context, r renewal.OrderRequest) (string, error) {
	return "order" + r.Renewal[:20], nil
}

// party finds an account for prompts that an effect asks for.
func (w *world) party(ctx context.Context, id string) (confirm.Party, bool, error) {
	p, err := people{w.accounts}.Person(ctx, id)
	if err != nil {
		return confirm.Party{}, false, err
	}
	return confirm.Party{ID: p.ID, Name: p.Name, OrganisationID: p.OrganisationID, Organisation: p.Organisation}, p.Admin, nil
}

// renewed is what the tests read of a renewal.
type renewed struct {
	ID, State, Order string
	PriceFen         int `json:"price_fen"`
	Expired          bool
	Proved           bool `json:"identity_proved"`
	Identity         *struct {
		Face       bool
		Left       int
		State, URL string
	}
	Prompt    *prompt
	Failure   *struct{ Code string }
	Guard     *guard
	Successor *struct{ ID, Evidence string }
	Course    *struct {
		URL, Step, Note string
		Proved          bool
	}
	Account struct{ ID string }
}

type guard struct {
	Open         []struct{ Tender string }
	Acknowledged bool
	AdviceZH     string `json:"advice_zh"`
	Provider     struct{ Phones []string }
	Evidence     string
}

// due is an account whose certificate is to be renewed, on its phone.
type due struct {
	*asked
	doc *mobilecert.Certificate
}

func newDue(t *testing.T, change ...func(*settings)) *due {
	t.Helper()
	w := newWorld(t, change...)
	d := newHeld(w, "admin")
	d.w.clock.Advance(d.doc.NotAfter.Add(-30 * 24 * time.Hour).Sub(d.w.clock.Now()))
	d.page = w.signedInAnew("admin") // the session ended meanwhile
	return d
}

// newHeld is an account whose certificate is fresh.
func newHeld(w *world, login string) *due {
	w.t.Helper()
	d := &due{asked: &asked{w: w, page: w.browser(login), phone: w.phone(login)}}
	d.hold("demo-p256", trust.ES256)
	return d
}

func (d *due) hold(product string, alg trust.Algorithm) {
	d.w.t.Helper()
	key, cert, id := d.w.enrolled(d.page, d.phone, product, alg)
	d.phone.holder = &trusttest.Holder{Key: key, Alg: alg, Cert: cert, Chain: [][]byte{cert.Raw}}
	var err error
	d.id = id
	d.doc, err = d.w.certs.Get(ctx, id)
	check(d.w.t, err)
}

func (d *due) start() *renewed {
	d.w.t.Helper()
	n := new(renewed)
	d.page.post("/v1/renewals", map[string]string{"certificate": d.id}).ok(201, n)
	return n
}

// pay is what the cashier tells when the order is paid.
func (d *due) pay(n *renewed) *renewed {
	d.w.t.Helper()
	d.tell(n, "paid")
	return d.read(n)
}

func (d *due) tell(n *renewed, event string) {
	d.w.t.Helper()
	check(d.w.t, d.w.renewals.CarryOrder(ctx, effect.Effect{Data: map[string]string{"subject": n.ID, "order": n.Order, "event": event}}))
	for range 4 {
		d.w.settle()
	}
}

func (d *due) read(n *renewed) *renewed {
	d.w.t.Helper()
	out := new(renewed)
	d.page.get("/v1/renewals/"+n.ID).ok(200, out)
	return out
}

// answers sends the key, if one is asked for, and signs what the phone is asked.
func (d *due) answers(p phonePrompt, key []byte) *answer {
	d.w.t.Helper()
	path := "/v1/phone/prompts/" + p.Prompt
	if key != nil {
		d.phone.call("PUT", path+"/key", map[string]string{"csr": base64.StdEncoding.EncodeToString(key)}).ok(200, &p)
	}
	return d.phone.call("POST", path+"/confirm", d.jws(p))
}

func (d *due) one() phonePrompt {
	d.w.t.Helper()
	_, items := d.inbox()
	if len(items) != 1 {
		d.w.t.Fatalf("the phone is asked %+v", items)
	}
	return items[0]
}

// system is a bidding system.
func (d *due) bid(id string, in time.Duration) *answer {
	return d.w.program().do("PUT", "/v1/bids/"+id, map[string]string{"certificate": base64.StdEncoding.EncodeToString(d.doc.DER), "tender": "项目" + id,
		"opens_at": d.w.clock.Now().Add(in).Format(time.RFC3339)})
}

func TestRenewedAndExtended(t *testing.T) {
	d := newDue(t)
	var c struct {
		Items []struct {
			Certificate struct{ ID string }
			Due         bool
			Renewal     string
			PriceFen    int `json:"price_fen"`
		}
	}
	d.page.get("/v1/renewals/candidates").ok(200, &c)
	if len(c.Items) != 1 || !c.Items[0].Due || c.Items[0].PriceFen != 20000 || c.Items[0].Certificate.ID != d.id {
		t.Fatalf("candidates: %+v", c)
	}
	n := d.start()
	if again := d.start(); n.State != "payment" || again.ID != n.ID || n.Order == "" {
		t.Fatalf("%+v, %+v", n, again)
	}
	d.phone.call("POST", "/v1/phone/certificates/"+d.doc.Fingerprint+"/extend", map[string]string{}).refused(409, "renewal_needed")
	n = d.pay(n)
	if n.State != "extension" || n.Prompt == nil || n.Prompt.State != "open" {
		t.Fatalf("after payment: %+v", n)
	}
	d.page.post("/v1/renewals/"+n.ID+"/cancel", map[string]string{}).refused(409, "renewal_paid_already")
	// The holder says no; the phone is asked again.
	d.phone.call("POST", "/v1/phone/prompts/"+n.Prompt.ID+"/reject", map[string]string{"reason": "not_now"}).ok(200)
	d.w.settle()
	d.w.settle()
	if n = d.read(n); n.Failure == nil || n.Failure.Code != "extension_rejected" {
		t.Fatalf("after the no: %+v", n)
	}
	d.w.clock.Advance(11 * time.Minute)
	d.page.post("/v1/renewals/"+n.ID+"/prompt", map[string]string{"purpose": "extend"}).ok(200)
	d.w.settle()
	if n = d.read(n); n.Failure != nil || n.Prompt.State != "open" {
		t.Fatalf("asked again: %+v", n)
	}
	// The phone asks by itself: the same question.
	var self struct{ Prompt string }
	d.phone.call("POST", "/v1/phone/certificates/"+d.doc.Fingerprint+"/extend", map[string]string{}).ok(201, &self)
	if self.Prompt != n.Prompt.ID {
		t.Errorf("two questions: %s, %s", self.Prompt, n.Prompt.ID)
	}
	key := trusttest.Key(t, trust.ES256)
	d.answers(d.one(), trusttest.CSR(t, key)).ok(200)
	d.w.settle()
	n = d.read(n)
	if n.State != "extended" || n.Successor == nil || n.Successor.Evidence != n.Successor.ID {
		t.Fatalf("%+v", n)
	}
	var phone struct {
		Items []struct {
			State    string
			OpenBids *struct{ Count int } `json:"open_bids"`
		}
	}
	d.phone.call("GET", "/v1/phone/certificates", nil).ok(200, &phone)
	if len(phone.Items) != 2 || phone.Items[0].State != "active" || phone.Items[1].State != "superseded" {
		t.Errorf("on the phone: %+v", phone)
	}
	var list struct{ Items []renewed }
	d.page.get("/v1/renewals?scope=organisation").ok(200, &list)
	if len(list.Items) != 1 || list.Items[0].State != "extended" {
		t.Errorf("list: %+v", list)
	}
	d.page.post("/v1/renewals/"+n.ID+"/prompt", map[string]string{"purpose": "extend"}).refused(409, "renewal_state_wrong")
	d.page.post("/v1/renewals", map[string]string{"certificate": d.id}).refused(422, "certificate_superseded")
	d.page.post("/v1/renewals", map[string]string{"certificate": n.Successor.ID}).refused(409, "renewal_too_early")
	d.page.post("/v1/renewals", map[string]string{"certificate": "none"}).refused(404, "certificate_unknown")
	d.page.get("/v1/renewals/none").refused(404, "renewal_unknown")
	d.w.signedInAnew("zhoutao").get("/v1/renewals/"+n.ID).refused(403, "not_your_organisation")
	d.w.signedInAnew("lina").get("/v1/renewals?scope=organisation").refused(403, "not_your_account")
	d.page.get("/v1/renewals?cursor=%21").refused(400, "cursor_invalid")
}

// What takes its keys from a phone is stopped while bids wait for them, and goes on
// only for whoever names what they were shown.
func TestKeysThatBidsNeed(t *testing.T) {
	for name, lose := range map[string]func(d *due, acknowledged string) *answer{
		"the operator revokes the phone": func(d *due, acknowledged string) *answer {
			return d.w.signedInAnew("operator").do("DELETE", "/v1/devices/"+d.phone.id+"?acknowledge="+acknowledged, nil)
		},
		"the phone resets its PIN": func(d *due, acknowledged string) *answer {
			body := map[string]string{}
			if acknowledged != "" {
				body["acknowledge"] = acknowledged
			}
			return d.phone.call("POST", "/v1/phone/pin/reset", body)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDue(t)
			d.phone.call("POST", "/v1/phone/pin", map[string]string{"verifier": id.Secret(32)}).ok(200)
			d.bid("a", 48*time.Hour).ok(201)
			list := lose(d, "").refused(409, "bids_need_keys").member("acknowledge").(string)
			lose(d, "another").refused(409, "bids_need_keys")
			// The old key is needed also after the certificate was extended.
			d.bid("b", 24*time.Hour).ok(201)
			a := lose(d, list).refused(409, "bids_need_keys") // the list has grown
			if bids := a.member("bids").([]any); len(bids) != 2 || a.member("count") != float64(2) || bids[0].(map[string]any)["tender"] == "" {
				t.Fatalf("%s", a.Body)
			}
			d.phone.call("GET", "/v1/phone/device", nil).ok(200)
			if a := lose(d, a.member("acknowledge").(string)); a.Status/100 != 2 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			d.w.settle()
			log := d.w.signedInAnew("operator").get("/v1/audit").ok(200)
			if !strings.Contains(string(log.Body), `"open_bids":"2"`) {
				t.Errorf("the log does not tell: %s", log.Body)
			}
		})
	}
	// With nothing at stake nobody is asked.
	d := newDue(t)
	d.bid("a", 48*time.Hour).ok(201)
	d.w.program().post("/v1/bids/a/close", map[string]string{"reason": "opened"}).ok(200)
	d.w.signedInAnew("operator").do("DELETE", "/v1/devices/"+d.phone.id, nil).ok(204)
}

// The guard, on every way that there is to extend.
func TestTheGuardOverHTTP(t *testing.T) {
	d := newDue(t)
	d.bid("a", 48*time.Hour).ok(201)
	d.bid("a", 48*time.Hour).ok(200)
	n := d.pay(d.start())
	if n.Failure == nil || n.Failure.Code != "bids_open" || n.Guard == nil || len(n.Guard.Open) != 1 || n.Guard.Acknowledged || len(n.Guard.Provider.Phones) == 0 || n.Guard.AdviceZH == "" {
		t.Fatalf("%+v, guard %+v", n, n.Guard)
	}
	if _, items := d.inbox(); len(items) != 0 {
		t.Fatalf("the phone is asked %+v", items)
	}
	d.page.post("/v1/qr-sessions", map[string]string{"purpose": "extend", "renewal": n.ID}).refused(409, "bids_open")
	d.phone.call("POST", "/v1/phone/certificates/"+d.doc.Fingerprint+"/extend", map[string]string{}).refused(409, "bids_open")
	d.w.clock.Advance(time.Second)
	d.page.post("/v1/renewals/"+n.ID+"/prompt", map[string]string{"purpose": "extend"}).ok(200)
	d.w.settle()
	d.w.settle()
	if n = d.read(n); n.State != "extension" || n.Failure == nil {
		t.Fatalf("asked again: %+v", n)
	}
	var before struct {
		Items []struct {
			OpenBids *struct{ Count int } `json:"open_bids"`
		}
	}
	d.phone.call("GET", "/v1/phone/certificates", nil).ok(200, &before)
	if before.Items[0].OpenBids == nil || before.Items[0].OpenBids.Count != 1 {
		t.Errorf("the phone does not see its bids: %+v", before)
	}
	// The holder signs for the list, beginning at the phone; one more bid comes in
	// between, and then it does not count.
	path := "/v1/phone/certificates/" + d.doc.Fingerprint
	var p struct{ Prompt string }
	d.phone.call("POST", path+"/acknowledge", map[string]string{}).ok(201, &p)
	d.bid("b", 72*time.Hour).ok(201)
	d.answers(d.one(), nil).refused(409, "bids_changed")
	d.phone.call("POST", "/v1/phone/prompts/"+p.Prompt+"/reject", map[string]string{"reason": "not_now"}).ok(200)
	d.phone.call("POST", path+"/acknowledge", map[string]string{}).ok(201)
	d.answers(d.one(), nil).ok(200)
	for range 4 {
		d.w.settle()
	}
	var g guard
	d.phone.call("GET", path+"/bids", nil).ok(200, &g)
	if !g.Acknowledged || len(g.Open) != 2 || g.Evidence == "" {
		t.Errorf("guard: %+v", g)
	}
	d.page.get("/v1/certificates/"+d.id+"/bids").ok(200, &g)
	d.w.signedInAnew("reviewer").get("/v1/certificates/"+d.id+"/bids").ok(200, &g)
	d.w.signedInAnew("zhoutao").get("/v1/certificates/"+d.id+"/bids").refused(403, "not_your_organisation")
	d.answers(d.one(), trusttest.CSR(t, trusttest.Key(t, trust.ES256))).ok(200)
	if n = d.read(n); n.State != "extended" {
		t.Fatalf("%+v", n)
	}
	var late struct{ Extended bool }
	d.bid("c", time.Hour).ok(201, &late)
	if !late.Extended {
		t.Error("a bid that came late is not told so")
	}
	d.bid("d", time.Hour).refused(409, "bids_too_many")
	// The old key must stay until the last opening.
	var after struct {
		Items []struct {
			State     string
			KeepUntil string `json:"keep_until"`
		}
	}
	d.phone.call("GET", "/v1/phone/certificates", nil).ok(200, &after)
	if after.Items[1].KeepUntil == "" || after.Items[0].KeepUntil != "" {
		t.Errorf("%+v", after)
	}
	d.phone.call("POST", "/v1/phone/certificates/"+n.ID+"/extend", map[string]string{}).refused(404, "certificate_unknown")
}

func TestBidsOfASystem(t *testing.T) {
	w := newWorld(t)
	d, other := newHeld(w, "admin"), newHeld(w, "lina")
	sys := d.w.program()
	var v struct {
		ID, State, OpensAt string
		History            []struct{ Act, Reason string }
	}
	d.bid("x", 48*time.Hour).ok(201, &v)
	d.bid("x", 24*time.Hour).ok(200, &v)
	sys.post("/v1/bids/x/close", map[string]string{"reason": "opened"}).ok(200, &v)
	if v.State != "closed" || len(v.History) != 3 {
		t.Errorf("%+v", v)
	}
	sys.get("/v1/bids/x").ok(200, &v)
	d.bid("x", 24*time.Hour).refused(409, "bid_closed")
	sys.get("/v1/bids/none").refused(404, "bid_unknown")
	sys.post("/v1/bids/none/close", map[string]string{"reason": "opened"}).refused(404, "bid_unknown")
	sys.post("/v1/bids/x/close", map[string]string{"reason": "lost"}).refused(400, "request_invalid")
	d.bid("y", 12*366*24*time.Hour).refused(422, "bid_time_wrong")
	opens := d.w.clock.Now().Add(time.Hour).Format(time.RFC3339)
	for _, body := range []map[string]string{
		{"tender": "甲", "opens_at": opens}, {"tender": "甲", "opens_at": "tomorrow", "binding": "b"}, {"tender": " ", "opens_at": opens, "binding": "b"},
		{"tender": strings.Repeat("甲", 121), "opens_at": opens, "binding": "b"}, {"tender": "甲", "opens_at": opens, "certificate": "?"},
		{"tender": "甲", "opens_at": opens, "certificate": "AAAA", "binding": "b"},
	} {
		sys.do("PUT", "/v1/bids/y", body).refused(400, "request_invalid")
	}
	sys.do("PUT", "/v1/bids/y", map[string]string{"tender": "甲", "opens_at": opens, "binding": "none"}).refused(404, "binding_unknown")
	stranger := d.w.holder(ec(), trust.ES256, "admin")
	sys.do("PUT", "/v1/bids/y", map[string]string{"tender": "甲", "opens_at": opens, "certificate": base64.StdEncoding.EncodeToString(stranger.Cert.Raw)}).refused(404, "certificate_unknown")
	d.bid("z", time.Hour).ok(201)
	other.bid("z", time.Hour).refused(409, "bid_differs")
	var list struct{ Items []struct{ ID string } }
	sys.get("/v1/bids").ok(200, &list)
	if len(list.Items) != 2 {
		t.Errorf("%+v", list)
	}
	sys.get("/v1/bids?cursor=%21").refused(400, "cursor_invalid")
	d.page.get("/v1/bids").refused(403, "role_missing")
	d.phone.call("POST", "/v1/phone/certificates/"+d.doc.Fingerprint+"/acknowledge", map[string]string{}).ok(201)
	sys.post("/v1/bids/z/close", map[string]string{"reason": "withdrawn"}).ok(200)
	d.page.post("/v1/qr-sessions", map[string]string{"purpose": "acknowledge", "certificate": d.id}).refused(409, "bids_none")
	// A binding shows what to know before it is removed.
	d.bid("w", time.Hour).ok(201)
}

// What is refused before anything is asked of a phone.
func TestRenewalsRefused(t *testing.T) {
	d := newDue(t)
	n := d.pay(d.start())
	d.phone.call("PUT", "/v1/phone/prompts/"+n.Prompt.ID+"/key", map[string]string{
		"csr": base64.StdEncoding.EncodeToString(trusttest.CSR(t, d.phone.holder.Key))}).refused(422, "extension_key_reused")
	d.page.post("/v1/renewals/"+n.ID+"/prompt", map[string]string{"purpose": "bind"}).refused(400, "purpose_unknown")
	d.page.post("/v1/renewals/"+n.ID+"/leave", map[string]string{}).refused(409, "extension_by_phone")
	d.page.post("/v1/qr-sessions", map[string]string{"purpose": "replace", "renewal": n.ID}).refused(409, "extension_by_phone")
	reviewer := d.w.signedInAnew("reviewer")
	reviewer.post("/v1/renewals/"+n.ID+"/identity", map[string]string{"method": "mail"}).refused(409, "renewal_identity_not_needed")
	reviewer.post("/v1/renewals/"+n.ID+"/identity", map[string]string{"method": "word"}).refused(400, "request_invalid")
	d.page.post("/v1/renewals/"+n.ID+"/identity", map[string]string{"method": "mail"}).refused(403, "role_missing")
	d.w.clock.Advance(d.doc.NotAfter.Add(time.Second).Sub(d.w.clock.Now()))
	d.page = d.w.signedInAnew("admin")
	d.page.post("/v1/qr-sessions", map[string]string{"purpose": "extend", "renewal": n.ID}).refused(409, "renewal_identity_needed")
	if n = d.read(n); !n.Expired {
		t.Errorf("%+v", n)
	}
}

// Expired before it was extended: the holder proves who they are by a face check, or a
// reviewer has it done, and a new certificate can be collected.
func TestIdentifiedAnewOverHTTP(t *testing.T) {
	expired := func(t *testing.T) (*due, *renewed) {
		d := newDue(t)
		n := d.pay(d.start())
		d.page.post("/v1/renewals/"+n.ID+"/face", map[string]string{}).refused(409, "renewal_identity_not_needed")
		d.w.clock.Advance(d.doc.NotAfter.Add(time.Second).Sub(d.w.clock.Now()))
		d.page = d.w.signedInAnew("admin")
		d.page.post("/v1/qr-sessions", map[string]string{"purpose": "enroll", "renewal": n.ID}).refused(409, "renewal_identity_needed")
		d.page.post("/v1/qr-sessions", map[string]string{"purpose": "enroll", "application": n.ID}).refused(404, "application_unknown")
		return d, d.read(n)
	}
	collects := func(d *due, n *renewed) {
		t.Helper()
		if n = d.read(n); !n.Proved || n.Identity != nil {
			t.Fatalf("%+v", n)
		}
		d.page.post("/v1/qr-sessions", map[string]string{"purpose": "enroll", "renewal": n.ID}).ok(201)
	}
	t.Run("by face", func(t *testing.T) {
		d, n := expired(t)
		face := func() *answer { return d.page.post("/v1/renewals/"+n.ID+"/face", map[string]string{}) }
		if n.Identity == nil || !n.Identity.Face || n.Identity.Left != 10 {
			t.Fatalf("%+v", n.Identity)
		}
		d.w.signedInAnew("zhoutao").post("/v1/renewals/"+n.ID+"/face", map[string]string{}).refused(403, "not_your_organisation")
		d.w.faces.say(identity.Pending, true)
		face().refused(503, "face_unavailable")
		d.w.faces.say(identity.Pending, false)
		var first, again renewed
		face().ok(200, &first)
		face().ok(200, &again) // the page was closed in between
		if first.Identity.URL == "" || first.Identity.URL != again.Identity.URL || again.Identity.Left != 9 {
			t.Fatalf("%+v, then %+v", first.Identity, again.Identity)
		}
		look := "/v1/renewals/" + n.ID + "/face/look"
		d.page.post(look, map[string]string{}).ok(200, &again)
		d.w.faces.say(identity.Mismatched, false)
		d.page.post(look, map[string]string{}).ok(200, &again)
		if again.Proved || again.Identity.State != "mismatched" {
			t.Fatalf("%+v", again)
		}
		d.w.faces.say(identity.Passed, false)
		face().ok(200, &again)
		// The service calls back; nobody has a page open.
		ref := again.Identity.URL[strings.LastIndex(again.Identity.URL, "/")+1:]
		notice := d.w.client()
		notice.header.Set("Signature", "good")
		notice.post("/v1/identity/test/notice", map[string]string{"check": ref}).ok(204)
		d.w.settle()
		collects(d, n)
		face().ok(200)
	})
	t.Run("by a reviewer", func(t *testing.T) {
		d, n := expired(t)
		d.page.get("/v1/renewals?scope=identity").refused(403, "role_missing")
		reviewer := d.w.signedInAnew("reviewer")
		var list struct{ Items []renewed }
		reviewer.get("/v1/renewals?scope=identity").ok(200, &list)
		if len(list.Items) != 1 || list.Items[0].ID != n.ID {
			t.Fatalf("%+v", list)
		}
		reviewer.post("/v1/renewals/"+n.ID+"/identity", map[string]string{"method": "on_site"}).ok(200)
		reviewer.get("/v1/renewals?scope=identity").ok(200, &list)
		if len(list.Items) != 0 {
			t.Errorf("%+v", list)
		}
		collects(d, n)
	})
	t.Run("without a number", func(t *testing.T) {
		w := newWorld(t)
		_, err := w.accounts.CreateAccount(ctx, account.System("command line"), account.Person{
			OrganisationID: w.person("lina").OrganisationID, Login: "unnumbered", Name: "无号", Password: account.DemoPassword})
		check(t, err)
		d := &due{asked: &asked{w: w, page: w.signedInAnew("unnumbered"), phone: w.handset().register("测试手机")}}
		d.hold("demo-p256", trust.ES256)
		d.w.clock.Advance(d.doc.NotAfter.Add(-30 * 24 * time.Hour).Sub(d.w.clock.Now()))
		d.page = w.signedInAnew("unnumbered")
		n := d.pay(d.start())
		d.w.clock.Advance(d.doc.NotAfter.Add(time.Second).Sub(d.w.clock.Now()))
		d.page = w.signedInAnew("unnumbered")
		if n = d.read(n); n.Identity != nil {
			t.Errorf("a face check is offered: %+v", n.Identity)
		}
		d.page.post("/v1/renewals/"+n.ID+"/face", map[string]string{}).refused(422, "renewal_face_impossible")
	})
	t.Run("without a service", func(t *testing.T) {
		d := newDue(t, func(s *settings) { s.noFaces = true })
		n := d.pay(d.start())
		d.w.clock.Advance(d.doc.NotAfter.Add(time.Second).Sub(d.w.clock.Now()))
		d.page = d.w.signedInAnew("admin")
		d.page.post("/v1/renewals/"+n.ID+"/face", map[string]string{}).refused(422, "face_not_offered")
	})
}

// office is an authority's site, without the pages.
type office struct {
	away   bool
	status renewal.SiteStatus
}

func (o *office) Begin(_ context.Context, r renewal.SiteRequest) (*renewal.SiteOrder, error) {
	if o.away {
		return nil, errors.New("the line is down")
	}
	if !strings.HasSuffix(r.Back, "/portal/#/ca/renew/"+r.Renewal) {
		return nil, errors.New("the way back is no page of the portal")
	}
	return &renewal.SiteOrder{Ref: "ref-" + r.Renewal, URL: "https://ca.example.cn/extend/" + r.Renewal}, nil
}

func (o *office) Status(context.Context, string) (*renewal.SiteStatus, error) {
	st := o.status
	return &st, nil
}

// Notice takes what is called good.
func (o *office) Notice(header func(string) string, body []byte) (string, error) {
	var told struct{ Renewal string }
	if header("Signature") != "good" || json.Unmarshal(body, &told) != nil {
		return "", renewal.ErrNotice
	}
	return told.Renewal, nil
}

// A token's certificate: two clicks, a new certificate, and the proof by its holder.
func TestATokenOverHTTP(t *testing.T) {
	site := &office{away: true}
	w := newWorld(t, func(s *settings) { s.site = site })
	page := w.browser("admin")
	who := w.person("admin")
	term := func(from time.Time, days int) func(*trusttest.Template) {
		return func(c *trusttest.Template) { c.NotBefore, c.NotAfter = from, from.AddDate(0, 0, days) }
	}
	old := w.holder(ec(), trust.ES256, "admin", term(w.clock.Now().AddDate(0, 0, -340), 365))
	doc, err := w.certs.Import(ctx, mobilecert.Import{
		ID: "token1", DER: old.Cert.Raw, Provider: "cfca", Product: "cfca-ukey", Medium: mobilecert.UKey, Person: who.IDNumber, CreditCode: who.CreditCode,
		Account: confirm.Party{ID: who.ID, Name: who.Name, OrganisationID: who.OrganisationID, Organisation: who.Organisation}, By: mobilecert.Actor{ID: "r"},
	})
	check(t, err)
	u := page.plug("cfca")
	page.post(u.at("/confirm"), u.sign(t, old)).ok(200)
	d := &due{asked: &asked{w: w, page: page}, doc: doc}
	d.id = doc.ID
	n := d.pay(d.start())
	path := "/v1/renewals/" + n.ID
	page.post(path+"/prompt", map[string]string{"purpose": "extend"}).refused(409, "extension_by_token")
	page.post("/v1/qr-sessions", map[string]string{"purpose": "extend", "renewal": n.ID}).refused(409, "extension_by_token")
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "replace", "renewal": n.ID}).refused(409, "renewal_state_wrong")
	page.post(path+"/leave", map[string]string{}).refused(503, "authority_site_unavailable")
	site.away = false
	d.bid("a", time.Hour).ok(201)
	page.post(path+"/leave", map[string]string{}).refused(409, "bids_open")
	ack := new(ukeySession)
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "acknowledge", "certificate": doc.ID}).ok(201, ack)
	page.post(ack.at("/confirm"), ack.sign(t, old)).ok(200)
	page.post(path+"/leave", map[string]string{}).ok(200, n)
	if n.State != "extending" || n.Course == nil || n.Course.Step != "material" || !strings.HasPrefix(n.Course.URL, "https://ca.example.cn/") {
		t.Fatalf("%+v", n)
	}
	page.post(path+"/leave", map[string]string{}).ok(200)
	site.status = renewal.SiteStatus{Step: renewal.StepRejected, Note: "营业执照不清晰"}
	w.clock.Advance(time.Minute) // the sweeper looks again after half of that
	check(t, w.renewals.Sweep(ctx))
	if n = d.read(n); n.State != "extension" || n.Course.Note != "营业执照不清晰" {
		t.Fatalf("%+v", n.Course)
	}
	page.post(path+"/leave", map[string]string{}).ok(200)
	site.status = renewal.SiteStatus{Step: renewal.StepApproved}
	w.client().post("/v1/extension-site/notice", map[string]string{"renewal": n.ID}).refused(400, "extension_notice_invalid")
	told := w.client().with("Signature", "good")
	told.post("/v1/extension-site/notice", map[string]string{"renewal": "nothing"}).refused(404, "renewal_unknown")
	if n = d.read(n); n.Course.Step != "material" {
		t.Fatalf("%+v", n.Course)
	}
	told.post("/v1/extension-site/notice", map[string]string{"renewal": n.ID}).ok(204)
	told.post("/v1/extension-site/notice", map[string]string{"renewal": n.ID}).ok(204)
	if n = d.read(n); n.State != "extending" || n.Course.Step != "approved" {
		t.Fatalf("%+v", n)
	}
	// The reviewer brings the new certificate: not an older one, not another's.
	reviewer := w.browser("reviewer")
	bring := func(h *trusttest.Holder) *answer {
		return reviewer.post(path+"/certificate", map[string]string{"certificate": base64.StdEncoding.EncodeToString(h.Cert.Raw)})
	}
	page.post(path+"/certificate", map[string]string{"certificate": "AAAA"}).refused(403, "role_missing")
	reviewer.post(path+"/certificate", map[string]string{"certificate": "?"}).refused(400, "certificate_malformed")
	bring(w.holder(ec(), trust.ES256, "admin", term(w.clock.Now().AddDate(0, 0, -300), 310))).refused(422, "successor_not_longer")
	bring(w.holder(ec(), trust.ES256, "lina", term(w.clock.Now().AddDate(0, 0, -1), 400))).refused(422, "identity_mismatch")
	fresh := w.holder(ec(), trust.ES256, "admin", term(w.clock.Now().AddDate(0, 0, -1), 400))
	bring(fresh).ok(200, n)
	if n.State != "extended" || n.Course.Proved {
		t.Fatalf("%+v", n)
	}
	// The binding has not moved: nobody has shown that they hold the key.
	var list struct {
		Items []struct {
			Certificate struct{ Fingerprint string }
			OpenBids    *struct{ Count int } `json:"open_bids"`
		}
	}
	page.get("/v1/bindings").ok(200, &list)
	if list.Items[0].Certificate.Fingerprint != old.Cert.Fingerprint() || list.Items[0].OpenBids == nil {
		t.Fatalf("%+v", list)
	}
	proof := new(ukeySession)
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "replace", "renewal": n.ID}).ok(201, proof)
	page.post(proof.at("/confirm"), proof.sign(t, old)).refused(422, "signer_mismatch")
	page.post(proof.at("/confirm"), proof.sign(t, fresh)).ok(200)
	page.get("/v1/bindings").ok(200, &list)
	if list.Items[0].Certificate.Fingerprint != fresh.Cert.Fingerprint() {
		t.Fatalf("the binding did not move: %+v", list)
	}
	if n = d.read(n); !n.Course.Proved {
		t.Error("the proof is not noted")
	}
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "replace", "renewal": n.ID}).refused(409, "renewal_state_wrong")
}

func TestRenewedElsewhere(t *testing.T) {
	w := newWorld(t)
	who := w.person("admin")
	h := w.holder(ec(), trust.ES256, "admin")
	doc, err := w.certs.Import(ctx, mobilecert.Import{
		ID: "token2", DER: h.Cert.Raw, Provider: "cfca", Product: "sold-elsewhere", Medium: mobilecert.UKey, Person: who.IDNumber,
		Account: confirm.Party{ID: who.ID, Name: who.Name, OrganisationID: who.OrganisationID}, By: mobilecert.Actor{ID: "r"},
	})
	check(t, err)
	page := w.browser("admin")
	page.post("/v1/renewals", map[string]string{"certificate": doc.ID}).refused(422, "renewal_elsewhere")
	var c struct {
		Items []struct {
			Renewable bool
			Refusal   *struct {
				Code  string
				Extra map[string]any
			}
			Provider struct{ Phones []string }
		}
	}
	w.bound(page, w.phone("admin")) // of an authority that nobody applies to here
	page.get("/v1/renewals/candidates").ok(200, &c)
	if len(c.Items) != 2 || c.Items[0].Refusal == nil || c.Items[0].Refusal.Code != "renewal_elsewhere" || len(c.Items[0].Provider.Phones) == 0 {
		t.Errorf("%+v", c)
	}
	d := newHeld(w, "lina")
	d.w.clock.Advance(d.doc.NotAfter.Add(31 * 24 * time.Hour).Sub(d.w.clock.Now()))
	w.signedInAnew("lina").post("/v1/renewals", map[string]string{"certificate": d.id}).refused(409, "renewal_too_late")
}

// A product that keeps its key takes no other.
func TestAnExtensionThatKeepsItsKey(t *testing.T) {
	w := newWorld(t)
	d := &due{asked: &asked{w: w, page: w.browser("admin"), phone: w.phone("admin")}}
	d.hold("demo-sm2", trust.SM2SM3)
	w.clock.Advance(d.doc.NotAfter.Add(-24 * time.Hour).Sub(w.clock.Now()))
	d.page = w.signedInAnew("admin")
	n := d.pay(d.start())
	d.phone.call("PUT", "/v1/phone/prompts/"+n.Prompt.ID+"/key", map[string]string{
		"csr": base64.StdEncoding.EncodeToString(trusttest.CSR(t, trusttest.Key(t, trust.SM2SM3)))}).refused(422, "extension_key_differs")
	d.answers(d.one(), trusttest.CSR(t, d.phone.holder.Key)).ok(200)
	if n = d.read(n); n.State != "extended" {
		t.Fatalf("%+v", n)
	}
}

func TestARehearsalOverHTTP(t *testing.T) {
	w := newWorld(t)
	d := &due{asked: &asked{w: w, page: w.browser("admin"), phone: w.phone("admin")}}
	d.hold("demo-p256", trust.ES256) // this test's phone makes no second key
	path := "/v1/phone/certificates/" + d.doc.Fingerprint
	d.phone.call("POST", path+"/rehearsals", map[string]string{}).refused(422, "rehearsal_no_key")
	d.hold("demo-sm2", trust.SM2SM3)
	path = "/v1/phone/certificates/" + d.doc.Fingerprint
	var r struct{ ID, State, Ciphertext string }
	d.phone.call("POST", path+"/rehearsals", map[string]string{}).ok(201, &r)
	sealed, err := base64.StdEncoding.DecodeString(r.Ciphertext)
	check(t, err)
	key, err := sm2.ParseEnvelopedPrivateKey(d.phone.holder.Key.(*sm2.PrivateKey), d.doc.Twin.Envelope)
	check(t, err)
	plain, err := sm2.Decrypt(key, sealed)
	check(t, err)
	answer := map[string]string{"plaintext": base64.StdEncoding.EncodeToString(plain)}
	w.phone("lina").call("POST", "/v1/phone/rehearsals/"+r.ID, answer).refused(404, "rehearsal_unknown")
	d.phone.call("POST", "/v1/phone/rehearsals/"+r.ID, map[string]string{"plaintext": "?"}).refused(400, "request_invalid")
	d.phone.call("POST", "/v1/phone/rehearsals/"+r.ID, answer).ok(200, &r)
	if r.State != "passed" {
		t.Errorf("%+v", r)
	}
	var g struct {
		RehearsedAt string `json:"rehearsed_at"`
		Rehearse    struct{ Medium string }
	}
	d.page.get("/v1/certificates/"+d.id+"/bids").ok(200, &g)
	if g.RehearsedAt == "" || g.Rehearse.Medium != "mobile" {
		t.Error("the page does not see it")
	}
	d.phone.call("POST", path+"/rehearsals", map[string]string{}).ok(201, &r)
	w.clock.Advance(11 * time.Minute)
	d.phone.call("POST", "/v1/phone/rehearsals/"+r.ID, answer).refused(410, "rehearsal_expired")
}
