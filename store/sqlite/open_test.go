package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certlink/store"
)

func refused(t *testing.T, dir string, schema []store.Collection, want string, opts ...Option) {
	t.Helper()
	db, err := Open(t.Context(), dir, schema, opts...)
	if err == nil {
		db.Close()
		t.Fatalf("opened, want a refusal with %q", want)
	}
	if s := err.Error(); !strings.Contains(s, want) || strings.Contains(s, "\n") {
		t.Fatalf("got %q, want one sentence with %q", s, want)
	}
}

func TestOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	cmd, out := helper(t, "hold", dir)
	if !out.Scan() {
		t.Fatal("the helper did not open the store")
	}
	refused(t, dir, helperSchema, fmt.Sprintf("is in use by another process (pid %d)", cmd.Process.Pid))
	cmd.Process.Kill()
	cmd.Wait()
	db := open(t, dir, helperSchema)
	refused(t, dir, helperSchema, "is in use by another process") // not twice within one, either
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, helperSchema)
}

func TestUnusableDirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, file, helperSchema, "cannot be used: not a directory")
	refused(t, filepath.Join(file, "below"), helperSchema, "cannot be used: not a directory")
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		locked = "/proc/self" // root may write to any directory but those the kernel makes
	}
	refused(t, locked, helperSchema, "name a directory that this user may write to")

	strange := t.TempDir()
	if err := os.WriteFile(filepath.Join(strange, fileName), []byte(strings.Repeat("no database at all. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, strange, helperSchema, "file is not a database")
}

func TestOnlyOurEyes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	open(t, dir, helperSchema)
	if s, err := os.Stat(dir); err != nil || s.Mode().Perm() != 0o700 {
		t.Fatalf("the data directory has mode %v, %v", s.Mode(), err)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, helperSchema)
	start := mustNow(t, db)
	for i := range 5 {
		d := store.Doc{ID: fmt.Sprint("d", i), Body: []byte(`{}`), Index: map[string]string{"slot": fmt.Sprint("s", i)}}
		if err := db.Create(t.Context(), "things", d); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*-wal")); len(left) != 0 {
		t.Fatalf("closing left %v", left)
	}
	db = open(t, dir, helperSchema)
	changes, next, err := db.Changes(t.Context(), start, 0)
	if err != nil || len(changes) != 5 || changes[4].ID != "d4" {
		t.Fatalf("a cursor from before the restart gives %v, %v", changes, err)
	}
	err = db.Create(t.Context(), "things", store.Doc{ID: "x", Body: []byte(`{}`), Index: map[string]string{"slot": "s3"}})
	if !store.IsDuplicate(err, "slot") {
		t.Fatalf("a unique value from before the restart: %v", err)
	}
	if err := db.Create(t.Context(), "things", store.Doc{ID: "d5", Body: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	changes, _, err = db.Changes(t.Context(), next, 0)
	if err != nil || len(changes) != 1 || changes[0].ID != "d5" {
		t.Fatalf("after the restart %v, %v", changes, err)
	}
}

func mustNow(t *testing.T, db *DB) store.Cursor {
	t.Helper()
	_, c, err := db.Changes(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSchemaGrows(t *testing.T) {
	dir := t.TempDir()
	v1 := []store.Collection{{Name: "things", Indexes: []store.Index{{Name: "owner"}, {Name: "old"}}}}
	db := open(t, dir, v1)
	for i := range 1200 {
		d := store.Doc{ID: fmt.Sprintf("d%04d", i), Body: fmt.Appendf(nil, `%d`, i), Index: map[string]string{"owner": fmt.Sprint(i % 3), "old": "x"}}
		if err := db.Create(t.Context(), "things", d); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()

	v2 := []store.Collection{
		{Name: "things", Indexes: []store.Index{{Name: "owner"}, {Name: "number", Unique: true}}},
		{Name: "more_things", Indexes: []store.Index{{Name: "number"}}},
	}
	refused(t, dir, v2, "things holds documents that lack the new index number")
	v2[0].Derive = func(d store.Doc) (map[string]string, error) {
		if d.ID == "d0007" {
			return nil, errors.New("seven")
		}
		return nil, nil
	}
	refused(t, dir, v2, "the index values of things/d0007 cannot be derived: seven")
	v2[0].Derive = func(d store.Doc) (map[string]string, error) {
		return map[string]string{"number": "same"}, nil
	}
	refused(t, dir, v2, "the index number cannot be made unique, because stored documents share a value")
	db = open(t, dir, v1) // nothing has changed
	if got := count(t, db, store.Query{Index: "old"}); got != 1000 {
		t.Fatal(got)
	}
	db.Close()

	v2[0].Derive = func(d store.Doc) (map[string]string, error) {
		return map[string]string{"owner": "all", "number": string(d.Body)}, nil
	}
	db = open(t, dir, v2)
	if got := count(t, db, store.Query{Index: "number", Prefix: "11"}); got != 111 {
		t.Fatalf("the new index finds %d", got)
	}
	d, err := db.Get(t.Context(), "things", "d0007")
	if err != nil || d.Rev != 1 || d.Index["number"] != "7" || d.Index["owner"] != "all" || len(d.Index) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	d.Index["number"] = "8"
	if err := db.Replace(t.Context(), "things", d); !store.IsDuplicate(err, "number") {
		t.Fatalf("the new index is not unique: %v", err)
	}
	db.Close()

	// No longer unique, and an index that is removed does not come back stale.
	v3 := []store.Collection{{Name: "things", Indexes: []store.Index{{Name: "number"}}}}
	db = open(t, dir, v3)
	if err := db.Create(t.Context(), "things", store.Doc{ID: "twin", Body: []byte(`{}`), Index: map[string]string{"number": "8"}}); err != nil {
		t.Fatal(err)
	}
	db.Close()
	v2[0].Derive = nil
	refused(t, dir, v2, "lack the new index owner")
	refused(t, dir, []store.Collection{{Name: "things", Indexes: []store.Index{{Name: "number", Unique: true}}}}, "cannot be made unique")
}

func count(t *testing.T, db *DB, q store.Query) int {
	t.Helper()
	docs, _, err := db.Query(t.Context(), "things", q)
	if err != nil {
		t.Fatal(err)
	}
	return len(docs)
}

func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, helperSchema)
	if err := db.conns[0].exec("PRAGMA user_version = 3"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	refused(t, dir, helperSchema, "it has format 3, and this program reads format 2")
}
