package browser

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod"
)

// atPortal is somebody signed in at the portal, in a browser that may hold other pages.
func atPortal(t *testing.T, b *rod.Browser, origin, login string) *person {
	t.Helper()
	p := open(t, b, login, origin+"/portal/", 1280, 900)
	p.tab = true
	p.signInAs(login)
	return p
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

// rejects sends an application back; each reason is a field, a code, and words for
// the code other.
func (p *person) rejects(reasons ...[3]string) {
	p.t.Helper()
	p.click("reject")
	for i, r := range reasons {
		if i > 0 {
			p.click("add-reason")
		}
		n := strconv.Itoa(i)
		p.picks("reason-field-"+n, r[0])
		p.picks("reason-code-"+n, r[1])
		if r[2] != "" {
			p.write("reason-text-"+n, r[2])
		}
	}
	p.shot("review-reject")
	p.click("reject-confirm")
	p.see("decided")
}

func (p *person) accepts() {
	p.t.Helper()
	p.click("accept")
	p.see("decided")
}

// pays goes to the sandbox's page and pays there.
func (p *person) pays() {
	p.t.Helper()
	p.click("method-sandbox")
	p.click("pay")
	p.attribute("pay-code", "data-state", "live")
	p.sandbox("open-sandbox", "pay", "paid")
	p.see("paid")
}

// sandbox follows a link to a page that stands for another house's, and does one thing
// there.
func (p *person) sandbox(link, act, state string) {
	p.t.Helper()
	href, err := p.see(link).Attribute("href")
	p.must(err)
	there := open(p.t, p.page.Browser(), "sandbox", *href, 700, 800)
	there.tab = true
	there.shot(link + "-" + act)
	there.click("sandbox-" + act)
	there.attribute("sandbox-state", "data-state", state)
	there.shot(link + "-" + state)
	there.must(there.page.Close())
}

// face has the face checked, at the sandbox's page.
func (p *person) face(act string) {
	p.t.Helper()
	p.sandbox("face-link", act, map[string]string{"mismatch": "mismatched", "pass": "passed"}[act])
}

// choosesFace is the way of a face check, taken.
func (p *person) choosesFace(act string) {
	p.t.Helper()
	p.click("way-face")
	p.click("choose-way")
	p.see("face-link")
	p.shot("apply-face-" + act)
	p.face(act)
}

// beginBinding opens the dialog up to the code.
func (p *person) beginBinding() {
	p.t.Helper()
	p.click("bind-self")
	p.click("medium-mobile")
	p.click("provider-huixin")
	p.click("next")
	p.attribute("qr-code", "data-state", "live")
}

// binds binds what the phone holds to the account that is signed in, by scanning.
func (p *person) binds(phone *person, cam *camera) {
	p.t.Helper()
	p.click("nav-bindings")
	p.beginBinding()
	phone.scan(cam, p)
	phone.signs(false)
	p.attribute("session-state", "data-state", "confirmed")
	p.click("done")
	p.attribute("binding-row", "data-state", "active")
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
