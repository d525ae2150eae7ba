package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"

	"certlink/internal/fault"
	"certlink/internal/feed"
	"certlink/internal/form"
)

// streams counts the pages that wait, in all and for each session.
type streams struct {
	max, each int
	mu        sync.Mutex
	n         int
	of        map[string]int
}

func (s *streams) enter(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n >= s.max || s.of[session] >= s.each {
		return false
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.n++
	s.of[session]++
	return true
}

func (s *streams) leave(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n--
	if s.of[session]--; s.of[session] <= 0 {
		delete(s.of, session)
	}
}

func (s *streams) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// news is how something followed stands: what Last-Event-ID and since go by, and
// what there is to tell.
type news struct {
	seq  int64
	over bool      // nothing follows
	at   time.Time // when it may change by itself; zero if never
	of   any       // the source's own
}

// source is what can be followed: one session, one prompt, one inbox.
type source interface {
	// look reads it.
	look(context.Context) (news, error)
	// told takes what woke the waiting; false if it must be read.
	told(v any) (news, bool)
	// show is the event that tells it.
	show(news) (name string, body any, err error)
	// untilFrame is when the next frame is due, 0 where there is none. frame appends what
	// changes with the time alone; it is told to streams and counts as no news.
	untilFrame(news) time.Duration
	frame([]byte, news) []byte
}

// looking is a source that is read whenever something woke it, and has no frames.
type looking func(context.Context) (news, error)

// shown is what the news of such a source hold.
type shown struct {
	name string
	body any
}

func (l looking) look(ctx context.Context) (news, error) { return l(ctx) }
func (looking) told(any) (news, bool)                    { return news{}, false }
func (looking) untilFrame(news) time.Duration            { return 0 }
func (looking) frame(b []byte, _ news) []byte            { return b }
func (looking) show(n news) (string, any, error) {
	v := n.of.(shown)
	return v.name, v.body, nil
}

// following waits for the changes of one thing, for a stream or a long poll. What
// woke it may have been handed over by the hub; after another server's change, when
// a time is over, and at every heartbeat the thing is read, so that nothing that was
// missed stays unseen. It counts as a stream: it holds a connection as one.
type following struct {
	s      *Server
	key    string // under which it is counted
	sub    *feed.Sub
	source source
	last   news
	timer  *time.Timer
	lookAt time.Time // when to look by itself
	once   sync.Once
}

// follow begins to wait, then reads, so that no change falls in between.
func (s *Server) follow(ctx context.Context, key string, sub *feed.Sub, of source) (*following, error) {
	if !s.streams.enter(key) {
		sub.Close()
		return nil, ErrStreams
	}
	f := &following{s: s, key: key, sub: sub, source: of, timer: time.NewTimer(time.Hour)}
	var err error
	if f.last, err = of.look(ctx); err != nil {
		f.close()
		return nil, err
	}
	f.lookAt = time.Now().Add(f.pause())
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
		at := until
		if f.lookAt.Before(at) {
			at = f.lookAt
		}
		f.timer.Reset(time.Until(at))
		select {
		case <-f.s.quit:
			return false, nil
		case v := <-f.sub.C:
			if n, known := f.source.told(v); known {
				if n.seq > f.last.seq {
					f.last = n
					return true, nil
				}
				continue
			}
		case <-f.timer.C:
			if at != f.lookAt {
				return false, nil
			}
		}
		moved, err := f.look()
		f.lookAt = time.Now().Add(f.pause())
		if moved || err != nil {
			return moved, err
		}
	}
}

// pause is the time until it must look by itself.
func (f *following) pause() time.Duration {
	d := f.s.Limits.Heartbeat
	if !f.last.at.IsZero() {
		if left := f.last.at.Sub(f.s.Clock()); left >= 0 && left < d {
			d = left + time.Millisecond
		}
	}
	return d
}

// reading bounds what is read for those who wait.
func (s *Server) reading() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.base, 2*time.Second)
}

// look reads the thing, and says whether there is news. A store that is away is
// waited for: the page has its sign of life, and the hub still tells.
func (f *following) look() (bool, error) {
	ctx, cancel := f.s.reading()
	defer cancel()
	n, err := f.source.look(ctx)
	switch {
	case err != nil && refusal(err).Kind == fault.Unavailable:
		return false, nil
	case err != nil:
		return false, err
	case n.seq <= f.last.seq:
		return false, nil
	}
	f.last = n
	return true, nil
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

// stream answers with server-sent events until the thing is over. The first event
// is how it stands.
func (c *call) stream(f *following) error {
	if seen, err := strconv.ParseInt(c.header("Last-Event-ID"), 10, 64); err == nil && seen == f.last.seq && f.last.over {
		f.close()
		return c.nothing() // it has seen the end: 204 keeps an EventSource from coming again
	}
	h := &c.f.Response().Header
	h.SetContentType("text/event-stream")
	h.Set(fiber.HeaderCacheControl, "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would collect the events
	// The connection's own goroutine reads from the stream and writes what it reads:
	// neither a pipe nor a goroutine is added, and the connection lives on after it.
	st := &stream{following: f, conn: c.f.Context().Conn(), requestID: c.requestID}
	st.line, _ = st.conn.(*lingering)
	c.f.Context().SetBodyStream(st, -1)
	return nil
}

// stream is the body of one answer: each Read waits for the next event.
type stream struct {
	*following
	conn      net.Conn
	line      *lingering // the same, or nil where it cannot gather
	requestID string
	begun     bool
	rest      []byte // of an event that did not fit
}

// Close is called by fasthttp in every case: at the end, and when the client has
// gone.
func (st *stream) Close() error {
	if st.line != nil {
		st.line.gather(false)
	}
	st.close()
	return nil
}

// Read hands out the next event. A panic here would end the process, since no
// handler stands above it any more.
func (st *stream) Read(p []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			st.s.Log.Error("panic in a stream", "request_id", st.requestID, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			n, err = 0, io.EOF
		}
	}()
	if len(st.rest) == 0 {
		// Written into the server's own buffer, which has room for nearly every event.
		if st.rest, err = st.event(p[:0]); err != nil {
			if !errors.Is(err, io.EOF) {
				st.s.Log.Info("a stream ends", "request_id", st.requestID, "err", err)
			}
			return 0, io.EOF
		}
	}
	// WriteTimeout would cut the stream by its age. This one cuts a client that does
	// not take what it is sent, and only that.
	if err := st.conn.SetWriteDeadline(time.Now().Add(st.s.Limits.Flush)); err != nil {
		return 0, io.EOF
	}
	n = copy(p, st.rest)
	st.rest = st.rest[n:]
	if st.line != nil && st.last.over && len(st.rest) == 0 {
		st.line.gather(true) // the last event goes with the end of the answer
	}
	return n, nil
}

// event waits for what is to be told next, and appends it.
func (st *stream) event(b []byte) ([]byte, error) {
	if !st.begun {
		st.begun = true
		// Streams that end together, at a restart, come back spread over two seconds.
		b = append(b, "retry: "...)
		b = strconv.AppendInt(b, 1000+rand.Int64N(2000), 10)
		return st.text(append(b, "\n\n"...))
	}
	if st.last.over {
		return nil, io.EOF
	}
	for {
		tick := st.s.Limits.Heartbeat
		frames := st.source.untilFrame(st.last)
		if frames > 0 {
			tick = frames
		}
		moved, err := st.next(time.Now().Add(tick))
		if err != nil {
			return nil, err
		}
		if moved {
			return st.text(b)
		}
		select {
		case <-st.s.quit:
			return nil, io.EOF
		default:
		}
		if frames == 0 {
			return append(b, ":\n\n"...), nil
		}
		if b = st.source.frame(b, st.last); len(b) > 0 {
			return b, nil
		}
	}
}

// text appends the event of the last news. Its id is what a client that comes back
// hands in as Last-Event-ID.
func (st *stream) text(b []byte) ([]byte, error) {
	name, v, err := st.source.show(st.last)
	if err != nil {
		return nil, err
	}
	b = append(b, "id: "...)
	b = strconv.AppendInt(b, st.last.seq, 10)
	b = append(b, "\nevent: "...)
	b = append(b, name...)
	b = append(b, "\ndata: "...)
	out := bytes.NewBuffer(b)
	if err := json.MarshalWrite(out, v, form.Answer); err != nil {
		return nil, err
	}
	return append(out.Bytes(), "\n\n"...), nil
}

// waiting reads the two parameters of a long poll.
func (c *call) waiting() (wait time.Duration, since int64, err error) {
	seconds, err := c.number("wait", 0, int64(c.s.Limits.Wait/time.Second), 0)
	if err == nil {
		since, err = c.number("since", 0, 1<<53, 0)
	}
	return time.Duration(seconds) * time.Second, since, err
}
