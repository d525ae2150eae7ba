package browser

import (
	"context"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/go-rod/rod/lib/input"

	"certlink/account"
	"certlink/program/programtest"
	"certlink/trust/authority"
	"certlink/ukey/ukeytest"
)

// leaves is 去延期: it leads to the authority's site.
func (p *person) leaves() {
	p.t.Helper()
	p.click("leave")
	p.click("leave-confirm")
}

// paysRenewal renews what is due, up to 去延期.
func (p *person) paysRenewal() {
	p.t.Helper()
	p.click("nav-renew")
	p.click("act-due")
	p.pays()
	p.click("pay-back")
	p.see("leave")
}

// The whole course of a U-Key as somebody goes it who has typed make run and started the
// demo bridge: bound, renewed, paid, the authority's site with its two clicks, the new
// certificate on the token, proved, and the binding moved.
func TestRenewedByUKey(t *testing.T) {
	t.Parallel()
	prog, origin, listen := serveDesk(t)
	page, err := programtest.SignIn(context.Background(), origin, "admin", account.DemoPassword)
	if err != nil {
		t.Fatal(err)
	}
	d := &deskWorld{origin: origin, hand: ukeytest.NewPinentry(t), sent: &sentBodies{}}
	d.bridge = ukeytest.StartDemoBridge(t, listen, origin, d.hand)
	c := d.clerk(t, "admin", nil)
	const pin = "123456"
	d.binds(c, "SM2SM3", pin)
	before := programtest.Binding(t, prog, page)

	c.paysRenewal()
	c.shot("ukey-course-leave")
	c.leaves()
	c.click("sandbox-signin")
	c.shot("ukey-course-site")
	c.click("sandbox-material")
	c.click("sandbox-reject")
	c.click("sandbox-back")
	c.see("site-rejected")
	c.shot("ukey-course-rejected")
	c.leaves()
	c.click("sandbox-material")
	c.click("sandbox-pass") // and the site calls back
	c.click("sandbox-back")
	c.see("site-approved")
	c.shot("ukey-course-second")
	c.click("to-site")
	c.click("sandbox-extend")
	c.shot("ukey-course-issued")
	c.click("sandbox-back")
	c.see("extended")
	c.shot("ukey-course-prove")
	if b := programtest.Binding(t, prog, page); b.Certificate.Content != before.Certificate.Content {
		t.Fatal("the binding moved before the holder has signed")
	}
	c.click("token-replace")
	d.signs(c, "SM2SM3", pin) // once the bridge has written it to the token
	c.gone("prove")           // the page follows the renewal, and the dialog goes with what asked for it
	c.shot("ukey-course-done")
	after := programtest.Binding(t, prog, page)
	if after.ID != before.ID || after.Certificate.Content == before.Certificate.Content || !after.Certificate.NotAfter.After(before.Certificate.NotAfter) {
		t.Errorf("the binding has %+v", after.Certificate)
	}
	if after.Pair == nil || before.Pair == nil || after.Pair.Content == before.Pair.Content || !after.Pair.NotAfter.Equal(after.Certificate.NotAfter) {
		t.Errorf("the pair was %+v and is %+v", before.Pair, after.Pair)
	}
}

// Somebody has the authority make a certificate for the holder with a key of their own,
// and it is handed in as the new one: it takes over nothing, since nobody can sign with
// it at the holder's desk. The reviewer hands in the right one, and the course ends well.
func TestACertificateThatIsNotHeld(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	prog, origin, listen := serveDesk(t)
	page, err := programtest.SignIn(ctx, origin, "lina", account.DemoPassword)
	if err != nil {
		t.Fatal(err)
	}
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	skf, hand := ukeytest.NewSoftSKF(t), ukeytest.NewPinentry(t)
	old := programtest.Certified(t, origin, "lina", key)
	skf.Put("sign", &key.PrivateKey, old)
	d := &deskWorld{origin: origin, hand: hand, skf: skf, sent: &sentBodies{}}
	d.bridge = ukeytest.StartBridge(t, listen, origin, hand, ukeytest.Profile("soft-skf", "skf", skf.Library))
	c := d.clerk(t, "lina", nil)
	d.binds(c, "SM2SM3", skf.PIN)
	before := programtest.Binding(t, prog, page)
	c.paysRenewal()
	var list struct{ Items []struct{ ID string } }
	if err := page.Call(ctx, "GET", "/v1/renewals?scope=mine", nil, &list); err != nil || len(list.Items) != 1 {
		t.Fatal(list, err)
	}
	id := list.Items[0].ID

	thief, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := func(key *sm2.PrivateKey) []byte {
		t.Helper()
		who := programtest.Person(t, prog, "lina")
		from := time.Now().UTC().Truncate(time.Second)
		cert, err := prog.Authority.Issue(ctx, authority.Request{Key: key.Public(), Subject: authority.Subject{CommonName: who.Name, Organisation: who.Organisation},
			Person: who.IDNumber, Organisation: who.CreditCode, NotBefore: from, NotAfter: from.AddDate(1, 0, 0), Profile: authority.Sign, Serial: authority.NewSerial()})
		if err != nil {
			t.Fatal(err)
		}
		return cert.Raw
	}
	reviewer := atPortal(t, browser(t, nil), origin, "reviewer")
	reviewer.click("nav-reviewTokens")
	hands := func(der []byte) {
		t.Helper()
		reviewer.click("hand-in")
		reviewer.click("hand-in-confirm") // without a file
		reviewer.see("hand-in-dialog")
		path := filepath.Join(t.TempDir(), "new.pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		reviewer.must(reviewer.see("file-certificate").SetFiles([]string{path}))
		reviewer.shot("ukey-course-hand-in")
		reviewer.click("hand-in-confirm")
	}
	hands(old)
	reviewer.reads("successor_not_longer")
	reviewer.shot("ukey-course-refused")
	reviewer.press(input.Escape)
	reviewer.gone("hand-in-dialog")
	hands(made(thief))
	reviewer.gone("hand-in-dialog")
	reviewer.attribute("token-row", "data-state", "extended")
	reviewer.shot("ukey-course-review")
	c.see("extended")
	c.click("token-replace")
	c.see("token-other")
	c.shot("ukey-course-not-held")
	var s programtest.UKeySession
	if err := page.Call(ctx, "POST", "/v1/ukey-sessions", map[string]string{"purpose": "replace", "renewal": id}, &s); err != nil {
		t.Fatal(err)
	}
	p := d.bridge.Pair(t, origin, hand)
	certs, err := p.Certificates()
	if err != nil || len(certs) != 1 {
		t.Fatal(certs, err)
	}
	hand.Will(ukeytest.Answer{PIN: skf.PIN})
	jws, err := p.Sign(certs[0], s.Statement)
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := page.Call(ctx, "POST", "/v1/ukey-sessions/"+s.ID+"/confirm", map[string]string{"jws": jws}, nil).(*programtest.Refusal); !ok || r.Code != "signer_mismatch" {
		t.Errorf("the old certificate signs for the new one: %v", r)
	}
	if b := programtest.Binding(t, prog, page); b.Certificate.Content != before.Certificate.Content {
		t.Fatal("the account was taken over")
	}

	right := made(key)
	hands(right)
	reviewer.gone("hand-in-dialog")
	skf.Put("sign", &key.PrivateKey, right)
	d.signs(c, "SM2SM3", skf.PIN)
	c.gone("prove")
	reviewer.must(reviewer.page.Reload())
	reviewer.see("empty")
	if b := programtest.Binding(t, prog, page); b.ID != before.ID || b.Certificate.Content == before.Certificate.Content {
		t.Errorf("the binding did not move: %+v", b.Certificate)
	}
}
