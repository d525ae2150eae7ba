package trust

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/internal/fault"
	"certlink/trust/internal/signed"
)

const (
	maxChain       = 8  // certificates from leaf to root
	maxSupplied    = 6  // intermediates that a signer may send along
	maxSignatures  = 32 // signatures checked while looking for chains
	maxChainsFound = 4  // cross-certification gives more than one; four are plenty
)

// path is a chain that holds apart from the time and revocation, which are checked
// anew at each use.
type path struct {
	certs []*Certificate // leaf first, root last
}

// find returns the chains from leaf to the pool's roots. Only success is remembered:
// what a stranger sends in vain takes no room.
func (p *Pool) find(leaf *Certificate, supplied []*Certificate) ([]*path, error) {
	if found, ok := p.paths.Get(leaf.sum); ok {
		return found, nil
	}
	s := search{pool: p, supplied: supplied, refusal: errNoIssuer}
	if leaf.SelfIssued() && !p.Contains(leaf) {
		s.refusal = ErrUntrusted.Becausef("self-signed")
	}
	s.extend([]*Certificate{leaf})
	if len(s.found) == 0 {
		return nil, s.refusal
	}
	p.paths.Put(leaf.sum, s.found)
	return s.found, nil
}

var errNoIssuer = ErrUntrusted.Becausef("no issuer in the pool")

type search struct {
	pool       *Pool
	supplied   []*Certificate
	signatures int
	found      []*path
	refusal    *fault.Error
	rank       int
}

// refuse keeps the refusal that says most: one that came up nearer to a root.
func (s *search) refuse(rank int, err *fault.Error) {
	if rank >= s.rank {
		s.rank, s.refusal = rank, err
	}
}

func (s *search) extend(chain []*Certificate) {
	last := chain[len(chain)-1]
	if s.pool.roots[last.sum] {
		if err := wholeChain(chain); err != nil {
			s.refuse(3, err)
			return
		}
		s.found = append(s.found, &path{certs: slices.Clone(chain)})
		return
	}
	if len(chain) >= maxChain {
		return
	}
	for _, parent := range s.parents(last) {
		if len(s.found) >= maxChainsFound || s.signatures >= maxSignatures || inChain(parent, chain) {
			continue
		}
		if !mayIssue(parent) {
			s.refuse(1, ErrUntrusted.Becausef("%s is no authority", parent.Subject()))
			continue
		}
		if max := parent.X.MaxPathLen; parent.X.BasicConstraintsValid && max >= 0 && below(chain) > max {
			s.refuse(2, ErrUntrusted.Becausef("path is longer than %s allows", parent.Subject()))
			continue
		}
		if authorityKey(parent.X.PublicKey) != nil {
			s.refuse(2, ErrWeak.Becausef("key of %s", parent.Subject()))
			continue
		}
		s.signatures++
		if err := last.IssuedBy(parent); err != nil {
			if errors.Is(err, signed.ErrWeak) || errors.Is(err, signed.ErrUnknown) {
				s.refuse(2, ErrWeak.Because(err))
			} else {
				s.refuse(1, ErrUntrusted.Because(err))
			}
			continue
		}
		if len(parent.X.UnhandledCriticalExtensions) > 0 {
			s.refuse(2, ErrCritical.Becausef("in %s", parent.Subject()))
			continue
		}
		s.extend(append(chain[:len(chain):len(chain)], parent))
	}
}

// parents lists who may have issued c, by name; the provider's own certificates come
// first, so that what the signer sent is used only where it is needed.
func (s *search) parents(c *Certificate) []*Certificate {
	var out []*Certificate
	for _, own := range s.pool.bySubject[string(c.X.RawIssuer)] {
		if keyIDFits(c, own) {
			out = append(out, own)
		}
	}
	for _, sent := range s.supplied {
		if bytes.Equal(sent.X.RawSubject, c.X.RawIssuer) && keyIDFits(c, sent) && !s.pool.Contains(sent) {
			out = append(out, sent)
		}
	}
	return out
}

func keyIDFits(c, parent *Certificate) bool {
	a, s := c.X.AuthorityKeyId, parent.X.SubjectKeyId
	return len(a) == 0 || len(s) == 0 || bytes.Equal(a, s)
}

// mayIssue: RFC 5280 §4.2.1.9 and §4.2.1.3; a version 1 root has no extensions and is
// an authority by the operator's word.
func mayIssue(c *Certificate) bool {
	if c.X.Version == 1 {
		return c.SelfIssued()
	}
	return c.X.BasicConstraintsValid && c.X.IsCA &&
		(!c.hasExtension(oidKeyUsage) || c.X.KeyUsage&smx509.KeyUsageCertSign != 0)
}

// below counts the intermediates under the next certificate; self-issued ones do not
// count (RFC 5280 §4.2.1.9).
func below(chain []*Certificate) int {
	n := 0
	for _, c := range chain[1:] {
		if !c.SelfIssued() {
			n++
		}
	}
	return n
}

// inChain prevents loops among cross-certificates.
func inChain(c *Certificate, chain []*Certificate) bool {
	for _, d := range chain {
		if c.sum == d.sum || (bytes.Equal(c.X.RawSubject, d.X.RawSubject) && c.PublicKeySHA256() == d.PublicKeySHA256()) {
			return true
		}
	}
	return false
}

// wholeChain applies what is rare, name constraints and policy limits, by the
// library's verifier, at a moment when all of the chain is within its term.
func wholeChain(chain []*Certificate) *fault.Error {
	limited := false
	for _, c := range chain[1:] {
		limited = limited || c.hasExtension(oidNameConstraints) || c.hasExtension(oidPolicyLimits) || c.hasExtension(oidInhibitPolicy)
	}
	if !limited {
		return nil
	}
	var from, until time.Time
	roots, between := smx509.NewCertPool(), smx509.NewCertPool()
	for i, c := range chain {
		if c.X.NotBefore.After(from) {
			from = c.X.NotBefore
		}
		if until.IsZero() || c.X.NotAfter.Before(until) {
			until = c.X.NotAfter
		}
		switch {
		case i == len(chain)-1:
			roots.AddCert(c.X)
		case i > 0:
			between.AddCert(c.X)
		}
	}
	if from.After(until) {
		return ErrUntrusted.Becausef("the terms of the chain never overlap")
	}
	_, err := chain[0].X.Verify(smx509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: from,
		KeyUsages: []smx509.ExtKeyUsage{smx509.ExtKeyUsageAny}})
	if err != nil {
		return ErrUntrusted.Because(err)
	}
	return nil
}
