// Package trusttest makes authorities and holders for tests, of every kind of key and
// with every mistake a test wants in them.
package trusttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"certlink/trust"
)

// Algorithms are the three kinds, for table tests.
var Algorithms = []trust.Algorithm{trust.ES256, trust.RS256, trust.SM2SM3}

// Start is when everything made here begins to be valid unless a test says otherwise;
// Now is a moment well inside.
var (
	Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	Now   = Start.AddDate(0, 6, 0)
)

// Template is what a test may change before a certificate is signed.
type Template = smx509.Certificate

// Authority is a CA with its private key.
type Authority struct {
	Cert   *trust.Certificate
	Key    crypto.Signer
	Parent *Authority
	serial int64
	mu     sync.Mutex
}

// Holder is somebody with a certificate and its private key.
type Holder struct {
	Cert  *trust.Certificate
	Key   crypto.Signer
	Chain [][]byte // leaf first, then the intermediates, without the root
	Alg   trust.Algorithm
}

var rsaKeys struct {
	sync.Mutex
	all  []*rsa.PrivateKey
	next int
}

// Key makes a private key. RSA keys are dear, so eight are made and used in turn.
func Key(t testing.TB, alg trust.Algorithm) crypto.Signer {
	t.Helper()
	switch alg {
	case trust.ES256:
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(t, err)
		return k
	case trust.SM2SM3:
		k, err := sm2.GenerateKey(rand.Reader)
		check(t, err)
		return k
	case trust.RS256:
		rsaKeys.Lock()
		defer rsaKeys.Unlock()
		if len(rsaKeys.all) < 8 {
			k, err := rsa.GenerateKey(rand.Reader, 2048)
			check(t, err)
			rsaKeys.all = append(rsaKeys.all, k)
			return k
		}
		rsaKeys.next++
		return rsaKeys.all[rsaKeys.next%8]
	}
	t.Fatalf("no such algorithm: %s", alg)
	return nil
}

// Root makes a self-signed authority.
func Root(t testing.TB, alg trust.Algorithm, name string, change ...func(*Template)) *Authority {
	t.Helper()
	a := &Authority{Key: Key(t, alg)}
	tmpl := authorityTemplate(name)
	apply(tmpl, change)
	if tmpl.SerialNumber == nil {
		tmpl.SerialNumber = big.NewInt(1)
	}
	a.Cert = sign(t, tmpl, tmpl, a.Key.Public(), a.Key)
	return a
}

// Sub makes an intermediate authority under a.
func (a *Authority) Sub(t testing.TB, alg trust.Algorithm, name string, change ...func(*Template)) *Authority {
	t.Helper()
	sub := &Authority{Key: Key(t, alg), Parent: a}
	sub.Cert = a.Sign(t, authorityTemplate(name), sub.Key.Public(), change...)
	return sub
}

// Leaf makes a holder whose signing certificate a has issued.
func (a *Authority) Leaf(t testing.TB, alg trust.Algorithm, change ...func(*Template)) *Holder {
	t.Helper()
	h := &Holder{Key: Key(t, alg), Alg: alg}
	h.Cert = a.Sign(t, &Template{
		Subject:               pkix.Name{CommonName: "张三", Organization: []string{"杭州示例科技有限公司"}, Country: []string{"CN"}},
		KeyUsage:              smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment,
		BasicConstraintsValid: true,
		NotAfter:              Start.AddDate(1, 0, 0),
	}, h.Key.Public(), change...)
	h.Chain = [][]byte{h.Cert.Raw}
	for up := a; up.Parent != nil; up = up.Parent {
		h.Chain = append(h.Chain, up.Cert.Raw)
	}
	return h
}

// Identified is Leaf for a person and an organisation, whose numbers stand where GM/T 0015
// puts them; "" leaves one out.
func (a *Authority) Identified(t testing.TB, alg trust.Algorithm, person, code string, change ...func(*Template)) *Holder {
	t.Helper()
	var numbers []pkix.Extension
	for last, value := range map[int]string{1: person, 4: code} {
		if value == "" {
			continue
		}
		der, err := asn1.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 156, 10260, 4, 1, last}, Value: der})
	}
	return a.Leaf(t, alg, append([]func(*Template){func(c *Template) { c.ExtraExtensions = numbers }}, change...)...)
}

// Sign issues a certificate from a template of the test's own.
func (a *Authority) Sign(t testing.TB, tmpl *Template, pub crypto.PublicKey, change ...func(*Template)) *trust.Certificate {
	t.Helper()
	apply(tmpl, change)
	if tmpl.SerialNumber == nil {
		a.mu.Lock()
		a.serial++
		tmpl.SerialNumber = big.NewInt(a.serial<<32 | 0x5eed)
		a.mu.Unlock()
	}
	return sign(t, tmpl, a.Cert.X, pub, a.Key)
}

// JWS is the holder's signature over payload.
func (h *Holder) JWS(t testing.TB, payload string) string {
	t.Helper()
	s, err := trust.SignJWS(h.Key, h.Alg, h.Chain, false, []byte(payload))
	check(t, err)
	return s
}

// CSR is a certificate request for key.
func CSR(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := smx509.CreateCertificateRequest(rand.Reader,
		&smx509.CertificateRequest{Subject: pkix.Name{CommonName: "request"}}, key)
	check(t, err)
	return der
}

// CSRWith makes a request by a P-256 key that names a second key (trust.SecondKey).
func CSRWith(t testing.TB, key crypto.Signer, second crypto.PublicKey) []byte {
	t.Helper()
	spki := func(k crypto.PublicKey) []byte {
		der, err := smx509.MarshalPKIXPublicKey(k)
		check(t, err)
		return der
	}
	name, err := asn1.Marshal(pkix.Name{CommonName: "request"}.ToRDNSequence())
	check(t, err)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(name)
		b.AddBytes(spki(key.Public()))
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(trust.SecondKey)
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(spki(second)) })
			})
		})
	})
	info, err := b.Bytes()
	check(t, err)
	sum := sha256.Sum256(info)
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	check(t, err)
	der, err := asn1.Marshal(struct {
		Info      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: info}, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	check(t, err)
	return der
}

// Pool makes the anchors of a provider of these certificates.
func Pool(t testing.TB, certs ...*trust.Certificate) *trust.Pool {
	t.Helper()
	p, err := trust.NewPool(PEM(certs...))
	check(t, err)
	return p
}

// PEM writes certificates one after the other.
func PEM(certs ...*trust.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

func authorityTemplate(name string) *Template {
	return &Template{
		Subject:               pkix.Name{CommonName: name, Country: []string{"CN"}},
		KeyUsage:              smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: -1,
		NotAfter: Start.AddDate(20, 0, 0),
	}
}

func apply(tmpl *Template, change []func(*Template)) {
	tmpl.NotBefore = Start
	for _, c := range change {
		c(tmpl)
	}
}

func sign(t testing.TB, tmpl, parent *Template, pub crypto.PublicKey, key crypto.Signer) *trust.Certificate {
	t.Helper()
	der, err := smx509.CreateCertificate(rand.Reader, tmpl, parent, pub, key)
	check(t, err)
	c, err := trust.ParseCertificate(der)
	check(t, err)
	return c
}

// OpenSSL runs the tool, which must end well, and returns what it printed.
func OpenSSL(t testing.TB, args ...string) string {
	t.Helper()
	out, err := TryOpenSSL(t, args...)
	if err != nil {
		t.Fatalf("openssl %q: %v\n%s", args, err, out)
	}
	return out
}

// TryOpenSSL runs the tool and returns how it ended.
func TryOpenSSL(t testing.TB, args ...string) (string, error) {
	t.Helper()
	tool, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is needed: install the package openssl (3.0 or later)")
		}
		t.Skip("openssl is needed: install the package openssl (3.0 or later)")
	}
	out, err := exec.Command(tool, args...).CombinedOutput()
	return string(out), err
}

// File writes data to a file that goes with the test.
func File(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, data, 0o600))
	return path
}

// PublicKeyFile writes a certificate's key in PEM.
func PublicKeyFile(t testing.TB, pub crypto.PublicKey) string {
	t.Helper()
	der, err := smx509.MarshalPKIXPublicKey(pub)
	check(t, err)
	return File(t, "pub.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// PrivateKeyFile writes a private key in PEM (PKCS#8, not encrypted).
func PrivateKeyFile(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := smx509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	return File(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
