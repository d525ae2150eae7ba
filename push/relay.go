// Package push carries out what follows from changes: the relay moves effects
// out of the documents that owe them into records of their own, and the outbox
// delivers those that leave the house.
package push

import (
	"context"
	"errors"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/store"
)

// Handler carries out one kind of effect. It must be idempotent by the effect's
// id and must only write to the store: whatever talks to the outside goes
// through the outbox, so that one slow receiver holds up nothing else.
type Handler func(ctx context.Context, e effect.Effect) error

// Relay empties the pending effects of documents.
type Relay struct {
	store       store.Store
	collections []string
	handlers    map[string]Handler
	// GivenUp is told of an effect that is refused for good, before it is struck from
	// its document: at least once. nil: it is only logged.
	GivenUp func(ctx context.Context, e effect.Effect, refusal error) error
}

// NewRelay serves the collections that declare effect.Index.
func NewRelay(s store.Store, schema []store.Collection, handlers map[string]Handler) *Relay {
	r := &Relay{store: s, handlers: handlers}
	for _, c := range schema {
		for _, ix := range c.Indexes {
			if ix.Name == effect.Index {
				r.collections = append(r.collections, c.Name)
			}
		}
	}
	return r
}

// relayWidth bounds the documents worked on at once: enough to fill a group
// commit, few enough to leave the store to those who wait for an answer.
const relayWidth = 32

// Run carries out everything that is owed now, and returns.
func (r *Relay) Run(ctx context.Context) error {
	var failed error
	for _, name := range r.collections {
		var at store.Cursor
		for {
			docs, next, err := r.store.Query(ctx, name, store.Query{Index: effect.Index, After: at, Limit: 256})
			if err != nil {
				return err
			}
			// Not one context for all: what fails in one document keeps the others from
			// nothing.
			var g errgroup.Group
			g.SetLimit(relayWidth)
			for _, d := range docs {
				g.Go(func() error { return r.carry(ctx, name, d) })
			}
			if err := g.Wait(); err != nil {
				failed = err
			}
			if next == "" || ctx.Err() != nil {
				break
			}
			at = next
		}
	}
	return failed
}

// carry does the effects of one document, then strikes them from it. A crash
// between the two repeats them, which the handlers bear.
func (r *Relay) carry(ctx context.Context, collection string, d store.Doc) error {
	pending, err := effect.Pending(d.Body)
	if err != nil {
		return err
	}
	done := map[string]bool{}
	var failed error
	for _, e := range pending {
		handle := r.handlers[e.Kind]
		if handle == nil {
			slog.Error("an effect of an unknown kind is left where it is", "kind", e.Kind, "collection", collection)
			continue
		}
		if failed = r.handle(ctx, handle, e); failed != nil {
			break // the next one may build on it
		}
		done[e.ID] = true
	}
	if len(done) == 0 {
		return failed
	}
	body, rest, err := effect.Strip(d.Body, pending, done)
	if err != nil {
		return err
	}
	index := make(map[string]string, len(d.Index))
	for k, v := range d.Index {
		index[k] = v
	}
	delete(index, effect.Index)
	if len(rest) > 0 {
		index[effect.Index] = store.TimeKey(rest[0].At)
	}
	err = r.store.Replace(ctx, collection, store.Doc{ID: d.ID, Rev: d.Rev, Body: body, Given: true, Index: index})
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		err = nil // the document has moved on; the next round strikes them
	}
	return errors.Join(failed, err)
}

// handle carries out one effect. What is refused for good is given up: it would
// stand in the way of all that is owed behind it.
func (r *Relay) handle(ctx context.Context, handle Handler, e effect.Effect) error {
	err := handle(ctx, e)
	if !confirm.Final(err) {
		return err
	}
	slog.Warn("an effect is refused for good and given up", "kind", e.Kind, "effect", e.ID, "err", err)
	if r.GivenUp == nil {
		return nil
	}
	return r.GivenUp(ctx, e, err)
}
