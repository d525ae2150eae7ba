package authority_test

import (
	"bytes"
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/internal/clock"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/ocsp"
	tt "certlink/trust/trusttest"
)

// records are the caller's records of what was issued.
type records struct {
	mu     sync.Mutex
	states map[string]authority.State
	err    error
	asked  int
}

func (r *records) lookup(_ context.Context, line authority.Line, serial string) (authority.State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return r.states[string(line)+"/"+serial], r.err
}

func (r *records) set(line authority.Line, serial string, s authority.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.states == nil {
		r.states = map[string]authority.State{}
	}
	r.states[string(line)+"/"+serial] = s
}

func issue(t testing.TB, a *authority.Authority, alg trust.Algorithm) *trust.Certificate {
	t.Helper()
	c, err := a.Issue(t.Context(), request(t, alg))
	must(t, err)
	return c
}

func TestRespond(t *testing.T) {
	a := load(t)
	for _, line := range authority.Lines {
		alg := map[authority.Line]trust.Algorithm{authority.P256: trust.ES256, authority.SM2: trust.SM2SM3}[line]
		var rec records
		good, bad, strange := issue(t, a, alg), issue(t, a, alg), issue(t, a, alg)
		rec.set(line, good.SerialHex(), authority.State{Known: true})
		rec.set(line, bad.SerialHex(), authority.State{Known: true, Revoked: true, At: tt.Now.Add(-time.Hour), Reason: 1})
		issuer := a.Issuer(line)
		var ids []ocsp.CertID
		for _, c := range []*trust.Certificate{good, bad, strange} {
			ids = append(ids, ocsp.NewCertID(ocsp.SHA1, issuer, c.X.SerialNumber))
		}
		req, err := ocsp.Request{IDs: ids, Nonce: []byte("a nonce")}.Marshal()
		must(t, err)
		r, err := ocsp.ParseResponse(a.Respond(t.Context(), req, rec.lookup))
		must(t, err)
		must(t, r.Verify(issuer, tt.Now))
		if string(r.Nonce) != "a nonce" {
			t.Errorf("nonce %q", r.Nonce)
		}
		for c, want := range map[*trust.Certificate]ocsp.Status{good: ocsp.Good, bad: ocsp.Revoked, strange: ocsp.Unknown} {
			if s, ok := r.Find(issuer, c.X.SerialNumber); !ok || s.Status != want {
				t.Errorf("%s: %+v, want %d", line, s, want)
			}
		}

		// One certificate of this line and one of the other: the second is unknown here.
		other := map[authority.Line]authority.Line{authority.P256: authority.SM2, authority.SM2: authority.P256}[line]
		req, err = ocsp.Request{IDs: []ocsp.CertID{ids[0], ocsp.NewCertID(ocsp.SHA256, a.Issuer(other), good.X.SerialNumber)}}.Marshal()
		must(t, err)
		r, err = ocsp.ParseResponse(a.Respond(t.Context(), req, rec.lookup))
		must(t, err)
		if r.Singles[0].Status != ocsp.Good || r.Singles[1].Status != ocsp.Unknown || len(r.Nonce) != 0 {
			t.Errorf("%s: %+v", line, r.Singles)
		}
	}
}

func TestRespondInTrouble(t *testing.T) {
	a := load(t)
	c := issue(t, a, trust.ES256)
	ask := func(issuer *trust.Certificate) []byte {
		der, err := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA1, issuer, c.X.SerialNumber)}}.Marshal()
		must(t, err)
		return der
	}
	broken := records{err: errors.New("the store is away")}
	for name, tc := range map[string]struct {
		der  []byte
		want int64
	}{
		"no request":           {[]byte("hello"), ocsp.StatusMalformedRequest},
		"another authority":    {ask(tt.Root(t, trust.ES256, "other").Cert), ocsp.StatusUnauthorized},
		"records not readable": {ask(a.Issuer(authority.P256)), ocsp.StatusTryLater},
	} {
		if got := a.Respond(t.Context(), tc.der, broken.lookup); !bytes.Equal(got, ocsp.BuildError(tc.want)) {
			t.Errorf("%s: %x", name, got)
		}
	}
}

// The responder's certificate is renewed before it ends, and each process has its own.
func TestResponderIsRenewed(t *testing.T) {
	dir, err := real()
	must(t, err)
	hands := clock.NewManual(tt.Now)
	a, err := authority.Load(dir, passphrase, authority.Options{BaseURL: base, Clock: hands.Now})
	must(t, err)
	var rec records
	c := issue(t, a, trust.ES256)
	rec.set(authority.P256, c.SerialHex(), authority.State{Known: true})
	req, err := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA1, a.Issuer(authority.P256), c.X.SerialNumber)}}.Marshal()
	must(t, err)
	for range 40 {
		r, err := ocsp.ParseResponse(a.Respond(t.Context(), req, rec.lookup))
		must(t, err)
		if err := r.Verify(a.Issuer(authority.P256), hands.Now()); err != nil {
			t.Fatalf("at %s: %v", hands.Now(), err)
		}
		hands.Advance(36 * time.Hour)
	}
}

func TestOpenSSLBelievesTheResponder(t *testing.T) {
	a := load(t)
	var rec records
	good, bad := issue(t, a, trust.ES256), issue(t, a, trust.RS256)
	rec.set(authority.P256, good.SerialHex(), authority.State{Known: true})
	rec.set(authority.P256, bad.SerialHex(), authority.State{Known: true, Revoked: true, At: tt.Now, Reason: 4})
	issuer := a.Issuer(authority.P256)
	root, issuing := tt.File(t, "root", tt.PEM(a.Root(authority.P256))), tt.File(t, "issuing", tt.PEM(issuer))
	for c, word := range map[*trust.Certificate]string{good: ": good", bad: ": revoked"} {
		req, err := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA1, issuer, c.X.SerialNumber)}}.Marshal()
		must(t, err)
		out := tt.OpenSSL(t, "ocsp", "-respin", tt.File(t, "resp", a.Respond(t.Context(), req, rec.lookup)), "-CAfile", root,
			"-verify_other", issuing, "-issuer", issuing, "-cert", tt.File(t, "c", tt.PEM(c)), "-attime", unix(tt.Now), "-validity_period", "1000000000")
		if !strings.Contains(out, "Response verify OK") || !strings.Contains(out, word) {
			t.Errorf("openssl says %s", out)
		}
	}
}

func TestOpenSSLFollowsTheRevocationList(t *testing.T) {
	a := load(t)
	good, bad := issue(t, a, trust.ES256), issue(t, a, trust.ES256)
	der, err := a.CRL(t.Context(), authority.P256, []authority.Revoked{{Serial: bad.SerialHex(), At: tt.Now, Reason: 1}}, 12, tt.Now, tt.Now.AddDate(0, 0, 7))
	must(t, err)
	file := tt.File(t, "crl.der", der)
	text := tt.OpenSSL(t, "crl", "-inform", "DER", "-in", file, "-noout", "-text")
	if !strings.Contains(text, strings.ToUpper(bad.SerialHex())) || !strings.Contains(text, "Key Compromise") {
		t.Errorf("openssl reads\n%s", text)
	}
	for c, want := range map[*trust.Certificate]bool{good: true, bad: false} {
		out, err := tt.TryOpenSSL(t, "verify", "-crl_check", "-attime", unix(tt.Now), "-CRLfile", file,
			"-CAfile", tt.File(t, "root", tt.PEM(a.Root(authority.P256))), "-untrusted", tt.File(t, "issuing", tt.PEM(a.Issuer(authority.P256))), tt.File(t, "leaf", tt.PEM(c)))
		if (err == nil) != want || (!want && !strings.Contains(out, "certificate revoked")) {
			t.Errorf("openssl says %s", out)
		}
	}

	// The SM2 list, by its bytes.
	der, err = a.CRL(t.Context(), authority.SM2, nil, 1, tt.Now, tt.Now.AddDate(0, 0, 7))
	must(t, err)
	var outer struct {
		TBS asn1.RawValue
		Alg pkix.AlgorithmIdentifier
		Sig asn1.BitString
	}
	_, err = asn1.Unmarshal(der, &outer)
	must(t, err)
	tt.OpenSSL(t, "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:"+trust.SM2Identifier, "-pubin", "-inkey",
		tt.PublicKeyFile(t, a.Issuer(authority.SM2).PublicKey()), "-in", tt.File(t, "tbs", outer.TBS.FullBytes), "-sigfile", tt.File(t, "sig", outer.Sig.Bytes))
	list, err := smx509.ParseRevocationList(der)
	must(t, err)
	must(t, list.CheckSignatureFrom(a.Issuer(authority.SM2).X))
}

func TestCRLRefuses(t *testing.T) {
	a := load(t)
	week := tt.Now.AddDate(0, 0, 7)
	for name, r := range map[string]authority.Revoked{"serial": {Serial: "x", At: tt.Now}, "reason 7": {Serial: authority.NewSerial(), At: tt.Now, Reason: 7}, "no time": {Serial: authority.NewSerial()}} {
		if _, err := a.CRL(t.Context(), authority.P256, []authority.Revoked{r}, 1, tt.Now, week); !errors.Is(err, authority.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.CRL(t.Context(), authority.P256, nil, 1, week, tt.Now); !errors.Is(err, authority.ErrTerm) {
		t.Errorf("backwards: %v", err)
	}
	if _, err := a.CRL(t.Context(), "rsa", nil, 1, tt.Now, week); !errors.Is(err, authority.ErrIssuing) {
		t.Errorf("no such line: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.CRL(ctx, authority.P256, nil, 1, tt.Now, week); !errors.Is(err, authority.ErrIssuing) {
		t.Errorf("after the deadline: %v", err)
	}
}

// next is the source for other authorities' certificates.
type next struct{ asked int }

func (n *next) Status(context.Context, *trust.Certificate, *trust.Certificate, time.Time) (trust.Proof, error) {
	n.asked++
	return trust.Proof{Kind: trust.ProofCRL}, nil
}

func TestRevocationWithoutANetwork(t *testing.T) {
	a := load(t)
	pool, err := trust.NewPool(a.Anchors())
	must(t, err)
	policy := trust.Policy{Anchors: pool}
	var rec records
	var other next
	rev := a.Revocation(rec.lookup, &other)
	for _, alg := range tt.Algorithms {
		c := issue(t, a, alg)
		line := authority.LineFor(alg)
		check := func(at time.Time) (trust.Proof, error) {
			got, err := policy.Check(t.Context(), c, nil, at, rev)
			if err != nil {
				return trust.Proof{}, err
			}
			return got.RevocationProof[0], nil
		}
		if _, err := check(tt.Now); !errors.Is(err, trust.ErrRevocationUnavailable) {
			t.Errorf("%s: a certificate that is not in the records: %v", alg, err)
		}
		rec.set(line, c.SerialHex(), authority.State{Known: true})
		first, err := check(tt.Now)
		must(t, err)
		r, err := ocsp.ParseResponse(first.DER)
		must(t, err)
		must(t, r.Verify(a.Issuer(line), tt.Now))
		if s, ok := r.Find(a.Issuer(line), c.X.SerialNumber); !ok || s.Status != ocsp.Good || first.Certificate != c.Fingerprint() {
			t.Errorf("%s: the proof does not prove: %+v", alg, first)
		}
		again, err := check(tt.Now.Add(time.Minute))
		must(t, err)
		if !bytes.Equal(first.DER, again.DER) || !again.CheckedAt.Equal(tt.Now.Add(time.Minute)) {
			t.Errorf("%s: the proof was made anew", alg)
		}
		later, err := check(tt.Now.Add(20 * time.Minute))
		must(t, err)
		if bytes.Equal(first.DER, later.DER) {
			t.Errorf("%s: an old proof", alg)
		}
		// Revoked: at once, whatever is remembered.
		rec.set(line, c.SerialHex(), authority.State{Known: true, Revoked: true, At: tt.Now})
		if _, err := check(tt.Now.Add(time.Minute)); !errors.Is(err, trust.ErrRevoked) {
			t.Errorf("%s: %v", alg, err)
		}
		rec.err = fmt.Errorf("away")
		if _, err := check(tt.Now); !errors.Is(err, trust.ErrRevocationUnavailable) {
			t.Errorf("%s: records away: %v", alg, err)
		}
		rec.err = nil
	}
	ca := tt.Root(t, trust.ES256, "other")
	stranger := trust.Policy{Anchors: tt.Pool(t, ca.Cert)}
	if _, err := stranger.Check(t.Context(), ca.Leaf(t, trust.ES256).Cert, nil, tt.Now, rev); err != nil || other.asked != 1 {
		t.Errorf("another authority's certificate: %v, asked %d", err, other.asked)
	}
	if _, err := stranger.Check(t.Context(), ca.Leaf(t, trust.ES256).Cert, nil, tt.Now, a.Revocation(rec.lookup, nil)); !errors.Is(err, trust.ErrRevocationUnavailable) {
		t.Errorf("with nobody to ask: %v", err)
	}
}
