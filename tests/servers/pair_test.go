package servers

import (
	"context"
	"encoding/base64"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certlink/mobilecert"
	"certlink/program/programtest"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/ocsp"
	"certlink/trust/trusttest"
)

// Both halves of a pair are on the list and in the answers of the authority as soon as
// the one is revoked; OpenSSL reads the list.
func TestPairIsRevokedTogether(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	in := newInstallation(t, embedded(t), nil)
	a := in.add(0)
	person := programtest.Person(t, a.program, "lina")
	c, err := a.program.Certificates.IssueDirect(ctx, mobilecert.Direct{Request: "pair", By: mobilecert.Actor{ID: "program"}, Product: "huixin-mobile",
		Person: person, CSR: trusttest.CSR(t, trusttest.Key(t, trust.SM2SM3))})
	in.must(err)
	fetch := func(path string) []byte {
		t.Helper()
		resp, err := a.client(nil).Get(in.origin + path)
		in.must(err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		in.must(err)
		return body
	}
	line := a.program.Authority.Issuer(authority.SM2)
	listed := func() string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "list.crl")
		in.must(os.WriteFile(path, fetch("/ca"+authority.CRLPath(authority.SM2)), 0o600))
		return strings.ToLower(trusttest.OpenSSL(t, "crl", "-inform", "DER", "-in", path, "-noout", "-text"))
	}
	status := func(der []byte) ocsp.Status {
		t.Helper()
		cert, err := trust.ParseCertificate(der)
		in.must(err)
		ask, err := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA256, line, cert.X.SerialNumber)}}.Marshal()
		in.must(err)
		resp, err := ocsp.ParseResponse(fetch("/ca/ocsp/" + url.PathEscape(base64.StdEncoding.EncodeToString(ask))))
		in.must(err)
		one, ok := resp.Find(line, cert.X.SerialNumber)
		if !ok {
			t.Fatal("no answer about the certificate")
		}
		return one.Status
	}
	for _, der := range [][]byte{c.DER, c.Twin.DER} {
		if s := status(der); s != ocsp.Good {
			t.Errorf("before: %v", s)
		}
	}
	if text := listed(); strings.Contains(text, c.Serial) {
		t.Errorf("on the list before: %s", text)
	}
	_, err = a.program.Certificates.Revoke(ctx, c.ID, mobilecert.Actor{ID: "test"}, mobilecert.KeyCompromise)
	in.must(err)
	for _, der := range [][]byte{c.DER, c.Twin.DER} {
		if s := status(der); s != ocsp.Revoked {
			t.Errorf("after: %v", s)
		}
	}
	text := listed()
	for _, serial := range []string{c.Serial, c.Twin.Serial} {
		if !strings.Contains(text, serial) {
			t.Errorf("%s is not on the list at %s:\n%s", serial, time.Now(), text)
		}
	}
}
