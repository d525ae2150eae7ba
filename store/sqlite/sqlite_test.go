package sqlite

import (
	"testing"

	"certlink/store"
	"certlink/store/storetest"
)

func open(t testing.TB, dir string, schema []store.Collection, opts ...Option) *DB {
	t.Helper()
	db, err := Open(t.Context(), dir, schema, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, schema []store.Collection) store.Store { return open(t, t.TempDir(), schema) })
}

// TestConformanceFolding folds as often as it can, and keeps no document in memory
// beyond that: every read may meet any of the layers, and the file.
func TestConformanceFolding(t *testing.T) {
	storetest.Run(t, func(t *testing.T, schema []store.Collection) store.Store {
		return open(t, t.TempDir(), schema, WithCache(0), withFoldAt(1))
	})
}

// TestConformanceCached folds as often, so that documents come into the cache.
func TestConformanceCached(t *testing.T) {
	storetest.Run(t, func(t *testing.T, schema []store.Collection) store.Store {
		return open(t, t.TempDir(), schema, withFoldAt(1))
	})
}
