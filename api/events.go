package api

import (
	"context"
	"strconv"
	"time"

	"certlink/confirm"
	"certlink/qr"
)

// sessionEvents follows one session for the page that began it. What happened
// between two states that the page has not seen is not told, since the newer one
// says it all.
type sessionEvents struct {
	s         *Server
	sessionID string
	browser   string
	digits    int  // misses told, and
	matched   bool // whether the right ones were
	state     confirm.State
}

// followSession waits for the changes of a session, and shows its code while that
// is on the screen.
func (s *Server) followSession(ctx context.Context, sessionID, browser string) (*following, error) {
	key := sessionID + "." + browser // as the limits count, and for the same reason
	return s.follow(ctx, key, s.QR.Watch(sessionID), &sessionEvents{s: s, sessionID: sessionID, browser: browser})
}

func sessionNews(q *qr.Session) news {
	n := news{seq: q.Seq, of: q, over: q.State.Over()}
	if !n.over {
		n.at = q.ExpiresAt
	}
	return n
}

func (e *sessionEvents) look(ctx context.Context) (news, error) {
	q, err := e.s.QR.Owned(ctx, e.sessionID, e.browser)
	if err != nil {
		return news{}, err
	}
	return sessionNews(q), nil
}

// told: the hub hands over what this server changed itself.
func (e *sessionEvents) told(v any) (news, bool) {
	q, known := v.(*qr.Session)
	if !known {
		return news{}, false
	}
	return sessionNews(q), true
}

// show is an event that holds the whole session.
func (e *sessionEvents) show(n news) (name string, body any, err error) {
	q := n.of.(*qr.Session)
	name = string(q.State)
	if q.State == e.state && (q.Match.Misses != e.digits || q.Match.Done != e.matched) {
		name = "match" // else: typed code, link, statement made
	}
	e.state, e.digits, e.matched = q.State, q.Match.Misses, q.Match.Done
	ctx := e.s.base
	if q.Result != nil { // it has to be read
		var cancel context.CancelFunc
		ctx, cancel = e.s.reading()
		defer cancel()
	}
	body, err = e.s.showQR(ctx, q)
	return name, body, err
}

// untilFrame is the time to the session's next second, when the code changes. Each
// stream has its own moment, so a thousand of them do not wake at once.
func (e *sessionEvents) untilFrame(n news) time.Duration {
	q := n.of.(*qr.Session)
	if q.State != qr.Created {
		return 0
	}
	into := e.s.Clock().Sub(q.CreatedAt) % time.Second
	return time.Second - max(into, 0)
}

// frame is the code of this second; nothing when the time is over, which is found out
// in the same moment.
func (e *sessionEvents) frame(b []byte, n news) []byte {
	q := n.of.(*qr.Session)
	code, count := e.s.QR.Code(q)
	if code == "" {
		return b
	}
	// Codes and times hold nothing that JSON escapes.
	b = append(b, "id: "...)
	b = strconv.AppendInt(b, q.Seq, 10)
	b = append(b, "\nevent: frame\ndata: {\"code\":\""...)
	b = append(b, code...)
	b = append(b, "\",\"counter\":"...)
	b = strconv.AppendInt(b, count, 10)
	b = append(b, ",\"expires_at\":\""...)
	b = q.ExpiresAt.UTC().AppendFormat(b, time.RFC3339)
	return append(b, "\"}\n\n"...)
}

func (s *Server) getEvents(c *call) error {
	sessionID, browser, err := c.owner()
	if err != nil {
		return err
	}
	f, err := s.followSession(c.ctx, sessionID, browser)
	if err != nil {
		return err
	}
	return c.stream(f)
}
