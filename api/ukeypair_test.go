package api_test

import (
	"crypto/x509/pkix"
	"encoding/base64"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	"certlink/trust/challenge"
	"certlink/trust/trusttest"
)

// A token's encryption certificate is bound as the pair's other half: bids that are
// encrypted to it are guarded. One of another holder, or none for encryption, or of
// another authority, is refused.
func TestTokenPairs(t *testing.T) {
	w := newWorld(t)
	page := w.browser("admin")
	forEncryption := func(c *trusttest.Template) {
		c.KeyUsage = smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment
	}
	h := w.holder(sm(), trust.SM2SM3, "admin")
	twin := w.holder(sm(), trust.SM2SM3, "admin", forEncryption)
	asked := func(c *trusttest.Holder) map[string]string {
		return map[string]string{"purpose": "bind", "provider": "beijing", "encryption_certificate": base64.StdEncoding.EncodeToString(c.Cert.Raw)}
	}
	page.post("/v1/qr-sessions", asked(twin)).refused(400, "request_invalid")
	page.post("/v1/ukey-sessions", asked(h)).refused(422, "certificate_not_for_encryption")
	page.post("/v1/ukey-sessions", asked(w.holder(ec(), trust.ES256, "admin", forEncryption))).refused(422, "certificate_untrusted")
	expired := w.holder(sm(), trust.SM2SM3, "admin", forEncryption, func(c *trusttest.Template) {
		c.NotBefore, c.NotAfter = w.clock.Now().AddDate(-2, 0, 0), w.clock.Now().AddDate(-1, 0, 0)
	})
	page.post("/v1/ukey-sessions", asked(expired)).refused(422, "certificate_expired")
	future := w.holder(sm(), trust.SM2SM3, "admin", forEncryption, func(c *trusttest.Template) { c.NotBefore = w.clock.Now().AddDate(0, 0, 1) })
	page.post("/v1/ukey-sessions", asked(future)).refused(422, "certificate_not_yet_valid")
	// Whether it is revoked is asked as the provider's policy has it, and told apart.
	there := w.holder(tie(), trust.ES256, "admin", forEncryption)
	guarded := asked(there)
	guarded["provider"] = "sichuan"
	told := func(f error) {
		w.revoked.fault.Store(&f)
		t.Cleanup(func() { w.revoked.fault.Store(nil) })
	}
	told(trust.ErrRevoked)
	page.post("/v1/ukey-sessions", guarded).refused(422, "encryption_certificate_revoked")
	told(trust.ErrRevocationUnavailable)
	page.post("/v1/ukey-sessions", guarded).refused(503, "revocation_unavailable")
	w.revoked.fault.Store(nil)
	page.post("/v1/ukey-sessions", guarded).ok(201)

	page.post("/v1/ukey-sessions", map[string]string{"purpose": "bind", "provider": "beijing", "encryption_certificate": "!"}).refused(400, "certificate_malformed")
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "acknowledge", "certificate": "x", "encryption_certificate": "!"}).refused(400, "request_invalid")

	stranger := w.holder(sm(), trust.SM2SM3, "admin", forEncryption, func(c *trusttest.Template) { c.Subject = pkix.Name{CommonName: "别人"} })
	s := new(ukeySession)
	page.post("/v1/ukey-sessions", asked(stranger)).ok(201, s)
	page.post(s.at("/confirm"), s.sign(t, h)).refused(422, "encryption_certificate_differs")

	page.post("/v1/ukey-sessions", asked(twin)).ok(201, s)
	if s.Details["encryption_certificate"] != twin.Cert.Fingerprint() {
		t.Errorf("the statement says %v", s.Details)
	}
	page.post(s.at("/confirm"), s.sign(t, h)).ok(200, s)
	var b struct {
		Pair *struct{ Fingerprint string }
	}
	page.get("/v1/bindings/"+s.Result.Binding.ID).ok(200, &b)
	if b.Pair == nil || b.Pair.Fingerprint != twin.Cert.Fingerprint() {
		t.Fatalf("%+v", b)
	}
	var bid struct{ Certificate, Account string }
	w.program().do("PUT", "/v1/bids/token", map[string]string{"certificate": base64.StdEncoding.EncodeToString(twin.Cert.Raw), "tender": "项目",
		"opens_at": w.clock.Now().Add(72 * time.Hour).UTC().Format(time.RFC3339)}).ok(201, &bid)
	if bid.Account != w.person("admin").ID {
		t.Errorf("%+v", bid)
	}

	// Decryption is rehearsed with that other half, by whom the binding is of.
	at := "/v1/bindings/" + s.Result.Binding.ID + "/rehearsals"
	var r struct {
		ID, State, Certificate string
		Challenge              []byte
	}
	w.browser("zhoutao").post(at, "{}").refused(403, "not_your_organisation")
	page.post("/v1/bindings/none/rehearsals", "{}").refused(404, "binding_unknown")
	answers := func(plain []byte) map[string]string {
		digest, ok := challenge.Answer(plain, w.origin)
		if !ok {
			t.Error("it is no challenge for this site")
		}
		return map[string]string{"answer": base64.StdEncoding.EncodeToString(digest)}
	}
	opens := func() []byte {
		page.post(at, "{}").ok(201, &r)
		if r.Certificate != twin.Cert.Fingerprint() {
			t.Errorf("%+v", r)
		}
		plain, err := sm2.Decrypt(twin.Key.(*sm2.PrivateKey), r.Challenge)
		check(t, err)
		return plain
	}
	plain := opens()
	page.post(at+"/none", answers(plain)).refused(404, "rehearsal_unknown")
	page.post(at+"/"+r.ID, map[string]string{"answer": "!"}).refused(400, "request_invalid")
	page.post(at+"/"+r.ID, answers(plain)).ok(200, &r)
	page.post(at+"/"+r.ID, answers(plain)).ok(200, &r) // a lost reply
	if r.State != "passed" {
		t.Errorf("%+v", r)
	}
	opens()
	page.post(at+"/"+r.ID, answers(plain)).ok(200, &r) // of the one before
	if r.State != "failed" {
		t.Errorf("%+v", r)
	}
	plain = opens()
	w.clock.Advance(11 * time.Minute)
	page.post(at+"/"+r.ID, answers(plain)).refused(410, "rehearsal_expired")

	// RSA that does both is its own other half; a P-256 key cannot decrypt.
	both := func(c *trusttest.Template) { c.KeyUsage |= smx509.KeyUsageKeyEncipherment }
	for login, x := range map[string]struct {
		provider string
		h        *trusttest.Holder
		status   int
	}{"lina": {"tianwei", w.holder(rs(), trust.RS256, "lina", both), 201}, "zhangwei": {"cfca", w.holder(ec(), trust.ES256, "zhangwei", both), 422}} {
		page := w.browser(login)
		s := page.plug(x.provider)
		page.post(s.at("/confirm"), s.sign(t, x.h)).ok(200, s)
		if a := page.post("/v1/bindings/"+s.Result.Binding.ID+"/rehearsals", "{}"); a.Status != x.status {
			t.Errorf("%s: %d %s", login, a.Status, a.Body)
		}
	}
}

// A key decrypts also when its certificate is revoked: the rehearsal goes on, and says
// so; a revocation that cannot be asked about is not told of. Signing is not touched.
func TestRehearsingWithARevokedPair(t *testing.T) {
	w := newWorld(t)
	page := w.browser("admin")
	forEncryption := func(c *trusttest.Template) { c.KeyUsage = smx509.KeyUsageKeyEncipherment }
	h := w.holder(tie(), trust.RS256, "admin")
	twin := w.holder(tie(), trust.RS256, "admin", forEncryption)
	s := new(ukeySession)
	page.post("/v1/ukey-sessions", map[string]string{"purpose": "bind", "provider": "sichuan", "encryption_certificate": base64.StdEncoding.EncodeToString(twin.Cert.Raw)}).ok(201, s)
	page.post(s.at("/confirm"), s.sign(t, h)).ok(200, s)
	at := "/v1/bindings/" + s.Result.Binding.ID + "/rehearsals"
	for _, x := range []struct {
		fault   error
		revoked bool
	}{{nil, false}, {trust.ErrRevocationUnavailable, false}, {trust.ErrRevoked, true}} {
		w.revoked.fault.Store(nil)
		if x.fault != nil {
			w.revoked.fault.Store(&x.fault)
		}
		var r struct {
			State, Certificate string
			Revoked            bool
			Challenge          []byte
		}
		page.post(at, "{}").ok(201, &r)
		if r.Revoked != x.revoked || r.State != "asked" || len(r.Challenge) == 0 || r.Certificate != twin.Cert.Fingerprint() {
			t.Errorf("%v: %+v", x.fault, r)
		}
	}
}
