package browser

import (
	"strings"
	"testing"
	"time"

	"certlink/program/programtest"

	"github.com/go-rod/rod"
)

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
	phone.confirms("张伟")
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
	portal.see("unbound")
	portal.rows(1)
	portal.shot("portal-13-unbound")

	phone.home()
	phone.click("tab-certs")
	phone.see("cert-item")
	phone.shot("phone-8-certificates")
	phone.click("tab-history")
	phone.see("history-item")
	phone.shot("phone-9-history")
}

// The README's first path: one screen, no camera. The portal opens the phone app
// in the same browser, and the result comes back to the page that began.
func TestOneScreen(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t)
	b := browser(t, nil)
	portal, app := onPhone(t, b, "phone", origin).collectHere(t, b, origin)
	portal.attribute("session-state", "data-state", "confirmed")
	portal.click("done")

	portal.click("nav-bindings")
	portal.beginBinding()
	app = portal.openHere(b)
	app.shot("phone-10-one-screen")
	app.confirms("李娜")
	portal.attribute("session-state", "data-state", "confirmed")
	portal.click("done")
	portal.rows(1)
}
