package browser

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"
	"github.com/go-rod/rod/lib/proto"

	"certlink/account"
	"certlink/internal/clock"
	"certlink/program"
	"certlink/program/programtest"
)

// own is a page with a cookie jar of its own.
func own(t *testing.T, b *rod.Browser, name, url string, width, height int) *person {
	t.Helper()
	jar, err := b.Incognito()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, jar, name, url, width, height)
}

// network takes the page off the network, or brings it back.
func (p *person) network(on bool) {
	p.t.Helper()
	p.must(proto.NetworkEnable{}.Call(p.page))
	p.must(proto.NetworkEmulateNetworkConditions{Offline: !on, DownloadThroughput: -1, UploadThroughput: -1}.Call(p.page))
}

// Every way in which a confirmation ends other than well, and the ways in without
// a camera, on both screens.
func TestEndsAndWays(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64 // of the server's clock
	_, origin := programtest.Serve(t, func(p *program.Program) {
		p.Clock = func() time.Time { return clock.System().Add(time.Duration(ahead.Load())) }
	})
	b := browser(t, awake)
	portal := own(t, b, "portal", origin+"/portal/", 1280, 860)
	phone := own(t, b, "phone", origin+"/phone/", 360, 640)
	phone.click("start")
	phone.see("tab-scan")
	portal.signInAs("lina")

	// A certificate by typed code: wrong digits are told, and do not end it.
	portal.click("nav-apply")
	portal.click("product-demo-p256")
	portal.click("claim-demo")
	portal.attribute("qr-code", "data-state", "live")
	phone.typeCode(portal)
	text, err := phone.see("match-digits").Text()
	phone.must(err)
	wrong := "11"
	if strings.Join(strings.Fields(text), "") == wrong {
		wrong = "00"
	}
	portal.see("match-0")
	portal.must(portal.see("match-0").Focus())
	portal.press(input.Key(wrong[0]), input.Key(wrong[1]))
	portal.click("match-submit")
	portal.see("tries-left")
	portal.reads("还可以")
	phone.digits(portal)
	phone.signs(true)
	portal.attribute("session-state", "data-state", "confirmed")
	portal.click("done")
	portal.click("nav-bindings")

	// Rejected with a reason: the portal says it, in the person's words.
	portal.beginBinding()
	phone.typeCode(portal)
	phone.click("reject")
	phone.click("reject-reason-other")
	phone.write("reject-text", "请先电话联系我")
	phone.click("reject-send")
	phone.attribute("result", "data-state", "rejected")
	portal.attribute("session-state", "data-state", "rejected")
	portal.reads("请先电话联系我")
	portal.reads("没有执行任何操作")

	// And again in the same place: this time it was not the holder.
	portal.click("retry")
	portal.attribute("qr-code", "data-state", "live")
	phone.typeCode(portal)
	phone.click("not-me")
	phone.click("not-me-confirm")
	phone.see("result")
	phone.reads("已终止并上报")
	portal.reads("当面确认")
	if has, _, _ := portal.page.Has(`[data-testid="retry"]`); has {
		t.Error("after 不是我操作 the portal offers to try again at once")
	}
	portal.click("done")
	portal.gone("bind-dialog")

	// The connection goes, and what happened meanwhile is there when it is back.
	portal.beginBinding()
	portal.click("typed-code")
	code, err := portal.see("typed-code-value").Text()
	portal.must(err)
	portal.network(false)
	portal.see("connection-lost")
	portal.attribute("qr-code", "data-state", "stale") // nobody scans a dead code in vain
	phone.home()
	phone.click("tab-scan")
	phone.write("typed-input", code)
	phone.click("typed-submit")
	phone.see("match-digits")
	portal.network(true)
	portal.see("match-0")
	portal.gone("connection-lost")
	phone.digits(portal)
	phone.signs(false)
	portal.attribute("session-state", "data-state", "confirmed")
	portal.click("done")
	portal.rows(1)

	// Unbound again, so that the next code can be shown; it is left to expire.
	portal.click("unbind")
	portal.click("unbind-confirm")
	portal.see("empty")
	portal.click("bind-self")
	portal.click("provider-huixin")
	portal.click("next")
	portal.attribute("qr-code", "data-state", "live")
	ahead.Store(int64(61 * time.Second))
	portal.attribute("session-state", "data-state", "expired")
	if title := portal.page.MustInfo().Title; !strings.Contains(title, "过期") {
		t.Errorf("the tab is called %q after the code expired", title)
	}
	portal.click("retry")
	portal.attribute("qr-code", "data-state", "live")
	portal.press(input.Escape)
	portal.gone("bind-dialog")
}

// The language is a click away, is remembered, and goes along to the other pages.
func TestLanguage(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t)
	jar, err := browser(t, awake).Incognito()
	if err != nil {
		t.Fatal(err)
	}
	portal := open(t, jar, "portal", origin+"/portal/", 1280, 860)
	portal.reads("登录")
	portal.click("lang")
	portal.reads("Sign in")
	portal.must(portal.page.Reload())
	portal.reads("Sign in")
	portal.signInAs("admin")
	portal.reads("Bind and unbind")
	// What stands there already follows, mistakes included.
	portal.click("bind-other")
	portal.click("next")
	portal.reads("Enter the employee’s name")
	turn := `() => document.querySelector('[data-testid="lang"]').click()`
	portal.page.MustEval(turn)
	portal.reads("请输入员工姓名")
	portal.page.MustEval(turn)
	portal.reads("Enter the employee’s name")
	portal.press(input.Escape)
	portal.gone("bind-dialog")
	portal.beginBinding()
	portal.reads("Scan with the phone app")
	jarPage := func(path string) *person { return open(t, jar, "page", origin+path, 360, 640) }
	jarPage("/phone/").reads("Confirm what you do with this phone")
	landing := jarPage("/q/bAAAAAAAAAAAAAAAAAAAAAA.1.AAAAAAAAAAAAAAAAAAAAAA")
	landing.reads("Bind a certificate to an account")
	landing.reads("Open in the phone app")
	jarPage("/plain/").reads("Bind a certificate to this account")
	// On the phone, too, what was said already follows.
	phone := jarPage("/phone/")
	phone.click("start")
	phone.see("tab-scan")
	phone.page.MustEval(`() => { location.hash = '#/scan?code=nonsense' }`)
	phone.see("scan-say")
	phone.reads("This link is not complete")
	phone.page.MustEval(turn)
	phone.reads("这个链接不完整")
	phone.page.MustEval(turn)
	phone.reads("This link is not complete")
	// A page without script is as easily turned, and the portal follows.
	plain := jarPage("/plain/")
	link, err := plain.page.Timeout(patience).Element(`.language a`)
	plain.must(err)
	plain.must(link.Click(proto.InputMouseButtonLeft, 1))
	plain.reads("给当前账号绑定CA")
	jarPage("/plain/").reads("给当前账号绑定CA")
}

// The whole of the bind dialog by keyboard alone: the focus is never lost, never
// leaves the dialog, and comes back to where it was.
func TestKeyboardAlone(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t)
	portal := own(t, browser(t, awake), "portal", origin+"/portal/", 1280, 860)
	portal.see("login")
	portal.tabTo("login")
	portal.must(portal.page.InsertText("admin"))
	portal.tabTo("password")
	portal.must(portal.page.InsertText(account.DemoPassword))
	portal.press(input.Enter)
	portal.see("bind-self")
	portal.tabTo("bind-self")
	portal.press(input.Enter)
	portal.see("provider-huixin")

	// Round and round, forwards and back: always inside.
	for _, back := range []bool{false, true} {
		seen := map[string]bool{}
		for range 25 {
			portal.pressTab(back)
			at := portal.focus()
			if !at.inside {
				t.Fatalf("the focus is on %q, outside the dialog", at.id)
			}
			seen[at.id] = true
		}
		for _, id := range []string{"dialog-close", "medium-mobile", "cancel", "next"} {
			if !seen[id] {
				t.Errorf("the keyboard never reaches %s: %v", id, seen)
			}
		}
	}
	portal.tabTo("provider-huixin")
	portal.press(input.Space)
	portal.tabTo("next")
	portal.press(input.Enter)
	portal.attribute("qr-code", "data-state", "live")
	if !portal.focus().inside {
		t.Errorf("with the code on the screen the focus is on %q", portal.focus().id)
	}
	portal.tabTo("typed-code")
	portal.press(input.Enter)
	portal.see("typed-code-value")
	portal.press(input.Escape)
	portal.gone("bind-dialog")
	if at := portal.focus(); at.id != "bind-self" {
		t.Errorf("after the dialog the focus is on %q", at.id)
	}
}

type focused struct {
	id     string
	inside bool
}

func (p *person) focus() focused {
	p.t.Helper()
	v := p.page.MustEval(`() => {
		const at = document.activeElement
		return [at?.closest('[data-testid]')?.dataset.testid ?? at?.tagName ?? '', !!at?.closest('dialog[open]')]
	}`)
	return focused{v.Arr()[0].Str(), v.Arr()[1].Bool()}
}

// pressTab presses the Tab key, with Shift to go back.
func (p *person) pressTab(back bool) {
	p.t.Helper()
	keys := p.page.KeyActions()
	if back {
		keys = keys.Press(input.ShiftLeft)
	}
	p.must(keys.Type(input.Tab).Do())
}

// tabTo presses Tab until what has the test id is focused.
func (p *person) tabTo(id string) {
	p.t.Helper()
	p.see(id)
	for range 60 {
		if p.focus().id == id {
			return
		}
		p.pressTab(false)
	}
	p.t.Fatalf("%s cannot reach %s with the Tab key; the focus is on %s", p.name, id, p.focus().id)
}
