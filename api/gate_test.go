package api_test

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"certlink/store"
)

// gate is a store whose writes to one collection can be held up, or which can be
// told to fail.
type gate struct {
	store.Store
	collection string

	mu      sync.Mutex
	cond    *sync.Cond
	held    bool // writes wait, but for those let through
	through int
	waiting int

	fails atomic.Pointer[error]
	ping  atomic.Pointer[error]
}

// gated hands out the gate that it puts before the engine.
func gated(to **gate, collection string) func(store.Store) store.Store {
	return func(s store.Store) store.Store {
		g := &gate{Store: s, collection: collection}
		g.cond = sync.NewCond(&g.mu)
		*to = g
		return g
	}
}

// hold makes writes wait from now on.
func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = true
}

// letThrough lets the next write pass; those that wait already go on waiting.
func (g *gate) letThrough() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.through++
}

func (g *gate) waitFor(n int) {
	for range 4000 {
		g.mu.Lock()
		waiting := g.waiting
		g.mu.Unlock()
		if waiting >= n {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = false
	g.cond.Broadcast()
}

func (g *gate) fail(err error) {
	if err == nil {
		g.fails.Store(nil)
		return
	}
	g.fails.Store(&err)
}

func (g *gate) error() error {
	if e := g.fails.Load(); e != nil {
		return *e
	}
	return nil
}

func (g *gate) Replace(ctx context.Context, collection string, d store.Doc) error {
	if err := g.error(); err != nil {
		return err
	}
	if collection != g.collection {
		return g.Store.Replace(ctx, collection, d)
	}
	g.mu.Lock()
	if g.held && g.through > 0 {
		g.through--
	} else {
		for g.held {
			g.waiting++
			g.cond.Wait()
			g.waiting--
		}
	}
	g.mu.Unlock()
	return g.Store.Replace(ctx, collection, d)
}

func (g *gate) Create(ctx context.Context, collection string, d store.Doc) error {
	if err := g.error(); err != nil {
		return err
	}
	return g.Store.Create(ctx, collection, d)
}

func (g *gate) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	if err := g.error(); err != nil {
		return store.Doc{}, err
	}
	return g.Store.Get(ctx, collection, id)
}

func (g *gate) Query(ctx context.Context, collection string, q store.Query) ([]store.Doc, store.Cursor, error) {
	if err := g.error(); err != nil {
		return nil, "", err
	}
	return g.Store.Query(ctx, collection, q)
}

func (g *gate) Ping(ctx context.Context) error {
	if err := g.error(); err != nil {
		return err
	}
	return g.Store.Ping(ctx)
}
