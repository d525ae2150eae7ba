package api_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"certlink/account"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	try := func(login, password string) *answer {
		return c.post("/v1/session", map[string]string{"login": login, "password": password})
	}
	a := try("lina", "wrong-password").refused(401, "credentials_wrong")
	b := try("nobody", "wrong-password").refused(401, "credentials_wrong")
	if a.member("title") != b.member("title") {
		t.Error("a login that exists is answered otherwise than one that does not")
	}
	a = try("lina", account.DemoPassword).ok(200)
	set := strings.Join(a.Header.Values("Set-Cookie"), "\n")
	if !strings.Contains(set, "certlink_session=") || !strings.Contains(set, "certlink_browser=") || strings.Count(set, "HttpOnly") != 2 || strings.Count(set, "SameSite=Lax") != 2 {
		t.Errorf("%s", set)
	}
	if a.member("account").(map[string]any)["name"] != "李娜" {
		t.Errorf("%s", a.Body)
	}
	// Signing in again: both ids are new, and the old session is dead.
	c.header.Set("Origin", w.origin)
	old := w.client()
	for k, v := range c.cookies {
		old.cookies[k] = v
	}
	try("lina", account.DemoPassword).ok(200)
	if c.cookies["certlink_session"] == old.cookies["certlink_session"] || c.cookies["certlink_browser"] == old.cookies["certlink_browser"] {
		t.Error("an id is the same after sign-in")
	}
	old.get("/v1/session").refused(401, "sign_in_required")
	c.get("/v1/session").ok(200)
	c.do("DELETE", "/v1/session", nil).ok(204)
	if len(c.cookies) != 0 {
		t.Errorf("%v", c.cookies)
	}
	c.do("DELETE", "/v1/session", nil).ok(204)
	c.get("/v1/session").refused(401, "sign_in_required")
	w.client().with("Authorization", "Basic dXNlcjpwYXNz").get("/v1/session").refused(401, "token_invalid")
	w.client().with("Authorization", "Bearer clt_"+strings.Repeat("A", 43)).get("/v1/session").refused(401, "token_invalid")
	w.program().get("/v1/session").ok(200)
	w.clock.Advance(31 * time.Minute)
	w.browser("zhangwei").get("/v1/session").refused(401, "sign_in_required") // idle for too long
}

func TestLockOut(t *testing.T) {
	w := newWorld(t)
	try := func() *answer {
		return w.client().post("/v1/session", map[string]string{"login": "lina", "password": "wrong-password"})
	}
	for range 5 {
		try().refused(401, "credentials_wrong")
	}
	a := w.client().post("/v1/session", map[string]string{"login": "lina", "password": account.DemoPassword}).refused(429, "sign_in_locked")
	if a.Header.Get("Retry-After") == "" {
		t.Errorf("%v", a.Header)
	}
}

func TestSignInBusy(t *testing.T) {
	w := newWorld(t, func(s *settings) { s.account.PasswordParallel, s.account.PasswordQueue = 1, 1 })
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	for range 20 {
		wg.Go(func() {
			a, err := w.client().try("POST", "/v1/session", map[string]string{"login": "nobody", "password": "wrong-password"})
			check(t, err)
			mu.Lock()
			codes[a.code()]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if codes["sign_in_busy"] == 0 {
		t.Errorf("%v", codes)
	}
}

func TestPassword(t *testing.T) {
	w := newWorld(t)
	other, page := w.browser("lina"), w.signedInAnew("lina")
	change := func(old, fresh string) *answer {
		return page.post("/v1/account/password", map[string]string{"old": old, "new": fresh})
	}
	change(account.DemoPassword, "lina").refused(422, "password_weak")
	change("wrong-password", "ein ganz neues Wort 42").refused(422, "password_old_wrong")
	change(account.DemoPassword, "ein ganz neues Wort 42").ok(204)
	page.get("/v1/session").ok(200)
	other.get("/v1/session").refused(401, "sign_in_required")
	w.program().post("/v1/account/password", map[string]string{"old": "a", "new": "b"}).refused(403, "role_missing")
}

func TestTOTP(t *testing.T) {
	w := newWorld(t)
	page := w.browser("lina")
	code := func(secret string) string {
		c, err := totp.GenerateCode(secret, w.clock.Now())
		check(t, err)
		return c
	}
	page.post("/v1/account/totp/confirm", map[string]string{"code": "000000"}).refused(409, "totp_state_wrong")
	secret := page.post("/v1/account/totp", "{}").ok(200).member("secret").(string)
	page.post("/v1/account/totp/confirm", map[string]string{"code": "000000"}).refused(422, "totp_wrong")
	page.post("/v1/account/totp/confirm", map[string]string{"code": code(secret)}).ok(204)
	page.post("/v1/account/totp", "{}").refused(409, "totp_state_wrong")
	in := map[string]string{"login": "lina", "password": account.DemoPassword}
	w.client().post("/v1/session", in).refused(401, "totp_required")
	w.clock.Advance(time.Minute)
	in["totp"] = code(secret)
	fresh := w.client().with("Origin", w.origin)
	fresh.post("/v1/session", in).ok(200)
	w.client().post("/v1/session", in).refused(422, "totp_wrong") // used before
	w.clock.Advance(time.Minute)
	fresh.do("DELETE", "/v1/account/totp", map[string]string{"code": code(secret)}).ok(204)
	fresh.get("/v1/session").ok(200)
}

func TestStandingOfAccounts(t *testing.T) {
	w := newWorld(t)
	admin, lina := w.browser("admin"), w.person("lina").ID
	page, phone := w.browser("lina"), w.phone("lina")
	p := phone.scan(page.bind("cfca").Code)
	admin.post("/v1/accounts/"+lina+"/lock", map[string]string{"reason": "离职"}).ok(200)
	phone.confirm(p, phone.jws(p)).refused(403, "account_locked") // after the scan
	page.get("/v1/session").refused(403, "account_locked")
	w.program().post("/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "cfca", "actor": lina}).refused(403, "account_locked")
	admin.post("/v1/accounts/"+lina+"/unlock", "{}").ok(200)
	page.get("/v1/session").refused(401, "sign_in_required") // locked once, all sessions ended
	if _, err := w.accounts.CloseAccount(ctx, account.System("test"), lina, "left"); err != nil {
		t.Fatal(err)
	}
	phone.confirm(p, phone.jws(p)).refused(403, "account_closed")
	admin.post("/v1/accounts/"+lina+"/unlock", "{}").refused(409, "account_state_wrong")
	w.client().post("/v1/session", map[string]string{"login": "lina", "password": account.DemoPassword}).refused(403, "account_closed")
	admin.post("/v1/accounts/"+w.person("zhoutao").ID+"/lock", "{}").refused(404, "account_unknown")
	w.browser("zhangwei").post("/v1/accounts/"+lina+"/lock", "{}").refused(403, "role_missing")
}

func TestDemoAccountsOutsideDemoMode(t *testing.T) {
	w := newWorld(t, func(s *settings) { s.api.Demo = false })
	w.client().post("/v1/session", map[string]string{"login": "admin", "password": account.DemoPassword}).refused(403, "demo_account_refused")
	w.browser("admin").get("/v1/session").refused(403, "demo_account_refused")
	if a := w.client().get("/v1/config").ok(200); a.member("demo_logins") != nil || a.member("products") != nil || a.member("demo") != false {
		t.Errorf("%s", a.Body)
	}
}

// How somebody wants to be written to, of a person at a browser only.
func TestLetters(t *testing.T) {
	w := newWorld(t)
	page := w.browser("lina")
	type letters struct {
		On                bool
		Language, Address string
	}
	var s struct{ Letters letters }
	page.get("/v1/session").ok(200, &s)
	if !s.Letters.On || s.Letters.Language != "" || s.Letters.Address != "l***@example.com" {
		t.Fatalf("%+v", s.Letters)
	}
	var l letters
	for range 2 {
		page.do("PUT", "/v1/account/letters", map[string]any{"on": false, "language": "en"}).ok(200, &l)
	}
	page.get("/v1/session").ok(200, &s)
	if l.On || l.Language != "en" || s.Letters != l {
		t.Fatalf("%+v, then %+v", l, s.Letters)
	}
	page.do("PUT", "/v1/account/letters", map[string]any{"on": true, "language": "fr"}).refused(400, "account_input_invalid")
	page.do("PUT", "/v1/account/letters", map[string]any{"language": ""}).refused(400, "request_invalid")
	w.program().do("PUT", "/v1/account/letters", map[string]any{"on": true, "language": ""}).refused(403, "role_missing")
}
