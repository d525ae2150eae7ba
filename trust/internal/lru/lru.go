// Package lru is a bounded cache: when it is full, the entry that was not asked for
// longest goes. It is what keeps every cache of package trust from growing with what
// strangers send.
package lru

import (
	"container/list"
	"sync"
)

// Cache holds at most a fixed number of entries. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu    sync.Mutex
	limit int
	order *list.List // front: asked for last
	byKey map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New makes a cache of at most limit entries; limit must be positive.
func New[K comparable, V any](limit int) *Cache[K, V] {
	if limit < 1 {
		panic("lru: a cache needs room for one entry at least")
	}
	return &Cache[K, V]{limit: limit, order: list.New(), byKey: make(map[K]*list.Element)}
}

// Get returns the value of key, if it is still there.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		var none V
		return none, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry[K, V]).value, true
}

// Put stores value under key, and drops the oldest entry where there is no room.
func (c *Cache[K, V]) Put(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		e.Value.(*entry[K, V]).value = value
		c.order.MoveToFront(e)
		return
	}
	if c.order.Len() >= c.limit {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.byKey, last.Value.(*entry[K, V]).key)
	}
	c.byKey[key] = c.order.PushFront(&entry[K, V]{key, value})
}

// Drop forgets key.
func (c *Cache[K, V]) Drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		c.order.Remove(e)
		delete(c.byKey, key)
	}
}

// Len is the number of entries.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}
