package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"certlink/store"
	"certlink/store/internal/engine"
)

const (
	// maxBatch is the most operations in one transaction.
	maxBatch = 128
	// logPages is how many pages may be written to the log before it is moved
	// into the file: 32 MiB. Pages written often are then moved once.
	logPages = 8192
	// idle is how often the feed is trimmed while nothing is written.
	idle = 30 * time.Second
)

type opKind int

const (
	opCreate opKind = iota
	opReplace
	opDelete
	opPing
	opCall
)

// op is one operation that waits for the writer. Everything in it is a copy,
// because a caller whose deadline passes goes on before the writer does.
type op struct {
	kind opKind
	entry
	call  func(*conn) error // opCall: runs alone, outside a transaction
	state atomic.Int32
	err   error
	done  chan struct{}
}

// The states of an op: the caller may leave only before the writer begins.
const (
	waiting int32 = iota
	begun
	left
)

// submit hands o to the writer and waits for its answer.
func (db *DB) submit(ctx context.Context, o *op) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return unavailable(ctx.Err())
	}
	o.done = make(chan struct{})
	if err := db.enqueue(o); err != nil {
		return err
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		if o.state.CompareAndSwap(waiting, left) {
			return unavailable(ctx.Err()) // it will not be done
		}
		return unavailable(fmt.Errorf("%w while the write was under way", ctx.Err()))
	}
}

func (db *DB) enqueue(o *op) error {
	db.closing.RLock()
	defer db.closing.RUnlock()
	if db.closed {
		return errClosed
	}
	select {
	case db.queue <- o:
		return nil
	default:
		return errFull
	}
}

// writer is the one goroutine that changes the file.
type writer struct {
	db *DB
	c  *conn
	// ended is closed when the queue is closed and drained.
	ended chan struct{}

	// touched holds the documents of the present transaction and their state
	// after it; the cache holds each of them in doubt.
	touched map[key]*entry
	changes []store.Change

	dirty bool // the present transaction has written something

	proven  time.Time // when something written was last committed
	logged  int       // pages in the log since the last checkpoint
	failing bool      // the last transaction failed, and that was logged
}

func newWriter(db *DB, c *conn) *writer {
	return &writer{db: db, c: c, ended: make(chan struct{}), touched: map[key]*entry{}}
}

func (w *writer) loop() {
	defer close(w.ended)
	tick := time.NewTicker(idle)
	defer tick.Stop()
	batch := make([]*op, 0, maxBatch)
	for {
		select {
		case o, open := <-w.db.queue:
			if !open {
				return
			}
			batch = w.fill(append(batch[:0], o))
			w.work(batch)
			clear(batch)
		case <-tick.C:
			w.trimIdle()
		}
	}
}

// fill adds what else is waiting. The first operation often wakes the writer
// while its neighbours are just about to send theirs: they go first, so that
// they share this commit.
func (w *writer) fill(batch []*op) []*op {
	runtime.Gosched()
	for len(batch) < maxBatch {
		select {
		case o, open := <-w.db.queue:
			if !open {
				return batch
			}
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// work carries out a batch and answers it.
func (w *writer) work(batch []*op) {
	ops := batch[:0]
	for _, o := range batch {
		switch {
		case !o.state.CompareAndSwap(waiting, begun):
		case o.kind == opCall:
			o.err = o.call(w.c)
			close(o.done)
		default:
			ops = append(ops, o)
		}
	}
	if len(ops) == 0 {
		return
	}
	err := w.transact(ops)
	w.report(err)
	for _, o := range ops {
		if err != nil {
			o.err = unavailable(err)
		}
		close(o.done)
	}
	if w.logged += w.c.pagesWritten(); err == nil && w.logged >= logPages {
		w.logged = 0
		if err := w.c.checkpoint(); err != nil {
			// Nothing is lost: the log only grows until a later one succeeds.
			slog.Warn("the database log could not be moved into the database", "err", err)
		}
	}
}

// transact applies the operations in one transaction. An error means that none
// of them was done, or, after a failed commit, that it is not known.
func (w *writer) transact(ops []*op) (err error) {
	committed := false
	w.changes, w.dirty = w.changes[:0], false
	defer func() {
		for k, e := range w.touched {
			if !committed {
				e = nil
			}
			w.db.cache.settle(k, e)
		}
		clear(w.touched)
		if !committed {
			w.rollback()
		}
	}()
	if err := w.c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	now := w.db.clock()
	for _, o := range ops {
		if err := w.apply(o); err != nil {
			return err
		}
	}
	if err := w.writeFeed(now); err != nil {
		return err
	}
	if err := w.c.exec("COMMIT"); err != nil {
		return err
	}
	committed = true
	if w.dirty {
		w.proven = time.Now()
	}
	w.db.feed.told(w.changes)
	return nil
}

// rollback leaves a transaction that failed; some errors have ended it already.
func (w *writer) rollback() {
	w.db.feed.oldest = 0
	if w.c.inTransaction() {
		if err := w.c.exec("ROLLBACK"); err != nil {
			slog.Error("a failed transaction could not be rolled back", "err", err)
		}
	}
}

// apply carries out one operation. What it refuses goes into o.err; the error
// returned ends the transaction.
func (w *writer) apply(o *op) error {
	switch o.kind {
	case opCreate:
		return w.create(o)
	case opReplace:
		return w.replace(o)
	case opDelete:
		return w.delete(o)
	default: // opPing
		if time.Since(w.proven) < time.Second {
			return nil
		}
		w.dirty = true
		return w.c.exec("UPDATE certlink_meta SET value = value + 1 WHERE name = 'pings'")
	}
}

// state is the document as the transaction so far leaves it, as far as it is
// known without reading; and marks it as in doubt.
func (w *writer) state(k key) *entry {
	e, ok := w.touched[k]
	if !ok {
		e = w.db.cache.take(k)
		w.touched[k] = e
	}
	return e
}

// wrote notes a document as written by the transaction.
func (w *writer) wrote(o *op, rev int64) {
	w.dirty = true
	o.entry.rev = rev
	w.touched[o.key] = &o.entry
	if o.c.Feed {
		w.changes = append(w.changes, store.Change{Collection: o.c.Name, ID: o.id, Rev: rev})
	}
}

// report logs when failing begins and ends, not each failure.
func (w *writer) report(err error) {
	switch {
	case err != nil && !w.failing:
		slog.Error("the database refuses writes", "err", err)
	case err == nil && w.failing:
		slog.Info("the database takes writes again")
	}
	w.failing = err != nil
}

// Create writes a new document.
func (db *DB) Create(ctx context.Context, collection string, d store.Doc) error {
	return db.write(ctx, opCreate, collection, d)
}

// Replace writes a new revision of a document.
func (db *DB) Replace(ctx context.Context, collection string, d store.Doc) error {
	return db.write(ctx, opReplace, collection, d)
}

// Delete removes a document.
func (db *DB) Delete(ctx context.Context, collection, id string, rev int64) error {
	c := db.schema.Of(collection)
	return db.submit(ctx, &op{kind: opDelete, entry: entry{key: newKey(c, id), rev: rev}})
}

func (db *DB) write(ctx context.Context, kind opKind, collection string, d store.Doc) error {
	c := db.schema.Of(collection)
	if err := c.CheckDoc(d); err != nil {
		return err
	}
	values, err := c.Values(d.Index)
	if err != nil {
		return err
	}
	return db.submit(ctx, &op{kind: kind, entry: newEntry(c, d, values)})
}

func newEntry(c *engine.Collection, d store.Doc, values []string) entry {
	return entry{key: newKey(c, d.ID), rev: d.Rev, body: append(make([]byte, 0, len(d.Body)), d.Body...), values: values}
}
