package mobiletest

import (
	"context"
	"fmt"
	"sync"

	"certlink/store"
)

var errKilled = fmt.Errorf("%w: killed", store.ErrUnavailable)

// Mortal is a store whose process dies at its nth write: just before it, or just
// after it, when the write is there and its answer is lost. From then on nothing
// works until a new process is started on the same data.
type Mortal struct {
	store.Store
	Left  int
	After bool

	mu   sync.Mutex
	dead bool
}

// Dead says whether it has happened.
func (m *Mortal) Dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

func (m *Mortal) write(do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errKilled
	}
	m.Left--
	if m.Left > 0 {
		return do()
	}
	m.dead = true
	if m.After {
		if err := do(); err != nil {
			return err
		}
	}
	return errKilled
}

// Create is store.Store's.
func (m *Mortal) Create(ctx context.Context, c string, d store.Doc) error {
	return m.write(func() error { return m.Store.Create(ctx, c, d) })
}

// Replace is store.Store's.
func (m *Mortal) Replace(ctx context.Context, c string, d store.Doc) error {
	return m.write(func() error { return m.Store.Replace(ctx, c, d) })
}

// Get is store.Store's.
func (m *Mortal) Get(ctx context.Context, c, id string) (store.Doc, error) {
	if m.Dead() {
		return store.Doc{}, errKilled
	}
	return m.Store.Get(ctx, c, id)
}

// Query is store.Store's.
func (m *Mortal) Query(ctx context.Context, c string, q store.Query) ([]store.Doc, store.Cursor, error) {
	if m.Dead() {
		return nil, "", errKilled
	}
	return m.Store.Query(ctx, c, q)
}
