// Package sqlite is the embedded engine: a journal and a SQLite file in the data
// directory, for one server.
//
// All writes go through one goroutine, which decides about up to 128 waiting
// operations, appends what they write to the journal as one record, syncs it, makes
// it visible, and answers; so they share one sync of the disk. An operation that is
// refused (conflict, duplicate) does not disturb the others. Nothing is ever read or
// answered that a power cut could take back.
//
// What the journal holds stands in memory in a layer over the database, and is folded
// into it every two seconds, or when the journal has grown: most of what is written
// is written several times within that, its index entries come and go, and then costs
// SQLite one row. After a crash, what was not folded yet is folded when the store is
// opened again.
//
// Reads come from the layers, from a cache of documents, else from the database, by
// connections of their own that wait for nobody. A walk merges the layers with the
// database.
//
// The file is in WAL mode with synchronous=FULL, so that a journal is given up only
// when the database holds for certain what was in it.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"certlink/store"
	"certlink/store/internal/engine"

	driver "modernc.org/sqlite"
)

const (
	fileName = "certlink.db"
	lockName = "lock"
	// deadline is added where a context has none.
	deadline = 10 * time.Second
)

// DB is an open data directory.
type DB struct {
	schema   engine.Schema
	declared []store.Collection
	tables   map[*engine.Collection]*table
	lock     *os.File
	clock    func() time.Time
	cache    *cache
	holders  holders
	lasts    lasts
	layers   layers
	filters  map[*engine.Collection][]*filter // of the ids, then of the indexes
	// foldBytes is when the young layer is folded; tests have it smaller.
	foldBytes int64
	folds     atomic.Uint64 // how often a layer has reached the database, from 1
	feed      *feed
	readers   chan *conn // idle ones
	conns     []*conn    // all of them; the first is the folder's
	scanner   *conn      // reads whole indexes into filters
	writer    *writer
	queue     chan *op

	// closing guards closed and the sends on queue against its close.
	closing sync.RWMutex
	closed  bool
	over    chan struct{} // closed with it
}

var _ store.Store = (*DB)(nil)

// Option changes a default of Open.
type Option func(*DB)

// WithClock sets the clock by which the change feed is trimmed.
func WithClock(now func() time.Time) Option { return func(db *DB) { db.clock = now } }

// WithCache bounds the document cache; 64 MiB is the default.
func WithCache(bytes int) Option { return func(db *DB) { db.cache = newCache(bytes) } }

// WithQueue bounds how many writes may wait; 4096 is the default. When it is
// full, writes are refused with store.ErrUnavailable at once.
func WithQueue(n int) Option { return func(db *DB) { db.queue = make(chan *op, n) } }

// Open opens the data directory, which is made where it does not exist, and
// holds it alone until Close.
func Open(ctx context.Context, dir string, schema []store.Collection, opts ...Option) (*DB, error) {
	s, err := engine.NewSchema(schema)
	if err != nil {
		return nil, fmt.Errorf("the schema is wrong: %w", err)
	}
	db := &DB{schema: s, tables: map[*engine.Collection]*table{}, clock: time.Now, cache: newCache(64 << 20), foldBytes: foldBytes, queue: make(chan *op, 4096), over: make(chan struct{})}
	for _, o := range opts {
		o(db)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := db.takeDir(dir); err != nil {
		return nil, err
	}
	db.declared = schema
	if err := db.openFile(ctx, dir); err != nil {
		db.closeConns()
		db.lock.Close()
		return nil, err
	}
	// SQLite has synced the files; their names must last, too.
	if err := syncDir(dir); err != nil {
		db.closeConns()
		db.lock.Close()
		return nil, fmt.Errorf("the data directory %s cannot be synced: %w", dir, err)
	}
	go db.writer.loop()
	go db.writer.folder.loop()
	return db, nil
}

// takeDir makes the directory ours alone.
func (db *DB) takeDir(dir string) error {
	unusable := func(err error) error {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return fmt.Errorf("the data directory %s cannot be used: %w; name a directory that this user may write to", dir, err)
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return unusable(err)
		}
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return unusable(err)
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return unusable(err)
	}
	if err := tryLock(f); err != nil {
		defer f.Close()
		b := make([]byte, 20)
		n, _ := f.Read(b)
		return fmt.Errorf("the data directory %s is in use by another process (pid %s); stop that one, or name another directory", dir, strings.TrimSpace(string(b[:n])))
	}
	// The pid is only for that sentence; the lock itself ends with the process.
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return unusable(err)
	}
	db.lock = f
	return nil
}

func (db *DB) openFile(ctx context.Context, dir string) error {
	path := filepath.Join(dir, fileName)
	// fdatasync leaves out the file times that fsync would push through the
	// journal of the file system; the data is as durable. Where there is none,
	// SQLite goes on with fsync.
	if _, err := driver.Fdatasync(true); err != nil && !errors.Is(err, driver.ErrFdatasyncUnavailable) {
		return err
	}
	c, err := openConn(path)
	if err != nil {
		return fmt.Errorf("the database %s cannot be opened: %w", path, err)
	}
	db.conns = append(db.conns, c)
	// The folder checkpoints by itself. A page cache much larger than this makes
	// commits slower: SQLite scans it after page splits.
	if err := c.exec("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=0",
		"PRAGMA cache_size=-16384", "PRAGMA temp_store=MEMORY"); err != nil {
		return fmt.Errorf("the database %s cannot be opened: %w", path, err)
	}
	if mode, err := c.first("PRAGMA journal_mode"); err != nil || mode != "wal" {
		return fmt.Errorf("the database %s cannot be opened in WAL mode (it is in mode %q): the data directory must lie on a local file system", path, mode)
	}
	if err := db.prepareFile(c); err != nil {
		return fmt.Errorf("the database %s: %w", path, err)
	}
	if db.feed, err = openFeed(c); err != nil {
		return fmt.Errorf("the database %s: %w", path, err)
	}
	gen, err := db.replayJournals(c, dir)
	if err != nil {
		return err
	}
	if err := db.migrate(ctx, c); err != nil {
		return fmt.Errorf("the database %s: %w", path, err)
	}
	lookups, err := db.openReader(path, 8192)
	if err != nil {
		return err
	}
	db.writer = newWriter(db, lookups)
	db.writer.folder = newFolder(db, c)
	first := &journal{dir: dir, schema: encodeSchema(db.declared)}
	if db.writer.journal, err = first.next(gen + 1); err != nil {
		return fmt.Errorf("the journal in %s cannot be begun: %w", dir, err)
	}
	db.layers.young = newLayer(gen + 1)
	db.filters = map[*engine.Collection][]*filter{}
	for _, c := range db.schema {
		for range 1 + len(c.Indexes) {
			db.filters[c] = append(db.filters[c], new(filter))
		}
	}
	if db.scanner, err = db.openReader(path, 1024); err != nil {
		return err
	}
	db.folds.Store(1)
	n := max(4, 2*runtime.GOMAXPROCS(0))
	db.readers = make(chan *conn, n)
	for range n {
		r, err := db.openReader(path, 4096)
		if err != nil {
			return err
		}
		db.readers <- r
	}
	return nil
}

// openReader opens a connection that only reads, with a cache of so many KiB.
func (db *DB) openReader(path string, cache int) (*conn, error) {
	c, err := openConn(path)
	if err != nil {
		return nil, fmt.Errorf("the database %s cannot be opened: %w", path, err)
	}
	db.conns = append(db.conns, c)
	if err := c.exec("PRAGMA query_only=1", "PRAGMA cache_size=-"+strconv.Itoa(cache)); err != nil {
		return nil, fmt.Errorf("the database %s cannot be opened: %w", path, err)
	}
	return c, nil
}

// Ping writes, if nothing was written within the last second: a full or failing
// disk shows only then.
func (db *DB) Ping(ctx context.Context) error {
	return db.submit(ctx, &op{kind: opPing})
}

// Close lets the waiting writes finish, refuses new ones, and gives the
// directory up. Calling it again does nothing.
func (db *DB) Close() error {
	db.closing.Lock()
	if db.closed {
		db.closing.Unlock()
		return nil
	}
	db.closed = true
	close(db.queue)
	close(db.over)
	db.closing.Unlock()
	<-db.writer.ended
	close(db.writer.folder.in)
	<-db.writer.folder.ended
	db.writer.folder.scans.Wait()
	// Collect the readers from whoever still reads; then no connection is in use.
	for range cap(db.readers) {
		<-db.readers
	}
	db.closeConns()
	return db.lock.Close()
}

// closeConns closes everything, once nobody uses the store.
func (db *DB) closeConns() {
	if db.writer != nil && db.writer.journal != nil {
		db.writer.journal.file.Close()
	}
	// The first one writes; it goes last, so that it empties SQLite's log into the file.
	for _, c := range slices.Backward(db.conns) {
		c.close()
	}
}

// unavailable wraps a cause as store.ErrUnavailable.
func unavailable(cause error) error { return fmt.Errorf("%w: %w", store.ErrUnavailable, cause) }

var (
	errClosed = unavailable(errors.New("the store is closed"))
	errFull   = unavailable(errors.New("too many writes are waiting"))
)

// withDeadline gives ctx the engine's own deadline where it has none.
func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, deadline)
}
