package sqlite

import (
	"bytes"
	"context"

	"certlink/store"
	"certlink/store/internal/engine"
)

// reader lends a connection to f, within the deadline of ctx.
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
	defer func() { db.readers <- c }()
	return f(ctx, c)
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
	k := key{db.schema.Of(collection), id}
	if err := db.usable(ctx); err != nil {
		return store.Doc{}, err
	}
	e, gen := db.cache.get(k)
	if e == nil {
		if err := db.reader(ctx, func(_ context.Context, c *conn) (err error) {
			e, err = db.read(c, newKey(k.c, id))
			return err
		}); err != nil {
			return store.Doc{}, err
		}
		db.cache.fill(e, gen)
	}
	// The cache's bytes are shared; the caller may do with a copy what it likes.
	return store.Doc{ID: e.id, Rev: e.rev, Body: bytes.Clone(e.body), Index: k.c.ByName(e.values)}, nil
}

func (db *DB) read(c *conn, k key) (*entry, error) {
	s, err := c.prepare(db.tables[k.c].byID)
	if err != nil {
		return nil, unavailable(err)
	}
	if err := c.room(len(k.id)); err != nil {
		return nil, unavailable(err)
	}
	defer s.reset()
	s.bindText(1, k.id)
	found, err := s.step()
	if err != nil {
		return nil, unavailable(err)
	}
	if !found {
		return nil, store.ErrNotFound
	}
	return s.entry(k, 0), nil
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
	c := db.schema.Of(collection)
	w, err := c.Plan(q)
	if err != nil {
		return nil, "", err
	}
	if w.Empty {
		return nil, "", nil
	}
	var docs []store.Doc
	var next store.Cursor
	err = db.reader(ctx, func(ctx context.Context, conn *conn) error {
		docs, next, err = db.walk(ctx, conn, c, w)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return docs, next, nil
}

func (db *DB) walk(ctx context.Context, conn *conn, c *engine.Collection, w engine.Walk) ([]store.Doc, store.Cursor, error) {
	t := db.tables[c]
	s, err := conn.prepare(t.walk(w.Index, w.Desc))
	if err != nil {
		return nil, "", unavailable(err)
	}
	if err := t.bindWalk(s, w); err != nil {
		return nil, "", unavailable(err)
	}
	defer s.reset()
	var docs []store.Doc
	for {
		more, err := s.step()
		if err == nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, "", unavailable(err)
		}
		if !more {
			return docs, "", nil
		}
		if len(docs) == w.Limit {
			// There is one more than the page holds, so the page has a successor.
			last := docs[len(docs)-1]
			p := engine.Place{ID: last.ID}
			if w.Index >= 0 {
				p.Value = last.Index[c.Indexes[w.Index].Name]
			}
			return docs, p.Cursor(), nil
		}
		e := s.entry(key{c, s.text(0)}, 1)
		docs = append(docs, store.Doc{ID: e.id, Rev: e.rev, Body: e.body, Index: c.ByName(e.values)})
	}
}

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
		s.bindInt(3, int64(w.Limit+1))
	case w.Desc:
		s.bindText(1, low)
		if w.After != nil && (high == "" || after.Value < high) {
			s.bindText(2, after.Value)
			s.bindText(3, after.ID)
		} else {
			s.bindHigh(2, high)
			s.bindText(3, "") // no id is below "": all values below high, no value equal
		}
		s.bindInt(4, int64(w.Limit+1))
	default:
		if w.After != nil && after.Value >= low {
			s.bindText(1, after.Value)
			s.bindText(2, after.ID)
		} else {
			s.bindText(1, low)
			s.bindText(2, "") // every id is above ""
		}
		s.bindHigh(3, high)
		s.bindInt(4, int64(w.Limit+1))
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
