package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// idleLoad is what many open portals cost: pages that nobody scans, each shown a new
// code every second.
type idleLoad struct {
	Portals         int     `json:"portals"`
	Seconds         float64 `json:"seconds"`
	FramesPerSecond float64 `json:"frames_per_second"`
	ServerCores     float64 `json:"server_cores_above_idle"`
	RSSMiB          float64 `json:"server_rss_mib_above_idle"`
	BaseCores       float64 `json:"server_cores_idle"`
	BaseRSSMiB      float64 `json:"server_rss_mib_idle"`
	Lost            int64   `json:"streams_lost"`
}

const (
	// Sessions show their code for 60 seconds, so all must be open, and measured,
	// within that.
	idleMeasured = 25 * time.Second
	// An account may have 20 codes open.
	portalsEach = 10
)

// idle opens n portals, for the people from the number first on, and measures the server
// for a while.
func (p *people) idle(ctx context.Context, first, n int) (*idleLoad, error) {
	if p.s.pid == 0 {
		return nil, fmt.Errorf("-idle needs to know the server's process; name it with -pid")
	}
	r := &idleLoad{Portals: n, Seconds: idleMeasured.Seconds()}
	if err := sleep(ctx, 3*time.Second); err != nil {
		return nil, err
	}
	before := p.s.cpu()
	if err := sleep(ctx, 5*time.Second); err != nil {
		return nil, err
	}
	r.BaseCores = (p.s.cpu() - before).Seconds() / 5
	base, _, err := memoryOf(p.s.pid)
	if err != nil {
		return nil, err
	}
	r.BaseRSSMiB = mib(base)

	var frames atomic.Int64
	var lost atomic.Int64
	var wires []*wire
	var readers sync.WaitGroup
	var closing atomic.Bool
	defer func() {
		closing.Store(true)
		for _, w := range wires {
			_ = w.conn.Close()
		}
		readers.Wait()
	}()
	var mu sync.Mutex
	var next atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	for _, k := range p.workers {
		g.Go(func() error {
			for gctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				w, err := k.portal(p.tokens[first+i/portalsEach])
				if err != nil {
					return fmt.Errorf("opening portal %d: %w", i+1, err)
				}
				mu.Lock()
				wires = append(wires, w)
				mu.Unlock()
				readers.Go(func() {
					for {
						name, _, err := w.nextEvent()
						if err != nil || name == "" {
							if !closing.Load() {
								lost.Add(1)
							}
							return
						}
						if name == "frame" {
							frames.Add(1)
						}
					}
				})
			}
			return gctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := sleep(ctx, 2*time.Second); err != nil {
		return nil, err
	}
	used, shown, begun := p.s.cpu(), frames.Load(), time.Now()
	var highest int64
	for time.Since(begun) < idleMeasured {
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return nil, err
		}
		now, _, err := memoryOf(p.s.pid)
		if err != nil {
			return nil, err
		}
		highest = max(highest, now)
	}
	r.Seconds = round(time.Since(begun).Seconds(), 2)
	r.ServerCores = round((p.s.cpu()-used).Seconds()/time.Since(begun).Seconds()-r.BaseCores, 4)
	r.FramesPerSecond = round(float64(frames.Load()-shown)/time.Since(begun).Seconds(), 1)
	r.RSSMiB = round(mib(highest-base), 1)
	r.BaseCores, r.BaseRSSMiB, r.Lost = round(r.BaseCores, 4), round(r.BaseRSSMiB, 1), lost.Load()
	return r, nil
}

// portal begins a session and opens its event stream on a connection of its own.
func (k *worker) portal(token string) (*wire, error) {
	a, err := k.page.do("POST", "/v1/qr-sessions", startBody, "Authorization", token)
	if err != nil {
		return nil, err
	}
	if a.status != 201 {
		return nil, fmt.Errorf("start: %s", refused(a))
	}
	id, secret := field(a.body, "id"), field(a.body, "browser_secret")
	w, err := newWire(k.page.base.String())
	if err != nil {
		return nil, err
	}
	w.wait = 2 * time.Minute
	if a, err = w.do("GET", "/v1/qr-sessions/"+id+"/events", nil, "Certlink-Browser-Secret", secret); err != nil {
		return nil, err
	}
	if a.status != 200 || !a.events {
		w.close()
		return nil, fmt.Errorf("events: %s", refused(a))
	}
	return w, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
