package browser

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"sync"
	"testing"

	"github.com/go-rod/rod/lib/proto"

	"certlink/program"
	"certlink/program/programtest"
	"certlink/ukey/ukeytest"
)

// desk is a clerk's desk: a server, a bridge beside the browser, a token with SM2 and
// one with RSA and P-256, and the clerk's hand at the windows on the desktop.
type deskWorld struct {
	origin string
	bridge *ukeytest.Bridge
	skf    *ukeytest.SoftSKF
	hsm    *ukeytest.SoftHSM
	hand   *ukeytest.Pinentry
	sent   *sentBodies
}

// sentBodies is everything that pages have sent to anybody.
type sentBodies struct {
	mu  sync.Mutex
	all strings.Builder
}

func (s *sentBodies) add(e *proto.NetworkRequestWillBeSent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.WriteString(e.Request.URL + " " + e.Request.PostData + "\n")
}

func (s *sentBodies) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// serveDesk is a server for whose pages the bridge listens at an address that is free.
func serveDesk(t *testing.T) (p *program.Program, origin, listen string) {
	t.Helper()
	listen = ukeytest.FreePort(t)
	p, origin = programtest.Serve(t, func(p *program.Program) { p.Settings.BridgeOrigin = "http://" + listen })
	return p, origin, listen
}

func newDesk(t *testing.T) *deskWorld {
	t.Helper()
	_, origin, listen := serveDesk(t)
	d := &deskWorld{origin: origin, skf: ukeytest.NewSoftSKF(t), hsm: ukeytest.SoftHSMFor(t), hand: ukeytest.NewPinentry(t), sent: &sentBodies{}}
	programtest.PutPair(t, d.skf, origin, "admin")
	rsaKey, rsaTwin := rsaKey(t), rsaKey(t)
	rsaCert, rsaTwinCert := programtest.CertifiedPair(t, origin, "admin", rsaKey, rsaTwin)
	d.hsm.Put(t, "rsa", "01", rsaKey, rsaCert)
	d.hsm.Put(t, "rsa-encrypt", "03", rsaTwin, rsaTwinCert)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d.hsm.Put(t, "ec", "02", ecKey, programtest.Certified(t, origin, "lina", ecKey))
	d.bridge = ukeytest.StartBridgeIn(t, []string{d.hsm.Env}, listen, origin, d.hand, ukeytest.Profile("soft-skf", "skf", d.skf.Library), ukeytest.Profile("softhsm", "pkcs11", d.hsm.Library))
	return d
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// nowhere looks for PINs wherever something is written, shown or sent.
func (d *deskWorld) nowhere(t *testing.T, c *person, pins ...string) {
	t.Helper()
	html, err := c.page.HTML()
	c.must(err)
	kept := c.page.MustEval(`() => JSON.stringify([{...localStorage}, {...sessionStorage}])`).Str()
	for place, text := range map[string]string{"the page": html, "the page's storage": kept, "what pages send": d.sent.String(), "the bridge's log": d.bridge.Log(), "the audit file": d.bridge.Audit()} {
		if len(text) < 20 {
			t.Errorf("%s is empty", place)
		}
		for _, pin := range pins {
			if strings.Contains(text, pin) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(pin))) {
				t.Errorf("%s holds a PIN", place)
			}
		}
	}
}

// clerk opens the portal as somebody, and writes down what the page sends.
func (d *deskWorld) clerk(t *testing.T, login string, extra map[string]string) *person {
	t.Helper()
	c := open(t, browser(t, extra), login, d.origin+"/portal/", 1280, 900)
	c.tab = true
	go c.page.EachEvent(d.sent.add)()
	c.signInAs(login)
	return c
}

// plug goes through the bind dialog up to the U-Key.
func (c *person) plug() {
	c.t.Helper()
	c.click("bind-self")
	c.toUKey()
}

func (c *person) toUKey() {
	c.t.Helper()
	c.click("medium-ukey")
	c.click("provider-huixin")
	c.click("next")
}

// binds goes through the dialog for the first time: paired at the desktop, and signed.
func (d *deskWorld) binds(c *person, certificate, pin string) {
	c.t.Helper()
	c.plug()
	c.see("bridge-unpaired")
	d.hand.Will(ukeytest.Answer{Yes: true})
	c.click("pair")
	d.signs(c, certificate, pin)
	c.ends("confirmed")
	c.click("done")
}

// signs chooses a certificate and gives its PIN.
func (d *deskWorld) signs(c *person, certificate, pin string) {
	c.t.Helper()
	c.click("certificate-" + certificate)
	d.hand.Will(ukeytest.Answer{PIN: pin})
	c.click("sign")
}

func (c *person) ends(state string) {
	c.t.Helper()
	c.attribute("ukey-state", "data-state", state)
}

// unbinds ends the only binding.
func (c *person) unbinds() {
	c.t.Helper()
	c.click("done")
	c.see("binding-row")
	c.click("unbind")
	c.click("unbind-confirm")
	c.gone("unbind-dialog")
}

func TestUKeys(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.clerk(t, "admin", nil)
	right, wrong := ukeytest.Answer{PIN: d.skf.PIN}, ukeytest.Answer{PIN: "135790"}

	// The first time: paired at the desktop; then SM2, with one wrong PIN.
	c.plug()
	c.see("bridge-unpaired")
	c.shot("ukey-unpaired")
	d.hand.Will(ukeytest.Answer{Yes: true})
	c.click("pair")
	c.click("certificate-SM2SM3")
	c.shot("ukey-choose")
	d.hand.Will(wrong)
	c.click("sign")
	d.hand.Await(3) // pairing, the wrong one, and the window that asks again
	c.see("pin-wrong")
	c.shot("ukey-wrong")
	d.hand.Will(right)
	c.ends("confirmed")
	c.shot("ukey-bound")
	c.unbinds()

	// RSA by PKCS#11; the pairing is remembered.
	c.plug()
	d.signs(c, "RS256", d.hsm.PIN)
	c.ends("confirmed")
	c.unbinds()

	// For somebody else: not with one's own certificate, but with hers (P-256).
	c.click("bind-other")
	c.write("employee-name", "李娜")
	c.see("candidates")
	c.toUKey()
	d.signs(c, "SM2SM3", d.skf.PIN)
	c.ends("failed")
	c.reads("identity_mismatch")
	c.shot("ukey-mismatch")
	c.click("retry")
	d.signs(c, "ES256", d.hsm.PIN)
	c.ends("confirmed")
	c.reads("李娜")
	c.click("done")

	// Pulled out while the window is open, and put back.
	n := len(d.hand.Windows())
	c.plug()
	c.click("certificate-SM2SM3")
	d.hand.Will(ukeytest.Answer{Forever: true})
	c.click("sign")
	d.hand.Await(n + 1)
	c.see("desktop-window")
	c.shot("ukey-window")
	d.skf.Unplug()
	c.ends("failed")
	c.reads("ukey_removed")
	c.shot("ukey-removed")
	c.click("retry")
	c.gone("certificate-SM2SM3")
	d.skf.Plug()
	c.click("certificate-SM2SM3")

	// Three wrong ones, the last with consent: locked, and the page says whom to call.
	d.hand.Will(wrong, wrong, ukeytest.Answer{Yes: true}, wrong)
	c.click("sign")
	c.ends("failed")
	c.reads("ukey_pin_locked")
	c.reads("400-888-4636")
	c.shot("ukey-locked")
	c.click("back")
	c.click("next")
	c.see("token-locked")
	c.shot("ukey-locked-token")
	d.skf.Left(3)
	c.gone("token-locked")

	// The driver crashes while it signs, or hangs: said in seconds.
	for _, mode := range []string{"crash", "hang"} {
		c.click("certificate-SM2SM3")
		d.skf.Misbehave("SKF_ECCSignData " + mode)
		d.hand.Will(right)
		c.click("sign")
		c.ends("failed")
		c.reads("ukey_driver_" + map[string]string{"crash": "crashed", "hang": "hung"}[mode])
		c.shot("ukey-" + mode)
		d.skf.Misbehave("")
		c.click("retry")
	}

	// The bridge itself is killed while its window is open: the window closes, the page
	// says so, goes on by itself when the bridge is back, and the next try goes well.
	c.click("certificate-SM2SM3")
	n = len(d.hand.Windows())
	d.hand.Will(ukeytest.Answer{Forever: true})
	c.click("sign")
	d.hand.Await(n + 1)
	c.see("desktop-window")
	d.bridge.Kill()
	c.see("bridge-cut")
	c.see("bridge-absent")
	c.shot("ukey-cut")
	d.hand.Gone()
	d.bridge.Start()
	c.gone("bridge-absent")
	c.see("bridge-cut")
	d.signs(c, "SM2SM3", d.skf.PIN)
	c.ends("confirmed")
	c.click("done")

	// The PINs are nowhere but in the person's hand.
	d.nowhere(t, c, d.skf.PIN, d.hsm.PIN, "135790")
}

// What is encrypted to the other half of the pair can be opened: rehearsed from the page,
// by SM2 behind SKF and by RSA behind PKCS#11, with a wrong PIN on the way.
func TestRehearsedByUKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.clerk(t, "admin", nil)
	for i, x := range []struct{ alg, pin string }{{"SM2SM3", d.skf.PIN}, {"RS256", d.hsm.PIN}} {
		c.plug()
		if i == 0 {
			d.hand.Will(ukeytest.Answer{Yes: true})
			c.click("pair")
		}
		d.signs(c, x.alg, x.pin)
		c.ends("confirmed")
		c.click("done")
		c.click("details")
		c.shot("ukey-details-" + x.alg)
		c.click("rehearse")
		n := len(d.hand.Windows())
		d.hand.Will(ukeytest.Answer{PIN: "135790"}, ukeytest.Answer{PIN: x.pin})
		c.click("rehearse-run")
		c.attribute("rehearse-state", "data-state", "passed")
		c.shot("ukey-rehearsed-" + x.alg)
		if w := d.hand.Windows(); len(w) != n+2 || !strings.Contains(w[n], "解密演练") {
			t.Errorf("%d windows: %q", len(w)-n, w[n:])
		}
		c.click("cancel")
		c.click("unbind")
		c.click("unbind-confirm")
		c.gone("unbind-dialog")
	}
	d.nowhere(t, c, d.skf.PIN, d.hsm.PIN, "135790")
}

// A browser that keeps pages from this machine is not a bridge that is missing; and
// the way back is the browser's own.
func TestLocalNetworkAccess(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	at := strings.TrimPrefix(d.origin, "http://")
	c := d.clerk(t, "admin", map[string]string{"ip-address-space-overrides": at + "=public"})
	allow := func(setting proto.BrowserPermissionSetting) {
		c.must(proto.BrowserSetPermission{Permission: &proto.BrowserPermissionDescriptor{Name: "loopback-network"}, Setting: setting, Origin: d.origin}.Call(c.page.Browser()))
	}
	allow(proto.BrowserPermissionSettingDenied)
	c.plug()
	c.see("bridge-denied")
	c.shot("ukey-denied")
	allow(proto.BrowserPermissionSettingGranted)
	c.click("look-again")
	c.see("bridge-unpaired")
	d.hand.Will(ukeytest.Answer{})
	c.click("pair")
	c.see("bridge-refused")
	c.reads("bridge_pair_refused")
	*c.errs = nil // the browser complains of what it refused: that was the point
}

// The bridge is not there, then it is started, and the demo's tokens are in it.
func TestDemoBridge(t *testing.T) {
	t.Parallel()
	_, origin, listen := serveDesk(t)
	d := &deskWorld{origin: origin, hand: ukeytest.NewPinentry(t), sent: &sentBodies{}}
	c := d.clerk(t, "admin", nil)
	c.plug()
	c.see("bridge-absent")
	c.shot("ukey-absent")
	d.bridge = ukeytest.StartDemoBridge(t, listen, origin, d.hand)
	c.see("bridge-unpaired") // by itself
	d.hand.Will(ukeytest.Answer{Yes: true})
	c.click("pair")
	d.signs(c, "ES256", "123456")
	c.ends("confirmed")
}
