package api_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/phone"
	"certlink/push"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// prompt is what the tests read of one at the page, and phonePrompt at the phone.
type prompt struct {
	ID, State string
	Seq       int64
	SeenAt    string `json:"seen_at"`
	OpensAt   string `json:"opens_at"`
	Device    struct{ Name string }
	Result    *struct{ Binding *binding }
	Failure   *struct{ Code string }
	Reason    *struct{ Code, Text string }
}

type phonePrompt struct {
	Prompt, State, Statement string
	Hints                    []struct{ Kind string }
	Failure                  *struct{ Code string }
}

// asked is an account with a certificate on its phone, and a page that can ask it.
type asked struct {
	w     *world
	page  *client
	phone *handset
	id    string // of the certificate
}

func newAsked(t *testing.T) *asked {
	t.Helper()
	w := newWorld(t)
	a := &asked{w: w, page: w.browser("admin"), phone: w.phone("admin")}
	key, cert, id := w.enrolled(a.page, a.phone, "demo-p256", trust.ES256)
	a.phone.holder = &trusttest.Holder{Key: key, Alg: trust.ES256, Cert: cert, Chain: [][]byte{cert.Raw}}
	a.id = id
	return a
}

func (a *asked) ask() *prompt {
	a.w.t.Helper()
	p := new(prompt)
	a.page.post("/v1/prompts", map[string]string{"purpose": "bind", "certificate": a.id}).ok(201, p)
	return p
}

func (a *asked) get(p *prompt) *prompt {
	a.w.t.Helper()
	out := new(prompt)
	a.page.get("/v1/prompts/"+p.ID).ok(200, out)
	return out
}

func (a *asked) inbox() (seq int64, items []phonePrompt) {
	a.w.t.Helper()
	var v struct {
		Seq   int64
		Items []phonePrompt
	}
	a.phone.call("GET", "/v1/phone/inbox", nil).ok(200, &v)
	return v.Seq, v.Items
}

func (a *asked) jws(p phonePrompt) map[string]string {
	a.w.t.Helper()
	raw, err := b64.DecodeString(p.Statement)
	check(a.w.t, err)
	return map[string]string{"jws": a.phone.holder.JWS(a.w.t, string(raw))}
}

func (h *handset) stream(path string) <-chan event {
	h.w.t.Helper()
	h.call("GET", "/v1/phone/device", nil).ok(200) // for a fresh nonce
	out, _ := h.client.with("Dpop", h.proof("GET", path, nil)).stream(path, func(string) string { return "Ringing" })
	return out
}

// ring waits for an inbox event with so many open prompts.
func ring(t *testing.T, in <-chan event, open int) event {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case e, more := <-in:
			if !more {
				t.Fatal("the stream ended")
			}
			var r struct{ Open int }
			if e.Name == "inbox" && json.Unmarshal(e.Data, &r) == nil && r.Open == open {
				return e
			}
		case <-limit:
			t.Fatalf("no event with %d open prompts", open)
		}
	}
}

func TestAPhoneIsAskedWithoutACode(t *testing.T) {
	a := newAsked(t)
	rings := a.phone.stream("/v1/phone/events")
	ring(t, rings, 0)
	p := a.ask()
	if p.State != "open" || p.Device.Name != "测试手机" {
		t.Fatalf("%+v", p)
	}
	page, _ := a.page.stream("/v1/prompts/"+p.ID+"/events", func(string) string { return "Prompt" })
	next(t, page, "open")
	ring(t, rings, 1)
	_, items := a.inbox()
	if len(items) != 1 || items[0].Prompt != p.ID || items[0].Hints[0].Kind != "first_time" {
		t.Fatalf("%+v", items)
	}
	path := "/v1/phone/prompts/" + p.ID
	a.phone.call("GET", path, nil).ok(200)
	next(t, page, "open") // the phone has seen it
	if a.get(p).SeenAt == "" {
		t.Error("the page is not told that the phone has it")
	}
	for range 2 { // a lost reply
		var done phonePrompt
		a.phone.call("POST", path+"/confirm", a.jws(items[0])).ok(200, &done)
		if done.State != "confirmed" {
			t.Fatalf("%+v", done)
		}
	}
	ring(t, rings, 0)
	next(t, eventsBut(page, "accepted"), "confirmed")
	if end := a.get(p); end.Result == nil || end.Result.Binding.Certificate.Fingerprint != a.phone.holder.Cert.Fingerprint() {
		t.Fatalf("%+v", end)
	}
	var list struct{ Items []phonePrompt }
	a.phone.call("GET", "/v1/phone/prompts?limit=5", nil).ok(200, &list)
	if len(list.Items) != 1 || list.Items[0].State != "confirmed" {
		t.Fatalf("%+v", list)
	}
	a.phone.call("GET", "/v1/phone/prompts?cursor=x", nil).refused(400, "cursor_invalid")
	a.page.with("Last-Event-ID", itoa(a.get(p).Seq)).get("/v1/prompts/" + p.ID + "/events").ok(204)
	a.page.post("/v1/prompts", map[string]string{"purpose": "bind", "certificate": a.id}).refused(409, "account_slot_taken")
}

func TestPromptsBelongToTheirPhoneAndAccount(t *testing.T) {
	a := newAsked(t)
	p := a.ask()
	stranger := a.w.phone("zhangwei")
	for method, tail := range map[string]string{"GET": "", "PUT": "/key", "POST": "/not-me"} {
		body := any(map[string]string{})
		switch tail {
		case "":
			body = nil
		case "/key":
			body = map[string]string{"csr": "AAAA"}
		}
		stranger.call(method, "/v1/phone/prompts/"+p.ID+tail, body).refused(404, "prompt_unknown")
	}
	stranger.call("POST", "/v1/phone/prompts/"+p.ID+"/confirm", map[string]string{"jws": "x"}).refused(404, "prompt_unknown")
	a.w.browser("zhangwei").get("/v1/prompts/"+p.ID).refused(404, "prompt_unknown")
	a.w.browser("zhangwei").get("/v1/prompts/"+p.ID+"/events").refused(404, "prompt_unknown")
	a.w.browser("zhangwei").post("/v1/prompts", map[string]string{"purpose": "bind", "certificate": a.id}).refused(404, "certificate_unknown")
	a.page.get("/v1/prompts/%2e").refused(404, "prompt_unknown")
	a.w.program().get("/v1/prompts/" + p.ID).ok(200)
	a.page.post("/v1/prompts", map[string]string{"purpose": "enroll", "certificate": a.id}).refused(400, "purpose_unknown")
	a.phone.call("PUT", "/v1/phone/prompts/"+p.ID+"/key", map[string]string{"csr": "AAAA"}).refused(409, "key_not_asked")
}

func TestTwentyAsksShowOne(t *testing.T) {
	a := newAsked(t)
	first := a.ask()
	for range 19 {
		if again := a.ask(); again.ID != first.ID {
			t.Fatalf("another prompt: %+v", again)
		}
	}
	if _, items := a.inbox(); len(items) != 1 {
		t.Fatalf("the phone shows %d", len(items))
	}
}

func TestAPromptRefused(t *testing.T) {
	a := newAsked(t)
	p := a.ask()
	path := "/v1/phone/prompts/" + p.ID
	a.phone.call("POST", path+"/reject", map[string]string{"reason": "because"}).refused(400, "reason_invalid")
	a.phone.call("POST", path+"/reject", map[string]string{"reason": "other", "text": "\u202eabc"}).refused(400, "request_invalid")
	seq := a.get(p).Seq
	done := make(chan *answer)
	go func() {
		out, _ := a.page.try("GET", "/v1/prompts/"+p.ID+"?wait=20&since="+itoa(seq), nil)
		done <- out
	}()
	a.phone.call("POST", path+"/reject", map[string]string{"reason": "other", "text": "不是现在"}).ok(200)
	var end prompt
	(<-done).ok(200, &end)
	if end.State != "rejected" || end.Reason.Text != "不是现在" {
		t.Fatalf("%+v", end)
	}
	a.phone.call("POST", path+"/confirm", map[string]string{"jws": "x"}).refused(409, "prompt_over")
	if again := a.ask(); again.State != "waiting" || again.OpensAt == "" {
		t.Fatalf("asked again at once: %+v", again)
	}
	if _, items := a.inbox(); len(items) != 0 {
		t.Fatalf("%+v", items)
	}
	a.w.clock.Advance(11 * time.Minute)
	check(t, a.w.prompts.Sweep(ctx))
	next := a.ask()
	a.phone.call("POST", "/v1/phone/prompts/"+next.ID+"/not-me", "{}").ok(200)
	if end := a.get(next); end.Reason == nil || end.Reason.Code != "not_me" {
		t.Fatalf("%+v", end)
	}
}

func TestAPromptTooLateAndWithdrawn(t *testing.T) {
	a := newAsked(t)
	p := a.ask()
	_, items := a.inbox()
	jws := a.jws(items[0])
	a.w.clock.Advance(10*time.Minute + time.Second)
	a.phone.call("POST", "/v1/phone/prompts/"+p.ID+"/confirm", jws).refused(410, "prompt_expired")
	if a.get(p).State != "expired" {
		t.Error("not expired")
	}
	check(t, a.w.prompts.Sweep(ctx))
	p = a.ask()
	a.page.post("/v1/prompts/"+p.ID+"/cancel", "{}").ok(200)
	if _, items := a.inbox(); len(items) != 0 {
		t.Fatalf("%+v", items)
	}
	a.phone.call("POST", "/v1/phone/prompts/"+p.ID+"/not-me", "{}").refused(409, "prompt_over")
}

func TestAPhoneThatLostItsCertificateCannotConfirm(t *testing.T) {
	a := newAsked(t)
	p := a.ask()
	_, items := a.inbox()
	path := "/v1/phone/prompts/" + p.ID + "/confirm"
	// Another certificate of the same person, of another authority.
	own := a.phone.holder
	a.phone.holder = a.w.holder(ec(), trust.ES256, "admin")
	a.phone.call("POST", path, a.jws(items[0])).refused(422, "certificate_untrusted")
	a.phone.holder = own
	a.page.post("/v1/certificates/"+a.id+"/revoke", map[string]string{"reason": "key_compromise"}).ok(200)
	a.phone.call("POST", path, a.jws(items[0])).refused(422, "certificate_revoked_here")
	rings := a.phone.stream("/v1/phone/events")
	ring(t, rings, 1)
	_, err := a.w.accounts.RevokeDevice(ctx, a.phone.id, "test", nil, nil)
	check(t, err)
	a.phone.call("POST", path, a.jws(items[0])).refused(403, "device_revoked")
	for range rings { // and its stream ends
	}
	a.page.post("/v1/prompts", map[string]string{"purpose": "bind", "certificate": a.id}).refused(403, "device_revoked")
}

// A page knows which certificates it can have a phone asked about: the account's own,
// while they are good.
func TestWhichPhoneCanBeAsked(t *testing.T) {
	a := newAsked(t)
	can := func(page *client, scope string) bool {
		t.Helper()
		var list struct {
			Items []struct {
				ID   string
				Acts []string
			}
		}
		page.get("/v1/certificates?scope="+scope).ok(200, &list)
		for _, x := range list.Items {
			if x.ID == a.id {
				return slices.Contains(x.Acts, "ask_phone")
			}
		}
		t.Fatalf("%s is not in the list", a.id)
		return false
	}
	if !can(a.page, "mine") {
		t.Error("one's own phone cannot be asked")
	}
	if can(a.w.browser("reviewer"), "all&organisation="+a.w.person("admin").OrganisationID) {
		t.Error("a reviewer can ask others' phones")
	}
	a.page.post("/v1/certificates/"+a.id+"/revoke", map[string]string{"reason": "key_compromise"}).ok(200)
	if can(a.page, "mine") {
		t.Error("a phone can be asked to bind what was revoked")
	}
}

func TestWhatNeedsDigitsIsNotSent(t *testing.T) {
	a := newAsked(t)
	r := confirm.Request{Purpose: "bind", Params: map[string]string{"provider": "xibu"}}
	who := a.w.person("admin")
	r.Actor = confirm.Party{ID: who.ID, Name: who.Name, OrganisationID: who.OrganisationID, Organisation: who.Organisation}
	r.Subject = r.Actor
	_, err := a.w.prompts.Open(ctx, push.PromptRequest{ID: "x", Request: r, Device: a.phone.id})
	if !errors.Is(err, push.ErrPromptByScan) {
		t.Fatal(err)
	}
}

// The phone without a screen does the same by itself.
func TestThePhoneInGoAnswersPrompts(t *testing.T) {
	a := newAsked(t)
	p, err := phone.New(a.w.origin, phone.At(a.w.clock.Now))
	check(t, err)
	check(t, p.Register(ctx, "手机"))
	who := a.w.person("admin")
	me := confirm.Party{ID: who.ID, Name: who.Name, OrganisationID: who.OrganisationID, Organisation: who.Organisation}
	open := func(id string) *phone.Session {
		t.Helper()
		_, err := a.w.prompts.Open(ctx, push.PromptRequest{ID: id, Device: p.ID(), Request: confirm.Request{
			Purpose: "bind", Params: map[string]string{"provider": "huixin"}, Actor: me, Subject: me}})
		check(t, err)
		list, err := p.Inbox(ctx)
		check(t, err)
		if len(list) != 1 || list[0].ID != id || list[0].Statement.Get("actor.id") != who.ID {
			t.Fatalf("%+v", list)
		}
		return list[0]
	}
	check(t, p.NotMe(ctx, open("first")))
	a.w.clock.Advance(25 * time.Hour)
	s := open("second")
	key, err := p.AddCertificate(a.phone.holder.Key, a.phone.holder.Cert.Raw, nil, "huixin")
	check(t, err)
	check(t, p.Keep(s))
	s, err = p.Resume(ctx, s.ID) // another run of the program
	check(t, err)
	check(t, p.Confirm(ctx, s, key))
	if s.State != phone.Confirmed || s.Result.AccountName != "王敏" {
		t.Fatalf("%+v", s)
	}
}

func TestTheInboxWaits(t *testing.T) {
	a := newAsked(t)
	seq, _ := a.inbox()
	got := make(chan *answer)
	go func() {
		out, _ := a.phone.tryCall("GET", "/v1/phone/inbox?wait=20&since="+itoa(seq), nil)
		got <- out
	}()
	a.ask()
	var v struct{ Items []phonePrompt }
	(<-got).ok(200, &v)
	if len(v.Items) != 1 {
		t.Fatalf("%+v", v)
	}
}

func itoa(n int64) string { b, _ := json.Marshal(n); return string(b) }
