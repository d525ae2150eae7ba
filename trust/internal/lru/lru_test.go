package lru

import (
	"sync"
	"testing"
)

func TestOldestGoesFirst(t *testing.T) {
	c := New[string, int](2)
	c.Put("a", 1)
	c.Put("b", 2)
	c.Get("a") // now b is the oldest
	c.Put("c", 3)
	if _, ok := c.Get("b"); ok {
		t.Error("b should have gone: it was not asked for longest")
	}
	if v, ok := c.Get("a"); !ok || v != 1 {
		t.Errorf("a = %d, %v", v, ok)
	}
	c.Put("a", 9)
	if v, _ := c.Get("a"); v != 9 || c.Len() != 2 {
		t.Errorf("replaced a = %d, len %d", v, c.Len())
	}
	c.Drop("a")
	c.Drop("never there")
	if _, ok := c.Get("a"); ok || c.Len() != 1 {
		t.Error("a should be forgotten")
	}
}

func TestNeverMoreThanTheLimit(t *testing.T) {
	c := New[int, int](16)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 500 {
				c.Put(w*1000+i, i)
				c.Get(i)
				if n := c.Len(); n > 16 {
					t.Errorf("%d entries", n)
					return
				}
			}
		})
	}
	wg.Wait()
}
