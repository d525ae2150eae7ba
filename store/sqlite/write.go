package sqlite

import (
	"strings"

	"certlink/store"
	"certlink/store/internal/engine"
)

// newKey copies the id: some of our callers' texts live in buffers that are
// used again.
func newKey(c *engine.Collection, id string) key { return key{c, strings.Clone(id)} }

// touch is a document that the present batch has looked at.
type touch struct {
	now     *entry // as the batch so far leaves it; nil: there is none
	below   *entry // what the database, or the old layer, holds
	cached  bool   // it was taken out of the cache, which holds it in doubt
	written bool
}

// find is the document as the batch so far leaves it.
func (w *writer) find(k key) (*touch, error) {
	if t := w.touched[k]; t != nil {
		return t, nil
	}
	t := &touch{}
	ls := &w.db.layers
	if d := ls.young.docs[k]; d != nil {
		t.now = d.now
	} else if d := ls.old.doc(k); d != nil {
		t.now, t.below = d.now, d.now
	} else {
		t.cached = true
		if t.now = w.db.cache.take(k); t.now == nil && !w.db.filter(k.c, -1).lacks(k.id) {
			err := w.lookup(func(c *conn) (err error) {
				t.now, err = w.db.tables[k.c].read(c, k)
				if t.now == nil {
					w.db.inVain(k.c, -1)
				}
				return err
			})
			if err != nil {
				w.db.cache.settle(k, nil)
				return nil, err
			}
		}
		t.below = t.now
	}
	w.touched[k] = t
	return t, nil
}

// lookup reads from the database, which holds all that is not in a layer.
func (w *writer) lookup(f func(*conn) error) error {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	err := w.c.at(w.db.folds.Load())
	if err == nil {
		err = f(w.c)
	}
	if err != nil {
		_ = w.c.release()
	}
	return err
}

func (w *writer) create(o *op) error {
	t, err := w.find(o.key)
	if err != nil {
		return err
	}
	if t.now != nil {
		// When a value is taken, too, it is the same thing created again.
		o.err = store.ErrExists
		return nil
	}
	o.entry.rev = 1
	return w.put(o, t)
}

func (w *writer) replace(o *op) error {
	t, err := w.find(o.key)
	if err != nil || !o.fits(t) {
		return err
	}
	o.entry.rev++
	return w.put(o, t)
}

func (w *writer) delete(o *op) error {
	t, err := w.find(o.key)
	if err != nil || !o.fits(t) {
		return err
	}
	w.journal.delete(o.key)
	w.wrote(t, nil)
	return nil
}

// fits compares the revision that the caller has read with what there is.
func (o *op) fits(t *touch) bool {
	switch {
	case t.now == nil:
		o.err = store.ErrNotFound
	case o.rev != t.now.rev && (o.kind != opDelete || o.rev != 0):
		o.err = store.ErrConflict
	}
	return o.err == nil
}

// put writes the document, if its unique values are free.
func (w *writer) put(o *op, t *touch) error {
	for i, ix := range o.c.Indexes {
		v := o.values[i]
		if !ix.Unique || v == "" || t.now != nil && t.now.values[i] == v {
			continue
		}
		taken, err := w.taken(o.c, i, v)
		if err != nil {
			return err
		}
		if taken {
			o.err = &store.DuplicateError{Collection: o.c.Name, Index: ix.Name}
			return nil
		}
	}
	w.journal.put(&o.entry)
	w.wrote(t, &o.entry)
	if o.c.Feed {
		w.changes = append(w.changes, store.Change{Collection: o.c.Name, ID: o.id, Rev: o.entry.rev})
	}
	return nil
}

// wrote notes a document's new state, and what follows for unique values.
func (w *writer) wrote(t *touch, now *entry) {
	old := t.now
	t.now, t.written, w.dirty = now, true, true
	e := now
	if e == nil {
		e = old
	}
	for i, ix := range e.c.Indexes {
		if !ix.Unique {
			continue
		}
		if old != nil && old.values[i] != "" && (now == nil || now.values[i] != old.values[i]) {
			w.values[held{e.c, i, old.values[i]}] = false
		}
		if now != nil && now.values[i] != "" {
			w.values[held{e.c, i, now.values[i]}] = true
		}
	}
}

// taken tells whether some document holds a unique value. Whoever asks does not
// hold it itself.
func (w *writer) taken(c *engine.Collection, index int, value string) (bool, error) {
	if is, known := w.values[held{c, index, value}]; known {
		return is, nil
	}
	ls := &w.db.layers
	// A document that the batch has written without this value would have said so.
	if ls.young.holder(c, index, value) != "" {
		return true, nil
	}
	if id := ls.old.holder(c, index, value); id != "" && ls.young.doc(key{c, id}) == nil {
		return true, nil
	}
	if w.db.filter(c, index).lacks(value) {
		return false, nil
	}
	id := ""
	err := w.lookup(func(conn *conn) (err error) {
		if id, err = w.db.tables[c].holder(conn, index, value); id == "" {
			w.db.inVain(c, index)
		}
		return err
	})
	k := key{c, id}
	return id != "" && ls.young.doc(k) == nil && ls.old.doc(k) == nil, err
}
