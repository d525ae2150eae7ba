package browser

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"testing"
	"time"

	"certlink/mobilecert"
	"certlink/mobilecert/application"
	"certlink/program"
	"certlink/program/programtest"
)

// accepted is an application of a demo account that a reviewer has accepted, made
// by the services as the pages make it.
func accepted(t *testing.T, p *program.Program, login, product string) string {
	t.Helper()
	ctx := context.Background()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	who, err := p.Accounts.ByLogin(ctx, login)
	check(err)
	by := mobilecert.Who{Account: who.ID, Name: who.Name, Organisation: who.OrganisationID}
	reviewer := mobilecert.Actor{ID: "reviewer", Name: "赵审"}
	offered, err := p.Catalogue.Offered(product)
	check(err)
	a, err := p.Applications.Create(ctx, by, product, offered.Offer.Terms.Version, application.Form{})
	check(err)
	a, err = p.Applications.Save(ctx, by, a.ID, a.Edit, map[string]string{"mobile": "13900000004", "email": "lina@example.com"})
	check(err)
	var paper bytes.Buffer
	check(png.Encode(&paper, image.NewGray(image.Rect(0, 0, 4, 4))))
	for _, slot := range application.Slots {
		a, err = p.Applications.Attach(ctx, by, a.ID, slot, string(slot)+".png", bytes.NewReader(paper.Bytes()))
		check(err)
	}
	a, err = p.Applications.Submit(ctx, by, a.ID, a.Edit)
	check(err)
	a, err = p.Applications.ChooseWay(ctx, by, a.ID, application.Mail)
	check(err)
	a, order, err := p.Applications.OpenOrder(ctx, by, a.ID)
	check(err)
	if order.AmountFen > 0 {
		_, err = p.Orders.Received(ctx, reviewer.ID, order.ID, "")
		check(err)
		until(t, "the payment counts", func() bool {
			a, err = p.Applications.Get(ctx, a.ID)
			return err == nil && a.State == application.Review
		})
	}
	a, err = p.Applications.ConfirmIdentity(ctx, reviewer, a.ID, len(a.Submissions))
	check(err)
	_, err = p.Applications.Accept(ctx, reviewer, a.ID, len(a.Submissions))
	check(err)
	until(t, "the decision counts", func() bool {
		_, err := p.Applications.Grant(ctx, a.ID, who.ID)
		return err == nil
	})
	return a.ID
}

// until waits for what the background does.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// asksFor has the page show a code for an application: its stills, one a second, as
// pages without a stream do. It answers the session.
func (p *person) asksFor(application string) (session string) {
	p.t.Helper()
	v, err := p.page.Eval(`async (application) => {
		const r = await fetch('/v1/qr-sessions', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ purpose: 'enroll', application }) })
		const s = await r.json()
		if (!r.ok) return 'refused ' + s.code
		document.querySelector('[data-testid="still"]')?.remove()
		const img = document.createElement('img')
		img.dataset.testid = 'still'
		img.style.cssText = 'position:fixed;z-index:9;top:190px;left:430px;width:420px;height:420px;background:#fff;padding:24px'
		const draw = () => { if (img.isConnected) img.src = '/v1/qr-sessions/' + s.id + '/still.png?t=' + Date.now() }
		document.body.append(img)
		draw()
		setInterval(draw, 900)
		return s.id
	}`, application)
	p.must(err)
	return v.Value.Str()
}

// types sends digits to a session of the page, and says what came of it.
func (p *person) types(session, digits string) string {
	p.t.Helper()
	v, err := p.page.Eval(`async (session, digits) => {
		const r = await fetch('/v1/qr-sessions/' + session + '/match', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ digits }) })
		return r.ok ? 'ok' : (await r.json()).code
	}`, session, digits)
	p.must(err)
	return v.Value.Str()
}

// shown are the digits on the phone.
func (p *person) shown() string {
	p.t.Helper()
	text, err := p.see("match-digits").Text()
	p.must(err)
	var out []rune
	for _, r := range text {
		if r >= '0' && r <= '9' {
			out = append(out, r)
		}
	}
	return string(out)
}

// other are two digits that the phone does not show.
func other(digits string) string {
	if digits == "17" {
		return "18"
	}
	return "17"
}

// An accepted application's certificate, a pair, is collected by scanning; a
// stranger's phone that scans the same code collects nothing. Lost, it is revoked.
func TestCollectingAnApplication(t *testing.T) {
	t.Parallel()
	p, origin := programtest.Serve(t)
	ctx := context.Background()
	id := accepted(t, p, "lina", "huixin-mobile")
	portal := atPortal(t, browser(t, nil), origin, "lina")

	scan := func(phone *person, cam *camera) {
		stop := portal.film(cam, "still")
		defer stop()
		phone.home()
		phone.click("tab-scan")
		phone.maybe("start-camera")
		phone.see("statement")
	}

	stranger, lens := withCamera(t, "stranger", origin)
	session := portal.asksFor(id)
	scan(stranger, lens)
	stranger.reads("李娜") // who it is for stands there; the digits stand on no page of the stranger's
	stranger.shot("collect-1-stranger")
	for range 3 {
		if code := portal.types(session, other(stranger.shown())); code != "match_wrong" && code != "match_failed" {
			t.Fatalf("wrong digits: %s", code)
		}
	}
	stranger.attribute("result", "data-state", "failed")
	stranger.home()
	stranger.click("tab-certs")
	stranger.see("certs-empty")

	phone, cam := withCamera(t, "phone", origin)
	session = portal.asksFor(id)
	scan(phone, cam)
	for _, field := range []string{"details.product_name", "details.algorithm", "details.encryption_key_maker", "details.encryption_key_escrowed"} {
		phone.see("field-" + field)
	}
	phone.shot("collect-2-statement")
	if code := portal.types(session, phone.shown()); code != "ok" {
		t.Fatalf("the right digits: %s", code)
	}
	phone.see("match-done")
	phone.signs(true)
	phone.shot("collect-3-collected")
	phone.home()
	phone.click("tab-certs")
	phone.click("cert-item")
	phone.attribute("cert-pair", "data-ready", "true") // the envelope was opened, and its key wrapped
	phone.shot("collect-4-pair")

	// The application knows, and entitles to no second one.
	until(t, "the application is issued", func() bool {
		a, err := p.Applications.Get(ctx, id)
		return err == nil && a.State == application.Issued && a.Certificate != ""
	})
	if again := portal.asksFor(id); again != "refused application_not_collectable" && again != "refused grant_used" {
		t.Errorf("a second code: %s", again)
	}

	portal.must(portal.page.Reload())
	portal.click("nav-certificates")
	portal.attribute("certificate-row", "data-state", "active")
	portal.click("revoke")
	portal.click("revoke-confirm")
	portal.see("error-summary")
	portal.click("reason-key_compromise")
	portal.shot("collect-5-revoke")
	portal.click("revoke-confirm")
	portal.gone("revoke-dialog")
	portal.attribute("certificate-row", "data-state", "revoked")
	portal.shot("collect-6-revoked")
	phone.must(phone.page.Reload())
	phone.click("tab-certs")
	phone.attribute("cert-item", "data-state", "revoked")
}
