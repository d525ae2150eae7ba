package storetest

import (
	"fmt"
	"testing"

	"certlink/store"
)

func testUnique(t *testing.T, open Open) {
	s := open(t, schema)
	create(t, s, "things", thing("a", `{"n":1}`, values{"slot": "s1"}))
	wantDuplicate(t, s.Create(ctx(t), "things", thing("b", `{}`, values{"slot": "s1"})), "slot")
	_, err := s.Get(ctx(t), "things", "b")
	wantErr(t, err, store.ErrNotFound)

	// The same thing created again is told by its id, not by its values.
	wantErr(t, s.Create(ctx(t), "things", thing("a", `{"n":1}`, values{"slot": "s1"})), store.ErrExists)

	// A Replace that is refused changes nothing, not even the values it could have had.
	create(t, s, "things", thing("b", `{"n":2}`, values{"slot": "s2", "owner": "o"}))
	d := store.Doc{ID: "b", Rev: 1, Body: []byte(`{"n":3}`), Index: values{"slot": "s1", "owner": "p"}}
	wantDuplicate(t, s.Replace(ctx(t), "things", d), "slot")
	want(t, s, "things", "b", 1, `{"n":2}`, values{"slot": "s2", "owner": "o"})
	if got := found(t, s, "things", store.Equal("owner", "p")); len(got) != 0 {
		t.Fatalf("a refused value finds %v", got)
	}
	// An outdated revision is told before the duplicate.
	d.Rev = 5
	wantErr(t, s.Replace(ctx(t), "things", d), store.ErrConflict)

	// A document is no duplicate of itself.
	d.Rev, d.Index = 1, values{"slot": "s2"}
	if err := s.Replace(ctx(t), "things", d); err != nil {
		t.Fatal(err)
	}

	// Values are compared as bytes: no folding, trimming or normalising.
	for i, v := range []string{"S1", "s1 ", " s1", "ｓ1", "s1\x00", "é", "e\u0301", "1", "1.0", "01"} {
		create(t, s, "things", thing(fmt.Sprint("v", i), `{}`, values{"slot": v}))
	}

	// Documents without a value, or with an empty one, do not meet.
	for i := range 5 {
		create(t, s, "things", thing(fmt.Sprint("n", i), `{}`, nil))
		create(t, s, "things", thing(fmt.Sprint("e", i), `{}`, values{"slot": "", "serial": ""}))
	}
	// And a unique value may occur under another index.
	create(t, s, "things", thing("other", `{}`, values{"serial": "s1", "owner": "s1"}))
}

func testUniqueFreed(t *testing.T, open Open) {
	s := open(t, schema)
	holder := "a"
	create(t, s, "things", thing(holder, `{}`, values{"slot": "s1"}))
	for i, free := range []struct {
		how string
		do  func(d store.Doc) error
	}{
		{"cleared by leaving it out", func(d store.Doc) error {
			d.Index = nil
			return s.Replace(ctx(t), "things", d)
		}},
		{"cleared by an empty one", func(d store.Doc) error {
			d.Index = values{"slot": ""}
			return s.Replace(ctx(t), "things", d)
		}},
		{"replaced", func(d store.Doc) error {
			d.Index = values{"slot": "another " + d.ID}
			return s.Replace(ctx(t), "things", d)
		}},
		{"deleted", func(d store.Doc) error { return s.Delete(ctx(t), "things", d.ID, d.Rev) }},
	} {
		next := fmt.Sprint("next", i)
		wantDuplicate(t, s.Create(ctx(t), "things", thing(next, `{}`, values{"slot": "s1"})), "slot")
		if err := free.do(get(t, s, "things", holder)); err != nil {
			t.Fatalf("%s: %v", free.how, err)
		}
		if err := s.Create(ctx(t), "things", thing(next, `{}`, values{"slot": "s1"})); err != nil {
			t.Fatalf("%s: the value is still taken: %v", free.how, err)
		}
		holder = next
	}
}

func testUniqueNamed(t *testing.T, open Open) {
	s := open(t, schema)
	create(t, s, "things", thing("a", `{}`, values{"slot": "x", "serial": "y"}))
	wantDuplicate(t, s.Create(ctx(t), "things", thing("b", `{}`, values{"slot": "y", "serial": "y"})), "serial")
	wantDuplicate(t, s.Create(ctx(t), "things", thing("b", `{}`, values{"slot": "x", "serial": "x"})), "slot")
	create(t, s, "things", thing("b", `{}`, values{"slot": "y", "serial": "x"}))
	d := get(t, s, "things", "b")
	d.Index = values{"slot": "y", "serial": "y"}
	wantDuplicate(t, s.Replace(ctx(t), "things", d), "serial")
	d.Index = values{"slot": "x", "serial": "x"}
	wantDuplicate(t, s.Replace(ctx(t), "things", d), "slot")
	want(t, s, "things", "b", 1, `{}`, values{"slot": "y", "serial": "x"})
}
