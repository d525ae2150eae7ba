package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestFramesChangeEachSecond(t *testing.T) {
	w := newWorld(t)
	page := w.browser("admin")
	s := page.bind("cfca")
	events, _ := page.events(s.ID)
	next(t, events, "created")
	seen := map[string]bool{}
	for e := range events {
		if e.Name != "frame" {
			continue
		}
		var f struct {
			Code    string
			Counter int
		}
		check(t, json.Unmarshal(e.Data, &f))
		if e.ID != "1" || !strings.Contains(f.Code, "."+strconv.Itoa(f.Counter)+".") || seen[f.Code] {
			t.Fatalf("%+v", e)
		}
		seen[f.Code] = true
		if len(seen) == 3 {
			break
		}
	}
	w.phone("admin").scan(page.session(s).Code)
	next(t, events, "scanned")
}

func TestMatchEvents(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	s := page.bind("xibu")
	events, _ := page.events(s.ID)
	next(t, events, "created")
	p := phone.scan(s.Code)
	next(t, events, "scanned")
	wrong := "00"
	if p.Match.Digits == wrong {
		wrong = "01"
	}
	page.post("/v1/qr-sessions/"+s.ID+"/match", map[string]string{"digits": wrong}).refused(422, "match_wrong")
	if _, m := next(t, events, "match"); m.Match.TriesLeft != 2 || m.Match.Done {
		t.Errorf("%+v", m)
	}
	page.post("/v1/qr-sessions/"+s.ID+"/match", map[string]string{"digits": p.Match.Digits}).ok(200)
	if _, m := next(t, events, "match"); !m.Match.Done {
		t.Errorf("%+v", m)
	}
	phone.about(p, "POST", "/reject", map[string]string{"reason": "not_now"}).ok(200)
	if _, end := next(t, events, "rejected"); end.Reason.Code != "not_now" {
		t.Errorf("%+v", end)
	}
}

func TestResume(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	s := page.bind("cfca")
	events, leave := page.events(s.ID)
	e, _ := next(t, events, "created")
	leave()
	p := phone.scan(s.Code)
	// What happened meanwhile comes first.
	back := page.with("Last-Event-ID", e.ID)
	events, leave = back.events(s.ID)
	e, _ = next(t, events, "scanned")
	leave()
	// Nothing did: the present state all the same, so that a page knows it is up to date.
	events, _ = page.with("Last-Event-ID", e.ID).events(s.ID)
	next(t, events, "scanned")
	phone.confirm(p, phone.jws(p)).ok(200)
	e, _ = next(t, eventsBut(events, "accepted"), "confirmed")
	// The end again for who has missed it, and 204 for who has seen it.
	events, _ = page.with("Last-Event-ID", "garbage").events(s.ID)
	next(t, events, "confirmed")
	page.with("Last-Event-ID", e.ID).get("/v1/qr-sessions/" + s.ID + "/events").ok(204)
}

func TestHeartbeatAndExpiry(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	s := page.bind("cfca")
	phone.scan(s.Code)
	events, _ := page.events(s.ID)
	next(t, events, "scanned")
	beats := 0
	for e := range events {
		if e.Name != "" {
			t.Fatalf("%+v", e)
		}
		if beats++; beats == 3 {
			break
		}
	}
	w.clock.Advance(181 * time.Second)
	next(t, events, "expired")
	// A code that nobody scans: its stream ends with it.
	s = page.bind("cfca")
	events, _ = page.events(s.ID)
	next(t, events, "created")
	w.clock.Advance(61 * time.Second)
	if _, end := next(t, events, "expired"); end.Code != "" {
		t.Errorf("%+v", end)
	}
}

func TestLongPoll(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	s := page.bind("cfca")
	begin := time.Now()
	a := page.get("/v1/qr-sessions/" + s.ID + "?wait=1&since=1").ok(200)
	if took := time.Since(begin); took < 900*time.Millisecond || a.member("state") != "created" {
		t.Errorf("after %s: %s", took, a.Body)
	}
	got := make(chan *answer, 1)
	go func() {
		a, err := page.try("GET", "/v1/qr-sessions/"+s.ID+"?wait=25&since=1", nil)
		check(t, err)
		got <- a
	}()
	time.Sleep(50 * time.Millisecond)
	phone.scan(page.session(s).Code)
	select {
	case a := <-got:
		if a.ok(200).member("state") != "scanned" {
			t.Errorf("%s", a.Body)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the long poll does not hear of the scan")
	}
	page.get("/v1/qr-sessions/" + s.ID + "?wait=25&since=1").ok(200) // has moved on already
	for _, bad := range []string{"wait=26", "wait=-1", "wait=x", "since=-1"} {
		page.get("/v1/qr-sessions/"+s.ID+"?"+bad).refused(400, "request_invalid")
	}
}

func TestStreamsAreBounded(t *testing.T) {
	w := newWorld(t, func(s *settings) { s.api.Limits.PerSession, s.api.Limits.Streams = 2, 3 })
	page := w.browser("admin")
	s, other := page.bind("cfca"), page.bind("cfca")
	for range 2 {
		events, _ := page.events(s.ID)
		next(t, events, "created")
	}
	page.get("/v1/qr-sessions/"+s.ID+"/events").refused(503, "streams_full")
	page.get("/v1/qr-sessions/"+s.ID+"?wait=5&since=1").refused(503, "streams_full")
	events, leave := page.events(other.ID)
	next(t, events, "created")
	page.get("/v1/qr-sessions/"+page.bind("cfca").ID+"/events").refused(503, "streams_full")
	leave()
	for range 100 { // the server finds out at its next word to the page
		if a, _ := page.try("GET", "/v1/qr-sessions/"+other.ID+"?wait=1&since=0", nil); a.Status == 200 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("a page that left is still counted")
}

// raw opens a stream over a connection of the test's own.
func (c *client) raw(sessionID string) (net.Conn, error) {
	small := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	conn, err := small.Dial("tcp", strings.TrimPrefix(c.w.origin, "http://"))
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "GET /v1/qr-sessions/%s/events HTTP/1.1\r\nHost: x\r\nCookie: certlink_browser=%s\r\n\r\n", sessionID, c.cookies["certlink_browser"])
	return conn, err
}

// TestFiveHundredLeave: pages that go away without a word leave nothing behind.
func TestFiveHundredLeave(t *testing.T) {
	w := newWorld(t, func(s *settings) { s.maxOpen = 1000; s.api.Limits.PerSession = 500 })
	page := w.browser("admin")
	s := page.bind("cfca")
	var conns []net.Conn
	for range 500 {
		conn, err := page.raw(s.ID)
		check(t, err)
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		r := bufio.NewReader(conn)
		for line := ""; !strings.HasPrefix(line, "event: created"); {
			var err error
			line, err = r.ReadString('\n')
			check(t, err)
		}
	}
	if n := served(); n < 500 {
		t.Errorf("only %d connections are served; is the test measuring anything?", n)
	}
	for i, conn := range conns {
		if i%2 == 0 {
			conn.(*net.TCPConn).SetLinger(0) // cut off
		}
		conn.Close()
	}
	for range 200 {
		// The test's own clients keep a few connections.
		if served() <= 5 && strings.Contains(string(w.client().get("/metrics").Body), "\ncertlink_event_streams 0\n") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d connections are still served", served())
}

// served counts the goroutines that serve a connection; the HTTP server keeps those
// that have none for a while, to use them again.
func served() int {
	buf := make([]byte, 16<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "fasthttp.(*Server).serveConn(")
}

// TestClientThatDoesNotRead is cut off; it does not hold its stream for ever.
func TestClientThatDoesNotRead(t *testing.T) {
	w := newWorld(t, func(s *settings) {
		s.api.Limits.Flush, s.api.Limits.Heartbeat = 300*time.Millisecond, time.Millisecond
		s.api.Limits.PerSession = 1
		s.listener = func(ln net.Listener) net.Listener { return narrow{ln} }
	})
	page := w.browser("admin")
	s := page.bind("cfca")
	w.phone("admin").scan(s.Code)
	conn, err := page.raw(s.ID)
	check(t, err)
	defer conn.Close()
	time.Sleep(100 * time.Millisecond)
	page.get("/v1/qr-sessions/"+s.ID+"/events").refused(503, "streams_full")
	// Heartbeats each millisecond fill the buffers between, sooner or later.
	for range 200 {
		if a, _ := page.try("GET", "/v1/qr-sessions/"+s.ID+"?wait=1&since=0", nil); a.Status == 200 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("a client that does not read still holds its stream after a minute")
}

// narrow makes the server's side of every connection hold few bytes.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(2048)
	}
	return conn, err
}

func TestShutdownEndsStreams(t *testing.T) {
	w := newWorld(t)
	page, phone := w.browser("admin"), w.phone("admin")
	var wg sync.WaitGroup
	for i := range 4 {
		s := page.bind("cfca")
		if i == 0 {
			phone.scan(s.Code)
		}
		events, _ := page.events(s.ID)
		<-events
		wg.Go(func() {
			for range events {
			}
		})
	}
	s := page.bind("cfca")
	polled := make(chan *answer, 1)
	go func() {
		a, err := page.try("GET", "/v1/qr-sessions/"+s.ID+"?wait=25&since=1", nil)
		check(t, err)
		polled <- a
	}()
	time.Sleep(100 * time.Millisecond)
	begin := time.Now()
	end, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	check(t, w.srv.Shutdown(end))
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %s", took)
	}
	wg.Wait()
	if a := <-polled; a.Status != 200 {
		t.Errorf("%s", a.Body)
	}
	if _, err := http.Get(w.origin + "/healthz"); err == nil {
		t.Error("it still answers")
	}
}

// TestConnectionLivesOn: after a stream has ended, its connection takes the next
// request, so that a page need not connect anew for each code.
func TestConnectionLivesOn(t *testing.T) {
	w := newWorld(t)
	page := w.browser("admin")
	s := page.bind("cfca")
	page.post("/v1/qr-sessions/"+s.ID+"/cancel", "{}").ok(200)
	conn, err := page.raw(s.ID)
	check(t, err)
	defer conn.Close()
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	check(t, err)
	body, err := io.ReadAll(resp.Body)
	check(t, err)
	if !strings.Contains(string(body), "event: cancelled") || !strings.HasPrefix(string(body), "retry: ") {
		t.Errorf("%s", body)
	}
	fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if resp, err = http.ReadResponse(in, nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("%v", err)
	}
}

// TestAnotherServer: what happens on one server of an installation is told by
// another, which reads the same store.
func TestAnotherServer(t *testing.T) {
	w := newWorld(t)
	page := w.browser("admin")
	s := page.bind("cfca")
	events, _ := page.events(s.ID)
	next(t, events, "created")
	first := w.origin
	second := *w
	second.change = func(set *settings) { w.change(set); set.api.Origin = first }
	second.start()
	second.origin = first
	// The scan arrives at the second server; its proof names the public origin.
	q, err := second.qr.Scan(ctx, w.handset().register("phone").id, page.session(s).Code)
	check(t, err)
	if q.State != "scanned" {
		t.Fatalf("%+v", q)
	}
	begin := time.Now()
	next(t, events, "scanned")
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the page hears of it after %s", took)
	}
}
