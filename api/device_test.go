package api_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/internal/id"
)

func TestDeviceLife(t *testing.T) {
	w := newWorld(t)
	h := w.handset()
	h.call("GET", "/v1/phone/device", nil).refused(404, "device_unknown")
	h.register("旧名字")
	h.call("POST", "/v1/phone/devices", map[string]string{"name": "another"}).ok(200) // a lost reply
	var d struct {
		ID, Name, Platform string
		PIN                struct {
			Set, Locked bool
			TriesLeft   int `json:"tries_left"`
		}
	}
	h.call("PATCH", "/v1/phone/device", map[string]string{"name": "新名字"}).ok(200)
	h.call("GET", "/v1/phone/device", nil).ok(200, &d)
	if d.ID != h.id || d.Name != "新名字" || d.Platform != "test" || d.PIN.Set {
		t.Errorf("%+v", d)
	}
	for _, bad := range []string{"", strings.Repeat("长", 41), "a\u202eb", "a\u200fb", "=1+1"} {
		w.handset().call("POST", "/v1/phone/devices", map[string]string{"name": bad}).refused(422, "name_invalid")
		h.call("PATCH", "/v1/phone/device", map[string]string{"name": bad}).refused(422, "name_invalid")
	}
	h.call("PATCH", "/v1/phone/device", `{"name":"a\u0000b"}`).refused(400, "json_malformed")
	operator := w.browser("operator")
	w.browser("admin").do("DELETE", "/v1/devices/"+h.id, nil).refused(404, "device_unknown") // holds nothing of theirs
	operator.do("DELETE", "/v1/devices/nobody", nil).refused(404, "device_unknown")
	operator.do("DELETE", "/v1/devices/"+h.id, nil).ok(204)
	h.call("GET", "/v1/phone/device", nil).refused(403, "device_revoked")
	h.call("POST", "/v1/phone/devices", map[string]string{"name": "again"}).refused(403, "device_revoked")
	h.call("POST", "/v1/phone/scans", map[string]string{"code": "x"}).refused(403, "device_revoked")
}

func TestProofs(t *testing.T) {
	w := newWorld(t)
	h := w.handset().register("phone")
	call := func() *answer { return h.call("GET", "/v1/phone/device", nil) }
	claim := func(name, value string) *answer {
		h.claims = map[string]string{name: value}
		defer func() { h.claims = nil }()
		return call()
	}
	for name, value := range map[string]string{
		"htm": `"POST"`, "htu": `"` + w.origin + `/v1/phone/pin"`, "jti": `""`, "bh": `"AAAA"`,
		"iat": strconv.FormatInt(w.clock.Now().Add(-2*time.Minute).Unix(), 10),
	} {
		a := claim(name, value).refused(401, "dpop_invalid")
		if a.member("claim") != name || !strings.Contains(a.Header.Get("WWW-Authenticate"), "invalid_dpop_proof") {
			t.Errorf("%s: %s, %v", name, a.Body, a.Header)
		}
	}
	claim("htu", `"https://evil.example/v1/phone/device"`).refused(401, "dpop_invalid")
	if a := claim("nonce", `"made-up"`).refused(401, "use_dpop_nonce"); !strings.Contains(a.Header.Get("WWW-Authenticate"), "use_dpop_nonce") {
		t.Errorf("%v", a.Header)
	}
	w.clock.Advance(6 * time.Minute)
	stale := `"` + *h.nonce.Load() + `"`
	claim("nonce", stale).refused(401, "use_dpop_nonce")
	for _, proofs := range [][]string{nil, {""}} {
		h.proofs = func(string) []string { return proofs }
		call().refused(401, "dpop_required")
	}
	for _, proof := range []string{"x", "a.b.c", strings.Repeat("A", 5000), "..", "e30.e30.AA"} {
		h.proofs = func(string) []string { return []string{proof} }
		call().refused(401, "dpop_invalid")
	}
	h.proofs = func(good string) []string { return []string{good, good} }
	call().refused(401, "dpop_invalid")
	h.proofs = func(good string) []string { return []string{good[:len(good)-1] + flip(good[len(good)-1])} }
	if a := call(); a.code() != "dpop_invalid" {
		t.Errorf("%s", a.Body)
	}
	h.proofs = nil
	// A query is no part of the address that is proved.
	h.call("GET", "/v1/phone/sessions?state=open", nil).ok(200)
	call().ok(200)
}

func TestPIN(t *testing.T) {
	w := newWorld(t)
	h := w.handset().register("phone")
	right, wrong := map[string]string{"verifier": id.Secret(32)}, map[string]string{"verifier": id.Secret(32)}
	h.call("POST", "/v1/phone/pin/unlock", right).refused(409, "pin_not_set")
	h.call("POST", "/v1/phone/pin/reset", "{}").refused(409, "pin_not_set")
	h.call("POST", "/v1/phone/pin", map[string]string{"verifier": "short"}).refused(400, "account_input_invalid")
	pepper := h.call("POST", "/v1/phone/pin", right).ok(200).member("pepper")
	h.call("POST", "/v1/phone/pin", right).refused(409, "pin_already_set")
	if got := h.call("POST", "/v1/phone/pin/unlock", right).ok(200).member("pepper"); got != pepper {
		t.Errorf("%v, then %v", pepper, got)
	}
	changed := map[string]string{"verifier": right["verifier"], "new_verifier": id.Secret(32)}
	if got := h.call("POST", "/v1/phone/pin/change", changed).ok(200).member("pepper"); got != pepper {
		t.Errorf("%v, then %v", pepper, got)
	}
	for left := 4; left >= 1; left-- {
		if a := h.call("POST", "/v1/phone/pin/unlock", wrong).refused(403, "pin_wrong"); a.member("tries_left") != float64(left) {
			t.Errorf("%s", a.Body)
		}
	}
	h.call("POST", "/v1/phone/pin/unlock", wrong).refused(403, "pin_locked")
	h.call("POST", "/v1/phone/pin/unlock", map[string]string{"verifier": changed["new_verifier"]}).refused(403, "pin_locked")
	h.call("POST", "/v1/phone/pin/reset", "{}").ok(200)
	if fresh := h.call("POST", "/v1/phone/pin", right).ok(200).member("pepper"); fresh == pepper {
		t.Error("the pepper survived the reset")
	}
}

// TestPINAtOnce: guesses at once buy no more than five, and a sixth is told to wait
// while the five are being compared.
func TestPINAtOnce(t *testing.T) {
	var g *gate
	w := newWorld(t, func(s *settings) { s.store = gated(&g, "device") })
	h := w.handset().register("phone")
	h.call("POST", "/v1/phone/pin", map[string]string{"verifier": id.Secret(32)}).ok(200)
	wrong := map[string]string{"verifier": id.Secret(32)}
	h.call("POST", "/v1/phone/pin/unlock", wrong).refused(403, "pin_wrong")
	h.call("POST", "/v1/phone/pin/reset", "{}").ok(200)
	h.call("POST", "/v1/phone/pin", map[string]string{"verifier": id.Secret(32)}).ok(200)
	g.hold()
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	for n := range 5 {
		g.letThrough() // the guess is written down as open; its end waits
		wg.Go(func() {
			a, err := h.tryCall("POST", "/v1/phone/pin/unlock", wrong)
			check(t, err)
			mu.Lock()
			codes[a.code()]++
			mu.Unlock()
		})
		g.waitFor(n + 1)
	}
	h.call("POST", "/v1/phone/pin/unlock", wrong).refused(429, "pin_busy")
	g.release()
	wg.Wait()
	if codes["pin_wrong"] != 4 || codes["pin_locked"] != 1 {
		t.Errorf("%v", codes)
	}
}

func TestDevicesAreBounded(t *testing.T) {
	w := newWorld(t, func(s *settings) {
		s.account.DevicesBurst, s.account.DevicesPerSecond = 2, 0.001
	})
	w.handset().register("one")
	h := w.handset().register("two")
	w.handset().call("POST", "/v1/phone/devices", map[string]string{"name": "three"}).refused(429, "devices_too_many")
	h.call("POST", "/v1/phone/devices", map[string]string{"name": "two"}).ok(200) // known already
}

func TestProofsAreRemembered(t *testing.T) {
	w := newWorld(t, func(s *settings) { s.account.ReplayMemory = 30 })
	h := w.handset().register("phone")
	for range 100 {
		if a := h.call("GET", "/v1/phone/device", nil); a.Status != 200 {
			a.refused(503, "dpop_overloaded")
			return
		}
	}
	t.Error("the memory of proofs is not bounded")
}
