package servers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"certlink/account"
	"certlink/program/programtest"
	"certlink/trust"
	"certlink/ukey/ukeytest"
)

// The server is killed at random moments while clerks bind with U-Keys, again and
// again: no confirmation that was answered is lost, none is done twice, and each that was
// cut off can be finished. One of the clerks has a real bridge with a token behind it,
// the others sign as it would.
func TestUKeysKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	srv := newProcess(t)
	srv.start()
	clerks := []*clerk{atBridge(t, srv.origin, "admin"), withKey(t, srv.origin, "zhangwei"), withKey(t, srv.origin, "lina"), withKey(t, srv.origin, "zhoutao")}
	endures(t, srv, 4, 200*time.Millisecond, 1100*time.Millisecond, clerks)
	for _, k := range clerks {
		k.count(t.Context())
	}
}

// clerk is a person with a portal open and a U-Key plugged in.
type clerk struct {
	*worker
	sign func(statement string) (string, error)
	// confirmed are the bindings that the server has said it made.
	confirmed []string
}

func newClerk(t *testing.T, origin, login string) *clerk {
	t.Helper()
	p, err := programtest.SignIn(context.Background(), origin, login, account.DemoPassword)
	if err != nil {
		t.Fatal(err)
	}
	return &clerk{worker: &worker{t: t, login: login, portal: p}}
}

func withKey(t *testing.T, origin, login string) *clerk {
	t.Helper()
	k := newClerk(t, origin, login)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k.sign = signs(key, trust.ES256, programtest.Certified(t, origin, login, key))
	return k
}

// signs is a U-Key without a bridge.
func signs(key crypto.Signer, alg trust.Algorithm, der []byte) func(string) (string, error) {
	return func(statement string) (string, error) {
		raw, err := base64.RawURLEncoding.DecodeString(statement)
		if err != nil {
			return "", err
		}
		return trust.SignJWS(key, alg, [][]byte{der}, false, raw)
	}
}

func atBridge(t *testing.T, origin, login string) *clerk {
	t.Helper()
	k := newClerk(t, origin, login)
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	skf, hand := ukeytest.NewSoftSKF(t), ukeytest.NewPinentry(t)
	skf.Put("sign", &key.PrivateKey, programtest.Certified(t, origin, login, key))
	b := ukeytest.StartBridge(t, ukeytest.FreePort(t), origin, hand, ukeytest.Profile("soft-skf", "skf", skf.Library))
	page := b.Pair(t, origin, hand)
	list, err := page.Certificates()
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	k.sign = func(statement string) (string, error) {
		hand.Will(ukeytest.Answer{PIN: skf.PIN})
		return page.Sign(list[0], statement)
	}
	return k
}

// flow binds and unbinds once.
func (k *clerk) flow(ctx context.Context) {
	var s programtest.UKeySession
	if err := k.try("start", func() error {
		return k.portal.Call(ctx, "POST", "/v1/ukey-sessions", map[string]string{"purpose": "bind", "provider": "huixin"}, &s)
	}); err != nil {
		k.refused("start", err, "account_slot_taken")
		k.unbind(ctx)
		return
	}
	jws, err := k.sign(s.Statement)
	if err != nil {
		k.t.Errorf("%s: %v", k.login, err)
		return
	}
	at := "/v1/ukey-sessions/" + s.ID
	if err := k.try("confirm", func() error { return k.portal.Call(ctx, "POST", at+"/confirm", map[string]string{"jws": jws}, &s) }); err != nil {
		k.refused("confirm", err, "ukey_session_expired")
		return
	}
	for deadline := time.Now().Add(60 * time.Second); s.State != "confirmed" && time.Now().Before(deadline); {
		if err := k.try("read", func() error { return k.portal.Call(ctx, "GET", at, nil, &s) }); err != nil || s.Failure != nil {
			k.t.Errorf("%s: accepted, then %v %+v", k.login, err, s.Failure)
			return
		}
	}
	b := k.active(ctx)
	if b == nil || len(b.Items) != 1 || s.Result == nil || b.Items[0].ID != s.Result.ID {
		k.t.Errorf("%s: confirmed as %+v, but the bindings are %+v", k.login, s.Result, b)
		return
	}
	k.confirmed = append(k.confirmed, s.Result.ID)
	// Handed in again, as by a page that was loaded anew, it is the same one.
	if err := k.try("confirm", func() error { return k.portal.Call(ctx, "POST", at+"/confirm", map[string]string{"jws": jws}, &s) }); err != nil || s.Result.ID != b.Items[0].ID {
		k.t.Errorf("%s: again: %v, %+v", k.login, err, s.Result)
	}
	k.unbind(ctx)
}

// count compares what is there with what was answered.
func (k *clerk) count(ctx context.Context) {
	var there []string
	for cursor, first := "", true; first || cursor != ""; first = false {
		var page struct {
			programtest.Bindings
			Next string
		}
		if err := k.try("list", func() error {
			return k.portal.Call(ctx, "GET", "/v1/bindings?scope=mine&state=all&limit=100&cursor="+cursor, nil, &page)
		}); err != nil {
			return
		}
		for _, b := range page.Items {
			there = append(there, b.ID)
			if err := k.try("evidence", func() error { return k.portal.Call(ctx, "GET", "/v1/bindings/"+b.ID+"/evidence", nil, nil) }); err != nil {
				k.t.Errorf("%s: the evidence of %s: %v", k.login, b.ID, err)
			}
		}
		cursor = page.Next
	}
	slices.Sort(there)
	slices.Sort(k.confirmed)
	if !slices.Equal(there, k.confirmed) {
		k.t.Errorf("%s: there are %d bindings, answered were %d; the last ones: %q, %q", k.login, len(there), len(k.confirmed), there[max(0, len(there)-3):], k.confirmed[max(0, len(k.confirmed)-3):])
	}
}
