package sqlite

import (
	"strings"

	"certlink/store"
	"certlink/store/internal/engine"
)

// newKey copies the id: some of our callers' texts live in buffers that are
// used again.
func newKey(c *engine.Collection, id string) key { return key{c, strings.Clone(id)} }

// length is how many bytes of a document are bound.
func (o *op) length() int {
	n := len(o.id) + len(o.body)
	for _, v := range o.values {
		n += len(v)
	}
	return n
}

func (w *writer) create(o *op) error {
	w.state(o.key)
	t := w.db.tables[o.c]
	s, err := w.c.prepare(t.insert)
	if err != nil {
		return err
	}
	if err := w.c.room(o.length()); err != nil {
		return err
	}
	s.bindText(1, o.id)
	s.bindBlob(2, o.body)
	for i, v := range o.values {
		s.bindValue(3+i, v)
	}
	_, err = s.run()
	if err == nil {
		w.wrote(o, 1)
		return nil
	}
	// SQLite has undone this statement alone; the transaction goes on.
	column := uniqueColumn(err)
	if column == "" {
		return err
	}
	// When the id and a value are both taken it is the same thing created again,
	// and the id says so.
	_, taken, err := w.current(t, o.id)
	if err != nil {
		return err
	}
	if taken {
		o.err = store.ErrExists
	} else {
		o.err = duplicate(o, column)
	}
	return nil
}

func (w *writer) replace(o *op) error {
	t := w.db.tables[o.c]
	set := t.all()
	if old := w.state(o.key); old != nil && old.rev == o.rev {
		// The revision in the statement makes sure that these are the values stored.
		for i := range o.values {
			if old.values[i] == o.values[i] {
				set &^= 1 << i
			}
		}
	}
	text, set := t.update(set)
	s, err := w.c.prepare(text)
	if err != nil {
		return err
	}
	if err := w.c.room(o.length()); err != nil {
		return err
	}
	s.bindBlob(1, o.body)
	n := 2
	for i, v := range o.values {
		if set&(1<<i) != 0 {
			s.bindValue(n, v)
			n++
		}
	}
	s.bindText(n, o.id)
	s.bindInt(n+1, o.rev)
	changed, err := s.run()
	if err != nil {
		if column := uniqueColumn(err); column != "" {
			o.err = duplicate(o, column)
			return nil
		}
		return err
	}
	if changed == 0 {
		return w.explain(t, o)
	}
	w.wrote(o, o.rev+1)
	return nil
}

func (w *writer) delete(o *op) error {
	w.state(o.key)
	t := w.db.tables[o.c]
	s, err := w.c.prepare(t.delete)
	if err != nil {
		return err
	}
	if err := w.c.room(o.length()); err != nil {
		return err
	}
	s.bindText(1, o.id)
	s.bindInt(2, o.rev)
	s.bindInt(3, o.rev)
	changed, err := s.run()
	if err != nil {
		return err
	}
	if changed == 0 {
		return w.explain(t, o)
	}
	w.dirty = true
	w.touched[o.key] = nil
	return nil
}

// explain finds out why no document had this id and revision.
func (w *writer) explain(t *table, o *op) error {
	_, exists, err := w.current(t, o.id)
	if err != nil {
		return err
	}
	o.err = store.ErrNotFound
	if exists {
		o.err = store.ErrConflict
	}
	return nil
}

// current reads the revision of a document.
func (w *writer) current(t *table, id string) (rev int64, exists bool, err error) {
	s, err := w.c.prepare(t.current)
	if err != nil {
		return 0, false, err
	}
	if err := w.c.room(len(id)); err != nil {
		return 0, false, err
	}
	defer s.reset()
	s.bindText(1, id)
	if exists, err = s.step(); exists {
		rev = s.int(0)
	}
	return rev, exists, err
}

func duplicate(o *op, column string) error {
	return &store.DuplicateError{Collection: o.c.Name, Index: strings.TrimPrefix(column, "ix_")}
}
