package renewal

import (
	"context"

	"certlink/store"
)

// unextendedPage bounds one page of Unextended.
const unextendedPage = 200

// Unextended lists what is paid for and not extended, because the holder has not yet
// said so: what people are reminded of until it is done.
func (v *Service) Unextended(ctx context.Context, after store.Cursor) ([]*Renewal, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "work", Prefix: store.KeyPrefix(string(Extension)), After: after, Limit: unextendedPage})
}
