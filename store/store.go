// Package store is the one narrow door between certlink and its database.
//
// A document is an opaque JSON body, a revision and the values of a few
// declared indexes. Nothing else is promised, so nothing else can be relied on
// by accident: there are no joins, no transactions over two documents, no
// queries on undeclared fields. Every rule of the product is built from
// "one decision is one compare-and-swap on one document".
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The errors that callers tell apart. Engines wrap them, so use errors.Is.
var (
	// ErrNotFound: no document has this id.
	ErrNotFound = errors.New("store: no such document")
	// ErrExists: Create found a document with the same id.
	ErrExists = errors.New("store: a document with this id exists")
	// ErrConflict: Replace or Delete named a revision that is no longer current.
	// Read again and decide again.
	ErrConflict = errors.New("store: the document has changed since it was read")
	// ErrUnavailable: the engine cannot be reached, is overloaded, or the
	// deadline passed. The write may or may not have happened: read before
	// repeating it. It may work later.
	ErrUnavailable = errors.New("store: not available")
	// ErrCursor: the cursor was not made by this store; start again from "".
	ErrCursor = errors.New("store: this is not a cursor")
)

// DuplicateError tells which unique index refused a Create or Replace.
type DuplicateError struct {
	Collection, Index string
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("store: %s: another document holds this value of %s", e.Collection, e.Index)
}

// IsDuplicate reports whether err is a refusal by the unique index named.
func IsDuplicate(err error, index string) bool {
	var d *DuplicateError
	return errors.As(err, &d) && d.Index == index
}

// Collection declares a kind of document. All collections are declared when
// the engine is opened; using another one is a programming error and panics.
type Collection struct {
	Name    string // [a-z_]+
	Indexes []Index
	// Feed asks that every Create and Replace is told by Changes.
	Feed bool
	// Derive gives the index values of a stored document again. Engines need it when
	// a newer version of the program declares an index that older documents lack.
	Derive func(Doc) (map[string]string, error)
}

// Index is a declared, sparse index: a document without the value, or with an
// empty one, is not in it. Values order by their bytes.
type Index struct {
	Name   string // [a-z_]+
	Unique bool   // no two documents hold the same value
}

// Doc is one document.
type Doc struct {
	ID string
	// Rev is 1 when created and rises by one with each Replace.
	Rev int64
	// Body is JSON. Engines keep it byte for byte.
	Body []byte
	// Given: the caller never touches Body again, so an engine need not copy it.
	Given bool
	// Index holds the values of the declared indexes.
	Index map[string]string
}

// Query walks one index in the order of (value, id).
type Query struct {
	// Index names a declared index; "" walks the ids themselves.
	Index string
	// Prefix limits to values that begin with it. Together with Key this makes
	// compound indexes: Key(org, time) is found by KeyPrefix(org), in time order.
	Prefix string
	// From and Below limit further to From ≤ value < Below; empty means open.
	From, Below string
	// Desc walks backwards.
	Desc bool
	// Limit is the most documents returned; 1 to MaxLimit, 0 means MaxLimit.
	Limit int
	// After continues a walk: the cursor of the page before.
	After Cursor
}

// MaxLimit bounds one page of a Query or of Changes.
const MaxLimit = 1000

// Cursor marks a place in a walk. It is opaque, printable, and stays valid
// while documents come and go; "" means the start, and, returned, the end.
type Cursor string

// Change tells that a document of a collection with Feed was written. It is a
// hint to read that document, never a record: several writes may be told as
// one, and one write may be told twice.
type Change struct {
	Collection, ID string
	Rev            int64
}

// Store is what an engine promises.
//
// Durability: when Create, Replace or Delete returns nil, the write survives
// kill -9 and power loss (embedded: synced; replica set: majority, journalled).
//
// Concurrency: all methods may be called from many goroutines, and from many
// servers where the engine allows several. Operations on one document are
// linearisable. A Query sees each document as it was at some moment during the
// walk, and its own caller's finished writes always.
//
// Deadlines: every method returns when ctx ends, with ErrUnavailable, and an
// engine adds a deadline of its own where ctx has none.
type Store interface {
	Get(ctx context.Context, collection, id string) (Doc, error)
	// Create writes d with Rev 1, whatever d.Rev says.
	// ErrExists if the id is taken, *DuplicateError if a unique value is.
	Create(ctx context.Context, collection string, d Doc) error
	// Replace writes d if the stored revision is d.Rev, as d.Rev+1.
	// ErrConflict if it is another, ErrNotFound if there is no such document,
	// *DuplicateError if a unique value is taken; then nothing has changed.
	Replace(ctx context.Context, collection string, d Doc) error
	// Delete removes the document if the stored revision is rev (0: any).
	Delete(ctx context.Context, collection, id string, rev int64) error
	// Query returns one page and the cursor of the next, "" after the last.
	Query(ctx context.Context, collection string, q Query) ([]Doc, Cursor, error)
	// Changes returns what was written to collections with Feed since after,
	// by any server, in an order that keeps each document's revisions, and the
	// place to go on from. The empty cursor means "from now on". A change is
	// visible here within 250 ms of the write's return at the latest, and is
	// kept for at least KeepChanges. A cursor older than that continues with
	// what there is, so a reader that slept reads its documents again.
	Changes(ctx context.Context, after Cursor, limit int) ([]Change, Cursor, error)
	// Ping answers nil if writes would be accepted now.
	Ping(ctx context.Context) error
	Close() error
}

// Peeker is what an engine can do besides, where it holds documents in memory: reads
// without copies. The caller must not change what it is given. Index is left out.
type Peeker interface {
	Peek(ctx context.Context, collection, id string) (Doc, error)
	PeekQuery(ctx context.Context, collection string, q Query) ([]Doc, Cursor, error)
	// PeekLast reads the last document, in the order of the index, whose value begins with
	// these pieces and has more; ErrNotFound if there is none.
	PeekLast(ctx context.Context, collection, index string, pieces ...string) (Doc, error)
}

// KeepChanges is how long a change can be read from the feed.
const KeepChanges = 10 * time.Minute

// Key joins the pieces of a compound index value. Pieces must not contain
// U+001F, which the validators of outside text refuse.
func Key(pieces ...string) string { return strings.Join(pieces, "\x1f") }

// KeyPrefix is the Prefix that finds every Key beginning with these pieces.
func KeyPrefix(pieces ...string) string { return Key(pieces...) + "\x1f" }

// TimeKey writes t so that the order of bytes is the order of time.
func TimeKey(t time.Time) string { return t.UTC().Format("20060102T150405.000000Z") }
