package api

import (
	"io"
	"net"
	"testing"
	"time"
)

// What is gathered goes with the next write, in its order, and not before.
func TestGather(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	there, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l := &lingering{TCPConn: conn.(*net.TCPConn)}
	write := func(text string) {
		t.Helper()
		if n, err := l.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("%q: %d, %v", text, n, err)
		}
	}
	read := func(wait time.Duration) string {
		var b [64]byte
		_ = there.SetReadDeadline(time.Now().Add(wait))
		n, _ := there.Read(b[:])
		return string(b[:n])
	}
	write("an event")
	if got := read(5 * time.Second); got != "an event" {
		t.Fatalf("%q", got)
	}
	l.gather(true)
	write("the last, ")
	write("the end")
	if got := read(50 * time.Millisecond); got != "" {
		t.Fatalf("%q came too early", got)
	}
	l.gather(false)
	write(".")
	if got := read(5 * time.Second); got != "the last, the end." {
		t.Fatalf("%q", got)
	}
	write("more")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(there); string(rest) != "more" {
		t.Fatalf("%q, %v", rest, err)
	}
}
