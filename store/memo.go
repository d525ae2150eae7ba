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
	body   []byte
	value  *T  // never handed out, only its clones
	misses int // how often another body was asked for
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
	e, young := m.young[id]
	if !young {
		e = m.old[id]
	}
	same := e.value != nil && bytes.Equal(e.body, body)
	switch {
	case same && !young:
		m.add(id, e)
	case young && !same:
		e.misses++
		m.young[id] = e
	}
	m.mu.Unlock()
	if !same {
		return nil
	}
	return m.clone(e.value)
}

// put remembers that body decodes to v, of which it keeps a clone. body must not
// be changed afterwards. What was read does not push out what is being written, unless
// that is asked for in vain a second time.
func (m *Memo[T]) put(id string, body []byte, v *T, read bool) {
	if len(body) > m.limit/8 {
		return // one large document is not worth many small ones
	}
	e := meaning[T]{body: body, value: m.clone(v)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if has := m.young[id]; m.written && read && has.value != nil && has.misses < 2 {
		return
	}
	m.add(id, e)
}

func (m *Memo[T]) add(id string, e meaning[T]) {
	m.bytes += len(e.body) - len(m.young[id].body)
	m.young[id] = e
	if m.bytes > m.limit {
		m.young, m.old, m.bytes = map[string]meaning[T]{}, m.young, 0
	}
}
