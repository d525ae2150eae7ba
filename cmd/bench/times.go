package main

import (
	"math"
	"slices"
	"sync"
	"time"
)

// times collects durations exactly; a million of them are eight megabytes.
type times struct {
	mu  sync.Mutex
	all []time.Duration
}

func (t *times) add(d time.Duration) {
	t.mu.Lock()
	t.all = append(t.all, d)
	t.mu.Unlock()
}

// at is the smallest duration that a share q of all do not exceed (nearest rank).
func (t *times) at(q float64) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) == 0 {
		return 0
	}
	slices.Sort(t.all)
	n := int(math.Ceil(q*float64(len(t.all)))) - 1
	return t.all[min(max(n, 0), len(t.all)-1)]
}

func (t *times) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}

func millis(d time.Duration) float64 { return round(float64(d)/float64(time.Millisecond), 3) }

func round(f float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(f*p) / p
}
