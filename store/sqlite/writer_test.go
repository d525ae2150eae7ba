package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/store"
)

// stall keeps the writer busy until the function returned is called.
func stall(t *testing.T, db *DB) (release func()) {
	t.Helper()
	busy, done := make(chan struct{}), make(chan struct{})
	go db.submit(context.Background(), &op{kind: opCall, call: func(*conn) error {
		close(busy)
		<-done
		return nil
	}})
	<-busy
	return sync.OnceFunc(func() { close(done) })
}

// foldAll has everything folded into the database.
func foldAll(t testing.TB, db *DB) {
	t.Helper()
	if err := db.submit(context.Background(), &op{kind: opCall, call: func(*conn) error { return db.writer.foldAll() }}); err != nil {
		t.Fatal(err)
	}
}

func doc(id string) store.Doc { return store.Doc{ID: id, Body: []byte(`{}`)} }

func TestQueueIsBounded(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema, WithQueue(3))
	release := stall(t, db)
	defer release()
	answers := make(chan error)
	for i := range 3 {
		go func() { answers <- db.Create(t.Context(), "things", doc(fmt.Sprint(i))) }()
	}
	for len(db.queue) < 3 {
		time.Sleep(time.Millisecond)
	}
	if err := db.Create(t.Context(), "things", doc("one more")); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a write to a full queue: %v", err)
	}
	if err := db.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("ping with a full queue: %v", err)
	}
	if _, err := db.Get(t.Context(), "things", "0"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a read beside a full queue: %v", err)
	}
	release()
	for range 3 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
}

// TestLeftBeforeItBegan: a write whose caller has gone is not done.
func TestLeftBeforeItBegan(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema)
	release := stall(t, db)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() { answer <- db.Create(ctx, "things", doc("a")) }()
	for len(db.queue) < 1 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-answer; !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	release()
	if err := db.Create(t.Context(), "things", doc("b")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Get(t.Context(), "things", "a"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("got %v", err)
	}
}

// TestCloseDrains: what was waiting when Close was called is still done.
func TestCloseDrains(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, helperSchema)
	release := stall(t, db)
	answers := make(chan error)
	for i := range 200 {
		go func() { answers <- db.Create(t.Context(), "things", doc(fmt.Sprint(i))) }()
	}
	for len(db.queue) < 200 {
		time.Sleep(time.Millisecond)
	}
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	<-db.over
	if err := db.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("ping while closing: %v", err)
	}
	release()
	for range 200 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	db = open(t, dir, helperSchema)
	if got := count(t, db, store.Query{}); got != 200 {
		t.Fatalf("%d documents are there", got)
	}
}

// TestRefusalsInABatch: refused operations disturb none in their transaction,
// which they see in the order of their coming.
func TestRefusalsInABatch(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema)
	if err := db.Create(t.Context(), "things", store.Doc{ID: "old", Body: []byte(`{}`), Index: map[string]string{"slot": "s", "owner": "o"}}); err != nil {
		t.Fatal(err)
	}
	release := stall(t, db)
	slot := func(d store.Doc, s string) store.Doc {
		d.Index = map[string]string{"slot": s}
		return d
	}
	old := store.Doc{ID: "old", Rev: 1, Body: []byte(`{}`)}
	type step struct {
		do   func() error
		want error
	}
	c := context.Background()
	var steps = []step{
		{func() error { return db.Create(c, "things", slot(doc("a"), "s")) }, &store.DuplicateError{}},
		{func() error { return db.Create(c, "things", slot(doc("b"), "t")) }, nil},
		{func() error { return db.Create(c, "things", slot(doc("old"), "u")) }, store.ErrExists},
		{func() error { return db.Replace(c, "things", slot(old, "t")) }, &store.DuplicateError{}},
		{func() error { return db.Replace(c, "things", slot(old, "v")) }, nil},
		{func() error { return db.Replace(c, "things", slot(old, "w")) }, store.ErrConflict},
		{func() error { return db.Create(c, "things", slot(doc("a"), "s")) }, nil},
		{func() error { return db.Delete(c, "things", "b", 1) }, nil},
		{func() error { return db.Delete(c, "things", "b", 1) }, store.ErrNotFound},
		// The same id and revision as the document that the cache knew, and one of
		// its values, which the document there now does not have.
		{func() error { return db.Delete(c, "things", "old", 2) }, nil},
		{func() error { return db.Create(c, "things", slot(doc("old"), "t")) }, nil},
		{func() error {
			d := slot(old, "s2")
			d.Index["owner"] = "o"
			return db.Replace(c, "things", d)
		}, nil},
	}
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	for i, s := range steps {
		wg.Go(func() { errs[i] = s.do() })
		for len(db.queue) != i+1 { // in this order
			time.Sleep(time.Millisecond)
		}
	}
	release()
	wg.Wait()
	for i, s := range steps {
		var d *store.DuplicateError
		if errors.As(s.want, &d) && errors.As(errs[i], &d) {
			continue
		}
		if !errors.Is(errs[i], s.want) {
			t.Errorf("step %d: got %v, want %v", i, errs[i], s.want)
		}
	}
	for _, fresh := range []bool{false, true} {
		if fresh {
			foldAll(t, db) // the file says the same
			db.cache = newCache(0)
		}
		d, err := db.Get(t.Context(), "things", "old")
		if err != nil || d.Rev != 2 || d.Index["owner"] != "o" || d.Index["slot"] != "s2" {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	if got := count(t, db, store.Query{Index: "slot"}); got != 2 {
		t.Fatalf("%d slots are held", got)
	}
}

// TestFailedBatch: when the journal cannot be written, all callers hear so, and
// neither the layers nor the feed keep anything of it.
func TestFailedBatch(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema)
	if err := db.Create(t.Context(), "things", doc("a")); err != nil {
		t.Fatal(err)
	}
	from := mustNow(t, db)
	journal := func(f *os.File) (was *os.File) {
		t.Helper()
		if err := db.submit(t.Context(), &op{kind: opCall, call: func(*conn) error {
			was, db.writer.journal.file = db.writer.journal.file, f
			return nil
		}}); err != nil {
			t.Fatal(err)
		}
		return was
	}
	readOnly, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	was := journal(readOnly)
	replaced := store.Doc{ID: "a", Rev: 1, Body: []byte(`{"n":2}`)}
	if err := db.Replace(t.Context(), "things", replaced); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if err := db.Create(t.Context(), "things", doc("b")); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if d, err := db.Get(t.Context(), "things", "a"); err != nil || d.Rev != 1 || string(d.Body) != `{}` {
		t.Fatalf("%+v, %v", d, err)
	}
	journal(was).Close()
	if err := db.Replace(t.Context(), "things", replaced); err != nil {
		t.Fatal(err)
	}
	changes, _, err := db.Changes(t.Context(), from, 0)
	if err != nil || len(changes) != 1 || changes[0].Rev != 2 {
		t.Fatalf("%v, %v", changes, err)
	}
	if got := count(t, db, store.Query{}); got != 1 {
		t.Fatalf("%d documents", got)
	}
}

func TestFeedIsTrimmed(t *testing.T) {
	now := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	dir := t.TempDir()
	db := open(t, dir, helperSchema, WithClock(now.Now))
	rows := func() string {
		var n string
		err := db.submit(t.Context(), &op{kind: opCall, call: func(*conn) (err error) {
			n, err = db.conns[0].first("SELECT count(*) || ' from ' || min(seq) FROM certlink_feed")
			return err
		}})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	write := func(n int) {
		t.Helper()
		for range n {
			now.Advance(time.Second)
			if err := db.Create(t.Context(), "things", doc(fmt.Sprint(now.Now().Unix()))); err != nil {
				t.Fatal(err)
			}
			foldAll(t, db) // each makes a row
		}
	}
	start := mustNow(t, db)
	write(100)
	now.Advance(store.KeepChanges - 98*time.Second)
	if got := rows(); got != "100 from 1" {
		t.Fatalf("%s rows", got)
	}
	write(1) // the first two are now more than KeepChanges old
	if got := rows(); got != "99 from 3" {
		t.Fatalf("%s rows", got)
	}
	now.Advance(time.Hour)
	write(10)
	if got := rows(); got != "89 from 23" {
		t.Fatalf("%s rows", got)
	}
	// After a restart the rest goes while idle, and a cursor of before goes on
	// with what there is.
	db.Close()
	db = open(t, dir, helperSchema, WithClock(now.Now))
	now.Advance(time.Hour)
	err := db.submit(t.Context(), &op{kind: opCall, call: func(*conn) error { return db.writer.folder.trimIdle() }})
	if err != nil {
		t.Fatal(err)
	}
	if got := rows(); got != "1 from 111" {
		t.Fatalf("%s rows", got)
	}
	changes, _, err := db.Changes(t.Context(), start, 0)
	if err != nil || len(changes) != 1 {
		t.Fatalf("%v, %v", changes, err)
	}
	write(1)
	if changes, _, err = db.Changes(t.Context(), start, 0); err != nil || len(changes) != 2 {
		t.Fatalf("%v, %v", changes, err)
	}
}

// TestFeedBeyondMemory reads more changes than are kept in memory.
func TestFeedBeyondMemory(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema)
	start := mustNow(t, db)
	n := len(db.feed.ring) + 2500
	var wg sync.WaitGroup
	for g := range 50 {
		wg.Go(func() {
			for i := g; i < n; i += 50 {
				if err := db.Create(t.Context(), "things", doc(fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, limit := range []int{0, 333} {
		seen := map[string]bool{}
		for at := start; ; {
			changes, next, err := db.Changes(t.Context(), at, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) == 0 {
				break
			}
			for _, c := range changes {
				if seen[c.ID] || c.Rev != 1 || c.Collection != "things" {
					t.Fatalf("told again of %+v", c)
				}
				seen[c.ID] = true
			}
			at = next
		}
		if len(seen) != n {
			t.Fatalf("%d of %d changes", len(seen), n)
		}
	}
	// A cursor from the future, as after a restored backup, goes on from now.
	changes, next, err := db.Changes(t.Context(), "999999999", 0)
	if err != nil || len(changes) != 0 || next != mustNow(t, db) {
		t.Fatalf("%v, %q, %v", changes, next, err)
	}
}
