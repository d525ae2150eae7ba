package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"
)

// emptyServer is the environment variable that makes this program the bare server
// below instead: another process, as the real one is, on the HTTP library that the
// real one uses, doing nothing.
const emptyServer = "CERTLINK_BENCH_EMPTY_SERVER"

// serveEmpty answers GET / with nothing, GET /events/X with an event stream, and
// POST /poke/X with nothing after sending an event into that stream.
func serveEmpty() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	// The pipe from the parent ends when the parent does, however it ends.
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		os.Exit(0)
	}()
	var streams [1 << 14]chan struct{}
	for i := range streams {
		streams[i] = make(chan struct{}, 1)
	}
	of := func(path []byte) chan struct{} {
		n := 0
		for _, c := range path[strings.LastIndexByte(string(path), '/')+1:] {
			n = n*10 + int(c-'0')
		}
		return streams[n%len(streams)]
	}
	data := []byte("id: 4\nevent: confirmed\ndata: {\"text\":\"" + strings.Repeat("x", 1500) + "\"}\n\n")
	s := &fasthttp.Server{NoDefaultServerHeader: true, Handler: func(c *fasthttp.RequestCtx) {
		switch path := c.Path(); {
		case strings.HasPrefix(string(path), "/poke/"):
			of(path) <- struct{}{}
		case strings.HasPrefix(string(path), "/events/"):
			c.Response.Header.SetContentType("text/event-stream")
			// The header leaves with the first event, so there is one at once.
			c.SetBodyStream(&events{wake: of(path), data: data, rest: []byte(":\n\n")}, -1)
		}
	}}
	return s.Serve(ln)
}

// events is a stream whose every Read waits for the next event.
type events struct {
	wake chan struct{}
	data []byte
	rest []byte
}

func (e *events) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		<-e.wake
		e.rest = e.data
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// http measures empty round trips, and events, at the run's concurrency: the CPU time
// of both processes.
func (u *units) http(ctx context.Context, concurrency int) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, exe)
	c.Env = append(os.Environ(), emptyServer+"=1")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	defer func() {
		in.Close()
		_ = c.Wait()
	}()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return err
	}
	base := "http://" + strings.TrimSpace(address)
	if u.roundTrip, err = u.both(c.Process.Pid, base, concurrency, false); err != nil {
		return err
	}
	poked, err := u.both(c.Process.Pid, base, concurrency, true)
	if err != nil {
		return err
	}
	u.event = max(0, poked-u.roundTrip)
	return nil
}

// both is the CPU time, of this process and the other, of one round trip: an empty one,
// or one that sets off an event on a stream, with that event.
func (u *units) both(pid int, base string, concurrency int, poke bool) (time.Duration, error) {
	var n, next atomic.Int64
	spend := func(d time.Duration) error {
		end := time.Now().Add(d)
		var g errgroup.Group
		for range concurrency {
			// A number never used before: a stream of the last round may still be closing.
			i := int(next.Add(1))
			g.Go(func() error { return trips(base, i, poke, end, &n) })
		}
		return g.Wait()
	}
	if err := spend(3 * unitTime); err != nil {
		return 0, err
	}
	best := time.Duration(math.MaxInt64)
	for range 3 {
		n.Store(0)
		server, err := cpuOf(pid)
		if err != nil {
			return 0, err
		}
		own := cpuSelf()
		if err := spend(10 * unitTime); err != nil {
			return 0, err
		}
		own = cpuSelf() - own
		after, err := cpuOf(pid)
		if err != nil {
			return 0, err
		}
		if n.Load() == 0 {
			return 0, errors.New("nothing was answered")
		}
		best = min(best, (own+after-server)/time.Duration(n.Load()))
	}
	return best, nil
}

// trips makes round trips on one connection until end.
func trips(base string, i int, poke bool, end time.Time, n *atomic.Int64) error {
	w, err := newWire(base)
	if err != nil {
		return err
	}
	defer w.close()
	if !poke {
		for time.Now().Before(end) {
			if _, err := w.do("GET", "/", nil); err != nil {
				return err
			}
			n.Add(1)
		}
		return nil
	}
	stream, err := newWire(base)
	if err != nil {
		return err
	}
	defer stream.close()
	if _, err := stream.do("GET", fmt.Sprintf("/events/%d", i), nil); err != nil {
		return err
	}
	path := fmt.Sprintf("/poke/%d", i)
	for time.Now().Before(end) {
		if _, err := w.do("POST", path, []byte("{}")); err != nil {
			return err
		}
		name, _, err := stream.nextEvent()
		if err != nil || name != "confirmed" {
			return fmt.Errorf("the event %q came: %w", name, err)
		}
		n.Add(1)
	}
	return nil
}
