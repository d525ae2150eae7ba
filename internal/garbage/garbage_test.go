package garbage

import (
	"runtime"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	for _, c := range []struct {
		percent int
		since   time.Duration
		alive   uint64
		want    int
	}{
		{100, 50 * time.Millisecond, 30 << 20, 200},
		{200, 50 * time.Millisecond, 30 << 20, 400},
		{400, 50 * time.Millisecond, 30 << 20, 400},
		{400, time.Second, 30 << 20, 400},
		{400, 10 * time.Second, 30 << 20, 200},
		{100, 10 * time.Second, 30 << 20, 100},
		{400, 50 * time.Millisecond, 150 << 20, 156},
		{400, 50 * time.Millisecond, 200 << 20, 100},
		{100, 50 * time.Millisecond, 2 << 30, 100},
		{100, time.Second, 0, 100},
	} {
		if got := next(c.percent, c.since, c.alive); got != c.want {
			t.Errorf("next(%d, %s, %d) = %d, want %d", c.percent, c.since, c.alive, got, c.want)
		}
	}
}

// TestFollows: many collections in a short time raise the setting.
func TestFollows(t *testing.T) {
	f := &follower{percent: usual, last: time.Now()}
	seen := make(chan int, 1)
	runtime.SetFinalizer(&sentinel{f: f}, func(s *sentinel) {
		collected(s)
		seen <- s.f.percent
	})
	runtime.GC()
	if got := <-seen; got <= usual {
		t.Errorf("after a collection at once the setting is %d", got)
	}
}
