package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"certlink/account"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/renewal"
	"certlink/program"
	"certlink/program/programtest"
	"certlink/push/fcm/fcmtest"
	"certlink/store"
)

// leads opens a code that a page of the account shows in the phone app, as the
// camera does.
func (p *person) leads(by *programtest.Portal, request map[string]string) *programtest.Session {
	p.t.Helper()
	ctx := context.Background()
	s, err := by.Start(ctx, request)
	p.must(err)
	s, err = by.Read(ctx, s.ID) // the code of this second
	p.must(err)
	p.page.MustEval(`(code) => { location.hash = '#/scan?code=' + encodeURIComponent(code) }`, s.Code)
	return s
}

// renewingWorld is a server at which certificates can be renewed at once, a clerk's account
// at it, and a phone that holds the certificate bound to it.
type renewingWorld struct {
	p     *program.Program
	at    string
	api   *programtest.Portal // the clerk's, without a screen
	phone *person
	bound *mobilecert.Binding
}

func newRenewing(t *testing.T, phoneAt func(*person), change ...func(*program.Program)) *renewingWorld {
	t.Helper()
	return newRenewingOf(t, "demo-p256", nil, phoneAt, change...)
}

func newRenewingOf(t *testing.T, product string, flags map[string]string, phoneAt func(*person), change ...func(*program.Program)) *renewingWorld {
	t.Helper()
	ctx := context.Background()
	w := &renewingWorld{}
	w.p, w.at = programtest.Serve(t, append(change, func(p *program.Program) { p.Settings.RenewDaysBefore = 365 })...)
	var err error
	if w.api, err = programtest.SignIn(ctx, w.at, "zhangwei", account.DemoPassword); err != nil {
		t.Fatal(err)
	}
	w.phone = open(t, browser(t, flags), "phone", "about:blank", 390, 844)
	if phoneAt != nil {
		phoneAt(w.phone)
	}
	phone := w.phone
	phone.must(phone.page.Navigate(w.at + "/phone/"))
	phone.click("start")
	phone.see("tab-scan")
	w.collects(map[string]string{"purpose": "enroll", "product": product}, true)
	phone.leads(w.api, map[string]string{"purpose": "bind", "provider": "huixin"})
	phone.see("field-details.provider_name")
	phone.signs(false)
	w.bound = programtest.Binding(t, w.p, w.api)
	return w
}

// collects has the phone collect a certificate by a code; first: it chooses its PIN.
func (w *renewingWorld) collects(request map[string]string, first bool) {
	w.phone.t.Helper()
	phone := w.phone
	s := phone.leads(w.api, request)
	digits, err := phone.see("match-digits").Text()
	phone.must(err)
	phone.must(w.api.Match(context.Background(), s.ID, strings.Join(strings.Fields(digits), "")))
	phone.see("match-done")
	phone.signs(first)
}

// clerk pays the renewal on the portal and comes back to its page.
func (w *renewingWorld) clerk(t *testing.T) *person {
	t.Helper()
	clerk := atPortal(t, browser(t, nil), w.at, "zhangwei")
	clerk.click("nav-renew")
	clerk.click("renew-add")
	clerk.click("candidate-renew")
	clerk.pays()
	clerk.click("pay-back")
	return clerk
}

// moved fails unless the binding, the same one, has another certificate that ends later.
func (w *renewingWorld) moved(t *testing.T) *mobilecert.Binding {
	t.Helper()
	now := programtest.Binding(t, w.p, w.api)
	if now.ID != w.bound.ID || now.Certificate.Content == w.bound.Certificate.Content || !now.Certificate.NotAfter.After(w.bound.Certificate.NotAfter) {
		t.Fatalf("the binding did not move: %+v", now.Certificate)
	}
	return now
}

// the renewal that there is.
func (w *renewingWorld) renewal(t *testing.T) *renewal.Renewal {
	t.Helper()
	list, _, err := w.p.Renewals.List(context.Background(), mobilecert.Who{Account: w.bound.Account.ID}, false, "", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d renewals, %v", len(list), err)
	}
	return list[0]
}

// Pay, be asked on the phone, confirm, and the binding has the new certificate. A
// bid that is not opened stops it until the holder has signed for it.
func TestRenewedAndExtendedInABrowser(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newRenewing(t, nil)
	p, phone, b := w.p, w.phone, w.bound
	if _, _, err := p.Bids.Record(ctx, "zcy", bids.Report{External: "b1", Binding: b.ID, Tender: "城东医院影像设备采购项目", OpensAt: time.Now().Add(72 * time.Hour)}); err != nil {
		t.Fatal(err)
	}

	clerk := w.clerk(t)
	clerk.see("guard-open")
	clerk.shot("renewal-guarded")
	if got := programtest.Binding(t, p, w.api); got.Certificate.Content != b.Certificate.Content {
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

	w.moved(t)
	// The old key stays on the phone, for the bid.
	phone.click("result-certs")
	phone.page.MustElement(`[data-testid="cert-item"][data-state="superseded"]`).MustClick()
	phone.see("cert-keep")
	phone.click("cert-more")
	phone.click("cert-rehearse")
	phone.see("pin-pad")
	phone.typePIN(programtest.DemoPIN)
	phone.see("rehearsed")
	phone.reads("演练成功")
	phone.shot("phone-rehearsed")
	phone.click("cert-more")
	phone.click("cert-delete")
	phone.see("keep-dialog")
	phone.shot("phone-kept")
	phone.page.MustEval(`() => { location.hash = '#/device' }`)
	phone.click("pin-reset")
	phone.click("pin-reset-yes")
	phone.see("reset-bids")
	phone.reads("城东医院影像设备采购项目")
	phone.shot("phone-reset-bids")
}

// Pay, a push through FCM's API, confirm: the app lies in the background and hears
// nothing by itself. What Google's server was handed is handed to the app as a native
// shell does, and it is enough.
func TestRenewedThroughFCM(t *testing.T) {
	t.Parallel()
	google := fcmtest.New(t)
	w := newRenewing(t, func(phone *person) {
		phone.must(proto.NetworkEnable{}.Call(phone.page))
		phone.must(proto.NetworkSetBlockedURLs{Urls: []string{"*/v1/phone/events*"}}.Call(phone.page))
	}, func(p *program.Program) { p.Settings.FCM, p.FCMOptions = google.Credentials(t), google.Options() })
	phone := w.phone
	phone.click("result-certs")
	phone.page.MustEval(`() => certlinkShell.channel('fcm', 'registration-token')`)
	// In the background: nothing is asked by the clock either.
	phone.page.MustEval(`() => Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' })`)
	clerk := w.clerk(t)
	clerk.see("asked")
	var id string
	for deadline := time.Now().Add(patience); id == "" && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		id = w.renewal(t).PromptID()
	}
	sent := waitForPush(t, google, 0, id)
	for _, secret := range []string{"张伟", "汇信", "huixin", "statement", "nonce", w.bound.ID, w.at} {
		if strings.Contains(sent.Raw, secret) {
			t.Errorf("the push holds %q: %s", secret, sent.Raw)
		}
	}
	if sent.Token != "registration-token" {
		t.Errorf("sent to %q", sent.Token)
	}
	if has, _, err := phone.page.Has(`[data-testid="inbox-badge"]`); err != nil || has {
		t.Fatalf("the phone knew before the push: %v, %v", has, err)
	}
	phone.page.MustEval(`(note) => certlinkShell.pushed(note)`, sent.Data)
	phone.see("inbox-badge")
	phone.see("arrived")
	clerk.shot("renewal-asked")

	// Its holder taps on the notification.
	phone.page.MustEval(`() => delete document.visibilityState`)
	phone.page.MustEval(`(note) => certlinkShell.pushed(note, true)`, sent.Data)
	phone.attribute("statement", "data-purpose", "extend")
	phone.see("field-details.not_after")
	phone.shot("phone-extend-pushed")
	phone.signs(false)
	clerk.see("extended")
	clerk.attribute("renewal", "data-state", "extended")
	w.moved(t)
	pushes := 0
	for _, s := range google.Sent() {
		if s.Data["id"] == id {
			pushes++
		}
	}
	if pushes != 1 {
		t.Errorf("the phone was called %d times for one question", pushes)
	}
}

// Extended by a code on the page that the phone's camera scans, of a certificate that
// keeps its key: the PIN opens it for the request, and again to confirm.
func TestExtendedByACodeWithTheSameKey(t *testing.T) {
	t.Parallel()
	cam := newCamera(t)
	w := newRenewingOf(t, "demo-sm2", cam.flags(), nil)
	clerk := w.clerk(t)
	clerk.see("asked")
	clerk.click("by-qr")
	clerk.attribute("qr-code", "data-state", "live")
	clerk.shot("renewal-by-qr")
	w.phone.click("result-certs")
	stop := clerk.film(cam, "qr-code")
	w.phone.click("tab-scan")
	w.phone.maybe("start-camera") // only the first time
	w.phone.see("unlock-why")
	stop()
	w.phone.shot("phone-keep-unlock")
	w.phone.typePIN(programtest.DemoPIN)
	w.phone.attribute("statement", "data-purpose", "extend")
	w.phone.shot("phone-keep-statement")
	w.phone.signs(false)
	clerk.attribute("renewal", "data-state", "extended")
	clerk.see("extended")
	w.moved(t)
	n := w.renewal(t)
	old, err := w.p.Certificates.Get(context.Background(), n.Certificate.ID)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := w.p.Certificates.Get(context.Background(), n.Attempt.Successor)
	if err != nil || fresh.Key != old.Key || !fresh.KeyKept {
		t.Fatalf("the key was changed: %+v, %v", fresh, err)
	}
}

// Expired before it was extended: a face check that does not match, one that does, and
// the holder collects a new certificate without paying again. For another the reviewer
// is told.
func TestExpiredAndIdentifiedInABrowser(t *testing.T) {
	t.Parallel()
	w := newRenewing(t, nil)
	clerk := w.clerk(t)
	clerk.see("asked")
	n := w.renewal(t)
	expires(t, w.p, n)
	clerk.see("expired")
	clerk.see("face-check")
	clerk.shot("renewal-expired")
	for _, act := range []string{"mismatch", "pass"} {
		clerk.click("face-start")
		clerk.see("face-link")
		clerk.shot("renewal-face-" + act)
		clerk.face(act)
		if act == "mismatch" {
			clerk.see("face-outcome")
			clerk.shot("renewal-face-mismatched")
		}
	}
	clerk.see("collect")
	clerk.shot("renewal-identified")
	w.collects(map[string]string{"purpose": "enroll", "renewal": n.ID}, false)
	clerk.attribute("renewal", "data-state", "extended")
	now := programtest.Binding(t, w.p, w.api)
	if now.ID != w.bound.ID || now.Certificate.Content == w.bound.Certificate.Content {
		t.Fatalf("the binding did not move: %+v", now.Certificate)
	}
}

// A reviewer has an expired certificate's holder identified.
func TestAReviewerIdentifiesTheHolder(t *testing.T) {
	t.Parallel()
	w := newRenewing(t, nil)
	clerk := w.clerk(t)
	clerk.see("asked")
	expires(t, w.p, w.renewal(t))
	reviewer := atPortal(t, browser(t, nil), w.at, "reviewer")
	reviewer.click("nav-reviewRenewals")
	reviewer.see("identity-row")
	reviewer.shot("review-identities")
	reviewer.click("identity-act")
	reviewer.click("method-on_site")
	reviewer.shot("review-identity")
	reviewer.click("identity-yes")
	reviewer.see("empty")
	clerk.see("collect")
}

// expires lets a year go by for one certificate.
func expires(t *testing.T, p *program.Program, n *renewal.Renewal) {
	t.Helper()
	ctx, all := context.Background(), program.Schema()
	ago := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	for collection, id := range map[string]string{"renewals": n.ID, "certificates": n.Certificate.ID} {
		for {
			d, err := p.Store.Get(ctx, collection, id)
			if err != nil {
				t.Fatal(err)
			}
			var body map[string]any
			in := json.NewDecoder(bytes.NewReader(d.Body))
			in.UseNumber()
			if err := in.Decode(&body); err != nil {
				t.Fatal(err)
			}
			of := body
			if collection == "renewals" {
				of = body["certificate"].(map[string]any)
			}
			of["not_after"] = ago
			if d.Body, err = json.Marshal(body); err != nil {
				t.Fatal(err)
			}
			if d.Index, err = all[slices.IndexFunc(all, func(c store.Collection) bool { return c.Name == collection })].Derive(d); err != nil {
				t.Fatal(err)
			}
			if err = p.Store.Replace(ctx, collection, d); err == nil {
				break
			}
			if !errors.Is(err, store.ErrConflict) {
				t.Fatal(err)
			}
		}
	}
}
