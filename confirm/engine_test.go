package confirm_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/store/sqlite"
	"certlink/trust"
	"certlink/trust/trusttest"
)

var ctx = context.Background()

var (
	errLocked     = fault.New(fault.Forbidden, "test_account_locked", "锁定", "locked")
	errSuperseded = fault.New(fault.Forbidden, "test_superseded", "已被取代", "superseded")
	errRefused    = fault.New(fault.Forbidden, "test_refused", "拒绝", "refused")
)

// bench is an engine whose surroundings a test can turn against it.
type bench struct {
	clock                       *clock.Manual
	engine                      *confirm.Engine
	locked, superseded, refused bool
	purpose                     confirm.SignedBy
	acts                        int
	revocation                  trust.Revocation
	policy                      *trust.Policy
}

func (b *bench) Name() string { return "bind" }
func (b *bench) Letter() byte { return 'b' }
func (b *bench) Begin(context.Context, confirm.Request) (confirm.Terms, error) {
	t := confirm.Terms{Details: map[string]string{"provider": "p"}, Provider: "p", SignedBy: b.purpose}
	if b.purpose == confirm.ByDevice {
		t.NewKey = &confirm.KeyRequest{Algorithm: trust.SM2SM3}
	}
	return t, nil
}
func (b *bench) CheckKey(context.Context, confirm.Request, *trust.CSR) error { return nil }
func (b *bench) Check(context.Context, *confirm.Statement, confirm.Signer) error {
	if b.refused {
		return errRefused
	}
	return nil
}
func (b *bench) Done(_ context.Context, s *confirm.Statement) (*confirm.Result, error) {
	if b.acts == 0 {
		return nil, nil
	}
	return &confirm.Result{Kind: "binding", ID: s.ID}, nil
}
func (b *bench) Act(_ context.Context, a *confirm.Accepted) (*confirm.Result, error) {
	b.acts++
	return &confirm.Result{Kind: "binding", ID: a.Statement.ID}, nil
}

type directory struct{ *bench }

func (d directory) Standing(context.Context, string) error {
	if d.locked {
		return errLocked
	}
	return nil
}

type certificates struct{ *bench }

func (c certificates) Standing(context.Context, string) error {
	if c.superseded {
		return errSuperseded
	}
	return nil
}

func newBench(t *testing.T, anchors ...*trust.Certificate) *bench {
	b := &bench{clock: clock.NewManual(trusttest.Now), purpose: confirm.ByCertificate}
	db, err := sqlite.Open(ctx, t.TempDir(), confirm.Collections())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	b.policy = &trust.Policy{Provider: "p", Anchors: trusttest.Pool(t, anchors...), Revocation: trust.RevocationNone}
	b.engine, err = confirm.New(confirm.Config{
		Store: db, Clock: b.clock.Now, Audience: "https://ca.example.cn",
		Directory: directory{b}, Certificates: certificates{b},
		Policy:   func(string) (*trust.Policy, error) { return b.policy, nil },
		Purposes: []confirm.Purpose{b},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) begin(t *testing.T) *confirm.Confirmation {
	t.Helper()
	me := confirm.Party{ID: "acc1", Name: "王敏", OrganisationID: "org1", Organisation: "某公司"}
	c, err := b.engine.Begin(ctx, confirm.Request{Purpose: "bind", Actor: me, Subject: confirm.Party{ID: "acc2", Name: "张伟"}, Requester: confirm.Requester{IP: "192.0.2.1"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *bench) issue(t *testing.T, csr []byte) *confirm.Confirmation {
	t.Helper()
	c := b.begin(t)
	if err := b.engine.Issue(ctx, c, csr, b.clock.Now(), b.clock.Now().Add(3*time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

func sign(t *testing.T, h *trusttest.Holder, payload []byte) string {
	t.Helper()
	jws, err := trust.SignJWS(h.Key, h.Alg, h.Chain, false, payload)
	if err != nil {
		t.Fatal(err)
	}
	return jws
}

func code(err error) string {
	if f := fault.Of(err); f != nil {
		return f.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestEachCheckHasItsOwnRefusal(t *testing.T) {
	root := trusttest.Root(t, trust.ES256, "root")
	h := root.Leaf(t, trust.ES256)
	elsewhere := trusttest.Root(t, trust.ES256, "elsewhere").Leaf(t, trust.ES256)
	cases := []struct {
		name string
		turn func(b *bench, c *confirm.Confirmation)
		jws  func(b *bench, c *confirm.Confirmation) string
		want string
	}{
		{name: "right", want: ""},
		{name: "not a JWS", jws: func(*bench, *confirm.Confirmation) string { return "garbage" }, want: trust.ErrJWSMalformed.Code},
		{name: "another provider's", jws: func(_ *bench, c *confirm.Confirmation) string { return sign(t, elsewhere, c.Statement) }, want: trust.ErrUntrusted.Code},
		{name: "another key than in x5c", jws: func(_ *bench, c *confirm.Confirmation) string {
			thief := &trusttest.Holder{Cert: h.Cert, Key: elsewhere.Key, Chain: h.Chain, Alg: h.Alg}
			return sign(t, thief, c.Statement)
		}, want: trust.ErrSignature.Code},
		{name: "another statement", jws: func(b *bench, _ *confirm.Confirmation) string { return sign(t, h, b.issue(t, nil).Statement) }, want: confirm.ErrStatementMismatch.Code},
		{name: "another purpose", jws: func(_ *bench, c *confirm.Confirmation) string {
			return sign(t, h, bytes.Replace(c.Statement, []byte(`"purpose":"bind"`), []byte(`"purpose":"login"`), 1))
		}, want: confirm.ErrPurposeMismatch.Code},
		{name: "a device key where a certificate is asked", jws: func(_ *bench, c *confirm.Confirmation) string {
			jws, err := trust.SignJWS(h.Key, h.Alg, nil, true, c.Statement)
			if err != nil {
				t.Fatal(err)
			}
			return jws
		}, want: confirm.ErrSignerMismatch.Code},
		{name: "too late", turn: func(b *bench, _ *confirm.Confirmation) { b.clock.Advance(3 * time.Minute) }, want: confirm.ErrStatementExpired.Code},
		{name: "superseded", turn: func(b *bench, _ *confirm.Confirmation) { b.superseded = true }, want: errSuperseded.Code},
		{name: "account locked", turn: func(b *bench, _ *confirm.Confirmation) { b.locked = true }, want: errLocked.Code},
		{name: "purpose refuses", turn: func(b *bench, _ *confirm.Confirmation) { b.refused = true }, want: errRefused.Code},
		{name: "no revocation source", turn: func(b *bench, _ *confirm.Confirmation) { b.policy.Revocation = trust.RevocationRequired }, want: trust.ErrRevocationUnavailable.Code},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, root.Cert)
			c := b.issue(t, nil)
			jws := ""
			if tc.jws != nil {
				jws = tc.jws(b, c)
			} else {
				jws = sign(t, h, c.Statement)
			}
			if tc.turn != nil {
				tc.turn(b, c)
			}
			if _, err := b.engine.Verify(ctx, c, "device", jws); code(err) != tc.want {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// Every field of the statement is under the signature: change any one, and the
// signature is worthless.
func TestEveryFieldIsSigned(t *testing.T) {
	root := trusttest.Root(t, trust.ES256, "root")
	h := root.Leaf(t, trust.ES256)
	b := newBench(t, root.Cert)
	c := b.issue(t, nil)
	var fields map[string]any
	if err := json.Unmarshal(c.Statement, &fields); err != nil {
		t.Fatal(err)
	}
	changed := 0
	var walk func(m map[string]any)
	walk = func(m map[string]any) {
		for name, v := range m {
			switch v := v.(type) {
			case map[string]any:
				walk(v)
			case string:
				m[name] = v + "x"
				other, err := json.Marshal(fields)
				if err != nil {
					t.Fatal(err)
				}
				m[name] = v
				changed++
				if _, err := b.engine.Verify(ctx, c, "device", sign(t, h, other)); err == nil {
					t.Errorf("%s can be changed", name)
				}
			default:
				t.Errorf("%s is not a string", name)
			}
		}
	}
	walk(fields)
	if changed < 15 {
		t.Fatalf("only %d fields were tried", changed)
	}
}

func TestActChecksAgainAndKeepsEvidence(t *testing.T) {
	for _, alg := range trusttest.Algorithms {
		t.Run(string(alg), func(t *testing.T) {
			root := trusttest.Root(t, alg, "root")
			h := root.Leaf(t, alg)
			b := newBench(t, root.Cert)
			c := b.issue(t, nil)
			v, err := b.engine.Verify(ctx, c, "device", sign(t, h, c.Statement))
			if err != nil {
				t.Fatal(err)
			}
			c.Accept(v, b.clock.Now())
			b.superseded = true
			if _, err := b.engine.Act(ctx, c, "device", nil); code(err) != errSuperseded.Code || b.acts != 0 {
				t.Fatalf("acted %d times; %v", b.acts, err)
			}
			b.superseded = false
			b.clock.Advance(time.Hour) // what was accepted in time is not too late
			for range 2 {
				if _, err := b.engine.Act(ctx, c, "device", nil); err != nil {
					t.Fatal(err)
				}
				b.superseded = true // what has been done stays done
			}
			if b.acts != 1 {
				t.Fatalf("acted %d times", b.acts)
			}
			verifyOffline(t, b, c, h)
		})
	}
}

// verifyOffline proves the evidence with OpenSSL alone.
func verifyOffline(t *testing.T, b *bench, c *confirm.Confirmation, h *trusttest.Holder) {
	t.Helper()
	ev, err := b.engine.Evidence(ctx, c.StatementID())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := trust.ParseCertificate(ev.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	input, sig := write("input", []byte(ev.SigningInput)), write("sig", ev.SignatureDER)
	pub := trusttest.PublicKeyFile(t, leaf.PublicKey())
	verify := []string{"dgst", "-sha256", "-verify", pub, "-signature", sig, input}
	if h.Alg == trust.SM2SM3 {
		verify = []string{"pkeyutl", "-verify", "-pubin", "-inkey", pub, "-rawin", "-in", input, "-sigfile", sig,
			"-digest", "sm3", "-pkeyopt", "distid:" + trust.SM2Identifier}
	}
	trusttest.OpenSSL(t, verify...)
	// The signed payload is the statement that was kept.
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(ev.SigningInput, ".")[1])
	if err != nil || !bytes.Equal(payload, ev.Statement) {
		t.Fatalf("the evidence holds another statement than was signed: %v", err)
	}
	// And the check can fail.
	write("input", append([]byte(ev.SigningInput), 'x'))
	if out, err := trusttest.TryOpenSSL(t, verify...); err == nil {
		t.Fatalf("OpenSSL accepts a changed text: %s", out)
	}
}

func TestEnrolNamesTheNewKey(t *testing.T) {
	b := newBench(t, trusttest.Root(t, trust.ES256, "root").Cert)
	b.purpose = confirm.ByDevice
	device := trusttest.Key(t, trust.ES256)
	thumb, err := trust.Thumbprint(device.Public())
	if err != nil {
		t.Fatal(err)
	}
	c := b.begin(t)
	now := b.clock.Now()
	if err := b.engine.Issue(ctx, c, nil, now, now.Add(time.Minute)); err != nil || c.Statement != nil {
		t.Fatalf("a statement without its key: %v", err)
	}
	if err := b.engine.Issue(ctx, c, trusttest.CSR(t, trusttest.Key(t, trust.ES256)), now, now.Add(time.Minute)); code(err) != confirm.ErrKeyMismatch.Code {
		t.Fatalf("a key of another kind: %v", err)
	}
	csr := trusttest.CSR(t, trusttest.Key(t, trust.SM2SM3))
	if err := b.engine.Issue(ctx, c, csr, now, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	s, _ := c.Parsed()
	parsed, _ := trust.ParseCSR(csr)
	if s.Details["public_key_sha256"] != parsed.PublicKeySHA256() {
		t.Fatal("the statement does not name the key")
	}
	was := string(c.Statement)
	if err := b.engine.Issue(ctx, c, csr, now, now.Add(time.Minute)); err != nil || string(c.Statement) != was {
		t.Fatalf("asking again changes the statement: %v", err)
	}
	other := trusttest.CSR(t, trusttest.Key(t, trust.SM2SM3))
	if err := b.engine.Issue(ctx, c, other, now, now.Add(time.Minute)); code(err) != confirm.ErrKeyMismatch.Code {
		t.Fatalf("the key can be exchanged: %v", err)
	}
	by := func(key interface{}) string {
		k := device
		if key != nil {
			k = trusttest.Key(t, trust.ES256)
		}
		jws, err := trust.SignJWS(k, trust.ES256, nil, true, c.Statement)
		if err != nil {
			t.Fatal(err)
		}
		return jws
	}
	if _, err := b.engine.Verify(ctx, c, thumb, by(nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Verify(ctx, c, thumb, by("stranger")); code(err) != confirm.ErrSignerMismatch.Code {
		t.Fatalf("a stranger's device: %v", err)
	}
}

func TestTheCanonicalFormIsRFC8785(t *testing.T) {
	b := newBench(t, trusttest.Root(t, trust.ES256, "root").Cert)
	c := b.issue(t, nil)
	var v map[string]any
	if err := json.Unmarshal(c.Statement, &v); err != nil {
		t.Fatal(err)
	}
	var sorted bytes.Buffer // encoding/json sorts keys; without < > & and U+2028 it writes what RFC 8785 does
	enc := json.NewEncoder(&sorted)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSuffix(sorted.String(), "\n"); got != string(c.Statement) {
		t.Fatalf("\n%s\nis not\n%s", c.Statement, got)
	}
}
