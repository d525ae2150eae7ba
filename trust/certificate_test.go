package trust_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	tt "certlink/trust/trusttest"
)

func TestCertificateAgreesWithOpenSSL(t *testing.T) {
	for _, alg := range tt.Algorithms {
		t.Run(string(alg), func(t *testing.T) {
			h := tt.Root(t, alg, "根").Leaf(t, alg)
			file := tt.File(t, "c.pem", tt.PEM(h.Cert))
			out := tt.OpenSSL(t, "x509", "-in", file, "-noout", "-fingerprint", "-sha256", "-serial",
				"-subject", "-issuer", "-nameopt", "RFC2253,utf8,-esc_msb")
			want := []string{
				strings.ToUpper(h.Cert.SerialHex()),
				"subject=" + h.Cert.Subject(), "issuer=" + h.Cert.Issuer(),
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("openssl does not say %q:\n%s", w, out)
				}
			}
			if !strings.Contains(strings.ToLower(strings.ReplaceAll(out, ":", "")), h.Cert.Fingerprint()) {
				t.Errorf("fingerprint %s is not openssl's:\n%s", h.Cert.Fingerprint(), out)
			}
			if a, err := h.Cert.Algorithm(); err != nil || a != alg {
				t.Errorf("algorithm %s, %v", a, err)
			}
		})
	}
}

func TestParseCertificateRefuses(t *testing.T) {
	good := tt.Root(t, trust.ES256, "root").Leaf(t, trust.ES256).Cert.Raw
	cases := map[string][]byte{
		"nothing":              {},
		"huge":                 make([]byte, trust.MaxCertificate+1),
		"a byte after":         append(bytes.Clone(good), 0),
		"cut":                  good[:len(good)-1],
		"text":                 []byte("-----BEGIN CERTIFICATE-----"),
		"inside left over":     insideLeftOver(t, good),
		"unused signature bit": unusedBit(t, good),
	}
	for name, der := range cases {
		if _, err := trust.ParseCertificate(der); !errors.Is(err, trust.ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := trust.ParseCertificate(good); err != nil {
		t.Fatal(err)
	}
}

type outer struct {
	TBS, Alg asn1.RawValue
	Sig      asn1.BitString
}

func insideLeftOver(t *testing.T, der []byte) []byte {
	var o outer
	_, err := asn1.Unmarshal(der, &o)
	must(t, err)
	return marshal(t, struct {
		TBS, Alg asn1.RawValue
		Sig      asn1.BitString
		More     int
	}{o.TBS, o.Alg, o.Sig, 7})
}

func unusedBit(t *testing.T, der []byte) []byte {
	var o outer
	_, err := asn1.Unmarshal(der, &o)
	must(t, err)
	o.Sig.Bytes = append(o.Sig.Bytes, 0)
	o.Sig.BitLength += 1
	return marshal(t, o)
}

// A certificate whose curve is spelled out must not be taken for one on the curve it
// resembles.
func TestExplicitCurveRefused(t *testing.T) {
	dir := t.TempDir()
	key, crt := filepath.Join(dir, "k.pem"), filepath.Join(dir, "c.pem")
	tt.OpenSSL(t, "ecparam", "-name", "prime256v1", "-param_enc", "explicit", "-genkey", "-out", key)
	tt.OpenSSL(t, "req", "-x509", "-new", "-key", key, "-subj", "/CN=explicit", "-out", crt)
	data, err := os.ReadFile(crt)
	must(t, err)
	block, _ := pem.Decode(data)
	if _, err := trust.ParseCertificate(block.Bytes); !errors.Is(err, trust.ErrCertificate) {
		t.Fatalf("accepted: %v", err)
	}
}

// The reason for ContentID: anybody can change the bytes of a certificate whose
// signature is ECDSA and still have a certificate.
func TestMalleatedCertificateKeepsItsContentID(t *testing.T) {
	root := tt.Root(t, trust.ES256, "root")
	h := root.Leaf(t, trust.ES256)
	var o outer
	_, err := asn1.Unmarshal(h.Cert.Raw, &o)
	must(t, err)
	var rs struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(o.Sig.Bytes, &rs)
	must(t, err)
	rs.S.Sub(elliptic.P256().Params().N, rs.S)
	sig := marshal(t, rs)
	o.Sig = asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}

	twin, err := trust.ParseCertificate(marshal(t, o))
	must(t, err)
	policy := trust.Policy{Anchors: tt.Pool(t, root.Cert), Revocation: trust.RevocationNone}
	if _, err := policy.Check(t.Context(), twin, nil, tt.Now, nil); err != nil {
		t.Fatalf("the twin does not verify, so this test shows nothing: %v", err)
	}
	if twin.Fingerprint() == h.Cert.Fingerprint() {
		t.Error("same bytes, so this test shows nothing")
	}
	if twin.ContentID() != h.Cert.ContentID() {
		t.Error("the twin passes for another certificate")
	}
}

func TestUsage(t *testing.T) {
	root := tt.Root(t, trust.ES256, "root")
	cases := []struct {
		name          string
		change        func(*tt.Template)
		sign, encrypt bool
	}{
		{"signing", func(*tt.Template) {}, true, false},
		{"non-repudiation only", func(c *tt.Template) { c.KeyUsage = smx509.KeyUsageContentCommitment }, true, false},
		{"encryption twin", func(c *tt.Template) {
			c.KeyUsage = smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment
		}, false, true},
		{"key agreement", func(c *tt.Template) { c.KeyUsage = smx509.KeyUsageKeyAgreement }, false, true},
		{"no key usage at all", func(c *tt.Template) { c.KeyUsage = 0 }, true, true},
		{"authority", func(c *tt.Template) { c.IsCA = true; c.KeyUsage |= smx509.KeyUsageCertSign }, false, false},
		{"web server", func(c *tt.Template) { c.ExtKeyUsage = []smx509.ExtKeyUsage{smx509.ExtKeyUsageServerAuth} }, false, false},
		{"OCSP responder", func(c *tt.Template) { c.ExtKeyUsage = []smx509.ExtKeyUsage{smx509.ExtKeyUsageOCSPSigning} }, false, false},
		{"server and client", func(c *tt.Template) {
			c.ExtKeyUsage = []smx509.ExtKeyUsage{smx509.ExtKeyUsageServerAuth, smx509.ExtKeyUsageClientAuth}
		}, true, false},
	}
	for _, tc := range cases {
		c := root.Leaf(t, trust.ES256, tc.change).Cert
		if c.CanSign() != tc.sign || c.CanEncrypt() != tc.encrypt {
			t.Errorf("%s: sign %v, encrypt %v", tc.name, c.CanSign(), c.CanEncrypt())
		}
	}
}

func TestNamesShowWhatStandsThere(t *testing.T) {
	root := tt.Root(t, trust.ES256, "root")
	c := root.Leaf(t, trust.ES256, func(c *tt.Template) {
		c.Subject = pkix.Name{CommonName: "张\u202e三, \"甲\"", OrganizationalUnit: []string{"#1 部门 "},
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 156, 7}, Value: "x\ny"}}}
	}).Cert
	want := `1.2.156.7=x\0Ay,CN=张\E2\80\AE三\, \"甲\",OU=\#1 部门\ `
	if c.Subject() != want {
		t.Errorf("got  %s\nwant %s", c.Subject(), want)
	}
}

func TestAlgorithmOfRefuses(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	short := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
	odd := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65536}
	long := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 16383), E: 65537}
	for _, tc := range []struct {
		key  any
		want error
	}{{p384.Public(), trust.ErrKeyUnsupported}, {short, trust.ErrWeak}, {odd, trust.ErrWeak}, {long, trust.ErrWeak}, {nil, trust.ErrKeyUnsupported}} {
		if _, err := trust.AlgorithmOf(tc.key); !errors.Is(err, tc.want) {
			t.Errorf("%T: %v", tc.key, err)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	must(t, err)
	return der
}
