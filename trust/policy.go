package trust

import (
	"context"
	"errors"
	"time"

	"certlink/internal/fault"
)

// Policy is what a provider's certificates must satisfy. It is data: made from the
// provider's record, and safe for concurrent use once made.
type Policy struct {
	Provider    string
	Anchors     *Pool
	Identifiers []IdentifierRule
	Revocation  RevocationPolicy
	// CheckAuthorities asks also whether the provider's own intermediates (those in
	// Anchors) are revoked. Intermediates that a signer sent are always asked about.
	CheckAuthorities bool
}

// Checked is a certificate that was accepted.
type Checked struct {
	Chain           []*Certificate // leaf first, root last
	Identity        Identity
	RevocationProof []Proof // one for each certificate that was asked about
}

// Check decides whether leaf may sign for this provider at now: its key, its chain to
// one of the provider's anchors, the terms, the key usage, revocation; in this order,
// each with its own code. rev may be nil only with RevocationNone.
func (p *Policy) Check(ctx context.Context, leaf *Certificate, intermediates []*Certificate, now time.Time, rev Revocation) (*Checked, error) {
	return p.check(ctx, leaf, intermediates, now, rev, func() error {
		if !leaf.CanSign() {
			return ErrKeyUsage
		}
		return nil
	})
}

// CheckEncryption is Check for the encryption twin of a pair: all the same, but the
// certificate must be one for encryption.
func (p *Policy) CheckEncryption(ctx context.Context, leaf *Certificate, intermediates []*Certificate, now time.Time, rev Revocation) (*Checked, error) {
	return p.check(ctx, leaf, intermediates, now, rev, func() error {
		if !leaf.CanEncrypt() {
			return ErrNotForEncryption
		}
		return nil
	})
}

func (p *Policy) check(ctx context.Context, leaf *Certificate, intermediates []*Certificate, now time.Time, rev Revocation, usage func() error) (*Checked, error) {
	if leaf == nil || p.Anchors == nil {
		return nil, ErrUntrusted.Becausef("no certificate, or no anchors for provider %s", p.Provider)
	}
	if _, err := leaf.Algorithm(); err != nil {
		return nil, err
	}
	if len(intermediates) > maxSupplied {
		return nil, ErrUntrusted.Becausef("%d intermediates, at most %d are read", len(intermediates), maxSupplied)
	}
	if p.Anchors.Contains(leaf) {
		return nil, ErrKeyUsage.Becausef("an authority's own certificate")
	}
	paths, err := p.Anchors.find(leaf, intermediates)
	if err != nil {
		return nil, err
	}
	switch validity(leaf, now) {
	case -1:
		return nil, ErrNotYetValid.With("not_before", leaf.X.NotBefore.UTC().Format(time.RFC3339))
	case 1:
		return nil, ErrExpired.With("not_after", leaf.X.NotAfter.UTC().Format(time.RFC3339))
	}
	chain, err := within(paths, now)
	if err != nil {
		return nil, err
	}
	// After the chain, so that it is the authority's extensions that are spoken of.
	if len(leaf.X.UnhandledCriticalExtensions) > 0 {
		return nil, ErrCritical.Becausef("extension %v", leaf.X.UnhandledCriticalExtensions[0])
	}
	if err := usage(); err != nil {
		return nil, err
	}
	proofs, err := p.revocation(ctx, chain, now, rev)
	if err != nil {
		return nil, err
	}
	return &Checked{Chain: chain, Identity: Identify(leaf, p.Identifiers), RevocationProof: proofs}, nil
}

// within picks the first chain whose authorities are all within their terms.
func within(paths []*path, now time.Time) ([]*Certificate, error) {
	var outside *Certificate
next:
	for _, path := range paths {
		for _, c := range path.certs[1:] {
			if validity(c, now) != 0 {
				outside = c
				continue next
			}
		}
		return path.certs[:len(path.certs):len(path.certs)], nil
	}
	return nil, ErrAuthorityExpired.Becausef("%s is valid from %s to %s", outside.Subject(), outside.X.NotBefore, outside.X.NotAfter)
}

func (p *Policy) revocation(ctx context.Context, chain []*Certificate, now time.Time, rev Revocation) ([]Proof, error) {
	switch p.Revocation {
	case RevocationNone:
		return nil, nil
	case RevocationRequired, RevocationSoftFail, "":
	default:
		return nil, ErrRevocationUnavailable.Becausef("provider %s has the unknown revocation policy %q", p.Provider, p.Revocation)
	}
	if rev == nil {
		return nil, ErrRevocationUnavailable.Becausef("provider %s demands a revocation check and nothing was given to make it", p.Provider)
	}
	var proofs []Proof
	for i, c := range chain[:len(chain)-1] {
		if i > 0 && !p.CheckAuthorities && p.Anchors.Contains(c) {
			continue
		}
		proof, err := rev.Status(ctx, c, chain[i+1], now)
		switch {
		case err == nil:
		case errors.Is(err, ErrRevoked):
			return nil, err
		case p.Revocation == RevocationSoftFail && ctx.Err() == nil:
			proof = Proof{Kind: ProofNone, Certificate: c.fingerprint, CheckedAt: now, Note: reason(err)}
		default:
			return nil, unavailable(err)
		}
		proofs = append(proofs, proof)
	}
	return proofs, nil
}

// unavailable lets refusals with a code through and gives every other error one.
func unavailable(err error) error {
	if fault.Of(err) != nil {
		return err
	}
	return ErrRevocationUnavailable.Because(err)
}

func reason(err error) string {
	if f := fault.Of(err); f != nil {
		return f.Code
	}
	return ErrRevocationUnavailable.Code
}
