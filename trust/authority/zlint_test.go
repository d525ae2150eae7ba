package authority_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/ocsp"
	tt "certlink/trust/trusttest"
)

// The profiles against zlint. It does not know SM2; that line has the same profiles,
// and TestOpenSSLAcceptsBothLines judges it.
func TestProfilesAreCleanByZlint(t *testing.T) {
	a, dir := load(t), t.TempDir()
	var files []string
	write := func(name string, der []byte) {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, der, 0o600))
		files = append(files, path)
	}
	write("root", a.Root(authority.P256).Raw)
	write("issuing", a.Issuer(authority.P256).Raw)
	for _, alg := range []trust.Algorithm{trust.ES256, trust.RS256} {
		for _, profile := range []authority.Profile{authority.Sign, authority.Encrypt} {
			r := request(t, alg)
			r.Profile, r.Subject.OrganisationalUnit, r.Subject.SerialNumber = profile, "采购部", "2026-0001"
			r.Form = authority.Form{Policies: []string{"1.2.156.99999.1.1"}, CPS: "https://ca.example.cn/cps", Registration: true}
			c, err := a.Issue(t.Context(), r)
			must(t, err)
			write(fmt.Sprint(alg, "-", profile), c.Raw)
		}
	}
	var rec records
	c := issue(t, a, trust.ES256)
	req, err := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA1, a.Issuer(authority.P256), c.X.SerialNumber)}}.Marshal()
	must(t, err)
	answer, err := ocsp.ParseResponse(a.Respond(t.Context(), req, rec.lookup))
	must(t, err)
	write("responder", answer.Certificates()[0].Raw)
	revoked := []authority.Revoked{{Serial: authority.NewSerial(), At: tt.Now, Reason: 1}, {Serial: authority.NewSerial(), At: tt.Now}}
	for i, list := range [][]authority.Revoked{nil, revoked} {
		der, err := a.CRL(t.Context(), authority.P256, list, 7, tt.Now, tt.Now.Add(24*time.Hour))
		must(t, err)
		write(fmt.Sprintf("%d.crl", i), der)
	}

	out, err := exec.Command(zlint(t), files...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, m := range regexp.MustCompile(`(?m)^(.*): (\d+) lints passed$`).FindAllSubmatch(out, -1) {
		n, _ := strconv.Atoi(string(m[2]))
		if isList := filepath.Ext(string(m[1])) == ".crl"; (n < 30 && !isList) || n == 0 {
			t.Errorf("%s: only %d lints applied, so this shows nothing", m[1], n)
		}
	}
}

// zlint builds the linter, which is a module of its own.
func zlint(t *testing.T) string {
	t.Helper()
	tool := filepath.Join(t.TempDir(), "zlint")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", tool, ".")
	build.Dir = "zlint"
	if out, err := build.CombinedOutput(); err != nil {
		sentence := "zlint could not be built; it needs Go and, the first time, the Go module proxy"
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s: %s", sentence, out)
		}
		t.Skipf("%s: %s", sentence, out)
	}
	return tool
}
