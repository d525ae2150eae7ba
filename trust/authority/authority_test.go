package authority_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/trust"
	"certlink/trust/authority"
	tt "certlink/trust/trusttest"
)

var passphrase = []byte("a long enough passphrase")

const base = "http://ca.example.cn/ca"

var real = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "authority-test-")
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "ca")
	return dir, authority.Create(dir, passphrase, authority.Naming{Organisation: "示例认证中心"}, tt.Start)
})

func TestMain(m *testing.M) {
	authority.FewRounds()
	code := m.Run()
	if dir, err := real(); err == nil {
		os.RemoveAll(filepath.Dir(dir))
	}
	os.Exit(code)
}

var now = clock.NewManual(tt.Now)

var shared = sync.OnceValues(func() (*authority.Authority, error) {
	dir, err := real()
	if err != nil {
		return nil, err
	}
	return authority.Load(dir, passphrase, authority.Options{BaseURL: base, Clock: now.Now})
})

// load opens the one authority that all tests share; its keys are slow to open.
func load(t testing.TB) *authority.Authority {
	t.Helper()
	a, err := shared()
	must(t, err)
	return a
}

func request(t testing.TB, alg trust.Algorithm) authority.Request {
	t.Helper()
	csr, err := trust.ParseCSR(tt.CSR(t, tt.Key(t, alg)))
	must(t, err)
	return authority.Request{CSR: csr, Profile: authority.Sign, Serial: authority.NewSerial(),
		Subject: authority.Subject{CommonName: "张三", Organisation: "杭州示例科技有限公司", Email: "zhangsan@example.cn", Locality: "杭州", Province: "浙江"},
		Person:  "11010519491231002X", Organisation: "91350100M000100Y43",
		NotBefore: tt.Now, NotAfter: tt.Now.AddDate(1, 0, 0).Add(-time.Second)}
}

func TestIssuedCertificatesAreAccepted(t *testing.T) {
	a := load(t)
	pool, err := trust.NewPool(a.Anchors())
	must(t, err)
	policy := trust.Policy{Anchors: pool, Revocation: trust.RevocationNone, Identifiers: trust.DefaultIdentifiers()}
	for _, alg := range tt.Algorithms {
		r := request(t, alg)
		c, err := a.Issue(t.Context(), r)
		must(t, err)
		got, err := policy.Check(t.Context(), c, nil, tt.Now, nil)
		must(t, err)
		want := trust.Identity{Person: "11010519491231002X", PersonName: "张三", Organisation: "91350100M000100Y43", OrganisationName: "杭州示例科技有限公司"}
		if got.Identity != want {
			t.Errorf("%s: identity %+v", alg, got.Identity)
		}
		if c.SerialHex() != r.Serial || c.PublicKeySHA256() != r.CSR.PublicKeySHA256() || !c.CanSign() || c.CanEncrypt() {
			t.Errorf("%s: %s %v", alg, c.SerialHex(), c.Subject())
		}
		if authority.IsDemo(c) {
			t.Error("a real certificate passes for a demonstration")
		}
		if line, ok := a.Issued(c); !ok || line != authority.LineFor(alg) {
			t.Errorf("%s: issued by %q, %v", alg, line, ok)
		}
		if chain := a.Chain(c); len(chain) != 2 || !bytes.Equal(chain[1], a.Issuer(authority.LineFor(alg)).Raw) {
			t.Errorf("%s: chain of %d", alg, len(chain))
		}

		r.Profile, r.Serial = authority.Encrypt, authority.NewSerial()
		twin, err := a.Issue(t.Context(), r)
		must(t, err)
		if _, err := policy.Check(t.Context(), twin, nil, tt.Now, nil); !errors.Is(err, trust.ErrKeyUsage) {
			t.Errorf("%s: the twin signs: %v", alg, err)
		}
		if _, err := policy.CheckEncryption(t.Context(), twin, nil, tt.Now, nil); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

// A crash between recording the intent and storing the certificate: the repeat, also
// by another process, must not make a second certificate.
func TestSameRequestSameBytes(t *testing.T) {
	dir, err := real()
	must(t, err)
	for _, alg := range tt.Algorithms {
		r := request(t, alg)
		first, err := load(t).Issue(t.Context(), r)
		must(t, err)
		other, err := authority.Load(dir, passphrase, authority.Options{BaseURL: base, Clock: clock.NewManual(tt.Now.Add(time.Hour)).Now})
		must(t, err)
		again, err := other.Issue(t.Context(), r)
		must(t, err)
		if !bytes.Equal(first.Raw, again.Raw) {
			t.Errorf("%s: two different certificates with serial number %s", alg, r.Serial)
		}
	}
}

func TestIssueRefuses(t *testing.T) {
	a := load(t)
	for name, change := range map[string]func(*authority.Request){
		"/csr":                        func(r *authority.Request) { r.CSR = nil },
		"/profile":                    func(r *authority.Request) { r.Profile = "both" },
		"/serial":                     func(r *authority.Request) { r.Serial = "01" },
		"/subject/commonName":         func(r *authority.Request) { r.Subject.CommonName = "张\u202e三" },
		"/subject/organisation":       func(r *authority.Request) { r.Subject.Organisation = strings.Repeat("长", 65) },
		"/subject/organisationalUnit": func(r *authority.Request) { r.Subject.OrganisationalUnit = "a\x00b" },
		"/subject/locality":           func(r *authority.Request) { r.Subject.Locality = " x" },
		"/subject/province":           func(r *authority.Request) { r.Subject.Province = "\xff" },
		"/subject/country":            func(r *authority.Request) { r.Subject.Country = "中国" },
		"/subject/serialNumber":       func(r *authority.Request) { r.Subject.SerialNumber = "1*2" },
		"/person":                     func(r *authority.Request) { r.Person = "证件" },
		"/organisation":               func(r *authority.Request) { r.Organisation = "a b" },
		"/subject/email":              func(r *authority.Request) { r.Subject.Email = "Zhang <z@example.cn>" },
	} {
		r := request(t, trust.ES256)
		change(&r)
		_, err := a.Issue(t.Context(), r)
		f := fault.Of(err)
		if !errors.Is(err, authority.ErrRequest) || len(f.Fields) != 1 || f.Fields[0].Pointer != name {
			t.Errorf("%s: %v %+v", name, err, f)
		}
	}
	for _, serial := range []string{"", "00ff", strings.Repeat("ff", 20), "8" + strings.Repeat("0", 39), strings.Repeat("7f", 21), "7FFFFFFFFFFFFFFFFF", "-7fffffffffffffffff", "7fffffffffffffff", "zz"} {
		r := request(t, trust.ES256)
		r.Serial = serial
		if _, err := a.Issue(t.Context(), r); !errors.Is(err, authority.ErrRequest) {
			t.Errorf("serial %q: %v", serial, err)
		}
	}
	for name, change := range map[string]func(*authority.Request){
		"beyond the authority": func(r *authority.Request) { r.NotAfter = tt.Start.AddDate(10, 0, 0) },
		"before the authority": func(r *authority.Request) { r.NotBefore = tt.Start.Add(-2 * time.Hour) },
		"backwards":            func(r *authority.Request) { r.NotAfter = r.NotBefore },
	} {
		r := request(t, trust.ES256)
		change(&r)
		if _, err := a.Issue(t.Context(), r); !errors.Is(err, authority.ErrTerm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewSerialIsAlwaysGood(t *testing.T) {
	a, seen := load(t), map[string]bool{}
	r := request(t, trust.ES256)
	for i := range 200 {
		r.Serial = authority.NewSerial()
		if seen[r.Serial] || len(r.Serial) != 32 {
			t.Fatalf("serial %d: %s", i, r.Serial)
		}
		seen[r.Serial] = true
	}
	if _, err := a.Issue(t.Context(), r); err != nil {
		t.Error(err)
	}
}

func TestOpenSSLAcceptsBothLines(t *testing.T) {
	a := load(t)
	for _, alg := range tt.Algorithms {
		line := authority.LineFor(alg)
		root, issuing := tt.File(t, "root.pem", tt.PEM(a.Root(line))), tt.File(t, "issuing.pem", tt.PEM(a.Issuer(line)))
		for _, profile := range []authority.Profile{authority.Sign, authority.Encrypt} {
			r := request(t, alg)
			r.Profile = profile
			c, err := a.Issue(t.Context(), r)
			must(t, err)
			leaf := tt.File(t, "leaf.pem", tt.PEM(c))
			args := []string{"verify", "-x509_strict", "-attime", unix(tt.Now)}
			if line == authority.SM2 {
				// OpenSSL 3.0 gives the identifier to the certificate that is verified and not
				// to those above it, so the chain is verified in two steps.
				args = append(args, "-vfyopt", "distid:"+trust.SM2Identifier)
				tt.OpenSSL(t, append(args, "-partial_chain", "-trusted", issuing, leaf)...)
				tt.OpenSSL(t, append(args, "-CAfile", root, issuing)...)
			} else {
				tt.OpenSSL(t, append(args, "-CAfile", root, "-untrusted", issuing, leaf)...)
			}
		}
		text := tt.OpenSSL(t, "x509", "-in", issuing, "-noout", "-text", "-nameopt", "utf8")
		for _, want := range []string{"CA:TRUE, pathlen:0", "X509v3 Key Usage: critical", "示例认证中心"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s issuing certificate lacks %q:\n%s", line, want, text)
			}
		}
	}
}

// The operator can get at the keys without this program.
func TestOpenSSLOpensTheKeys(t *testing.T) {
	dir, err := real()
	must(t, err)
	for _, name := range []string{"issuing.key", "root.key"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		for i := 0; len(bytes.TrimSpace(data)) > 0; i++ {
			var block *pem.Block
			block, data = pem.Decode(data)
			file := tt.File(t, "one.key", pem.EncodeToMemory(block))
			tt.OpenSSL(t, "pkey", "-in", file, "-passin", "pass:"+string(passphrase), "-noout", "-check")
			if out, err := tt.TryOpenSSL(t, "pkey", "-in", file, "-passin", "pass:wrong", "-noout"); err == nil {
				t.Errorf("%s %d opens with any passphrase: %s", name, i, out)
			}
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	dir, err := real()
	must(t, err)
	copyOf := func(change func(dir string)) string {
		to := filepath.Join(t.TempDir(), "ca")
		must(t, os.CopyFS(to, os.DirFS(dir)))
		for _, k := range []string{"root.key", "issuing.key"} {
			must(t, os.Chmod(filepath.Join(to, k), 0o600))
		}
		change(to)
		return to
	}
	swap := func(file string) func(string) {
		return func(dir string) {
			data, err := os.ReadFile(filepath.Join(dir, file))
			must(t, err)
			one, rest := pem.Decode(data)
			must(t, os.WriteFile(filepath.Join(dir, file), append(bytes.Clone(rest), pem.EncodeToMemory(one)...), 0o600))
		}
	}
	cases := map[string]struct {
		dir, pass, says string
		demo            bool
	}{
		"wrong passphrase":   {dir: dir, pass: "not the passphrase at all", says: "passphrase is wrong"},
		"no passphrase":      {dir: dir, says: "need their passphrase"},
		"a real one as demo": {dir: dir, pass: string(passphrase), demo: true, says: "must not be used for a demonstration"},
		"nothing there":      {dir: t.TempDir(), pass: "x", says: "no such file"},
		"lines exchanged":    {dir: copyOf(swap("issuing.pem")), pass: string(passphrase), says: "damaged"},
		"keys exchanged":     {dir: copyOf(swap("issuing.key")), pass: string(passphrase), says: "does not belong"},
		"keys for everybody": {dir: copyOf(func(d string) { must(t, os.Chmod(filepath.Join(d, "issuing.key"), 0o644)) }), pass: string(passphrase), says: "chmod o-rwx"},
		"a certificate gone": {dir: copyOf(func(d string) { must(t, os.WriteFile(filepath.Join(d, "issuing.pem"), nil, 0o600)) }), pass: string(passphrase), says: "2 blocks"},
		"a bit changed": {dir: copyOf(func(d string) {
			file := filepath.Join(d, "issuing.key")
			data, err := os.ReadFile(file)
			must(t, err)
			block, rest := pem.Decode(data)
			block.Bytes[len(block.Bytes)-1] ^= 1
			must(t, os.WriteFile(file, append(pem.EncodeToMemory(block), rest...), 0o600))
		}), pass: string(passphrase), says: "issuing.key"},
	}
	for name, tc := range cases {
		_, err := authority.Load(tc.dir, []byte(tc.pass), authority.Options{BaseURL: base, Demo: tc.demo})
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The root's keys may be elsewhere.
	away := copyOf(func(d string) { must(t, os.Remove(filepath.Join(d, "root.key"))) })
	if _, err := authority.Load(away, passphrase, authority.Options{BaseURL: base}); err != nil {
		t.Error(err)
	}
}

func TestCreateRefuses(t *testing.T) {
	dir, err := real()
	must(t, err)
	naming := authority.Naming{Organisation: "X"}
	if err := authority.Create(dir, passphrase, naming, tt.Start); err == nil || !strings.Contains(err.Error(), "never written over") {
		t.Errorf("over an old one: %v", err)
	}
	fresh := filepath.Join(t.TempDir(), "ca")
	if err := authority.Create(fresh, []byte("short"), naming, tt.Start); err == nil {
		t.Error("a short passphrase passes")
	}
	if err := authority.Create(fresh, passphrase, authority.Naming{}, tt.Start); err == nil {
		t.Error("an authority without a name passes")
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("something was left behind")
	}
}

// Guessing the passphrase of a stolen key file must cost something.
func TestKeysAreSlowToGuess(t *testing.T) {
	authority.FewRounds()() // as it is outside tests
	defer authority.FewRounds()
	dir := filepath.Join(t.TempDir(), "ca")
	must(t, authority.Create(dir, passphrase, authority.Naming{Organisation: "X"}, tt.Start))
	data, err := os.ReadFile(filepath.Join(dir, "issuing.key"))
	must(t, err)
	block, _ := pem.Decode(data)
	text := tt.OpenSSL(t, "asn1parse", "-inform", "DER", "-in", tt.File(t, "key", block.Bytes))
	for _, want := range []string{"PBES2", "PBKDF2", ":0927C0", "hmacWithSHA256", "aes-256-cbc"} { // 0x0927C0 is 600,000
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "demo-ca")
	o := authority.Options{BaseURL: base, Clock: clock.NewManual(tt.Now).Now}
	var wg sync.WaitGroup
	roots := make([]string, 4)
	for i := range roots { // servers that start at the same moment end up with one authority
		wg.Go(func() {
			a, err := authority.OpenDemo(dir, o)
			if err != nil {
				t.Error(err)
				return
			}
			roots[i] = a.Root(authority.SM2).Fingerprint()
			if !a.Demo() {
				t.Error("it does not know that it is one")
			}
			c, err := a.Issue(t.Context(), request(t, trust.SM2SM3))
			if err != nil || !authority.IsDemo(c) || !strings.Contains(c.Issuer(), "DEMO") {
				t.Errorf("issued %v, %v", c, err)
			}
		})
	}
	wg.Wait()
	for _, r := range roots[1:] {
		if r != roots[0] {
			t.Error("two authorities in one place")
		}
	}
	if _, err := authority.Load(dir, []byte("demonstration, no secret"), authority.Options{BaseURL: base}); err == nil || !strings.Contains(err.Error(), "demonstration") {
		t.Errorf("opens outside demonstration mode: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
