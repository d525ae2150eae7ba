package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/mobilecert"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// authorityMakes is the authority without an interface: it makes a leaf for a key.
func authorityMakes(t *testing.T, ca *trusttest.Authority, key crypto.PublicKey, name, organisation string, change func(*trusttest.Template)) *trust.Certificate {
	t.Helper()
	return ca.Sign(t, &trusttest.Template{
		Subject:  pkix.Name{CommonName: name, Organization: []string{organisation}, Country: []string{"CN"}},
		KeyUsage: smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment, BasicConstraintsValid: true,
		NotBefore: trusttest.Now.Add(-time.Minute), NotAfter: trusttest.Now.AddDate(1, 0, 0),
	}, key, func(c *trusttest.Template) {
		if change != nil {
			change(c)
		}
	})
}

type record struct {
	ID, State, Note string
	Acts            []string
	Encryption      *struct {
		Maker    string
		Escrowed bool
	}
}

// The way of an authority without an interface, from the scan to the phone's list.
func TestAuthorityWithoutInterface(t *testing.T) {
	g := new(granted)
	w := newWorld(t, func(s *settings) {
		s.grants = g
		p := mobileProduct("beijing-mobile", mobilecert.ByHand{}, trust.SM2SM3)
		p.Provider, p.Pair = "beijing", &mobilecert.PairTerms{Maker: mobilecert.ByAuthority, Escrowed: true}
		s.products = []*mobilecert.Product{p}
	})
	page, phone, reviewer := w.browser("lina"), w.phone("lina"), w.browser("reviewer")
	g.set("app1", mobilecert.Grant{Product: "beijing-mobile", Account: w.person("lina").ID, Subject: mobilecert.Subject{CommonName: "李娜", Organisation: "甲公司"}})
	key := trusttest.Key(t, trust.SM2SM3)
	hand := func() string {
		s := page.begin(map[string]string{"purpose": "enroll", "application": "app1"})
		p := phone.scan(s.Code)
		phone.about(p, "PUT", "/key", map[string][]byte{"csr": trusttest.CSR(t, key)}).ok(200, p)
		page.post("/v1/qr-sessions/"+s.ID+"/match", map[string]string{"digits": p.Match.Digits}).ok(200)
		phone.confirm(p, phone.deviceJWS(p.statement(t))).ok(200, p)
		if p.Result.Kind != "request" || page.session(s).Result.Kind != "request" {
			t.Fatalf("%+v", p.Result)
		}
		return p.Result.ID
	}
	id := hand()
	var list struct{ Items []record }
	var mine struct {
		Items []struct {
			State      string
			Encryption *struct{ Envelope []byte }
		}
		Asked []struct{ ID, State, Key, Note string }
	}
	phone.call("GET", "/v1/phone/certificates", nil).ok(200, &mine)
	if len(mine.Items) != 0 || len(mine.Asked) != 1 || mine.Asked[0].State != "waiting" {
		t.Fatalf("the phone is told %+v", mine)
	}
	page.post("/v1/qr-sessions", map[string]string{"purpose": "enroll", "application": "app1"}).refused(409, "grant_used")

	// Reviewers only.
	page.get("/v1/issuing").refused(403, "role_missing")
	reviewer.get("/v1/issuing").ok(200, &list)
	if len(list.Items) != 1 || list.Items[0].ID != id || list.Items[0].State != "waiting" {
		t.Fatalf("%+v", list)
	}
	request := reviewer.get("/v1/issuing/" + id + "/request")
	request.ok(200)
	block, _ := pem.Decode(request.Body)
	csr, err := trust.ParseCSR(block.Bytes)
	check(t, err)
	reviewer.get("/v1/issuing/nothing/request").refused(404, "certificate_unknown")

	send := func(cert *trust.Certificate, more map[string]string) *answer {
		body := map[string]string{"certificate": string(trusttest.PEM(cert))}
		for k, v := range more {
			body[k] = v
		}
		return reviewer.post("/v1/issuing/"+id+"/certificate", body)
	}
	good := func(change func(*trusttest.Template)) *trust.Certificate {
		return authorityMakes(t, sm(), csr.Public, "李娜", "甲公司", change)
	}
	send(authorityMakes(t, sm(), trusttest.Key(t, trust.SM2SM3).Public(), "李娜", "甲公司", nil), nil).refused(422, "certificate_key_differs")
	send(authorityMakes(t, sm(), csr.Public, "李四", "甲公司", nil), nil).refused(422, "certificate_subject_differs")
	send(authorityMakes(t, ec(), csr.Public, "李娜", "甲公司", nil), nil).refused(422, "certificate_untrusted")
	send(good(func(c *trusttest.Template) { c.NotAfter = trusttest.Now.AddDate(0, 6, 0) }), nil).refused(422, "certificate_term_differs")
	send(good(func(c *trusttest.Template) { c.KeyUsage = smx509.KeyUsageKeyEncipherment }), nil).refused(422, "certificate_key_usage")
	reviewer.post("/v1/issuing/"+id+"/certificate", map[string]string{"certificate": "hello"}).refused(400, "certificate_malformed")

	// The pair: encryption certificate and the envelope that only the phone opens.
	secret, err := sm2.GenerateKey(rand.Reader)
	check(t, err)
	twin := authorityMakes(t, sm(), secret.Public(), "李娜", "甲公司", func(c *trusttest.Template) { c.KeyUsage = smx509.KeyUsageKeyEncipherment })
	envelope, err := sm2.MarshalEnvelopedPrivateKey(rand.Reader, csr.Public.(*ecdsa.PublicKey), secret)
	check(t, err)
	pair := map[string]string{"encryption_certificate": string(trusttest.PEM(twin)), "envelope": base64.StdEncoding.EncodeToString(envelope)}
	send(good(nil), map[string]string{"encryption_certificate": pair["encryption_certificate"]}).refused(422, "certificate_pair_incomplete")
	send(good(nil), map[string]string{"encryption_certificate": string(trusttest.PEM(good(nil))), "envelope": pair["envelope"]}).refused(422, "certificate_not_for_encryption")

	cert := good(nil)
	var done record
	for range 2 { // a lost reply
		send(cert, pair).ok(200, &done)
	}
	if done.State != "active" || done.Encryption == nil || done.Encryption.Maker != "authority" || !done.Encryption.Escrowed {
		t.Fatalf("%+v", done)
	}
	send(good(nil), nil).refused(409, "certificate_state_wrong")
	phone.call("GET", "/v1/phone/certificates", nil).ok(200, &mine)
	if len(mine.Items) != 1 || mine.Items[0].State != "active" || len(mine.Asked) != 0 {
		t.Fatalf("the phone is told %+v", mine)
	}
	opened, err := sm2.ParseEnvelopedPrivateKey(key.(*sm2.PrivateKey), mine.Items[0].Encryption.Envelope)
	if err != nil || !opened.Equal(secret) {
		t.Fatalf("the envelope: %v", err)
	}
	// Its holder and the organisation's admin see it in their lists.
	page.get("/v1/certificates").ok(200, &list)
	if len(list.Items) != 1 || list.Items[0].State != "active" || !slices.Equal(list.Items[0].Acts, []string{"revoke", "ask_phone"}) {
		t.Fatalf("%+v", list)
	}
	page.get("/v1/certificates?scope=organisation").refused(403, "not_your_account")
	w.browser("admin").get("/v1/certificates?scope=organisation").ok(200, &list)
	w.browser("admin2").get("/v1/certificates?scope=organisation").ok(200, &mine)
	if len(list.Items) != 1 || len(mine.Items) != 0 {
		t.Fatalf("%+v, %+v", list, mine)
	}

	// Another one, which the authority declines: the application is free again.
	g.set("app1", mobilecert.Grant{Product: "beijing-mobile", Account: w.person("lina").ID, Subject: mobilecert.Subject{CommonName: "李娜"}, Replaces: id})
	key = trusttest.Key(t, trust.SM2SM3)
	id = hand()
	reviewer.post("/v1/issuing/"+id+"/decline", map[string]string{"reason": " "}).refused(422, "decline_reason_needed")
	reviewer.post("/v1/issuing/"+id+"/decline", map[string]string{"reason": "授权书已过期"}).ok(200, &done)
	reviewer.post("/v1/issuing/"+id+"/decline", map[string]string{"reason": "授权书已过期"}).refused(409, "certificate_state_wrong")
	phone.call("GET", "/v1/phone/certificates", nil).ok(200, &mine)
	if done.State != "declined" || done.Note != "授权书已过期" || len(mine.Asked) != 1 || mine.Asked[0].State != "declined" || mine.Asked[0].Note != done.Note {
		t.Fatalf("%+v, %+v", done, mine)
	}
	key = trusttest.Key(t, trust.SM2SM3)
	hand()
}
