package mongo

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"certlink/store"
)

func refused(t *testing.T, name string, schema []store.Collection, want string, opts ...Option) {
	t.Helper()
	db, err := Open(t.Context(), uri, name, schema, opts...)
	if err == nil {
		db.Close()
		t.Fatalf("opened, want a refusal with %q", want)
	}
	if s := err.Error(); !strings.Contains(s, want) || strings.Contains(s, "\n") {
		t.Fatalf("got %q, want one sentence with %q", s, want)
	}
}

func count(t *testing.T, db *DB, q store.Query) int {
	t.Helper()
	docs, _, err := db.Query(t.Context(), "things", q)
	if err != nil {
		t.Fatal(err)
	}
	return len(docs)
}

func TestSchemaGrows(t *testing.T) {
	name := database(t)
	v1 := []store.Collection{{Name: "things", Indexes: []store.Index{{Name: "owner"}, {Name: "old"}}}}
	db := open(t, name, v1)
	for i := range 120 {
		d := store.Doc{ID: fmt.Sprintf("d%04d", i), Body: fmt.Appendf(nil, `%d`, i), Index: map[string]string{"owner": fmt.Sprint(i % 3), "old": "x"}}
		if err := db.Create(t.Context(), "things", d); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()

	v2 := []store.Collection{{Name: "things", Indexes: []store.Index{{Name: "owner"}, {Name: "number", Unique: true}}}}
	refused(t, name, v2, "things holds documents that lack the new index number")
	v2[0].Derive = func(d store.Doc) (map[string]string, error) {
		if d.ID == "d0007" {
			return nil, errors.New("seven")
		}
		return nil, nil
	}
	refused(t, name, v2, "the index values of things/d0007 cannot be derived: seven")
	v2[0].Derive = func(d store.Doc) (map[string]string, error) {
		return map[string]string{"number": "same"}, nil
	}
	refused(t, name, v2, "the index number cannot be made unique, because stored documents share a value")
	v2[0].Derive = func(d store.Doc) (map[string]string, error) {
		return map[string]string{"owner": "all", "number": string(d.Body)}, nil
	}
	db = open(t, name, v2)
	if got := count(t, db, store.Query{Index: "number", Prefix: "11"}); got != 11 {
		t.Fatalf("the new index finds %d", got)
	}
	d, err := db.Get(t.Context(), "things", "d0007")
	if err != nil || d.Rev != 1 || string(d.Body) != "7" || d.Index["number"] != "7" || d.Index["owner"] != "all" || len(d.Index) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	d.Index["number"] = "8"
	if err := db.Replace(t.Context(), "things", d); !store.IsDuplicate(err, "number") {
		t.Fatalf("the new index is not unique: %v", err)
	}
	db.Close()
	db = open(t, name, v2) // nothing is new now
	db.Close()

	// No longer unique; and an index that is removed does not come back stale.
	db = open(t, name, []store.Collection{{Name: "things", Indexes: []store.Index{{Name: "number"}}}})
	if err := db.Create(t.Context(), "things", store.Doc{ID: "twin", Body: []byte(`{}`), Index: map[string]string{"number": "8"}}); err != nil {
		t.Fatal(err)
	}
	db.Close()
	v2[0].Derive = nil
	refused(t, name, v2, "lack the new index owner")
}

func TestNewerFormat(t *testing.T) {
	name := database(t)
	db := open(t, name, testSchema)
	set := func(version int64) {
		if _, err := db.meta.UpdateOne(t.Context(), byID("format"), bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: version}}}}); err != nil {
			t.Fatal(err)
		}
	}
	set(2)
	refused(t, name, testSchema, "the database has format 2, and this program reads format 1")
	set(format) // the end of the test opens it once more
}

// TestStored shows the stored form: bytes stay bytes, and absent values absent.
func TestStored(t *testing.T) {
	db := open(t, database(t), testSchema)
	body := "{ \"ü\": 1 }\n"
	if err := db.Create(t.Context(), "things", store.Doc{ID: "a", Body: []byte(body), Index: map[string]string{"owner": "", "slot": "s"}}); err != nil {
		t.Fatal(err)
	}
	raw, err := db.db.Collection("things").FindOne(t.Context(), byID("a")).Raw()
	if err != nil {
		t.Fatal(err)
	}
	kind, stored, ok := raw.Lookup("body").BinaryOK()
	if _, lookup := raw.LookupErr("ix_owner"); !ok || kind != 0 || string(stored) != body || lookup == nil || raw.Lookup("ix_slot").StringValue() != "s" || raw.Lookup("rev").Int64() != 1 {
		t.Fatalf("stored as %v", raw)
	}
}
