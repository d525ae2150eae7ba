package renewal

import (
	"context"

	"certlink/mobilecert"
	"certlink/store"
)

// awaited is since when a reviewer could hand in a token's new certificate, "" where
// nobody could; also while its holder has not signed with it, since it may be the wrong
// one.
func (r *Renewal) awaited() string {
	if r.Certificate.Medium != mobilecert.UKey || r.PaidAt == nil || r.State != Extension && r.State != Extending && !r.unproved() {
		return ""
	}
	return store.Key(store.TimeKey(*r.PaidAt), r.ID)
}

// WaitingTokens lists the renewals of tokens that wait for a new certificate or for its
// holder's signature, longest first.
func (v *Service) WaitingTokens(ctx context.Context, after store.Cursor, limit int) ([]*Renewal, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "awaited", After: after, Limit: limit})
}
