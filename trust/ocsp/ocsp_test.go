package ocsp_test

import (
	"bytes"
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/internal/fault"
	"certlink/trust"
	"certlink/trust/ocsp"
	tt "certlink/trust/trusttest"
)

var kinds = []ocsp.Hash{ocsp.SHA1, ocsp.SHA256, ocsp.SM3}

func TestRequestThereAndBack(t *testing.T) {
	ca := tt.Root(t, trust.SM2SM3, "ca")
	other := tt.Root(t, trust.SM2SM3, "ca")
	for _, h := range kinds {
		id := ocsp.NewCertID(h, ca.Cert, big.NewInt(0x80ff))
		der, err := ocsp.Request{IDs: []ocsp.CertID{id}, Nonce: []byte("0123456789abcdef")}.Marshal()
		must(t, err)
		got, err := ocsp.ParseRequest(der)
		must(t, err)
		if string(got.Nonce) != "0123456789abcdef" || len(got.IDs) != 1 || got.IDs[0].Serial.Int64() != 0x80ff ||
			!got.IDs[0].From(ca.Cert) || got.IDs[0].From(other.Cert) {
			t.Errorf("hash %d: %+v", h, got)
		}
	}
}

func TestRequestRefused(t *testing.T) {
	ca := tt.Root(t, trust.ES256, "ca")
	id := ocsp.NewCertID(ocsp.SHA1, ca.Cert, big.NewInt(1))
	good, err := ocsp.Request{IDs: []ocsp.CertID{id}}.Marshal()
	must(t, err)
	many, err := ocsp.Request{IDs: []ocsp.CertID{id, id, id, id, id, id, id, id, id}}.Marshal()
	must(t, err)
	none, err := ocsp.Request{}.Marshal()
	must(t, err)
	nonce, err := ocsp.Request{IDs: []ocsp.CertID{id}, Nonce: make([]byte, 129+4)}.Marshal()
	must(t, err)
	for name, der := range map[string][]byte{"nothing": nil, "cut": good[:len(good)-1], "a byte after": append(bytes.Clone(good), 0),
		"nine certificates": many, "no certificate": none, "long nonce": nonce, "huge": make([]byte, 5000)} {
		if _, err := ocsp.ParseRequest(der); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestOpenSSLReadsRequestsBothWays(t *testing.T) {
	ca := tt.Root(t, trust.ES256, "ca")
	h := ca.Leaf(t, trust.ES256)
	der, err := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA256, ca.Cert, h.Cert.X.SerialNumber)}, Nonce: []byte("a nonce of its own")}.Marshal()
	must(t, err)
	text := tt.OpenSSL(t, "ocsp", "-reqin", tt.File(t, "req", der), "-req_text")
	if !strings.Contains(text, strings.ToUpper(h.Cert.SerialHex())) || !strings.Contains(text, "sha256") || !strings.Contains(text, "Nonce") {
		t.Errorf("openssl reads:\n%s", text)
	}
	out := filepath.Join(t.TempDir(), "out")
	tt.OpenSSL(t, "ocsp", "-issuer", tt.File(t, "ca", tt.PEM(ca.Cert)), "-cert", tt.File(t, "leaf", tt.PEM(h.Cert)), "-reqout", out)
	made, err := os.ReadFile(out)
	must(t, err)
	req, err := ocsp.ParseRequest(made)
	must(t, err)
	if !req.IDs[0].From(ca.Cert) || req.IDs[0].Serial.Cmp(h.Cert.X.SerialNumber) != 0 || len(req.Nonce) == 0 {
		t.Errorf("%+v", req)
	}
}

// delegate makes a responder of ca's.
func delegate(t testing.TB, ca *tt.Authority, alg trust.Algorithm, change ...func(*tt.Template)) *tt.Holder {
	usage := func(c *tt.Template) {
		c.Subject, c.KeyUsage = pkix.Name{CommonName: "responder"}, smx509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []smx509.ExtKeyUsage{smx509.ExtKeyUsageOCSPSigning}
	}
	return ca.Leaf(t, alg, append([]func(*tt.Template){usage}, change...)...)
}

func single(ca *tt.Authority, c *trust.Certificate, status ocsp.Status) ocsp.Single {
	s := ocsp.Single{ID: ocsp.NewCertID(ocsp.SHA1, ca.Cert, c.X.SerialNumber), Status: status, ThisUpdate: tt.Now, NextUpdate: tt.Now.Add(time.Hour)}
	if status == ocsp.Revoked {
		s.RevokedAt, s.Reason = tt.Now.Add(-time.Hour), 1
	}
	return s
}

func TestResponseThereAndBack(t *testing.T) {
	for _, alg := range tt.Algorithms {
		ca := tt.Root(t, alg, "ca")
		c := ca.Leaf(t, alg).Cert
		for _, byIssuer := range []bool{true, false} {
			key, signer := ca.Key, ca.Cert
			if !byIssuer {
				h := delegate(t, ca, alg)
				key, signer = h.Key, h.Cert
			}
			for _, status := range []ocsp.Status{ocsp.Good, ocsp.Revoked, ocsp.Unknown} {
				der, err := ocsp.Build(key, signer, !byIssuer, []ocsp.Single{single(ca, c, status)}, []byte("nonce"), tt.Now)
				must(t, err)
				r, err := ocsp.ParseResponse(der)
				must(t, err)
				must(t, r.Verify(ca.Cert, tt.Now))
				got, ok := r.Find(ca.Cert, c.X.SerialNumber)
				want := single(ca, c, status)
				if !ok || got.Status != status || got.Reason != want.Reason || !got.RevokedAt.Equal(want.RevokedAt) ||
					!got.ThisUpdate.Equal(tt.Now) || !got.NextUpdate.Equal(want.NextUpdate) || string(r.Nonce) != "nonce" || !r.ProducedAt.Equal(tt.Now) {
					t.Errorf("%s: %+v", alg, got)
				}
				if _, ok := r.Find(ca.Cert, big.NewInt(99)); ok {
					t.Errorf("%s: an answer about a certificate nobody asked about", alg)
				}
			}
		}
	}
}

func TestWhoMayAnswer(t *testing.T) {
	ca := tt.Root(t, trust.ES256, "ca")
	stranger := tt.Root(t, trust.ES256, "ca") // same name, other key
	sub := ca.Sub(t, trust.ES256, "sub")
	leaf := ca.Leaf(t, trust.ES256)
	build := func(key crypto.Signer, signer *trust.Certificate, include bool) []byte {
		der, err := ocsp.Build(key, signer, include, []ocsp.Single{single(ca, leaf.Cert, ocsp.Good)}, nil, tt.Now)
		must(t, err)
		return der
	}
	expired := delegate(t, ca, trust.ES256, func(c *tt.Template) { c.NotAfter = tt.Start.AddDate(0, 1, 0) })
	early := delegate(t, ca, trust.ES256, func(c *tt.Template) { c.NotBefore = tt.Now.Add(time.Hour) })
	noUsage := delegate(t, ca, trust.ES256, func(c *tt.Template) { c.ExtKeyUsage = nil })
	noSign := delegate(t, ca, trust.ES256, func(c *tt.Template) { c.KeyUsage = smx509.KeyUsageKeyAgreement })
	ofStranger, ofSub, mine := delegate(t, stranger, trust.ES256), delegate(t, sub, trust.ES256), delegate(t, ca, trust.ES256)
	for _, tc := range []struct {
		name string
		der  []byte
		want error
	}{
		{"delegated", build(mine.Key, mine.Cert, true), nil},
		{"delegated, certificate left out", build(mine.Key, mine.Cert, false), ocsp.ErrWrongResponder},
		{"a holder of the same authority", build(leaf.Key, leaf.Cert, true), ocsp.ErrWrongResponder},
		{"without the extended usage", build(noUsage.Key, noUsage.Cert, true), ocsp.ErrWrongResponder},
		{"key not for signing", build(noSign.Key, noSign.Cert, true), ocsp.ErrWrongResponder},
		{"expired", build(expired.Key, expired.Cert, true), ocsp.ErrWrongResponder},
		{"not yet valid", build(early.Key, early.Cert, true), ocsp.ErrWrongResponder},
		{"of another authority", build(ofStranger.Key, ofStranger.Cert, true), ocsp.ErrWrongResponder},
		{"of an authority below", build(ofSub.Key, ofSub.Cert, true), ocsp.ErrWrongResponder},
		{"another authority of the same name", build(stranger.Key, stranger.Cert, true), ocsp.ErrWrongResponder},
		{"somebody with the responder's certificate", build(leaf.Key, mine.Cert, true), ocsp.ErrSignature},
		{"somebody with the issuer's certificate", build(leaf.Key, ca.Cert, false), ocsp.ErrSignature},
	} {
		r, err := ocsp.ParseResponse(tc.der)
		must(t, err)
		if err := r.Verify(ca.Cert, tt.Now); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	ca := tt.Root(t, trust.SM2SM3, "ca")
	c := ca.Leaf(t, trust.SM2SM3).Cert
	good, err := ocsp.Build(ca.Key, ca.Cert, false, []ocsp.Single{single(ca, c, ocsp.Good)}, []byte("nonce"), tt.Now)
	must(t, err)
	for i := range good {
		changed := bytes.Clone(good)
		changed[i] ^= 1
		r, err := ocsp.ParseResponse(changed)
		if err == nil && r.Verify(ca.Cert, tt.Now) == nil {
			t.Errorf("byte %d changed and it is believed", i)
		}
	}
}

func TestErrorAnswers(t *testing.T) {
	for _, status := range []int64{ocsp.StatusMalformedRequest, ocsp.StatusInternalError, ocsp.StatusTryLater, ocsp.StatusUnauthorized} {
		if _, err := ocsp.ParseResponse(ocsp.BuildError(status)); !errors.Is(err, trust.ErrRevocationUnavailable) {
			t.Errorf("%d: %v", status, err)
		}
	}
	for name, der := range map[string][]byte{"nothing": nil, "HTML": []byte("<html>"), "no content": {0x30, 3, 0x0a, 1, 0}, "huge": make([]byte, ocsp.MaxResponse+1)} {
		if _, err := ocsp.ParseResponse(der); !errors.Is(err, ocsp.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What OpenSSL's responder says is read and believed here, and the other way round.
func TestOpenSSLAgrees(t *testing.T) {
	for _, alg := range []trust.Algorithm{trust.ES256, trust.RS256} {
		ca := tt.Root(t, alg, "ca")
		r := delegate(t, ca, alg)
		good, bad, strange := ca.Leaf(t, alg).Cert, ca.Leaf(t, alg).Cert, ca.Leaf(t, alg).Cert
		caFile := tt.File(t, "ca.pem", tt.PEM(ca.Cert))
		row := func(mark, at string, c *trust.Certificate) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s\tunknown\t/CN=x\n", mark, c.NotAfter().Format("060102150405Z"), at, strings.ToUpper(c.SerialHex()))
		}
		index := tt.File(t, "index.txt", []byte(row("V", "", good)+row("R", "260601000000Z,keyCompromise", bad)))
		for _, tc := range []struct {
			cert *trust.Certificate
			want ocsp.Status
		}{{good, ocsp.Good}, {bad, ocsp.Revoked}, {strange, ocsp.Unknown}} {
			req, err := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA256, ca.Cert, tc.cert.X.SerialNumber)}, Nonce: []byte("0123456789abcdef")}.Marshal()
			must(t, err)
			out := filepath.Join(t.TempDir(), "resp")
			tt.OpenSSL(t, "ocsp", "-index", index, "-CA", caFile, "-rsigner", tt.File(t, "r.pem", tt.PEM(r.Cert)),
				"-rkey", tt.PrivateKeyFile(t, r.Key), "-reqin", tt.File(t, "req", req), "-respout", out, "-nmin", "5")
			der, err := os.ReadFile(out)
			must(t, err)
			resp, err := ocsp.ParseResponse(der)
			must(t, err)
			must(t, resp.Verify(ca.Cert, tt.Now))
			s, ok := resp.Find(ca.Cert, tc.cert.X.SerialNumber)
			if !ok || s.Status != tc.want || string(resp.Nonce) != "0123456789abcdef" {
				t.Errorf("%s: %+v, nonce %q", alg, s, resp.Nonce)
			}
			if tc.want == ocsp.Revoked && (s.Reason != 1 || !s.RevokedAt.Equal(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))) {
				t.Errorf("%s: %+v", alg, s)
			}
			ours, err := ocsp.Build(r.Key, r.Cert, true, []ocsp.Single{single(ca, tc.cert, tc.want)}, nil, tt.Now)
			must(t, err)
			text := tt.OpenSSL(t, "ocsp", "-respin", tt.File(t, "ours", ours), "-CAfile", caFile, "-issuer", caFile,
				"-cert", tt.File(t, "c.pem", tt.PEM(tc.cert)), "-attime", fmt.Sprint(tt.Now.Unix()), "-validity_period", "1000000000")
			word := map[ocsp.Status]string{ocsp.Good: ": good", ocsp.Revoked: ": revoked", ocsp.Unknown: ": unknown"}[tc.want]
			if !strings.Contains(text, "Response verify OK") || !strings.Contains(text, word) {
				t.Errorf("%s: openssl says %s", alg, text)
			}
		}
	}
}

// OpenSSL 3.0 cannot be told the SM2 identifier for OCSP, so the signed bytes are taken
// out: that is how the evidence is verified offline.
func TestOpenSSLVerifiesSM2AnswerByItsBytes(t *testing.T) {
	ca := tt.Root(t, trust.SM2SM3, "ca")
	der, err := ocsp.Build(ca.Key, ca.Cert, false, []ocsp.Single{single(ca, ca.Leaf(t, trust.SM2SM3).Cert, ocsp.Good)}, nil, tt.Now)
	must(t, err)
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0"`
	}
	unmarshal(t, der, &outer)
	var basic struct {
		Data asn1.RawValue
		Alg  pkix.AlgorithmIdentifier
		Sig  asn1.BitString
	}
	unmarshal(t, outer.Bytes.Response, &basic)
	tt.OpenSSL(t, "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:"+trust.SM2Identifier, "-pubin",
		"-inkey", tt.PublicKeyFile(t, ca.Cert.PublicKey()), "-in", tt.File(t, "tbs", basic.Data.FullBytes), "-sigfile", tt.File(t, "sig", basic.Sig.Bytes))
}

func FuzzParseResponse(f *testing.F) {
	ca := tt.Root(f, trust.ES256, "ca")
	r := delegate(f, ca, trust.ES256)
	for _, status := range []ocsp.Status{ocsp.Good, ocsp.Revoked, ocsp.Unknown} {
		der, err := ocsp.Build(r.Key, r.Cert, true, []ocsp.Single{single(ca, r.Cert, status)}, []byte("nonce"), tt.Now)
		must(f, err)
		f.Add(der)
	}
	f.Add(ocsp.BuildError(3))
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := ocsp.ParseResponse(der)
		if err != nil {
			if fault.Of(err) == nil {
				t.Errorf("without a code: %v", err)
			}
			return
		}
		if r.Verify(tt.Root(t, trust.ES256, "somebody").Cert, tt.Now) == nil {
			t.Error("believed without a signature")
		}
		if len(r.Singles) == 0 {
			t.Error("an answer about nothing")
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	ca := tt.Root(f, trust.ES256, "ca")
	der, err := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA1, ca.Cert, big.NewInt(7))}, Nonce: []byte("nonce")}.Marshal()
	must(f, err)
	f.Add(der)
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := ocsp.ParseRequest(der)
		if err == nil && (len(r.IDs) == 0 || len(r.Nonce) > 132) {
			t.Errorf("%+v", r)
		}
	})
}

func unmarshal(t testing.TB, der []byte, to any) {
	t.Helper()
	_, err := asn1.Unmarshal(der, to)
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
