// Package garbage sets how often the program collects garbage, by how busy it is.
//
// Go collects when the heap has doubled since the last time. What is alive here is
// little, a few dozen megabytes, so a busy server would collect ten times a second and
// spend a tenth of its work on that. Such a server may use more memory instead; one
// that rests, or only keeps pages open, stays small.
package garbage

import (
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	// usual is Go's own setting: the heap doubles.
	usual = 100
	// most is what a busy server has.
	most = 400
	// room bounds the heap that is aimed at: beyond it, a busy server has Go's own
	// setting as well.
	room = 384 << 20
	// often and seldom are the times between two collections at which the setting
	// goes up and down.
	often  = 400 * time.Millisecond
	seldom = 4 * time.Second
)

// Follow has the setting follow the load until the program ends. An operator's own
// GOGC stands.
func Follow() {
	if os.Getenv("GOGC") != "" {
		return
	}
	f := &follower{percent: usual, last: time.Now()}
	runtime.SetFinalizer(&sentinel{f: f}, collected)
}

type follower struct {
	percent int
	last    time.Time
}

// sentinel becomes garbage at once, so that its finalizer runs after each collection.
type sentinel struct {
	f *follower
	_ [16]byte // an object of its own
}

func collected(s *sentinel) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	now := time.Now()
	if p := next(s.f.percent, now.Sub(s.f.last), m.HeapAlloc); p != s.f.percent {
		s.f.percent = p
		debug.SetGCPercent(p)
	}
	s.f.last = now
	runtime.SetFinalizer(&sentinel{f: s.f}, collected)
}

// next is the setting after a collection that left so much alive, this long after the
// one before.
func next(percent int, since time.Duration, alive uint64) int {
	switch {
	case since < often:
		percent *= 2
	case since > seldom:
		percent /= 2
	}
	fits := int(min(room*100/max(alive, 1), 10*most)) - 100
	return max(usual, min(percent, most, fits))
}
