package mongo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// network is the way to the server, which a test can disturb. It stands below
// the driver, so that it serves a replica set as well as the stand-in.
type network struct {
	mu      sync.Mutex
	state   state
	changed chan struct{} // closed when the state changes
	lines   map[*line]struct{}
	lose    []byte // the answer to the next request that contains this is lost
}

type state int

const (
	up     state = iota
	cut          // connections break, new ones are refused
	silent       // nothing comes back
)

func newNetwork() *network {
	return &network{changed: make(chan struct{}), lines: map[*line]struct{}{}}
}

// through lets an engine use the network.
func through(n *network) Option { return func(db *DB) { db.dialer.dial = n.dial } }

func (n *network) set(s state) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
	close(n.changed)
	n.changed = make(chan struct{})
	if s == cut {
		for l := range n.lines {
			l.Conn.Close()
		}
	}
}

func (n *network) now() (state, chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state, n.changed
}

func (n *network) loseAnswerTo(request string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lose = []byte(request)
}

var errCut = errors.New("the test has cut the network")

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	if s, _ := n.now(); s == cut {
		return nil, errCut
	}
	c, err := (&net.Dialer{}).DialContext(ctx, kind, address)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: c, n: n, closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines[l] = struct{}{}
	return l, nil
}

// line is one connection.
type line struct {
	net.Conn
	n        *network
	once     sync.Once
	closed   chan struct{}
	mu       sync.Mutex
	deadline time.Time
	lost     bool
}

func (l *line) Write(b []byte) (int, error) {
	l.n.mu.Lock()
	if len(l.n.lose) > 0 && bytes.Contains(b, l.n.lose) {
		l.n.lose = nil
		l.mu.Lock()
		l.lost = true
		l.mu.Unlock()
	}
	l.n.mu.Unlock()
	return l.Conn.Write(b)
}

func (l *line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	l.mu.Lock()
	lost, deadline := l.lost, l.deadline
	l.mu.Unlock()
	if lost {
		l.Close()
		return 0, io.EOF
	}
	for {
		s, changed := l.n.now()
		if s != silent {
			return n, err
		}
		var late <-chan time.Time
		if !deadline.IsZero() {
			late = time.After(time.Until(deadline))
		}
		select {
		case <-changed:
		case <-l.closed:
			return 0, net.ErrClosed
		case <-late:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (l *line) SetDeadline(t time.Time) error {
	l.SetReadDeadline(t)
	return l.Conn.SetDeadline(t)
}

func (l *line) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	l.deadline = t
	l.mu.Unlock()
	return l.Conn.SetReadDeadline(t)
}

func (l *line) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.n.mu.Lock()
		delete(l.n.lines, l)
		l.n.mu.Unlock()
	})
	return l.Conn.Close()
}
