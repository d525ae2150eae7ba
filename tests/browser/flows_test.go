package browser

import (
	"strings"
	"testing"
	"time"

	"certlink/program/programtest"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"
)

func (p *person) typePIN(pin string) {
	p.t.Helper()
	for _, d := range pin {
		p.click("pin-" + string(d))
	}
}

// signInAs signs in on the portal with the buttons of demo mode.
func (p *person) signInAs(login string) {
	p.t.Helper()
	p.click("demo-login-" + login)
	p.click("sign-in")
	p.see("sign-out")
}

func (p *person) signOut() {
	p.t.Helper()
	p.click("sign-out")
	p.see("sign-in")
}

// attribute waits until the element has the value.
func (p *person) attribute(id, name, want string) *rod.Element {
	p.t.Helper()
	deadline := time.Now().Add(p.patience())
	last := ""
	for {
		e := p.see(id)
		if v, err := e.Attribute(name); err == nil && v != nil {
			if last = *v; last == want {
				return e
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: %s of %s is %q, not %q; the page says:\n%s", p.name, name, id, last, want, p.text())
		}
		time.Sleep(50 * time.Millisecond)
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

// maybe presses what may be there or not, or may just be going.
func (p *person) maybe(id string) bool {
	has, e, err := p.page.Has(`[data-testid="` + id + `"]`)
	return err == nil && has && e.Timeout(2*time.Second).Click("left", 1) == nil
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

// The product's main course, from a fresh start to a binding that is undone,
// with a real browser for the portal and another as the phone, which sees
// nothing but what its camera sees.
func TestBindByScanning(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t)
	cam := newCamera(t)
	portal := open(t, browser(t, nil), "portal", origin+"/portal/", 1280, 860)
	phone := open(t, browser(t, cam.flags()), "phone", origin+"/phone/", 360, 640)

	phone.see("welcome")
	phone.shot("phone-1-welcome")
	phone.click("start")
	phone.see("tab-scan")

	// 张伟 collects an SM2 certificate for himself, the admin a P-256 one.
	portal.shot("portal-1-sign-in")
	for _, who := range []struct{ login, product string }{{"zhangwei", "demo-sm2"}, {"admin", "demo-p256"}} {
		portal.signInAs(who.login)
		portal.click("nav-apply")
		portal.click("product-" + who.product)
		portal.click("claim-demo")
		phone.scan(cam, portal)
		phone.shot("phone-2-enrol-" + who.login)
		portal.shot("portal-2-match-" + who.login)
		phone.digits(portal)
		phone.click("confirm")
		if who.login == "zhangwei" {
			phone.attribute("pin-choose", "data-step", "first")
			phone.shot("phone-3-pin")
			phone.typePIN(programtest.DemoPIN)
			phone.attribute("pin-choose", "data-step", "repeat")
		}
		phone.typePIN(programtest.DemoPIN)
		phone.attribute("result", "data-state", "confirmed")
		phone.shot("phone-4-collected-" + who.login)
		portal.attribute("session-state", "data-state", "confirmed")
		portal.shot("portal-3-collected-" + who.login)
		portal.click("done")
		if who.login != "admin" {
			portal.signOut()
		}
	}

	// 给当前账号绑定CA
	portal.click("nav-bindings")
	portal.see("empty")
	portal.shot("portal-4-empty")
	portal.click("bind-self")
	portal.click("medium-mobile")
	portal.click("provider-huixin")
	portal.shot("portal-5-provider")
	portal.click("next")
	portal.attribute("qr-code", "data-state", "live")
	portal.shot("portal-6-code")
	phone.scan(cam, portal)
	phone.shot("phone-5-statement")
	portal.attribute("session-state", "data-state", "scanned")
	portal.reads("已扫描")
	portal.shot("portal-7-scanned")
	for _, field := range []string{"purpose", "actor.name", "actor.organisation", "details.provider_name", "requester.ip", "requester.browser", "audience", "nonce"} {
		phone.see("field-" + field)
	}
	phone.chooseAndConfirm("王敏")
	phone.typePIN(programtest.DemoPIN)
	confirmed := time.Now()
	portal.attribute("session-state", "data-state", "confirmed")
	t.Logf("from the last digit of the PIN to the portal: %s", time.Since(confirmed).Round(10*time.Millisecond))
	phone.attribute("result", "data-state", "confirmed")
	phone.shot("phone-6-done")
	portal.shot("portal-8-done")
	portal.click("done")
	row := portal.rows(1)[0]
	for _, want := range []string{"汇信CA", "王敏"} {
		if !strings.Contains(row, want) {
			t.Errorf("the binding's row lacks %s: %s", want, row)
		}
	}
	portal.shot("portal-9-bound")

	// 给其他账号绑定CA: two are called 张伟, and the login tells them apart.
	portal.click("bind-other")
	portal.write("employee-name", "张伟")
	candidates := portal.see("candidates")
	portal.must(rod.Try(func() { candidates.MustElement(`[data-testid^="candidate-"]`) }))
	found, err := candidates.Elements(`[data-testid^="candidate-"]`)
	portal.must(err)
	if len(found) != 2 {
		t.Fatalf("%d people are called 张伟", len(found))
	}
	portal.shot("portal-10-candidates")
	portal.pick(found, "zhangwei\n", "zhangwei ", "zhangwei·", "zhangwei")
	portal.click("medium-mobile")
	portal.click("provider-huixin")
	portal.click("next")
	phone.scan(cam, portal)
	phone.see("field-subject.name")
	phone.shot("phone-7-statement-other")
	phone.chooseAndConfirm("张伟")
	phone.typePIN(programtest.DemoPIN)
	phone.attribute("result", "data-state", "confirmed")
	portal.attribute("session-state", "data-state", "confirmed")
	portal.click("done")
	portal.rows(2)
	portal.shot("portal-11-two")

	// 解除绑定
	portal.click("unbind")
	portal.see("unbind-dialog")
	portal.shot("portal-12-unbind")
	portal.click("unbind-confirm")
	portal.gone("unbind-dialog")
	portal.rows(1)

	phone.home()
	phone.click("tab-certs")
	phone.see("cert-item")
	phone.shot("phone-8-certificates")
	phone.click("tab-history")
	phone.see("history-item")
	phone.shot("phone-9-history")
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

// pick presses the first element whose surroundings hold one of the texts.
func (p *person) pick(among rod.Elements, texts ...string) {
	p.t.Helper()
	var seen []string
	for _, want := range texts {
		seen = seen[:0]
		for _, e := range among {
			box := e // the radio button; its label holds the text and takes the click
			if labels, err := e.Parents("label"); err == nil && len(labels) > 0 {
				box = labels[0]
			}
			text, err := box.Text()
			p.must(err)
			seen = append(seen, text)
			if strings.Contains(text+"\n", want) {
				p.must(box.Timeout(5*time.Second).Click("left", 1))
				return
			}
		}
	}
	p.t.Fatalf("%s finds none of %q among %q", p.name, texts, seen)
}

// rows waits until the table has n bindings and returns their texts.
func (p *person) rows(n int) []string {
	p.t.Helper()
	deadline := time.Now().Add(p.patience())
	for {
		rows, err := p.page.Elements(`[data-testid="binding-row"]`)
		if err == nil && len(rows) == n {
			var out []string
			for _, r := range rows {
				text, _ := r.Text()
				out = append(out, text)
			}
			return out
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%d bindings are shown, not %d:\n%s", len(rows), n, p.text())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// The README's first path: one screen, no camera. The portal opens the phone app
// in the same browser, and the result comes back to the page that began.
func TestOneScreen(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t)
	b := browser(t, nil)
	phone := open(t, b, "phone", origin+"/phone/", 412, 860)
	phone.tab = true
	phone.click("start")
	phone.see("tab-scan")
	portal := open(t, b, "portal", origin+"/portal/", 1280, 860)
	portal.tab = true
	portal.signInAs("lina")

	portal.click("nav-apply")
	portal.click("product-demo-p256")
	portal.click("claim-demo")
	app := portal.openHere(b)
	app.see("match-digits")
	app.digits(portal)
	app.click("confirm")
	app.see("pin-choose")
	app.typePIN(programtest.DemoPIN)
	app.attribute("pin-choose", "data-step", "repeat")
	app.typePIN(programtest.DemoPIN)
	app.attribute("result", "data-state", "confirmed")
	portal.attribute("session-state", "data-state", "confirmed")
	portal.click("done")

	portal.click("nav-bindings")
	portal.click("bind-self")
	portal.click("medium-mobile")
	portal.click("provider-huixin")
	portal.click("next")
	app = portal.openHere(b)
	app.shot("phone-10-one-screen")
	app.chooseAndConfirm("李娜")
	app.typePIN(programtest.DemoPIN)
	app.attribute("result", "data-state", "confirmed")
	portal.attribute("session-state", "data-state", "confirmed")
	portal.click("done")
	portal.rows(1)
}

// openHere presses 在本机打开 and goes through the page that explains it, to the
// statement in the phone app.
func (p *person) openHere(b *rod.Browser) *person {
	p.t.Helper()
	p.attribute("qr-code", "data-state", "live")
	p.click("same-device")
	for deadline := time.Now().Add(p.patience()); ; time.Sleep(50 * time.Millisecond) {
		if pages, err := b.Pages(); err == nil {
			for _, page := range pages {
				if info, err := page.Info(); err == nil && strings.Contains(info.URL, "/q/") {
					app := &person{t: p.t, name: "app", page: page.Timeout(8 * time.Minute), tab: true}
					_, err := app.page.Activate()
					app.must(err)
					link, err := app.page.Timeout(patience).Element("a.button")
					app.must(err)
					app.shot("landing-same-device")
					app.must(link.Timeout(10*time.Second).Click("left", 1))
					app.see("statement")
					return app
				}
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("no page opens:\n%s", p.text())
		}
	}
}
