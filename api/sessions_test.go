package api_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/trust"
	"certlink/trust/trusttest"
)

func TestTypedCode(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	typed := func(code string) *answer {
		return phone.call("POST", "/v1/phone/scans", map[string]string{"typed_code": code})
	}
	s := page.bind("cfca")
	var made struct {
		Code      string
		ExpiresAt time.Time `json:"expires_at"`
	}
	page.post("/v1/qr-sessions/"+s.ID+"/typed-code", "{}").ok(200, &made)
	if left := made.ExpiresAt.Sub(w.clock.Now()); left < 170*time.Second || left > 181*time.Second {
		t.Errorf("a typed code lives %s", left)
	}
	if now := page.session(s); !now.TypedCodeActive || !now.Match.Required {
		t.Errorf("%+v", now)
	}
	typed("12345").refused(400, "typed_code_malformed")
	typed("ABCDE-FGHU!").refused(400, "typed_code_malformed")
	typed("00000-00000").refused(403, "typed_code_wrong")
	// As people type: lower case, with the letters that look like digits.
	sloppy := strings.NewReplacer("0", "o", "1", "l", "-", " ").Replace(strings.ToLower(made.Code))
	p := new(phoneSession)
	typed(sloppy).ok(200, p)
	phone.confirm(p, phone.jws(p)).refused(409, "match_pending")
	page.post("/v1/qr-sessions/"+s.ID+"/typed-code", "{}").refused(409, "session_taken")
	page.post("/v1/qr-sessions/"+s.ID+"/match", map[string]string{"digits": p.Match.Digits}).ok(200)
	phone.confirm(p, phone.jws(p)).ok(200)
	typed(made.Code).refused(403, "typed_code_wrong")
	// Five misses lock that session's typed code.
	s = page.begin(map[string]string{"purpose": "bind", "provider": "cfca", "account": w.person("lina").ID})
	page.post("/v1/qr-sessions/"+s.ID+"/typed-code", "{}").ok(200, &made)
	wrong := made.Code[:6] + "00000"
	if wrong == made.Code {
		wrong = made.Code[:6] + "11111"
	}
	for range 4 {
		typed(wrong).refused(403, "typed_code_wrong")
	}
	typed(wrong).refused(403, "typed_code_locked")
	typed(made.Code).refused(403, "typed_code_locked")
	page.post("/v1/qr-sessions/"+s.ID+"/typed-code", "{}").refused(403, "typed_code_locked")
}

func TestSameDeviceLink(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	s := page.bind("cfca")
	var made struct{ Link string }
	page.post("/v1/qr-sessions/"+s.ID+"/same-device-link", "{}").ok(200, &made)
	first := made.Link
	page.post("/v1/qr-sessions/"+s.ID+"/same-device-link", "{}").ok(200, &made)
	phone.call("POST", "/v1/phone/scans", map[string]string{"code": first}).refused(410, "code_stale") // replaced
	phone.scan(made.Link)
	w.phone("admin").call("POST", "/v1/phone/scans", map[string]string{"code": made.Link}).refused(410, "code_stale") // good once
	page.post("/v1/qr-sessions/"+s.ID+"/same-device-link", "{}").refused(409, "session_taken")
	s = page.bind("cfca")
	page.post("/v1/qr-sessions/"+s.ID+"/same-device-link", "{}").ok(200, &made)
	w.clock.Advance(61 * time.Second)
	phone.call("POST", "/v1/phone/scans", map[string]string{"code": made.Link}).refused(410, "session_expired")
}

func TestEndings(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	claim := func() (*qrSession, *phoneSession) { s := page.bind("cfca"); return s, phone.scan(s.Code) }
	over := func(s *qrSession, p *phoneSession, status int, code string) {
		t.Helper()
		phone.confirm(p, phone.jws(p)).refused(status, code)
		phone.about(p, "POST", "/reject", map[string]string{"reason": "other"}).ok(map[bool]int{true: 200, false: status}[page.session(s).State == "rejected"])
		page.post("/v1/qr-sessions/"+s.ID+"/typed-code", "{}").refused(status, code)
		page.post("/v1/qr-sessions/"+s.ID+"/same-device-link", "{}").refused(status, code)
		page.post("/v1/qr-sessions/"+s.ID+"/match", `{"digits":"00"}`).refused(status, code)
		page.post("/v1/qr-sessions/"+s.ID+"/cancel", "{}").ok(200)
		for _, kind := range []string{"png", "svg"} {
			a := page.get("/v1/qr-sessions/" + s.ID + "/still." + kind)
			if status == 410 {
				a.refused(410, "session_expired")
			} else {
				a.refused(410, "code_not_shown")
			}
		}
	}
	t.Run("rejected", func(t *testing.T) {
		s, p := claim()
		phone.about(p, "POST", "/reject", map[string]string{"reason": "because"}).refused(400, "reason_invalid")
		phone.about(p, "POST", "/reject", map[string]string{"reason": "other", "text": "\u202eabc"}).refused(400, "request_invalid")
		phone.about(p, "POST", "/reject", map[string]string{"reason": "wrong_account", "text": "不是我的账号"}).ok(200)
		end := page.session(s)
		if end.State != "rejected" || end.Reason.Code != "wrong_account" || end.Reason.Text != "不是我的账号" {
			t.Errorf("%+v", end)
		}
		over(s, p, 409, "session_over")
	})
	t.Run("cancelled", func(t *testing.T) {
		s, p := claim()
		page.post("/v1/qr-sessions/"+s.ID+"/cancel", "{}").ok(200)
		over(s, p, 409, "session_over")
		phone.call("POST", "/v1/phone/scans", map[string]string{"code": s.Code}).ok(200) // its own, to see how it ended
	})
	t.Run("expired before the scan", func(t *testing.T) {
		s := page.bind("cfca")
		w.clock.Advance(58 * time.Second)
		code := page.session(s).Code
		w.clock.Advance(3 * time.Second)
		phone.call("POST", "/v1/phone/scans", map[string]string{"code": code}).refused(410, "session_expired")
		if end := page.session(s); end.State != "expired" || end.Code != "" {
			t.Errorf("%+v", end)
		}
	})
	t.Run("expired after it", func(t *testing.T) {
		s, p := claim()
		w.clock.Advance(181 * time.Second)
		over(s, p, 410, "session_expired")
	})
	t.Run("no digits are asked for", func(t *testing.T) {
		s, p := claim()
		page.post("/v1/qr-sessions/"+s.ID+"/match", `{"digits":"00"}`).refused(409, "match_not_asked")
		phone.about(p, "POST", "/reject", map[string]string{"reason": "not_now"}).ok(200)
	})
	t.Run("the statement's last second", func(t *testing.T) {
		// The statement names whole seconds; a session that began between two of them
		// lives a moment longer.
		w.clock.Stop(trusttest.Now.Add(10*time.Minute + 900*time.Millisecond))
		defer w.clock.stopped.Store(nil)
		_, p := claim()
		w.clock.Stop(trusttest.Now.Add(10*time.Minute + 180*time.Second + 500*time.Millisecond))
		phone.confirm(p, phone.jws(p)).refused(410, "statement_expired")
	})
}

func TestNotMe(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	w.enrolled(page, phone, "demo-p256", trust.ES256) // only those who hold a certificate count
	bystander := w.phone("zhangwei")
	deny := func(h *handset) {
		t.Helper()
		s := page.bind("cfca")
		p := h.scan(s.Code)
		h.about(p, "POST", "/not-me", "{}").ok(200)
		if end := page.session(s); end.State != "rejected" || end.Reason.Code != "not_me" {
			t.Errorf("%+v", end)
		}
	}
	for range 4 {
		deny(bystander)
	}
	for range 3 {
		deny(phone)
	}
	w.settle()
	a := page.post("/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "cfca"}).refused(403, "pair_blocked")
	if a.member("until") == nil || a.Header.Get("Retry-After") == "" {
		t.Errorf("%s", a.Body)
	}
	// Neither the account's other browsers nor the office suffer; and it passes.
	w.browser("admin").bind("cfca")
	w.browser("zhangwei").bind("cfca")
	w.clock.Advance(16 * time.Minute)
	page.bind("cfca")
}

func TestHistoryAndHints(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	w.bound(page, phone)
	b := page.get("/v1/bindings")
	var list struct{ Items []binding }
	b.ok(200, &list)
	page.post("/v1/bindings/"+list.Items[0].ID+"/unbind", "{}").ok(200)
	firefox := page.with("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
	p := phone.scan(firefox.bind("cfca").Code)
	if len(p.Hints) != 1 || p.Hints[0].Kind != "changed" || p.Hints[0].Field != "requester.browser" || p.Hints[0].Was != "Edge 142 · Windows" {
		t.Errorf("%+v", p.Hints)
	}
	if !strings.Contains(string(p.statement(t)), `"browser":"Firefox 128 · Linux"`) {
		t.Errorf("%s", p.statement(t))
	}
	var sessions struct {
		Items []struct{ Session, State, Claim string }
		Next  string
	}
	a := phone.call("GET", "/v1/phone/sessions?state=open", nil).ok(200, &sessions)
	if len(sessions.Items) != 1 || sessions.Items[0].Session != p.Session || strings.Contains(string(a.Body), "claim") {
		t.Errorf("%s", a.Body)
	}
	phone.call("GET", "/v1/phone/sessions?limit=1", nil).ok(200, &sessions)
	if len(sessions.Items) != 1 || sessions.Next == "" {
		t.Errorf("%+v", sessions)
	}
	phone.call("GET", "/v1/phone/sessions?limit=1&cursor="+sessions.Next, nil).ok(200, &sessions)
	if len(sessions.Items) != 1 || sessions.Items[0].State != "confirmed" {
		t.Errorf("%+v", sessions)
	}
	phone.call("GET", "/v1/phone/sessions?cursor=%7F", nil).refused(400, "request_invalid")
	phone.call("GET", "/v1/phone/sessions?cursor=none", nil).refused(400, "cursor_invalid")
	w.enrolled(page, phone, "demo-sm2", trust.SM2SM3)
	var certs struct {
		Items []struct {
			ID, State string
			Binding   *struct{ ID string }
		}
	}
	phone.call("GET", "/v1/phone/certificates", nil).ok(200, &certs)
	if len(certs.Items) != 1 || certs.Items[0].State != "active" || certs.Items[0].Binding != nil {
		t.Errorf("%+v", certs)
	}
}

func TestFiftyPhonesScanOneCode(t *testing.T) {
	w := newWorld(t)
	var phones [50]*handset
	for i := range phones {
		phones[i] = w.handset().register("one of fifty")
	}
	s := w.browser("admin").bind("cfca") // now, since its code lives for seconds
	answers := at50(t, func(i int) func() *answer {
		h := phones[i]
		return func() *answer {
			a, err := h.tryCall("POST", "/v1/phone/scans", map[string]string{"code": s.Code})
			check(t, err)
			return a
		}
	})
	won := 0
	for _, a := range answers {
		if a.Status == 200 {
			won++
		} else {
			a.refused(409, "session_taken")
		}
	}
	if won != 1 {
		t.Errorf("%d phones have claimed one code", won)
	}
}

func TestFiftyConfirmations(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	s := page.bind("cfca")
	p := phone.scan(s.Code)
	answers := at50(t, func(int) func() *answer {
		jws := phone.jws(p) // each signature differs
		return func() *answer {
			a, err := phone.tryCall("POST", "/v1/phone/sessions/"+p.Session+"/confirm", map[string]string{"jws": jws}, "Certlink-Claim", p.Claim)
			check(t, err)
			return a
		}
	})
	for _, a := range answers {
		if a.Status != 200 || string(a.Body) != string(answers[0].Body) {
			t.Fatalf("%d %s\nand %s", a.Status, a.Body, answers[0].Body)
		}
	}
	var list struct{ Items []binding }
	page.get("/v1/bindings?state=all").ok(200, &list)
	if len(list.Items) != 1 {
		t.Errorf("%d bindings", len(list.Items))
	}
}

func TestTwoAccountsOneCertificate(t *testing.T) {
	w := newWorld(t)
	shared := ec().Identified(t, trust.ES256, "", w.person("lina").CreditCode)
	logins := []string{"lina", "zhangwei"}
	answers := at50(t, func(i int) func() *answer {
		if i >= len(logins) {
			return nil
		}
		h := w.phone(logins[i])
		h.holder = shared
		p := h.scan(w.browser(logins[i]).bind("cfca").Code)
		jws := h.jws(p)
		return func() *answer { return h.confirm(p, jws) }
	})
	bound := 0
	for _, a := range answers {
		var s phoneSession
		switch {
		case a.Status == 409:
			a.refused(409, "certificate_bound_elsewhere")
		default:
			a.ok(200, &s)
			if s.State == "confirmed" {
				bound++
			} else if s.State != "failed" || s.Failure.Code != "certificate_bound_elsewhere" {
				t.Errorf("%s", a.Body)
			}
		}
	}
	if bound != 1 || len(answers) != 2 {
		t.Errorf("%d bindings of %d", bound, len(answers))
	}
}

// at50 prepares fifty calls, and makes all of them at once.
func at50(t *testing.T, prepare func(i int) func() *answer) []*answer {
	t.Helper()
	var calls []func() *answer
	for i := range 50 {
		if f := prepare(i); f != nil {
			calls = append(calls, f)
		}
	}
	out := make([]*answer, len(calls))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, f := range calls {
		wg.Go(func() {
			<-start
			out[i] = f()
		})
	}
	close(start)
	wg.Wait()
	return out
}
