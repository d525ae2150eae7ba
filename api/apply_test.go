package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/cashier"
	"certlink/internal/audit"
	"certlink/internal/effect"
	"certlink/internal/upload"
	"certlink/mobilecert"
	"certlink/mobilecert/application"
	"certlink/mobilecert/identity"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/trusttest"
)

// faces is a face check service that says what the test wants.
type faces struct {
	mu    sync.Mutex
	state identity.State
	down  bool
}

func (f *faces) say(state identity.State, down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.down = state, down
}

func (f *faces) Name() string { return "test" }

func (f *faces) Begin(_ context.Context, check string, _ identity.Person, _ string) (*identity.Started, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errors.New("down")
	}
	return &identity.Started{Ref: check, URL: "https://face.example/" + check}, nil
}

func (f *faces) Ask(context.Context, string) (*identity.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errors.New("down")
	}
	return &identity.Result{State: f.state}, nil
}

func (f *faces) Notice(header func(string) string, body []byte) (string, error) {
	var told struct{ Check string }
	if header("Signature") != "good" || json.Unmarshal(body, &told) != nil {
		return "", identity.ErrNotice
	}
	return told.Check, nil
}

// openApplications wires 申领 as main does.
func (w *world) openApplications(cfg *mobilecert.Config, certificates *mobilecert.Certificates, s *settings) {
	var err error
	w.faces = &faces{state: identity.Pending}
	faces := identity.Config{Store: cfg.Store, Clock: cfg.Clock, Seal: cfg.Seal, Checker: w.faces}
	if s.noFaces {
		faces.Checker = nil
	}
	checks, c := identity.New(faces), &s.api
	if w.orders == nil {
		w.orders, err = cashier.New(cashier.Config{Store: cfg.Store, Clock: cfg.Clock})
	}
	check(w.t, err)
	c.Uploads = upload.New(cfg.Store, cfg.Clock, cfg.Seal)
	c.Faces = checks
	c.Applications = application.New(application.Config{
		Store: cfg.Store, Clock: cfg.Clock, Seal: cfg.Seal, Catalogue: cfg.Catalogue, People: cfg.People, Uploads: c.Uploads,
		Faces: checks, Orders: w.orders, Certificates: certificates, Log: audit.New(cfg.Store).Carry,
	})
	w.apps = c.Applications
}

// scan is a small picture of a paper.
func scan() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// applied is an application as the API shows it.
type applied struct {
	ID, State, Number, Order, Certificate string
	Edit, Submitted                       int
	Acts                                  []string
	Masked                                bool
	Form                                  map[string]string
	Files                                 []struct{ Slot, Name string }
	Changes, Differs                      []string
	Reasons                               []struct{ Field, Code, Text string }
	HeldBy                                *struct{ By struct{ ID, Name string } } `json:"held_by"`
}

// send hands in a file.
func (c *client) send(path string, content []byte) *answer {
	c.w.t.Helper()
	return c.with("Content-Type", "application/octet-stream").do("PUT", path, content)
}

func (a *applied) at(tail string) string { return "/v1/applications/" + a.ID + tail }
func (a *applied) case_(tail string) string {
	return "/v1/review/applications/" + a.ID + tail
}

var typed = map[string]any{"mobile": "13900000004", "email": "lina@example.com", "recipient": "李娜", "recipient_mobile": "13900000004", "address": "浙江省杭州市西湖区文三路 1 号"}

func with(edit int, more map[string]any) map[string]any {
	out := map[string]any{"edit": edit}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// draft is one that can be handed in.
func (c *client) draft(product string) *applied {
	c.w.t.Helper()
	a := new(applied)
	c.post("/v1/applications", map[string]string{"product": product, "terms_version": "2026-11"}).ok(201, a)
	c.do("PUT", a.at("/form"), with(a.Edit, typed)).ok(200, a)
	for _, slot := range []string{"licence", "authorisation"} {
		c.send(a.at("/files/"+slot+"?name=%E6%89%A7%E7%85%A7.png"), scan()).ok(200, a)
	}
	return a
}

func (c *client) submitted(product string) *applied {
	c.w.t.Helper()
	a := c.draft(product)
	c.post(a.at("/submit"), with(a.Edit, nil)).ok(200, a)
	return a
}

// facePasses has the face check of an application pass.
func (c *client) facePasses(a *applied) {
	c.w.t.Helper()
	c.w.faces.say(identity.Pending, false)
	c.post(a.at("/identity"), map[string]string{"way": "face"}).ok(200)
	c.w.faces.say(identity.Passed, false)
	c.post(a.at("/identity/look"), map[string]string{}).ok(200, a)
}

// waiting is one that waits for review.
func (c *client) waiting(product string) *applied {
	c.w.t.Helper()
	a := c.submitted(product)
	c.facePasses(a)
	c.paysFor(a)
	return a
}

func (c *client) paysFor(a *applied) {
	c.w.t.Helper()
	var o struct {
		Order  string
		Amount int64 `json:"amount_fen"`
	}
	c.post(a.at("/order"), map[string]string{}).ok(200, &o)
	if o.Amount > 0 {
		check(c.w.t, c.w.apps.CarryOrder(ctx, effect.New(cashier.EffectOrder, time.Time{}, map[string]string{"order": o.Order, "event": "paid", "subject": a.ID})))
	}
	c.get(a.at("")).ok(200, a)
}

// effective lets the time to undo pass.
func (w *world) effective() {
	w.t.Helper()
	w.clock.Advance(application.UndoTime)
	check(w.t, errors.Join(w.apps.Sweep(ctx), w.orders.Sweep(ctx), w.bills.Sweep(ctx)))
}

// The whole way over HTTP: applied, checked, confirmed, rejected, handed in anew,
// accepted, collected by scanning.
func TestApplyingForAMobileCertificate(t *testing.T) {
	w := newWorld(t)
	page, boss, stranger, reviewer := w.browser("lina"), w.browser("admin"), w.browser("admin2"), w.browser("reviewer")
	page.post("/v1/applications", map[string]string{"product": "nothing", "terms_version": "2026-11"}).refused(404, "product_not_offered")
	page.post("/v1/applications", map[string]string{"product": "huixin-mobile", "terms_version": "1"}).refused(409, "terms_changed")
	a := page.draft("huixin-mobile")
	if a.Form["holder"] != "李娜" || a.Form["credit_code"] == "" || a.Files[0].Name != "执照.png" {
		t.Errorf("%+v", a)
	}
	// Nobody else changes it; to another organisation it does not exist.
	for _, c := range []*client{boss, stranger, reviewer} {
		c.do("PUT", a.at("/form"), with(a.Edit, typed)).refused(404, "application_unknown")
		c.send(a.at("/files/licence"), scan()).refused(404, "application_unknown")
		c.do("DELETE", a.at("/files/licence"), nil).refused(404, "application_unknown")
		c.get(a.at("/identity")).refused(404, "application_unknown")
		for _, act := range []string{"/reopen", "/withdraw", "/replace", "/order", "/identity/look"} {
			c.post(a.at(act), map[string]string{}).refused(404, "application_unknown")
		}
		c.post(a.at("/submit"), with(a.Edit, nil)).refused(404, "application_unknown")
		c.post(a.at("/terms"), map[string]string{"version": "2026-11"}).refused(404, "application_unknown")
		c.post(a.at("/identity"), map[string]string{"way": "mail"}).refused(404, "application_unknown")
	}
	stranger.get(a.at("")).refused(404, "application_unknown")
	stranger.get(a.at("/files/licence")).refused(404, "application_unknown")
	reviewer.get(a.case_("")).refused(404, "application_unknown") // a draft
	var seen applied
	boss.get(a.at("")).ok(200, &seen)
	if !seen.Masked || strings.Contains(seen.Form["id_number"], "1995") || len(seen.Acts) > 0 {
		t.Errorf("an admin sees %+v", seen)
	}
	boss.get(a.at("/files/licence")).refused(404, "attachment_unknown")
	var list struct{ Items []applied }
	boss.get("/v1/applications?scope=organisation").ok(200, &list)
	if len(list.Items) != 1 {
		t.Errorf("%+v", list)
	}
	stranger.get("/v1/applications?scope=organisation").ok(200, &list)
	if len(list.Items) != 0 {
		t.Errorf("another organisation sees %+v", list)
	}
	page.get("/v1/applications?scope=organisation").refused(403, "not_your_account")
	page.get("/v1/applications?cursor=!").refused(400, "cursor_invalid")

	// Papers come back as attachments and never as pages.
	got := page.get(a.at("/files/licence")).ok(200)
	if !bytes.Equal(got.Body, scan()) || got.Header.Get("Content-Type") != "image/png" ||
		!strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment; ") || !strings.Contains(got.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%v", got.Header)
	}

	page.post(a.at("/submit"), with(a.Edit, nil)).ok(200, a)
	// The face check says no, is down, then says yes by its call-back.
	w.faces.say(identity.Pending, true)
	page.post(a.at("/identity"), map[string]string{"way": "face"}).refused(503, "face_unavailable")
	w.faces.say(identity.Pending, false)
	var face struct {
		URL, State string
		Left       int
	}
	page.post(a.at("/identity"), map[string]string{"way": "face"}).ok(200, &face)
	if face.URL == "" || face.Left != 9 || face.State != "pending" {
		t.Errorf("%+v", face)
	}
	ref := face.URL[strings.LastIndexByte(face.URL, '/')+1:]
	w.faces.say(identity.Passed, false)
	w.client().post("/v1/identity/test/notice", map[string]string{"check": ref}).refused(400, "identity_notice_invalid")
	service := w.client().with("Signature", "good")
	service.post("/v1/identity/test/notice", map[string]string{"check": "nothing"}).refused(404, "check_unknown")
	service.post("/v1/identity/test/notice", map[string]string{"check": ref}).ok(204)
	w.settle()
	page.get(a.at("")).ok(200, a)
	if a.State != "payment" {
		t.Fatalf("%+v", a)
	}
	page.get(a.at("/identity")).ok(200, &face)
	page.paysFor(a)
	if a.State != "review" {
		t.Fatalf("%+v", a)
	}

	reject := map[string]any{"submission": 1, "reasons": []map[string]string{{"field": "files/licence", "code": "unreadable"}, {"field": "email", "code": "other", "text": "请用单位邮箱"}}}
	reviewer.post(a.case_("/reject"), reject).ok(200)
	reviewer.post(a.case_("/accept"), map[string]int{"submission": 1}).refused(409, "application_decided")
	reviewer.post(a.case_("/undo"), map[string]string{}).ok(200)
	reviewer.post(a.case_("/undo"), map[string]string{}).refused(409, "decision_final")
	reviewer.post(a.case_("/reject"), reject).ok(200)
	w.effective()
	page.get(a.at("")).ok(200, a)
	if a.State != "rejected" || len(a.Reasons) != 2 || a.Reasons[1].Text != "请用单位邮箱" {
		t.Fatalf("%+v", a)
	}
	page.do("PUT", a.at("/form"), with(a.Edit, map[string]any{"email": "li@example.cn"})).ok(200, a)
	page.post(a.at("/submit"), with(a.Edit, nil)).ok(200, a)
	reviewer.post(a.case_("/accept"), map[string]int{"submission": 1}).refused(409, "application_resubmitted")
	reviewer.get(a.case_("")).ok(200, &seen)
	if !slices.Equal(seen.Changes, []string{"email"}) || seen.Masked || seen.Form["id_number"] == "" {
		t.Errorf("%+v", seen)
	}
	reviewer.get(a.case_("/files/licence")).ok(200)
	reviewer.get(a.case_("/files/passport")).refused(404, "attachment_unknown")
	reviewer.post(a.case_("/accept"), map[string]int{"submission": 2}).ok(200)
	w.effective()

	phone := w.phone("lina")
	_, cert, id := w.collected(page, phone, a.ID, trust.SM2SM3)
	if cert.Subject() == "" {
		t.Error("no certificate")
	}
	w.settle()
	page.get(a.at("")).ok(200, a)
	if a.State != "issued" || a.Certificate != id {
		t.Errorf("%+v", a)
	}
	page.post(a.at("/replace"), map[string]string{}).refused(409, "application_not_replaceable")
	page.post("/v1/certificates/"+id+"/revoke", map[string]string{"reason": "key_compromise"}).ok(200)
	page.post(a.at("/replace"), map[string]string{}).ok(200, a)
	if a.State != "identity" {
		t.Errorf("%+v", a)
	}
	page.facePasses(a)
	if a.State != "making" {
		t.Errorf("%+v", a)
	}
	_, _, again := w.collected(page, w.phone("lina"), a.ID, trust.SM2SM3)
	if again == id {
		t.Error("the same certificate")
	}
}

// Each reading of personal data by a reviewer stands in the log.
func TestReadingIsLogged(t *testing.T) {
	w := newWorld(t)
	page, reviewer := w.browser("lina"), w.browser("reviewer")
	a := page.waiting("huixin-mobile")
	reviewer.get("/v1/review/applications").ok(200)
	reviewer.get(a.case_("")).ok(200)
	reviewer.get(a.case_("/files/licence")).ok(200)
	reviewer.post(a.case_("/hold"), map[string]string{}).ok(200)
	var log struct {
		Items []struct {
			Act  string
			Data map[string]string
		}
	}
	w.browser("operator").get("/v1/audit?limit=100").ok(200, &log)
	var what []string
	for _, e := range log.Items {
		if e.Act == "application.read" && e.Data["id"] == a.ID && e.Data["by"] == w.person("reviewer").ID {
			what = append(what, e.Data["what"])
		}
	}
	if slices.Sort(what); !slices.Equal(what, []string{"files/licence", "form", "form"}) {
		t.Errorf("the log has %v", what)
	}
	for _, who := range []string{"lina", "admin", "operator", "integrator"} {
		w.browser(who).get("/v1/review/applications").refused(403, "role_missing")
		w.browser(who).get(a.case_("")).refused(403, "role_missing")
	}
}

// Every transition that is not allowed is refused with a code of its own.
func TestTransitionsNotAllowed(t *testing.T) {
	w := newWorld(t)
	page, reviewer := w.browser("lina"), w.browser("reviewer")
	a := page.draft("huixin-ukey")
	empty, sub, reason := map[string]string{}, map[string]int{"submission": 1}, []map[string]string{{"field": "email", "code": "differs"}}
	page.post(a.at("/reopen"), empty).refused(409, "application_not_reopenable")
	page.post(a.at("/identity"), map[string]string{"way": "face"}).refused(409, "application_not_in_identity")
	page.post(a.at("/identity"), map[string]string{"way": "mail"}).refused(409, "application_not_in_identity")
	page.post(a.at("/identity"), map[string]string{"way": "fax"}).refused(400, "request_invalid")
	page.post(a.at("/order"), empty).refused(409, "application_not_in_payment")
	page.do("PUT", a.at("/form"), with(a.Edit, map[string]any{"holder": "a\u200bb"})).refused(422, "application_text_invalid")
	page.do("PUT", a.at("/form"), with(a.Edit, map[string]any{"email": "one@example.com"})).ok(200)
	page.do("PUT", a.at("/form"), with(a.Edit, map[string]any{"email": "two@example.com"})).refused(409, "draft_changed")
	page.post(a.at("/submit"), with(a.Edit, nil)).refused(409, "draft_changed")
	page.do("PUT", a.at("/form"), with(a.Edit+1, map[string]any{"mobile": "1"})).ok(200)
	var p struct{ Errors []struct{ Pointer string } }
	check(t, json.Unmarshal(page.post(a.at("/submit"), with(a.Edit+2, nil)).refused(422, "application_incomplete").Body, &p))
	if len(p.Errors) != 1 || p.Errors[0].Pointer != "/mobile" {
		t.Errorf("%+v", p)
	}
	page.do("PUT", a.at("/form"), with(a.Edit+2, map[string]any{"mobile": "13900000004"})).ok(200, a)
	page.send(a.at("/files/licence"), []byte("<html>")).refused(422, "file_type_not_accepted")
	page.send(a.at("/files/licence"), []byte{}).refused(422, "file_empty")
	page.send(a.at("/files/passport"), scan()).refused(404, "attachment_unknown")
	page.do("PUT", a.at("/files/licence"), scan()).refused(415, "media_type_unsupported")
	w.raw("PUT", a.at("/files/licence"), make([]byte, upload.MaxSize+1)).refused(413, "file_too_large")
	page.do("DELETE", a.at("/files/licence"), nil).ok(200)
	page.do("DELETE", a.at("/files/licence"), nil).refused(404, "attachment_unknown")
	page.get(a.at("/files/licence")).refused(404, "attachment_unknown")
	page.send(a.at("/files/licence"), scan()).ok(200, a)

	page.post(a.at("/submit"), with(a.Edit, nil)).ok(200, a)
	page.post(a.at("/submit"), with(a.Edit, nil)).refused(409, "application_not_submittable")
	page.do("PUT", a.at("/form"), with(a.Edit, map[string]any{"email": "x@y.cn"})).refused(409, "application_not_editable")
	page.send(a.at("/files/licence"), scan()).refused(409, "application_not_editable")
	page.do("DELETE", a.at("/files/licence"), nil).refused(409, "application_not_editable")
	page.post(a.at("/terms"), map[string]string{"version": "2026-11"}).refused(409, "application_not_editable")
	for _, act := range []string{"/accept", "/confirm-identity", "/hold", "/reject"} {
		var body any = sub
		switch act {
		case "/hold":
			body = empty
		case "/reject":
			body = map[string]any{"submission": 1, "reasons": reason}
		}
		reviewer.post(a.case_(act), body).refused(409, "application_not_in_review")
	}
	page.post(a.at("/identity"), map[string]string{"way": "onsite"}).ok(200)
	page.paysFor(a)
	reviewer.post(a.case_("/accept"), sub).refused(409, "identity_unconfirmed")
	reviewer.post(a.case_("/reject"), map[string]any{"submission": 1, "reasons": []map[string]string{}}).refused(422, "reasons_required")
	reviewer.post(a.case_("/confirm-identity"), sub).ok(200)
	ship := map[string]string{"certificate": base64.StdEncoding.EncodeToString(w.tokenOf("lina")), "carrier": "顺丰", "number": "SF1"}
	reviewer.post(a.case_("/ship"), ship).refused(409, "application_not_in_making")
	reviewer.post(a.case_("/accept"), sub).ok(200)
	w.effective()
	page.post(a.at("/withdraw"), empty).refused(409, "application_not_withdrawable")
	reviewer.post(a.case_("/ship"), map[string]string{"certificate": ship["certificate"], "carrier": "顺丰"}).refused(422, "shipment_invalid")
	reviewer.post(a.case_("/ship"), map[string]string{"certificate": "!", "carrier": "pickup"}).refused(400, "certificate_malformed")
	reviewer.post(a.case_("/ship"), map[string]string{"certificate": base64.StdEncoding.EncodeToString(w.tokenOf("admin")), "carrier": "pickup"}).refused(422, "identity_mismatch")
	page.post("/v1/qr-sessions", map[string]string{"purpose": "enroll", "application": a.ID}).refused(409, "application_not_collectable")
	reviewer.post(a.case_("/ship"), ship).ok(200, a)
	if a.State != "issued" {
		t.Errorf("%+v", a)
	}
	page.post("/v1/qr-sessions", map[string]string{"purpose": "enroll", "application": "nothing"}).refused(404, "application_unknown")
	page.post(a.at("/replace"), empty).refused(409, "application_not_replaceable")

	b := page.draft("huixin-mobile")
	page.post(b.at("/withdraw"), empty).ok(200)
	page.do("PUT", b.at("/form"), with(b.Edit, map[string]any{"document": "passport", "id_number": "E1234567"})).refused(409, "application_not_editable")
	for range 10 {
		page.draft("huixin-mobile")
	}
	page.post("/v1/applications", map[string]string{"product": "huixin-mobile", "terms_version": "2026-11"}).refused(409, "applications_too_many")
}

// Two reviewers at once: one decision, and each sees who has it.
func TestTwoReviewers(t *testing.T) {
	w := newWorld(t)
	page, first := w.browser("lina"), w.browser("reviewer")
	a := page.waiting("huixin-mobile")
	other := mobilecert.Actor{ID: "other", Name: "钱审"}
	_, err := w.apps.TakeUp(ctx, other, a.ID, false)
	check(t, err)
	first.post(a.case_("/hold"), map[string]string{}).refused(409, "application_held")
	first.post(a.case_("/accept"), map[string]int{"submission": 1}).refused(409, "application_held")
	var queue struct {
		Items  []applied
		Counts map[string]int
	}
	first.get("/v1/review/applications?q="+a.Number).ok(200, &queue)
	if len(queue.Items) != 1 || queue.Items[0].HeldBy == nil || queue.Items[0].HeldBy.By.Name != "钱审" || queue.Counts["review"] != 1 {
		t.Errorf("%+v", queue)
	}
	first.post(a.case_("/hold"), map[string]bool{"take_over": true}).ok(200)
	first.do("DELETE", a.case_("/hold"), nil).ok(204)
	codes := make(chan string, 10)
	for range 10 {
		go func() {
			answer, err := w.browser("reviewer").try("POST", a.case_("/accept"), map[string]int{"submission": 1})
			if err != nil {
				codes <- err.Error()
				return
			}
			codes <- fmt.Sprint(answer.Status)
		}()
	}
	got := map[string]int{}
	for range 10 {
		got[<-codes]++
	}
	if got["200"] != 1 || got["409"] != 9 {
		t.Errorf("%v", got)
	}
}

// Ten face checks are left to nobody, and a passport has none.
func TestFaceChecksOverHTTP(t *testing.T) {
	w := newWorld(t)
	page := w.browser("lina")
	a := page.submitted("huixin-mobile")
	for range identity.PerDay {
		w.faces.say(identity.Pending, false)
		page.post(a.at("/identity"), map[string]string{"way": "face"}).ok(200)
		w.faces.say(identity.Mismatched, false)
		page.post(a.at("/identity/look"), map[string]string{}).ok(200)
	}
	page.post(a.at("/identity"), map[string]string{"way": "face"}).refused(429, "face_checks_exhausted")
	page.post(a.at("/reopen"), map[string]string{}).ok(200, a)
	page.do("PUT", a.at("/form"), with(a.Edit, map[string]any{"document": "passport", "id_number": "E1234567"})).ok(200, a)
	page.post(a.at("/submit"), with(a.Edit, nil)).ok(200, a)
	page.post(a.at("/identity"), map[string]string{"way": "face"}).refused(422, "face_needs_id_card")

	none := newWorld(t, func(s *settings) { s.noFaces = true })
	page = none.browser("lina")
	a = page.submitted("huixin-mobile")
	page.post(a.at("/identity"), map[string]string{"way": "face"}).refused(422, "face_not_offered")
}

// tokenOf is the certificate of a U-Key that the provider made for a demo person.
func (w *world) tokenOf(login string) []byte {
	w.t.Helper()
	p := w.person(login)
	csr, err := trust.ParseCSR(trusttest.CSR(w.t, trusttest.Key(w.t, trust.SM2SM3)))
	check(w.t, err)
	from := w.clock.Now().Truncate(time.Second)
	cert, err := w.made.ca.Issue(ctx, authority.Request{CSR: csr, Subject: authority.Subject{CommonName: p.Name, Organisation: p.Organisation},
		Person: p.IDNumber, Organisation: p.CreditCode, NotBefore: from, NotAfter: from.AddDate(1, 0, 0), Profile: authority.Sign, Serial: authority.NewSerial()})
	check(w.t, err)
	return cert.Raw
}
