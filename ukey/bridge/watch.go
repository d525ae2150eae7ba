package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"
)

// Event is what a watching page is told.
type Event struct {
	Name string
	Data []byte
}

// watchers are the pages that watch. Each has a small queue; one that does not read
// misses events and is told the present state with the next look.
type watchers struct {
	mu  sync.Mutex
	all map[chan Event]bool
}

const maxWatchers = 16

func (w *watchers) add() (chan Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) >= maxWatchers {
		return nil, false
	}
	if w.all == nil {
		w.all = map[chan Event]bool{}
	}
	c := make(chan Event, 8)
	w.all[c] = true
	return c, true
}

func (w *watchers) drop(c chan Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, c)
}

func (w *watchers) tell(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.all {
		select {
		case c <- Event{name, data}:
		default:
		}
	}
}

// Watch hands a paired page what is plugged in, at once and whenever it changes, and
// how an operation goes on. Libraries' own notices of insertion are not used: they
// block, cannot all be cancelled, and many drivers lose some.
func (s *Service) Watch(ctx context.Context, origin, secret string, send func(Event) error) error {
	if !s.Allowed(origin) {
		return ErrNobody
	}
	if !s.Pairs.Known(origin, secret) {
		return ErrNotPaired
	}
	told, ok := s.watch.add()
	if !ok {
		return ErrBusy
	}
	defer s.watch.drop(told)
	looked := make(chan []byte, 1)
	look := func() {
		data, err := json.Marshal(s.Tokens(ctx))
		if err == nil {
			looked <- data
		}
	}
	go look()
	var last []byte
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	beat := time.NewTicker(15 * time.Second)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-told:
			if err := send(e); err != nil {
				return nil
			}
		case data := <-looked:
			again.Reset(s.Look)
			if bytes.Equal(data, last) {
				continue
			}
			last = data
			if err := send(Event{"tokens", data}); err != nil {
				return nil
			}
		case <-again.C:
			if !s.Pairs.Known(origin, secret) {
				return nil
			}
			go look()
		case <-beat.C:
			if err := send(Event{"beat", []byte("{}")}); err != nil {
				return nil
			}
		}
	}
}
