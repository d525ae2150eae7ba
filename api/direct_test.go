package api_test

import (
	"encoding/base64"
	"testing"

	"certlink/trust"
	"certlink/trust/trusttest"
)

// A program issues for its own registration: by its token, once for each request.
func TestIssueForPrograms(t *testing.T) {
	w := newWorld(t)
	program, who := w.program(), w.person("lina")
	key := trusttest.Key(t, trust.ES256)
	body := map[string]string{"request": "r-1", "product": "demo-p256", "account": who.ID, "csr": base64.StdEncoding.EncodeToString(trusttest.CSR(t, key))}
	with := func(name, value string) map[string]string {
		out := map[string]string{}
		for k, v := range body {
			out[k] = v
		}
		out[name] = value
		return out
	}
	post := func(b map[string]string) *answer { return program.post("/v1/certificates", b) }
	w.browser("admin").post("/v1/certificates", body).refused(403, "role_missing")
	post(with("product", "nothing")).refused(422, "product_unknown")
	post(with("product", "demo-sm2")).refused(422, "key_mismatch")
	post(with("account", "nobody")).refused(404, "account_unknown")
	post(with("request", "a b")).refused(400, "request_invalid")
	post(with("csr", "!")).refused(400, "request_invalid")
	post(with("csr", "AAAA")).refused(400, "csr_malformed")

	var first, again struct {
		ID, State   string
		Certificate []byte
		Chain       [][]byte
	}
	post(body).ok(201, &first)
	post(body).ok(201, &again)
	if first.ID != again.ID || string(first.Certificate) != string(again.Certificate) || first.State != "active" || len(first.Chain) != 1 {
		t.Fatalf("%+v, then %+v", first, again)
	}
	cert, err := trust.ParseCertificate(first.Certificate)
	check(t, err)
	id := trust.Identify(cert, trust.DefaultIdentifiers())
	if id.PersonName != "李娜" || id.Person != who.IDNumber || id.Organisation != who.CreditCode {
		t.Errorf("identity %+v", id)
	}
	other := base64.StdEncoding.EncodeToString(trusttest.CSR(t, trusttest.Key(t, trust.ES256)))
	post(with("csr", other)).refused(409, "issue_request_reused")
	post(with("request", "r-2")).refused(409, "key_reused")
}
