package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"github.com/gowebpki/jcs"

	"certlink/internal/fault"
	"certlink/mobilecert"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// The checklist "What must fail" of the protocol, as far as it concerns binding and
// enrolling, each line over HTTP and with its own code.

func TestPhotographedCode(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	s := page.bind("cfca")
	scan := func(code string) *answer {
		return phone.call("POST", "/v1/phone/scans", map[string]string{"code": code})
	}
	w.clock.Advance(7 * time.Second)
	scan(s.Code).refused(410, "code_stale")
	fresh := page.session(s).Code
	// A code of a clock that is ahead, which only the server itself can make.
	w.clock.Advance(6 * time.Second)
	ahead := page.session(s).Code
	w.clock.Advance(-6 * time.Second)
	scan(ahead).refused(403, "code_from_future")
	// Invented, and changed in each part.
	other := page.bind("cfca")
	swapped := strings.Replace(fresh, s.ID, other.ID, 1)
	for _, bad := range []string{swapped, fresh[:len(fresh)-1] + flip(fresh[len(fresh)-1]), strings.Replace(fresh, "/q/b", "/q/e", 1),
		w.origin + "/q/b" + strings.Repeat("A", 22) + ".1." + strings.Repeat("A", 22)} {
		scan(bad).refused(403, "code_invalid")
	}
	scan("https://elsewhere.example/q/b"+strings.Repeat("A", 22)+".1."+strings.Repeat("A", 22)).refused(400, "code_elsewhere")
	for _, garbage := range []string{"x", "https://", fresh + "0", strings.Repeat("9", 5000), w.origin + "/q/", "https://example.com/pay?amount=1"} {
		scan(garbage).refused(400, "code_malformed")
	}
	// The real one still works: nothing above has claimed anything.
	phone.scan(page.session(s).Code)
}

func flip(c byte) string {
	if c == 'A' {
		return "Q"
	}
	return "A"
}

func TestSecondScan(t *testing.T) {
	w := newWorld(t)
	page, phone, other := w.browser("admin"), w.phone("admin"), w.phone("admin")
	s := page.bind("cfca")
	p := phone.scan(s.Code)
	other.call("POST", "/v1/phone/scans", map[string]string{"code": s.Code}).refused(409, "session_taken")
	// The same phone, whose reply was lost, gets the same answer, also later.
	w.clock.Advance(8 * time.Second)
	if again := phone.scan(s.Code); again.Claim != p.Claim || again.Statement != p.Statement {
		t.Errorf("%+v, then %+v", p, again)
	}
	// Only the phone that claimed it may act, and only with the claim.
	other.about(p, "POST", "/confirm", map[string]string{"jws": "x"}).refused(403, "claim_invalid")
	phone.call("GET", "/v1/phone/sessions/"+p.Session, nil).refused(403, "claim_invalid")
	phone.call("GET", "/v1/phone/sessions/"+strings.Repeat("A", 22), nil, "Certlink-Claim", p.Claim).refused(403, "claim_invalid")
}

func TestReplayedConfirmation(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	p := phone.scan(page.bind("cfca").Code)
	first := phone.jws(p)
	var proof string
	phone.proofs = func(fresh string) []string {
		if proof == "" {
			proof = fresh
		}
		return []string{proof}
	}
	phone.confirm(p, first).ok(200)
	phone.confirm(p, first).refused(401, "dpop_replayed")
	phone.confirm(p, phone.jws(p)).refused(401, "dpop_invalid") // the proof is for another body
	phone.proofs = nil
	// A lost reply, asked for again with a new signature: the same answer.
	phone.confirm(p, phone.jws(p)).ok(200)
	// The same statement by another certificate, or another statement: not.
	mine := phone.holder
	phone.holder = w.holder(ec(), trust.ES256, "admin")
	phone.confirm(p, phone.jws(p)).refused(422, "signer_mismatch")
	phone.holder = mine
	phone.confirm(p, phone.holder.JWS(t, strings.Replace(string(p.statement(t)), `"bind"`, `"bond"`, 1))).refused(422, "purpose_mismatch")
}

func TestSignatureForAnotherPurpose(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	enrol := phone.scan(page.begin(map[string]string{"purpose": "enroll", "product": "demo-p256"}).Code)
	phone.about(enrol, "PUT", "/key", map[string][]byte{"csr": trusttest.CSR(t, trusttest.Key(t, trust.ES256))}).ok(200, enrol)
	bind := phone.scan(page.bind("cfca").Code)
	phone.confirm(bind, phone.holder.JWS(t, string(enrol.statement(t)))).refused(422, "purpose_mismatch")
	// And the other way: a bind statement, offered by the device key that enrols.
	page.post("/v1/qr-sessions/"+enrol.Session+"/match", map[string]string{"digits": enrol.Match.Digits}).ok(200)
	phone.confirm(enrol, phone.deviceJWS(bind.statement(t))).refused(422, "purpose_mismatch")
	// Certificates do not sign enrolments, device keys no bindings.
	phone.confirm(enrol, phone.holder.JWS(t, string(enrol.statement(t)))).refused(422, "signer_mismatch")
	phone.confirm(bind, phone.deviceJWS(bind.statement(t))).refused(422, "signer_mismatch")
	other := w.handset()
	phone.confirm(enrol, other.deviceJWS(enrol.statement(t))).refused(422, "signer_mismatch")
}

func TestEveryFieldOfTheStatement(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("lina")
	p := phone.scan(page.begin(map[string]string{"purpose": "bind", "provider": "cfca", "account": w.person("lina").ID}).Code)
	var st map[string]any
	check(t, json.Unmarshal(p.statement(t), &st))
	if st["audience"] != w.origin || st["version"] != "1" || st["subject"].(map[string]any)["name"] != "李娜" {
		t.Fatalf("%v", st)
	}
	changed := 0
	var walk func(at string, v map[string]any)
	walk = func(at string, v map[string]any) {
		for k, x := range v {
			if sub, ok := x.(map[string]any); ok {
				walk(at+"/"+k, sub)
				continue
			}
			v[k] = x.(string) + "0"
			raw, err := json.Marshal(st)
			check(t, err)
			raw, err = jcs.Transform(raw)
			check(t, err)
			want := "statement_mismatch"
			if at+"/"+k == "/purpose" {
				want = "purpose_mismatch"
			}
			phone.confirm(p, phone.holder.JWS(t, string(raw))).refused(422, want)
			v[k] = x
			changed++
		}
	}
	walk("", st)
	if changed < 20 {
		t.Errorf("only %d fields", changed)
	}
	// A member more, a member less, other white space.
	text := string(p.statement(t))
	for _, bad := range []string{strings.Replace(text, `{"actor"`, `{"aaa":"1","actor"`, 1), strings.Replace(text, `,"version":"1"`, "", 1), " " + text, strings.Replace(text, ",", ", ", 1)} {
		phone.confirm(p, phone.holder.JWS(t, bad)).refused(422, "statement_mismatch")
	}
	phone.confirm(p, phone.jws(p)).ok(200)
}

func TestAnotherKeyThanInTheStatement(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	s := page.begin(map[string]string{"purpose": "enroll", "product": "demo-p256"})
	p := phone.scan(s.Code)
	put := func(csr []byte) *answer { return phone.about(p, "PUT", "/key", map[string][]byte{"csr": csr}) }
	put([]byte("garbage")).refused(400, "csr_malformed")
	put(brokenProof(t)).refused(422, "csr_proof_invalid")
	put(trusttest.CSR(t, trusttest.Key(t, trust.SM2SM3))).refused(422, "key_mismatch")
	put(weakRequest(t)).refused(422, "csr_key_weak")
	page.post("/v1/qr-sessions/"+p.Session+"/match", map[string]string{"digits": p.Match.Digits}).ok(200)
	phone.confirm(p, phone.deviceJWS([]byte("{}"))).refused(409, "key_required")
	mine := trusttest.CSR(t, trusttest.Key(t, trust.ES256))
	put(mine).ok(200, p)
	put(mine).ok(200)
	put(trusttest.CSR(t, trusttest.Key(t, trust.ES256))).refused(422, "key_mismatch")
	done := new(phoneSession)
	phone.confirm(p, phone.deviceJWS(p.statement(t))).ok(200, done)
	cert, err := trust.ParseCertificate(done.Result.Certificate)
	check(t, err)
	csr, err := trust.ParseCSR(mine)
	check(t, err)
	if cert.PublicKeySHA256() != csr.PublicKeySHA256() || !strings.Contains(string(p.statement(t)), csr.PublicKeySHA256()) {
		t.Error("another key was certified")
	}
	// A key is certified once.
	again := phone.scan(page.begin(map[string]string{"purpose": "enroll", "product": "demo-p256"}).Code)
	phone.about(again, "PUT", "/key", map[string][]byte{"csr": mine}).refused(409, "key_reused")
	// A binding asks for no key.
	b := phone.scan(page.bind("cfca").Code)
	phone.about(b, "PUT", "/key", map[string][]byte{"csr": mine}).refused(409, "key_not_asked")
}

func brokenProof(t testing.TB) []byte {
	csr := trusttest.CSR(t, trusttest.Key(t, trust.ES256))
	csr[len(csr)-1] ^= 1
	return csr
}

// weakRequest is for an RSA key of 1024 bits, which Go makes none of.
func weakRequest(t testing.TB) []byte {
	out := filepath.Join(t.TempDir(), "weak.der")
	trusttest.OpenSSL(t, "req", "-new", "-newkey", "rsa:1024", "-nodes", "-keyout", filepath.Join(t.TempDir(), "key.pem"), "-subj", "/CN=weak", "-outform", "DER", "-out", out)
	der, err := os.ReadFile(out)
	check(t, err)
	return der
}

func TestCertificatesThatMustNotBind(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	type change = func(*trusttest.Template)
	leaf := func(c ...change) *trusttest.Holder { return w.holder(ec(), trust.ES256, "admin", c...) }
	stranger := trusttest.Root(t, trust.ES256, "Stranger")
	for name, c := range map[string]struct {
		holder *trusttest.Holder
		code   string
	}{
		"another provider's": {w.holder(sm(), trust.SM2SM3, "admin"), "certificate_untrusted"},
		"a stranger's":       {w.holder(stranger, trust.ES256, "admin"), "certificate_untrusted"},
		"self-signed":        {selfSigned(t), "certificate_untrusted"},
		"for encryption":     {leaf(func(c *trusttest.Template) { c.KeyUsage = smx509.KeyUsageKeyEncipherment }), "certificate_key_usage"},
		"expired":            {leaf(func(c *trusttest.Template) { c.NotAfter = trusttest.Now.AddDate(0, 0, -1) }), "certificate_expired"},
		"not yet valid":      {leaf(func(c *trusttest.Template) { c.NotBefore = trusttest.Now.AddDate(0, 0, 1) }), "certificate_not_yet_valid"},
		"critical extension": {leaf(func(c *trusttest.Template) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
		}), "certificate_critical_extension"},
	} {
		t.Run(name, func(t *testing.T) {
			phone.holder = c.holder
			p := phone.scan(page.bind("cfca").Code)
			phone.confirm(p, phone.jws(p)).refused(422, c.code)
			phone.about(p, "POST", "/reject", map[string]string{"reason": "other"}).ok(200)
		})
	}
}

func selfSigned(t testing.TB) *trusttest.Holder {
	a := trusttest.Root(t, trust.ES256, "Myself", func(c *trusttest.Template) {
		c.IsCA, c.KeyUsage, c.MaxPathLen = false, smx509.KeyUsageDigitalSignature, 0
	})
	return &trusttest.Holder{Cert: a.Cert, Key: a.Key, Chain: [][]byte{a.Cert.Raw}, Alg: trust.ES256}
}

func TestRevokedAndSuperseded(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	by := mobilecert.Actor{ID: "test", Name: "test"}
	for code, end := range map[string]func(id string) error{
		"certificate_superseded":   func(id string) error { _, err := w.certs.Supersede(ctx, id, "successor", "", by); return err },
		"certificate_revoked_here": func(id string) error { _, err := w.certs.Revoke(ctx, id, by, "lost"); return err },
	} {
		key, cert, id := w.enrolled(page, phone, "demo-p256", trust.ES256)
		phone.holder = &trusttest.Holder{Cert: cert, Key: key, Chain: [][]byte{cert.Raw, w.made.ca.Issuer("p256").Raw}, Alg: trust.ES256}
		p := phone.scan(page.bind("huixin").Code)
		check(t, end(id)) // after the scan
		phone.confirm(p, phone.jws(p)).refused(422, code)
	}
	// The authority's own word, at the moment of confirming; every way it may fail.
	phone.holder = w.holder(tie(), trust.ES256, "admin")
	for _, code := range []string{"certificate_revoked", "revocation_unavailable", "ocsp_malformed", "ocsp_signature_invalid", "ocsp_stale", "ocsp_nonce_mismatch",
		"ocsp_wrong_responder", "crl_malformed", "crl_too_large", "crl_signature_invalid", "crl_stale"} {
		var told error
		for _, f := range fault.All() {
			if f.Code == code {
				told = f.Because(errors.New("as the test says"))
			}
		}
		if told == nil {
			continue // this build does not know the code; the run's last check does
		}
		w.revoked.fault.Store(&told)
		p := phone.scan(page.bind("sichuan").Code)
		status := 503
		if code == "certificate_revoked" {
			status = 422
		}
		phone.confirm(p, phone.jws(p)).refused(status, code)
		w.revoked.fault.Store(nil)
		phone.about(p, "POST", "/not-me", "{}").ok(200)
	}
	p := phone.scan(page.bind("sichuan").Code)
	phone.confirm(p, phone.jws(p)).ok(200)
}

// enrolled collects a demo certificate and returns its key, itself, and its id.
func (w *world) enrolled(page *client, phone *handset, product string, alg trust.Algorithm) (key crypto.Signer, cert *trust.Certificate, id string) {
	w.t.Helper()
	return w.enrolledBy(page, phone, map[string]string{"purpose": "enroll", "product": product}, alg)
}

// collected collects the certificate of an application.
func (w *world) collected(page *client, phone *handset, application string, alg trust.Algorithm) (key crypto.Signer, cert *trust.Certificate, id string) {
	w.t.Helper()
	return w.enrolledBy(page, phone, map[string]string{"purpose": "enroll", "application": application}, alg)
}

func (w *world) enrolledBy(page *client, phone *handset, params map[string]string, alg trust.Algorithm) (key crypto.Signer, cert *trust.Certificate, id string) {
	t := w.t
	t.Helper()
	s := page.begin(params)
	p := phone.scan(s.Code)
	if !p.Match.Required || len(p.Match.Digits) != 2 || p.SignedBy != "device" || p.Statement != "" || p.KeyRequest.Algorithm != string(alg) {
		t.Fatalf("%+v", p)
	}
	key = trusttest.Key(t, alg)
	phone.about(p, "PUT", "/key", map[string][]byte{"csr": trusttest.CSR(t, key)}).ok(200, p)
	phone.confirm(p, phone.deviceJWS(p.statement(t))).refused(409, "match_pending")
	page.post("/v1/qr-sessions/"+s.ID+"/match", map[string]string{"digits": p.Match.Digits}).ok(200)
	done := new(phoneSession)
	phone.confirm(p, phone.deviceJWS(p.statement(t))).ok(200, done)
	cert, err := trust.ParseCertificate(done.Result.Certificate)
	check(t, err)
	if end := page.session(s); end.Result.Kind != "certificate" || end.Result.Certificate["fingerprint"] != cert.Fingerprint() {
		t.Fatalf("%+v", end)
	}
	return key, cert, done.Result.ID
}

func TestAnotherBrowser(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	s := page.bind("cfca")
	// The id stands in the code: whoever saw the code knows it.
	code := s.Code[strings.Index(s.Code, "/q/")+4:][:22]
	if code != s.ID {
		t.Fatalf("%s is not %s", code, s.ID)
	}
	sameAccount, onlooker := w.browser("admin"), w.client()
	wrong := w.client().with("Certlink-Browser-Secret", strings.Repeat("A", 43))
	done := phone.scan(s.Code)
	phone.confirm(done, phone.jws(done)).ok(200)
	for name, c := range map[string]*client{"another browser of the account": sameAccount, "somebody who saw the code": onlooker, "a wrong secret": wrong} {
		for _, id := range []string{s.ID, strings.Repeat("A", 22), "x", "%00", "..%2f", strings.Repeat("9", 300)} {
			for _, path := range []string{"", "/events", "/still.png", "/still.svg", "?wait=1"} {
				if a := c.get("/v1/qr-sessions/" + id + path); a.Status != 404 || a.code() != "session_unknown" {
					t.Errorf("%s: GET %s%s: %d %s", name, id, path, a.Status, a.code())
				}
			}
			for path, body := range map[string]string{"/cancel": "{}", "/match": `{"digits":"00"}`, "/typed-code": "{}", "/same-device-link": "{}"} {
				c.post("/v1/qr-sessions/"+id+path, body).refused(404, "session_unknown")
			}
		}
	}
}

func TestEnrolCodeScannedByAStranger(t *testing.T) {
	w := newWorld(t)
	page, stranger := w.browser("admin"), w.phone("admin")
	s := page.begin(map[string]string{"purpose": "enroll", "product": "demo-p256"})
	p := stranger.scan(s.Code)
	stranger.about(p, "PUT", "/key", map[string][]byte{"csr": trusttest.CSR(t, trusttest.Key(t, trust.ES256))}).ok(200, p)
	// The person at the page has no phone that shows digits, and guesses.
	guess := "00"
	if p.Match.Digits == guess {
		guess = "01"
	}
	for left := 2; left >= 1; left-- {
		a := page.post("/v1/qr-sessions/"+s.ID+"/match", map[string]string{"digits": guess}).refused(422, "match_wrong")
		if a.member("tries_left") != float64(left) {
			t.Errorf("%s", a.Body)
		}
		stranger.confirm(p, stranger.deviceJWS(p.statement(t))).refused(409, "match_pending")
	}
	page.post("/v1/qr-sessions/"+s.ID+"/match", map[string]string{"digits": guess}).refused(422, "match_failed")
	if end := page.session(s); end.State != "failed" || end.Failure.Code != "match_failed" {
		t.Errorf("%+v", end)
	}
	stranger.confirm(p, stranger.deviceJWS(p.statement(t))).refused(409, "session_over")
}

func TestForAnotherAccount(t *testing.T) {
	w := newWorld(t)
	lina, abroad := w.person("lina").ID, w.person("zhoutao").ID
	bind := func(login, account string) *answer {
		return w.browser(login).post("/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "cfca", "account": account})
	}
	bind("zhangwei", lina).refused(403, "not_your_account")
	bind("zhangwei", abroad).refused(403, "not_your_organisation")
	bind("admin", abroad).refused(403, "not_your_organisation")
	bind("admin", "01nobody").refused(404, "account_unknown")
	bind("admin", "no/body").refused(404, "account_unknown")
	bind("admin", lina).ok(201)
	// For somebody else's benefit a certificate is never collected.
	w.browser("admin").post("/v1/qr-sessions", map[string]string{"purpose": "enroll", "product": "demo-p256", "account": lina}).refused(403, "not_your_account")
	// A binding is read and ended by its account and that account's admin only.
	page, phone := w.browser("admin"), w.phone("admin")
	b := w.bound(page, phone).Result.Binding
	for login, code := range map[string]string{"zhangwei": "not_your_account", "admin2": "not_your_organisation", "zhoutao": "not_your_organisation"} {
		c := w.browser(login)
		c.get("/v1/bindings/"+b.ID).refused(403, code)
		c.get("/v1/bindings/"+b.ID+"/evidence").refused(403, code)
		c.post("/v1/bindings/"+b.ID+"/unbind", "{}").refused(403, code)
		c.get("/v1/bindings?scope=organisation").ok(map[bool]int{true: 200, false: 403}[login == "admin2"])
	}
	// Only an integrator says for whom it asks.
	w.browser("admin").post("/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "cfca", "actor": lina}).refused(403, "role_missing")
	s := w.program().begin(map[string]string{"purpose": "bind", "provider": "cfca", "actor": lina})
	if s.Subject.Name != "李娜" || len(s.BrowserSecret) != 43 {
		t.Errorf("%+v", s)
	}
	w.program().post("/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "cfca", "actor": lina, "account": abroad}).refused(403, "not_your_organisation")
	w.client().with("Certlink-Browser-Secret", s.BrowserSecret).get("/v1/qr-sessions/" + s.ID).ok(200)
}

func TestCrossSite(t *testing.T) {
	w := newWorld(t)
	page := w.browser("admin")
	s := page.bind("cfca")
	for name, c := range map[string]*client{
		"another origin":         page.with("Origin", "https://evil.example"),
		"no origin at all":       page.with("Origin", ""),
		"origin null":            page.with("Origin", "null"),
		"cross-site":             page.with("Sec-Fetch-Site", "cross-site"),
		"same-site is not ours":  page.with("Sec-Fetch-Site", "same-site"),
		"an origin like ours":    page.with("Origin", w.origin+".evil.example"),
		"origin of another port": page.with("Origin", "http://127.0.0.1:1"),
	} {
		for method, path := range map[string]string{
			"POST":   "/v1/qr-sessions",
			"DELETE": "/v1/session",
		} {
			if a := c.do(method, path, "{}"); a.Status != 403 || a.code() != "csrf_refused" {
				t.Errorf("%s: %s %s: %d %s", name, method, path, a.Status, a.code())
			}
		}
		c.post("/v1/qr-sessions/"+s.ID+"/cancel", "{}").refused(403, "csrf_refused")
		c.post("/v1/accounts/import", "login,name\n").refused(403, "csrf_refused")
		c.get("/v1/session").ok(200) // reading changes nothing, and other sites cannot see it
	}
	for name, c := range map[string]*client{"our page": page.with("Sec-Fetch-Site", "same-origin"), "the person": page.with("Sec-Fetch-Site", "none")} {
		if a := c.post("/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "cfca"}); a.Status != 201 {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	// A form of another site can send these types without asking first.
	for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "", "application/jsonx", "application/json; charset=gbk"} {
		page.with("Content-Type", kind).post("/v1/qr-sessions", `{"purpose":"bind","provider":"cfca"}`).refused(415, "media_type_unsupported")
	}
	// Signing somebody in to another's account from another site is refused too.
	w.client().with("Origin", "https://evil.example").post("/v1/session", map[string]string{"login": "admin", "password": "x"}).refused(403, "csrf_refused")
}

func TestThousandStarts(t *testing.T) {
	w := newWorld(t, func(s *settings) { s.maxOpen = 5 })
	page := w.browser("admin")
	begun := 0
	for range 40 {
		a := page.post("/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "cfca"})
		if a.Status == 201 {
			begun++
		} else {
			a.refused(429, "sessions_too_many")
		}
	}
	if begun != 5 {
		t.Errorf("%d were begun", begun)
	}
	w.browser("zhangwei").bind("cfca") // the office does not suffer
}

func TestIdentityMustAgree(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("zhangwei") // of the same organisation, another person
	p := phone.scan(page.bind("cfca").Code)
	a := phone.confirm(p, phone.jws(p)).refused(422, "identity_mismatch")
	if a.member("field") != "person" || strings.Contains(string(a.Body), w.person("zhangwei").IDNumber) || strings.Contains(string(a.Body), w.person("admin").IDNumber) {
		t.Errorf("%s", a.Body)
	}
	// Where the provider's identity check is off, the digits are asked for instead.
	phone.holder = ec().Identified(t, trust.ES256, "", "")
	s := page.bind("xibu")
	p = phone.scan(s.Code)
	phone.confirm(p, phone.jws(p)).refused(409, "match_pending")
	page.post("/v1/qr-sessions/"+s.ID+"/match", map[string]string{"digits": p.Match.Digits}).ok(200)
	phone.confirm(p, phone.jws(p)).ok(200)
}

func TestProvidersAndProducts(t *testing.T) {
	w := newWorld(t)
	page := w.browser("admin")
	start := func(body map[string]string) *answer { return page.post("/v1/qr-sessions", body) }
	start(map[string]string{"purpose": "bind", "provider": "nobody"}).refused(422, "provider_unknown")
	start(map[string]string{"purpose": "bind", "provider": "guangxi"}).refused(422, "provider_unavailable")
	start(map[string]string{"purpose": "bind", "provider": "yunnan"}).refused(422, "medium_not_offered")
	start(map[string]string{"purpose": "enroll", "product": "gold"}).refused(422, "product_unknown")
	start(map[string]string{"purpose": "login"}).refused(400, "purpose_unknown")
	start(map[string]string{"purpose": "bind"}).refused(400, "request_invalid")
	start(map[string]string{"purpose": "bind", "provider": "cfca", "product": "demo-p256"}).refused(400, "request_invalid")
	start(map[string]string{"purpose": "enroll", "provider": "cfca"}).refused(400, "request_invalid")
	var list struct{ Items []struct{ ID string } }
	page.get("/v1/providers").ok(200, &list)
	if len(list.Items) != 12 {
		t.Errorf("%d providers", len(list.Items))
	}
}

func TestOneBindingEach(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	// The session and its statement come before the certificate is bound elsewhere.
	late, other := phone.scan(page.bind("cfca").Code), phone.scan(page.bind("cfca").Code)
	phone.confirm(other, phone.jws(other)).ok(200)
	phone.confirm(late, phone.jws(late)).refused(409, "certificate_bound_already")
	phone.holder = w.holder(ec(), trust.ES256, "admin")
	if a := phone.confirm(late, phone.jws(late)); a.Status == 200 {
		var s phoneSession
		a.ok(200, &s)
		if s.State != "failed" || s.Failure.Code != "account_slot_taken" {
			t.Errorf("%s", a.Body)
		}
	} else {
		a.refused(409, "account_slot_taken")
	}
	page.post("/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "cfca"}).refused(409, "account_slot_taken")
	// The organisation's certificate, which agrees with each of its people.
	shared := ec().Identified(t, trust.ES256, "", w.person("lina").CreditCode)
	a, b := w.phone("lina"), w.phone("zhangwei")
	a.holder, b.holder = shared, shared
	w.bound(w.browser("lina"), a)
	p := b.scan(w.browser("zhangwei").bind("cfca").Code)
	b.confirm(p, b.jws(p)).refused(409, "certificate_bound_elsewhere")
}

func TestJWSRefusals(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	p := phone.scan(page.bind("cfca").Code)
	good := phone.jws(p)
	parts := strings.Split(good, ".")
	var header map[string]any
	raw, err := b64.DecodeString(parts[0])
	check(t, err)
	check(t, json.Unmarshal(raw, &header))
	with := func(change func(h map[string]any)) string {
		h := map[string]any{}
		for k, v := range header {
			h[k] = v
		}
		change(h)
		raw, err := json.Marshal(h)
		check(t, err)
		return b64.EncodeToString(raw) + "." + parts[1] + "." + parts[2]
	}
	set := func(name string, v any) string { return with(func(h map[string]any) { h[name] = v }) }
	for name, c := range map[string]struct {
		jws    string
		status int
		code   string
	}{
		"nothing":          {"", 400, "jws_malformed"},
		"garbage":          {"a.b", 400, "jws_malformed"},
		"NUL-free garbage": {"....", 400, "jws_malformed"},
		"none":             {set("alg", "none"), 400, "jws_algorithm_refused"},
		"HMAC":             {set("alg", "HS256"), 400, "jws_algorithm_refused"},
		"crit":             {set("crit", []string{"exp"}), 400, "jws_header_refused"},
		"jku":              {set("jku", "https://evil.example"), 400, "jws_header_refused"},
		"x5u":              {set("x5u", "https://evil.example"), 400, "jws_header_refused"},
		"kid":              {set("kid", "1"), 400, "jws_header_refused"},
		"typ":              {set("typ", "JWT"), 400, "jws_header_refused"},
		"other algorithm":  {set("alg", "RS256"), 400, "jws_algorithm_mismatch"},
		"no certificate":   {set("x5c", []string{base64.StdEncoding.EncodeToString([]byte("no certificate"))}), 400, "certificate_malformed"},
		"signature":        {parts[0] + "." + parts[1] + "." + b64.EncodeToString(make([]byte, 64)), 422, "signature_invalid"},
		"tampered":         {parts[0] + "." + parts[1] + "." + flip(parts[2][0]) + parts[2][1:], 422, "signature_invalid"},
		"huge":             {strings.Repeat("A", 40<<10), 400, "jws_malformed"},
	} {
		t.Run(name, func(t *testing.T) { phone.confirm(p, c.jws).refused(c.status, c.code) })
	}
	phone.confirm(p, good).ok(200)
}

func TestWeakAndStrangeCertificates(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	check(t, err)
	n := make([]byte, 128) // 1024 bits
	rand.Read(n)
	n[0], n[127] = n[0]|0x80, n[127]|1
	p := phone.scan(page.bind("cfca").Code)
	for code, key := range map[string]crypto.PublicKey{
		"certificate_weak":            &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537},
		"certificate_key_unsupported": &p384.PublicKey,
	} {
		cert := ec().Sign(t, &trusttest.Template{Subject: pkix.Name{CommonName: "王敏"}, KeyUsage: smx509.KeyUsageDigitalSignature, NotAfter: trusttest.Start.AddDate(1, 0, 0)}, key)
		header := `{"alg":"ES256","typ":"certlink-statement+jws","x5c":["` + base64.StdEncoding.EncodeToString(cert.Raw) + `"]}`
		phone.confirm(p, b64.EncodeToString([]byte(header))+"."+p.Statement+"."+b64.EncodeToString(make([]byte, 64))).refused(422, code)
	}
	// The authority's own term is over before the holder's.
	late := w.holder(ec(), trust.ES256, "admin", func(c *trusttest.Template) { c.NotAfter = trusttest.Start.AddDate(40, 0, 0) })
	w.clock.Advance(21 * 365 * 24 * time.Hour)
	phone.holder = late
	page = w.signedInAnew("admin")
	p = phone.scan(page.bind("cfca").Code)
	phone.confirm(p, phone.jws(p)).refused(422, "certificate_authority_expired")
}
