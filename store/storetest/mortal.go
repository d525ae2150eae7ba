package storetest

import (
	"context"
	"fmt"
	"sync"

	"certlink/store"
)

// ErrKilled is what a Mortal answers from its death on.
var ErrKilled = fmt.Errorf("%w: killed", store.ErrUnavailable)

// Mortal is a store whose process dies at its nth write: just before it, or just
// after it, when the write is there and its answer is lost. From then on nothing
// works until a new process is started on the same data. Tests let it die at each
// write of an act, and see that the next process finishes the act once.
type Mortal struct {
	store.Store
	mu    sync.Mutex
	left  int
	after bool
	dead  bool
}

// NewMortal makes a store on s that dies at the nth write.
func NewMortal(s store.Store, n int, after bool) *Mortal {
	return &Mortal{Store: s, left: n, after: after}
}

// Dead says whether it has come so far.
func (m *Mortal) Dead() bool { return m.alive() != nil }

func (m *Mortal) write(do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return ErrKilled
	}
	if m.left--; m.left > 0 {
		return do()
	}
	m.dead = true
	if m.after {
		if err := do(); err != nil {
			return err
		}
	}
	return ErrKilled
}

func (m *Mortal) alive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return ErrKilled
	}
	return nil
}

func (m *Mortal) Create(ctx context.Context, c string, d store.Doc) error {
	return m.write(func() error { return m.Store.Create(ctx, c, d) })
}

func (m *Mortal) Replace(ctx context.Context, c string, d store.Doc) error {
	return m.write(func() error { return m.Store.Replace(ctx, c, d) })
}

func (m *Mortal) Delete(ctx context.Context, c, id string, rev int64) error {
	return m.write(func() error { return m.Store.Delete(ctx, c, id, rev) })
}

func (m *Mortal) Get(ctx context.Context, c, id string) (store.Doc, error) {
	if err := m.alive(); err != nil {
		return store.Doc{}, err
	}
	return m.Store.Get(ctx, c, id)
}

func (m *Mortal) Query(ctx context.Context, c string, q store.Query) ([]store.Doc, store.Cursor, error) {
	if err := m.alive(); err != nil {
		return nil, "", err
	}
	return m.Store.Query(ctx, c, q)
}
