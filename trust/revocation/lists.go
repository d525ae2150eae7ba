package revocation

import (
	"context"
	"encoding/pem"
	"errors"
	"time"

	"certlink/trust"
)

// listKey names a list by its address and who must have signed it.
type listKey struct{ address, issuer string }

// list is a revocation list that was believed.
type list struct {
	crl     *crl
	fetched time.Time
}

func (c *Checker) crlStatus(ctx context.Context, address string, leaf, issuer *trust.Certificate, now time.Time) (trust.Proof, error) {
	key := listKey{address, issuer.ContentID()}
	get := func(ctx context.Context) (any, error) { return c.fetchList(ctx, key, issuer, now) }
	flight := "crl " + key.issuer + " " + address

	held, ok := c.lists.Get(key)
	state := useless
	if ok {
		state = c.freshness(now, held.fetched, held.crl.nextUpdate)
	}
	switch state {
	case fresh:
		return held.proof(leaf, address, now)
	case ageing:
		c.start(flight, get) // nobody waits for it
		return held.proof(leaf, address, now)
	}
	got, err := c.once(ctx, flight, get)
	if err != nil {
		if state == last && ctx.Err() == nil {
			return held.proof(leaf, address, now)
		}
		return trust.Proof{}, err
	}
	return got.(*list).proof(leaf, address, now)
}

func (l *list) proof(leaf *trust.Certificate, address string, now time.Time) (trust.Proof, error) {
	if err := l.crl.covers(leaf, address); err != nil {
		return trust.Proof{}, err
	}
	if at, revoked := l.crl.revoked[string(leaf.X.SerialNumber.Bytes())]; revoked {
		return trust.Proof{}, trust.ErrRevoked.With("revoked_at", time.Unix(at, 0).UTC().Format(time.RFC3339))
	}
	return trust.Proof{Kind: trust.ProofCRL, Certificate: leaf.Fingerprint(), Source: address,
		ThisUpdate: l.crl.thisUpdate, NextUpdate: l.crl.nextUpdate, CheckedAt: now, DER: l.crl.raw}, nil
}

// fetchList fetches a list and believes it only if everything about it fits.
func (c *Checker) fetchList(ctx context.Context, key listKey, issuer *trust.Certificate, now time.Time) (*list, error) {
	data, err := c.fetch.get(ctx, key.address, "", nil, c.o.MaxCRL)
	if errors.Is(err, errTooLarge) {
		return nil, ErrCRLTooLarge.With("bytes_most", c.o.MaxCRL)
	} else if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(data); block != nil && block.Type == "X509 CRL" {
		data = block.Bytes
	}
	got, err := parseCRL(data)
	if err != nil {
		return nil, err
	}
	if err := got.signedBy(issuer); err != nil {
		return nil, err
	}
	if got.thisUpdate.After(now.Add(c.o.Skew)) || now.After(got.nextUpdate.Add(c.o.Skew)) {
		return nil, ErrCRLStale.Becausef("counts from %s to %s", got.thisUpdate, got.nextUpdate)
	}
	l := &list{crl: got, fetched: now}
	// A mirror that is behind, or an attacker with an old copy, must not take back what is
	// known already.
	if held, ok := c.lists.Get(key); ok && held.crl.thisUpdate.After(got.thisUpdate) && !now.After(held.crl.nextUpdate) {
		l = &list{crl: held.crl, fetched: now}
	}
	c.lists.Put(key, l)
	return l, nil
}
