package authority

import (
	"context"
	"time"

	"certlink/trust"
	"certlink/trust/internal/lru"
	"certlink/trust/ocsp"
)

// proofs kept for certificates that were asked about lately.
const maxProofs = 8192

// Revocation is the way to the state of this authority's own certificates that needs no
// network: the records are asked each time, so a revocation counts at once. The proof
// is a signed OCSP answer like everybody else gets, for the evidence; while the state
// stays the same one answer serves for a quarter of its term. Certificates of other
// authorities are handed to next, which may be nil where there are none.
func (a *Authority) Revocation(lookup Lookup, next trust.Revocation) trust.Revocation {
	return &local{a: a, lookup: lookup, next: next, proofs: lru.New[proofKey, trust.Proof](maxProofs)}
}

type local struct {
	a      *Authority
	lookup Lookup
	next   trust.Revocation
	proofs *lru.Cache[proofKey, trust.Proof]
}

type proofKey struct {
	line   Line
	serial string
}

func (v *local) Status(ctx context.Context, leaf, issuer *trust.Certificate, now time.Time) (trust.Proof, error) {
	l := v.a.lineOf(issuer)
	if l == nil {
		if v.next == nil {
			return trust.Proof{}, trust.ErrRevocationUnavailable.Becausef("no source for certificates of %s", issuer.Subject())
		}
		return v.next.Status(ctx, leaf, issuer, now)
	}
	serial := leaf.SerialHex()
	state, err := v.lookup(ctx, l.name, serial)
	if err != nil {
		return trust.Proof{}, trust.ErrRevocationUnavailable.Because(err)
	}
	if err := ctx.Err(); err != nil {
		return trust.Proof{}, trust.ErrRevocationUnavailable.Because(err)
	}
	key := proofKey{l.name, serial}
	switch {
	case state.Revoked:
		v.proofs.Drop(key)
		return trust.Proof{}, trust.ErrRevoked.With("revoked_at", state.At.UTC().Format(time.RFC3339))
	case !state.Known:
		// Signed with the authority's key and not in its records: that must not be.
		return trust.Proof{}, trust.ErrRevocationUnavailable.Becausef("the authority has no record of serial number %s", serial)
	}
	now = now.UTC().Truncate(time.Second)
	if p, ok := v.proofs.Get(key); ok && p.Certificate == leaf.Fingerprint() &&
		!now.Before(p.ThisUpdate) && now.Before(p.ThisUpdate.Add(answerTerm/4)) {
		p.CheckedAt = now
		return p, nil
	}
	one := ocsp.Single{ID: ocsp.NewCertID(ocsp.SHA256, l.issuing, leaf.X.SerialNumber), Status: ocsp.Good, ThisUpdate: now, NextUpdate: now.Add(answerTerm)}
	der, err := v.a.answer(l, []ocsp.Single{one}, nil, now)
	if err != nil {
		return trust.Proof{}, trust.ErrRevocationUnavailable.Because(err)
	}
	p := trust.Proof{Kind: trust.ProofOCSP, Certificate: leaf.Fingerprint(), Source: v.a.url(OCSPPath),
		ThisUpdate: one.ThisUpdate, NextUpdate: one.NextUpdate, CheckedAt: now, DER: der}
	v.proofs.Put(key, p)
	return p, nil
}

func (a *Authority) lineOf(issuer *trust.Certificate) *line {
	for _, name := range Lines {
		if l := a.lines[name]; l.issuing.ContentID() == issuer.ContentID() {
			return l
		}
	}
	return nil
}
