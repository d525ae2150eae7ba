package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(emptyServer) != "" { // unit costs start this program once more
		if err := serveEmpty(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	unitTime = 5 * time.Millisecond // what comes out is not looked at here
	dir, err := os.MkdirTemp("", "bench-*")
	if err != nil {
		panic(err)
	}
	built = sync.OnceValues(func() (string, error) { return build(context.Background(), dir) })
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// built is the server, compiled once for all tests but the one that has the benchmark
// compile it (TestRunIssue).
var built func() (string, error)

func binary(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A whole small run for each kind of signature: server started, bindings loaded before,
// flows, lists, the floor, the report.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	binary := binary(t)
	world := filepath.Join(dir, "world")
	for _, sig := range []string{"ES256", "RS256", "SM2SM3"} {
		t.Run(sig, func(t *testing.T) {
			o := options{job: "bind", revocation: "none", flows: 40, concurrency: 4, sig: sig, preload: 50, lists: 10, warm: -1, server: binary, world: world,
				json: filepath.Join(t.TempDir(), "report.json")}
			r, err := o.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := r.save(o.json); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(o.json)
			if err != nil {
				t.Fatal(err)
			}
			var m map[string]any
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"flows_per_second", "floor_flows_per_second", "ratio", "flow_p50_ms", "flow_p99_ms", "confirm_to_event_p99_ms", "server_cpu_s", "server_peak_rss_mib", "list_p99_ms"} {
				if v, ok := m[name].(float64); !ok || v <= 0 {
					t.Errorf("%s is %v", name, m[name])
				}
			}
			if m["errors"] != 0.0 || r.Steps[stepEvent].P50ms <= 0 {
				t.Errorf("errors: %v %v", m["errors"], r.Said)
			}
			var b strings.Builder
			r.print(&b)
			for _, want := range []string{"whole flow", "floor = min(", "ratio", "durable append"} {
				if !strings.Contains(b.String(), want) {
					t.Errorf("the table lacks %q:\n%s", want, b.String())
				}
			}
		})
	}
}

// The other kind of flow: certificates issued.
func TestRunIssue(t *testing.T) {
	o := options{job: "issue", flows: 40, concurrency: 4, sig: "ES256", revocation: noSource, warm: -1}
	r, err := o.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Errors != 0 || r.FlowsPerSecond <= 0 || r.FloorFlowsPerSecond <= 0 || r.Floor.AppendsPerFlow != issueAppends || len(r.Steps) != 2 {
		t.Errorf("%+v", r)
	}
}

// A steady rate, against a server that was started elsewhere.
func TestRunAtARate(t *testing.T) {
	dir := t.TempDir()
	world := filepath.Join(dir, "world")
	w, err := openWorld(world, "ES256", noSource)
	if err != nil {
		t.Fatal(err)
	}
	binary := binary(t)
	s, err := start(t.Context(), binary, filepath.Join(dir, "data"), filepath.Join(dir, "log"), w, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	w.close() // the run serves the keys itself
	o := options{job: "bind", revocation: "none", flows: 30, concurrency: 4, sig: "ES256", rate: 30, url: s.url, pid: s.pid, world: world, noFloor: true}
	r, err := o.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Errors != 0 || r.WallS < 0.9 || r.ServerPeakRSSMiB <= 0 {
		t.Errorf("%+v", r)
	}
}

// Revocation asked by list and by question, with the server watched.
func TestRunWithRevocation(t *testing.T) {
	dir := t.TempDir()
	binary := binary(t)
	for _, run := range []struct{ sig, source string }{{"SM2SM3", listSource}, {"ES256", askSource}} {
		o := options{job: "bind", revocation: run.source, flows: 40, concurrency: 4, sig: run.sig, warm: -1, server: binary,
			world: filepath.Join(dir, "world"), data: filepath.Join(dir, run.sig), noFloor: true, rate: 40, watch: 50 * time.Millisecond}
		r, err := o.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Errors != 0 || len(r.Samples) < 6 || r.Samples[0].Files == 0 || r.Samples[0].HeapMiB == 0 {
			t.Errorf("%s: %d errors %v, %+v", run.source, r.Errors, r.Said, r.Samples)
		}
		var b strings.Builder
		r.print(&b)
		if !strings.Contains(b.String(), "revocation by "+run.source) || !strings.Contains(b.String(), "last sixth") {
			t.Error(b.String())
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []options{
		{job: "bake", revocation: "none", sig: "ES256", concurrency: 1}, {job: "bind", revocation: "none", sig: "HS256", concurrency: 1}, {job: "bind", revocation: "none", sig: "ES256"}, {job: "bind", revocation: "none", sig: "ES256", concurrency: 1, flows: -1},
		{job: "bind", revocation: "none", sig: "ES256", concurrency: 1, url: "http://x"}, {job: "bind", revocation: "none", sig: "ES256", concurrency: 1, url: "http://x", world: "w", preload: 1},
		{job: "bind", revocation: "none", sig: "ES256", concurrency: 1, prepare: true},
	} {
		if o.check() == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var ts times
	if ts.at(.99) != 0 {
		t.Error("of nothing")
	}
	for i := 100; i > 0; i-- {
		ts.add(time.Duration(i))
	}
	for q, want := range map[float64]time.Duration{0: 1, .5: 50, .99: 99, .991: 100, 1: 100} {
		if got := ts.at(q); got != want {
			t.Errorf("%v: %d, want %d", q, got, want)
		}
	}
}

func TestFloor(t *testing.T) {
	us := time.Microsecond
	u := &units{roundTrip: 20 * us, event: 10 * us, proofSign: 30 * us, proofVerify: 70 * us, jwt: 40 * us, sign: 30 * us, verify: 70 * us, chain: 80 * us,
		appendCPU: 20 * us, appendRate: 1e9}
	f := floorFrom(bindJob, u)
	want := 5*20.0 + 10 + 2*30 + 2*70 + 2*40 + 30 + 70 + 80 + 5*20
	if f.CPUusPerFlow != want || f.FlowsPerSecond != round(1e6*float64(f.Cores)/want, 1) || f.LimitedByAppend {
		t.Errorf("%+v, want %v µs", f, want)
	}
	u.appendRate = 1000
	if f = floorFrom(bindJob, u); f.FlowsPerSecond != 200 || !f.LimitedByAppend {
		t.Errorf("the disk is the limit: %+v", f)
	}
}

// The client reads what HTTP servers write: with lengths, in chunks, as events; and it
// uses the connection again after each.
func TestWire(t *testing.T) {
	connections := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("DPoP-Nonce", "n1")
		switch r.URL.Path {
		case "/echo":
			fmt.Fprintf(w, "%s %s %s", r.Method, r.Header.Get("X-Test"), body)
		case "/empty":
			w.WriteHeader(204)
		case "/chunked":
			for range 3 {
				fmt.Fprint(w, strings.Repeat("c", 5000))
				w.(http.Flusher).Flush()
			}
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "retry: 1000\n\nid: 1\nevent: created\ndata: {\"code\":\"x\"}\n\n:\n\nevent: sca")
			w.(http.Flusher).Flush()
			fmt.Fprint(w, "nned\ndata: {}\n\nevent: a\ndata: 1\n\nevent: b\ndata: 2\n\n")
			w.(http.Flusher).Flush()
			fmt.Fprint(w, "event: confirmed\ndata: {\"result\":{\"id\":\"b1\"}}\n\n")
		case "/last":
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, "last")
		}
	}))
	defer s.Close()
	w, err := newWire(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for range 3 {
		a, err := w.do("POST", "/echo", []byte("hello"), "X-Test", "v")
		if err != nil || a.status != 200 || string(a.body) != "POST v hello" || a.nonce != "n1" {
			t.Fatalf("%+v, %v", a, err)
		}
		if a, err = w.do("GET", "/empty", nil); err != nil || a.status != 204 || len(a.body) != 0 {
			t.Fatalf("%+v, %v", a, err)
		}
		if a, err = w.do("GET", "/chunked", nil); err != nil || string(a.body) != strings.Repeat("c", 15000) {
			t.Fatalf("%d bytes, %v", len(a.body), err)
		}
		if a, err = w.do("GET", "/events", nil); err != nil || !a.events {
			t.Fatalf("%+v, %v", a, err)
		}
		for _, want := range []string{"created", "scanned", "a", "b", "confirmed", ""} {
			name, data, err := w.nextEvent()
			if err != nil || name != want {
				t.Fatalf("event %q %s, %v, want %q", name, data, err, want)
			}
			if want == "a" && string(data) != "1" || want == "confirmed" && field(data, "id") != "b1" {
				t.Errorf("%s has the data %s", want, data)
			}
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections were used, want one", len(connections))
	}
	if a, err := w.do("GET", "/last", nil); err != nil || string(a.body) != "last" {
		t.Fatalf("%+v, %v", a, err)
	}
	if _, err := w.do("GET", "/empty", nil); err != nil {
		t.Error(err)
	}
	if len(connections) != 2 {
		t.Errorf("%d connections, want a second one", len(connections))
	}
	s.CloseClientConnections()
	if _, err := w.do("GET", "/empty", nil); err == nil {
		t.Error("a closed connection answered")
	}
	if _, err := w.do("GET", "/empty", nil); err != nil {
		t.Errorf("it does not come back: %v", err)
	}
}

// While the only worker is held up, flows that fall due wait, and their waiting counts.
func TestOpenLoopCountsTheWaiting(t *testing.T) {
	const stall = 300 * time.Millisecond
	first := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			time.Sleep(stall)
		}
		w.WriteHeader(500)
	}))
	defer s.Close()
	p, err := newPeople(bindJob, nil, &server{url: s.URL}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	p.tokens = make([]string, 20)
	p.phones = make(chan *handset, 1)
	h, err := newHandset(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p.phones <- h
	m := p.open(context.Background(), 0, 20, 100)
	if m.errors != 20 {
		t.Fatalf("%d errors: %v", m.errors, m.said)
	}
	if late := m.late.at(.5); late < stall/3 {
		t.Errorf("half of the flows began less than %s late, although the first one took %s", late, stall)
	}
}

func TestFieldReadsOnlyTexts(t *testing.T) {
	body := []byte(`{"id":"a1","n":3,"code":"http://x/q/b","o":{"id":"b2"}}`)
	for name, want := range map[string]string{"id": "a1", "code": "http://x/q/b", "n": "", "none": ""} {
		if got := field(body, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestAnEndedServerIsNoticed(t *testing.T) {
	dir := t.TempDir()
	w, err := openWorld(filepath.Join(dir, "world"), "ES256", noSource)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	begun := time.Now()
	_, err = start(t.Context(), "/bin/false", filepath.Join(dir, "data"), filepath.Join(dir, "log"), w, nil)
	if err == nil || !strings.Contains(err.Error(), "ended by itself") || time.Since(begun) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error("it was waited for")
	}
}
