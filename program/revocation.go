package program

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"certlink/internal/clock"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/revocation"
)

// revocation is how confirmations learn whether certificates are revoked: those
// of the built-in authority from our own records, others from their authorities.
func (p *Program) revocation(c *mobilecert.Certificates) trust.Revocation {
	others := revocation.New(revocation.Options{Clock: p.Clock, Allow: prefixes(p.Settings.RevocationPrivate)})
	if p.Authority == nil {
		return others
	}
	own := records{c, p.Authority}
	return p.Authority.Revocation(func(ctx context.Context, line authority.Line, serial string) (authority.State, error) {
		s, err := own.state(ctx, line, serial)
		if err == nil && !s.Known && p.siteSandbox != nil {
			s.Known, err = p.siteSandbox.Issued(ctx, serial)
		}
		return s, err
	}, others)
}

// records answers for the certificates of the built-in authority.
type records struct {
	certificates *mobilecert.Certificates
	authority    *authority.Authority
}

// state is the authority's Lookup.
func (r records) state(ctx context.Context, line authority.Line, serial string) (authority.State, error) {
	found, err := r.certificates.Recorded(ctx, serial)
	if err != nil || found == nil || found.Issuer != mobilecert.IssuerID(r.authority.Issuer(line).Raw) {
		return authority.State{}, err
	}
	return authority.State{Known: true, Revoked: found.Revoked, At: found.At, Reason: found.Reason.Code()}, nil
}

// The terms of a revocation list. It is made anew when a certificate has been
// revoked, and otherwise long before it stops counting, so that an outage of ours
// leaves its readers with a list that counts.
const (
	listTerm  = 24 * time.Hour
	listRenew = 6 * time.Hour
	// listLate is how long a revocation may take to be seen by another server, and
	// by how much their clocks may differ, with room.
	listLate = time.Minute
	// listKeep is how long an expired certificate stays on the list (RFC 5280 §3.3
	// asks for one list beyond its term).
	listKeep = 2 * listTerm
)

// revocationLists holds the published list of each line, the same for all
// servers, so that its number rises whoever makes the next.
var revocationLists = store.Collection{Name: "revocation_lists"}

// list is a published revocation list.
type list struct {
	Line       authority.Line `json:"line"`
	Number     uint64         `json:"number"`
	ThisUpdate time.Time      `json:"this_update"`
	// Late are the serial numbers revoked in the last moments before ThisUpdate and
	// since, as far as they were seen; another is a reason for a new list.
	Late []string `json:"late"`
	DER  []byte   `json:"der"`
}

type listPublisher struct {
	records
	store store.Store
	clock clock.Clock
}

// get is the list that counts now, made if need be. Of two servers that make one
// at the same time one wins, and both publish that.
func (v *listPublisher) get(ctx context.Context, line authority.Line) ([]byte, error) {
	docs := store.Record[list]{Store: v.store, Collection: revocationLists.Name, ID: func(l *list) string { return string(l.Line) }}
	for range 8 {
		old, rev, err := docs.Get(ctx, string(line))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		now := v.clock().UTC().Truncate(time.Second)
		if err == nil {
			late, err := v.revoked(ctx, line, old.ThisUpdate.Add(-listLate))
			if err != nil {
				return nil, err
			}
			age := now.Sub(old.ThisUpdate)
			if age < listRenew && age > -listLate && slices.Equal(serials(late), old.Late) {
				return old.DER, nil
			}
			// A list never says that it is older than the one before.
			if now.Before(old.ThisUpdate) {
				now = old.ThisUpdate
			}
		}
		next, err := v.make(ctx, line, old, now)
		if err != nil {
			return nil, err
		}
		if rev == 0 {
			err = docs.Create(ctx, next)
		} else {
			err = docs.Replace(ctx, next, rev)
		}
		if err == nil {
			return next.DER, nil
		}
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: the revocation list is being made by others", store.ErrUnavailable)
}

func (v *listPublisher) make(ctx context.Context, line authority.Line, old *list, now time.Time) (*list, error) {
	next := &list{Line: line, Number: 1, ThisUpdate: now}
	if old != nil {
		next.Number = old.Number + 1
	}
	// The late ones first: what is revoked while the others are read makes the next list.
	late, err := v.revoked(ctx, line, now.Add(-listLate))
	if err != nil {
		return nil, err
	}
	next.Late = serials(late)
	all, err := v.revoked(ctx, line, time.Time{})
	if err != nil {
		return nil, err
	}
	var entries []authority.Revoked
	for _, r := range all {
		if now.Before(r.NotAfter.Add(listKeep)) {
			entries = append(entries, authority.Revoked{Serial: r.Serial, At: r.At, Reason: r.Reason.Code()})
		}
	}
	next.DER, err = v.authority.CRL(ctx, line, entries, next.Number, now, now.Add(listTerm))
	return next, err
}

func (v *listPublisher) revoked(ctx context.Context, line authority.Line, from time.Time) (out []*mobilecert.Record, err error) {
	issuer := mobilecert.IssuerID(v.authority.Issuer(line).Raw)
	err = v.certificates.EachRevoked(ctx, from, func(r *mobilecert.Record) {
		if r.Issuer == issuer {
			out = append(out, r)
		}
	})
	return out, err
}

func serials(list []*mobilecert.Record) []string {
	out := []string{}
	for _, r := range list {
		out = append(out, r.Serial)
	}
	return out
}
