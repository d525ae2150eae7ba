package browser

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// returns goes back to the application, and finds it in the state.
func (p *person) returns(state string) {
	p.t.Helper()
	p.click("nav-apply")
	p.click("open-application")
	p.attribute("application-state", "data-state", state)
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
	clerk := atPortal(t, browser(t, nil), origin, "lina")
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
	clerk.returns("review")
	clerk.see("result")
	clerk.shot("apply-review")

	reviewer := atPortal(t, browser(t, nil), origin, "reviewer")
	reviewer.click("nav-review")
	reviewer.see("case-row")
	reviewer.shot("review-queue")
	reviewer.opens()
	reviewer.see("case-paper-licence")
	reviewer.shot("review-case")
	reviewer.click("confirm-identity")
	reviewer.gone("confirm-identity")
	number := [3]string{"address", "other", "缺少门牌号"}
	reviewer.rejects([3]string{"files/licence", "unreadable"}, number)
	reviewer.shot("review-decided")
	reviewer.click("undo")
	reviewer.gone("decided")
	reviewer.rejects(number)

	clerk.see("rejected-reasons") // by itself, when it can no longer be undone
	clerk.reads("缺少门牌号")
	clerk.shot("apply-rejected")
	clerk.write("field-address", "浙江省杭州市西湖区文三路 1 号 2 幢 301 室")
	clerk.click("submit-application")
	clerk.attribute("application-state", "data-state", "review") // paid and verified already

	reviewer.opens()
	reviewer.see("changes")
	reviewer.shot("review-changed")
	reviewer.accepts()
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
	onPhone(t, b, "phone", origin)
	clerk := atPortal(t, b, origin, "lina")
	clerk.begins("huixin-mobile")
	clerk.fillsIn(nil)
	clerk.click("submit-application")
	clerk.see("sandbox-note")
	clerk.choosesFace("mismatch")
	clerk.see("face-outcome")
	clerk.shot("apply-face-mismatched")
	clerk.choosesFace("pass")
	clerk.click("confirm-free")
	clerk.attribute("application-state", "data-state", "review")

	reviewer := atPortal(t, browser(t, nil), origin, "reviewer")
	reviewer.opens()
	reviewer.accepts()

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
	clerk := atPortal(t, browser(t, awake), origin, "lina")
	clerk.begins("huixin-mobile")
	clerk.fillsIn(nil)
	clerk.click("submit-application")
	clerk.choosesFace("pass")
	clerk.click("to-pay")
	clerk.pays()
	clerk.returns("review")

	reviewer := atPortal(t, browser(t, nil), origin, "reviewer")
	reviewer.opens()
	reviewer.rejects([3]string{"email", "not_found"})
	clerk.see("rejected-reasons")
	clerk.write("field-email", "li.na@example.com")
	clerk.click("submit-application")
	clerk.attribute("application-state", "data-state", "review") // paid and verified already
	reviewer.opens()
	reviewer.see("changes")
	reviewer.accepts()

	phone, cam := withCamera(t, "phone", origin)
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

// A U-Key that costs nothing: papers shown on site, accepted, made, fetched in person,
// and its certificate stands in the record.
func TestFreeUKeyInABrowser(t *testing.T) {
	t.Parallel()
	p, origin := programtest.Serve(t, pricesSwapped(t))
	clerk := atPortal(t, browser(t, nil), origin, "lina")
	clerk.begins("huixin-ukey")
	clerk.fillsIn(map[string]string{"recipient": "李娜", "recipient_mobile": "13900000004", "address": "浙江省杭州市西湖区文三路 1 号"})
	clerk.click("submit-application")
	clerk.click("way-onsite")
	clerk.click("choose-way")
	clerk.click("confirm-free")
	clerk.attribute("application-state", "data-state", "review")

	reviewer := atPortal(t, browser(t, nil), origin, "reviewer")
	reviewer.opens()
	reviewer.click("confirm-identity")
	reviewer.gone("confirm-identity")
	reviewer.accepts()
	reviewer.see("ship-form")
	reviewer.choose("ship-file", tokenFor(t, p, "lina"))
	reviewer.click("ship-pickup")
	reviewer.click("ship-confirm")
	reviewer.attribute("case-state", "data-state", "issued")
	reviewer.see("case-revoke")
	reviewer.shot("review-issued")

	clerk.attribute("application-state", "data-state", "issued")
	clerk.reads("U\u2011Key 已可领取")
	clerk.shot("apply-issued-pickup")
	clerk.click("nav-certificates")
	clerk.attribute("certificate-row", "data-state", "active")
	clerk.reads("介质版")
	clerk.click("certificate-details")
	clerk.see("certificate-dialog")
	clerk.reads("国密")
	clerk.shot("certificate-of-a-ukey")
}

// While the network is gone nothing is handed in, and who pressed the button sees so
// beside it; a paper goes by itself when the network is back.
func TestApplyingWithoutANetwork(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t)
	clerk := atPortal(t, browser(t, nil), origin, "lina")
	clerk.begins("huixin-mobile")
	clerk.click("submit-application")
	clerk.see("error-summary")
	clerk.attribute("file-licence", "aria-invalid", "true")
	clerk.attribute("file-authorisation", "aria-invalid", "true")
	clerk.write("field-id_number", "339900199506090037")
	clerk.attribute("saving", "data-state", "saved")
	clerk.network(false)
	clerk.choose("file-licence", proof(t))
	clerk.choose("file-authorisation", proof(t))
	clerk.see("retry")
	clerk.shot("apply-offline-paper")
	clerk.network(true)
	clerk.attribute("paper-licence", "data-there", "true")
	clerk.attribute("paper-authorisation", "data-there", "true")
	clerk.gone("problem")

	clerk.network(false)
	clerk.click("submit-application")
	in, err := clerk.see("problem").Eval(`() => { const r = this.getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight }`)
	clerk.must(err)
	if !in.Value.Bool() {
		t.Error("the problem is not where it can be seen")
	}
	clerk.shot("apply-offline-submit")
	clerk.network(true)
	clerk.gone("problem")
	clerk.click("submit-application")
	clerk.attribute("application-state", "data-state", "identity")
}
