package seal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"certlink/store"
)

// StaleIndex is the index, of collections that hold sealed things, by which those are
// found that are sealed with another key than the present one.
const StaleIndex = "sealed"

// Places calls visit with each sealed text of a document, empty ones too, and with
// what it is sealed for.
type Places[T any] func(doc *T, visit func(Purpose, *string) error) error

// Keys is the value of StaleIndex: the names of the keys that a document needs.
func (p Places[T]) Keys(doc *T) string {
	var names []string
	_ = p(doc, func(_ Purpose, text *string) error {
		if name := KeyOf(*text); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return strings.Join(names, ",")
}

// Stock is all that is sealed in one collection.
type Stock struct {
	Collection string
	// Reseal seals with the present key whatever is sealed with another one, and counts
	// the documents. Those that no key here opens stay as they are and are an error at
	// the end. It may be broken off, repeated, and run on two servers at once.
	Reseal func(context.Context) (int, error)
}

// StockOf makes the stock of a collection.
func StockOf[T any](r *Ring, docs store.Record[T], places Places[T]) Stock {
	one := func(doc *T) error {
		fresh := true
		err := places(doc, func(p Purpose, text *string) error {
			if *text == "" || KeyOf(*text) == r.Key() {
				return nil
			}
			plain, err := r.Open(p, *text)
			if err == nil {
				*text, fresh = r.Seal(p, plain), false
			}
			return err
		})
		if err == nil && fresh {
			err = store.ErrUnchanged
		}
		return err
	}
	return Stock{docs.Collection, func(ctx context.Context) (done int, failed error) {
		closed := 0
		for _, q := range []store.Query{{Below: r.Key()}, {From: r.Key() + "\x00"}} {
			q.Index, q.Limit = StaleIndex, 100
			err := docs.Walk(ctx, q, func(doc *T) error {
				switch _, err := docs.Update(ctx, docs.ID(doc), one); {
				case errors.Is(err, ErrSealed):
					closed++
				case errors.Is(err, store.ErrNotFound):
				case err != nil:
					return err
				default:
					done++
				}
				return nil
			})
			if err != nil {
				return done, err
			}
		}
		if closed > 0 {
			failed = fmt.Errorf("%w: %d documents of %s; put the key back that they were sealed with", ErrSealed, closed, docs.Collection)
		}
		return done, failed
	}}
}
