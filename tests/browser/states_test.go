package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"certlink/account"
	"certlink/phone"
	"certlink/program/programtest"
)

// designed is one state of web/a11y/states.json; web/a11y/README.md says what
// the steps mean.
type designed struct {
	ID     string      `json:"id"`
	App    string      `json:"app"`   // portal (the default), phone, plain
	Login  string      `json:"login"` // of the portal: the demo account
	Phone  string      `json:"phone"` // of the phone app: new, empty, holder
	Path   string      `json:"path"`
	Narrow bool        `json:"narrow"`
	Touch  bool        `json:"touch"`
	Steps  []stateStep `json:"steps"`
	End    string      `json:"end"`
	State  string      `json:"state"`
}

type stateStep struct {
	Click     string          `json:"click"`
	Fill      string          `json:"fill"`
	With      string          `json:"with"`
	Wait      string          `json:"wait"`
	State     string          `json:"state"`
	Phone     string          `json:"phone"`
	Digits    string          `json:"digits"`
	Portal    string          `json:"portal"`
	PIN       string          `json:"pin"`
	Asked     string          `json:"asked"`
	Bindings  int             `json:"bindings"`
	Reply     string          `json:"reply"`
	Status    int             `json:"status"`
	Code      string          `json:"code"`
	Body      json.RawMessage `json:"body"`
	Call      string          `json:"call"`
	As        string          `json:"as"`
	Keep      string          `json:"keep"`
	Go        string          `json:"go"`
	Offline   bool            `json:"offline"`
	SignedOut bool            `json:"signedOut"`
	Reload    bool            `json:"reload"`
}

func readStates(t *testing.T) (all []designed) {
	t.Helper()
	b, err := os.ReadFile("../../web/a11y/states.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields() // a step misspelt would be a step left out
	if err := d.Decode(&all); err != nil {
		t.Fatalf("web/a11y/states.json: %v", err)
	}
	seen := map[string]bool{}
	for i := range all {
		s := &all[i]
		if s.App == "" {
			s.App = "portal"
		}
		if seen[s.ID] || s.ID == "" || (s.End == "") != (s.App == "plain") {
			t.Errorf("web/a11y/states.json: %q is twice there, or has no end", s.ID)
		}
		seen[s.ID] = true
	}
	return all
}

// visitor goes to one state after another, in one browser, and is as many people
// as the states name: each has a cookie jar of its own.
type visitor struct {
	origin string
	b      *rod.Browser
	people map[string]*rod.Browser
	house  *household
}

// household is what all visitors of one server share.
type household struct {
	origin string
	mu     sync.Mutex
	signed map[string]*programtest.Portal
	phones map[string]*phone.Phone // that hold their owners' certificates

	seeding sync.Mutex
	bound   int
}

// portalOf is an account signed in without a browser.
func (h *household) portalOf(ctx context.Context, login string) (*programtest.Portal, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.signed[login]; p != nil {
		return p, nil
	}
	p, err := programtest.SignIn(ctx, h.origin, login, account.DemoPassword)
	if err == nil {
		h.signed[login] = p
	}
	return p, err
}

// holder is a phone that holds a certificate of the account.
func (h *household) holder(ctx context.Context, login string) (*phone.Phone, *phone.Key, error) {
	page, err := h.portalOf(ctx, login)
	if err != nil {
		return nil, nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.phones[login]
	if p == nil {
		if p, err = phone.New(h.origin); err == nil {
			err = errors.Join(p.Register(ctx, "演示手机"), p.SetPIN(ctx, programtest.DemoPIN))
		}
		if err != nil {
			return nil, nil, err
		}
		h.phones[login] = p
	}
	s, err := page.Start(ctx, map[string]string{"purpose": "enroll", "product": "demo-p256"})
	if err != nil {
		return nil, nil, err
	}
	key, err := p.Enroll(ctx, s.Code, func(claimed *phone.Session) error { return page.Match(ctx, s.ID, claimed.Match.Digits) })
	return p, key, err
}

// bindings makes active bindings of the admin's organisation until there are n.
func (h *household) bindings(ctx context.Context, n int) error {
	h.seeding.Lock()
	defer h.seeding.Unlock()
	for _, login := range []string{"admin", "zhangwei", "zhangwei2"} {
		for range 10 {
			if h.bound >= n {
				return nil
			}
			p, key, err := h.holder(ctx, login)
			if err != nil {
				return err
			}
			page, err := h.portalOf(ctx, login)
			if err != nil {
				return err
			}
			s, err := page.Start(ctx, map[string]string{"purpose": "bind", "provider": "huixin"})
			if err != nil {
				if r, ok := err.(*programtest.Refusal); ok && r.Code == "account_slot_taken" {
					break
				}
				return err
			}
			claimed, err := p.Scan(ctx, s.Code)
			if err == nil {
				err = p.Confirm(ctx, claimed, key)
			}
			if err != nil {
				return err
			}
			h.bound++
		}
	}
	return nil
}

// visit is one visitor on the way to one state.
type visit struct {
	*person
	v       *visitor
	s       *designed
	rules   rules
	phone   *phone.Phone
	key     *phone.Key
	claimed *phone.Session
	begun   *programtest.Session // by a portal without a browser, for the phone app
	by      *programtest.Portal
	kept    map[string]string
}

// go goes to the state; the page is closed when the test ends.
func (v *visitor) visit(t *testing.T, s *designed) *visit {
	t.Helper()
	who := s.App + ":" + s.Login + s.Phone
	own := v.people[who]
	if own == nil || s.Phone == "new" || s.App == "portal" && s.Login == "" {
		var err error
		if own, err = v.b.Incognito(); err != nil {
			t.Fatal(err)
		}
		if s.Login != "" {
			v.signIn(t, own, s.Login)
		}
		if s.Phone == "empty" || s.Phone == "holder" {
			v.prepare(t, own, s.Phone)
		}
		v.people[who] = own
	}
	vis := &visit{v: v, s: s, kept: map[string]string{}}
	vis.person = open(t, own, s.ID, v.origin+map[string]string{"portal": "/portal/", "phone": "/phone/", "plain": ""}[s.App]+s.Path, 1280, 860)
	vis.waits = 20 * time.Second
	if s.Touch {
		touches := 1
		vis.must(proto.EmulationSetTouchEmulationEnabled{Enabled: true, MaxTouchPoints: &touches}.Call(vis.page))
	}
	if s.Narrow {
		vis.must(vis.page.SetViewport(&proto.EmulationSetDeviceMetricsOverride{Width: 360, Height: 800, DeviceScaleFactor: 1}))
	}
	t.Cleanup(func() { vis.page.Close() })
	for i := range s.Steps {
		vis.step(&s.Steps[i])
	}
	vis.arrive(s.End, s.State)
	return vis
}

func (v *visitor) signIn(t *testing.T, own *rod.Browser, login string) {
	t.Helper()
	p, err := programtest.SignIn(t.Context(), v.origin, login, account.DemoPassword)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(v.origin)
	for _, c := range p.HTTP.Jar.Cookies(u) {
		if err := own.SetCookies([]*proto.NetworkCookieParam{{Name: c.Name, Value: c.Value, Domain: u.Hostname(), Path: "/", HTTPOnly: true, SameSite: proto.NetworkCookieSameSiteLax}}); err != nil {
			t.Fatal(err)
		}
	}
}

// prepare makes a phone that is registered and, as holder, has a certificate.
func (v *visitor) prepare(t *testing.T, own *rod.Browser, kind string) {
	t.Helper()
	vis := &visit{v: v, s: &designed{ID: "prepare"}, kept: map[string]string{}}
	vis.person = open(t, own, "prepare", v.origin+"/phone/", 1280, 860)
	vis.waits = 20 * time.Second
	defer vis.page.Close()
	steps := []stateStep{{Click: "start"}, {Wait: "tab-scan"}}
	if kind == "holder" {
		steps = append(steps, stateStep{Portal: "enroll"}, stateStep{Wait: "match-digits"}, stateStep{Portal: "digits"}, stateStep{Wait: "match-done"},
			stateStep{Click: "confirm"}, stateStep{PIN: programtest.DemoPIN}, stateStep{PIN: programtest.DemoPIN}, stateStep{Wait: "result"})
	}
	for i := range steps {
		vis.step(&steps[i])
	}
}

func (v *visit) arrive(id, state string) {
	v.t.Helper()
	switch {
	case id == "": // a page without script is there when it is loaded
		_, err := v.page.Timeout(v.patience()).Element("h1")
		v.must(err)
		return
	case state == "":
		v.see(id)
		return
	}
	v.attribute(id, "data-state", state)
}

func (v *visit) step(s *stateStep) {
	v.t.Helper()
	ctx := v.t.Context()
	switch {
	case s.Click != "":
		v.click(s.Click)
	case s.Fill != "":
		v.write(s.Fill, v.filled(s.With))
	case s.Wait != "":
		v.arrive(s.Wait, s.State)
	case s.Phone != "":
		v.must(v.handset(ctx, s.Phone))
	case s.Digits != "":
		v.digits(s.Digits)
	case s.Portal != "":
		v.must(v.portalDoes(ctx, s.Portal))
	case s.PIN != "":
		v.enterPIN(s.PIN)
	case s.Asked != "":
		v.asked(s.Asked)
	case s.Bindings > 0:
		v.must(v.v.house.bindings(ctx, s.Bindings))
		v.reload()
	case s.Reply != "":
		v.must(v.rules.add(v.page, s))
	case s.Call != "":
		v.must(v.call(ctx, s))
	case s.Go != "":
		v.must(v.page.Navigate(v.v.origin + v.filled(s.Go)))
	case s.Offline:
		v.must(proto.NetworkEnable{}.Call(v.page))
		v.must(proto.NetworkEmulateNetworkConditions{Offline: true, DownloadThroughput: -1, UploadThroughput: -1}.Call(v.page))
	case s.SignedOut:
		// The next state of this person signs in anew.
		delete(v.v.people, v.s.App+":"+v.s.Login+v.s.Phone)
		v.must(proto.NetworkDeleteCookies{Name: "certlink_session", URL: v.v.origin}.Call(v.page))
	case s.Reload:
		v.reload()
	default:
		v.t.Fatalf("%s: a step that does nothing: %+v", v.s.ID, s)
	}
}

// enterPIN types a PIN; the pad that asks for it again is another one.
func (v *visit) enterPIN(pin string) {
	v.t.Helper()
	v.see("pin-pad")
	step := func() string {
		return v.page.MustEval(`() => document.querySelector('[data-testid="pin-choose"]')?.dataset.step ?? ''`).Str()
	}
	was := step()
	v.typePIN(pin)
	for deadline := time.Now().Add(v.patience()); was != "" && step() == was && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
}

// asked leaves a request on the phone that an authority has to see to.
func (v *visit) asked(state string) {
	v.t.Helper()
	_, err := v.page.Eval(`async (state) => {
		const db = await new Promise((done, failed) => {
			const open = indexedDB.open('certlink-phone', 1)
			open.onsuccess = () => done(open.result)
			open.onerror = () => failed(open.error)
		})
		const provider = { id: 'x', name_zh: '某某CA', name_en: 'Some CA' }
		const put = db.transaction('waiting', 'readwrite')
		put.objectStore('waiting').put({ session: 's1', key: { name: 'k1' }, provider,
			asked: { key: 'k1', state, provider, holder_name: '李娜', since: '2026-11-25T08:00:00Z', note: '营业执照已过有效期' } }, 's1')
		await new Promise((done, failed) => { put.oncomplete = done; put.onerror = () => failed(put.error) })
		db.close()
	}`, state)
	v.must(err)
}

func (v *visit) reload() {
	v.t.Helper()
	v.must(v.page.Reload())
	v.must(v.page.WaitLoad())
}

func (v *visit) filled(text string) string {
	for name, value := range v.kept {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	return text
}

// handset is the phone before the portal's code. It sees the screen, no more.
func (v *visit) handset(ctx context.Context, act string) (err error) {
	switch act, detail, _ := strings.Cut(act, ":"); act {
	case "scan":
		if needs := v.s.confirms(); needs && v.s.Path == "#/ca/bindings" {
			v.phone, v.key, err = v.v.house.holder(ctx, v.s.Login)
		} else if v.phone, err = phone.New(v.v.origin); err == nil {
			err = v.phone.Register(ctx, "演示手机")
			if err == nil && needs {
				err = v.phone.SetPIN(ctx, programtest.DemoPIN)
			}
		}
		if err == nil {
			err = v.scanScreen(ctx)
		}
		if err == nil && v.claimed.KeyRequest != nil {
			v.key, err = v.phone.MakeKey(ctx, v.claimed)
		}
		return err
	case "confirm":
		if err := v.phone.AwaitMatch(ctx, v.claimed); err != nil {
			return err
		}
		return v.phone.Confirm(ctx, v.claimed, v.key)
	case "reject":
		text := ""
		if detail == "other" {
			text = "请先和我电话确认"
		}
		return v.phone.Reject(ctx, v.claimed, detail, text)
	case "not_me":
		return v.phone.NotMe(ctx, v.claimed)
	default:
		return fmt.Errorf("a phone cannot %q", act)
	}
}

func (s *designed) confirms() bool {
	for _, step := range s.Steps {
		if step.Phone == "confirm" {
			return true
		}
	}
	return false
}

// scanScreen reads the code from a picture of the screen, again where it changed
// between the picture and the scan.
func (v *visit) scanScreen(ctx context.Context) error {
	v.attribute("qr-code", "data-state", "live")
	for deadline := time.Now().Add(v.patience()); ; {
		shot, err := v.around("qr-code")
		if err == nil {
			img, e := png.Decode(bytes.NewReader(shot))
			if err = e; err == nil {
				v.claimed, err = v.phone.ScanPicture(ctx, img)
			}
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (v *visit) digits(which string) {
	v.t.Helper()
	text := v.claimed.Match.Digits
	if which == "wrong" {
		text = map[bool]string{true: "11", false: "00"}[text == "00"]
	}
	// The boxes are emptied by the answer to wrong digits.
	deadline := time.Now().Add(v.patience())
	for v.see("match-0").MustProperty("value").Str() != "" && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	v.must(v.see("match-0").Focus())
	v.must(v.page.InsertText(text[:1]))
	v.must(v.see("match-1").Focus())
	v.must(v.page.InsertText(text[1:]))
}

// portalDoes begins a session elsewhere and leads the phone app to it, as the
// landing page does; or answers it.
func (v *visit) portalDoes(ctx context.Context, act string) (err error) {
	switch act {
	case "bind", "enroll":
		if v.by, err = v.v.house.portalOf(ctx, "zhangwei"); err != nil {
			return err
		}
		request := map[string]string{"purpose": act, "provider": "huixin"}
		if act == "enroll" {
			request = map[string]string{"purpose": act, "product": "demo-p256"}
		}
		if v.begun, err = v.by.Start(ctx, request); err != nil {
			return err
		}
		// The code of this second: beginning may have taken longer than it lives.
		if v.begun, err = v.by.Read(ctx, v.begun.ID); err != nil {
			return err
		}
		return rod.Try(func() {
			v.page.MustEval(`(code) => { location.hash = '#/scan?code=' + encodeURIComponent(code) }`, v.begun.Code)
		})
	case "digits":
		text, err := v.see("match-digits").Text()
		if err != nil {
			return err
		}
		return v.by.Match(ctx, v.begun.ID, strings.Join(strings.Fields(text), ""))
	case "cancel":
		return v.by.Call(ctx, "POST", "/v1/qr-sessions/"+v.begun.ID+"/cancel", map[string]string{}, nil)
	}
	return fmt.Errorf("a portal cannot %q", act)
}

// call asks the API as somebody, so that a state has something to show.
func (v *visit) call(ctx context.Context, s *stateStep) error {
	who := s.As
	if who == "" {
		who = v.s.Login
	}
	p, err := v.v.house.portalOf(ctx, who)
	if err != nil {
		return err
	}
	method, path, _ := strings.Cut(s.Call, " ")
	var in any
	if len(s.Body) > 0 {
		in = json.RawMessage(v.filled(string(s.Body)))
	}
	out := map[string]any{}
	if s.Keep == "" {
		return p.Call(ctx, method, v.filled(path), in, nil)
	}
	if err := p.Call(ctx, method, v.filled(path), in, &out); err != nil {
		return err
	}
	v.kept[s.Keep] = fmt.Sprint(out["id"])
	return nil
}

// rules are the answers that a page gets in the server's place.
type rules struct {
	mu  sync.Mutex
	all []*stateStep
}

func (r *rules) add(page *rod.Page, s *stateStep) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, s)
	if len(r.all) > 1 {
		return nil
	}
	go page.EachEvent(func(e *proto.FetchRequestPaused) { r.answer(page, e) })()
	return proto.FetchEnable{Patterns: []*proto.FetchRequestPattern{{URLPattern: "*/v1/*"}}}.Call(page)
}

// answer decides about one request. Errors are those of a page that has gone.
func (r *rules) answer(page *rod.Page, e *proto.FetchRequestPaused) {
	u, err := url.Parse(e.Request.URL)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.all {
		if u.Path != s.Reply && !(strings.HasSuffix(s.Reply, "/") && strings.HasPrefix(u.Path, s.Reply)) {
			continue
		}
		switch {
		case s.Status < 0: // never answered
		case s.Status == 0:
			proto.FetchFailRequest{RequestID: e.RequestID, ErrorReason: proto.NetworkErrorReasonConnectionFailed}.Call(page)
		default:
			kind, body, stream := "application/json", []byte(s.Body), ""
			switch {
			case json.Unmarshal(body, &stream) == nil && stream != "":
				kind, body = "text/event-stream", []byte(stream)
			case len(body) == 0:
				kind = "application/problem+json"
				body, _ = json.Marshal(map[string]any{"type": "about:blank", "title": "现在不能办理", "title_zh": "现在不能办理", "title_en": "This cannot be done now",
					"status": s.Status, "code": s.Code, "request_id": "01k0000000000000000000000"})
			}
			proto.FetchFulfillRequest{RequestID: e.RequestID, ResponseCode: s.Status, Body: body,
				ResponseHeaders: []*proto.FetchHeaderEntry{{Name: "Content-Type", Value: kind}, {Name: "X-Request-Id", Value: "01k0000000000000000000000"},
					// The desktop bridge is of another origin.
					{Name: "Access-Control-Allow-Origin", Value: "*"}, {Name: "Access-Control-Allow-Headers", Value: "authorization, content-type"}}}.Call(page)
		}
		return
	}
	proto.FetchContinueRequest{RequestID: e.RequestID}.Call(page)
}
