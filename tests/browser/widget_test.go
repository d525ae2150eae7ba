package browser

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"certlink/account"
	"certlink/phone"
	"certlink/program"
	"certlink/program/programtest"
)

// shopPage is a page of another site that shows a code with the widget. What it
// reads of its own cookies and storage is counted: the widget must read nothing.
const shopPage = `<!doctype html><html lang="en"><title>shop</title><script src="/guard.js"></script>
<div id="code" data-testid="code"></div><script src="%s/widget/certlink.js"></script><script src="/page.js"></script>`

const guardScript = `
window.reads = 0
for (const name of ['getItem', 'setItem', 'key']) Storage.prototype[name] = () => { reads++; return null }
Object.defineProperty(document, 'cookie', { get: () => { reads++; return '' }, set: () => { reads++ } })`

const pageScript = `
const asked = new URLSearchParams(location.hash.slice(1))
window.states = []
window.problems = []
window.shown = certlink.show(document.getElementById('code'), {
  session: asked.get('id'), secret: asked.get('secret'),
  onState: (s) => states.push(s.state), onProblem: (p) => problems.push(p.code), onAgain: () => {},
})`

// shop serves those pages under a policy that allows certlink what its README asks.
func shop(t *testing.T, certlink *string) *httptest.Server {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self' "+*certlink+"; connect-src "+*certlink)
		switch r.URL.Path {
		case "/guard.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, guardScript)
		case "/page.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, pageScript)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, shopPage, *certlink)
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

// bearer adds an integrator's token to every request.
type bearer struct{ token string }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}

// A page of another site, named in CERTLINK_WIDGET_ORIGINS, shows the code, and is
// told the end; one that is not named is told nothing.
func TestWidgetOnAnotherSite(t *testing.T) {
	t.Parallel()
	var certlink string
	srv := shop(t, &certlink)
	named := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) // another site, not only another port
	p, origin := programtest.Serve(t, func(p *program.Program) { p.Settings.WidgetOrigins, p.Settings.BindingsEach = []string{named}, 2 })
	certlink = origin
	ctx := t.Context()
	h := &household{origin: origin, signed: map[string]*programtest.Portal{}, phones: map[string]*phone.Phone{}}
	holder, key, err := h.holder(ctx, "admin")
	if err != nil {
		t.Fatal(err)
	}
	backEnd := integrator(t, ctx, p, origin)
	admin, err := p.Accounts.ByLogin(ctx, "admin")
	if err != nil {
		t.Fatal(err)
	}
	begin := func() (s struct {
		ID     string `json:"id"`
		Secret string `json:"browser_secret"`
	}) {
		if err := backEnd.Call(ctx, "POST", "/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "huixin", "actor": admin.ID, "account": admin.ID}, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	b := browser(t, awake)

	s := begin()
	page := own(t, b, "shop", named+"/#id="+s.ID+"&secret="+s.Secret, 800, 600)
	page.told("states", "created")
	var claimed *phone.Session
	for deadline := time.Now().Add(patience); claimed == nil; {
		img, err := png.Decode(bytes.NewReader(page.picture("#code")))
		page.must(err)
		if claimed, err = holder.ScanPicture(ctx, img); err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	page.told("states", "scanned")
	page.must(holder.Confirm(ctx, claimed, key))
	page.told("states", "confirmed")
	page.shot("widget-confirmed")
	if n := page.page.MustEval(`() => window.reads`).Int(); n != 0 {
		t.Errorf("the widget has read the page's cookies or storage %d times", n)
	}
	// What the page was told is for the person's eyes; the back end asks itself.
	var end programtest.Session
	req := &programtest.Portal{Origin: origin, HTTP: &http.Client{Transport: secretly{s.Secret}}}
	if err := req.Call(ctx, "GET", "/v1/qr-sessions/"+s.ID, nil, &end); err != nil || end.State != "confirmed" || end.Result == nil {
		t.Errorf("%+v, %v", end, err)
	}

	// The same page under another name has the right secret, and learns nothing.
	s = begin()
	stranger := own(t, b, "stranger", srv.URL+"/#id="+s.ID+"&secret="+s.Secret, 800, 600)
	if got := stranger.page.MustEval(`async (url, secret) => {
		try { return (await fetch(url, { headers: { 'Certlink-Browser-Secret': secret } })).status } catch (e) { return e.name }
	}`, origin+"/v1/qr-sessions/"+s.ID, s.Secret).Str(); got != "TypeError" {
		t.Errorf("a page of a site that was not named is answered: %s", got)
	}
	if got := stranger.page.MustEval(`() => states.join()`).Str(); got != "" {
		t.Errorf("a page of a site that was not named was told %q", got)
	}
}

// On a phone, which cannot scan its own screen, the widget leads into the app of the
// same device; a phone without a camera gets the short code.
func TestWidgetsOtherWays(t *testing.T) {
	t.Parallel()
	var certlink string
	srv := shop(t, &certlink)
	site := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	p, origin := programtest.Serve(t, func(p *program.Program) { p.Settings.WidgetOrigins = []string{site} })
	certlink = origin
	ctx := t.Context()
	h := &household{origin: origin, signed: map[string]*programtest.Portal{}, phones: map[string]*phone.Phone{}}
	holder, _, err := h.holder(ctx, "admin")
	if err != nil {
		t.Fatal(err)
	}
	admin, err := p.Accounts.ByLogin(ctx, "admin")
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		ID     string `json:"id"`
		Secret string `json:"browser_secret"`
	}
	if err := integrator(t, ctx, p, origin).Call(ctx, "POST", "/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "huixin", "actor": admin.ID, "account": admin.ID}, &s); err != nil {
		t.Fatal(err)
	}
	b := browser(t, awake)
	page := own(t, b, "shop", site+"/#id="+s.ID+"&secret="+s.Secret, 800, 700)
	page.inside("canvas.code:not([hidden])")
	page.shot("widget-code")

	touches := 1
	page.must(proto.EmulationSetTouchEmulationEnabled{Enabled: true, MaxTouchPoints: &touches}.Call(page.page))
	page.must(page.page.SetViewport(&proto.EmulationSetDeviceMetricsOverride{Width: 360, Height: 740, DeviceScaleFactor: 1}))
	here := page.inside(".stage > .button")
	if got := here.MustText(); got != "Open on this device" {
		t.Errorf("first on a phone: %q", got)
	}
	page.shot("widget-handheld")
	// The time left is drawn anew twice a second, and nothing loses the focus by it.
	if kept := page.page.MustEval(`async () => {
		const root = document.getElementById('code').shadowRoot, button = root.querySelector('.ways .quiet')
		button.focus()
		await new Promise((done) => setTimeout(done, 1200))
		return root.activeElement === button
	}`).Bool(); !kept {
		t.Error("a button that has the focus loses it while the time is drawn")
	}
	here.MustClick()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var found *rod.Page
		pages, err := b.Pages()
		page.must(err)
		for _, other := range pages {
			if info, err := other.Info(); err == nil && strings.HasPrefix(info.URL, origin+"/q/") {
				found = other
			}
		}
		if found != nil {
			found.MustClose()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing opens on this device")
		}
	}

	page.inside(".ways .quiet").MustClick() // show the code, after all
	page.inside("canvas.code:not([hidden])")
	page.inside(".ways .quiet").MustClick() // type a code
	code := page.inside(".typed").MustText()
	page.shot("widget-typed")
	claimed, err := holder.Scan(ctx, code)
	if err != nil {
		t.Fatalf("%q: %v", code, err)
	}
	page.told("states", "scanned")
	page.inside(".digits").MustInput(claimed.Match.Digits)
	page.inside(".match .button").MustClick()
	page.page.MustWait(`() => document.getElementById('code').shadowRoot.querySelector('.box').dataset.state === 'scanned' && !document.getElementById('code').shadowRoot.querySelector('.match')`)
	page.page.MustEval(`() => shown.close()`)
}

// inside waits for an element in the widget.
func (p *person) inside(selector string) *rod.Element {
	p.t.Helper()
	e, err := p.page.Timeout(patience).ElementByJS(rod.Eval(`(s) => document.getElementById('code').shadowRoot.querySelector(s)`, selector))
	p.must(err)
	return e.CancelTimeout()
}

// secretly asks with the browser secret, as a back end does that began a session.
type secretly struct{ secret string }

func (s secretly) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Certlink-Browser-Secret", s.secret)
	r.Header.Del("Origin")
	return http.DefaultTransport.RoundTrip(r)
}

func integrator(t *testing.T, ctx context.Context, p *program.Program, origin string) *programtest.Portal {
	t.Helper()
	a, err := p.Accounts.ByLogin(ctx, "integrator")
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := p.Accounts.CreateToken(ctx, account.System("test"), a.ID, "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	return &programtest.Portal{Origin: origin, HTTP: &http.Client{Transport: bearer{token}, Timeout: 10 * time.Second}}
}

// told waits until a list of the page's own holds the text.
func (p *person) told(list, want string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		got := p.page.MustEval(`(list) => window[list].join(' ')`, list).Str()
		if strings.Contains(got, want) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s waits to be told %q; its %s are %q", p.name, want, list, got)
		}
		time.Sleep(30 * time.Millisecond)
	}
}
