package sqlite

import (
	"fmt"
	"testing"

	"certlink/store"
	"certlink/store/internal/engine"
)

func TestCacheIsBounded(t *testing.T) {
	schema, err := engine.NewSchema([]store.Collection{{Name: "things"}})
	if err != nil {
		t.Fatal(err)
	}
	const limit = 1 << 20
	c := newCache(limit)
	at := func(i, size int) *entry {
		return &entry{key: key{schema.Of("things"), fmt.Sprint(i)}, rev: 1, body: make([]byte, size)}
	}
	for i := range 5000 {
		e := at(i, 1000)
		c.take(e.key)
		c.settle(e.key, e)
	}
	held, bytes := 0, 0
	for i := range c.shards {
		s := &c.shards[i]
		held += len(s.entries)
		bytes += s.bytes
		if len(s.doubt) != 0 {
			t.Errorf("%d documents are left in doubt", len(s.doubt))
		}
		n, sum := 0, 0
		for e := s.ring.next; e != &s.ring; e = e.next {
			n, sum = n+1, sum+e.size()
		}
		if n != len(s.entries) || sum != s.bytes {
			t.Errorf("the ring holds %d entries of %d bytes, the map %d of %d", n, sum, len(s.entries), s.bytes)
		}
	}
	if bytes > limit || held < 500 {
		t.Errorf("%d documents of %d bytes are held", held, bytes)
	}
	if e, _ := c.get(at(4999, 0).key); e == nil {
		t.Error("the newest document is not held")
	}
	if e, _ := c.get(at(0, 0).key); e != nil {
		t.Error("the oldest document is held")
	}
	big := at(9999, limit/16)
	c.settle(big.key, big)
	if e, _ := c.get(big.key); e != nil {
		t.Error("a document that fills a shard is held")
	}
}

// TestCacheFillIsNeverStale plays a slow reader: whatever happened to the
// document, or may be happening, since it missed, it must not fill the gap.
func TestCacheFillIsNeverStale(t *testing.T) {
	schema, err := engine.NewSchema([]store.Collection{{Name: "things"}})
	if err != nil {
		t.Fatal(err)
	}
	k := key{schema.Of("things"), "a"}
	old, new := &entry{key: k, rev: 1}, &entry{key: k, rev: 2}
	for name, between := range map[string]func(*cache){
		"writing":             func(c *cache) { c.take(k) },
		"written and evicted": func(c *cache) { c.take(k); c.settle(k, new); c.take(k); c.settle(k, nil) },
		"deleted":             func(c *cache) { c.take(k); c.settle(k, nil) },
	} {
		c := newCache(1 << 20)
		_, gen := c.get(k)
		between(c)
		c.fill(old, gen)
		if e, _ := c.get(k); e != nil {
			t.Errorf("%s: the old state was filled in", name)
		}
	}
	// A reader that misses while it is written must not fill either, before or after.
	c := newCache(1 << 20)
	c.take(k)
	_, gen := c.get(k)
	c.fill(old, gen)
	if e, _ := c.get(k); e != nil {
		t.Error("filled in while in doubt")
	}
	c.settle(k, nil)
	c.fill(old, gen)
	if e, _ := c.get(k); e != nil {
		t.Error("filled in what was read while in doubt")
	}
	_, gen = c.get(k)
	c.fill(new, gen)
	if e, _ := c.get(k); e != new {
		t.Error("not filled in though nothing happened")
	}
}

// TestCacheIsForWhatIsUsed: a document that was created and then left alone does not
// come into the cache when it is folded; one that was read or written again does.
func TestCacheIsForWhatIsUsed(t *testing.T) {
	db := open(t, t.TempDir(), helperSchema)
	for _, id := range []string{"left", "read", "written"} {
		if err := db.Create(t.Context(), "things", doc(id)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Get(t.Context(), "things", "read"); err != nil {
		t.Fatal(err)
	}
	again := doc("written")
	again.Rev = 1
	if err := db.Replace(t.Context(), "things", again); err != nil {
		t.Fatal(err)
	}
	foldAll(t, db)
	for id, want := range map[string]bool{"left": false, "read": true, "written": true} {
		if e, _ := db.cache.get(key{db.schema.Of("things"), id}); (e != nil) != want {
			t.Errorf("%s is in the cache: %t", id, e != nil)
		}
		if _, err := db.Get(t.Context(), "things", id); err != nil {
			t.Error(err)
		}
	}
}
