package mongo

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"certlink/internal/clock"
	"certlink/store"
)

func TestFeedIsTrimmed(t *testing.T) {
	now := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	name := database(t)
	db := open(t, name, testSchema, WithClock(now.Now))
	_, from, err := db.Changes(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	tell := func(id, all string) {
		t.Helper()
		if err := db.Create(t.Context(), "things", doc(id)); err != nil {
			t.Fatal(err)
		}
		eventually(t, id, func() error { return tells(t, db, from, all) })
	}
	tell("a", "a1")
	now.Advance(store.KeepChanges)
	tell("b", "a1 b1")
	db.feed.trim()
	if err := tells(t, db, from, "a1 b1"); err != nil {
		t.Fatal("after KeepChanges: ", err)
	}
	now.Advance(skew + time.Second)
	db.feed.trim()
	if err := tells(t, db, from, "b1"); err != nil {
		t.Fatal("after KeepChanges and the clocks' difference: ", err)
	}
	tell("c", "b1 c1")

	// A reader that has read all goes on from there, though all is gone, and a
	// new writer is heard.
	_, at, err := db.Changes(t.Context(), from, 0)
	if err != nil {
		t.Fatal(err)
	}
	now.Advance(time.Hour)
	db.feed.trim()
	other := open(t, name, testSchema, WithClock(now.Now))
	if err := other.Create(t.Context(), "things", doc("d")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "d", func() error { return tells(t, db, at, "d1") })
}

// TestManyStarts: each start of a server makes a writer, and cursors do not grow
// with them for ever.
func TestManyStarts(t *testing.T) {
	name := database(t)
	reader := open(t, name, testSchema)
	_, at, err := reader.Changes(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range manyWriters + 4 {
		db := open(t, name, testSchema)
		if err := db.Create(t.Context(), "things", doc(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil { // which writes what is left
			t.Fatal(err)
		}
		if err := tells(t, reader, at, fmt.Sprint(i, "1")); err != nil {
			t.Fatalf("start %d: %v", i, err)
		}
		if _, at, err = reader.Changes(t.Context(), at, 0); err != nil {
			t.Fatal(err)
		}
		if i == manyWriters-3 {
			if _, err := reader.feed.c.DeleteMany(t.Context(), bson.D{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	p, err := parsePlaces(at)
	if err != nil || len(p) > 8 {
		t.Fatalf("the cursor holds %d writers, %v", len(p), err)
	}
}

func TestToldNeverGoesBack(t *testing.T) {
	var m told
	order := func(changes ...store.Change) []store.Change {
		m.order(changes)
		return changes
	}
	a := func(rev int64) store.Change { return store.Change{Collection: "things", ID: "a", Rev: rev} }
	b := store.Change{Collection: "others", ID: "a", Rev: 1}
	got := order(a(1), a(3), b, a(2), a(4))
	if got[1] != a(3) || got[2] != b || got[3] != a(3) || got[4] != a(4) {
		t.Fatalf("%+v", got)
	}
	if got := order(a(2)); got[0] != a(4) {
		t.Fatalf("%+v", got)
	}
	for i := range 3 * toldMost {
		order(store.Change{Collection: "things", ID: fmt.Sprint(i), Rev: 1})
		if i == toldMost/2 {
			order(a(4))
		}
	}
	if n := len(m.new) + len(m.old); n > 2*toldMost {
		t.Fatalf("%d documents are remembered", n)
	}
}

func TestPlaces(t *testing.T) {
	w1, w2 := "aaaaaaaaaaaaaaaaaaaaaaaaaa", "b2222222222222222222222227"
	for _, p := range []places{{}, {w1: 0}, {w1: 7, w2: 1 << 62}} {
		got, err := parsePlaces(p.cursor())
		if err != nil || len(got) != len(p) || got[w1] != p[w1] || got[w2] != p[w2] {
			t.Errorf("%v came back as %v, %v", p, got, err)
		}
	}
	for _, c := range []store.Cursor{"x", "f.", "fa.1", store.Cursor("f" + w1), store.Cursor("f" + w1 + ".-1"), store.Cursor("f" + w1 + ".1."), store.Cursor("f$" + w1[1:] + ".1")} {
		if _, err := parsePlaces(c); !errors.Is(err, store.ErrCursor) {
			t.Errorf("%q: %v", c, err)
		}
	}
}

func FuzzPlaces(f *testing.F) {
	f.Add("f")
	f.Add(string(places{"aaaaaaaaaaaaaaaaaaaaaaaaaa": 7}.cursor()))
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePlaces(store.Cursor(s))
		if err != nil {
			return
		}
		again, err := parsePlaces(p.cursor())
		if err != nil || again.cursor() != p.cursor() {
			t.Fatalf("%v, %v", again, err)
		}
	})
}

// TestDuplicateKey reads the answer as MongoDB gives it; the stand-in leaves the
// pattern out.
func TestDuplicateKey(t *testing.T) {
	raw, err := bson.Marshal(bson.D{{Key: "index", Value: 0}, {Key: "code", Value: 11000}, {Key: "keyPattern", Value: bson.D{{Key: "ix_slot", Value: 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := keyOf(driver.WriteException{WriteErrors: driver.WriteErrors{{Code: 11000, Raw: raw}}}); got != "ix_slot" {
		t.Fatalf("got %q", got)
	}
	for _, err := range []error{nil, errors.New("x"), driver.WriteException{}, driver.WriteException{WriteErrors: driver.WriteErrors{{Code: 11000}}}} {
		if got := keyOf(err); got != "" {
			t.Fatalf("%v: got %q", err, got)
		}
	}
}
