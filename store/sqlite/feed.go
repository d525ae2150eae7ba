package sqlite

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"certlink/store"
	"certlink/store/internal/engine"
)

// feed is the log of changes. In the file, each fold adds rows with all the changes
// of its layer:
//
//	certlink_feed(seq INTEGER PRIMARY KEY, at INTEGER, changes BLOB)
//
// Changes are numbered from 1 without gaps; seq is the number of the first in the
// row, at the time in milliseconds of the fold. A cursor is the number of the last
// change read. What is not in the file yet is kept in memory, and the newest changes
// are too, where nearly all reads end.
type feed struct {
	mu      sync.Mutex
	ring    [8192]store.Change // change number n lies at n modulo its length
	held    uint64             // how many of the newest are in it
	last    uint64             // the number of the newest change
	waiting []store.Change     // the newest, up to last, that the file does not hold

	// The folder's own: the newest row in the file, 0 if there is none, and the
	// oldest, 0 if it is not known.
	oldest, newest uint64
	oldestAt       time.Time
}

func openFeed(c *conn) (*feed, error) {
	f := &feed{}
	s, err := c.prepare("SELECT seq, changes FROM certlink_feed ORDER BY seq DESC LIMIT 1")
	if err != nil {
		return nil, err
	}
	found, err := s.step()
	if found {
		f.newest = uint64(s.int(0))
		f.last = f.newest + uint64(len(engine.DecodeChanges(s.view(1)))) - 1
	}
	s.reset()
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f *feed) findOldest(c *conn) error {
	s, err := c.prepare("SELECT seq, at FROM certlink_feed ORDER BY seq LIMIT 1")
	if err != nil {
		return err
	}
	defer s.reset()
	found, err := s.step()
	if found {
		f.oldest, f.oldestAt = uint64(s.int(0)), time.UnixMilli(s.int(1))
	}
	return err
}

// told is a stretch of changes, of which the first has this number.
type told struct {
	first   uint64
	changes []store.Change
}

// write adds a layer's changes to the file, and removes rows that have had their
// time: more than it adds, so that it always keeps up.
func (f *feed) write(c *conn, now time.Time, t told) error {
	if err := f.trim(c, now, 2+len(t.changes)/feedRow); err != nil {
		return err
	}
	for len(t.changes) > 0 {
		n := min(len(t.changes), feedRow)
		s, err := c.prepare("INSERT INTO certlink_feed(seq, at, changes) VALUES(?, ?, ?)")
		if err != nil {
			return err
		}
		blob := engine.EncodeChanges(t.changes[:n])
		if err := c.room(len(blob)); err != nil {
			return err
		}
		s.bindInt(1, int64(t.first))
		s.bindInt(2, now.UnixMilli())
		s.bindBlob(3, blob)
		if _, err := s.run(); err != nil {
			return err
		}
		f.newest = t.first
		t.first, t.changes = t.first+uint64(n), t.changes[n:]
	}
	return nil
}

// trim removes up to n rows from the old end, but never the newest: it holds
// the place where the numbers go on after a restart.
func (f *feed) trim(c *conn, now time.Time, n int) error {
	for range n {
		if f.oldest == 0 {
			if err := f.findOldest(c); err != nil {
				return err
			}
		}
		if f.oldest >= f.newest || now.Sub(f.oldestAt) <= store.KeepChanges {
			return nil
		}
		s, err := c.prepare("DELETE FROM certlink_feed WHERE seq = ?")
		if err != nil {
			return err
		}
		s.bindInt(1, int64(f.oldest))
		f.oldest = 0
		if _, err := s.run(); err != nil {
			return err
		}
	}
	return nil
}

// unfolded are the n oldest changes that the file does not hold.
func (f *feed) unfolded(n int) told {
	f.mu.Lock()
	defer f.mu.Unlock()
	return told{f.last - uint64(len(f.waiting)) + 1, f.waiting[:n:n]}
}

// folded notes that the file holds them.
func (f *feed) folded(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append([]store.Change(nil), f.waiting[n:]...)
}

// tell takes note of what has become visible.
func (f *feed) tell(changes []store.Change) {
	if len(changes) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, changes...)
	for _, c := range changes {
		f.last++
		f.ring[f.last%uint64(len(f.ring))] = c
	}
	f.held = min(f.held+uint64(len(changes)), uint64(len(f.ring)))
}

// Changes reads the feed.
func (db *DB) Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error) {
	if err := db.usable(ctx); err != nil {
		return nil, "", err
	}
	limit = engine.Limit(limit)
	changes, at, enough, err := db.feed.recent(after, limit)
	if err == nil && !enough {
		err = db.reader(ctx, func(_ context.Context, c *conn) error {
			changes, at, err = db.feed.read(c, &db.folds, at, limit)
			return err
		})
	}
	if err != nil {
		return nil, "", err
	}
	return changes, store.Cursor(strconv.FormatUint(at, 10)), nil
}

// recent answers from memory, where it holds all that follows the cursor. If
// not, at is the place to read on from.
func (f *feed) recent(after store.Cursor, limit int) (changes []store.Change, at uint64, enough bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if after == "" {
		return nil, f.last, true, nil
	}
	if at, err = strconv.ParseUint(string(after), 10, 63); err != nil {
		return nil, 0, false, store.ErrCursor
	}
	if at >= f.last {
		// A cursor from the future was made before the file was put back to an
		// older copy: then "now" is the best place to go on from.
		return nil, f.last, true, nil
	}
	if at < f.last-f.held {
		return nil, at, false, nil
	}
	for at < f.last && len(changes) < limit {
		at++
		changes = append(changes, f.ring[at%uint64(len(f.ring))])
	}
	return changes, at, true, nil
}

// read answers from the file, from the row that the place lies in, and goes on with
// what is not in the file yet.
func (f *feed) read(c *conn, folds *atomic.Uint64, at uint64, limit int) ([]store.Change, uint64, error) {
	f.mu.Lock() // before the file is looked at, so that nothing falls between the two
	rest := told{f.last - uint64(len(f.waiting)) + 1, f.waiting}
	f.mu.Unlock()
	if err := c.at(folds.Load()); err != nil {
		return nil, 0, unavailable(err)
	}
	s, err := c.prepare(`SELECT seq, changes FROM certlink_feed WHERE seq >=
		(SELECT coalesce(max(seq), 0) FROM certlink_feed WHERE seq <= ?) ORDER BY seq`)
	if err != nil {
		return nil, 0, unavailable(err)
	}
	defer s.reset()
	s.bindInt(1, int64(at+1))
	var changes []store.Change
	for len(changes) < limit {
		more, err := s.step()
		if err != nil {
			return nil, 0, unavailable(err)
		}
		if !more {
			break
		}
		first := uint64(s.int(0))
		for i, ch := range engine.DecodeChanges(s.view(1)) {
			if n := first + uint64(i); n > at && len(changes) < limit {
				changes, at = append(changes, ch), n
			}
		}
	}
	for i, ch := range rest.changes {
		if n := rest.first + uint64(i); n > at && len(changes) < limit {
			changes, at = append(changes, ch), n
		}
	}
	return changes, at, nil
}
