package mobilecert

import (
	"context"
	"time"

	"certlink/store"
)

// expiringPage bounds one page of Expiring.
const expiringPage = 200

// Expiring lists the certificates in force whose term ends within so long, the next
// to end first.
func (v *Certificates) Expiring(ctx context.Context, now time.Time, within time.Duration, after store.Cursor) ([]*Certificate, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "expires", From: store.TimeKey(now), Below: store.TimeKey(now.Add(within)), After: after, Limit: expiringPage})
}

// Expiring lists the active bindings of certificates that were not issued here whose
// term ends within so long, the next to end first.
func (v *Bindings) Expiring(ctx context.Context, now time.Time, within time.Duration, after store.Cursor) ([]*Binding, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "expires", From: store.TimeKey(now), Below: store.TimeKey(now.Add(within)), After: after, Limit: expiringPage})
}
