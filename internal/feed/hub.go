// Package feed tells waiters inside this process that a document changed,
// whichever server changed it.
package feed

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"certlink/store"
)

// Hub passes changes on. A write of this process is told at once by Tell; the
// writes of others come from the store's feed, which Run polls.
type Hub struct {
	store store.Store
	mu    sync.Mutex
	subs  map[topic]map[*Sub]struct{}
}

type topic struct{ collection, id string }

// Sub is one waiter.
type Sub struct {
	// C holds at most one entry: several changes collapse into one. The entry
	// is the changed value where this process made the change, else nil: then,
	// and after any doubt, read the document.
	C   chan any
	hub *Hub
	key topic
}

// NewHub makes a hub on the store's feed.
func NewHub(s store.Store) *Hub {
	return &Hub{store: s, subs: map[topic]map[*Sub]struct{}{}}
}

// Subscribe begins to wait for changes of one document. Read the document
// after subscribing, or a change in between is missed.
func (h *Hub) Subscribe(collection, id string) *Sub {
	s := &Sub{C: make(chan any, 1), hub: h, key: topic{collection, id}}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs[s.key] == nil {
		h.subs[s.key] = map[*Sub]struct{}{}
	}
	h.subs[s.key][s] = struct{}{}
	return s
}

// Close ends the waiting.
func (s *Sub) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	delete(s.hub.subs[s.key], s)
	if len(s.hub.subs[s.key]) == 0 {
		delete(s.hub.subs, s.key)
	}
}

// Tell wakes the waiters for one document. value is shared between them and
// must not be changed afterwards.
func (h *Hub) Tell(collection, id string, value any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs[topic{collection, id}] {
		select {
		case s.C <- value:
		default:
			// A waiter that has not yet taken the last one gets the newest instead.
			select {
			case <-s.C:
			default:
			}
			s.C <- value // room is certain: only Tell sends, and it holds the lock
		}
	}
}

// Poll is how often the feed is read: half the store's promise, so that a
// browser on another server hears within a second with room to spare.
const Poll = 120 * time.Millisecond

// Run passes other servers' changes on until ctx ends. It never gives up: while the
// store is away it tries again, and waiters fall back on reading at their
// heartbeat.
func (h *Hub) Run(ctx context.Context) {
	var at store.Cursor
	tick := time.NewTicker(Poll)
	defer tick.Stop()
	failing := false
	for {
		changes, next, err := h.store.Changes(ctx, at, store.MaxLimit)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				slog.Warn("the event feed cannot be read; trying again", "err", err)
			}
			failing = true
		default:
			failing = false
			at = next
			for _, c := range changes {
				h.Tell(c.Collection, c.ID, nil)
			}
			if len(changes) == store.MaxLimit {
				continue // there is more
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
