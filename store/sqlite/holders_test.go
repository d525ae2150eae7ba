package sqlite

import (
	"fmt"
	"testing"

	"certlink/store"
)

// TestHolderIsChecked: a document that the cache holds, and that once held a value, is
// found by it no more when the value is another's, or nobody's.
func TestHolderIsChecked(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema)
	found := func(want string) {
		t.Helper()
		foldAll(t, db)
		for range 3 {
			docs, next, err := db.Query(t.Context(), "things", store.Equal("slot", "s"))
			if err != nil || next != "" || len(docs) > 1 || len(docs) == 1 && docs[0].ID != want || len(docs) == 0 && want != "" {
				t.Fatalf("found %v, %q, %v; want %q", docs, next, err, want)
			}
		}
	}
	replace := func(id string, rev int64, slot string) {
		t.Helper()
		if err := db.Replace(t.Context(), "things", store.Doc{ID: id, Rev: rev, Body: []byte(`{}`), Index: map[string]string{"slot": slot}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"a", "b"} {
		if err := db.Create(t.Context(), "things", doc(id)); err != nil {
			t.Fatal(err)
		}
	}
	found("")
	replace("a", 1, "s")
	foldAll(t, db)
	if id := db.holders.of(held{db.schema.Of("things"), 1, "s"}); id != "a" {
		t.Fatalf("%q is remembered of what has been folded", id)
	}
	found("a")
	if id := db.holders.of(held{db.schema.Of("things"), 1, "s"}); id != "a" {
		t.Fatalf("%q is remembered", id)
	}
	replace("a", 2, "")
	found("")
	replace("b", 1, "s")
	found("b")
	replace("b", 2, "other")
	replace("a", 3, "s")
	found("a")
	if err := db.Delete(t.Context(), "things", "a", 0); err != nil {
		t.Fatal(err)
	}
	found("")
}

func TestHoldersAreBounded(t *testing.T) {
	var h holders
	used := held{value: "used"}
	h.note(used, "user")
	for i := range 5 * recentLimit {
		h.note(held{value: fmt.Sprint(i)}, "x")
		if id := h.of(used); id != "user" {
			t.Fatalf("what is in use was forgotten: %q", id)
		}
		if n := len(h.young) + len(h.old); n > 2*recentLimit {
			t.Fatalf("%d values are remembered", n)
		}
	}
}
