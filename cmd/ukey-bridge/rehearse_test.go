package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/confirm"
	"certlink/trust"
	"certlink/trust/challenge"
	"certlink/trust/trusttest"
	"certlink/ukey/ukeytest"
)

// The bridge opens challenges of rehearsals and is no way to have anything else
// decrypted: what is none is answered alike, whether the token could read it or not, and
// no plaintext ever leaves.
func TestRehearsing(t *testing.T) {
	soft, person := ukeytest.NewSoftSKF(t), ukeytest.NewPinentry(t)
	ca := trusttest.Root(t, trust.SM2SM3, "SM2 CA")
	signer := ca.Leaf(t, trust.SM2SM3)
	reader := ca.Leaf(t, trust.SM2SM3, func(c *trusttest.Template) { c.KeyUsage = smx509.KeyUsageKeyEncipherment })
	soft.Put("sign", &signer.Key.(*sm2.PrivateKey).PrivateKey, signer.Cert.Raw)
	soft.Put("encrypt", &reader.Key.(*sm2.PrivateKey).PrivateKey, reader.Cert.Raw)
	b := ukeytest.StartBridge(t, ukeytest.FreePort(t), portal, person, ukeytest.Profile("soft-skf", "skf", soft.Library))
	p := newPage(t, b)
	p.pair(person)
	token := p.tokens().Tokens[0].ID
	encrypt := func(plain []byte) []byte {
		t.Helper()
		sealed, err := sm2.EncryptASN1(rand.Reader, reader.Key.Public().(*ecdsa.PublicKey), plain)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	b64 := base64.StdEncoding.EncodeToString
	// asks sends a message whose statement fits the ciphertext, changed where a test wants.
	asks := func(sealed []byte, change ...func(map[string]string, *confirm.Statement)) *answer {
		t.Helper()
		sum := sha256.Sum256(sealed)
		m := map[string]string{"type": "rehearse", "token": token, "certificate": reader.Cert.Fingerprint(), "challenge": b64(sealed)}
		m["statement"] = statement(t, func(s *confirm.Statement) {
			s.Purpose = "rehearse"
			s.Details = map[string]string{"challenge_sha256": base64.RawURLEncoding.EncodeToString(sum[:]), "encryption_certificate": reader.Cert.Fingerprint()}
			for _, c := range change {
				c(m, s)
			}
		})
		return p.call(m)
	}

	plain := challenge.New(portal)
	person.Will(ukeytest.Answer{PIN: "111111"}, ukeytest.Answer{PIN: soft.PIN})
	a := asks(encrypt(plain))
	var got struct{ Answer []byte }
	if sum := sha256.Sum256(plain); json.Unmarshal(a.body, &got) != nil || a.status != 200 || !bytes.Equal(got.Answer, sum[:]) {
		t.Fatalf("%d %s", a.status, a.body)
	}

	bid := []byte("0123456789abcdef") // the content key of somebody's bid
	var first []byte
	for name, sealed := range map[string][]byte{
		"a bid's key": encrypt(bid), "a challenge for another site": encrypt(challenge.New("https://evil.example")),
		"a challenge cut short": encrypt(plain[:len(plain)-1]), "what the token cannot read": append(encrypt(plain)[:100], make([]byte, 20)...), "nonsense": []byte("x"),
	} {
		person.Will(ukeytest.Answer{PIN: soft.PIN})
		a := asks(sealed)
		if a.code() != "bridge_challenge_refused" || bytes.Contains(a.body, bid) {
			t.Errorf("%s: %s", name, a.body)
		}
		if first == nil {
			first = a.body
		}
		if !bytes.Equal(first, a.body) {
			t.Errorf("%s can be told from others: %s", name, a.body)
		}
	}

	// Nothing is asked for what does not fit.
	windows := len(person.Windows())
	sealed := encrypt(plain)
	for name, c := range map[string]struct {
		change func(map[string]string, *confirm.Statement)
		code   string
	}{
		"another purpose":     {func(_ map[string]string, s *confirm.Statement) { s.Purpose = "bind" }, "bridge_statement_refused"},
		"another challenge":   {func(m map[string]string, _ *confirm.Statement) { m["challenge"] = b64(encrypt(bid)) }, "bridge_statement_refused"},
		"another certificate": {func(_ map[string]string, s *confirm.Statement) { s.Details["encryption_certificate"] = "x" }, "bridge_statement_refused"},
		"no challenge":        {func(m map[string]string, _ *confirm.Statement) { m["challenge"] = "" }, "bridge_request_invalid"},
		"no base64":           {func(m map[string]string, _ *confirm.Statement) { m["challenge"] = "!" }, "bridge_request_invalid"},
		"another site":        {func(_ map[string]string, s *confirm.Statement) { s.Audience = "https://evil.example" }, "bridge_audience_refused"},
		"of yesterday":        {func(_ map[string]string, s *confirm.Statement) { s.ExpiresAt = "2020-01-01T00:00:00Z" }, "bridge_statement_expired"},
		"the signing key":     {func(m map[string]string, _ *confirm.Statement) { m["certificate"] = signer.Cert.Fingerprint() }, "ukey_certificate_use"},
		"to be signed": {func(m map[string]string, _ *confirm.Statement) {
			m["type"], m["certificate"] = "sign", signer.Cert.Fingerprint()
		}, "bridge_statement_refused"},
		"signed with this key":            {func(m map[string]string, s *confirm.Statement) { m["type"], s.Purpose = "sign", "bind" }, "ukey_certificate_use"},
		"a certificate that is not there": {func(m map[string]string, _ *confirm.Statement) { m["certificate"] = "00" }, "ukey_certificate_missing"},
	} {
		if a := asks(sealed, c.change); a.code() != c.code {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	if n := len(person.Windows()); n != windows {
		t.Errorf("%d windows were opened for nothing", n-windows)
	}
	stranger := newPage(t, b)
	if a := stranger.call(map[string]string{"type": "rehearse", "token": token}); a.code() != "bridge_not_paired" {
		t.Errorf("%s", a.body)
	}
	nowhere(t, b, p, soft.PIN, "111111", string(bid))
}
