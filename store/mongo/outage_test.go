package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/store"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// everything calls each method, each with a deadline of its own.
func everything(t *testing.T, db *DB, d time.Duration) map[string]error {
	errs := map[string]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, call := range map[string]func(context.Context) error{
		"get":    func(c context.Context) error { _, err := db.Get(c, "things", "a"); return err },
		"create": func(c context.Context) error { return db.Create(c, "things", doc("new")) },
		"replace": func(c context.Context) error {
			return db.Replace(c, "things", store.Doc{ID: "a", Rev: 1, Body: []byte(`{}`)})
		},
		"delete":  func(c context.Context) error { return db.Delete(c, "things", "b", 1) },
		"query":   func(c context.Context) error { _, _, err := db.Query(c, "things", store.Query{}); return err },
		"changes": func(c context.Context) error { _, _, err := db.Changes(c, "", 0); return err },
		"ping":    db.Ping,
	} {
		wg.Go(func() {
			err := call(within(t, d))
			mu.Lock()
			defer mu.Unlock()
			errs[name] = err
		})
	}
	wg.Wait()
	return errs
}

// eventually repeats what must work again soon.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: still %v after %v", what, err, patience)
		}
	}
}

// TestOutage breaks the network, in two ways: every method says that the store
// is not available, in good time, and works again when the network does.
func TestOutage(t *testing.T) {
	for name, s := range map[string]state{"cut": cut, "silent": silent} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork()
			db := open(t, database(t), testSchema, through(n))
			for _, id := range []string{"a", "b"} {
				if err := db.Create(t.Context(), "things", doc(id)); err != nil {
					t.Fatal(err)
				}
			}
			n.set(s)
			before := time.Now()
			for method, err := range everything(t, db, 500*time.Millisecond) {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s without a network: %v, want ErrUnavailable", method, err)
				}
			}
			if took := time.Since(before); took > patience/2 {
				t.Errorf("the methods took %v to end after half a second", took)
			}
			n.set(up)
			eventually(t, "ping", func() error { return db.Ping(within(t, 2*time.Second)) })
			from, at := store.Cursor(""), store.Cursor("")
			eventually(t, "changes", func() (err error) { _, from, err = db.Changes(within(t, 2*time.Second), "", 0); return err })
			eventually(t, "create", func() error {
				err := db.Create(within(t, 2*time.Second), "things", doc("after"))
				if errors.Is(err, store.ErrExists) {
					return nil
				}
				return err
			})
			eventually(t, "the feed", func() error {
				changes, next, err := db.Changes(within(t, 2*time.Second), from, 0)
				from, at = next, from
				for _, c := range changes {
					if c.ID == "after" {
						return nil
					}
				}
				if err != nil {
					from = at
					return err
				}
				return errors.New("the change is not told")
			})
			if _, err := db.Get(t.Context(), "things", "a"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestAcknowledgedThroughOutages writes while the network breaks again and again:
// what was acknowledged is there, and nothing but ErrUnavailable was answered
// otherwise.
func TestAcknowledgedThroughOutages(t *testing.T) {
	n := newNetwork()
	name := database(t)
	db := open(t, name, testSchema, through(n))
	var mu sync.Mutex
	acknowledged, refused := []string{}, 0
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", g, i)
				err := db.Create(within(t, time.Second), "things", doc(id))
				mu.Lock()
				switch {
				case err == nil:
					acknowledged = append(acknowledged, id)
				case errors.Is(err, store.ErrUnavailable):
					refused++
				default:
					t.Errorf("%s: %v", id, err)
				}
				mu.Unlock()
			}
		})
	}
	for range 4 {
		time.Sleep(150 * time.Millisecond)
		n.set(cut)
		time.Sleep(50 * time.Millisecond)
		n.set(up)
		eventually(t, "ping", func() error {
			db.proven.Store(0)
			return db.Ping(within(t, 2*time.Second))
		})
	}
	time.Sleep(150 * time.Millisecond)
	close(stop)
	wg.Wait()
	if len(acknowledged) == 0 || refused == 0 {
		t.Fatalf("%d writes were acknowledged and %d refused: the test shows nothing", len(acknowledged), refused)
	}
	other := open(t, name, testSchema)
	for _, id := range acknowledged {
		if d, err := other.Get(t.Context(), "things", id); err != nil || d.Rev != 1 {
			t.Fatalf("%s was acknowledged: %+v, %v", id, d, err)
		}
	}
	t.Logf("%d acknowledged, %d refused", len(acknowledged), refused)
}

// TestLostAnswers loses the answer to one request: the write is there, its
// change is told, and the feed neither repeats nor loses anything.
func TestLostAnswers(t *testing.T) {
	n := newNetwork()
	db := open(t, database(t), testSchema, through(n))
	_, from, err := db.Changes(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	// A replica set lets the driver repeat the write and learn its outcome; a
	// single server does not.
	unknown := func(what string, err error) {
		t.Helper()
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	n.loseAnswerTo("insert\x00\x07\x00\x00\x00things")
	unknown("create", db.Create(t.Context(), "things", doc("a")))
	n.loseAnswerTo("update\x00\x07\x00\x00\x00things")
	unknown("replace", db.Replace(t.Context(), "things", store.Doc{ID: "a", Rev: 1, Body: []byte(`{"n":2}`)}))
	n.loseAnswerTo("find\x00\x07\x00\x00\x00things")
	if d, err := db.Get(t.Context(), "things", "a"); err != nil || d.Rev != 2 {
		t.Fatalf("a read whose first answer is lost: %+v, %v", d, err)
	}
	eventually(t, "both changes", func() error { return tells(t, db, from, "a1 a2") })
	n.loseAnswerTo("insert\x00\x0e\x00\x00\x00certlink_feed")
	for i := range 3 {
		if err := db.Create(t.Context(), "things", doc(fmt.Sprint("b", i))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * gather)
	}
	// Read again, the first change of a is told with the revision told last.
	eventually(t, "all changes", func() error { return tells(t, db, from, "a2 a2 b01 b11 b21") })
	n.loseAnswerTo("delete\x00\x07\x00\x00\x00things")
	unknown("delete", db.Delete(t.Context(), "things", "a", 2))
	if _, err := db.Get(t.Context(), "things", "a"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
}

// tells compares the feed since a place with what is wanted, as id and revision.
func tells(t *testing.T, db *DB, from store.Cursor, want string) error {
	changes, _, err := db.Changes(within(t, 5*time.Second), from, 0)
	if err != nil {
		return err
	}
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprint(c.ID, c.Rev))
	}
	if s := strings.Join(got, " "); s != want {
		return fmt.Errorf("told of %s, want %s", s, want)
	}
	return nil
}

func TestUnreachableAtStart(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://someone:s3cret@127.0.0.1:1/": "MongoDB at 127.0.0.1:1 cannot be used: dial tcp 127.0.0.1:1: connect: connection refused; check that it runs and that the address is right",
		"mongodb://someone:s3cret@":             "the MongoDB URI is wrong",
		"mongodb://someone:s3cret@[::1/x?y":     "the MongoDB URI is wrong",
		"http://someone:s3cret@localhost/":      "the MongoDB URI is wrong",
		"mongodb://some:s3cret@one@h:1/?w=x=y":  "the MongoDB URI is wrong",
	} {
		db, err := Open(t.Context(), uri, "x", testSchema)
		if err == nil {
			db.Close()
			t.Fatalf("%s was opened", uri)
		}
		if s := err.Error(); !strings.HasPrefix(s, want) || strings.Contains(s, "s3cret") || strings.Contains(s, "\n") {
			t.Errorf("%s: %s", uri, s)
		}
	}
	// It also ends with the caller's patience.
	n := newNetwork()
	n.set(silent)
	if _, err := Open(within(t, 300*time.Millisecond), uri, "x", testSchema, through(n)); err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatal(err)
	}
}
