package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"sync"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
)

// issueJob has certificates made by the built-in authority for a registration of the
// operator's own: the program signs a request by a fresh key, and the server checks it,
// records the intent, signs, records the certificate and answers with it.
var issueJob = &job{
	name: "issue", noun: "certificates issued",
	steps: []string{"sign request", "issue"}, event: 1,
	serve:  []string{"--demo"}, // its authority issues
	person: issuePerson, flow: issueFlow, parts: issueParts, appends: issueAppends,
}

// issueProduct is of demo mode: a P-256 signing certificate for a year.
const issueProduct = "demo-p256"

// applicant is a person that a certificate is made for: a key, and what of the call is
// known before.
type applicant struct {
	key  *ecdsa.PrivateKey
	body []byte // up to the request
}

// programs are the integrators that ask, in turn, so that none meets its limit.
var programs struct {
	sync.Mutex
	tokens     []string
	applicants []applicant
	account    string
}

const callsPerProgram = 200

func issuePerson(_ context.Context, p *people, k *worker, prefix string, i int) error {
	programs.Lock()
	defer programs.Unlock()
	if programs.account == "" {
		token, err := p.w.token(prefix+"-holder", "基准持有人")
		if err != nil {
			return err
		}
		a, err := k.page.do("GET", "/v1/session", nil, "Authorization", "Bearer "+token)
		if err != nil || a.status != 200 {
			return errors.Join(err, fmt.Errorf("making an account: %s", refused(a)))
		}
		programs.account = field(a.body, "id")
		programs.applicants = make([]applicant, len(p.tokens))
	}
	if len(programs.tokens) <= i/callsPerProgram {
		n := strconv.Itoa(len(programs.tokens))
		token, err := p.w.token(prefix+"-program-"+n, "业务系统"+n, "integrator")
		if err != nil {
			return err
		}
		programs.tokens = append(programs.tokens, "Bearer "+token)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	programs.applicants[i] = applicant{key, []byte(`{"request":"` + prefix + "-" + strconv.Itoa(i) + `","product":"` + issueProduct + `","account":"` + programs.account + `","csr":"`)}
	return nil
}

func issueFlow(_ context.Context, _ *people, k *worker, i int) (t timing, err error) {
	a := &programs.applicants[i]
	t0 := time.Now()
	csr, err := signRequest(a.key)
	if err != nil {
		return t, err
	}
	t[0] = time.Since(t0)
	body := base64.StdEncoding.AppendEncode(a.body, csr)
	got, err := k.page.do("POST", "/v1/certificates", append(body, `"}`...), "Authorization", programs.tokens[i/callsPerProgram])
	t[1] = time.Since(t0) - t[0]
	if err != nil {
		return t, err
	}
	if got.status != 201 {
		return t, fmt.Errorf("issue: %s", refused(got))
	}
	der, err := base64.StdEncoding.DecodeString(field(got.body, "certificate"))
	if err != nil {
		return t, err
	}
	// A certificate for the key that was sent, or it is no certificate.
	point, err := a.key.PublicKey.Bytes()
	if err != nil || len(der) < 400 || !containsPoint(der, point) {
		return t, errors.New("issue: a certificate for another key")
	}
	return t, nil
}

func containsPoint(der, point []byte) bool {
	for at := 0; at+len(point) <= len(der); at++ {
		if der[at] == 4 && string(der[at:at+len(point)]) == string(point) {
			return true
		}
	}
	return false
}

var requestName, _ = asn1.Marshal(pkix.Name{CommonName: "bench"}.ToRDNSequence())

// signRequest makes a PKCS#10 request, as a program does with its library.
func signRequest(key *ecdsa.PrivateKey) ([]byte, error) {
	return smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{RawSubject: requestName}, crypto.Signer(key))
}

// issueAppends are the writes that must survive a power cut before the answer: the
// intent, and the certificate.
const issueAppends = 2

// issueParts count the work of one certificate: the request signed and its proof
// checked, the certificate signed and checked before it is handed out, one call.
func issueParts(u *units) []part {
	return []part{
		{"empty HTTP round trip", 1, us(u.roundTrip), "the call, with the request in it and the certificate in the answer"},
		{"JWT checked", 1, us(u.jwt), "RS256: which program asks"},
		{"request signed", 1, us(u.requestSign), "PKCS#10 by the applicant's key"},
		{"request read and verified", 1, us(u.requestVerify), "PKCS#10, its proof of possession"},
		{"certificate signed", 1, us(u.certify), "by the library: it verifies what it has signed"},
		{"durable append", issueAppends, us(u.appendCPU), "intent, certificate; group commit at the same concurrency"},
	}
}

// requests: making and reading requests, and signing certificates, by the libraries.
func (u *units) requests(_ context.Context, w *world) error {
	const several = 64
	var keys [several]*ecdsa.PrivateKey
	var csrs [several][]byte
	for i := range several {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		keys[i] = key
		if csrs[i], err = signRequest(key); err != nil {
			return err
		}
	}
	var err error
	if u.requestSign, err = each(func(i int) error {
		_, err := signRequest(keys[i%several])
		return err
	}); err != nil {
		return err
	}
	if u.requestVerify, err = each(func(i int) error {
		c, err := smx509.ParseCertificateRequest(csrs[i%several])
		if err != nil {
			return err
		}
		return c.CheckSignature()
	}); err != nil {
		return err
	}
	if w.authority.alg != trust.ES256 {
		return nil // certificates are of P-256 only here
	}
	u.certify, err = each(func(i int) error {
		tmpl, err := leafTemplate("单元", int64(i)+1<<40)
		if err != nil {
			return err
		}
		tmpl.SerialNumber = big.NewInt(int64(i) + 1<<40)
		_, err = smx509.CreateCertificate(rand.Reader, tmpl, w.authority.issuing.X, keys[i%several].Public(), w.authority.key)
		return err
	})
	return err
}
