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
	"certlink/qr"
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

// watcher waits for the changes of one session.
type watcher struct {
	s       *Server
	key     string // under which it is counted
	sub     *feed.Sub
	browser string
	last    *qr.Session
	timer   *time.Timer
	lookAt  time.Time // when to look by itself
}

// watch reads the session and waits for its changes. The waiting begins first, so
// that no change falls in between. A watcher counts as a stream: it holds a
// connection as one.
func (s *Server) watch(ctx context.Context, sessionID, browser string) (*watcher, error) {
	key := sessionID + "." + browser // as the limits count, and for the same reason
	if !s.streams.enter(key) {
		return nil, ErrStreams
	}
	w := &watcher{s: s, key: key, sub: s.QR.Watch(sessionID), browser: browser}
	q, err := s.QR.Owned(ctx, sessionID, browser)
	if err != nil {
		w.sub.Close()
		s.streams.leave(key)
		return nil, err
	}
	w.last, w.timer = q, time.NewTimer(time.Hour)
	w.lookAt = time.Now().Add(w.pause())
	return w, nil
}

func (w *watcher) close() {
	w.sub.Close()
	w.timer.Stop()
	w.s.streams.leave(w.key)
}

// next waits for a change until a moment, or for the server's end; nil means one of
// the latter two. The hub hands over what this server changed itself; after another
// server's change, when the session's time is over, and at every heartbeat the
// session is read, so nothing that was missed stays unseen.
func (w *watcher) next(until time.Time) (*qr.Session, error) {
	for {
		at := until
		if w.lookAt.Before(at) {
			at = w.lookAt
		}
		w.timer.Reset(time.Until(at))
		select {
		case <-w.s.quit:
			return nil, nil
		case v := <-w.sub.C:
			if q, known := v.(*qr.Session); known {
				if q.Seq > w.last.Seq {
					w.last = q
					return q, nil
				}
				continue
			}
		case <-w.timer.C:
			if at != w.lookAt {
				return nil, nil
			}
		}
		q, err := w.look()
		w.lookAt = time.Now().Add(w.pause())
		if err != nil || q != nil {
			return q, err
		}
	}
}

// pause is the time until the watcher must look by itself: at the heartbeat, or
// when the session's time is over.
func (w *watcher) pause() time.Duration {
	d := w.s.Limits.Heartbeat
	if !w.last.State.Over() {
		if left := w.last.ExpiresAt.Sub(w.s.Clock()); left >= 0 && left < d {
			d = left + time.Millisecond
		}
	}
	return d
}

// look reads the session; nil if nothing has changed. A store that is away is
// waited for: the page has its sign of life, and the hub still tells.
func (w *watcher) look() (*qr.Session, error) {
	ctx, cancel := context.WithTimeout(w.s.base, 2*time.Second)
	defer cancel()
	q, err := w.s.QR.Owned(ctx, w.last.ID, w.browser)
	switch {
	case err != nil && refusal(err).Kind == fault.Unavailable:
		return nil, nil
	case err != nil:
		return nil, err
	case q.Seq <= w.last.Seq:
		return nil, nil
	}
	w.last = q
	return q, nil
}

// getEvents streams a session to the page that began it, until it is over. The
// first event is the present state; what happened between two states that the page
// has not seen is not told, since the newer one says it all.
func (s *Server) getEvents(c *call) error {
	sessionID, browser, err := c.owner()
	if err != nil {
		return err
	}
	w, err := s.watch(c.ctx, sessionID, browser)
	if err != nil {
		return err
	}
	q := w.last
	if seen, err := strconv.ParseInt(c.header("Last-Event-ID"), 10, 64); err == nil && seen == q.Seq && q.State.Over() {
		w.close()
		return c.nothing() // it has seen the end: 204 keeps an EventSource from coming again
	}
	h := &c.f.Response().Header
	h.SetContentType("text/event-stream")
	h.Set(fiber.HeaderCacheControl, "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would collect the events
	// The connection's own goroutine reads from the stream and writes what it reads:
	// neither a pipe nor a goroutine is added, and the connection lives on after it.
	c.f.Context().SetBodyStream(&stream{watcher: w, conn: c.f.Context().Conn(), requestID: c.requestID}, -1)
	return nil
}

// stream is the body of one answer: each Read waits for the next event.
type stream struct {
	*watcher
	conn      net.Conn
	requestID string
	frame     []byte // room for a frame, used again
	begun     bool
	over      bool
	digits    int    // misses told, and
	matched   bool   // whether the right ones were
	rest      []byte // of an event that did not fit
	once      sync.Once
}

// Close is called by fasthttp in every case: at the end, and when the client has
// gone.
func (st *stream) Close() error {
	st.once.Do(func() {
		st.watcher.close()
	})
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
		if st.over {
			return 0, io.EOF
		}
		text, err := st.event()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				st.s.Log.Warn("a stream ends", "request_id", st.requestID, "err", err)
			}
			return 0, io.EOF
		}
		st.rest = text
	}
	// WriteTimeout would cut the stream by its age. This one cuts a client that does
	// not take what it is sent, and only that.
	if err := st.conn.SetWriteDeadline(time.Now().Add(st.s.Limits.Flush)); err != nil {
		return 0, io.EOF
	}
	n = copy(p, st.rest)
	st.rest = st.rest[n:]
	return n, nil
}

// event waits for what is to be told next.
func (st *stream) event() ([]byte, error) {
	if !st.begun {
		st.begun = true
		// Streams that end together, at a restart, come back spread over two seconds.
		out := append([]byte("retry: "), strconv.Itoa(1000+rand.IntN(2000))...)
		text, err := st.state(string(st.last.State), st.last)
		return append(append(out, "\n\n"...), text...), err
	}
	for {
		tick := st.s.Limits.Heartbeat
		if st.last.State == qr.Created {
			tick = st.untilFrame()
		}
		before := st.last
		q, err := st.next(time.Now().Add(tick))
		switch {
		case err != nil:
			return nil, err
		case q != nil && q.State != before.State:
			return st.state(string(q.State), q)
		case q != nil && (q.Match.Misses != st.digits || q.Match.Done != st.matched):
			return st.state("match", q)
		case q != nil:
			return st.state(string(q.State), q) // typed code, link, statement made
		}
		select {
		case <-st.s.quit:
			return nil, io.EOF
		default:
		}
		if st.last.State == qr.Created {
			if text := st.frameNow(); text != nil {
				return text, nil
			}
			continue
		}
		return []byte(":\n\n"), nil
	}
}

// untilFrame is the time to the session's next second, when the code changes. Each
// stream has its own moment, so a thousand of them do not wake at once.
func (st *stream) untilFrame() time.Duration {
	into := st.s.Clock().Sub(st.last.CreatedAt) % time.Second
	return time.Second - max(into, 0)
}

// frameNow is the code of this second; nil when the time is over, which the
// watcher finds out in the same moment.
func (st *stream) frameNow() []byte {
	code, n := st.s.QR.Code(st.last)
	if code == "" {
		return nil
	}
	// Codes and times hold nothing that JSON escapes.
	b := append(st.frame[:0], "id: "...)
	b = strconv.AppendInt(b, st.last.Seq, 10)
	b = append(b, "\nevent: frame\ndata: {\"code\":\""...)
	b = append(b, code...)
	b = append(b, "\",\"counter\":"...)
	b = strconv.AppendInt(b, n, 10)
	b = append(b, ",\"expires_at\":\""...)
	b = st.last.ExpiresAt.UTC().AppendFormat(b, time.RFC3339)
	st.frame = append(b, "\"}\n\n"...)
	return st.frame
}

// state is an event that holds the whole session. Its id is the session's seq:
// what a page has seen that comes back with Last-Event-ID.
func (st *stream) state(name string, q *qr.Session) ([]byte, error) {
	st.over, st.digits, st.matched = q.State.Over(), q.Match.Misses, q.Match.Done
	ctx, cancel := context.WithTimeout(st.s.base, 2*time.Second)
	defer cancel()
	v, err := st.s.showQR(ctx, q)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(body)+64)
	b = append(b, "id: "...)
	b = strconv.AppendInt(b, q.Seq, 10)
	b = append(b, "\nevent: "...)
	b = append(b, name...)
	b = append(b, "\ndata: "...)
	b = append(b, body...)
	return append(b, "\n\n"...), nil
}
