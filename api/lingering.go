package api

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// lingering is a connection that can be closed gently. A body that is too large is
// refused unread; closed with that in its buffers, the system resets the connection, and
// the client may never see the answer (RFC 9112 §9.6).
//
// It can also gather what is written. The HTTP server ends an event stream with two
// writes of a few bytes each, and a page would be woken for every one.
type lingering struct {
	*net.TCPConn
	refused atomic.Bool // there is more to come that nobody wants

	// Of the goroutine that serves the connection alone.
	gathers  bool
	gathered []byte
}

// What is still taken from such a connection, and for how long.
const (
	lingerBytes = 1 << 20
	lingerTime  = time.Second
)

// gather keeps back what is written, until it is called again: what was kept back goes
// with what is written next.
func (l *lingering) gather(on bool) { l.gathers = on }

func (l *lingering) Write(p []byte) (int, error) {
	switch {
	case l.gathers:
		l.gathered = append(l.gathered, p...)
		return len(p), nil
	case len(l.gathered) == 0:
		return l.TCPConn.Write(p)
	}
	all := append(l.gathered, p...)
	l.gathered = nil
	if _, err := l.TCPConn.Write(all); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (l *lingering) Close() error {
	if l.refused.Load() && l.CloseWrite() == nil && l.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, l.TCPConn, lingerBytes)
	}
	return l.TCPConn.Close()
}
