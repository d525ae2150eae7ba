package servers

import (
	"io"
	"net"
	"sync"
	"testing"
)

// cutter is the network between a server and its database, which can fail.
type cutter struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	down     bool
	open     map[net.Conn]bool
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: l, to: to, open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		l.Close()
		c.set(true)
	})
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go c.pass(near)
		}
	}()
	return c
}

func (c *cutter) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer far.Close()
	c.mu.Lock()
	if c.down {
		c.mu.Unlock()
		return
	}
	c.open[near], c.open[far] = true, true
	c.mu.Unlock()
	go func() {
		io.Copy(far, near)
		far.Close()
	}()
	io.Copy(near, far)
	c.mu.Lock()
	delete(c.open, near)
	delete(c.open, far)
	c.mu.Unlock()
}

// set cuts every connection and refuses new ones, or lets them through again.
func (c *cutter) set(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
	if down {
		for conn := range c.open {
			conn.Close()
		}
	}
}
