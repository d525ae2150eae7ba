package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"certlink/internal/fault"
	"certlink/internal/feed"
)

// news is how something followed stands: what Last-Event-ID and since go by, and
// how an event tells it.
type news struct {
	seq  int64
	name string // of the event
	body any
	over bool      // nothing follows
	at   time.Time // when it may change by itself; zero if never
}

// following waits for the changes of one thing, for a stream or a long poll. It
// obeys the rules of QR sessions (see watcher): what woke it is a hint, so it reads;
// it reads by itself at every heartbeat, so that nothing that was missed stays
// unseen; it counts as a stream.
type following struct {
	s     *Server
	key   string
	sub   *feed.Sub
	look  func(context.Context) (news, error)
	last  news
	timer *time.Timer
	once  sync.Once
}

// follow begins to wait, then reads, so that no change falls in between.
func (s *Server) follow(ctx context.Context, key string, sub *feed.Sub, look func(context.Context) (news, error)) (*following, error) {
	if !s.streams.enter(key) {
		sub.Close()
		return nil, ErrStreams
	}
	f := &following{s: s, key: key, sub: sub, look: look, timer: time.NewTimer(time.Hour)}
	var err error
	if f.last, err = look(ctx); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *following) close() {
	f.once.Do(func() {
		f.sub.Close()
		f.timer.Stop()
		f.s.streams.leave(f.key)
	})
}

// next waits for news until a moment, or for the server's end; false means one of
// the latter two.
func (f *following) next(until time.Time) (bool, error) {
	for {
		at := time.Now().Add(f.s.Limits.Heartbeat)
		if left := f.last.at.Sub(f.s.Clock()); !f.last.at.IsZero() && left > 0 && left < f.s.Limits.Heartbeat {
			at = time.Now().Add(left + time.Millisecond)
		}
		if until.Before(at) {
			at = until
		}
		f.timer.Reset(time.Until(at))
		select {
		case <-f.s.quit:
			return false, nil
		case <-f.sub.C:
		case <-f.timer.C:
		}
		ctx, cancel := context.WithTimeout(f.s.base, 2*time.Second)
		n, err := f.look(ctx)
		cancel()
		switch {
		case err != nil && refusal(err).Kind != fault.Unavailable:
			return false, err
		case err == nil && n.seq > f.last.seq:
			f.last = n
			return true, nil
		}
		if !time.Now().Before(until) {
			return false, nil
		}
	}
}

// await is the long poll: it answers when the thing has moved on past since, when
// it is over, or when the time is up.
func (f *following) await(since int64, wait time.Duration) error {
	until := time.Now().Add(wait)
	for f.last.seq <= since && !f.last.over {
		if moved, err := f.next(until); err != nil || !moved {
			return err
		}
	}
	return nil
}

// stream answers with server-sent events until the thing is over.
func (c *call) stream(f *following) error {
	if seen, err := strconv.ParseInt(c.header("Last-Event-ID"), 10, 64); err == nil && seen == f.last.seq && f.last.over {
		f.close()
		return c.nothing() // it has seen the end: 204 keeps an EventSource from coming again
	}
	h := &c.f.Response().Header
	h.SetContentType("text/event-stream")
	h.Set(fiber.HeaderCacheControl, "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would collect the events
	c.f.Context().SetBodyStream(&followed{following: f, conn: c.f.Context().Conn(), requestID: c.requestID}, -1)
	return nil
}

// followed is the body of a stream; see stream for why it is a Reader.
type followed struct {
	*following
	conn      net.Conn
	requestID string
	begun     bool
	rest      []byte
}

// Close is called by fasthttp in every case.
func (b *followed) Close() error {
	b.close()
	return nil
}

// Read hands out the next event.
func (b *followed) Read(p []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			b.s.Log.Error("panic in a stream", "request_id", b.requestID, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			n, err = 0, io.EOF
		}
	}()
	if len(b.rest) == 0 {
		if b.rest, err = b.event(); err != nil {
			if !errors.Is(err, io.EOF) {
				b.s.Log.Info("a stream ends", "request_id", b.requestID, "err", err)
			}
			return 0, io.EOF
		}
	}
	if err := b.conn.SetWriteDeadline(time.Now().Add(b.s.Limits.Flush)); err != nil {
		return 0, io.EOF
	}
	n = copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// event waits for what is to be told next; the first is how things stand.
func (b *followed) event() ([]byte, error) {
	if !b.begun {
		b.begun = true
		out := append([]byte("retry: "), strconv.Itoa(1000+rand.IntN(2000))...)
		text, err := b.last.text()
		return append(append(out, "\n\n"...), text...), err
	}
	if b.last.over {
		return nil, io.EOF
	}
	moved, err := b.next(time.Now().Add(b.s.Limits.Heartbeat))
	if err != nil {
		return nil, err
	}
	if moved {
		return b.last.text()
	}
	select {
	case <-b.s.quit:
		return nil, io.EOF
	default:
		return []byte(":\n\n"), nil
	}
}

func (n *news) text() ([]byte, error) {
	body, err := json.Marshal(n.body)
	if err != nil {
		return nil, err
	}
	out := append([]byte("id: "), strconv.FormatInt(n.seq, 10)...)
	out = append(append(out, "\nevent: "...), n.name...)
	out = append(append(out, "\ndata: "...), body...)
	return append(out, "\n\n"...), nil
}

// waiting reads the two parameters of a long poll.
func (c *call) waiting() (wait time.Duration, since int64, err error) {
	seconds, err := c.number("wait", 0, int64(c.s.Limits.Wait/time.Second), 0)
	if err == nil {
		since, err = c.number("since", 0, 1<<53, 0)
	}
	return time.Duration(seconds) * time.Second, since, err
}
