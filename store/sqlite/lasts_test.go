package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"certlink/store"
)

var lastSchema = []store.Collection{{Name: "things", Indexes: []store.Index{{Name: "owner"}, {Name: "other"}}}}

// lastByQuery is what PeekLast must find.
func lastByQuery(t *testing.T, db *DB, pieces ...string) string {
	t.Helper()
	docs, _, err := db.Query(t.Context(), "things", store.Query{Index: "owner", Prefix: store.KeyPrefix(pieces...), Desc: true, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) == 0 {
		return ""
	}
	return docs[0].ID
}

func lastID(t *testing.T, db *DB, pieces ...string) string {
	t.Helper()
	d, err := db.PeekLast(t.Context(), "things", "owner", pieces...)
	if errors.Is(err, store.ErrNotFound) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return d.ID
}

// TestLastIsWhatAQueryFinds: after any writes, with folds at any moment, of compound
// values with two and with three pieces.
func TestLastIsWhatAQueryFinds(t *testing.T) {
	db := open(t, t.TempDir(), lastSchema, withFoldAt(4<<10))
	revs := map[string]int64{}
	runs := [][]string{{"a"}, {"b"}, {"a", "x"}, {"a", "y"}, {"b", "x"}, {"nobody"}}
	for i := range 3000 {
		id := fmt.Sprint("id", rand.IntN(40))
		d := store.Doc{ID: id, Rev: revs[id], Body: []byte(`{}`), Index: map[string]string{}}
		value := []string{"a", "b"}[rand.IntN(2)]
		switch rand.IntN(4) {
		case 0:
			d.Index["owner"] = store.Key(value, fmt.Sprint(rand.IntN(20)))
		case 1:
			d.Index["owner"] = store.Key(value, []string{"x", "y"}[rand.IntN(2)], fmt.Sprint(rand.IntN(20)))
		case 2:
			d.Index["owner"] = value // one piece: in no run
		}
		var err error
		switch {
		case revs[id] == 0:
			err, revs[id] = db.Create(t.Context(), "things", d), 1
		case rand.IntN(5) == 0:
			err, revs[id] = db.Delete(t.Context(), "things", id, 0), 0
		default:
			err, revs[id] = db.Replace(t.Context(), "things", d), revs[id]+1
		}
		if err != nil {
			t.Fatal(err)
		}
		r := runs[rand.IntN(len(runs))]
		if got, want := lastID(t, db, r...), lastByQuery(t, db, r...); got != want {
			t.Fatalf("after %d writes the last of %v is %q, by query %q", i+1, r, got, want)
		}
		if rand.IntN(200) == 0 {
			foldAll(t, db)
		}
	}
	if n := len(db.lasts.young); n == 0 {
		t.Error("nothing is remembered")
	}
}

// TestLastAmongWriters: whoever has written the last one finds it, or a later one, while
// others write and read.
func TestLastAmongWriters(t *testing.T) {
	db := open(t, t.TempDir(), lastSchema, withFoldAt(8<<10))
	var wg sync.WaitGroup
	const writers, each = 8, 150
	for g := range writers {
		wg.Go(func() {
			for i := range each {
				value := store.Key("a", fmt.Sprintf("%04d-%d", i, g))
				d := store.Doc{ID: value[2:], Body: []byte(`{}`), Index: map[string]string{"owner": value}}
				if err := db.Create(context.Background(), "things", d); err != nil {
					t.Error(err)
					return
				}
				last, err := db.PeekLast(context.Background(), "things", "owner", "a")
				if err != nil || last.ID < d.ID {
					t.Errorf("%q was written, and the last is %q, %v", d.ID, last.ID, err)
					return
				}
				if i%10 == 9 { // the last ones go again, for all of them
					if err := db.Delete(context.Background(), "things", d.ID, 0); err != nil {
						t.Error(err)
						return
					}
					if last, err := db.PeekLast(context.Background(), "things", "owner", "a"); err == nil && last.ID == d.ID {
						t.Errorf("%q is gone, and is the last", d.ID)
					}
				}
			}
		})
	}
	wg.Wait()
	if got, want := lastID(t, db, "a"), lastByQuery(t, db, "a"); got != want {
		t.Errorf("the last is %q, by query %q", got, want)
	}
}

func TestLastsAreBounded(t *testing.T) {
	var l lasts
	used := run{prefix: "used"}
	l.note(used, last{"v", "id"}, 0)
	for i := range 5 * recentLimit {
		l.note(run{prefix: fmt.Sprint(i)}, last{}, 0)
		if at, known, _ := l.of(used); !known || at.id != "id" {
			t.Fatal("what is in use was forgotten")
		}
		if n := len(l.young) + len(l.old); n > 2*recentLimit {
			t.Fatalf("%d are remembered", n)
		}
	}
	l.note(run{prefix: "late"}, last{}, 7)
	if _, known, _ := l.of(run{prefix: "late"}); known {
		t.Error("what was found before other writes is remembered")
	}
}

func TestPrefixes(t *testing.T) {
	for value, want := range map[string]string{"": "[]", "a": "[]", "a\x1f": `["a\x1f"]`, "a\x1fb\x1fc": `["a\x1f" "a\x1fb\x1f"]`} {
		var got []string
		for p := range prefixes(value) {
			got = append(got, p)
		}
		if s := fmt.Sprintf("%q", got); s != want {
			t.Errorf("%q: %s, want %s", value, s, want)
		}
	}
}

func BenchmarkPeekLast(b *testing.B) {
	db := open(b, b.TempDir(), lastSchema)
	for i := range 1000 {
		d := store.Doc{ID: fmt.Sprint(i), Body: []byte(`{}`), Index: map[string]string{"owner": store.Key(fmt.Sprint(i%50), fmt.Sprint(i))}}
		if err := db.Create(b.Context(), "things", d); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("query", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = db.PeekQuery(b.Context(), "things", store.Query{Index: "owner", Prefix: store.KeyPrefix("7"), Desc: true, Limit: 1})
		}
	})
	b.Run("last", func(b *testing.B) {
		for b.Loop() {
			_, _ = db.PeekLast(b.Context(), "things", "owner", "7")
		}
	})
}
