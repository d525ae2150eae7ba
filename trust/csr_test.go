package trust_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	tt "certlink/trust/trusttest"
)

func TestCSR(t *testing.T) {
	for _, alg := range tt.Algorithms {
		key := tt.Key(t, alg)
		c, err := trust.ParseCSR(tt.CSR(t, key))
		must(t, err)
		want, err := trust.PublicKeySHA256(key.Public())
		must(t, err)
		if c.Algorithm() != alg || c.PublicKeySHA256() != want {
			t.Errorf("%s: %s %s", alg, c.Algorithm(), c.PublicKeySHA256())
		}
		cert := tt.Root(t, alg, "root").Sign(t, &tt.Template{NotAfter: tt.Now}, c.Public)
		if cert.PublicKeySHA256() != want {
			t.Errorf("%s: the certificate says %s", alg, cert.PublicKeySHA256())
		}
	}
}

func TestCSRFromOpenSSL(t *testing.T) {
	for name, gen := range map[trust.Algorithm][]string{
		trust.ES256:  {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
		trust.RS256:  {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
		trust.SM2SM3: {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2"},
	} {
		dir := t.TempDir()
		key, csr := filepath.Join(dir, "k"), filepath.Join(dir, "csr")
		tt.OpenSSL(t, append([]string{"genpkey", "-out", key}, gen...)...)
		args := []string{"req", "-new", "-key", key, "-subj", "/CN=x", "-outform", "DER", "-out", csr}
		if name == trust.SM2SM3 {
			args = append(args, "-sm3", "-sigopt", "distid:"+trust.SM2Identifier)
		}
		tt.OpenSSL(t, args...)
		der, err := os.ReadFile(csr)
		must(t, err)
		c, err := trust.ParseCSR(der)
		if err != nil || c.Algorithm() != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type request struct {
	Version int
	Subject asn1.RawValue
	Key     struct {
		Alg struct{ OID, Curve asn1.ObjectIdentifier }
		Bit asn1.BitString
	}
	Attributes asn1.RawValue `asn1:"tag:0"`
}

// GM/T 0015-2023 lets SM2 itself be the key's algorithm. The certificate will name the
// curve; the hash in the statement must be the same.
func TestCSRWithSM2AsKeyAlgorithm(t *testing.T) {
	key := tt.Key(t, trust.SM2SM3)
	der := resign(t, tt.CSR(t, key), key, func(r *request) {
		r.Key.Alg.OID = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}
	})
	c, err := trust.ParseCSR(der)
	must(t, err)
	want, err := trust.PublicKeySHA256(key.Public())
	must(t, err)
	if c.PublicKeySHA256() != want || c.Algorithm() != trust.SM2SM3 {
		t.Errorf("%s %s", c.Algorithm(), c.PublicKeySHA256())
	}
}

func resign(t *testing.T, der []byte, key any, change func(*request)) []byte {
	t.Helper()
	var o outer
	unmarshal(t, der, &o)
	var r request
	unmarshal(t, o.TBS.FullBytes, &r)
	r.Attributes = asn1.RawValue{Class: 2, Tag: 0, IsCompound: true}
	change(&r)
	o.TBS = asn1.RawValue{FullBytes: marshal(t, r)}
	if k, ok := key.(*sm2.PrivateKey); ok {
		sig, err := k.Sign(rand.Reader, o.TBS.FullBytes, sm2.DefaultSM2SignerOpts)
		must(t, err)
		o.Sig = asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}
	}
	return marshal(t, o)
}

func TestCSRRefuses(t *testing.T) {
	good := tt.CSR(t, tt.Key(t, trust.ES256))
	var a, b outer
	unmarshal(t, good, &a)
	unmarshal(t, tt.CSR(t, tt.Key(t, trust.ES256)), &b)
	stolen := marshal(t, outer{TBS: a.TBS, Alg: a.Alg, Sig: b.Sig})
	changed := resign(t, good, nil, func(r *request) { r.Subject.FullBytes = []byte{0x30, 0} })

	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	weakRSA := openSSLRSACSR(t, "1024")
	longRSA := openSSLRSACSR(t, "5120")
	rsaKey := tt.Key(t, trust.RS256)
	sha1, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{SignatureAlgorithm: smx509.SHA1WithRSA}, rsaKey)
	must(t, err)

	for _, tc := range []struct {
		name string
		der  []byte
		want error
	}{
		{"nothing", nil, trust.ErrCSR}, {"huge", make([]byte, trust.MaxCSR+1), trust.ErrCSR}, {"junk", []byte("junk"), trust.ErrCSR},
		{"a byte after", append(bytes.Clone(good), 0), trust.ErrCSR},
		{"a certificate", tt.Root(t, trust.ES256, "root").Cert.Raw, trust.ErrCSR},
		{"version 2", resign(t, good, nil, func(r *request) { r.Version = 1 }), trust.ErrCSR},
		{"signature of another request", stolen, trust.ErrCSRProof},
		{"content changed", changed, trust.ErrCSRProof},
		{"SHA-1", sha1, trust.ErrCSRProof},
		{"P-384", tt.CSR(t, p384), trust.ErrCSRWeak},
		{"RSA 1024", weakRSA, trust.ErrCSRWeak},
		{"RSA 5120", longRSA, trust.ErrCSRWeak},
	} {
		if _, err := trust.ParseCSR(tc.der); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
}

func openSSLRSACSR(t *testing.T, bits string) []byte {
	dir := t.TempDir()
	out := filepath.Join(dir, "csr")
	tt.OpenSSL(t, "req", "-new", "-newkey", "rsa:"+bits, "-nodes", "-keyout", filepath.Join(dir, "k"), "-subj", "/CN=x", "-out", out)
	data, err := os.ReadFile(out)
	must(t, err)
	block, _ := pem.Decode(data)
	return block.Bytes
}
