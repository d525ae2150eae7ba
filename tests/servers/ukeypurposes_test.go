package servers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"certlink/account"
	"certlink/mobilecert/bids"
	"certlink/program/programtest"
	"certlink/trust"
	"certlink/ukey/ukeytest"
)

// Every purpose that a certificate signs works with a U-Key, over HTTP and through the
// real bridge, with the members that all statements have; those that make a new key on a
// phone are refused with words that say so. (replace goes its course in TestRenewedByUKey.)
func TestEveryPurposeByUKey(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	prog, origin := programtest.Serve(t)
	page, err := programtest.SignIn(ctx, origin, "lina", account.DemoPassword)
	if err != nil {
		t.Fatal(err)
	}
	skf, hand := ukeytest.NewSoftSKF(t), ukeytest.NewPinentry(t)
	programtest.PutPair(t, skf, origin, "lina")
	bridge := ukeytest.StartBridge(t, ukeytest.FreePort(t), origin, hand, ukeytest.Profile("soft-skf", "skf", skf.Library))
	desk := bridge.Pair(t, origin, hand)
	of := func(use string) ukeytest.Certificate {
		t.Helper()
		list, err := desk.Certificates()
		i := slices.IndexFunc(list, func(c ukeytest.Certificate) bool { return c.Use == use })
		if err != nil || i < 0 {
			t.Fatal(list, err)
		}
		return list[i]
	}
	var members map[string][]string = map[string][]string{}
	// signs goes from the question to the end.
	signs := func(request map[string]string) *programtest.UKeySession {
		t.Helper()
		s := new(programtest.UKeySession)
		if err := page.Call(ctx, "POST", "/v1/ukey-sessions", request, s); err != nil {
			t.Fatal(err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(s.Statement)
		if err != nil {
			t.Fatal(err)
		}
		var whole map[string]any
		if err := json.Unmarshal(raw, &whole); err != nil {
			t.Fatal(err)
		}
		if whole["purpose"] != request["purpose"] || whole["audience"] != origin {
			t.Errorf("%s", raw)
		}
		members[request["purpose"]] = slices.Sorted(maps.Keys(whole))
		hand.Will(ukeytest.Answer{PIN: skf.PIN})
		jws, err := desk.Sign(of("sign"), s.Statement)
		if err != nil {
			t.Fatalf("%s: %v", request["purpose"], err)
		}
		if err := page.Call(ctx, "POST", "/v1/ukey-sessions/"+s.ID+"/confirm", map[string]string{"jws": jws}, s); err != nil || s.State != "confirmed" {
			t.Fatalf("%s: %v, %+v", request["purpose"], err, s)
		}
		if shown := strings.Join(hand.Windows(), "\n"); strings.Contains(shown, "details.") {
			t.Errorf("%s: a field has no words:\n%s", request["purpose"], shown)
		}
		return s
	}

	signs(map[string]string{"purpose": "bind", "provider": "huixin", "encryption_certificate": base64.StdEncoding.EncodeToString(of("encrypt").DER)})
	b := programtest.Binding(t, prog, page)
	if b.Pair == nil || b.Pair.Fingerprint != of("encrypt").ID {
		t.Fatalf("%+v", b.Pair)
	}
	for i := range 12 { // a list that is longer than one window
		if _, _, err := prog.Bids.Record(ctx, "zcy", bids.Report{External: string(rune('a' + i)), DER: of("encrypt").DER, Tender: "城东医院影像设备采购项目（第" + string(rune('甲'+i)) + "包）", OpensAt: time.Now().Add(72 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := trust.ParseCertificate(of("sign").DER)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := prog.Certificates.Of(ctx, cert)
	if err != nil {
		t.Fatal(err)
	}
	signs(map[string]string{"purpose": "acknowledge", "certificate": doc.ID})
	if st, err := prog.Bids.Standing(ctx, doc.Content); err != nil || !st.Acknowledged || len(st.Open) != 12 {
		t.Errorf("%+v, %v", st, err)
	}

	var r struct{ ID, State, Certificate, Statement, Challenge string }
	if err := page.Call(ctx, "POST", "/v1/bindings/"+b.ID+"/rehearsals", map[string]string{}, &r); err != nil || r.Certificate != of("encrypt").ID {
		t.Fatal(r, err)
	}
	hand.Will(ukeytest.Answer{PIN: skf.PIN})
	var answer struct{ Answer string }
	if err := desk.Call(map[string]string{"type": "rehearse", "token": of("encrypt").Token, "certificate": r.Certificate, "statement": r.Statement, "challenge": r.Challenge}, &answer); err != nil {
		t.Fatal(err)
	}
	if err := page.Call(ctx, "POST", "/v1/bindings/"+b.ID+"/rehearsals/"+r.ID, map[string]string{"answer": answer.Answer}, &r); err != nil || r.State != "passed" {
		t.Errorf("%+v, %v", r, err)
	}
	if at, err := prog.Bids.Rehearsed(ctx, b.Certificate.Content); err != nil || at == nil {
		t.Errorf("%v, %v", at, err)
	}

	for _, x := range []struct {
		request map[string]string
		code    string
	}{
		{map[string]string{"purpose": "enroll", "product": "demo-p256"}, "ukey_purpose"},
		{map[string]string{"purpose": "extend", "renewal": "none"}, "renewal_unknown"},
		{map[string]string{"purpose": "login"}, "purpose_unknown"},
	} {
		if r, ok := page.Call(ctx, "POST", "/v1/ukey-sessions", x.request, nil).(*programtest.Refusal); !ok || r.Code != x.code {
			t.Errorf("%v: %v", x.request, r)
		}
	}
	for purpose, have := range members {
		if !slices.Equal(have, members["bind"]) {
			t.Errorf("%s has the members %q, bind has %q", purpose, have, members["bind"])
		}
	}
	for _, text := range []string{bridge.Log(), bridge.Audit()} {
		if len(text) < 20 || strings.Contains(text, skf.PIN) {
			t.Error("the PIN is written down, or nothing is")
		}
	}
}
