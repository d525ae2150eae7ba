package browser

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"certlink/program"
	"certlink/program/programtest"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/trusttest"
)

// begins chooses a product, reads the terms to their end, and agrees.
func (p *person) begins(product string) {
	p.t.Helper()
	p.click("nav-apply")
	p.click("apply-ca")
	p.click("offer-" + product)
	p.see("custody")
	p.shot("apply-choose")
	p.click("choose-apply")
	terms := p.see("terms")
	p.shot("apply-terms")
	_, err := terms.Eval(`() => this.scrollTo(0, this.scrollHeight)`)
	p.must(err)
	p.click("terms-agree")
	p.see("field-holder")
}

// fills in what is not on record, and both papers.
func (p *person) fillsIn(values map[string]string) {
	p.t.Helper()
	for field, v := range values {
		p.write("field-"+field, v)
	}
	for _, slot := range []string{"licence", "authorisation"} {
		p.choose("file-"+slot, proof(p.t))
		p.attribute("paper-"+slot, "data-there", "true")
	}
	p.attribute("saving", "data-state", "saved")
}

// picks chooses from a list.
func (p *person) picks(id, value string) {
	p.t.Helper()
	p.must(p.see(id).Select([]string{`[value="` + value + `"]`}, true, rod.SelectorTypeCSSSector))
}

func (p *person) dark(on bool) {
	scheme := "light"
	if on {
		scheme = "dark"
	}
	p.must(proto.EmulationSetEmulatedMedia{Features: []*proto.EmulationMediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}.Call(p.page))
}

// pays goes to the sandbox's page and pays there.
func (p *person) pays() {
	p.t.Helper()
	p.click("method-sandbox")
	p.click("pay")
	p.attribute("pay-code", "data-state", "live")
	href, err := p.see("open-sandbox").Attribute("href")
	p.must(err)
	bank := open(p.t, p.page.Browser(), "bank", *href, 700, 800)
	bank.tab = true
	bank.click("sandbox-pay")
	bank.attribute("sandbox-state", "data-state", "paid")
	bank.must(bank.page.Close())
	p.see("paid")
}

// face has the face checked, at the sandbox's page.
func (p *person) face(act string) {
	p.t.Helper()
	p.click("way-face")
	p.click("choose-way")
	href, err := p.see("face-link").Attribute("href")
	p.must(err)
	p.shot("apply-face-" + act)
	face := open(p.t, p.page.Browser(), "face", *href, 700, 800)
	face.tab = true
	face.shot("sandbox-face")
	face.click("sandbox-" + act)
	face.attribute("sandbox-state", "data-state", map[string]string{"mismatch": "mismatched", "pass": "passed"}[act])
	face.must(face.page.Close())
}

// opens goes to the first application in the queue.
func (p *person) opens() {
	p.t.Helper()
	// The menu lies at the top, under the bar that stays there.
	_, err := p.page.Eval(`() => scrollTo(0, 0)`)
	p.must(err)
	p.click("nav-review")
	p.click("open-case")
	p.attribute("case-state", "data-state", "review")
}

// tokenFor is a file with a certificate that the demo authority made for a person.
func tokenFor(t *testing.T, p *program.Program, login string) string {
	t.Helper()
	ctx := context.Background()
	who := programtest.Person(t, p, login)
	csr, err := trust.ParseCSR(trusttest.CSR(t, trusttest.Key(t, trust.SM2SM3)))
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now().UTC().Truncate(time.Second)
	cert, err := p.Authority.Issue(ctx, authority.Request{CSR: csr, Subject: authority.Subject{CommonName: who.Name, Organisation: who.Organisation},
		Person: who.IDNumber, Organisation: who.CreditCode, NotBefore: from, NotAfter: from.AddDate(1, 0, 0), Profile: authority.Sign, Serial: authority.NewSerial()})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "token.cer")
	if err := os.WriteFile(path, cert.Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A U-Key that is paid for: papers by mail, rejected once, corrected, accepted, made.
func TestApplyingForAUKeyInABrowser(t *testing.T) {
	t.Parallel()
	p, origin := programtest.Serve(t)
	clerk := open(t, browser(t, nil), "clerk", origin+"/portal/", 1280, 900)
	clerk.tab = true
	clerk.signInAs("lina")
	clerk.click("nav-apply")
	clerk.see("empty")
	clerk.shot("apply-empty")
	clerk.begins("huixin-ukey")
	clerk.shot("apply-form")
	clerk.write("field-id_number", "339900199506090038")
	clerk.click("submit-application")
	clerk.see("error-summary")
	clerk.shot("apply-form-wrong")
	clerk.fillsIn(map[string]string{"id_number": "339900199506090037", "recipient": "李娜", "recipient_mobile": "13900000004", "address": "浙江省杭州市西湖区文三路 1 号"})
	clerk.must(clerk.page.Reload()) // nothing is lost
	clerk.attribute("paper-licence", "data-there", "true")
	clerk.click("submit-application")
	clerk.click("way-mail")
	clerk.shot("apply-identity")
	clerk.click("choose-way")
	clerk.see("to-pay")
	clerk.shot("apply-payment")
	clerk.click("to-pay")
	clerk.pays()
	clerk.click("nav-apply")
	clerk.click("open-application")
	clerk.attribute("application-state", "data-state", "review")
	clerk.see("result")
	clerk.shot("apply-review")

	reviewer := open(t, browser(t, nil), "reviewer", origin+"/portal/", 1280, 900)
	reviewer.signInAs("reviewer")
	reviewer.click("nav-review")
	reviewer.see("case-row")
	reviewer.shot("review-queue")
	reviewer.opens()
	reviewer.see("case-paper-licence")
	reviewer.shot("review-case")
	reviewer.click("confirm-identity")
	reviewer.gone("confirm-identity")
	reviewer.click("reject")
	reviewer.picks("reason-field-0", "files/licence")
	reviewer.picks("reason-code-0", "unreadable")
	reviewer.click("add-reason")
	reviewer.picks("reason-field-1", "address")
	reviewer.picks("reason-code-1", "other")
	reviewer.write("reason-text-1", "缺少门牌号")
	reviewer.shot("review-reject")
	reviewer.click("reject-confirm")
	reviewer.see("decided")
	reviewer.shot("review-decided")
	reviewer.click("undo")
	reviewer.gone("decided")
	reviewer.click("reject")
	reviewer.picks("reason-field-0", "address")
	reviewer.picks("reason-code-0", "other")
	reviewer.write("reason-text-0", "缺少门牌号")
	reviewer.click("reject-confirm")
	reviewer.see("decided")

	clerk.see("rejected-reasons") // by itself, when it can no longer be undone
	clerk.reads("缺少门牌号")
	clerk.shot("apply-rejected")
	clerk.write("field-address", "浙江省杭州市西湖区文三路 1 号 2 幢 301 室")
	clerk.click("submit-application")
	clerk.attribute("application-state", "data-state", "review") // paid and verified already

	reviewer.opens()
	reviewer.see("changes")
	reviewer.shot("review-changed")
	reviewer.click("accept")
	reviewer.see("decided")
	reviewer.see("ship-form")
	reviewer.choose("ship-file", tokenFor(t, p, "lina"))
	reviewer.write("ship-carrier", "顺丰")
	reviewer.write("ship-number", "SF1234567890")
	reviewer.shot("review-ship")
	reviewer.click("ship-confirm")
	reviewer.attribute("case-state", "data-state", "issued")
	clerk.attribute("application-state", "data-state", "issued")
	clerk.reads("SF1234567890")
	clerk.shot("apply-issued")
	clerk.click("invoice")
	clerk.reads("申请截止") // the order is completed, so an invoice can be asked for
}

// A mobile certificate that costs nothing: the face check does not match, then
// passes; accepted, collected by the phone on the same screen, and ready to be bound.
func TestApplyingForAMobileCertificateInABrowser(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t)
	b := browser(t, awake)
	phone := open(t, b, "phone", origin+"/phone/", 412, 860)
	phone.tab = true
	phone.click("start")
	phone.see("tab-scan")
	clerk := open(t, b, "clerk", origin+"/portal/", 1280, 860)
	clerk.tab = true
	clerk.signInAs("lina")
	clerk.begins("huixin-mobile")
	clerk.fillsIn(nil)
	clerk.click("submit-application")
	clerk.see("sandbox-note")
	clerk.face("mismatch")
	clerk.see("face-outcome")
	clerk.shot("apply-face-mismatched")
	clerk.face("pass")
	clerk.click("confirm-free")
	clerk.attribute("application-state", "data-state", "review")

	reviewer := open(t, browser(t, nil), "reviewer", origin+"/portal/", 1280, 900)
	reviewer.signInAs("reviewer")
	reviewer.opens()
	reviewer.click("accept")
	reviewer.see("decided")

	clerk.click("collect")
	app := clerk.openHere(b)
	app.see("match-digits")
	app.digits(clerk)
	app.signs(true)
	clerk.attribute("session-state", "data-state", "confirmed")
	clerk.shot("apply-collected")
	clerk.click("done")
	clerk.attribute("application-state", "data-state", "issued")
	clerk.click("bind-issued")
	clerk.see("bind-self")
}

// pricesSwapped is the built-in catalogue, but the U-Key is free and the mobile
// certificate costs what the U-Key did.
func pricesSwapped(t *testing.T) func(*program.Program) {
	t.Helper()
	b, err := os.ReadFile("../../mobilecert/catalogue/default.json")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, swap := range [][2]string{{`"price_fen": 20000`, `"price_fen": -1`}, {`"price_fen": 0`, `"price_fen": 20000`}, {`"price_fen": -1`, `"price_fen": 0`}} {
		if strings.Count(text, swap[0]+",") != 1 {
			t.Fatalf("%s does not stand there once", swap[0])
		}
		text = strings.Replace(text, swap[0]+",", swap[1]+",", 1)
	}
	path := filepath.Join(t.TempDir(), "catalogue.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(p *program.Program) { p.Settings.Catalogue = path }
}

// A mobile certificate that is paid for: the face passes, the first papers do not, and
// nothing is paid twice; the phone scans the code, and the certificate is bound.
func TestPaidMobileCertificateInABrowser(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t, pricesSwapped(t))
	clerk := open(t, browser(t, awake), "clerk", origin+"/portal/", 1280, 860)
	clerk.tab = true
	clerk.signInAs("lina")
	clerk.begins("huixin-mobile")
	clerk.fillsIn(nil)
	clerk.click("submit-application")
	clerk.face("pass")
	clerk.click("to-pay")
	clerk.pays()
	clerk.click("nav-apply")
	clerk.click("open-application")
	clerk.attribute("application-state", "data-state", "review")

	reviewer := open(t, browser(t, nil), "reviewer", origin+"/portal/", 1280, 900)
	reviewer.signInAs("reviewer")
	reviewer.opens()
	reviewer.click("reject")
	reviewer.picks("reason-field-0", "email")
	reviewer.picks("reason-code-0", "not_found")
	reviewer.click("reject-confirm")
	reviewer.see("decided")
	clerk.see("rejected-reasons")
	clerk.write("field-email", "li.na@example.com")
	clerk.click("submit-application")
	clerk.attribute("application-state", "data-state", "review") // paid and verified already
	reviewer.opens()
	reviewer.see("changes")
	reviewer.click("accept")
	reviewer.see("decided")

	cam := newCamera(t)
	phone := open(t, browser(t, cam.flags()), "phone", origin+"/phone/", 360, 640)
	phone.click("start")
	phone.see("tab-scan")
	clerk.click("collect")
	phone.scan(cam, clerk)
	phone.reads("李娜")
	phone.digits(clerk)
	phone.signs(true)
	clerk.attribute("session-state", "data-state", "confirmed")
	clerk.click("done")
	clerk.attribute("application-state", "data-state", "issued")
	clerk.binds(phone, cam)
	clerk.click("nav-cashier")
	clerk.attribute("order-row", "data-state", "paid")
	clerk.click("order-invoice")
	clerk.reads("申请截止")
}

// binds binds what the phone holds to the account that is signed in, by scanning.
func (p *person) binds(phone *person, cam *camera) {
	p.t.Helper()
	p.click("nav-bindings")
	p.click("bind-self")
	p.click("medium-mobile")
	p.click("provider-huixin")
	p.click("next")
	phone.scan(cam, p)
	phone.signs(false)
	p.attribute("session-state", "data-state", "confirmed")
	p.click("done")
	p.attribute("binding-row", "data-state", "active")
}

// A U-Key that costs nothing: papers shown on site, accepted, made, fetched in person,
// and its certificate stands in the record.
func TestFreeUKeyInABrowser(t *testing.T) {
	t.Parallel()
	p, origin := programtest.Serve(t, pricesSwapped(t))
	clerk := open(t, browser(t, nil), "clerk", origin+"/portal/", 1280, 860)
	clerk.tab = true
	clerk.signInAs("lina")
	clerk.begins("huixin-ukey")
	clerk.fillsIn(map[string]string{"recipient": "李娜", "recipient_mobile": "13900000004", "address": "浙江省杭州市西湖区文三路 1 号"})
	clerk.click("submit-application")
	clerk.click("way-onsite")
	clerk.click("choose-way")
	clerk.click("confirm-free")
	clerk.attribute("application-state", "data-state", "review")

	reviewer := open(t, browser(t, nil), "reviewer", origin+"/portal/", 1280, 900)
	reviewer.signInAs("reviewer")
	reviewer.opens()
	reviewer.click("confirm-identity")
	reviewer.gone("confirm-identity")
	reviewer.click("accept")
	reviewer.see("decided")
	reviewer.see("ship-form")
	reviewer.choose("ship-file", tokenFor(t, p, "lina"))
	reviewer.click("ship-pickup")
	reviewer.click("ship-confirm")
	reviewer.attribute("case-state", "data-state", "issued")
	reviewer.see("case-revoke")
	reviewer.shot("review-issued")

	clerk.attribute("application-state", "data-state", "issued")
	clerk.reads("U-Key 已可领取")
	clerk.shot("apply-issued-pickup")
	clerk.click("nav-certificates")
	clerk.attribute("certificate-row", "data-state", "active")
	clerk.reads("介质版")
	clerk.click("certificate-details")
	clerk.see("certificate-dialog")
	clerk.reads("国密")
	clerk.shot("certificate-of-a-ukey")
}
