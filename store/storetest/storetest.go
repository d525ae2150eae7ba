// Package storetest is the one conformance suite for all storage engines: every
// promise of package store, the races included. An engine's test names itself
// and runs it:
//
//	storetest.Run(t, func(t *testing.T, schema []store.Collection) store.Store { … })
package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"certlink/store"
)

// Open opens an empty store with this schema, and arranges for its Close at the
// test's end.
type Open func(t *testing.T, schema []store.Collection) store.Store

// OpenServers opens n engines on one empty store, as n servers would.
type OpenServers func(t *testing.T, schema []store.Collection, n int) []store.Store

// Run checks every promise that one server can see.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"Documents", testDocuments},
		{"Bodies", testBodies},
		{"OwnCopies", testOwnCopies},
		{"Undeclared", testUndeclared},
		{"Unique", testUnique},
		{"UniqueFreed", testUniqueFreed},
		{"UniqueNamed", testUniqueNamed},
		{"Order", testOrder},
		{"Limits", testLimits},
		{"Pages", testPages},
		{"PagesUnderInserts", testPagesUnderInserts},
		{"PageSize", testPageSize},
		{"StrangeCursors", testStrangeCursors},
		{"Model", testModel},
		{"Changes", testChanges},
		{"ChangesInOrder", testChangesInOrder},
		{"ChangesPaged", testChangesPaged},
		{"EndedContext", testEndedContext},
		{"Closed", testClosed},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
	t.Run("Races", func(t *testing.T) {
		races(t, func(t *testing.T, schema []store.Collection) []store.Store {
			return []store.Store{open(t, schema)}
		})
	})
}

// RunServers checks what must also hold between servers, on engines that allow
// several on one store.
func RunServers(t *testing.T, open OpenServers) {
	t.Run("Races", func(t *testing.T) {
		races(t, func(t *testing.T, schema []store.Collection) []store.Store { return open(t, schema, 3) })
	})
	t.Run("Changes", func(t *testing.T) { testChangesBetweenServers(t, open) })
}

// schema is what most tests use.
var schema = []store.Collection{
	{Name: "things", Feed: true, Indexes: []store.Index{
		{Name: "owner"}, {Name: "slot", Unique: true}, {Name: "due"}, {Name: "serial", Unique: true},
	}},
	{Name: "quiet_things", Indexes: []store.Index{{Name: "owner"}}},
	{Name: "bare"},
}

type values = map[string]string

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func ctx(t *testing.T) context.Context {
	c, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return c
}

func thing(id string, body string, v values) store.Doc {
	return store.Doc{ID: id, Body: []byte(body), Index: v}
}

func create(t *testing.T, s store.Store, collection string, d store.Doc) {
	t.Helper()
	if err := s.Create(ctx(t), collection, d); err != nil {
		t.Fatalf("create %s/%s: %v", collection, d.ID, err)
	}
}

func get(t *testing.T, s store.Store, collection, id string) store.Doc {
	t.Helper()
	d, err := s.Get(ctx(t), collection, id)
	if err != nil {
		t.Fatalf("get %s/%s: %v", collection, id, err)
	}
	return d
}

// want checks one stored document entirely.
func want(t *testing.T, s store.Store, collection, id string, rev int64, body string, v values) {
	t.Helper()
	if err := differs(get(t, s, collection, id), id, rev, body, v); err != nil {
		t.Fatal(err)
	}
}

func differs(d store.Doc, id string, rev int64, body string, v values) error {
	if d.ID != id || d.Rev != rev || string(d.Body) != body || !maps.Equal(d.Index, v) {
		return fmt.Errorf("got %s rev %d %.80q %q, want %s rev %d %.80q %q", d.ID, d.Rev, d.Body, d.Index, id, rev, body, v)
	}
	return nil
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func wantDuplicate(t *testing.T, err error, index string) {
	t.Helper()
	if !store.IsDuplicate(err, index) {
		t.Fatalf("got %v, want a duplicate value of %s", err, index)
	}
}

// found is the ids of a query, all of one page.
func found(t *testing.T, s store.Store, collection string, q store.Query) []string {
	t.Helper()
	docs, _, err := s.Query(ctx(t), collection, q)
	if err != nil {
		t.Fatalf("query %+v: %v", q, err)
	}
	return ids(docs)
}

func ids(docs []store.Doc) []string {
	out := []string{}
	for _, d := range docs {
		out = append(out, d.ID)
	}
	return out
}

// walk reads a query to its end by pages of limit.
func walk(t *testing.T, s store.Store, collection string, q store.Query, limit int) []store.Doc {
	t.Helper()
	q.Limit = limit
	var all []store.Doc
	for page := 0; ; page++ {
		docs, next, err := s.Query(ctx(t), collection, q)
		if err != nil {
			t.Fatalf("query %+v: %v", q, err)
		}
		if len(docs) > limit {
			t.Fatalf("a page of %d has %d documents", limit, len(docs))
		}
		all = append(all, docs...)
		if next == "" {
			return all
		}
		if len(docs) != limit {
			t.Fatalf("a page of %d documents, not %d, has a next one", len(docs), limit)
		}
		if page > 10_000 {
			t.Fatal("the walk does not end")
		}
		q.After = next
	}
}
