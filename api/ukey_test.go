package api_test

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	"certlink/trust/trusttest"
)

// ukeySession is what the tests read of one.
type ukeySession struct {
	ID, State, Statement string
	BrowserSecret        string `json:"browser_secret"`
	Details              map[string]string
	Result               *struct {
		Kind    string
		Binding *struct {
			ID, Medium string
			Account    struct{ Name string }
		}
	}
	Failure *struct{ Code string }
}

func (c *client) plug(provider string, more ...string) *ukeySession {
	c.w.t.Helper()
	body := map[string]string{"purpose": "bind", "provider": provider}
	if len(more) > 0 {
		body["account"] = more[0]
	}
	s := new(ukeySession)
	c.post("/v1/ukey-sessions", body).ok(201, s)
	return s
}

// sign is what the desktop bridge does.
func (s *ukeySession) sign(t testing.TB, h *trusttest.Holder) map[string]string {
	t.Helper()
	statement, err := base64.RawURLEncoding.DecodeString(s.Statement)
	check(t, err)
	jws, err := trust.SignJWS(h.Key, h.Alg, h.Chain, false, statement)
	check(t, err)
	return map[string]string{"jws": jws}
}

func (s *ukeySession) at(tail string) string { return "/v1/ukey-sessions/" + s.ID + tail }

func TestBindByUKey(t *testing.T) {
	w := newWorld(t)
	page := w.browser("admin")
	for provider, h := range map[string]*trusttest.Holder{
		"beijing": w.holder(sm(), trust.SM2SM3, "admin"), "tianwei": w.holder(rs(), trust.RS256, "admin"), "cfca": w.holder(ec(), trust.ES256, "admin"),
	} {
		s := page.plug(provider)
		if s.State != "open" || s.Details["medium"] != "ukey" {
			t.Errorf("%+v", s)
		}
		body := s.sign(t, h)
		page.post(s.at("/confirm"), body).ok(200, s)
		if s.State != "confirmed" || s.Result.Binding.Medium != "ukey" || s.Result.Binding.Account.Name != w.person("admin").Name {
			t.Fatalf("%+v", s)
		}
		page.post(s.at("/confirm"), s.sign(t, h)).ok(200) // a lost reply
		page.get(s.at("")).ok(200)
		page.get("/v1/bindings/" + s.Result.Binding.ID + "/evidence").ok(200)
		page.post("/v1/bindings/"+s.Result.Binding.ID+"/unbind", "{}").ok(200)
		w.settle()
	}
}

func TestUKeyRefusals(t *testing.T) {
	w := newWorld(t)
	page, h := w.browser("admin"), w.holder(ec(), trust.ES256, "admin")
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "enroll", "product": "demo-p256"}).refused(422, "ukey_purpose")
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "bind", "provider": "guangxi"}).refused(422, "provider_unavailable")
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "bind", "provider": "xinjiang"}).refused(422, "ukey_not_offered")
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "win"}).refused(400, "purpose_unknown")
	w.browser("zhangwei").post("/v1/ukey-sessions", map[string]string{"purpose": "bind", "provider": "cfca", "account": w.person("lina").ID}).refused(403, "not_your_account")

	// An admin binds for another: the certificate must be that person's.
	s := page.plug("cfca", w.person("lina").ID)
	page.post(s.at("/confirm"), s.sign(t, h)).refused(422, "identity_mismatch")
	page.post(s.at("/confirm"), s.sign(t, w.holder(ec(), trust.ES256, "lina"))).ok(200, s)
	if s.State != "confirmed" || s.Result.Binding.Account.Name != "李娜" {
		t.Errorf("%+v", s)
	}
	s = page.plug("cfca")
	page.post(s.at("/confirm"), s.sign(t, w.holder(sm(), trust.SM2SM3, "admin"))).refused(422, "certificate_untrusted")
	other := page.plug("cfca")
	page.post(s.at("/confirm"), other.sign(t, h)).refused(422, "statement_mismatch")
	stranger := w.browser("admin") // the same person in another browser
	stranger.get(s.at("")).refused(404, "ukey_session_unknown")
	stranger.post(s.at("/confirm"), s.sign(t, h)).refused(404, "ukey_session_unknown")
	stranger.post(s.at("/cancel"), "{}").refused(404, "ukey_session_unknown")
	page.get("/v1/ukey-sessions/no/where").refused(404, "route_unknown")
	page.with("Origin", "https://evil.example").post(s.at("/confirm"), s.sign(t, h)).refused(403, "csrf_refused")
	page.post(s.at("/cancel"), "{}").ok(200, s)
	page.post(s.at("/confirm"), s.sign(t, h)).refused(409, "ukey_session_over")
	w.clock.Advance(181 * time.Second)
	page.post(other.at("/confirm"), other.sign(t, h)).refused(410, "ukey_session_expired")

	check(t, w.desk.Sweep(ctx))
	for range 20 {
		page.plug("cfca")
	}
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "bind", "provider": "cfca"}).refused(429, "ukey_sessions_too_many")
	// A program holds its own secret.
	p := w.program().post("/v1/ukey-sessions", map[string]string{"purpose": "bind", "provider": "cfca", "actor": w.person("zhangwei").ID}).ok(201, s)
	w.client().with("Certlink-Browser-Secret", s.BrowserSecret).get(p.Header.Get("Location")).ok(200)
}

func TestDemoUKeys(t *testing.T) {
	w := newWorld(t)
	page := w.browser("zhangwei")
	key, err := sm2.GenerateKey(rand.Reader)
	check(t, err)
	csr, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{}, key)
	check(t, err)
	body := map[string]string{"csr": base64.StdEncoding.EncodeToString(csr)}
	var made struct {
		Certificate []byte
		Chain       [][]byte
	}
	page.post("/v1/demo/ukey-certificates", body).ok(201, &made)
	cert, err := trust.ParseCertificate(made.Certificate)
	check(t, err)
	if !cert.CanSign() || !strings.Contains(cert.Subject(), "张伟") {
		t.Errorf("%s", cert.Subject())
	}
	page.post("/v1/demo/ukey-certificates", body).refused(409, "key_reused")
	page.get("/v1/demo/ukey-certificates/"+cert.PublicKeySHA256()).refused(404, "certificate_unknown")
	pair := map[string]string{}
	for _, name := range []string{"csr", "encryption_csr"} {
		pair[name] = base64.StdEncoding.EncodeToString(trusttest.CSR(t, trusttest.Key(t, trust.SM2SM3)))
	}
	var both struct {
		Certificate []byte
		Encryption  []byte `json:"encryption_certificate"`
	}
	page.post("/v1/demo/ukey-certificates", pair).ok(201, &both)
	if twin, err := trust.ParseCertificate(both.Encryption); err != nil || !twin.CanEncrypt() || twin.CanSign() {
		t.Errorf("%v", err)
	}
	page.post("/v1/demo/ukey-certificates", map[string]string{"csr": pair["csr"], "encryption_csr": "MAA="}).refused(400, "csr_malformed")
	page.post("/v1/demo/ukey-certificates", map[string]string{"csr": "!"}).refused(400, "request_invalid")
	page.post("/v1/demo/ukey-certificates", map[string]string{"csr": "MAA="}).refused(400, "csr_malformed")
	w.client().post("/v1/demo/ukey-certificates", body).refused(401, "sign_in_required")
	s := page.plug("huixin")
	h := &trusttest.Holder{Key: key, Alg: trust.SM2SM3, Cert: cert, Chain: append([][]byte{made.Certificate}, made.Chain...)}
	page.post(s.at("/confirm"), s.sign(t, h)).ok(200, s)
	if s.State != "confirmed" {
		t.Errorf("%+v", s)
	}
	if policy := page.get("/portal/").Header.Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src 'self' http://127.0.0.1:23917;") {
		t.Error(policy)
	}
}
