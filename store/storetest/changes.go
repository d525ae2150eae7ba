package storetest

import (
	"fmt"
	"testing"
	"time"

	"certlink/store"
)

// now is the place from which on changes are read.
func now(t *testing.T, s store.Store) store.Cursor {
	t.Helper()
	changes, c, err := s.Changes(ctx(t), "", 0)
	if err != nil || len(changes) != 0 || c == "" {
		t.Fatalf("from now on: %v, cursor %q, %v", changes, c, err)
	}
	return c
}

// revisions reads the feed from a cursor until every document in final was told
// with its final revision, checks the order, and returns the place after.
func revisions(t *testing.T, s store.Store, from store.Cursor, limit int, final map[string]int64) store.Cursor {
	t.Helper()
	last := map[string]int64{}
	missing := len(final)
	for end := time.Now().Add(patience); missing > 0; {
		changes, next, err := s.Changes(ctx(t), from, limit)
		if err != nil {
			t.Fatal(err)
		}
		if max := min(store.MaxLimit, limit); limit > 0 && len(changes) > max {
			t.Fatalf("%d changes for a limit of %d", len(changes), limit)
		}
		for _, c := range changes {
			k := c.Collection + "/" + c.ID
			if _, ours := final[k]; !ours {
				t.Fatalf("told of %+v, which is none of ours", c)
			}
			if c.Rev < last[k] {
				t.Fatalf("told of %s revision %d after %d", k, c.Rev, last[k])
			}
			if last[k] < final[k] && c.Rev == final[k] {
				missing--
			}
			last[k] = c.Rev
		}
		from = next
		if time.Now().After(end) {
			t.Fatalf("after %v %d of %d documents were not told with their final revision", patience, missing, len(final))
		}
		if len(changes) == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	return from
}

func testChanges(t *testing.T, open Open) {
	s := open(t, schema)
	create(t, s, "things", thing("before", `{}`, nil))
	settle(t, s)
	c := now(t, s)
	changes, c2, err := s.Changes(ctx(t), c, 10)
	if err != nil || len(changes) != 0 {
		t.Fatalf("what was before now is told: %v, %v", changes, err)
	}

	// Create and Replace are told; a refused write and other collections are not.
	create(t, s, "quiet_things", thing("q", `{}`, nil))
	create(t, s, "things", thing("a", `{}`, values{"slot": "s"}))
	wantErr(t, s.Create(ctx(t), "things", thing("a", `{}`, nil)), store.ErrExists)
	wantDuplicate(t, s.Create(ctx(t), "things", thing("refused", `{}`, values{"slot": "s"})), "slot")
	wantErr(t, s.Replace(ctx(t), "things", store.Doc{ID: "a", Rev: 9, Body: []byte(`{}`)}), store.ErrConflict)
	c3 := revisions(t, s, c2, 10, map[string]int64{"things/a": 1})
	if err := s.Replace(ctx(t), "things", store.Doc{ID: "a", Rev: 1, Body: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	create(t, s, "things", thing("b", `{}`, nil))
	revisions(t, s, c3, 10, map[string]int64{"things/a": 2, "things/b": 1})

	// A cursor can be used again, and by another reader.
	for range 2 {
		revisions(t, s, c, 1, map[string]int64{"things/a": 2, "things/b": 1})
		revisions(t, s, c2, 0, map[string]int64{"things/a": 2, "things/b": 1})
	}
}

// settle waits until all writes so far have reached the feed.
func settle(t *testing.T, s store.Store) {
	t.Helper()
	c := now(t, s)
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		_, next, err := s.Changes(ctx(t), c, 0)
		if err != nil {
			t.Fatal(err)
		}
		c = next
		time.Sleep(10 * time.Millisecond)
	}
}

func testChangesInOrder(t *testing.T, open Open) {
	s := open(t, schema)
	c := now(t, s)
	writeAll(t, []store.Store{s})
	final := map[string]int64{}
	for i := range 16 {
		final[fmt.Sprintf("things/d%d", i)] = 11
	}
	revisions(t, s, c, 7, final)
	revisions(t, s, c, 0, final)
}

// writeAll writes 16 documents 11 times each, all at once, each revision on
// another server.
func writeAll(t *testing.T, servers []store.Store) {
	t.Helper()
	for _, err := range together(servers, 16, func(_ store.Store, i int) error {
		id := fmt.Sprint("d", i)
		if err := servers[0].Create(ctx(t), "things", thing(id, `{}`, nil)); err != nil {
			return err
		}
		for rev := int64(1); rev <= 10; rev++ {
			if err := servers[int(rev)%len(servers)].Replace(ctx(t), "things", store.Doc{ID: id, Rev: rev, Body: []byte(`{}`)}); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func testChangesPaged(t *testing.T, open Open) {
	s := open(t, schema)
	c := now(t, s)
	const n = 2*store.MaxLimit + 100
	final := map[string]int64{}
	for i := range n {
		final[fmt.Sprintf("things/d%d", i)] = 1
	}
	each(t, n, func(i int) error { return s.Create(ctx(t), "things", thing(fmt.Sprint("d", i), `{}`, nil)) })
	settle(t, s)
	for limit, most := range map[int]int{1: 1, 300: 300, 0: store.MaxLimit, 5000: store.MaxLimit} {
		changes, next, err := s.Changes(ctx(t), c, limit)
		if err != nil || len(changes) == 0 || len(changes) > most || next == c {
			t.Fatalf("limit %d gives %d changes, cursor %q after %q, %v", limit, len(changes), next, c, err)
		}
	}
	revisions(t, s, c, 300, final)
	revisions(t, s, c, 0, final)
}

func testChangesBetweenServers(t *testing.T, open OpenServers) {
	servers := open(t, schema, 3)
	var from []store.Cursor
	for _, s := range servers {
		from = append(from, now(t, s))
	}
	writeAll(t, servers)
	final := map[string]int64{}
	for i := range 16 {
		final[fmt.Sprintf("things/d%d", i)] = 11
	}
	for i, s := range servers {
		revisions(t, s, from[i], 100, final) // each hears of all, in order
	}
	// What one server read last, another can go on from.
	at := now(t, servers[0])
	create(t, servers[1], "things", thing("later", `{}`, nil))
	revisions(t, servers[2], at, 0, map[string]int64{"things/later": 1})
}
