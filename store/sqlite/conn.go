package sqlite

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// busyTimeout is for programs of the operator that look into the file, in milliseconds.
const busyTimeout = 5000

// conn is one connection to the database file, used by one goroutine at a time.
//
// It calls SQLite's C interface as modernc.org/sqlite/lib spells it, and not
// database/sql: measured on the same statements, a read costs a third and a
// write two thirds of the processor time, nothing is allocated for binding, and
// no goroutine is started per call to watch a context. All use of foreign
// memory is in this file.
type conn struct {
	tls *libc.TLS
	db  uintptr
	// out receives results that C functions return through a pointer.
	out uintptr
	// arena holds what is bound to the statement that runs now. SQLite reads
	// it there until the statement is reset, so it is filled once per run.
	arena     uintptr
	size, off int
	cached    map[string]*stmt

	// mu is held by whoever uses a connection that reads: its owner, and the folder,
	// which ends its snapshot when SQLite's log is to begin anew.
	mu sync.Mutex
	// snapshot counts the folds that the open snapshot has seen; 0 is none.
	snapshot uint64
}

// stmt is a prepared statement.
type stmt struct {
	c *conn
	p uintptr
}

// sqliteError is what SQLite answered, by its extended result code.
type sqliteError struct {
	code int32
	text string
}

func (e *sqliteError) Error() string { return fmt.Sprintf("sqlite: %s (%d)", e.text, e.code) }

// mem turns an address outside Go's heap into a pointer.
func mem(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func openConn(path string) (*conn, error) {
	c := &conn{tls: libc.NewTLS(), cached: map[string]*stmt{}}
	c.out = libc.Xmalloc(c.tls, 16)
	name, err := libc.CString(path)
	if err != nil || c.out == 0 {
		return nil, fmt.Errorf("sqlite: out of memory: %w", err)
	}
	defer libc.Xfree(c.tls, name)
	// NOMUTEX: the owner of the connection is the mutex.
	const flags = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE | sqlite3.SQLITE_OPEN_NOMUTEX | sqlite3.SQLITE_OPEN_EXRESCODE
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, c.out, flags, 0)
	c.db = *(*uintptr)(mem(c.out))
	if rc != sqlite3.SQLITE_OK {
		err := c.fail(rc)
		c.close()
		return nil, err
	}
	sqlite3.Xsqlite3_busy_timeout(c.tls, c.db, busyTimeout)
	// A plan must not depend on the values bound, or SQLite prepares the
	// statement again for new ones.
	sqlite3.Xsqlite3_db_config(c.tls, c.db, sqlite3.SQLITE_DBCONFIG_ENABLE_QPSG, libc.VaList(c.out, int32(1), uintptr(0)))
	return c, nil
}

func (c *conn) close() {
	for _, s := range c.cached {
		sqlite3.Xsqlite3_finalize(c.tls, s.p)
	}
	if c.db != 0 {
		sqlite3.Xsqlite3_close_v2(c.tls, c.db)
	}
	libc.Xfree(c.tls, c.arena)
	libc.Xfree(c.tls, c.out)
	c.tls.Close()
}

func (c *conn) fail(rc int32) error {
	if c.db == 0 {
		return &sqliteError{rc, libc.GoString(sqlite3.Xsqlite3_errstr(c.tls, rc))}
	}
	return &sqliteError{rc, libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))}
}

// prepare returns the cached statement for this text, which is a constant of
// the program or made from the schema, so that the cache is bounded.
func (c *conn) prepare(sql string) (*stmt, error) {
	if s := c.cached[sql]; s != nil {
		return s, nil
	}
	text, err := libc.CString(sql)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, text)
	rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, -1, sqlite3.SQLITE_PREPARE_PERSISTENT, c.out, 0)
	if rc != sqlite3.SQLITE_OK {
		return nil, fmt.Errorf("%w, in: %s", c.fail(rc), sql)
	}
	s := &stmt{c, *(*uintptr)(mem(c.out))}
	c.cached[sql] = s
	return s, nil
}

// exec runs statements that take no values, one after the other.
func (c *conn) exec(sqls ...string) error {
	for _, sql := range sqls {
		s, err := c.prepare(sql)
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			more, err = s.step()
		}
		s.reset()
		if err != nil {
			return fmt.Errorf("%w, in: %s", err, sql)
		}
	}
	return nil
}

// list runs a statement without values and returns its first column.
func (c *conn) list(sql string) (out []string, err error) {
	s, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	defer s.reset()
	for {
		more, err := s.step()
		if !more || err != nil {
			return out, err
		}
		out = append(out, s.text(0))
	}
}

// first runs a statement without values and returns the first column of its
// first row as text.
func (c *conn) first(sql string) (string, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return "", err
	}
	defer s.reset()
	if _, err := s.step(); err != nil {
		return "", err
	}
	return s.text(0), nil
}

// at has the connection read what the database holds after so many folds, or later.
// The snapshot stays open between reads: to begin and end one for each costs as much as
// a short read itself, and nothing but a fold changes what they see.
func (c *conn) at(folds uint64) error {
	if c.snapshot == folds {
		return nil
	}
	if err := c.release(); err != nil {
		return err
	}
	if err := c.exec("BEGIN"); err != nil {
		return err
	}
	c.snapshot = folds
	return nil
}

// release ends the snapshot, if there is one.
func (c *conn) release() error {
	c.snapshot = 0
	if !c.inTransaction() {
		return nil
	}
	return c.exec("COMMIT")
}

// number is first for a whole number; 0 without a row.
func (c *conn) number(sql string) (int64, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return 0, err
	}
	defer s.reset()
	if found, err := s.step(); !found || err != nil {
		return 0, err
	}
	return s.int(0), nil
}

// room makes the arena ready for a run that binds n bytes. Nothing may be
// running that was bound before.
func (c *conn) room(n int) error {
	c.off = 0
	if n < c.size {
		return nil
	}
	size := max(2*n, 1<<16)
	p := libc.Xmalloc(c.tls, types.Size_t(size))
	if p == 0 {
		return &sqliteError{sqlite3.SQLITE_NOMEM, "out of memory"}
	}
	libc.Xfree(c.tls, c.arena)
	c.arena, c.size = p, size
	return nil
}

// put copies v into the arena, where room was made for it.
func (c *conn) put(v string) (uintptr, int32) {
	p := c.arena + uintptr(c.off)
	if len(v) > c.size-c.off {
		panic("sqlite: values are bound for which no room was made")
	}
	copy(unsafe.Slice((*byte)(mem(p)), len(v)), v)
	c.off += len(v)
	return p, int32(len(v))
}

func (s *stmt) bindText(i int, v string) {
	p, n := s.c.put(v)
	s.bound(sqlite3.Xsqlite3_bind_text(s.c.tls, s.p, int32(i), p, n, 0))
}

// bindValue binds an index value: "" is no value.
func (s *stmt) bindValue(i int, v string) {
	if v == "" {
		s.bound(sqlite3.Xsqlite3_bind_null(s.c.tls, s.p, int32(i)))
		return
	}
	s.bindText(i, v)
}

func (s *stmt) bindBlob(i int, v []byte) {
	p, n := s.c.put(unsafe.String(unsafe.SliceData(v), len(v)))
	s.bound(sqlite3.Xsqlite3_bind_blob(s.c.tls, s.p, int32(i), p, n, 0))
}

// bindTop binds what orders after every text.
func (s *stmt) bindTop(i int) { s.bindBlob(i, nil) }

func (s *stmt) bindInt(i int, v int64) {
	s.bound(sqlite3.Xsqlite3_bind_int64(s.c.tls, s.p, int32(i), v))
}

// bound: binding fails only for a parameter that does not exist or a statement
// that was not reset.
func (s *stmt) bound(rc int32) {
	if rc != sqlite3.SQLITE_OK {
		panic("sqlite: a value could not be bound: " + s.c.fail(rc).Error())
	}
}

// step runs to the next row and reports whether there is one.
func (s *stmt) step() (bool, error) {
	switch rc := sqlite3.Xsqlite3_step(s.c.tls, s.p); rc {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	default:
		return false, s.c.fail(rc)
	}
}

// reset ends a run, and with it a reader's snapshot.
func (s *stmt) reset() { sqlite3.Xsqlite3_reset(s.c.tls, s.p) }

// run steps a statement that gives no rows, and tells how many it changed.
func (s *stmt) run() (int, error) {
	_, err := s.step()
	n := int(sqlite3.Xsqlite3_changes(s.c.tls, s.c.db))
	s.reset()
	return n, err
}

func (s *stmt) int(col int) int64 { return sqlite3.Xsqlite3_column_int64(s.c.tls, s.p, int32(col)) }

func (s *stmt) text(col int) string {
	b := s.view(col)
	return string(b)
}

func (s *stmt) blob(col int) []byte {
	b := s.view(col)
	return append(make([]byte, 0, len(b)), b...)
}

// view is the column's bytes where SQLite holds them, until the next step.
func (s *stmt) view(col int) []byte {
	p := sqlite3.Xsqlite3_column_blob(s.c.tls, s.p, int32(col))
	n := sqlite3.Xsqlite3_column_bytes(s.c.tls, s.p, int32(col))
	if p == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(mem(p)), n)
}

// inTransaction tells whether BEGIN still holds: some errors end a transaction
// by themselves.
func (c *conn) inTransaction() bool { return sqlite3.Xsqlite3_get_autocommit(c.tls, c.db) == 0 }

// pagesWritten is how many pages this connection has written to the log since
// it was last asked.
func (c *conn) pagesWritten() int {
	sqlite3.Xsqlite3_db_status(c.tls, c.db, sqlite3.SQLITE_DBSTATUS_CACHE_WRITE, c.out, c.out+8, 1)
	return int(*(*int32)(mem(c.out)))
}

// checkpoint moves the log into the database file, as far as no reader stands
// in the way.
func (c *conn) checkpoint() error { return c.checkpointed(sqlite3.SQLITE_CHECKPOINT_PASSIVE) }

// restart has the log begin anew, if all of it has been moved and nobody reads from it;
// if somebody does, it is asked again another time.
func (c *conn) restart() error {
	sqlite3.Xsqlite3_busy_timeout(c.tls, c.db, 0)
	defer sqlite3.Xsqlite3_busy_timeout(c.tls, c.db, busyTimeout)
	var e *sqliteError
	if err := c.checkpointed(sqlite3.SQLITE_CHECKPOINT_RESTART); !errors.As(err, &e) || e.code&0xff != sqlite3.SQLITE_BUSY {
		return err
	}
	return nil
}

func (c *conn) checkpointed(mode int32) error {
	if rc := sqlite3.Xsqlite3_wal_checkpoint_v2(c.tls, c.db, 0, mode, c.out, c.out+8); rc != sqlite3.SQLITE_OK {
		return c.fail(rc)
	}
	return nil
}

// uniqueColumn names the column that a unique constraint refused, "" if err is
// something else.
func uniqueColumn(err error) string {
	var e *sqliteError
	if !errors.As(err, &e) || e.code != sqlite3.SQLITE_CONSTRAINT_UNIQUE && e.code != sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return ""
	}
	return e.text[strings.LastIndexByte(e.text, '.')+1:]
}
