package sqlite

import (
	"context"
	"fmt"
	"sync/atomic"

	"certlink/store"
	"certlink/store/internal/engine"
)

// reader lends a connection to f, within the deadline of ctx. f looks at the layers
// first and then has the connection read at the present folds.
func (db *DB) reader(ctx context.Context, f func(context.Context, *conn) error) error {
	if err := db.usable(ctx); err != nil {
		return err
	}
	var c *conn
	select {
	case c = <-db.readers:
	default: // all are in use
		bounded, cancel := withDeadline(ctx)
		defer cancel()
		select {
		case c = <-db.readers:
		case <-db.over:
			return errClosed
		case <-bounded.Done():
			return unavailable(bounded.Err())
		}
	}
	c.mu.Lock()
	defer func() {
		c.mu.Unlock()
		db.readers <- c
	}()
	err := f(ctx, c)
	if err != nil {
		_ = c.release() // whatever it was, the next one begins afresh
	}
	return err
}

// usable refuses what comes too late.
func (db *DB) usable(ctx context.Context) error {
	if ctx.Err() != nil {
		return unavailable(ctx.Err())
	}
	select {
	case <-db.over:
		return errClosed
	default:
		return nil
	}
}

// Get reads one document.
func (db *DB) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	e, err := db.find(ctx, collection, id)
	if err != nil {
		return store.Doc{}, err
	}
	return e.doc(), nil
}

var _ store.Peeker = (*DB)(nil)

// Peek reads one document as it is held.
func (db *DB) Peek(ctx context.Context, collection, id string) (store.Doc, error) {
	e, err := db.find(ctx, collection, id)
	if err != nil {
		return store.Doc{}, err
	}
	return e.peek(), nil
}

func (db *DB) find(ctx context.Context, collection, id string) (*entry, error) {
	k := key{db.schema.Of(collection), id}
	if err := db.usable(ctx); err != nil {
		return nil, err
	}
	e, found := db.layers.find(k)
	var gen uint64
	if e != nil && atomic.LoadUint32(&e.read) == 0 {
		atomic.StoreUint32(&e.read, 1)
	}
	if !found {
		e, gen = db.cache.get(k)
	}
	if !found && e == nil && !db.filter(k.c, -1).lacks(id) {
		if err := db.reader(ctx, func(_ context.Context, c *conn) (err error) {
			if err = c.at(db.folds.Load()); err == nil {
				e, err = db.tables[k.c].read(c, newKey(k.c, id))
			}
			return err
		}); err != nil {
			return nil, unavailable(err)
		}
		if e != nil {
			db.cache.fill(e, gen)
		} else {
			db.inVain(k.c, -1)
		}
	}
	if e == nil {
		return nil, store.ErrNotFound
	}
	return e, nil
}

// entry reads rev, body and values from the columns that begin at col.
func (s *stmt) entry(k key, col int) *entry {
	e := &entry{key: k, rev: s.int(col), body: s.blob(col + 1)}
	if n := len(k.c.Indexes); n > 0 {
		e.values = make([]string, n)
		for i := range e.values {
			e.values[i] = s.text(col + 2 + i)
		}
	}
	return e
}

// Query reads one page of an index.
func (db *DB) Query(ctx context.Context, collection string, q store.Query) ([]store.Doc, store.Cursor, error) {
	return db.page(ctx, collection, q, (*entry).doc)
}

// PeekQuery reads one page of documents as they are held.
func (db *DB) PeekQuery(ctx context.Context, collection string, q store.Query) ([]store.Doc, store.Cursor, error) {
	return db.page(ctx, collection, q, (*entry).peek)
}

func (db *DB) page(ctx context.Context, collection string, q store.Query, show func(*entry) store.Doc) ([]store.Doc, store.Cursor, error) {
	c := db.schema.Of(collection)
	w, err := c.Plan(q)
	if err != nil {
		return nil, "", err
	}
	if w.Empty {
		return nil, "", nil
	}
	if err := db.usable(ctx); err != nil {
		return nil, "", err
	}
	found, more, err := db.places(ctx, c, w)
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	docs := make([]store.Doc, len(found))
	for i, p := range found {
		docs[i] = show(p.entry)
	}
	if !more {
		return docs, "", nil
	}
	last := found[len(found)-1]
	at := engine.Place{ID: last.id}
	if w.Index >= 0 {
		at.Value = last.value
	}
	return docs, at.Cursor(), nil
}

// places finds what a page shows, and tells whether there is more.
func (db *DB) places(ctx context.Context, c *engine.Collection, w engine.Walk) (found []place, more bool, err error) {
	value, exact := asked(w)
	one := exact && single(c, w)
	if one {
		w.Limit = 1
	}
	// The layers are looked at first: what is folded meanwhile is then in the database,
	// and in its filters.
	v := db.layers.view(c, w)
	found = v.places[:min(len(v.places), w.Limit)]
	more = len(v.places) > w.Limit
	if exact && db.filter(c, w.Index).lacks(value) {
		return found, more, nil
	}
	if one && len(found) == 0 {
		found = db.held(held{c, w.Index, value})
	}
	if one && len(found) == 1 {
		return found, false, nil
	}
	err = db.reader(ctx, func(ctx context.Context, conn *conn) error {
		found, more, err = db.walk(ctx, conn, &v, c, w)
		return err
	})
	switch {
	case err != nil:
	case exact && len(found) == 0:
		db.inVain(c, w.Index)
	case one:
		db.holders.note(held{c, w.Index, value}, found[0].id)
	}
	return found, more, err
}

// single tells whether a walk that asks for a value is for exactly that one of a unique
// index: then one document holds it at most.
func single(c *engine.Collection, w engine.Walk) bool {
	return w.Index >= 0 && c.Indexes[w.Index].Unique && w.After == nil && len(w.High) > len(w.Low)
}

// held is the document that holds a value of a unique index, if the cache knows it.
func (db *DB) held(v held) []place {
	id := db.holders.of(v)
	if id == "" {
		return nil
	}
	e, _ := db.cache.get(key{v.c, id})
	if e == nil || e.values[v.index] != v.value {
		return nil
	}
	return []place{{v.value, e}}
}

// fewRows is up to which size of a page the database is asked for names only, which
// its index answers alone; the documents are mostly in the cache.
const fewRows = 4

// walk merges what the layers hold with what the database holds, both in order, and
// tells whether there is more.
func (db *DB) walk(ctx context.Context, conn *conn, v *view, c *engine.Collection, w engine.Walk) (found []place, more bool, err error) {
	if err := conn.at(db.folds.Load()); err != nil {
		return nil, false, unavailable(err)
	}
	t := db.tables[c]
	// Where the layers fill most of a page, most of what the database has for it is an
	// older state of the same documents.
	names := w.Limit <= fewRows || len(v.places) > w.Limit/2
	s, err := conn.prepare(t.walk(w.Index, w.Desc, names))
	if err != nil {
		return nil, false, unavailable(err)
	}
	if err := t.bindWalk(s, w); err != nil {
		return nil, false, unavailable(err)
	}
	found, more, err = merge(ctx, s, v, c, w, names)
	s.reset()
	for i := 0; i < len(found) && err == nil; i++ {
		if found[i].rev == 0 { // a name only
			found[i].entry, err = db.named(conn, found[i], w.Index)
		}
	}
	if err != nil {
		return nil, false, unavailable(err)
	}
	return found, more, nil
}

// merge takes places from the view and from the rows of a statement, until the page
// is full. Where the rows are names only, so are the entries of their places.
func merge(ctx context.Context, s *stmt, v *view, c *engine.Collection, w engine.Walk, names bool) (found []place, more bool, err error) {
	rows := true
	for {
		var row place // the database's next, if it has one
		for rows && row.entry == nil {
			if rows, err = s.step(); err == nil && ctx.Err() != nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, false, err
			}
			k := key{c, ""}
			if !rows {
				break
			}
			if k.id = s.text(0); v.hides(k) {
				continue
			}
			row.value = k.id
			switch {
			case names:
				row.entry = &entry{key: k}
				if w.Index >= 0 {
					row.value = s.text(1)
				}
			default:
				row.entry = s.entry(k, 1)
				if w.Index >= 0 {
					row.value = row.values[w.Index]
				}
			}
		}
		for len(v.places) > 0 && (row.entry == nil || before(v.places[0], row, w.Desc)) {
			if len(found) == w.Limit {
				return found, true, nil
			}
			found = append(found, v.places[0])
			v.places = v.places[1:]
		}
		if row.entry == nil {
			return found, false, nil
		}
		if len(found) == w.Limit {
			return found, true, nil
		}
		found = append(found, row)
	}
}

// named is the document at a place of the database that the connection reads. The
// cache may have a newer one, if it still stands at this place.
func (db *DB) named(c *conn, at place, index int) (*entry, error) {
	e, gen := db.cache.get(at.key)
	if e != nil && (index < 0 || e.values[index] == at.value) {
		return e, nil
	}
	e, err := db.tables[at.c].read(c, at.key)
	if err == nil && e == nil {
		err = fmt.Errorf("the index of %s names the document %s, which is not there", at.c.Name, at.id)
	}
	if err == nil {
		db.cache.fill(e, gen)
	}
	return e, err
}

// unlimited: how many rows a page needs is known only after looking which of them are
// hidden, and SQLite finds each when it is asked for it.
const unlimited = -1

// bindWalk binds the limits of a walk to its statement (walkText). The place to
// go on after becomes a limit itself, so that the statement's one range begins
// there.
func (t *table) bindWalk(s *stmt, w engine.Walk) error {
	var after engine.Place
	if w.After != nil {
		after = *w.After
		if w.Index < 0 {
			after.Value = after.ID
		}
	}
	if err := s.c.room(len(w.Low) + len(w.High) + len(after.Value) + len(after.ID) + 1); err != nil {
		return err
	}
	low, high := w.Low, w.High
	switch {
	case t.ordered(w.Index):
		switch {
		case w.After == nil:
		case w.Desc:
			if high == "" || after.Value < high {
				high = after.Value
			}
		default:
			low = max(low, after.Value+"\x00") // the text next to it
		}
		s.bindText(1, low)
		s.bindHigh(2, high)
		s.bindInt(3, unlimited)
	case w.Desc:
		s.bindText(1, low)
		if w.After != nil && (high == "" || after.Value < high) {
			s.bindText(2, after.Value)
			s.bindText(3, after.ID)
		} else {
			s.bindHigh(2, high)
			s.bindText(3, "") // no id is below "": all values below high, no value equal
		}
		s.bindInt(4, unlimited)
	default:
		if w.After != nil && after.Value >= low {
			s.bindText(1, after.Value)
			s.bindText(2, after.ID)
		} else {
			s.bindText(1, low)
			s.bindText(2, "") // every id is above ""
		}
		s.bindHigh(3, high)
		s.bindInt(4, unlimited)
	}
	return nil
}

func (s *stmt) bindHigh(i int, high string) {
	if high == "" {
		s.bindTop(i)
		return
	}
	s.bindText(i, high)
}
