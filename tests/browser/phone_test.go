package browser

import (
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"

	"certlink/program/programtest"
)

// onPhone opens the phone app for the first time, in a browser that may hold other pages.
func onPhone(t *testing.T, b *rod.Browser, name, origin string) *person {
	t.Helper()
	p := open(t, b, name, origin+"/phone/", 360, 640)
	p.tab = true
	p.click("start")
	p.see("tab-scan")
	return p
}

// withCamera is a phone in a browser of its own, with the camera that it sees by.
func withCamera(t *testing.T, name, origin string) (*person, *camera) {
	t.Helper()
	cam := newCamera(t)
	return onPhone(t, browser(t, cam.flags()), name, origin), cam
}

func (p *person) typePIN(pin string) {
	p.t.Helper()
	for _, d := range pin {
		p.click("pin-" + string(d))
	}
}

// scan holds the phone before the portal's code until it is taken.
func (phone *person) scan(c *camera, portal *person) {
	phone.t.Helper()
	portal.attribute("qr-code", "data-state", "live")
	stop := portal.film(c, "qr-code")
	defer stop()
	phone.home()
	phone.click("tab-scan")
	phone.maybe("start-camera") // only the first time; later the camera starts by itself
	phone.see("statement")
}

// home leaves the page that tells the result of a confirmation.
func (p *person) home() {
	p.t.Helper()
	if !p.maybe("result-certs") {
		p.maybe("result-scan")
	}
}

// digits types what the phone shows into the portal.
func (phone *person) digits(portal *person) {
	phone.t.Helper()
	text, err := phone.see("match-digits").Text()
	phone.must(err)
	d := strings.Join(strings.Fields(text), "")
	if len(d) != 2 {
		phone.t.Fatalf("the phone shows %q", text)
	}
	portal.see("match-0")
	portal.must(portal.see("match-0").Focus())
	portal.press(input.Key(d[0]), input.Key(d[1]))
	portal.click("match-submit")
	phone.see("match-done")
}

// signs confirms what the phone shows.
func (p *person) signs(first bool) {
	p.t.Helper()
	p.click("confirm")
	p.see("pin-pad")
	p.typePIN(programtest.DemoPIN)
	if first { // the PIN is chosen, and typed again
		p.attribute("pin-choose", "data-step", "repeat")
		p.typePIN(programtest.DemoPIN)
	}
	p.attribute("result", "data-state", "confirmed")
}

// typeCode types the portal's short code into the phone app.
func (phone *person) typeCode(portal *person) {
	phone.t.Helper()
	portal.click("typed-code")
	code, err := portal.see("typed-code-value").Text()
	portal.must(err)
	phone.home()
	phone.click("tab-scan")
	phone.write("typed-input", code)
	phone.click("typed-submit")
	phone.see("statement")
}

// chooseAndConfirm confirms, with the holder's certificate where there are several.
func (p *person) chooseAndConfirm(holder string) {
	p.t.Helper()
	p.click("confirm")
	deadline := time.Now().Add(p.patience())
	for {
		if has, _, err := p.page.Has(`[data-testid="pin-pad"]`); err == nil && has {
			return
		}
		choices, err := p.page.Elements(`[data-testid^="cert-choice-"]`)
		if err == nil && len(choices) > 0 {
			p.pick(choices, holder)
			p.click("choose-go")
			p.see("pin-pad")
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s sees neither certificates nor the PIN pad:\n%s", p.name, p.text())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// confirms is chooseAndConfirm to the end.
func (p *person) confirms(holder string) {
	p.t.Helper()
	p.chooseAndConfirm(holder)
	p.typePIN(programtest.DemoPIN)
	p.attribute("result", "data-state", "confirmed")
}

// collectHere signs in on the portal in the same browser and collects a demo
// certificate on this phone.
func (phone *person) collectHere(t *testing.T, b *rod.Browser, origin string) (portal, app *person) {
	t.Helper()
	portal = atPortal(t, b, origin, "lina")
	portal.click("nav-apply")
	portal.click("product-demo-p256")
	portal.click("claim-demo")
	app = portal.openHere(b)
	app.see("match-digits")
	app.digits(portal)
	app.signs(true)
	return portal, app
}
