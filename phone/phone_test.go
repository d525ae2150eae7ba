package phone

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	"certlink/trust/trusttest"
)

func holder() *trusttest.Template {
	return &trusttest.Template{
		Subject:               pkix.Name{CommonName: "王敏", Organization: []string{"杭州联链示范科技有限公司"}},
		KeyUsage:              smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment,
		BasicConstraintsValid: true,
	}
}

// quick spares tests the slow part of a PIN, which TestPINDerivations checks in full.
func quick(p *Phone) error { p.rounds = 10; return nil }

func newPhone(t *testing.T, s *server, opts ...Option) *Phone {
	t.Helper()
	p, err := New(s.url, append(opts, quick)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Register(t.Context(), "测试手机"); err != nil {
		t.Fatal(err)
	}
	return p
}

// certified gives the phone a certificate of the server's authority.
func certified(t *testing.T, s *server, p *Phone, alg trust.Algorithm) *Key {
	t.Helper()
	signer := trusttest.Key(t, alg)
	cert := s.ca.Sign(t, holder(), signer.Public(), func(c *trusttest.Template) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	})
	k, err := p.AddCertificate(signer, cert.Raw, [][]byte{s.ca.Cert.Raw}, "huixin")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRegisterAsksForTheNonceOnce(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	d, err := p.Device(t.Context())
	if err != nil || d.ID != p.ID() || d.Name != "测试手机" {
		t.Fatalf("%+v, %v", d, err)
	}
	if s.maxNonce != 1 {
		t.Errorf("asked for a nonce %d times, want once", s.maxNonce)
	}
	s.mu.Lock()
	s.nonce = "nonce-2" // five minutes later
	s.mu.Unlock()
	if err := p.Rename(t.Context(), "新名字"); err != nil {
		t.Fatal(err)
	}
	if s.maxNonce != 2 {
		t.Errorf("asked %d times, want twice", s.maxNonce)
	}
}

func TestAServerThatNeverLikesTheNonce(t *testing.T) {
	s := newServer(t)
	s.nonce = `bad"nonce`
	p, err := New(s.url)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Register(t.Context(), "x"); Code(err) != "use_dpop_nonce" {
		t.Errorf("%v", err)
	}
	if len(s.calls) != 1 {
		t.Errorf("%d calls, want one: the nonce offered cannot be used", len(s.calls))
	}
}

func TestEnrolThenBind(t *testing.T) {
	for _, alg := range trusttest.Algorithms {
		t.Run(string(alg), func(t *testing.T) {
			s := newServer(t)
			p := newPhone(t, s, InDirectory(filepath.Join(t.TempDir(), "phone")))
			shown := ""
			key, err := p.Enroll(t.Context(), s.enroll(alg), func(n *Session) error {
				shown = n.Match.Digits
				if n.Statement.Get("details.public_key_sha256") != n.Made().ID {
					t.Error("the statement does not name the new key")
				}
				s.set("match", map[string]any{"required": true, "done": true, "digits": "42"})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if shown != "42" || key.Algorithm != alg || key.Certificate.PublicKeySHA256() != key.ID || key.Provider != "demo" {
				t.Errorf("digits %q, key %+v", shown, key)
			}

			code := s.bind(nil)
			s.set("provider", map[string]any{"id": "huixin"})
			n, err := p.Scan(t.Context(), code)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Confirm(t.Context(), n, key); !errors.Is(err, ErrWrongKey) {
				t.Errorf("another provider's certificate: %v", err)
			}
			s.set("provider", nil)
			if n, err = p.Scan(t.Context(), code); err != nil {
				t.Fatal(err)
			}
			fit, err := p.Fitting(n)
			if err != nil || len(fit) != 1 || fit[0].ID != key.ID {
				t.Fatalf("fitting: %v, %v", fit, err)
			}
			// The key as it was kept signs too, not only the one in memory.
			if err := p.Confirm(t.Context(), n, fit[0]); err != nil {
				t.Fatal(err)
			}
			if n.Result == nil || n.Result.Kind != "binding" || n.Result.AccountName != "张伟" || n.Result.BoundAt == nil {
				t.Errorf("result %+v", n.Result)
			}
		})
	}
}

func TestAddedCertificateSignsWithEveryAlgorithm(t *testing.T) {
	for _, alg := range trusttest.Algorithms {
		t.Run(string(alg), func(t *testing.T) {
			s := newServer(t)
			p := newPhone(t, s)
			k := certified(t, s, p, alg)
			n, err := p.Scan(t.Context(), s.bind(nil))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Confirm(t.Context(), n, k); err != nil {
				t.Fatal(err)
			}
			j, err := trust.ParseJWS(s.jws)
			if err != nil {
				t.Fatal(err)
			}
			if len(j.Chain) != 1 || j.Algorithm != alg {
				t.Errorf("chain of %d with %s: the root need not be sent", len(j.Chain), j.Algorithm)
			}
		})
	}
}

func TestForeignCertificateIsNotTaken(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	other := s.ca.Leaf(t, trust.ES256)
	if _, err := p.AddCertificate(trusttest.Key(t, trust.ES256), other.Cert.Raw, nil, "huixin"); !errors.Is(err, ErrNotOurs) {
		t.Errorf("%v", err)
	}
	if keys, _ := p.Keys(); len(keys) != 0 {
		t.Errorf("%d keys were kept", len(keys))
	}
}

func TestLostAnswersAreAskedForAgain(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	k := certified(t, s, p, trust.ES256)
	code := s.bind(nil)
	s.lose, s.busy = 1, 1
	n, err := p.Scan(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.lose, s.busy = 2, 1
	s.mu.Unlock()
	if err := p.Confirm(t.Context(), n, k); err != nil {
		t.Fatal(err)
	}
	if n.State != Confirmed {
		t.Errorf("state %s", n.State)
	}
}

func TestGivesUpInTheEnd(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s, Once())
	code := s.bind(nil)
	s.lose = 1
	var silent *Unreachable
	if _, err := p.Scan(t.Context(), code); !errors.As(err, &silent) {
		t.Errorf("%v", err)
	}
}

func TestMatchPendingThenDone(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	k := certified(t, s, p, trust.ES256)
	code := s.bind(nil)
	s.set("match", map[string]any{"required": true, "done": false, "digits": "07"})
	n, err := p.Scan(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Confirm(t.Context(), n, k); Code(err) != "match_pending" {
		t.Errorf("%v", err)
	}
	time.AfterFunc(100*time.Millisecond, func() { s.set("match", map[string]any{"required": true, "done": true}) })
	if err := p.AwaitMatch(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if err := p.Confirm(t.Context(), n, k); err != nil {
		t.Fatal(err)
	}
}

func TestWaitingForDigitsEndsWithTheSession(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	code := s.bind(nil)
	s.set("match", map[string]any{"required": true, "done": false, "digits": "07"})
	n, err := p.Scan(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	s.set("state", "cancelled")
	if err := p.AwaitMatch(t.Context(), n); Code(err) != "session_cancelled" {
		t.Errorf("%v", err)
	}
	s.set("state", "scanned")
	n.State = Scanned
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.AwaitMatch(ctx, n); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestARefusedActIsAnError(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	k := certified(t, s, p, trust.ES256)
	n, err := p.Scan(t.Context(), s.bind(nil))
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.session["state"] = "confirmed" // so that confirm leaves the state alone …
	s.mu.Unlock()
	s.set("failure", map[string]any{"code": "certificate_bound_elsewhere", "title_zh": "证书已绑定", "title_en": "Bound elsewhere."})
	if err := p.Confirm(t.Context(), n, k); err != nil {
		t.Fatalf("a confirmed session is no error: %v", err)
	}
	s.set("state", "failed")
	if err := p.Refresh(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	err = n.ended()
	var refused *Problem
	if !errors.As(err, &refused) || refused.Code != "certificate_bound_elsewhere" || refused.In("zh-CN") != "证书已绑定" || refused.In("en") != "Bound elsewhere." {
		t.Errorf("%v", err)
	}
}

func TestRejectAndNotMe(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	for _, say := range []func(*Session) error{
		func(n *Session) error { return p.Reject(t.Context(), n, WrongAccount, "不是这个账号") },
		func(n *Session) error { return p.NotMe(t.Context(), n) },
	} {
		n, err := p.Scan(t.Context(), s.bind(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := say(n); err != nil || n.State != Rejected {
			t.Errorf("%s, %v", n.State, err)
		}
	}
}

// A server, or somebody in its place, that wants a signature for something else.
func TestStatementsThatAreNotSigned(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]any
		want   error
	}{
		"another audience":        {map[string]any{"audience": "https://evil.example"}, ErrAudience},
		"another purpose":         {map[string]any{"purpose": "login"}, ErrPurpose},
		"another version":         {map[string]any{"version": "2"}, ErrVersion},
		"a short nonce":           {map[string]any{"nonce": "n"}, ErrStatement},
		"no actor":                {map[string]any{"actor": nil}, ErrStatement},
		"a key that is not ours":  {map[string]any{"details": map[string]any{"public_key_sha256": "AAAA"}}, ErrOtherKey},
		"over since yesterday":    {map[string]any{"expires_at": time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)}, ErrLate},
		"an end that is no time":  {map[string]any{"expires_at": "soon"}, ErrStatement},
		"a number for a string":   {map[string]any{"details": map[string]any{"n": 1}}, ErrStatement},
		"another provider inside": {map[string]any{"details": map[string]any{"provider": "cfca"}}, ErrStatement},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			p := newPhone(t, s)
			if _, err := p.Scan(t.Context(), s.bind(c.change)); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestAStatementMustNotChange(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	n, err := p.Scan(t.Context(), s.bind(nil))
	if err != nil {
		t.Fatal(err)
	}
	s.set("statement", s.statement("bind", map[string]any{"id": "st2"}))
	if err := p.Refresh(t.Context(), n); !errors.Is(err, ErrStatement) {
		t.Errorf("%v", err)
	}
	if n.Statement.Get("id") != "st1" {
		t.Error("the statement shown was replaced")
	}
}

func TestEnrolNamesAnotherKey(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	n, err := p.Scan(t.Context(), s.enroll(trust.ES256))
	if err != nil {
		t.Fatal(err)
	}
	s.set("statement", s.statement("enroll", map[string]any{"details": map[string]any{"public_key_sha256": strings.Repeat("A", 43)}}))
	if _, err := p.MakeKey(t.Context(), n); !errors.Is(err, ErrOtherKey) {
		t.Errorf("%v", err)
	}
}

func TestCodesThatAreNotSent(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	before := len(s.calls)
	for code, want := range map[string]error{
		"https://evil.example/q/b" + strings.Repeat("t", 22) + ".1.m": ErrElsewhere,
		s.origin + ".evil.example/q/babc":                             ErrElsewhere,
		s.origin + "/portal/":                                         ErrElsewhere,
		s.origin + "/q/":                                              ErrElsewhere,
		s.origin + "/q/zabc":                                          ErrNotACode,
		"7K3QX-M2P9":                                                  ErrNotACode,
		"7K3QX-M2P9T-0":                                               ErrNotACode,
		"7K3QU-M2P9T":                                                 ErrNotACode,
		"":                                                            ErrNotACode,
	} {
		if _, err := p.Scan(t.Context(), code); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", code, err, want)
		}
	}
	if len(s.calls) != before {
		t.Errorf("%d of them reached the server", len(s.calls)-before)
	}
}

func TestCodePurposeAgainstServer(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	s.bind(nil)
	s.mu.Lock()
	s.code = strings.Replace(s.code, "/q/b", "/q/e", 1)
	s.mu.Unlock()
	if _, err := p.Scan(t.Context(), s.code); !errors.Is(err, ErrPurpose) {
		t.Errorf("%v", err)
	}
}

func TestTypedCode(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	s.bind(nil)
	for _, typed := range []string{"7k3qx m2p9t", "7K3QX－M2P9T", " 7K3QXM2P9T "} {
		if _, err := p.Scan(t.Context(), typed); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
	}
	if got, err := TypedCode("oil00-OIL00"); err != nil || got != "01100-01100" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestGoingOnInAnotherRun(t *testing.T) {
	s := newServer(t)
	dir := filepath.Join(t.TempDir(), "phone")
	p := newPhone(t, s, InDirectory(dir))
	n, err := p.Scan(t.Context(), s.enroll(trust.SM2SM3))
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.MakeKey(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Keep(n); err != nil {
		t.Fatal(err)
	}
	s.set("match", map[string]any{"required": true, "done": true})

	again, err := New("", InDirectory(dir))
	if err != nil {
		t.Fatal(err)
	}
	if again.ID() != p.ID() {
		t.Fatal("another device key")
	}
	ids, err := again.Kept()
	if err != nil || len(ids) != 1 || ids[0] != n.ID {
		t.Fatalf("%v, %v", ids, err)
	}
	m, err := again.Resume(t.Context(), n.ID)
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.MakeKey(t.Context(), m)
	if err != nil || second.ID != first.ID {
		t.Fatalf("a second key was made: %v", err)
	}
	if err := again.Confirm(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}
	if second.Certificate == nil {
		t.Error("no certificate")
	}
	if err := again.Forget(n.ID); err != nil {
		t.Fatal(err)
	}
	if ids, _ := again.Kept(); len(ids) != 0 {
		t.Errorf("%v", ids)
	}
}

// The phone died between confirming and the answer: the list brings the certificate.
func TestCertificatesBringWhatWasLost(t *testing.T) {
	s := newServer(t)
	dir := filepath.Join(t.TempDir(), "phone")
	p := newPhone(t, s, InDirectory(dir))
	n, err := p.Scan(t.Context(), s.enroll(trust.ES256))
	if err != nil {
		t.Fatal(err)
	}
	k, err := p.MakeKey(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	cert := s.issue(s.csr)
	s.certs = append(s.certs,
		map[string]any{"id": "old", "certificate": s.ca.Leaf(t, trust.ES256).Cert.Raw, "state": "active", "provider": map[string]any{"id": "demo"}},
		map[string]any{"id": cert.Fingerprint(), "certificate": cert.Raw, "chain": [][]byte{s.ca.Cert.Raw}, "state": "active", "provider": map[string]any{"id": "demo"}})
	items, err := p.Certificates(t.Context())
	if err != nil || len(items) != 2 {
		t.Fatalf("%v, %v", items, err)
	}
	got, err := p.Key(k.ID[:10])
	if err != nil {
		t.Fatal(err)
	}
	if got.Certificate == nil || got.Provider != "demo" || got.Certificate.Fingerprint() != cert.Fingerprint() {
		t.Errorf("%+v", got)
	}
	if _, err := p.Key(cert.Fingerprint()[:12]); err != nil {
		t.Error(err)
	}
	if err := p.DropKey(got); err != nil {
		t.Fatal(err)
	}
	if keys, _ := p.Keys(); len(keys) != 0 {
		t.Errorf("%d keys left", len(keys))
	}
}

func TestSessionsAreRead(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	list, err := p.Sessions(t.Context(), true)
	if err != nil || len(list) != 2 || list[1].ID != "s2" {
		t.Fatalf("%v, %v", list, err)
	}
	if last := s.calls[len(s.calls)-1]; last != "GET /v1/phone/sessions?state=open&cursor=1" {
		t.Error(last)
	}
}

func TestTwoPhonesOneSession(t *testing.T) {
	s := newServer(t)
	a, b := newPhone(t, s), newPhone(t, s)
	code := s.bind(nil)
	if _, err := a.Scan(t.Context(), code); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Scan(t.Context(), code); Code(err) != "session_taken" {
		t.Errorf("%v", err)
	}
}

func TestNew(t *testing.T) {
	for _, base := range []string{"certlink.example", "ftp://x", "https://x/path", "https://u@x", "https://x?q", "https://"} {
		if _, err := New(base); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
	if _, err := New(""); !errors.Is(err, ErrNoServer) {
		t.Errorf("%v", err)
	}
	p, err := New("https://Example.COM/")
	if err != nil || p.Origin() != "https://example.com" {
		t.Errorf("%v, %v", p, err)
	}
	s := newServer(t)
	dir := filepath.Join(t.TempDir(), "p")
	newPhone(t, s, InDirectory(dir))
	if _, err := New("https://other.example", InDirectory(dir)); err == nil {
		t.Error("one device key for two servers")
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := New("", InDirectory(dir)); err == nil {
		t.Error("a directory that others may read was taken")
	}
}

func TestViaNamesTheOrigin(t *testing.T) {
	s := newServer(t)
	s.origin = "https://certlink.example"
	p, err := New(s.origin, Via(s.url))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Register(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Scan(t.Context(), s.bind(nil)); err != nil {
		t.Fatal(err)
	}
}
