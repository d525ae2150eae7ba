package authority

import (
	"context"
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	"certlink/trust/ocsp"
)

const (
	// answerTerm is how long an OCSP answer counts. Short, since it is made on demand.
	answerTerm = time.Hour
	// responderTerm is the term of the responder's certificate, which nobody asks to be
	// revoked; renewBefore, how early its successor is made.
	responderTerm = 30 * 24 * time.Hour
	renewBefore   = 24 * time.Hour
	// backdate lets verifiers have clocks that are a little behind.
	backdate = 5 * time.Minute
)

// State is what the authority's records say about a certificate.
type State struct {
	Known   bool // issued here
	Revoked bool
	At      time.Time // when revoked
	Reason  int
}

// Lookup finds the state of the certificate of that serial number (as in Request) in
// the caller's records. An error means that it is not known just now.
type Lookup func(ctx context.Context, line Line, serial string) (State, error)

// responder is a delegated OCSP key (RFC 6960 §4.2.2.2) of one line. It lives in
// memory only: each process makes its own and certifies it itself, so there is
// nothing to keep, and the issuing key never signs what strangers choose.
type responder struct {
	key   crypto.Signer
	cert  *trust.Certificate
	until time.Time
}

// oidNoCheck is id-pkix-ocsp-nocheck: its value is NULL.
var oidNoCheck = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}

func (a *Authority) responder(l *line) (*responder, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := a.now()
	if l.responder != nil && now.Before(l.responder.until.Add(-renewBefore)) && !now.Before(l.responder.cert.NotBefore()) {
		return l.responder, nil
	}
	key, err := newKey(l.name)
	if err != nil {
		return nil, err
	}
	subject := l.issuing.X.Subject
	name := pkix.Name{Country: subject.Country, Organization: subject.Organization, CommonName: subject.CommonName + " OCSP"}
	from, until := now.Add(-backdate).Truncate(time.Second).UTC(), now.Add(responderTerm).Truncate(time.Second).UTC()
	if from.Before(l.issuing.NotBefore()) {
		from = l.issuing.NotBefore()
	}
	if until.After(l.issuing.NotAfter()) {
		until = l.issuing.NotAfter()
	}
	cert, err := sign(&smx509.Certificate{
		SerialNumber: mustSerial(NewSerial()), Subject: name, NotBefore: from, NotAfter: until,
		KeyUsage: smx509.KeyUsageDigitalSignature, ExtKeyUsage: []smx509.ExtKeyUsage{smx509.ExtKeyUsageOCSPSigning},
		BasicConstraintsValid: true, ExtraExtensions: []pkix.Extension{oidNoCheck},
	}, l.issuing.X, key.Public(), l.key)
	if err != nil {
		return nil, err
	}
	l.responder = &responder{key: key, cert: cert, until: until}
	return l.responder, nil
}

// Respond answers an OCSP request in DER with an answer in DER. What goes wrong is
// said in the answer as RFC 6960 §4.2.1 has it, so there is always one.
//
// All certificates of a request must be of one line, since the answer has one
// signature: the line of the first counts, others are unknown.
func (a *Authority) Respond(ctx context.Context, der []byte, lookup Lookup) []byte {
	req, err := ocsp.ParseRequest(der)
	if err != nil {
		return ocsp.BuildError(ocsp.StatusMalformedRequest)
	}
	var l *line
	for _, name := range Lines {
		if req.IDs[0].From(a.lines[name].issuing) {
			l = a.lines[name]
		}
	}
	if l == nil {
		return ocsp.BuildError(ocsp.StatusUnauthorized)
	}
	now := a.now().UTC().Truncate(time.Second)
	var singles []ocsp.Single
	for _, id := range req.IDs {
		one := ocsp.Single{ID: id, Status: ocsp.Unknown, ThisUpdate: now, NextUpdate: now.Add(answerTerm)}
		if id.From(l.issuing) && id.Serial.Sign() > 0 {
			state, err := lookup(ctx, l.name, trust.SerialHex(id.Serial))
			if err != nil {
				return ocsp.BuildError(ocsp.StatusTryLater)
			}
			state.into(&one)
		}
		singles = append(singles, one)
	}
	answer, err := a.answer(l, singles, req.Nonce, now)
	if err != nil {
		return ocsp.BuildError(ocsp.StatusInternalError)
	}
	return answer
}

func (s State) into(one *ocsp.Single) {
	switch {
	case s.Revoked:
		one.Status, one.RevokedAt, one.Reason = ocsp.Revoked, s.At, s.Reason
	case s.Known:
		one.Status = ocsp.Good
	}
}

func (a *Authority) answer(l *line, singles []ocsp.Single, nonce []byte, now time.Time) ([]byte, error) {
	r, err := a.responder(l)
	if err != nil {
		return nil, err
	}
	return ocsp.Build(r.key, r.cert, true, singles, nonce, now)
}
