package mongo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"certlink/store"
	"certlink/store/internal/engine"
)

const (
	// gather is how long the first of several changes waits for the others.
	gather = 10 * time.Millisecond
	// maxBatch is the most changes in one entry of the feed.
	maxBatch = 500
	// maxPending bounds what waits to be told. It is only reached when documents
	// can be written and the feed cannot.
	maxPending = 50_000
	// trimEvery is how often entries that have had their time are removed, and
	// skew how much longer they stay, since another server's clock may be ahead.
	trimEvery = time.Minute
	skew      = 2 * time.Minute
)

// feed is this server's part of the feed, and its view of the whole.
//
// Each open engine is a writer with a random name and numbers its changes from
// 1. One goroutine inserts them, one entry after the other, each acknowledged
// before the next, so that a reader who has seen a number has seen all before:
//
//	{_id: "<writer>/<number of the last change, 16 hex digits>", n: <number of the first>, at: <time>, c: <changes>}
//
// A cursor holds the number of the last change read of each writer. Writers that
// it does not hold are read from their beginning: they came later, or all that
// was read of them has been removed.
type feed struct {
	c     *driver.Collection
	name  string
	clock func() time.Time

	mu      sync.Mutex
	pending []store.Change
	dropped bool // changes were dropped; it was logged
	wake    chan struct{}
	over    chan struct{} // closed by close
	ended   chan struct{} // closed when run has ended
	number  uint64        // of the last change inserted; run's own

	told told
}

func newFeed(c *driver.Collection, name string, clock func() time.Time) *feed {
	return &feed{c: c, name: strings.ToLower(name), clock: clock,
		wake: make(chan struct{}, 1), over: make(chan struct{}), ended: make(chan struct{})}
}

// add lets a change be told soon. It never waits.
func (f *feed) add(c store.Change) {
	f.mu.Lock()
	if len(f.pending) >= maxPending {
		if !f.dropped {
			slog.Error("changes are not told, because the feed cannot be written fast enough")
		}
		f.dropped = true
		f.mu.Unlock()
		return
	}
	f.pending = append(f.pending, c)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *feed) take() (batch []store.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(len(f.pending), maxBatch)
	batch, f.pending = f.pending[:n:n], f.pending[n:]
	if len(f.pending) == 0 {
		f.pending, f.dropped = nil, false
	}
	return batch
}

// run inserts what is added until close.
func (f *feed) run() {
	defer close(f.ended)
	trim := time.NewTicker(trimEvery)
	defer trim.Stop()
	for {
		select {
		case <-f.wake:
			f.sleep(gather)
			for batch := f.take(); len(batch) > 0; batch = f.take() {
				if !f.insert(batch) {
					return
				}
			}
		case <-trim.C:
			f.trim()
		case <-f.over:
			// What was added before close is still told, if that is possible now.
			for batch := f.take(); len(batch) > 0; batch = f.take() {
				if !f.insert(batch) {
					return
				}
			}
			return
		}
	}
}

func (f *feed) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-f.over:
	}
}

// insert writes one entry, as often as it takes: the next one must not come
// before it. It gives up, answering false, when the engine is closed.
func (f *feed) insert(batch []store.Change) bool {
	last := f.number + uint64(len(batch))
	entry := bson.D{{Key: "_id", Value: entryID(f.name, last)}, {Key: "n", Value: int64(f.number + 1)},
		{Key: "at", Value: f.clock()}, {Key: "c", Value: bson.Binary{Data: engine.EncodeChanges(batch)}}}
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		ctx, cancel := context.WithTimeout(context.Background(), deadline/4)
		_, err := f.c.InsertOne(ctx, entry)
		cancel()
		if err == nil || driver.IsDuplicateKeyError(err) { // an answer was lost: it is there
			f.number = last
			return true
		}
		if f.closed() {
			slog.Warn("the last changes are not told, because the feed cannot be written", "changes", len(batch), "err", err)
			return false
		}
		f.sleep(wait)
	}
}

func (f *feed) closed() bool {
	select {
	case <-f.over:
		return true
	default:
		return false
	}
}

func (f *feed) close() {
	close(f.over)
	<-f.ended
}

// trim removes what has had its time, of all writers: those that died leave
// theirs behind. All servers do so; it does no harm.
func (f *feed) trim() {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	before := f.clock().Add(-store.KeepChanges - skew)
	if _, err := f.c.DeleteMany(ctx, bson.D{{Key: "at", Value: bson.D{{Key: "$lt", Value: before}}}}); err != nil {
		slog.Warn("old changes could not be removed from the feed", "err", err)
	}
}

func entryID(writer string, number uint64) string { return fmt.Sprintf("%s/%016x", writer, number) }

// Changes reads the feed.
func (db *DB) Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error) {
	ctx, cancel, err := begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer cancel()
	if after == "" {
		at, err := db.feed.now(ctx)
		if err != nil {
			return nil, "", unavailable(err)
		}
		return nil, at.cursor(), nil
	}
	at, err := parsePlaces(after)
	if err != nil {
		return nil, "", err
	}
	changes, err := db.feed.read(ctx, at, engine.Limit(limit))
	if err == nil && len(at) > manyWriters {
		err = db.feed.forget(ctx, at)
	}
	if err != nil {
		return nil, "", unavailable(err)
	}
	db.feed.told.order(changes)
	return changes, at.cursor(), nil
}

// now finds the newest entry of each writer: from the last one down, a writer at
// a time.
func (f *feed) now(ctx context.Context) (places, error) {
	at := places{}
	newest := options.FindOne().SetSort(bson.D{{Key: "_id", Value: -1}}).SetProjection(bson.D{{Key: "_id", Value: 1}})
	for filter := (bson.D{}); ; {
		raw, err := f.c.FindOne(ctx, filter, newest).Raw()
		if errors.Is(err, driver.ErrNoDocuments) {
			return at, nil
		}
		if err != nil {
			return nil, err
		}
		writer, number, ok := parseEntryID(raw)
		if !ok {
			return nil, fmt.Errorf("the feed holds an entry %v that is not certlink's", raw)
		}
		at[writer] = number
		filter = bson.D{{Key: "_id", Value: bson.D{{Key: "$lt", Value: writer + "/"}}}}
	}
}

// forget removes writers from a cursor of which nothing is left in the feed.
func (f *feed) forget(ctx context.Context, at places) error {
	present, err := f.now(ctx)
	if err != nil {
		return err
	}
	for writer := range at {
		if _, ok := present[writer]; !ok {
			delete(at, writer)
		}
	}
	return nil
}

// read collects what follows the places, and moves them on.
func (f *feed) read(ctx context.Context, at places, limit int) ([]store.Change, error) {
	cur, err := f.c.Find(ctx, at.filter(), options.Find().SetSort(byID1).SetLimit(int64(limit)))
	if err != nil {
		return nil, err
	}
	defer cur.Close(ctx)
	var changes []store.Change
	for len(changes) < limit && cur.Next(ctx) {
		writer, last, ok := parseEntryID(cur.Current)
		if !ok {
			continue
		}
		first, _ := cur.Current.Lookup("n").AsInt64OK()
		_, blob, _ := cur.Current.Lookup("c").BinaryOK()
		read := at[writer]
		for i, c := range engine.DecodeChanges(blob) {
			if n := uint64(first) + uint64(i); n > read && n <= last && len(changes) < limit {
				changes, read = append(changes, c), n
			}
		}
		at[writer] = read
	}
	return changes, cur.Err()
}
