package sqlite

import (
	"strings"
	"sync"

	"certlink/store/internal/engine"
)

// holders remembers which document holds a value of a unique index, so that a query for
// such a value asks the database no more often than a look-up by id.
//
// It is only a hint. What is answered is the document as the cache has it, if it has it
// and the value still stands there: the cache holds nothing older than what is stored
// (cache.go), so at that moment this document holds the value, and then no other does.
// Hence nobody need keep the hints in step with what is written.
type holders struct {
	mu sync.Mutex
	recent[held, string]
}

// held is a value of a unique index.
type held struct {
	c     *engine.Collection
	index int
	value string
}

// of is the id of the document that held the value when it was last asked for; "" if
// that is not known.
func (h *holders) of(v held) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	id, _ := h.get(v)
	return id
}

// note remembers who holds the value; the id must be the document's own text.
func (h *holders) note(v held, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v.value = strings.Clone(v.value)
	h.put(v, id)
}

// noteAll remembers what unique values a document holds that has come into the cache.
func (h *holders) noteAll(e *entry) {
	if e == nil {
		return
	}
	for i, ix := range e.c.Indexes {
		if ix.Unique && e.values[i] != "" {
			h.note(held{e.c, i, e.values[i]}, e.id)
		}
	}
}
