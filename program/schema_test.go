package program

import (
	"slices"
	"testing"

	"certlink/internal/seal"
	"certlink/store"
)

// A newer version may declare an index that the documents of an older one lack. Every
// room says how its values follow from what is stored.
func TestEveryRoomDerivesItsIndexes(t *testing.T) {
	indexed := 0
	for _, c := range Schema() {
		if len(c.Indexes) == 0 {
			continue
		}
		if indexed++; c.Derive == nil {
			t.Errorf("%s has indexes, and nothing derives their values", c.Name)
		}
	}
	if indexed < 20 {
		t.Errorf("only %d collections with indexes: is the schema whole?", indexed)
	}
}

// What is sealed can be sealed anew with another key, and is found for it: all of it,
// since nothing can be sealed that is not declared.
func TestEveryRoomSealsAnew(t *testing.T) {
	found := map[string]bool{}
	for _, c := range Schema() {
		found[c.Name] = slices.ContainsFunc(c.Indexes, func(ix store.Index) bool { return ix.Name == seal.StaleIndex })
	}
	anew := map[string]bool{}
	for _, s := range stocks(nil, new(seal.Ring)) {
		anew[s.Collection] = true
	}
	fields := seal.Declared()
	for collection, names := range fields {
		if !anew[collection] || !found[collection] {
			t.Errorf("%v of %s: sealed anew %v, found by its key %v", names, collection, anew[collection], found[collection])
		}
	}
	if len(fields) < 9 {
		t.Errorf("only %d collections with sealed fields: are all rooms here?", len(fields))
	}
}
