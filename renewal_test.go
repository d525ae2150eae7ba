package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"certlink/account"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
)

// leads opens a code that a page of the account shows in the phone app, as the
// camera does.
func (p *person) leads(by *portal, request map[string]string) *session {
	p.t.Helper()
	ctx := context.Background()
	s, err := by.start(ctx, request)
	p.must(err)
	s, err = by.read(ctx, s.ID) // the code of this second
	p.must(err)
	p.page.MustEval(`(code) => { location.hash = '#/scan?code=' + encodeURIComponent(code) }`, s.Code)
	return s
}

// signs confirms what the phone shows.
func (p *person) signs(first bool) {
	p.t.Helper()
	p.click("confirm")
	p.see("pin-pad")
	p.typePIN(demoPIN)
	if first { // the PIN is chosen, and typed again
		p.attribute("pin-choose", "data-step", "repeat")
		p.typePIN(demoPIN)
	}
	p.attribute("result", "data-state", "confirmed")
}

// Pay, be asked on the phone, confirm, and the binding has the new certificate. A
// bid that is not opened stops it until the holder has signed for it.
func TestRenewedAndExtendedInABrowser(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p, origin := serveProgram(t, func(p *program) { p.settings.RenewDaysBefore = 365 })
	page, err := signIn(ctx, origin, "zhangwei", account.DemoPassword)
	if err != nil {
		t.Fatal(err)
	}
	phone := open(t, browser(t, nil), "phone", origin+"/phone/", 390, 844)
	phone.click("start")
	phone.see("tab-scan")
	s := phone.leads(page, map[string]string{"purpose": "enroll", "product": "demo-p256"})
	digits, err := phone.see("match-digits").Text()
	phone.must(err)
	phone.must(page.match(ctx, s.ID, strings.Join(strings.Fields(digits), "")))
	phone.see("match-done")
	phone.signs(true)
	phone.leads(page, map[string]string{"purpose": "bind", "provider": "huixin"})
	phone.see("field-details.provider_name")
	phone.signs(false)
	b := p.binding(t, page)
	if _, _, err := p.bids.Record(ctx, "zcy", bids.Report{External: "b1", Binding: b.ID, Tender: "城东医院影像设备采购项目", OpensAt: time.Now().Add(72 * time.Hour)}); err != nil {
		t.Fatal(err)
	}

	clerk := open(t, browser(t, nil), "clerk", origin+"/portal/", 1280, 900)
	clerk.tab = true
	clerk.signInAs("zhangwei")
	clerk.click("nav-renew")
	clerk.click("renew-add")
	clerk.click("candidate-renew")
	clerk.click("method-sandbox")
	clerk.click("pay")
	href, err := clerk.see("open-sandbox").Attribute("href")
	clerk.must(err)
	bank := open(t, clerk.page.Browser(), "bank", *href, 700, 800)
	bank.tab = true
	bank.click("sandbox-pay")
	bank.attribute("sandbox-state", "data-state", "paid")
	bank.must(bank.page.Close())
	clerk.see("paid")
	clerk.click("pay-back")
	clerk.see("guard-open")
	clerk.shot("renewal-guarded")
	if got := p.binding(t, page); got.Certificate.Content != b.Certificate.Content {
		t.Fatal("extended over an open bid")
	}

	// The holder signs for the bid; the question to extend follows by itself.
	clerk.click("acknowledge")
	phone.click("result-certs")
	phone.click("arrived-open")
	phone.attribute("statement", "data-purpose", "acknowledge")
	phone.reads("城东医院影像设备采购项目")
	phone.shot("phone-acknowledge")
	phone.signs(false)
	phone.click("result-certs")
	phone.click("arrived-open")
	phone.attribute("statement", "data-purpose", "extend")
	phone.see("field-details.not_after")
	phone.shot("phone-extend")
	phone.signs(false)
	phone.shot("phone-extended")
	clerk.see("extended")
	clerk.attribute("renewal", "data-state", "extended")
	clerk.shot("renewal-extended")

	moved := p.binding(t, page)
	if moved.ID != b.ID || moved.Certificate.Content == b.Certificate.Content || !moved.Certificate.NotAfter.After(b.Certificate.NotAfter) {
		t.Fatalf("the binding did not move: %+v", moved.Certificate)
	}
	// The old key stays on the phone, for the bid.
	phone.click("result-certs")
	phone.page.MustElement(`[data-testid="cert-item"][data-state="superseded"]`).MustClick()
	phone.see("cert-keep")
	phone.click("cert-more")
	phone.click("cert-rehearse")
	phone.see("pin-pad")
	phone.typePIN(demoPIN)
	phone.see("rehearsed")
	phone.reads("演练成功")
	phone.shot("phone-rehearsed")
	phone.click("cert-more")
	phone.click("cert-delete")
	phone.see("keep-dialog")
	phone.shot("phone-kept")
}

// binding is the one active binding of the account that is signed in.
func (p *program) binding(t *testing.T, page *portal) *mobilecert.Binding {
	t.Helper()
	list, err := page.bindings(context.Background())
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("bindings: %+v, %v", list, err)
	}
	b, err := mobilecert.NewBindings(mobilecert.Config{Store: p.store}).Get(context.Background(), list.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
