package sqlite

import (
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/store"
	"certlink/store/internal/engine"
)

func newValues() *values {
	v := &values{seed: maphash.MakeSeed()}
	v.blooms.Store(new([]*bloom))
	return v
}

// What was put in is never said to be missing, and little else is said to be there.
func TestValues(t *testing.T) {
	v := newValues()
	const n = 5 * firstBloom
	for i := range n {
		v.add(fmt.Sprint("value", i))
	}
	wrong := 0
	for i := range n {
		if !v.has(maphash.String(v.seed, fmt.Sprint("value", i))) {
			t.Fatal("a value is missing")
		}
		if v.has(maphash.String(v.seed, fmt.Sprint("other", i))) {
			wrong++
		}
	}
	if wrong > n/25 { // three blooms
		t.Errorf("%d of %d others are said to be there", wrong, n)
	}
	if blooms := *v.blooms.Load(); len(blooms) != 3 {
		t.Errorf("%d blooms", len(blooms))
	}
}

func TestAsked(t *testing.T) {
	s, err := engine.NewSchema(helperSchema)
	if err != nil {
		t.Fatal(err)
	}
	key := store.Key("a", "b")
	for _, c := range []struct {
		q     store.Query
		value string
		ok    bool
	}{
		{store.Equal("owner", "x"), "x", true},
		{store.Equal("owner", key), key, true},
		{store.Query{Index: "owner", Prefix: store.KeyPrefix("a")}, "a\x1f", true},
		{store.Query{Index: "owner", Prefix: store.KeyPrefix("a", "b")}, "", false},
		{store.Query{Index: "owner", Prefix: "a"}, "", false},
		{store.Query{Index: "owner", From: "a", Below: "b"}, "", false},
		{store.Query{Index: "owner", Below: "\x00"}, "", false},
		{store.Query{Index: "owner"}, "", false},
		{store.Query{Index: "owner", From: "a", Below: "a\x00", Desc: true}, "a", true},
	} {
		w, err := s.Of("things").Plan(c.q)
		if err != nil {
			t.Fatal(err)
		}
		if value, ok := asked(w); value != c.value || ok != c.ok {
			t.Errorf("%+v asks for %q, %t", c.q, value, ok)
		}
	}
}

// TestFilterMisses: while filters are made, are whole, and are given up, every document
// written is found, by id, value and prefix, and unique values stay unique.
func TestFilterMisses(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema, WithCache(0))
	things := db.schema.Of("things")
	id := func(g, i int) string { return fmt.Sprintf("d%d-%d", g, i) }
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				d := store.Doc{ID: id(g, i), Body: []byte(`{}`), Index: map[string]string{"owner": store.Key("o"+id(g, i), "x"), "slot": "s" + id(g, i)}}
				if err := db.Create(t.Context(), "things", d); err != nil {
					t.Errorf("create: %v", err)
					return
				}
				twin := d
				twin.ID = "twin" + d.ID
				if err := db.Create(t.Context(), "things", twin); !store.IsDuplicate(err, "slot") {
					t.Errorf("a slot was given twice: %v", err)
				}
				for back := range min(i, 3) {
					old := id(g, i*back/3)
					if _, err := db.Get(t.Context(), "things", old); err != nil {
						t.Errorf("%s: %v", old, err)
						return
					}
					for _, q := range []store.Query{store.Equal("slot", "s"+old), {Index: "owner", Prefix: store.KeyPrefix("o" + old)}} {
						if docs, _, err := db.Query(t.Context(), "things", q); err != nil || len(docs) != 1 || docs[0].ID != old {
							t.Errorf("%+v: %v, %v", q, docs, err)
							return
						}
					}
				}
				if _, err := db.Get(t.Context(), "things", "no"+d.ID); err == nil {
					t.Error("what is not there was found")
				}
				if i%100 == 0 {
					foldAll(t, db)
				}
				if i%200 == 199 && g == 0 {
					for _, f := range db.filters[things] { // as when most of it is gone
						if f.state.Load() == complete {
							f.giveUp()
						}
					}
				}
			}
		})
	}
	wg.Wait()
	// In the end there are filters, and they spare the database.
	until := time.Now().Add(20 * time.Second)
	for _, f := range []*filter{db.filter(things, -1), db.filter(things, things.Number("slot"))} {
		for f.whole.Load() == nil {
			if time.Now().After(until) {
				t.Fatal("no filter was made")
			}
			_, _ = db.Get(t.Context(), "things", "nothing")
			_, _, _ = db.Query(t.Context(), "things", store.Equal("slot", "nothing"))
		}
		if f.lacks("d0-0") == f.lacks("s"+id(0, 0)) || !f.lacks(strings.Repeat("z", 9)) {
			t.Error("the filter knows nothing")
		}
	}
}
