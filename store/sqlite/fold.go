package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"certlink/store"
	"certlink/store/internal/engine"
)

const (
	// foldBytes is how long a journal grows before its documents are folded, and
	// maxJournal how long it may grow while that is under way: then writes wait.
	foldBytes  = 24 << 20
	maxJournal = 96 << 20
	// foldAge is how long documents wait for that at most. What is written again and
	// again in a short life, as most of what changes is, reaches the database once.
	foldAge = 2 * time.Second
	// idle is how often the feed is trimmed while nothing is written.
	idle = 30 * time.Second
	// feedRow bounds the changes in one row of the feed.
	feedRow = 2048
)

// folder is the goroutine that folds layers into the database, one at a time.
type folder struct {
	db *DB
	c  *conn
	// in takes a layer, done gives it back when it stands in the database, or, when
	// the store closes, when that did not succeed.
	in   chan *layer
	done chan error
	// ended is closed when in was and nothing is under way any more.
	ended chan struct{}
	// filters takes those that are to be made; scans are those being made.
	filters  chan wantedFilter
	scans    sync.WaitGroup
	scanning sync.Mutex

	logged, logPages int // pages in SQLite's log since the last checkpoint, and their bound
}

func newFolder(db *DB, c *conn) *folder {
	return &folder{db: db, c: c, in: make(chan *layer, 1), done: make(chan error, 1), ended: make(chan struct{}), filters: make(chan wantedFilter, 64), logPages: logPages}
}

func (f *folder) loop() {
	defer close(f.ended)
	tick := time.NewTicker(idle)
	defer tick.Stop()
	for {
		select {
		case l, open := <-f.in:
			if !open {
				return
			}
			f.done <- f.insist(l)
		case w := <-f.filters:
			f.begin(w)
		case <-tick.C:
			if err := f.trimIdle(); err != nil {
				slog.Warn("the event feed cannot be trimmed; it will be tried again", "err", err)
			}
		}
	}
}

// trimIdle trims the feed while nothing else does.
func (f *folder) trimIdle() error {
	feed, now := f.db.feed, f.db.clock()
	for feed.oldest < feed.newest && now.Sub(feed.oldestAt) > store.KeepChanges {
		err := f.c.exec("BEGIN IMMEDIATE")
		if err == nil {
			err = feed.trim(f.c, now, 128)
		}
		if err == nil {
			err = f.c.exec("COMMIT")
		}
		if err != nil {
			feed.oldest = 0
			f.undo()
			return err
		}
		if len(f.in) > 0 {
			return nil
		}
	}
	return nil
}

// undo leaves a transaction that failed; some errors have ended it already.
func (f *folder) undo() {
	if f.c.inTransaction() {
		if err := f.c.exec("ROLLBACK"); err != nil {
			slog.Error("a failed transaction could not be rolled back", "err", err)
		}
	}
}

// insist folds a layer, however long the disk refuses: the journal holds it as well.
func (f *folder) insist(l *layer) error {
	docs := l.all()
	f.fill(docs)
	for failed := false; ; failed = true {
		err := f.fold(f.db.tables, docs, l.gen, f.db.feed.unfolded(l.changes))
		if err == nil {
			if failed {
				slog.Info("the journal is folded into the database again")
			}
			f.db.folds.Add(1) // before the layer goes: whoever misses it there reads it here
			f.settle()
			return nil
		}
		if !failed {
			slog.Error("the journal cannot be folded into the database; trying again", "err", err)
		}
		select {
		case <-f.db.over:
			return err
		case <-time.After(time.Second):
		}
	}
}

// settle moves SQLite's log into its file when it has grown enough.
func (f *folder) settle() {
	if f.logged += f.c.pagesWritten(); f.logged < f.logPages {
		return
	}
	f.logged = 0
	if err := f.checkpoint(); err != nil {
		// Nothing is lost: the log only grows until a later one succeeds.
		slog.Warn("the database log could not be moved into the database", "err", err)
	}
}

// checkpoint moves the log in the background. Snapshots that nobody uses would hold it
// up, so they end first; those in use are of this fold, or soon will be. Only for the
// log's new beginning, a moment, do reads wait.
func (f *folder) checkpoint() error {
	readers := f.db.conns[1:]
	for _, c := range readers {
		if c.mu.TryLock() {
			if err := c.release(); err != nil {
				slog.Warn("a snapshot of the database could not be ended", "err", err)
			}
			c.mu.Unlock()
		}
	}
	if err := f.c.checkpoint(); err != nil {
		return err
	}
	for _, c := range readers {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := c.release(); err != nil {
			return err
		}
	}
	return f.c.restart()
}

// fold writes documents into the database and notes the generation as folded, all
// in one transaction.
func (f *folder) fold(tables map[*engine.Collection]*table, docs []folding, gen uint64, changes told) (err error) {
	if err := f.c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.db.feed.oldest = 0 // the rows that it thought gone may be there
			f.undo()
		}
	}()
	// First all that gives something up: of two documents that pass a unique value
	// on, the order would matter otherwise.
	for i := range docs {
		if err := f.release(tables[docs[i].c], &docs[i]); err != nil {
			return err
		}
	}
	for i := range docs {
		if err := f.store(tables[docs[i].c], &docs[i]); err != nil {
			return err
		}
	}
	if err := f.db.feed.write(f.c, f.db.clock(), changes); err != nil {
		return err
	}
	if err := f.note(gen); err != nil {
		return err
	}
	return f.c.exec("COMMIT")
}

// release deletes what is gone, and lets go of unique values that change.
func (f *folder) release(t *table, d *folding) error {
	if d.below == nil {
		return nil
	}
	if d.now == nil {
		s, err := f.c.prepare(t.delete)
		if err != nil {
			return err
		}
		if err := f.c.room(len(d.id)); err != nil {
			return err
		}
		s.bindText(1, d.id)
		_, err = s.run()
		return err
	}
	for i, ix := range t.c.Indexes {
		if !ix.Unique || d.below.values[i] == "" || d.below.values[i] == d.now.values[i] {
			continue
		}
		s, err := f.c.prepare("UPDATE " + t.name + " SET " + column(ix.Name) + " = NULL WHERE id = ?")
		if err != nil {
			return err
		}
		if err := f.c.room(len(d.id)); err != nil {
			return err
		}
		s.bindText(1, d.id)
		if _, err := s.run(); err != nil {
			return err
		}
	}
	return nil
}

// store inserts or updates one document.
func (f *folder) store(t *table, d *folding) error {
	if d.now == nil {
		return nil
	}
	if err := f.c.room(d.now.length()); err != nil {
		return err
	}
	if d.below == nil {
		s, err := f.c.prepare(t.insert)
		if err != nil {
			return err
		}
		s.bindText(1, d.id)
		s.bindInt(2, d.now.rev)
		s.bindBlob(3, d.now.body)
		for i, v := range d.now.values {
			s.bindValue(4+i, v)
		}
		_, err = s.run()
		return err
	}
	set := t.all()
	for i := range d.now.values {
		if d.below.values[i] == d.now.values[i] {
			set &^= 1 << i
		}
	}
	text, set := t.update(set)
	s, err := f.c.prepare(text)
	if err != nil {
		return err
	}
	s.bindInt(1, d.now.rev)
	s.bindBlob(2, d.now.body)
	n := 3
	for i, v := range d.now.values {
		if set&(1<<i) != 0 {
			s.bindValue(n, v)
			n++
		}
	}
	s.bindText(n, d.id)
	changed, err := s.run()
	if err == nil && changed != 1 {
		err = fmt.Errorf("the document %s/%s is not in the database, which the journal builds upon", d.c.Name, d.id)
	}
	return err
}

func (f *folder) note(gen uint64) error {
	s, err := f.c.prepare("UPDATE certlink_meta SET value = ? WHERE name = 'folded'")
	if err != nil {
		return err
	}
	s.bindInt(1, int64(gen))
	_, err = s.run()
	return err
}

// replayJournals folds what a process that did not close has left in its journals, before
// the schema of this program is looked at: they are in that one's.
func (db *DB) replayJournals(c *conn, dir string) (gen uint64, err error) {
	folded, err := c.number("SELECT value FROM certlink_meta WHERE name = 'folded'")
	if err != nil {
		return 0, err
	}
	gen = uint64(folded)
	var left []*replayed
	for _, g := range []uint64{gen + 1, gen + 2} {
		r, err := readJournal(journalPath(dir, g))
		if missing(err) || err == nil && r.gen != g {
			break
		}
		if err != nil {
			return 0, err
		}
		left = append(left, r)
	}
	if len(left) == 2 && !left[0].ended && left[1].records > 0 {
		return 0, fmt.Errorf("the journal %s is damaged: it ends before its end; restore the data directory from a backup", left[0].path)
	}
	f := newFolder(db, c)
	for _, r := range left {
		if r.records == 0 {
			break
		}
		if err := f.replay(r); err != nil {
			return 0, fmt.Errorf("the journal %s: %w", r.path, err)
		}
		gen = r.gen
	}
	return gen, nil
}

// missing: there is no such journal.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoJournal) }

// replay folds a journal.
func (f *folder) replay(r *replayed) error {
	tables := map[*engine.Collection]*table{}
	for _, c := range r.schema {
		tables[c] = newTable(c)
	}
	docs := make([]folding, 0, len(r.order))
	for _, k := range r.order {
		t := tables[k.c]
		below, err := t.read(f.c, k)
		if err != nil {
			return err
		}
		if now := r.final[k]; now != nil || below != nil {
			docs = append(docs, folding{k, now, below})
		}
	}
	changes := told{f.db.feed.last + 1, r.changes}
	if err := f.fold(tables, docs, r.gen, changes); err != nil {
		return err
	}
	f.db.feed.tell(r.changes)
	f.db.feed.folded(len(r.changes))
	return nil
}

// length is how many bytes of a document are bound.
func (e *entry) length() int {
	n := len(e.id) + len(e.body)
	for _, v := range e.values {
		n += len(v)
	}
	return n
}
