package sqlite

import (
	"hash/maphash"
	"sync"

	"certlink/store/internal/engine"
)

// cache keeps documents that were lately read or written, so that the usual
// "read, decide, compare and swap" does not go to the file for its read: a
// reader's pages are void after every commit, and reading them again costs
// about twenty times a lookup here.
//
// It keeps operations on one document linearisable:
//   - Only the writer changes documents. Before it touches one, it takes the
//     entry out and marks the key as in doubt; readers then go to the file,
//     where the old state turns into the new one at one moment, the commit.
//   - After the commit, and before it answers, the writer puts the new state in
//     and lifts the mark. Nothing in the cache is ever older than the file.
//   - A reader that fills a gap does so only if no mark was set or lifted in
//     its shard since it missed, so what it read is still what is stored.
type cache struct {
	seed   maphash.Seed
	shards [16]shard
}

type key struct {
	c  *engine.Collection
	id string
}

// entry is one document as stored. It is never changed, only replaced.
type entry struct {
	key
	rev    int64
	body   []byte
	values []string
	// read is set when somebody has read it while it was in a layer.
	read uint32
	// The ring of the shard, most lately used first.
	prev, next *entry
}

type shard struct {
	mu      sync.Mutex
	entries map[key]*entry
	doubt   map[key]struct{}
	gen     uint64 // counts marks set and lifted
	ring    entry  // its head; next is the newest
	bytes   int
	limit   int
}

func newCache(bytes int) *cache {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		s := &c.shards[i]
		s.entries, s.doubt = map[key]*entry{}, map[key]struct{}{}
		s.ring.prev, s.ring.next = &s.ring, &s.ring
		s.limit = bytes / len(c.shards)
	}
	return c
}

func (c *cache) shard(k key) *shard {
	return &c.shards[maphash.String(c.seed, k.id)%uint64(len(c.shards))]
}

// get finds a document. On a miss it returns the generation to give to fill.
func (c *cache) get(k key) (*entry, uint64) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k]
	if e != nil && s.ring.next != e {
		s.unlink(e)
		s.link(e)
	}
	return e, s.gen
}

// fill offers what was read from the file after a miss at generation gen.
func (c *cache) fill(e *entry, gen uint64) {
	s := c.shard(e.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, doubt := s.doubt[e.key]; doubt || s.gen != gen || s.entries[e.key] != nil {
		return
	}
	s.put(e)
}

// take marks k as in doubt and returns what was cached.
func (c *cache) take(k key) *entry {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	s.doubt[k] = struct{}{}
	e := s.entries[k]
	if e != nil {
		s.drop(e)
	}
	return e
}

// settle lifts the mark; e is the state now stored, nil if it is gone or not known.
func (c *cache) settle(k key, e *entry) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	delete(s.doubt, k)
	if e != nil {
		s.put(e)
	}
}

func (s *shard) put(e *entry) {
	if e.size() > s.limit/8 {
		return // one large document is not worth many small ones
	}
	s.entries[e.key] = e
	s.bytes += e.size()
	s.link(e)
	for s.bytes > s.limit {
		s.drop(s.ring.prev)
	}
}

func (s *shard) drop(e *entry) {
	delete(s.entries, e.key)
	s.bytes -= e.size()
	s.unlink(e)
}

func (s *shard) link(e *entry) {
	e.prev, e.next = &s.ring, s.ring.next
	e.prev.next, e.next.prev = e, e
}

func (s *shard) unlink(e *entry) {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

// size is about what an entry occupies.
func (e *entry) size() int {
	n := 200 + len(e.id) + len(e.body)
	for _, v := range e.values {
		n += 16 + len(v)
	}
	return n
}
