package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// measured is what a load has shown.
type measured struct {
	wall      time.Duration
	done      int
	errors    int
	said      map[string]int // errors by their text, the first few kinds
	steps     []*times
	flow      *times
	late      *times // open loop: how far behind its schedule a flow began
	serverCPU time.Duration
	clientCPU time.Duration
	mu        sync.Mutex
}

const saidMost = 8

func (p *people) newMeasured(n int) *measured {
	m := &measured{steps: make([]*times, len(p.job.steps)), said: map[string]int{}, flow: &times{all: make([]time.Duration, 0, n)}, late: &times{}}
	for i := range m.steps {
		m.steps[i] = &times{all: make([]time.Duration, 0, n)}
	}
	return m
}

func (m *measured) add(t timing, whole time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.errors++
		if text := fmt.Sprintf("%.160s", err); len(m.said) < saidMost || m.said[text] > 0 {
			m.said[text]++
		}
		return
	}
	m.done++
	m.flow.all = append(m.flow.all, whole)
	for i, d := range t[:len(m.steps)] {
		m.steps[i].all = append(m.steps[i].all, d)
	}
}

// closed runs flows from..to with every worker busy all the time: how many flows the
// machine can do.
func (p *people) closed(ctx context.Context, from, to int) *measured {
	m := p.newMeasured(to - from)
	var next atomic.Int64
	next.Store(int64(from))
	m.around(p, func() {
		var wg sync.WaitGroup
		for _, k := range p.workers {
			wg.Go(func() {
				for ctx.Err() == nil {
					i := int(next.Add(1)) - 1
					if i >= to {
						return
					}
					begun := time.Now()
					t, err := p.job.flow(ctx, p, k, i)
					m.add(t, time.Since(begun), err)
				}
			})
		}
		wg.Wait()
	})
	return m
}

// open begins flows at a steady rate, whether or not earlier ones are done: how long
// people wait at that rate. A flow that finds no free worker waits for one, and its time
// counts from when it was due, not from when it could begin; otherwise a server that
// stalls would be measured by the few flows that did not meet the stall.
func (p *people) open(ctx context.Context, from, to int, rate float64) *measured {
	m := p.newMeasured(to - from)
	type job struct {
		i   int
		due time.Time
	}
	jobs := make(chan job, to-from) // never full: the schedule waits for nobody
	m.around(p, func() {
		var wg sync.WaitGroup
		for _, k := range p.workers {
			wg.Go(func() {
				for j := range jobs {
					m.late.add(time.Since(j.due))
					t, err := p.job.flow(ctx, p, k, j.i)
					m.add(t, time.Since(j.due), err)
				}
			})
		}
		begun := time.Now()
		for i := from; i < to && ctx.Err() == nil; i++ {
			due := begun.Add(time.Duration(float64(i-from) / rate * float64(time.Second)))
			time.Sleep(time.Until(due))
			jobs <- job{i, due}
		}
		close(jobs)
		wg.Wait()
	})
	return m
}

// around takes the clock and what both processes use meanwhile.
func (m *measured) around(p *people, work func()) {
	server, client, begun := p.s.cpu(), cpuSelf(), time.Now()
	work()
	m.wall = time.Since(begun)
	m.serverCPU, m.clientCPU = p.s.cpu()-server, cpuSelf()-client
}

func (m *measured) perSecond() float64 {
	if m.wall <= 0 {
		return 0
	}
	return float64(m.done) / m.wall.Seconds()
}
