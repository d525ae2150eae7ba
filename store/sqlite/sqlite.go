// Package sqlite is the embedded engine: one SQLite file in the data directory,
// for one server.
//
// All writes go through one goroutine, which carries out up to 128 waiting
// operations in one transaction and answers them after the commit, so that they
// share one sync of the disk. An operation that is refused (conflict, duplicate)
// does not disturb the others in its transaction. Reads come from a cache that
// the writer keeps up to date, else from connections of their own, which never
// wait for the writer.
//
// The file is in WAL mode with synchronous=FULL: SQLite makes a commit visible
// to readers only after the log is synced, so nothing is ever read or answered
// that a power cut could take back.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
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
	schema  engine.Schema
	tables  map[*engine.Collection]*table
	lock    *os.File
	clock   func() time.Time
	reindex Reindex
	cache   *cache
	feed    *feed
	readers chan *conn // idle ones; nreaders in all
	writer  *writer
	queue   chan *op

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

// Reindex derives the index values of a stored document, when a newer version
// of the program declares an index that older documents do not have.
type Reindex func(collection string, d store.Doc) (map[string]string, error)

// WithReindex lets Open add indexes to collections that hold documents: all
// their values are derived again, in one transaction, before Open returns.
// Without it, such a schema is refused.
func WithReindex(f Reindex) Option { return func(db *DB) { db.reindex = f } }

// Open opens the data directory, which is made where it does not exist, and
// holds it alone until Close.
func Open(ctx context.Context, dir string, schema []store.Collection, opts ...Option) (*DB, error) {
	s, err := engine.NewSchema(schema)
	if err != nil {
		return nil, fmt.Errorf("the schema is wrong: %w", err)
	}
	db := &DB{schema: s, tables: map[*engine.Collection]*table{}, clock: time.Now, cache: newCache(64 << 20), queue: make(chan *op, 4096), over: make(chan struct{})}
	for _, o := range opts {
		o(db)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := db.takeDir(dir); err != nil {
		return nil, err
	}
	if err := db.openFile(ctx, filepath.Join(dir, fileName)); err != nil {
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

func (db *DB) openFile(ctx context.Context, path string) error {
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
	db.writer = newWriter(db, c)
	// The writer checkpoints by itself, after it has answered. A page cache much
	// larger than this makes commits slower: SQLite scans it after page splits.
	if err := c.exec("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=0",
		"PRAGMA cache_size=-16384", "PRAGMA temp_store=MEMORY"); err != nil {
		return fmt.Errorf("the database %s cannot be opened: %w", path, err)
	}
	if mode, err := c.first("PRAGMA journal_mode"); err != nil || mode != "wal" {
		return fmt.Errorf("the database %s cannot be opened in WAL mode (it is in mode %q): the data directory must lie on a local file system", path, mode)
	}
	if err := db.migrate(ctx, c); err != nil {
		return fmt.Errorf("the database %s: %w", path, err)
	}
	if db.feed, err = openFeed(c); err != nil {
		return fmt.Errorf("the database %s: %w", path, err)
	}
	n := max(4, 2*runtime.GOMAXPROCS(0))
	db.readers = make(chan *conn, n)
	for range n {
		r, err := openConn(path)
		if err != nil {
			return fmt.Errorf("the database %s cannot be opened: %w", path, err)
		}
		db.readers <- r
		if err := r.exec("PRAGMA query_only=1", "PRAGMA cache_size=-4096"); err != nil {
			return fmt.Errorf("the database %s cannot be opened: %w", path, err)
		}
	}
	return nil
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
	// Collect the readers from whoever still reads; then no connection is in use.
	for range cap(db.readers) {
		(<-db.readers).close()
	}
	db.closeConns()
	return db.lock.Close()
}

// closeConns closes what is idle: all, once nobody uses the store.
func (db *DB) closeConns() {
	for len(db.readers) > 0 {
		(<-db.readers).close()
	}
	if db.writer != nil {
		db.writer.c.close() // last, so that it empties the log into the file
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
