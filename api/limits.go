package api

import (
	"cmp"
	"container/list"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"certlink/internal/clock"
)

// Rate is how often something may happen. Zero means the default, a negative
// PerSecond that there is no bound.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limits bound what one caller, and all together, can ask of this server. They
// count per account, per session and per device, and never per address alone: a
// whole office stands behind one.
type Limits struct {
	Global  Rate // all requests of this server; beyond it, 503
	Starts  Rate // codes begun, per account
	Account Rate // calls of a signed-in account or API token
	Session Rate // calls about one QR session by the page that began it
	Device  Rate // calls of one phone
	// Programs: calls of an integrator's account or API token, in place of Account.
	Programs Rate

	Connections int // open connections; more are sent away
	Streams     int // pages that wait for events or in a long poll, in all
	PerSession  int // and for one QR session
	Remembered  int // accounts, sessions and devices counted at once, of each kind

	Read      time.Duration // for a whole request to arrive
	Timeout   time.Duration // for the work of one request
	Heartbeat time.Duration // between signs of life on an event stream
	Flush     time.Duration // a stream that does not take its bytes for this long is cut
	Wait      time.Duration // the longest long poll
}

// DefaultLimits suit a server on two cores.
func DefaultLimits() Limits {
	return Limits{
		Global: Rate{5000, 10000}, Starts: Rate{0.5, 20}, Account: Rate{20, 100}, Session: Rate{5, 40}, Device: Rate{10, 60}, Programs: Rate{200, 400},
		Connections: 20000, Streams: 10000, PerSession: 8, Remembered: 50000,
		Read: 15 * time.Second, Timeout: 10 * time.Second, Heartbeat: 8 * time.Second, Flush: 5 * time.Second, Wait: 25 * time.Second,
	}
}

// withDefaults fills in the bounds that are zero.
func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	l.Global, l.Starts, l.Account = cmp.Or(l.Global, d.Global), cmp.Or(l.Starts, d.Starts), cmp.Or(l.Account, d.Account)
	l.Session, l.Device = cmp.Or(l.Session, d.Session), cmp.Or(l.Device, d.Device)
	l.Programs = cmp.Or(l.Programs, d.Programs)
	l.Connections = cmp.Or(l.Connections, d.Connections)
	l.Streams = cmp.Or(l.Streams, d.Streams)
	l.PerSession = cmp.Or(l.PerSession, d.PerSession)
	l.Remembered = cmp.Or(l.Remembered, d.Remembered)
	l.Read = cmp.Or(l.Read, d.Read)
	l.Timeout = cmp.Or(l.Timeout, d.Timeout)
	l.Heartbeat = min(cmp.Or(l.Heartbeat, d.Heartbeat), 10*time.Second) // the protocol's word
	l.Flush = cmp.Or(l.Flush, d.Flush)
	l.Wait = min(cmp.Or(l.Wait, d.Wait), 25*time.Second)
	return l
}

// Unbounded is a Rate without a bound, for tests and benchmarks.
var Unbounded = Rate{PerSecond: -1}

// meter counts for each key of one kind. It remembers a bounded number of keys:
// the one not heard of for longest is forgotten, and has its burst again.
type meter struct {
	rate  Rate
	size  int
	clock clock.Clock

	mu    sync.Mutex
	keys  map[string]*list.Element
	order *list.List // most recent first
}

type metered struct {
	key     string
	limiter *rate.Limiter
}

func newMeter(r Rate, size int, c clock.Clock) *meter {
	return &meter{rate: r, size: size, clock: c, keys: map[string]*list.Element{}, order: list.New()}
}

// allow counts one for the key, or refuses and says when to come back.
func (m *meter) allow(key string) error {
	if m.rate.PerSecond <= 0 {
		return nil
	}
	m.mu.Lock()
	e := m.keys[key]
	if e == nil {
		if m.order.Len() >= m.size {
			last := m.order.Back()
			delete(m.keys, last.Value.(*metered).key)
			m.order.Remove(last)
		}
		e = m.order.PushFront(&metered{key, m.rate.limiter()})
		m.keys[key] = e
	} else {
		m.order.MoveToFront(e)
	}
	l := e.Value.(*metered).limiter
	m.mu.Unlock()
	if wait := m.rate.take(l, m.clock()); wait > 0 {
		return ErrRate.After(wait)
	}
	return nil
}

func (r Rate) limiter() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(r.PerSecond), max(r.Burst, 1))
}

// take uses one of the limiter's tokens, or says after how long there is one.
func (r Rate) take(l *rate.Limiter, now time.Time) time.Duration {
	if l.AllowN(now, 1) {
		return 0
	}
	missing := 1 - l.TokensAt(now)
	return time.Duration(math.Ceil(missing / r.PerSecond * float64(time.Second)))
}
