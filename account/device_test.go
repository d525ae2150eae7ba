package account

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/internal/effect"
)

func jwkOf(k *ecdsa.PrivateKey) json.RawMessage {
	j := publicJWK("", k.Public())
	delete(j, "kid")
	delete(j, "use")
	out, err := json.Marshal(j)
	if err != nil {
		panic(err)
	}
	return out
}

func (w *world) phone() (*Device, *ecdsa.PrivateKey) {
	w.t.Helper()
	k := newKey(w.t)
	d, err := w.RegisterDevice(w.ctx(), home, jwkOf(k), "我的手机", "android")
	want(w.t, err, nil)
	return d, k
}

// RFC 7517 appendix A.1's P-256 key; its thumbprint was computed with OpenSSL
// from the text that RFC 7638 §3.2 prescribes.
func TestThumbprint(t *testing.T) {
	const x, y = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
	k, err := parseJWK([]byte(`{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `","use":"sig","kid":"1"}`))
	want(t, err, nil)
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + x + `","y":"` + y + `"}`))
	if k.id != base64.RawURLEncoding.EncodeToString(sum[:]) || k.id != "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s" {
		t.Errorf("thumbprint %s", k.id)
	}
}

func TestRegisterDevice(t *testing.T) {
	w := newWorld(t)
	d, k := w.phone()
	if d.Name != "我的手机" || len(d.ID) != 43 || d.PIN.Set || d.PIN.TriesLeft != 5 {
		t.Errorf("%+v", d)
	}
	// WebCrypto's extra members, another order: the same key is the same device.
	j := publicJWK("", k.Public())
	again, err := w.RegisterDevice(t.Context(), home, json.RawMessage(`{"ext":true,"key_ops":["verify"],"y":"`+j["y"]+`","x":"`+j["x"]+`","crv":"P-256","kty":"EC"}`), "另一个名字", "ios")
	want(t, err, nil)
	if again.ID != d.ID || again.Name != d.Name || string(again.JWK) != string(d.JWK) {
		t.Errorf("%+v", again)
	}
	renamed, err := w.RenameDevice(t.Context(), d.ID, " 新手机 ")
	if err != nil || renamed.Name != "新手机" {
		t.Errorf("%+v, %v", renamed, err)
	}
	_, err = w.RenameDevice(t.Context(), d.ID, "\u202e")
	want(t, err, ErrName)
	_, err = w.RenameDevice(t.Context(), "nobody", "x")
	want(t, err, ErrDeviceUnknown)
	_, err = w.RegisterDevice(t.Context(), home, jwkOf(newKey(t)), "", "android")
	want(t, err, ErrName)
	_, err = w.RegisterDevice(t.Context(), home, jwkOf(newKey(t)), "x", "and\x00roid")
	want(t, err, ErrName)
}

func TestKeysThatAreRefused(t *testing.T) {
	k := newKey(t)
	j := publicJWK("", k.Public())
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	want(t, err, nil)
	point, _ := p384.PublicKey.Bytes()
	b64 := base64.RawURLEncoding.EncodeToString
	xy := `"x":"` + j["x"] + `","y":"` + j["y"] + `"`
	for name, jwk := range map[string]string{
		"empty":        ``,
		"list":         `[]`,
		"private":      `{"kty":"EC","crv":"P-256",` + xy + `,"d":"AAAA"}`,
		"private null": `{"kty":"EC","crv":"P-256",` + xy + `,"d":null}`,
		"symmetric":    `{"kty":"oct","k":"AAAA"}`,
		"P-384":        `{"kty":"EC","crv":"P-384","x":"` + b64(point[1:49]) + `","y":"` + b64(point[49:]) + `"}`,
		"no curve":     `{"kty":"EC",` + xy + `}`,
		"RSA":          `{"kty":"RSA","crv":"P-256",` + xy + `}`,
		"off curve":    `{"kty":"EC","crv":"P-256","x":"` + j["x"] + `","y":"` + b64(make([]byte, 32)) + `"}`,
		"short":        `{"kty":"EC","crv":"P-256","x":"` + j["x"][:40] + `","y":"` + j["y"] + `"}`,
		"padded":       `{"kty":"EC","crv":"P-256","x":"` + j["x"] + `=","y":"` + j["y"] + `"}`,
		"twice":        `{"kty":"EC","crv":"P-256","crv":"P-256",` + xy + `}`,
		"after":        `{"kty":"EC","crv":"P-256",` + xy + `}{}`,
		"alg":          `{"kty":"EC","crv":"P-256","alg":"ES384",` + xy + `}`,
		"use":          `{"kty":"EC","crv":"P-256","use":"enc",` + xy + `}`,
		"long":         `{"kty":"EC","crv":"P-256",` + xy + `,"kid":"` + strings.Repeat("k", maxJWK) + `"}`,
	} {
		if _, err := parseJWK([]byte(jwk)); !errors.Is(err, ErrDeviceKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRevokedDevice(t *testing.T) {
	w := newWorld(t)
	d, k := w.phone()
	_, err := w.SetPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, nil)
	for range 2 {
		_, err = w.RevokeDevice(t.Context(), d.ID, "operator", nil, nil)
		want(t, err, nil)
	}
	_, err = w.Device(t.Context(), d.ID)
	want(t, err, ErrDeviceRevoked)
	_, err = w.RegisterDevice(t.Context(), home, jwkOf(k), "again", "")
	want(t, err, ErrDeviceRevoked)
	_, err = w.UnlockPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, ErrDeviceRevoked)
	_, err = w.RenameDevice(t.Context(), d.ID, "x")
	want(t, err, ErrDeviceRevoked)
	got, err := w.FindDevice(t.Context(), d.ID)
	if err != nil || got.RevokedAt == nil || got.RevokedBy != "operator" || got.PIN.Set {
		t.Errorf("%+v, %v", got, err)
	}
	if acts := w.owed(devices, d.ID); strings.Join(acts, " ") != "pin.set device.revoked" {
		t.Errorf("owed %v", acts)
	}
	_, err = w.RevokeDevice(t.Context(), "nobody", "x", nil, nil)
	want(t, err, ErrDeviceUnknown)
	_, err = w.Device(t.Context(), "nobody")
	want(t, err, ErrDeviceUnknown)
}

// Those whose certificates were on a phone are told that it was revoked, but for whoever
// did it; once.
func TestRevokedDeviceIsToldToItsHolders(t *testing.T) {
	w := newWorld(t)
	d, _ := w.phone()
	for range 2 {
		_, err := w.RevokeDevice(t.Context(), d.ID, "boss", []string{"lina", "boss", "zhou"}, nil)
		want(t, err, nil)
	}
	var o effect.Owing
	want(t, json.Unmarshal([]byte(w.body(devices, d.ID)), &o), nil)
	var told []string
	for _, e := range o.Pending {
		if e.Kind == effect.Push {
			told = append(told, e.Data["account"])
			if e.Data["key"] != "device_revoked" || e.Data["device"] != "" || e.Data["phone"] != d.ID {
				t.Errorf("told %v", e.Data) // the phone itself is not rung
			}
		}
	}
	if strings.Join(told, " ") != "lina zhou" {
		t.Errorf("told %v", told)
	}
}

func TestDeviceLimits(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.DevicesPerSecond, c.Limits.DevicesBurst = 1, 2 })
	k := newKey(t)
	for range 5 { // one key counts once
		_, err := w.RegisterDevice(t.Context(), home, jwkOf(k), "x", "")
		want(t, err, nil)
	}
	w.phone()
	_, err := w.RegisterDevice(t.Context(), home, jwkOf(newKey(t)), "x", "")
	want(t, err, ErrDevicesLimited)
	w.clock.Advance(time.Second)
	w.phone()
}

var home = netip.MustParseAddr("203.0.113.7")

// A flood from one place takes that place's share, over all servers, and leaves the
// rest to everybody else.
func TestDevicesPerPlace(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Limits.DevicesPerPlace = 50
	})
	servers := []*Service{w.Service, w.server()}
	flood := func(from string) (made int) {
		for i := range 200 {
			if err := servers[i%2].admitDevice(t.Context(), netip.MustParseAddr(from)); err == nil {
				made++
			} else if faultOf(err).Retry <= 0 || faultOf(err).Retry > time.Hour {
				t.Fatalf("%v after %s", err, faultOf(err).Retry)
			}
		}
		return made
	}
	for _, from := range []string{"203.0.113.7", "2001:db8:1:2::3"} {
		if n := flood(from); n != 50 {
			t.Errorf("%d from %s, want 50", n, from)
		}
	}
	for _, same := range []string{"::ffff:203.0.113.7", "2001:db8:1:ffff::9"} {
		if n := flood(same); n != 0 {
			t.Errorf("%d more from %s", n, same)
		}
	}
	if n := flood("198.51.100.1"); n != 50 {
		t.Errorf("%d from another place, want 50", n)
	}
	if n := flood("127.0.0.1"); n != 200 { // a proxy that was not declared
		t.Errorf("%d from this machine, want all", n)
	}
	w.clock.Advance(time.Hour)
	if n := flood("203.0.113.7"); n != 50 {
		t.Errorf("%d in the next hour", n)
	}
}

// The hour's quota is one for all servers, however they share it.
func TestDevicesPerHour(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.DevicesPerHour = 150 })
	other := w.server()
	var mu sync.Mutex
	made := 0
	var wg sync.WaitGroup
	for i := range 2 {
		s := []*Service{w.Service, other}[i]
		wg.Go(func() {
			for range 200 {
				if err := s.admitDevice(t.Context(), home); err == nil {
					mu.Lock()
					made++
					mu.Unlock()
				} else if faultOf(err).Retry <= 0 || faultOf(err).Retry > time.Hour {
					t.Errorf("%v after %s", err, faultOf(err).Retry)
				}
			}
		})
	}
	wg.Wait()
	if made != 150 {
		t.Errorf("%d devices in the hour, want 150", made)
	}
	w.clock.Advance(time.Hour)
	want(t, w.admitDevice(t.Context(), home), nil)
	w.clock.Advance(3 * time.Hour)
	if n, err := w.Sweep(t.Context()); err != nil || n != 4 { // of the house and of the place, twice
		t.Errorf("swept %d quotas, %v", n, err)
	}
}
