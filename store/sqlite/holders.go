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
//
// They are bounded by two generations: when the young one is full it becomes the old
// one, and what the old one held is forgotten unless it was asked for meanwhile.
type holders struct {
	mu         sync.Mutex
	young, old map[held]string
}

// held is a value of a unique index.
type held struct {
	c     *engine.Collection
	index int
	value string
}

// holdersLimit is the most hints of one generation.
const holdersLimit = 1 << 15

// of is the id of the document that held the value when it was last asked for; "" if
// that is not known.
func (h *holders) of(v held) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	id, young := h.young[v]
	if !young {
		if id = h.old[v]; id != "" {
			h.put(v, id)
		}
	}
	return id
}

// note remembers who holds the value; the id must be the document's own text.
func (h *holders) note(v held, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
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

func (h *holders) put(v held, id string) {
	if len(h.young) >= holdersLimit {
		h.young, h.old = nil, h.young
	}
	if h.young == nil {
		h.young = map[held]string{}
	}
	v.value = strings.Clone(v.value)
	h.young[v] = id
}
