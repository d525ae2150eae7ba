package revocation

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"certlink/trust"
	"certlink/trust/ocsp"
)

// answerKey names a certificate by its issuer and serial number, as OCSP does.
type answerKey struct{ issuer, serial string }

// answer is an OCSP answer that was believed.
type answer struct {
	single  ocsp.Single
	next    time.Time // until when it counts
	fetched time.Time
	source  string
	der     []byte
}

func (c *Checker) ocspStatus(ctx context.Context, address string, leaf, issuer *trust.Certificate, now time.Time) (trust.Proof, error) {
	key := answerKey{issuer.ContentID(), leaf.SerialHex()}
	get := func(ctx context.Context) (any, error) { return c.askOCSP(ctx, key, address, leaf, issuer, now) }
	flight := "ocsp " + key.issuer + " " + key.serial + " " + address

	held, ok := c.answers.Get(key)
	state := useless
	if ok {
		state = c.freshness(now, held.fetched, held.next)
	}
	switch state {
	case fresh:
		return held.proof(leaf, now)
	case ageing:
		c.start(flight, get) // nobody waits for it
		return held.proof(leaf, now)
	}
	got, err := c.once(ctx, flight, get)
	if err != nil {
		if state == last && ctx.Err() == nil {
			return held.proof(leaf, now)
		}
		return trust.Proof{}, err
	}
	return got.(*answer).proof(leaf, now)
}

func (a *answer) proof(leaf *trust.Certificate, now time.Time) (trust.Proof, error) {
	if a.single.Status == ocsp.Revoked {
		return trust.Proof{}, trust.ErrRevoked.With("revoked_at", a.single.RevokedAt.UTC().Format(time.RFC3339))
	}
	return trust.Proof{Kind: trust.ProofOCSP, Certificate: leaf.Fingerprint(), Source: a.source,
		ThisUpdate: a.single.ThisUpdate, NextUpdate: a.single.NextUpdate, CheckedAt: now, DER: a.der}, nil
}

// askOCSP fetches an answer and believes it only if everything about it fits.
func (c *Checker) askOCSP(ctx context.Context, key answerKey, address string, leaf, issuer *trust.Certificate, now time.Time) (*answer, error) {
	var nonce [32]byte // RFC 9654 §2.1
	rand.Read(nonce[:])
	req, err := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA1, issuer, leaf.X.SerialNumber)}, Nonce: nonce[:]}.Marshal()
	if err != nil {
		return nil, trust.ErrRevocationUnavailable.Because(err)
	}
	der, err := c.fetch.get(ctx, address, "application/ocsp-request", req, ocsp.MaxResponse)
	if errors.Is(err, errTooLarge) {
		return nil, ocsp.ErrMalformed.Because(err)
	} else if err != nil {
		return nil, err
	}
	resp, err := ocsp.ParseResponse(der)
	if err != nil {
		return nil, err
	}
	if err := resp.Verify(issuer, now); err != nil {
		return nil, err
	}
	if (len(resp.Nonce) > 0 || c.o.RequireNonce) && !bytes.Equal(resp.Nonce, nonce[:]) {
		return nil, ocsp.ErrNonce
	}
	single, ok := resp.Find(issuer, leaf.X.SerialNumber)
	if !ok {
		return nil, ocsp.ErrMalformed.Becausef("the answer is about other certificates")
	}
	next := single.NextUpdate
	if next.IsZero() {
		// RFC 6960 §4.2.2.1: newer information is always there, so it counts for now only.
		next = single.ThisUpdate.Add(c.o.MaxAge)
	}
	if single.ThisUpdate.After(now.Add(c.o.Skew)) || now.After(next.Add(c.o.Skew)) {
		return nil, ocsp.ErrStale.Becausef("counts from %s to %s", single.ThisUpdate, next)
	}
	if single.Status == ocsp.Unknown {
		return nil, trust.ErrRevocationUnavailable.Becausef("the responder does not know the certificate")
	}
	a := &answer{single: single, next: next, fetched: now, source: address, der: resp.Raw}
	c.answers.Put(key, a)
	return a, nil
}
