// Package retain says how long personal data is kept.
package retain

import (
	"context"
	"errors"
	"time"

	"certlink/store"
)

// Index is the index, of collections that hold personal data, whose value is when a
// document began to wait for being erased; see Finished and Idle.
const Index = "erase"

// Terms are the times of an installation; zero keeps for ever.
type Terms struct {
	// Finished counts from the end of a matter: a certificate's term, an invoice.
	Finished time.Duration
	// Idle counts from when somebody last did something about what was never finished.
	Idle time.Duration
}

// Finished and Idle are values of Index.
func Finished(since time.Time) string { return store.Key("finished", store.TimeKey(since)) }
func Idle(since time.Time) string     { return store.Key("idle", store.TimeKey(since)) }

// Each hands all documents that are due to erase. One that cannot be erased keeps the
// others from nothing.
func Each[T any](ctx context.Context, docs store.Record[T], terms Terms, now time.Time, erase func(*T) error) error {
	var failed error
	for _, q := range terms.due(now) {
		err := docs.Walk(ctx, q, func(v *T) error {
			failed = errors.Join(failed, erase(v))
			return ctx.Err()
		})
		if err != nil {
			return errors.Join(failed, err)
		}
	}
	return failed
}

// due are the queries that find what is due.
func (t Terms) due(now time.Time) (due []store.Query) {
	for kind, term := range map[string]time.Duration{"finished": t.Finished, "idle": t.Idle} {
		if term > 0 {
			due = append(due, store.Query{Index: Index, Prefix: store.KeyPrefix(kind), Below: store.Key(kind, store.TimeKey(now.Add(-term))), Limit: 100})
		}
	}
	return due
}
