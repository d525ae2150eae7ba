package main

import "testing"

// A newer version may declare an index that the documents of an older one lack. Every
// room says how its values follow from what is stored.
func TestEveryRoomDerivesItsIndexes(t *testing.T) {
	indexed := 0
	for _, c := range schema() {
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
