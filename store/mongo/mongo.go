// Package mongo is the engine for several servers: one MongoDB replica set.
//
// A document is stored as {_id, rev, body, ix_…}: the body as the bytes it is,
// each index value as a field of its own that is absent where there is none.
// Every write is acknowledged by a majority and its journals; Get reads
// linearizably, a Query what a majority holds, both from the primary. A write is
// one insert, replace or delete of one document, with its revision in the
// filter, so nothing depends on transactions, change streams, TTL indexes, or
// clocks.
//
// The change feed is written after the document, by one goroutine, at most 20 ms
// later. A server that is killed in between has written documents of which no
// change is told: the feed is a hint, and whoever waits for a document also
// reads it now and then.
//
// Servers that declare different indexes must not run at once: the indexes are
// those of the server that started last.
package mongo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"certlink/store"
	"certlink/store/internal/engine"
)

const (
	// deadline is added where a context has none.
	deadline = 10 * time.Second
	// selection is how long an operation waits for a primary to be there: longer
	// than an election, as a rule.
	selection = 5 * time.Second
	// pool bounds the connections, and with them what one server asks at once.
	pool = 64
)

// DB is a connection to the replica set.
type DB struct {
	schema  engine.Schema
	client  *driver.Client
	db      *driver.Database
	strict  map[*engine.Collection]*driver.Collection // reads linearizably
	shared  map[*engine.Collection]*driver.Collection // reads what a majority holds
	meta    *driver.Collection
	feed    *feed
	clock   func() time.Time
	dialer  *dialer
	closing sync.Once
	proven  atomic.Int64 // when Ping last succeeded, in Unix nanoseconds
}

var _ store.Store = (*DB)(nil)

// Option changes a default of Open.
type Option func(*DB)

// WithClock sets the clock by which the change feed is trimmed.
func WithClock(now func() time.Time) Option { return func(db *DB) { db.clock = now } }

// Open connects to the replica set and prepares the database.
func Open(ctx context.Context, uri, database string, schema []store.Collection, opts ...Option) (*DB, error) {
	s, err := engine.NewSchema(schema)
	if err != nil {
		return nil, fmt.Errorf("the schema is wrong: %w", err)
	}
	db := &DB{schema: s, clock: time.Now, dialer: &dialer{dial: (&net.Dialer{Timeout: selection}).DialContext}}
	for _, o := range opts {
		o(db)
	}
	journal := true
	o := options.Client().ApplyURI(uri).SetAppName("certlink").SetDialer(db.dialer).
		SetServerSelectionTimeout(selection).SetMaxPoolSize(pool).SetRetryWrites(true).SetRetryReads(true).
		SetReadPreference(readpref.Primary()).
		SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal})
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("the MongoDB URI is wrong: %s", redacted(err.Error(), uri))
	}
	if db.client, err = driver.Connect(o); err != nil {
		return nil, fmt.Errorf("the MongoDB URI is wrong: %s", redacted(err.Error(), uri))
	}
	db.db = db.client.Database(database)
	if err := db.prepare(ctx); err != nil {
		db.disconnect()
		return nil, fmt.Errorf("MongoDB at %s cannot be used: %s", strings.Join(o.Hosts, ", "), redacted(db.reason(err), uri))
	}
	go db.feed.run()
	return db, nil
}

// prepare finds out what the server is, and brings the database to the schema.
func (db *DB) prepare(ctx context.Context) error {
	first, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	var hello struct {
		SetName string `bson:"setName"`
		Msg     string `bson:"msg"`
	}
	if err := db.db.RunCommand(first, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return err
	}
	strict, shared := readconcern.Linearizable(), readconcern.Majority()
	if hello.SetName == "" && hello.Msg != "isdbgrid" {
		// With a single server, what it has is what there is; it even refuses
		// linearizable reads.
		slog.Warn("MongoDB is a single server, not a replica set: documents are only as safe as its disk, and it is away while it restarts")
		strict, shared = readconcern.Local(), readconcern.Local()
	}
	db.strict, db.shared = map[*engine.Collection]*driver.Collection{}, map[*engine.Collection]*driver.Collection{}
	for _, c := range db.schema {
		db.strict[c] = db.db.Collection(c.Name, options.Collection().SetReadConcern(strict))
		db.shared[c] = db.db.Collection(c.Name, options.Collection().SetReadConcern(shared))
	}
	db.meta = db.db.Collection("certlink_meta", options.Collection().SetReadConcern(shared))
	db.feed = newFeed(db.db.Collection("certlink_feed", options.Collection().SetReadConcern(shared)), rand.Text(), db.clock)
	return db.migrate(ctx)
}

// Ping writes, unless it has just done so: only that shows that a majority is
// there.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel, err := begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if time.Since(time.Unix(0, db.proven.Load())) < time.Second && !db.feed.closed() {
		return nil
	}
	_, err = db.meta.UpdateOne(ctx, bson.D{{Key: "_id", Value: "pings"}}, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: int64(1)}}}})
	if err != nil {
		return unavailable(err)
	}
	db.proven.Store(time.Now().UnixNano())
	return nil
}

// Close writes what is left of the feed and disconnects. Calling it again does
// nothing.
func (db *DB) Close() error {
	var err error
	db.closing.Do(func() {
		db.feed.close()
		err = db.disconnect()
	})
	return err
}

func (db *DB) disconnect() error {
	ctx, cancel := context.WithTimeout(context.Background(), selection)
	defer cancel()
	return db.client.Disconnect(ctx)
}

// begin refuses a context that has ended, and gives it a deadline if it has none.
func begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if ctx.Err() != nil {
		return nil, nil, unavailable(ctx.Err())
	}
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	return ctx, cancel, nil
}

// unavailable wraps whatever MongoDB or the way to it did wrong: an election, a
// lost connection, a deadline, but also a right that was taken away or a full
// disk. All of these may be over later.
func unavailable(cause error) error { return fmt.Errorf("%w: %w", store.ErrUnavailable, cause) }

// reason makes one sentence of an error on the way to the server.
func (db *DB) reason(err error) string {
	if last := db.dialer.failed.Load(); last != nil && (driver.IsTimeout(err) || errors.As(err, new(net.Error)) || driver.IsNetworkError(err)) {
		return (*last).Error() + "; check that it runs and that the address is right"
	}
	return strings.ReplaceAll(err.Error(), "\n", " ")
}

// redacted takes what stands before the @ of the URI out of a text.
func redacted(text, uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	if at := strings.LastIndexByte(rest, '@'); at > 0 {
		text = strings.ReplaceAll(text, rest[:at], "…")
		if _, password, ok := strings.Cut(rest[:at], ":"); ok && password != "" {
			text = strings.ReplaceAll(text, password, "…")
		}
	}
	return text
}

// dialer remembers why the server could not be reached: the driver only says
// that it could not.
type dialer struct {
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	failed atomic.Pointer[error]
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.dial(ctx, network, address)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) { // else the driver gave up, not the network
		d.failed.Store(&err)
	}
	return c, err
}
