package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"certlink/trust"
	"certlink/trust/trusttest"
)

// Who may revoke, what it does to the binding, and that it is done once.
func TestRevoking(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("zhangwei"), w.phone("zhangwei")
	key, cert, id := w.enrolled(page, phone, "demo-p256", trust.ES256)
	phone.holder = &trusttest.Holder{Cert: cert, Key: key, Chain: [][]byte{cert.Raw, w.made.ca.Issuer("p256").Raw}, Alg: trust.ES256}
	p := phone.scan(page.bind("huixin").Code)
	phone.confirm(p, phone.jws(p)).ok(200)
	shown := func() (c struct{ ID, State string }) {
		var list struct {
			Items []struct {
				State       string
				Certificate json.RawMessage
			}
		}
		page.get("/v1/bindings").ok(200, &list)
		if len(list.Items) != 1 || list.Items[0].State != "active" {
			t.Fatalf("%+v", list)
		}
		check(t, json.Unmarshal(list.Items[0].Certificate, &c))
		return c
	}
	if c := shown(); c.ID != id || c.State != "active" {
		t.Errorf("the list shows the certificate as %+v", c)
	}

	at, lost := "/v1/certificates/"+id+"/revoke", map[string]string{"reason": "key_compromise"}
	w.client().post(at, lost).refused(401, "sign_in_required")
	w.browser("lina").post(at, lost).refused(403, "not_your_account")
	w.browser("admin2").post(at, lost).refused(403, "not_your_organisation")
	page.post(at, map[string]string{"reason": "lost"}).refused(400, "request_invalid")
	page.post(at, map[string]string{}).refused(400, "request_invalid")
	page.post("/v1/certificates/nothing/revoke", lost).refused(404, "certificate_unknown")
	if c := shown(); c.State != "active" {
		t.Errorf("what was refused has made it %q", c.State)
	}
	var done struct{ ID, State, Serial string }
	page.post(at, lost).ok(200, &done)
	if done.ID != id || done.State != "revoked" || done.Serial != cert.SerialHex() {
		t.Errorf("revoked: %+v", done)
	}
	page.post(at, lost).refused(409, "certificate_state_wrong")
	if c := shown(); c.State != "revoked" {
		t.Errorf("the list shows the certificate as %+v", c)
	}

	// The binding keeps its place until it is unbound, and its certificate signs
	// nothing more, before or after.
	var list struct{ Items []struct{ ID string } }
	page.get("/v1/bindings").ok(200, &list)
	start := map[string]string{"purpose": "bind", "provider": "huixin"}
	page.post("/v1/qr-sessions", start).refused(409, "account_slot_taken")
	page.post("/v1/bindings/"+list.Items[0].ID+"/unbind", map[string]string{}).ok(200)
	p = phone.scan(page.bind("huixin").Code)
	phone.confirm(p, phone.jws(p)).refused(422, "certificate_revoked_here")
	page.get("/v1/bindings").ok(200, &list)
	if len(list.Items) != 0 {
		t.Errorf("a revoked certificate was bound: %+v", list)
	}

	// The others who may.
	for _, who := range []string{"admin", "reviewer", "operator"} {
		_, _, id := w.enrolled(page, w.phone("zhangwei"), "demo-p256", trust.ES256)
		w.browser(who).post("/v1/certificates/"+id+"/revoke", map[string]string{"reason": "superseded"}).ok(200)
	}
}

// The phone that holds the key revokes for itself, and no other's.
func TestRevokingOnThePhone(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("zhangwei"), w.phone("zhangwei")
	_, cert, _ := w.enrolled(page, phone, "demo-p256", trust.ES256)
	at, gone := "/v1/phone/certificates/"+cert.Fingerprint()+"/revoke", map[string]string{"reason": "key_compromise"}
	w.phone("zhangwei").call("POST", at, gone).refused(404, "certificate_unknown")
	phone.call("POST", at, map[string]string{"reason": "lost"}).refused(400, "request_invalid")
	var done struct{ ID, State string }
	phone.call("POST", at, gone).ok(200, &done)
	if done.ID != cert.Fingerprint() || done.State != "revoked" {
		t.Errorf("%+v", done)
	}
	phone.call("POST", at, gone).refused(409, "certificate_state_wrong")
}

// Staff finds the certificates of all organisations; others find their own.
func TestLookingForCertificates(t *testing.T) {
	w := newWorld(t)
	page := w.browser("zhangwei")
	_, cert, id := w.enrolled(page, w.phone("zhangwei"), "demo-p256", trust.ES256)
	w.enrolled(page, w.phone("zhangwei"), "demo-p256", trust.ES256)
	found := func(who, query string) (ids []string) {
		var list struct {
			Items []struct {
				ID, State string
				Acts      []string
			}
		}
		w.browser(who).get("/v1/certificates?scope=all"+query).ok(200, &list)
		for _, x := range list.Items {
			ids = append(ids, x.ID)
			if (x.State == "active") != slices.Contains(x.Acts, "revoke") {
				t.Errorf("%s: %+v", who, x)
			}
		}
		return ids
	}
	for _, who := range []string{"reviewer", "operator"} {
		if ids := found(who, "&serial="+strings.ToUpper(cert.SerialHex()[:12])); len(ids) != 1 || ids[0] != id {
			t.Errorf("%s finds %v by the serial number", who, ids)
		}
		if ids := found(who, "&organisation="+w.person("zhangwei").OrganisationID); len(ids) != 2 {
			t.Errorf("%s finds %v of the organisation", who, ids)
		}
		if ids := found(who, ""); len(ids) != 0 {
			t.Errorf("%s: %v were revoked", who, ids)
		}
	}
	for _, who := range []string{"admin", "lina"} {
		w.browser(who).get("/v1/certificates?scope=all").refused(403, "not_your_account")
	}
	w.browser("reviewer").post("/v1/certificates/"+id+"/revoke", map[string]string{"reason": "privilege_withdrawn"}).ok(200)
	if ids := found("operator", ""); len(ids) != 1 || ids[0] != id {
		t.Errorf("revoked: %v", ids)
	}
}
