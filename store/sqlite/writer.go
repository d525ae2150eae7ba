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
	// maxBatch is the most operations in one record of the journal.
	maxBatch = 128
	// maxBytes is how large they may be before no further one is taken.
	maxBytes = 16 << 20
	// logPages is how many pages may be written to SQLite's log before it is moved
	// into its file: 32 MiB. Pages written often are then moved once.
	logPages = 8192
	// turn is how often the writer looks whether the young layer is due to be folded.
	turn = 500 * time.Millisecond
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

// writer is the one goroutine that decides about writes, makes them durable in the
// journal and visible in the young layer.
type writer struct {
	db      *DB
	c       *conn // reads only
	journal *journal
	folder  *folder
	// ended is closed when the queue is closed and drained, and all is folded.
	ended chan struct{}

	// The present batch: the documents that it has looked at, the unique values that
	// it has given (true) and taken away, and what the feed will be told.
	touched map[key]*touch
	values  map[held]bool
	changes []store.Change
	dirty   bool // something was written

	stuck   error     // a layer could not be folded before the store closed
	proven  time.Time // when something was last made durable
	failing bool      // the last batch failed, and that was logged
}

func newWriter(db *DB, c *conn) *writer {
	return &writer{db: db, c: c, ended: make(chan struct{}), touched: map[key]*touch{}, values: map[held]bool{}}
}

func (w *writer) loop() {
	defer close(w.ended)
	tick := time.NewTicker(turn)
	defer tick.Stop()
	batch := make([]*op, 0, maxBatch)
	for {
		queue := w.db.queue
		if w.db.layers.old != nil && w.stuck == nil && w.journal.at >= maxJournal {
			queue = nil // the disk does not keep up: writes wait for it
		}
		select {
		case o, open := <-queue:
			if !open {
				w.report(w.foldAll())
				return
			}
			batch = w.fill(append(batch[:0], o))
			w.work(batch)
			clear(batch)
			if w.journal.at >= w.db.foldBytes {
				w.report(w.turn())
			}
		case err := <-w.folder.done:
			w.folded(err)
		case <-tick.C:
			if young := w.db.layers.young; len(young.docs) > 0 && time.Since(young.born) >= foldAge {
				w.report(w.turn())
			}
		}
	}
}

// fill adds what else is waiting. The first operation often wakes the writer
// while its neighbours are just about to send theirs: they go first, so that
// they share this commit.
func (w *writer) fill(batch []*op) []*op {
	runtime.Gosched()
	bytes := len(batch[0].body)
	for len(batch) < maxBatch && bytes < maxBytes {
		select {
		case o, open := <-w.db.queue:
			if !open {
				return batch
			}
			batch = append(batch, o)
			bytes += len(o.body)
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
}

// transact decides about the operations, one after the other, and makes what they
// write durable and visible, all of it at once. An error means that none of them was
// done, or, where the journal could not be synced, that it is not known.
func (w *writer) transact(ops []*op) (err error) {
	w.changes, w.dirty = w.changes[:0], false
	w.journal.start()
	committed := false
	defer func() {
		for k, t := range w.touched {
			if t.cached && !(committed && t.written) {
				w.db.cache.settle(k, t.below)
			}
		}
		clear(w.touched)
		clear(w.values)
	}()
	for _, o := range ops {
		if err := w.apply(o); err != nil {
			return err
		}
	}
	if !w.dirty {
		return nil
	}
	if err := w.journal.sync(); err != nil {
		return err
	}
	committed, w.proven = true, time.Now()
	w.publish()
	return nil
}

// publish lets everybody see what is durable now.
func (w *writer) publish() {
	ls, lasts := &w.db.layers, &w.db.lasts
	ls.mu.Lock()
	lasts.mu.Lock()
	ls.commits++
	lasts.commits = ls.commits
	for k, t := range w.touched {
		if !t.written {
			continue
		}
		was := t.below
		if d := ls.young.docs[k]; d != nil {
			was = d.now
		}
		lasts.tell(k, was, t.now)
		ls.young.set(k, t.now, t.below, ls.commits)
	}
	ls.young.changes += len(w.changes)
	lasts.mu.Unlock()
	ls.mu.Unlock()
	w.db.feed.tell(w.changes)
}

// apply carries out one operation. What it refuses goes into o.err; the error
// returned ends the batch.
func (w *writer) apply(o *op) error {
	switch o.kind {
	case opCreate:
		return w.create(o)
	case opReplace:
		return w.replace(o)
	case opDelete:
		return w.delete(o)
	default: // opPing
		if time.Since(w.proven) >= time.Second {
			w.dirty = true
			w.journal.nothing()
		}
		return nil
	}
}

// turn begins a new layer and has the old one folded. While one is being folded, the
// young one goes on.
func (w *writer) turn() error {
	ls := &w.db.layers
	if ls.old != nil || len(ls.young.docs) == 0 {
		return nil
	}
	next, err := w.journal.next(ls.young.gen + 1)
	if err != nil {
		return err
	}
	// Until the end is synced, the old journal can go on: the next record is then
	// written over its end.
	w.journal.end()
	if err := w.journal.sync(); err != nil {
		next.file.Close()
		return err
	}
	w.journal.file.Close()
	w.journal = next
	ls.mu.Lock()
	ls.old, ls.young = ls.young, newLayer(ls.young.gen+1)
	ls.mu.Unlock()
	w.folder.in <- ls.old
	return nil
}

// folded drops the old layer, which stands in the database now. Its documents go
// into the cache, in which they were in doubt as long as they were in a layer; but not
// those that were created and neither read nor written again within that time, as
// evidence and the audit log are: they would push out what is in use.
func (w *writer) folded(err error) {
	if w.stuck = err; err != nil {
		return // the store closes; the journal keeps it
	}
	ls := &w.db.layers
	old := ls.old
	w.db.feed.folded(old.changes)
	ls.mu.Lock()
	ls.old = nil
	ls.mu.Unlock()
	for k, d := range old.docs {
		if ls.young.docs[k] != nil {
			continue
		}
		now := d.now
		if now != nil && now.rev == 1 && atomic.LoadUint32(&now.read) == 0 {
			now = nil
		}
		w.db.cache.settle(k, now)
		w.db.holders.noteAll(now)
	}
}

// foldAll folds everything there is.
func (w *writer) foldAll() error {
	for {
		if w.stuck != nil {
			return w.stuck
		}
		if w.db.layers.old != nil {
			w.folded(<-w.folder.done)
			continue
		}
		if len(w.db.layers.young.docs) == 0 {
			return nil
		}
		if err := w.turn(); err != nil {
			return err
		}
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
	body := d.Body
	if !d.Given {
		body = append(make([]byte, 0, len(body)), body...)
	}
	return entry{key: newKey(c, d.ID), rev: d.Rev, body: body, values: values}
}
