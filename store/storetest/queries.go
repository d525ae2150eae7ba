package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"certlink/store"
)

// ordered are texts in the order of their bytes, which is neither that of any
// language nor that of UTF-16.
var ordered = []string{
	"\x01", " ", "0", "00", "1", "10", "2", "A", "B", "Z", "a", "a\x00", "a\x00b", "a\x1f", "a\x1fb", "a ", "aa", "ab", "b",
	"z", "~", "é", "中", "中文", "文", "\uD7FF", "\uE000", "\uFFFD", "\uFFFF", "\U00010000", "🔑", "\U0010FFFF", "\U0010FFFF\U0010FFFF",
}

func testOrder(t *testing.T, open Open) {
	s := open(t, schema)
	if !slices.IsSorted(ordered) {
		t.Fatal("the test's own texts are not in order")
	}
	for _, i := range shuffled(len(ordered)) {
		v := ordered[i]
		create(t, s, "things", thing("id "+v, `{}`, values{"owner": v, "slot": v}))
		create(t, s, "bare", thing(v, `{}`, nil))
	}
	create(t, s, "things", thing("without", `{}`, nil)) // is in no index
	want := make([]string, len(ordered))
	for i, v := range ordered {
		want[i] = "id " + v
	}
	for _, index := range []string{"owner", "slot"} {
		check(t, index, found(t, s, "things", store.Query{Index: index}), want)
		check(t, index+" down", found(t, s, "things", store.Query{Index: index, Desc: true}), reversed(want))
	}
	check(t, "ids", found(t, s, "bare", store.Query{}), ordered)
	check(t, "ids down", found(t, s, "bare", store.Query{Desc: true}), reversed(ordered))
	if got := found(t, s, "things", store.Query{Index: "due"}); len(got) != 0 {
		t.Fatalf("an index without values finds %q", got)
	}
	// Equal values are in the order of the ids.
	for _, id := range []string{"y3", "y1", "y2"} {
		create(t, s, "things", thing(id, `{}`, values{"due": "same"}))
	}
	check(t, "ties", found(t, s, "things", store.Query{Index: "due"}), []string{"y1", "y2", "y3"})
	check(t, "ties down", found(t, s, "things", store.Query{Index: "due", Desc: true}), []string{"y3", "y2", "y1"})
}

// testLimits checks Prefix, From and Below, alone and together, against the
// plain meaning of the words.
func testLimits(t *testing.T, open Open) {
	s := open(t, schema)
	for _, v := range ordered {
		create(t, s, "things", thing("id "+v, `{}`, values{"owner": v, "slot": v}))
		create(t, s, "bare", thing(v, `{}`, nil))
	}
	edges := []string{"", "\x01", "0", "1", "a", "a\x00", "a\x1f", "aa", "b", "中", "\uD7FF", "\uE000", "\U00010000", "\U0010FFFF", "zz", "文字"}
	for _, prefix := range edges {
		for _, from := range []string{"", "0", "a\x1f", "中", "\U0010FFFF"} {
			for _, below := range []string{"", "0", "a\x1f", "aa", "文", "\U0010FFFF"} {
				q := store.Query{Prefix: prefix, From: from, Below: below}
				var values, idsOfValues []string
				for _, v := range ordered {
					if matches(v, q) {
						values = append(values, v)
						idsOfValues = append(idsOfValues, "id "+v)
					}
				}
				for _, desc := range []bool{false, true} {
					q.Desc = desc
					want := idsOfValues
					wantIDs := values
					if desc {
						want, wantIDs = reversed(want), reversed(wantIDs)
					}
					q.Index = "owner"
					check(t, fmt.Sprintf("%+v", q), found(t, s, "things", q), want)
					q.Index = ""
					check(t, fmt.Sprintf("ids %+v", q), found(t, s, "bare", q), wantIDs)
				}
			}
		}
	}
	check(t, "equal", found(t, s, "things", store.Equal("slot", "a")), []string{"id a"})
	// Compound values: all of one organisation, in time order, and nothing of
	// one whose name begins alike.
	for i, v := range []string{store.Key("org", "2"), store.Key("org", "1"), store.Key("org2", "1"), store.Key("or", "g")} {
		create(t, s, "things", thing(fmt.Sprint("k", i), `{}`, values{"due": v}))
	}
	check(t, "compound", found(t, s, "things", store.Query{Index: "due", Prefix: store.KeyPrefix("org")}), []string{"k1", "k0"})
}

func testPages(t *testing.T, open Open) {
	s := open(t, schema)
	// Few different owners, so that pages end within equal values.
	for i := range 30 {
		create(t, s, "things", thing(fmt.Sprintf("t%02d", i), `{}`,
			values{"owner": fmt.Sprint("o", i%3), "slot": fmt.Sprintf("s%02d", (i*7)%30)}))
	}
	for _, q := range []store.Query{
		{}, {Index: "owner"}, {Index: "slot"}, {Index: "owner", Prefix: "o1"}, {Index: "owner", From: "o1"},
		{Index: "owner", Below: "o2"}, {Index: "slot", From: "s05", Below: "s25"}, {Prefix: "t1"}, {From: "t05", Below: "t21"},
	} {
		for _, desc := range []bool{false, true} {
			q.Desc = desc
			whole, next, err := s.Query(ctx(t), "things", q)
			if err != nil || next != "" || len(whole) == 0 {
				t.Fatalf("%+v: %d documents, cursor %q, %v", q, len(whole), next, err)
			}
			for _, limit := range []int{1, 2, 7, len(whole), len(whole) + 1} {
				check(t, fmt.Sprintf("%+v by %d", q, limit), ids(walk(t, s, "things", q, limit)), ids(whole))
			}
		}
	}
	// A walk goes on after documents are gone and others have come.
	for _, q := range []store.Query{{Index: "owner", Limit: 10}, {Index: "slot", Limit: 10}, {Limit: 10}} {
		first, next, err := s.Query(ctx(t), "things", q)
		if err != nil {
			t.Fatal(err)
		}
		whole := found(t, s, "things", store.Query{Index: q.Index})
		last := first[len(first)-1]
		if err := s.Delete(ctx(t), "things", last.ID, 0); err != nil {
			t.Fatal(err)
		}
		create(t, s, "things", thing("a-first", `{}`, values{"owner": "a", "slot": "a"}))
		create(t, s, "things", thing("z-last", `{}`, values{"owner": "z", "slot": "z"}))
		q.After, q.Limit = next, 100
		check(t, "after changes", found(t, s, "things", q), append(whole[10:], "z-last"))
		for _, id := range []string{"a-first", "z-last"} {
			if err := s.Delete(ctx(t), "things", id, 0); err != nil {
				t.Fatal(err)
			}
		}
		create(t, s, "things", last)
	}
}

// testPagesUnderInserts: what is there all along is seen exactly once, whatever
// else comes and goes meanwhile.
func testPagesUnderInserts(t *testing.T, open Open) {
	s := open(t, schema)
	var want []string
	for i := range 60 {
		id := fmt.Sprintf("stay%02d", i)
		want = append(want, id)
		create(t, s, "things", thing(id, `{}`, values{"owner": fmt.Sprintf("o%02d", i/4)}))
	}
	stop, cancel := context.WithCancel(ctx(t))
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			for i := 0; stop.Err() == nil; i++ {
				d := thing(fmt.Sprintf("come%d-%d", g, i%20), `{}`, values{"owner": fmt.Sprintf("o%02d", i%15)})
				if err := s.Create(ctx(t), "things", d); err != nil {
					t.Error(err)
				}
				if err := s.Delete(ctx(t), "things", d.ID, 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, desc := range []bool{false, true} {
		var got []string
		for _, d := range walk(t, s, "things", store.Query{Index: "owner", Desc: desc}, 7) {
			if d.ID[0] == 's' {
				got = append(got, d.ID)
			}
		}
		if desc {
			got = reversed(got)
		}
		check(t, "under inserts", got, want)
	}
	cancel()
	wg.Wait()
}

func testPageSize(t *testing.T, open Open) {
	s := open(t, schema)
	const n = store.MaxLimit + 5
	each(t, n, func(i int) error {
		return s.Create(ctx(t), "bare", thing(fmt.Sprintf("%05d", i), `{}`, nil))
	})
	for limit, want := range map[int]int{1: 1, 999: 999, 1000: 1000, 0: 1000, 1001: 1000, 1 << 30: 1000, -1: 1000} {
		docs, next, err := s.Query(ctx(t), "bare", store.Query{Limit: limit})
		if err != nil || len(docs) != want || next == "" {
			t.Fatalf("limit %d gives %d documents, cursor %q, %v", limit, len(docs), next, err)
		}
	}
	if got := walk(t, s, "bare", store.Query{}, 1000); len(got) != n {
		t.Fatalf("the walk gives %d documents", len(got))
	}
}

func testStrangeCursors(t *testing.T, open Open) {
	s := open(t, schema)
	create(t, s, "things", thing("a", `{}`, values{"owner": "o"}))
	for _, c := range []store.Cursor{"?", "AAAA====", "99999999999999999999999", "\x00", "-1", "[]", "{}"} {
		_, _, err := s.Query(ctx(t), "things", store.Query{Index: "owner", After: c})
		wantErr(t, err, store.ErrCursor)
		_, _, err = s.Changes(ctx(t), c, 10)
		wantErr(t, err, store.ErrCursor)
	}
}

func check(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}
