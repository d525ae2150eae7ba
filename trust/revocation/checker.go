// Package revocation asks authorities whether certificates are revoked: by OCSP and by
// revocation list, for RSA, ECDSA and SM2 alike.
//
// What it learns is kept as long as the authority says it counts. What it cannot
// learn is an error with a code, never a yes; whether that stops anybody is the
// provider's policy (package trust). Sources are other people's machines: every answer
// is bounded in size and time, and none is believed unsigned.
package revocation

import (
	"context"
	"net/netip"
	"net/url"
	"time"

	"golang.org/x/sync/singleflight"

	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/trust"
	"certlink/trust/internal/lru"
)

// retry is when to come back: after the pause that is made after a failure.
const retry = 5 * time.Second

// What can be wrong with a revocation list. All of them mean that nothing was learned.
var (
	ErrCRLMalformed = fault.New(fault.Unavailable, "crl_malformed",
		"颁发机构的证书吊销列表（CRL）无法读取或不适用，为安全起见操作未执行。请稍后重试。",
		"The authority's revocation list (CRL) cannot be read or does not apply, so for safety nothing was done. Try again a little later.").After(retry)
	ErrCRLTooLarge = fault.New(fault.Unavailable, "crl_too_large",
		"颁发机构的证书吊销列表（CRL）超过允许的大小，未予读取，操作未执行。请联系平台运营人员调整上限。",
		"The authority's revocation list (CRL) is larger than allowed and was not read, so nothing was done. Ask the operator to raise the limit.").After(retry)
	ErrCRLSignature = fault.New(fault.Unavailable, "crl_signature_invalid",
		"颁发机构的证书吊销列表（CRL）签名无效，未被采信，操作未执行。请稍后重试；若持续出现，请联系平台运营人员。",
		"The authority's revocation list (CRL) is not validly signed, so it was not believed and nothing was done. Try again; if it goes on, tell the operator.").After(retry)
	ErrCRLStale = fault.New(fault.Unavailable, "crl_stale",
		"颁发机构的证书吊销列表（CRL）已过时，未被采信，操作未执行。请稍后重试。",
		"The authority's revocation list (CRL) is out of date, so it was not believed and nothing was done. Try again a little later.").After(retry)
)

// Source says where to ask about an issuer's certificates.
type Source struct {
	OCSP []string `json:"ocsp,omitempty"`
	CRL  []string `json:"crl,omitempty"`
}

// Options bound what a Checker does. The zero value of each is a sensible figure.
type Options struct {
	Clock clock.Clock
	// Timeout bounds one fetch, from the first packet to the last. 4 s.
	Timeout time.Duration
	// MaxCRL is the largest revocation list that is read, in bytes. 16 MiB.
	MaxCRL int64
	// MaxAge is after how long the authority is asked again though its last answer still
	// counts, so that a revocation is noticed in time. 15 minutes.
	MaxAge time.Duration
	// Skew is how far the authority's clock may be off. 5 minutes.
	Skew time.Duration
	// Pause is how long a source that did not answer is left alone. 5 s.
	Pause time.Duration
	// RequireNonce refuses OCSP answers without our nonce. Many responders sign their
	// answers in advance and cannot have one.
	RequireNonce bool
	// Sources replaces, by the fingerprint of the issuer, the addresses that stand in the
	// certificates.
	Sources map[string]Source
	// Allow opens addresses that are otherwise never connected to: this machine, private
	// and link-local networks and other special ranges.
	Allow []netip.Prefix
}

const (
	maxAnswers = 16384 // OCSP answers kept, about 3 kB each
	maxLists   = 24    // revocation lists kept, each of MaxCRL at most
	maxFetches = 32    // at the same time
	maxSources = 3     // addresses tried of each kind
)

// Checker asks and remembers. It is safe for concurrent use and implements
// trust.Revocation.
type Checker struct {
	o       Options
	fetch   *fetcher
	flight  singleflight.Group
	answers *lru.Cache[answerKey, *answer]
	lists   *lru.Cache[listKey, *list]
	failed  *lru.Cache[string, failure] // by flight
}

// New makes a Checker.
func New(o Options) *Checker {
	if o.Clock == nil {
		o.Clock = clock.System
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&o.Timeout, 4 * time.Second}, {&o.MaxAge, 15 * time.Minute}, {&o.Skew, 5 * time.Minute}, {&o.Pause, 5 * time.Second}} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	if o.MaxCRL <= 0 {
		o.MaxCRL = 16 << 20
	}
	return &Checker{o: o, fetch: newFetcher(o), answers: lru.New[answerKey, *answer](maxAnswers),
		lists: lru.New[listKey, *list](maxLists), failed: lru.New[string, failure](1024)}
}

// Status implements trust.Revocation: OCSP first, then the lists. The first source
// that knows decides; if none does, the first one's error is returned.
func (c *Checker) Status(ctx context.Context, leaf, issuer *trust.Certificate, now time.Time) (trust.Proof, error) {
	source := c.source(leaf, issuer)
	var first error
	for _, ask := range []struct {
		addresses []string
		status    func(context.Context, string, *trust.Certificate, *trust.Certificate, time.Time) (trust.Proof, error)
	}{{source.OCSP, c.ocspStatus}, {source.CRL, c.crlStatus}} {
		for _, address := range ask.addresses {
			proof, err := ask.status(ctx, address, leaf, issuer, now)
			if err == nil {
				return proof, nil
			}
			if f := fault.Of(err); f != nil && f.Is(trust.ErrRevoked) {
				return trust.Proof{}, err
			}
			if first == nil {
				first = err
			}
			if ctx.Err() != nil {
				return trust.Proof{}, trust.ErrRevocationUnavailable.Because(ctx.Err())
			}
		}
	}
	if first == nil {
		first = trust.ErrRevocationUnavailable.Becausef("neither the certificate nor the settings name a source over HTTP")
	}
	return trust.Proof{}, first
}

func (c *Checker) source(leaf, issuer *trust.Certificate) Source {
	if s, ok := c.o.Sources[issuer.Fingerprint()]; ok {
		return s
	}
	return Source{OCSP: overHTTP(leaf.X.OCSPServer), CRL: overHTTP(leaf.X.CRLDistributionPoints)}
}

// overHTTP picks the addresses that can be asked; many authorities name LDAP as well.
func overHTTP(addresses []string) []string {
	var out []string
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && len(out) < maxSources {
			out = append(out, a)
		}
	}
	return out
}

// freshness is how an answer in hand may be used.
type freshness int

const (
	useless freshness = iota // it no longer counts
	last                     // it counts, but only if nothing newer can be had
	ageing                   // it counts; ask again, without anybody waiting for it
	fresh
)

// freshness of something that counts until next and was fetched at fetched.
func (c *Checker) freshness(now, fetched, next time.Time) freshness {
	age := now.Sub(fetched)
	switch {
	case now.After(next) || age < -c.o.Skew:
		return useless
	case age > 2*c.o.MaxAge:
		return last
	case age > c.o.MaxAge:
		return ageing
	}
	return fresh
}

// once runs get for all who want the same thing at the same time, on its own time: a
// caller that gives up does not take the answer from the others, and none waits longer
// than its own ctx.
func (c *Checker) once(ctx context.Context, key string, get func(context.Context) (any, error)) (any, error) {
	select {
	case r := <-c.start(key, get):
		return r.Val, r.Err
	case <-ctx.Done():
		return nil, trust.ErrRevocationUnavailable.Because(ctx.Err())
	}
}

// start runs get unless it is running already. What came to nothing is not tried again
// for a while: a source whose list is too large or wrongly signed must not be
// downloaded anew for each request.
func (c *Checker) start(key string, get func(context.Context) (any, error)) <-chan singleflight.Result {
	return c.flight.DoChan(key, func() (any, error) {
		if old, ok := c.failed.Get(key); ok && c.o.Clock().Before(old.until) {
			return nil, old.err
		}
		ctx, cancel := context.WithTimeout(context.Background(), c.o.Timeout)
		defer cancel()
		got, err := get(ctx)
		if err != nil {
			c.failed.Put(key, failure{c.o.Clock().Add(c.o.Pause), err})
			return nil, err
		}
		c.failed.Drop(key)
		return got, nil
	})
}
