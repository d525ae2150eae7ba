package sqlite

import (
	"fmt"
	"strings"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"certlink/store"
)

// TestPlans asks SQLite how it would carry out every statement that looks
// something up: always one range of one index, in order already.
func TestPlans(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema)
	table := db.tables[db.schema.Of("things")]
	const pk = "USING INDEX sqlite_autoindex_doc_things_1 "
	plans := map[string]string{
		table.byID:                   pk + "(id=?)",
		table.holders[1]:             "USING INDEX things.slot (ix_slot=?)",
		table.delete:                 pk + "(id=?)",
		table.walk(-1, false, false): pk + "(id>? AND id<?)",
		table.walk(-1, true, false):  pk + "(id>? AND id<?)",
		table.walk(0, false, false):  "USING INDEX things.owner ((ix_owner,id)>(?,?) AND ix_owner<?)",
		table.walk(0, true, false):   "USING INDEX things.owner (ix_owner>? AND (ix_owner,id)<(?,?))",
		table.walk(1, false, false):  "USING INDEX things.slot (ix_slot>? AND ix_slot<?)",
		table.walk(1, true, false):   "USING INDEX things.slot (ix_slot>? AND ix_slot<?)",
	}
	for _, desc := range []bool{false, true} {
		for i := -1; i < 1; i++ { // ids are in these indexes: the table is not looked at
			plans[table.walk(i, desc, true)] = strings.Replace(plans[table.walk(i, desc, false)], "USING", "USING COVERING", 1)
		}
		plans[table.walk(1, desc, true)] = plans[table.walk(1, desc, false)]
	}
	text, _ := table.update(table.all())
	plans[text] = pk + "(id=?)"
	for sql, want := range plans {
		s, err := db.conns[0].prepare("EXPLAIN QUERY PLAN " + sql)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for {
			more, err := s.step()
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
			plan = append(plan, s.text(3))
		}
		s.reset()
		if got := strings.Join(plan, "; "); got != "SEARCH doc_things "+want {
			t.Errorf("%s\ngot  %s\nwant SEARCH doc_things %s", sql, got, want)
		}
	}
}

// TestWork counts what was really done: no statement scanned, sorted, or was
// prepared again, and pages cost by their own size, not the collection's.
func TestWork(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema, WithCache(0))
	for i := range 3000 {
		d := store.Doc{ID: fmt.Sprintf("d%04d", i), Body: []byte(`{}`), Index: map[string]string{
			"owner": store.Key(fmt.Sprint(i%50), fmt.Sprintf("%04d", i)), "slot": fmt.Sprintf("s%04d", i)}}
		if i%3 == 0 {
			d.Index = nil
		}
		if err := db.Create(t.Context(), "things", d); err != nil {
			t.Fatal(err)
		}
	}
	foldAll(t, db)
	runs := 0
	for _, desc := range []bool{false, true} {
		for _, q := range []store.Query{
			{From: "d15"}, {Prefix: "d2"}, {Index: "owner", Prefix: store.KeyPrefix("7")}, {Index: "owner", From: "3", Below: "5"},
			store.Equal("slot", "s2002"), {Index: "slot", From: "s15"}, {Index: "owner"}, {Index: "slot"}, {},
		} {
			q.Limit, q.Desc = 5, desc
			for range 4 { // pages
				docs, next, err := db.Query(t.Context(), "things", q)
				if err != nil || len(docs) == 0 {
					t.Fatalf("%+v: %d documents, %v", q, len(docs), err)
				}
				runs++
				if q.After = next; next == "" {
					break
				}
			}
		}
	}
	for range 100 {
		if d, err := db.Get(t.Context(), "things", "d2001"); err != nil || db.Replace(t.Context(), "things", d) != nil {
			t.Fatal(err)
		}
	}
	steps := 0
	foldAll(t, db)
	var conns []*conn
	for range cap(db.readers) {
		conns = append(conns, <-db.readers)
	}
	for _, c := range conns {
		for sql, s := range c.cached {
			status := func(op int32) int { return int(sqlite3.Xsqlite3_stmt_status(c.tls, s.p, op, 0)) }
			if strings.HasPrefix(sql, "SELECT id") {
				steps += status(sqlite3.SQLITE_STMTSTATUS_VM_STEP)
			}
			for name, op := range map[string]int32{"scanned": sqlite3.SQLITE_STMTSTATUS_FULLSCAN_STEP, "sorted": sqlite3.SQLITE_STMTSTATUS_SORT, "prepared again": sqlite3.SQLITE_STMTSTATUS_REPREPARE} {
				if n := status(op); n != 0 {
					t.Errorf("%s: %s %d times", sql, name, n)
				}
			}
		}
		db.readers <- c
	}
	foldAll(t, db)
	for sql, s := range db.conns[0].cached {
		if n := sqlite3.Xsqlite3_stmt_status(db.conns[0].tls, s.p, sqlite3.SQLITE_STMTSTATUS_REPREPARE, 0); n > 1 {
			t.Errorf("%s: prepared again %d times", sql, n)
		}
	}
	if per := steps / runs; steps == 0 || per > 150 {
		t.Errorf("a page of 5 of 3000 documents takes %d steps of SQLite's machine", per)
	}
}
