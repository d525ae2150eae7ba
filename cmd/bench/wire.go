package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"certlink/phone"
)

// wire is one kept-alive HTTP/1.1 connection, used by one caller at a time. The client
// shares the cores with the server that it measures, so it does as little as it can:
// one write and, mostly, one read for each request, no goroutine, nothing kept.
type wire struct {
	base *url.URL
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	body []byte
	used time.Time
	wait time.Duration // how long an answer, with all its events, may take
}

// answer is what came back. Body is overwritten by the next request.
type answer struct {
	status int
	nonce  string
	retry  string
	body   []byte
	events bool // the body is an event stream, still to be read
}

const (
	wireDeadline = 30 * time.Second
	// wireIdle is below the server's idle timeout, so that a request never meets a
	// connection that is being closed.
	wireIdle = 50 * time.Second
	maxBody  = 4 << 20
)

func newWire(base string) (*wire, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is not an address", base)
	}
	return &wire{base: u, wait: wireDeadline}, nil
}

func (w *wire) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

func (w *wire) dial() error {
	if w.conn != nil && time.Since(w.used) < wireIdle {
		return nil
	}
	w.close()
	host := w.base.Host
	if w.base.Port() == "" {
		host = net.JoinHostPort(w.base.Hostname(), map[string]string{"http": "80", "https": "443"}[w.base.Scheme])
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	var err error
	if w.base.Scheme == "https" {
		w.conn, err = tls.DialWithDialer(&d, "tcp", host, &tls.Config{MinVersion: tls.VersionTLS12})
	} else {
		w.conn, err = d.Dial("tcp", host)
	}
	if err != nil {
		w.conn = nil
		return err
	}
	if w.in == nil {
		w.in = bufio.NewReaderSize(w.conn, 8<<10)
	} else {
		w.in.Reset(w.conn)
	}
	return nil
}

// do makes one request. headers are names and values in turn.
func (w *wire) do(method, path string, body []byte, headers ...string) (a answer, err error) {
	if err := w.dial(); err != nil {
		return a, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	b := append(w.out[:0], method...)
	b = append(b, ' ')
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, w.base.Host...)
	b = append(b, "\r\nUser-Agent: certlink-bench\r\nAccept-Language: zh-CN\r\n"...)
	for i := 0; i+1 < len(headers); i += 2 {
		b = append(b, headers[i]...)
		b = append(b, ": "...)
		b = append(b, headers[i+1]...)
		b = append(b, "\r\n"...)
	}
	if body != nil {
		b = append(b, "Content-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n\r\n"...)
		b = append(b, body...)
	} else {
		b = append(b, "\r\n"...)
	}
	w.out = b
	w.used = time.Now()
	if err := w.conn.SetDeadline(w.used.Add(w.wait)); err != nil {
		return a, err
	}
	if _, err := w.conn.Write(b); err != nil {
		return a, err
	}
	return w.read()
}

var errMalformed = errors.New("the answer is malformed")

// read reads an answer; the body of an event stream is left to nextEvent.
func (w *wire) read() (a answer, err error) {
	line, err := w.line()
	if err != nil {
		return a, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return a, errMalformed
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, errMalformed
	}
	length, chunked, last := -1, false, false
	for {
		if line, err = w.line(); err != nil {
			return a, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "content-length"):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > maxBody {
				return a, errMalformed
			}
		case is(name, "transfer-encoding"):
			chunked = is(value, "chunked")
		case is(name, "connection"):
			last = is(value, "close")
		case is(name, "dpop-nonce"):
			a.nonce = string(value)
		case is(name, "retry-after"):
			a.retry = string(value)
		case is(name, "content-type"):
			a.events = bytes.HasPrefix(value, []byte("text/event-stream"))
		}
	}
	switch {
	case a.status == 204 || a.status == 304:
	case a.events && chunked:
		w.body = w.body[:0]
		return a, nil
	case chunked:
		w.body = w.body[:0]
		for {
			more, err := w.chunk()
			if err != nil {
				return a, err
			}
			if !more {
				break
			}
		}
	case length >= 0:
		w.body = grow(w.body[:0], length)
		if _, err := io.ReadFull(w.in, w.body); err != nil {
			return a, err
		}
	default:
		return a, errMalformed // until the connection's end: certlink never does that
	}
	if last {
		w.close()
	}
	a.body = w.body
	if a.status == 204 {
		a.body = nil
	}
	return a, nil
}

// nextEvent reads one event of a stream: its name and data. The name is "" at the end
// of the stream, after which the connection is free for another request. Comments and
// retry fields are passed over.
func (w *wire) nextEvent() (name string, data []byte, err error) {
	used := 0
	for {
		for {
			end := bytes.Index(w.body[used:], []byte("\n\n"))
			if end < 0 {
				break
			}
			block := w.body[used : used+end]
			used += end + 2
			if name, data = event(block); name != "" {
				// The rest is kept for the next call; data stays valid until then.
				w.body, data = rest(w.body, used, data)
				return name, data, nil
			}
		}
		w.body = append(w.body[:0], w.body[used:]...)
		used = 0
		more, err := w.chunk()
		if err != nil {
			w.close()
			return "", nil, err
		}
		if !more {
			w.body = w.body[:0]
			return "", nil, nil
		}
	}
}

// rest drops the used part; where nothing is left, nothing is copied.
func rest(body []byte, used int, data []byte) ([]byte, []byte) {
	if used == len(body) {
		return body[:0], data
	}
	return append([]byte(nil), body[used:]...), data
}

func event(block []byte) (name string, data []byte) {
	for line := range bytes.SplitSeq(block, []byte("\n")) {
		if v, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
			name = string(v)
		} else if v, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			data = v
		}
	}
	return name, data
}

// chunk appends one chunk to the body; false is the last.
func (w *wire) chunk() (bool, error) {
	line, err := w.line()
	if err != nil {
		return false, err
	}
	size, err := strconv.ParseUint(string(line), 16, 31)
	if err != nil || int(size)+len(w.body) > maxBody {
		return false, errMalformed
	}
	have := len(w.body)
	w.body = grow(w.body, int(size))
	if _, err := io.ReadFull(w.in, w.body[have:]); err != nil {
		return false, err
	}
	if line, err = w.line(); err != nil {
		return false, err
	}
	if len(line) != 0 {
		return false, errMalformed
	}
	return size > 0, nil
}

func (w *wire) line() ([]byte, error) {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b[:len(b)+n]
	}
	return append(b, make([]byte, n)...)
}

// is compares a header's name, or a token, with lower-case text.
func is(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

// field reads a text out of JSON that the server has written, without parsing the
// rest. It takes the first member of that name; none of those read so holds escapes.
func field(body []byte, name string) string {
	_, after, ok := bytes.Cut(body, []byte(`"`+name+`":"`))
	if !ok {
		return ""
	}
	if end := bytes.IndexByte(after, '"'); end >= 0 {
		return string(after[:end])
	}
	return ""
}

// Send makes the wire a phone's transport.
func (w *wire) Send(_ context.Context, c *phone.Call) (*phone.Answer, error) {
	path := c.URL[len(w.base.Scheme)+3+len(w.base.Host):]
	headers := append(make([]string, 0, 4), "DPoP", c.Proof)
	if c.Claim != "" {
		headers = append(headers, "Certlink-Claim", c.Claim)
	}
	a, err := w.do(c.Method, path, c.Body, headers...)
	if err != nil {
		return nil, err
	}
	return &phone.Answer{Status: a.status, Nonce: a.nonce, RetryAfter: a.retry, Body: a.body}, nil
}
