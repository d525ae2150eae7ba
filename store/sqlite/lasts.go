package sqlite

import (
	"context"
	"errors"
	"sync"

	"certlink/store"
	"certlink/store/internal/engine"
)

// lasts remembers which entry of an index is the last one under a prefix: the newest
// session of a phone, say. Without that the database is asked each time, also where the
// layers hold such an entry: that of the database might be later.
//
// What is remembered is right, because there is one writer and it tells of every entry
// that comes or goes, at the moment at which that becomes visible. A reader that has
// looked for itself adds what it found only if nothing has become visible meanwhile.
type lasts struct {
	mu sync.Mutex
	recent[run, last]
	commits uint64 // the batches that have become visible
}

// run is a part of an index: its entries under a prefix, which ends where a piece of a
// compound value does.
type run struct {
	c      *engine.Collection
	index  int
	prefix string
}

// last is the last entry of a run; without an id it has none.
type last struct{ value, id string }

func (a last) compare(b last) int {
	return spot{value: a.value, id: a.id}.compare(spot{value: b.value, id: b.id})
}

// of is the last entry of a run, if that is known, and else the number of batches to
// give to note.
func (l *lasts) of(r run) (at last, known bool, commits uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, known = l.get(r)
	return at, known, l.commits
}

// note remembers what a reader found that began when so many batches were visible.
func (l *lasts) note(r run, at last, commits uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.commits == commits {
		l.put(r, at)
	}
}

// moved has the lasts follow a document whose value in an index was one and is now
// another; "" stands for none.
func (l *lasts) moved(c *engine.Collection, index int, id, was, is string) {
	for prefix := range prefixes(is) {
		r := run{c, index, prefix}
		if at, known := l.get(r); known && at.compare(last{is, id}) < 0 {
			l.put(r, last{is, id})
		}
	}
	for prefix := range prefixes(was) {
		r := run{c, index, prefix}
		if at, known := l.get(r); known && at == (last{was, id}) {
			l.forget(r)
		}
	}
}

// prefixes are those of a compound value that end where one of its pieces does.
func prefixes(value string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := range len(value) {
			if value[i] == separator && !yield(value[:i+1]) {
				return
			}
		}
	}
}

// separator is what store.Key puts between the pieces.
const separator = '\x1f'

// tell has the lasts follow a document that comes, or becomes another, or goes. The
// writer calls it under the lock.
func (l *lasts) tell(k key, was, is *entry) {
	for i := range k.c.Indexes {
		var before, after string
		if was != nil {
			before = was.values[i]
		}
		if is != nil {
			after = is.values[i]
		}
		if before != after {
			l.moved(k.c, i, k.id, before, after)
		}
	}
}

// PeekLast reads the last document under a prefix as it is held.
func (db *DB) PeekLast(ctx context.Context, collection, index string, pieces ...string) (store.Doc, error) {
	c := db.schema.Of(collection)
	w, err := c.Plan(store.Query{Index: index, Prefix: store.KeyPrefix(pieces...), Desc: true, Limit: 1})
	if err != nil {
		return store.Doc{}, err
	}
	r := run{c, c.Number(index), store.KeyPrefix(pieces...)}
	for {
		if err := db.usable(ctx); err != nil {
			return store.Doc{}, err
		}
		at, known, commits := db.lasts.of(r)
		if !known {
			found, _, err := db.places(ctx, c, w)
			if err != nil {
				return store.Doc{}, err
			}
			if len(found) > 0 {
				at = last{found[0].value, found[0].id}
			}
			db.lasts.note(r, at, commits)
		}
		if at.id == "" {
			return store.Doc{}, store.ErrNotFound
		}
		e, err := db.find(ctx, collection, at.id)
		switch {
		case err == nil && e.values[r.index] == at.value:
			return e.peek(), nil
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return store.Doc{}, err
		}
		// It has been written meanwhile, and whoever wrote it has told of that.
	}
}
