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
type lingering struct {
	*net.TCPConn
	refused atomic.Bool // there is more to come that nobody wants
}

// What is still taken from such a connection, and for how long.
const (
	lingerBytes = 1 << 20
	lingerTime  = time.Second
)

func (l *lingering) Close() error {
	if l.refused.Load() && l.CloseWrite() == nil && l.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, l.TCPConn, lingerBytes)
	}
	return l.TCPConn.Close()
}
