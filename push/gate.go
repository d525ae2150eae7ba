package push

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate bounds what one server sends over a channel.
type Rate struct {
	PerSecond float64
	Burst     int
}

// DefaultRate is far below what push services allow, and far above what people
// cause.
var DefaultRate = Rate{PerSecond: 500, Burst: 500}

// gate bounds a channel: so many in a second, and none for a while when it has
// failed several times running. Without it the end of an outage would be met with
// all that has gathered; and during one, each message would wait for its own time
// to run out. It lives in memory: another server may send what this one holds back.
type gate struct {
	mu      sync.Mutex
	limiter *rate.Limiter
	burst   int
	failed  int
	shut    time.Time // until then nothing is tried
}

// failuresMost in a row shut a channel.
const failuresMost = 8

func newGate(r Rate) *gate {
	return &gate{limiter: rate.NewLimiter(rate.Limit(r.PerSecond), max(r.Burst, 1)), burst: max(r.Burst, 1)}
}

// SetRate bounds a channel; before anything runs.
func (o *Outbox) SetRate(channel string, r Rate) {
	if o.channels[channel] != nil {
		o.gates[channel] = newGate(r)
	}
}

// room is how many of a lane may be sent now. A part of the allowance is kept for
// the more urgent lanes.
func (g *gate) room(lane Lane, now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed >= failuresMost {
		if now.Before(g.shut) {
			return 0
		}
		g.shut = now.Add(sendTime) // one goes ahead; the others wait for its news
		return 1
	}
	kept := g.burst * int(lane) / 4
	return max(int(g.limiter.TokensAt(now))-kept, 0)
}

func (g *gate) take(now time.Time) { g.limiter.AllowN(now, 1) }

// came takes note of how a delivery went. What concerns one message says nothing of
// the channel.
func (g *gate) came(err error, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var permanent *PermanentError
	var again *AgainError
	if err == nil || errors.As(err, &permanent) || errors.As(err, &again) {
		g.failed = 0
		return
	}
	g.failed++
	if g.failed < failuresMost {
		return
	}
	pause := min(time.Second<<min(g.failed-failuresMost, 6), time.Minute)
	g.shut = now.Add(pause/2 + rand.N(pause/2+1))
	var later *RetryAfterError
	if errors.As(err, &later) {
		g.shut = now.Add(spread(min(later.After, time.Hour)))
	}
}
