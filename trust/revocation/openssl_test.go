package revocation_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	tt "certlink/trust/trusttest"
)

// OpenSSL's own responder, running: what it says of a certificate is what is learned
// here, and `openssl verify -crl_check` comes to the same verdict about the list.
func TestAgainstOpenSSL(t *testing.T) {
	for _, alg := range []trust.Algorithm{trust.ES256, trust.RS256} {
		t.Run(string(alg), func(t *testing.T) {
			s := newSite(t, alg)
			address := freeAddress(t)
			_, port, err := net.SplitHostPort(address)
			must(t, err)
			issue := func() *trust.Certificate {
				return s.ca.Leaf(t, alg, func(c *tt.Template) {
					c.OCSPServer, c.CRLDistributionPoints = []string{"http://" + address}, []string{s.url + "/crl"}
				}).Cert
			}
			good, bad, strange := issue(), issue(), issue()
			row := func(mark, at string, c *trust.Certificate) string {
				return fmt.Sprintf("%s\t%s\t%s\t%s\tunknown\t/CN=x\n", mark, c.NotAfter().Format("060102150405Z"), at, strings.ToUpper(c.SerialHex()))
			}
			ca := tt.File(t, "ca.pem", tt.PEM(s.ca.Cert))
			startOpenSSL(t, "ocsp", "-port", port, "-index", tt.File(t, "index", []byte(row("V", "", good)+row("R", "260601000000Z", bad))),
				"-CA", ca, "-rsigner", tt.File(t, "r.pem", tt.PEM(s.responder.Cert)), "-rkey", tt.PrivateKeyFile(t, s.responder.Key), "-nmin", "60")

			// The responder has the machine's clock, so the question is asked now.
			c, _ := checker(nil)
			now := time.Now()
			for cert, want := range map[*trust.Certificate]error{good: nil, bad: trust.ErrRevoked} {
				if _, err := c.Status(t.Context(), cert, s.ca.Cert, now); !errors.Is(err, want) {
					t.Errorf("OCSP: %v, want %v", err, want)
				}
			}
			// It does not know this one, and the list of that time is long out of date by now.
			if _, err := c.Status(t.Context(), strange, s.ca.Cert, now); !errors.Is(err, trust.ErrRevocationUnavailable) {
				t.Errorf("OCSP unknown: %v", err)
			}

			der, err := s.makeCRL(func(l *smx509.RevocationList) {
				l.RevokedCertificateEntries = []smx509.RevocationListEntry{{SerialNumber: bad.X.SerialNumber, RevocationTime: tt.Now}}
			})
			must(t, err)
			s.serve(der)
			crl := tt.File(t, "crl", der)
			for cert, want := range map[*trust.Certificate]error{good: nil, bad: trust.ErrRevoked} {
				out, err := tt.TryOpenSSL(t, "verify", "-crl_check", "-attime", fmt.Sprint(tt.Now.Unix()), "-CAfile", ca, "-CRLfile", crl, tt.File(t, "c", tt.PEM(cert)))
				if (err == nil) != (want == nil) {
					t.Errorf("openssl says %s", out)
				}
				only := *cert.X
				only.OCSPServer = nil
				fresh, _ := checker(nil)
				if _, err := fresh.Status(t.Context(), &trust.Certificate{Raw: cert.Raw, X: &only}, s.ca.Cert, tt.Now); !errors.Is(err, want) {
					t.Errorf("CRL: %v, want %v", err, want)
				}
			}
		})
	}
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// startOpenSSL runs the tool until the test is over; it is ready when it says so. (A
// connection made only to see whether somebody listens would occupy it: it serves one
// at a time.)
func startOpenSSL(t testing.TB, args ...string) {
	t.Helper()
	tt.OpenSSL(t, "version") // says so where there is none
	cmd := exec.Command("openssl", args...)
	out, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	said := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if said += lines.Text() + "\n"; strings.Contains(said, "waiting for OCSP client connections") {
			go io.Copy(io.Discard, out)
			return
		}
	}
	t.Fatalf("openssl did not start: %s", said)
}
