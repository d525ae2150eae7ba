// Package zlint holds the certificates of the built-in authority against zlint's
// lints. It is a module of its own so that the product does not depend on the linter:
//
//	cd trust/authority/zlint && go test ./...
//
// zlint does not know SM2; that line has the same profiles, and OpenSSL judges it in
// package authority.
package zlint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"path/filepath"
	"testing"
	"time"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"

	"certlink/internal/clock"
	"certlink/trust"
	"certlink/trust/authority"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestProfilesAreClean(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	pass := []byte("a long enough passphrase")
	must(t, authority.Create(dir, pass, authority.Naming{Organisation: "示例认证中心"}, start))
	a, err := authority.Load(dir, pass, authority.Options{BaseURL: "http://ca.example.cn/ca", Clock: clock.NewManual(start).Now})
	must(t, err)

	certs := map[string][]byte{"root": a.Root(authority.P256).Raw, "issuing": a.Issuer(authority.P256).Raw}
	for kind, key := range keys(t) {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
		must(t, err)
		csr, err := trust.ParseCSR(der)
		must(t, err)
		for _, profile := range []authority.Profile{authority.Sign, authority.Encrypt} {
			c, err := a.Issue(t.Context(), authority.Request{CSR: csr, Profile: profile, Serial: authority.NewSerial(),
				Subject: authority.Subject{CommonName: "张三", Organisation: "杭州示例科技有限公司", OrganisationalUnit: "采购部",
					Locality: "杭州", Province: "浙江", SerialNumber: "2026-0001", Email: "zhangsan@example.cn"},
				Person: "11010519491231002X", Organisation: "91350100M000100Y43",
				NotBefore: start, NotAfter: start.AddDate(1, 0, 0).Add(-time.Second)})
			must(t, err)
			certs[kind+" "+string(profile)] = c.Raw
		}
	}
	lints, err := lint.GlobalRegistry().Filter(lint.FilterOptions{
		IncludeSources: lint.SourceList{lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC6960, lint.RFC6962, lint.RFC8813}})
	must(t, err)
	if len(lints.Names()) < 100 {
		t.Fatalf("only %d lints: the selection is wrong", len(lints.Names()))
	}
	for name, der := range certs {
		c, err := zx509.ParseCertificate(der)
		must(t, err)
		ran := 0
		for id, result := range zlint.LintCertificateEx(c, lints).Results {
			switch result.Status {
			case lint.Pass:
				ran++
			case lint.Notice, lint.Warn, lint.Error, lint.Fatal:
				t.Errorf("%s: %s: %s %s", name, id, result.Status, result.Details)
			}
		}
		if ran < 30 {
			t.Errorf("%s: only %d lints applied", name, ran)
		}
	}

	for _, reasons := range [][]authority.Revoked{nil, {{Serial: authority.NewSerial(), At: start, Reason: 1}, {Serial: authority.NewSerial(), At: start}}} {
		der, err := a.CRL(t.Context(), authority.P256, reasons, 7, start, start.AddDate(0, 0, 7))
		must(t, err)
		crl, err := zx509.ParseRevocationList(der)
		must(t, err)
		for id, result := range zlint.LintRevocationListEx(crl, lints).Results {
			if result.Status > lint.Pass {
				t.Errorf("revocation list of %d: %s: %s %s", len(reasons), id, result.Status, result.Details)
			}
		}
	}
}

func keys(t *testing.T) map[string]any {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return map[string]any{"P-256": ec, "RSA": rs}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
