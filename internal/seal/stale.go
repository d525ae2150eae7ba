package seal

import (
	"context"

	"certlink/store"
)

// StaleIndex is the index, of collections that hold sealed things, whose value is
// KeyOf what a document holds.
const StaleIndex = "key"

// Stale calls reseal with documents that are sealed with another key than the
// present one, a page of each side at a time. Called again and again it finds them
// all, also those that a server that still had the old keys wrote meanwhile.
func Stale(ctx context.Context, s store.Store, collection string, r *Ring, reseal func(id string) error) error {
	for _, q := range []store.Query{{Below: r.Key()}, {From: r.Key() + "\x00"}} {
		q.Index, q.Limit = StaleIndex, 100
		docs, _, err := s.Query(ctx, collection, q)
		if err != nil {
			return err
		}
		for _, d := range docs {
			if err := reseal(d.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
