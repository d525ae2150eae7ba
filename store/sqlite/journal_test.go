package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"certlink/store"
)

// crash copies the data directory of a store that is open, as a process that is
// killed leaves it. The copy is one moment: nothing is written meanwhile.
func crash(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestRecovered opens what a killed process has left: documents that were created,
// replaced and deleted across the database and the journal, and a unique value that
// went from one document to another.
func TestRecovered(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, helperSchema)
	from := mustNow(t, db)
	put := func(id string, rev int64, slot string) {
		t.Helper()
		d := store.Doc{ID: id, Rev: rev, Body: fmt.Appendf(nil, `{"rev":%d}`, rev+1), Index: map[string]string{"slot": slot, "owner": "o"}}
		write := db.Create
		if rev > 0 {
			write = db.Replace
		}
		if err := write(t.Context(), "things", d); err != nil {
			t.Fatal(err)
		}
	}
	put("a", 0, "1")
	put("b", 0, "2")
	put("c", 0, "3")
	foldAll(t, db)
	put("a", 1, "9")
	put("b", 1, "1")
	put("a", 2, "2")
	if err := db.Delete(t.Context(), "things", "c", 1); err != nil {
		t.Fatal(err)
	}
	put("d", 0, "3")
	if err := db.Delete(t.Context(), "things", "d", 1); err != nil {
		t.Fatal(err)
	}
	put("e", 0, "3")
	for range 2 { // a crash, and one more after the journal was folded
		dir = crash(t, dir)
		db = open(t, dir, helperSchema)
		docs, _, err := db.Query(t.Context(), "things", store.Query{Index: "slot"})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, d := range docs {
			got += fmt.Sprintf("%s=%s@%d ", d.Index["slot"], d.ID, d.Rev)
		}
		if got != "1=b@2 2=a@3 3=e@1 " {
			t.Fatalf("after the crash: %s", got)
		}
		if count(t, db, store.Query{}) != 3 {
			t.Fatal("a deleted document is there")
		}
		changes, _, err := db.Changes(t.Context(), from, 0)
		if err != nil || len(changes) != 8 || changes[7].ID != "e" {
			t.Fatalf("%v, %v", changes, err)
		}
	}
}

// TestSchemaGrowsOverAJournal: what an older program left in its journal is read with
// that one's indexes, and then gets the new ones.
func TestSchemaGrowsOverAJournal(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, helperSchema)
	d := store.Doc{ID: "a", Body: []byte(`{"number":7}`), Index: map[string]string{"owner": "o", "slot": "s"}}
	if err := db.Create(t.Context(), "things", d); err != nil {
		t.Fatal(err)
	}
	newer := []store.Collection{{Name: "things", Indexes: []store.Index{{Name: "number"}, {Name: "owner"}}}, {Name: "more"}}
	newer[0].Derive = func(store.Doc) (map[string]string, error) {
		return map[string]string{"owner": "o", "number": "7"}, nil
	}
	db = open(t, crash(t, dir), newer)
	for _, index := range []string{"number", "owner"} {
		if got := count(t, db, store.Query{Index: index}); got != 1 {
			t.Fatalf("%d by %s", got, index)
		}
	}
}

// TestTornJournal cuts and damages the journal of a killed process at every place:
// what was whole before that place is there, and nothing else.
func TestTornJournal(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema)
	var ends []int64
	for i := range 4 {
		if err := db.Create(t.Context(), "things", doc(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, db.writer.journal.at)
	}
	whole, err := os.ReadFile(db.writer.journal.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal")
	for at := ends[0]; at < int64(len(whole)); at += 3 {
		want := 0
		for _, end := range ends {
			if end <= at {
				want++
			}
		}
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x40
		for name, b := range map[string][]byte{"cut": whole[:at], "flipped": flipped} {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if r, err := readJournal(path); err != nil || len(r.order) != want {
				t.Fatalf("%s at %d: %+v, want %d documents: %v", name, at, r, want, err)
			}
		}
	}
}

// TestHeaderIsWrittenUntilItIsSynced: a first sync that fails may have lost the
// header, of which nobody would hear again.
func TestHeaderIsWrittenUntilItIsSynced(t *testing.T) {
	dir := t.TempDir()
	j, err := (&journal{dir: dir, schema: encodeSchema(helperSchema)}).next(7)
	if err != nil {
		t.Fatal(err)
	}
	path := j.file.Name()
	whole := j.file
	if j.file, err = os.Open(path); err != nil { // cannot be written
		t.Fatal(err)
	}
	j.start()
	j.nothing()
	if err := j.sync(); err == nil {
		t.Fatal("synced to a file that cannot be written")
	}
	j.file.Close()
	if err := whole.Truncate(0); err != nil { // what the system dropped
		t.Fatal(err)
	}
	j.file = whole
	if err := j.sync(); err != nil {
		t.Fatal(err)
	}
	if r, err := readJournal(path); err != nil || r.gen != 7 || r.records != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedJournal: when a journal that another one followed is not whole, the
// store says so instead of going on without what is missing.
func TestDamagedJournal(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, helperSchema)
	for i := range 5 {
		if err := db.Create(t.Context(), "things", doc(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	held := crash(t, dir)
	gen, end := db.writer.journal.gen, db.writer.journal.at
	first := journalPath(held, gen)
	next, err := (&journal{dir: held, schema: encodeSchema(helperSchema)}).next(gen + 1)
	if err != nil {
		t.Fatal(err)
	}
	next.start()
	next.put(&entry{key: key{db.schema.Of("things"), "later"}, rev: 1, body: []byte(`{}`), values: []string{"", ""}})
	if err := next.sync(); err != nil {
		t.Fatal(err)
	}
	refused(t, held, helperSchema, "is damaged: it ends before its end")
	// With its end, both are taken.
	j := &journal{gen: gen, at: end}
	if j.file, err = os.OpenFile(first, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	j.end()
	if err := j.sync(); err != nil {
		t.Fatal(err)
	}
	again := open(t, held, helperSchema)
	if got := count(t, again, store.Query{}); got != 6 {
		t.Fatalf("%d documents", got)
	}
}

// TestFoldingWaitsForTheDisk: while the database refuses, the journal goes on, and
// nothing is missing before, during and after.
func TestFoldingWaitsForTheDisk(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, helperSchema, WithCache(0))
	if err := db.Create(t.Context(), "things", doc("a")); err != nil {
		t.Fatal(err)
	}
	other, err := openConn(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if err := other.exec("ALTER TABLE certlink_feed RENAME TO away"); err != nil { // the feed is folded last
		t.Fatal(err)
	}
	if err := db.submit(t.Context(), &op{kind: opCall, call: func(*conn) error { return db.writer.turn() }}); err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"b", "c"} {
		if err := db.Create(t.Context(), "things", doc(id)); err != nil {
			t.Fatal(err)
		}
		if got := count(t, db, store.Query{}); got != i+2 {
			t.Fatalf("%d documents", got)
		}
	}
	db.layers.mu.RLock()
	waiting := db.layers.old != nil
	db.layers.mu.RUnlock()
	if !waiting {
		t.Fatal("the layer was folded without the feed")
	}
	if err := other.exec("ALTER TABLE away RENAME TO certlink_feed"); err != nil {
		t.Fatal(err)
	}
	foldAll(t, db)
	if got := count(t, db, store.Query{}); got != 3 {
		t.Fatalf("%d documents", got)
	}
}

// TestLogBeginsAnew: although readers keep their snapshots open, SQLite's log does not
// grow beyond its bound.
func TestLogBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, helperSchema, WithCache(0))
	db.writer.folder.logPages = 50
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := db.Query(t.Context(), "things", store.Query{Index: "owner", Limit: 10}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	largest := int64(0)
	for i := range 12 {
		var writers sync.WaitGroup
		for j := range 40 {
			writers.Go(func() {
				d := doc(fmt.Sprint(i, "-", j))
				d.Body, d.Index = []byte(`"`+strings.Repeat("x", 3000)+`"`), map[string]string{"owner": fmt.Sprint(j)}
				if err := db.Create(t.Context(), "things", d); err != nil {
					t.Error(err)
				}
			})
		}
		writers.Wait()
		foldAll(t, db)
		if s, err := os.Stat(filepath.Join(dir, fileName+"-wal")); err == nil {
			largest = max(largest, s.Size())
		}
	}
	close(stop)
	wg.Wait()
	if most := int64(50+200) * 4200; largest == 0 || largest > most {
		t.Fatalf("SQLite's log has grown to %d bytes, want at most %d", largest, most)
	}
}

// FuzzReadJournal: a damaged file gives fewer documents or an error, nothing worse.
func FuzzReadJournal(f *testing.F) {
	dir := f.TempDir()
	db, err := Open(f.Context(), dir, helperSchema)
	if err != nil {
		f.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		if err := db.Create(f.Context(), "things", doc(id)); err != nil {
			f.Fatal(err)
		}
	}
	b, err := os.ReadFile(db.writer.journal.file.Name())
	if err != nil {
		f.Fatal(err)
	}
	if err := db.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(journalMagic))
	f.Add([]byte("p\x06things\x01a\x01\x02{}\x00\x00"))
	path := filepath.Join(dir, "fuzzed")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := readJournal(path); err == nil && len(r.order) > len(b) {
			t.Fatalf("%d documents from %d bytes", len(r.order), len(b))
		}
		// Beyond the sum, which chance does not meet.
		r := &replayed{final: map[key]*entry{}}
		if r.schema, err = decodeSchema(encodeSchema(helperSchema)); err != nil {
			t.Fatal(err)
		}
		if err := r.record(&decoder{b: b}); err == nil && len(r.order) > len(b) {
			t.Fatalf("%d documents from %d bytes", len(r.order), len(b))
		}
	})
}
