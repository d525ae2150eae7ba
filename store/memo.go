package store

import (
	"bytes"
	"sync"
)

// Memo remembers what stored bodies mean, so that a document that is read many
// times in its life is decoded once. It maps bytes to the value that they decode
// to, which never changes, so it can be neither stale nor wrong: the engine is
// still asked for every read, and what it answers is compared byte for byte.
//
// It is bounded by two generations: when the young one is full it becomes the old
// one, and what the old one held is forgotten unless it was asked for meanwhile.
type Memo[T any] struct {
	clone   func(*T) *T
	limit   int // bytes of bodies in one generation
	written bool

	mu         sync.Mutex
	young, old map[string]meaning[T]
	bytes      int // of the young one
}

type meaning[T any] struct {
	body  []byte
	value *T // never handed out, only its clones
}

// NewMemo keeps at most about twice limit bytes of bodies, and their values. clone
// must copy everything that anybody changes in place in a value.
func NewMemo[T any](limit int, clone func(*T) *T) *Memo[T] {
	return &Memo[T]{clone: clone, limit: limit, young: map[string]meaning[T]{}}
}

// Written has values remembered when they are written, too. It is for a T of
// which nothing is lost when it is encoded and decoded.
func (m *Memo[T]) Written() *Memo[T] {
	m.written = true
	return m
}

// get returns a value of the caller's own, or nil.
func (m *Memo[T]) get(id string, body []byte) *T {
	m.mu.Lock()
	e, ok := m.young[id]
	if !ok {
		if e, ok = m.old[id]; ok && bytes.Equal(e.body, body) {
			m.add(id, e)
		}
	}
	m.mu.Unlock()
	if !ok || !bytes.Equal(e.body, body) {
		return nil
	}
	return m.clone(e.value)
}

// put remembers that body decodes to v, of which it keeps a clone. body must not
// be changed afterwards.
func (m *Memo[T]) put(id string, body []byte, v *T) {
	if len(body) > m.limit/8 {
		return // one large document is not worth many small ones
	}
	e := meaning[T]{body, m.clone(v)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(id, e)
}

func (m *Memo[T]) add(id string, e meaning[T]) {
	m.bytes += len(e.body) - len(m.young[id].body)
	m.young[id] = e
	if m.bytes > m.limit {
		m.young, m.old, m.bytes = map[string]meaning[T]{}, m.young, 0
	}
}
