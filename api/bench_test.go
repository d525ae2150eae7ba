package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// line is a connection that is kept alive; of what it costs nearly all is the server's.
type line struct {
	testing.TB
	conn net.Conn
	in   *bufio.Reader
	room []byte
}

func (w *world) line(t testing.TB) *line {
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.origin, "http://"))
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return &line{t, conn, bufio.NewReaderSize(conn, 8<<10), nil}
}

func request(method, path, headers, body string) []byte {
	if body != "" {
		headers += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return []byte(method + " " + path + " HTTP/1.1\r\nHost: x\r\nUser-Agent: bench\r\n" + headers + "\r\n" + body)
}

// ask sends a request and reads the whole answer, which must have the status.
func (l *line) ask(request []byte, status string) []byte {
	_, err := l.conn.Write(request)
	check(l, err)
	head, err := l.in.ReadSlice('\n')
	check(l, err)
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 "+status)) {
		l.Fatalf("%s", head)
	}
	length := 0
	for len(head) > 2 {
		head, err = l.in.ReadSlice('\n')
		check(l, err)
		if v, is := bytes.CutPrefix(head, []byte("Content-Length: ")); is {
			for _, c := range bytes.TrimSpace(v) {
				length = 10*length + int(c-'0')
			}
		}
	}
	if length > cap(l.room) {
		l.room = make([]byte, length)
	}
	_, err = io.ReadFull(l.in, l.room[:length])
	check(l, err)
	return l.room[:length]
}

// stream sends a request and reads the answer to the end of its chunks.
func (l *line) stream(request []byte) {
	_, err := l.conn.Write(request)
	check(l, err)
	for last := false; ; {
		text, err := l.in.ReadSlice('\n')
		check(l, err)
		if last {
			return
		}
		last = string(text) == "0\r\n"
	}
}

// A request that only names its caller.
func BenchmarkSignedIn(b *testing.B) {
	w := newWorld(b)
	l := w.line(b)
	r := request("GET", "/v1/session", "Authorization: Bearer "+w.made.token+"\r\n", "")
	b.ReportAllocs()
	for b.Loop() {
		l.ask(r, "200")
	}
}

// A page begins a session, and cancels it.
func BenchmarkBegin(b *testing.B) {
	w := newWorld(b)
	l := w.line(b)
	r := request("POST", "/v1/qr-sessions", "Authorization: Bearer "+w.made.token+"\r\n", `{"purpose":"bind","provider":"cfca"}`)
	b.ReportAllocs()
	for b.Loop() {
		s := new(qrSession)
		check(b, json.Unmarshal(l.ask(r, "201"), s))
		l.ask(request("POST", "/v1/qr-sessions/"+s.ID+"/cancel", "Certlink-Browser-Secret: "+s.BrowserSecret+"\r\n", "{}"), "200")
	}
}

// A page reads a session.
func BenchmarkRead(b *testing.B) {
	w := newWorld(b)
	page := w.browser("admin")
	s := page.bind("cfca")
	l := w.line(b)
	r := request("GET", "/v1/qr-sessions/"+s.ID, "Cookie: certlink_browser="+page.cookies["certlink_browser"]+"\r\n", "")
	b.ReportAllocs()
	for b.Loop() {
		l.ask(r, "200")
	}
}

// A stream of one event, from its request to its end.
func BenchmarkStream(b *testing.B) {
	w := newWorld(b)
	page := w.browser("admin")
	s := page.bind("cfca")
	page.post("/v1/qr-sessions/"+s.ID+"/cancel", "{}").ok(200)
	l := w.line(b)
	r := request("GET", "/v1/qr-sessions/"+s.ID+"/events", "Cookie: certlink_browser="+page.cookies["certlink_browser"]+"\r\n", "")
	b.ReportAllocs()
	for b.Loop() {
		l.stream(r)
	}
}
