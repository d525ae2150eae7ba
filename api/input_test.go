package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"certlink/internal/fault"
)

// TestDocumentListsEveryCode: the document and the program know the same codes, and
// no text of a refusal is missing.
func TestDocumentListsEveryCode(t *testing.T) {
	listed := map[string]bool{}
	for _, v := range theContract().doc.Components.Schemas["Code"].Value.Enum {
		listed[v.(string)] = true
	}
	for _, f := range fault.All() {
		if !listed[f.Code] {
			t.Errorf("%s is not in the document", f.Code)
		}
		if f.ZH == "" || f.EN == "" {
			t.Errorf("%s has no text", f.Code)
		}
		delete(listed, f.Code)
	}
	for code := range listed {
		t.Errorf("%s is in the document and nowhere else", code)
	}
}

// TestDocumentIsTheRoutes: every route of the API is in the document, and the other
// way round.
func TestDocumentIsTheRoutes(t *testing.T) {
	w := newWorld(t)
	have := map[string]bool{}
	for _, r := range w.srv.Routes() {
		if strings.HasPrefix(r, "OPTIONS ") || strings.Contains(r, " /ca/") {
			continue
		}
		have[r] = true
	}
	for path, item := range theContract().doc.Paths.Map() {
		for method := range item.Operations() {
			r := method + " " + strings.NewReplacer("{", ":", "}", "").Replace(path)
			if !have[r] {
				t.Errorf("%s is in the document, and no route", r)
			}
			delete(have, r)
		}
	}
	for r := range have {
		t.Errorf("%s is not in the document", r)
	}
}

// TestBadBodies sends what makes no sense to everything that takes JSON.
func TestBadBodies(t *testing.T) {
	w := newWorld(t)
	page, program, phone := w.browser("operator"), w.program(), w.phone("admin")
	s, reviewer := w.browser("admin"), w.browser("reviewer")
	qr := s.bind("cfca")
	p := phone.scan(qr.Code)
	tried := 0
	for path, item := range theContract().doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody == nil || op.RequestBody.Value.Content["application/json"] == nil {
				continue
			}
			if strings.HasPrefix(path, "/v1/payments/") || strings.HasPrefix(path, "/v1/identity/") || path == "/v1/extension-site/notice" {
				continue // read by the provider's adapter, as it was signed (TestNoticesOverHTTP, TestATokenOverHTTP)
			}
			id := "01m85fbat4j4fv0177hcntmn1j"
			send := func(contentType string, body []byte) *answer {
				path := strings.Replace(path, "{id}", id, 1)
				switch {
				case strings.HasPrefix(path, "/v1/phone/sessions/"):
					path = strings.Replace(path, id, p.Session, 1)
					return phone.call(method, path, body, "Certlink-Claim", p.Claim, "Content-Type", contentType)
				case strings.HasPrefix(path, "/v1/phone/"):
					return phone.call(method, path, body, "Content-Type", contentType)
				case strings.HasPrefix(path, "/v1/qr-sessions/"):
					return s.with("Content-Type", contentType).do(method, strings.Replace(path, id, qr.ID, 1), body)
				case strings.HasPrefix(path, "/v1/bids/"), strings.HasPrefix(path, "/v1/organisations"), strings.HasPrefix(path, "/v1/accounts/bulk"), path == "/v1/certificates":
					return program.with("Content-Type", contentType).do(method, path, body)
				}
				if strings.HasPrefix(path, "/v1/issuing/") || strings.HasPrefix(path, "/v1/review/applications/") || strings.HasPrefix(path, "/v1/renewals/") && (strings.HasSuffix(path, "/certificate") || strings.HasSuffix(path, "/identity")) {
					return reviewer.with("Content-Type", contentType).do(method, path, body)
				}
				return page.with("Content-Type", contentType).do(method, path, body)
			}
			large := 64<<10 + 1
			if strings.HasSuffix(path, "/bulk") {
				large = 4<<20 + 1
			}
			for _, c := range []struct {
				contentType, body string
				status            int
				code              string
			}{
				{"application/json", ``, 400, "json_malformed"},
				{"application/json", `{`, 400, "json_malformed"},
				{"application/json", `[]`, 400, "request_invalid"},
				{"application/json", `null`, 400, "request_invalid"},
				{"application/json", `{"nope":1}`, 400, "request_invalid"},
				{"application/json", "{\"a\x00\":1}", 400, "json_malformed"},
				{"application/json", "\xff\xfe", 400, "json_malformed"},
				{"application/json", strings.Repeat(`{"a":`, 5000), 400, "request_invalid"},
				{"application/json", strings.Repeat(`[`, 10000), 400, "request_invalid"},
				{"text/plain", `{}`, 415, "media_type_unsupported"},
				{"application/x-www-form-urlencoded", `a=b`, 415, "media_type_unsupported"},
			} {
				if a := send(c.contentType, []byte(c.body)); a.Status != c.status || a.code() != c.code {
					t.Errorf("%s %s with %s %.40q: %d %s", method, path, c.contentType, c.body, a.Status, a.code())
				}
				tried++
			}
			for name, value := range wrongTypes(op.RequestBody.Value.Content["application/json"].Schema.Value) {
				body := fmt.Sprintf(`{%q:%s}`, name, value)
				if a := send("application/json", []byte(body)); a.Status != 400 || a.code() != "request_invalid" || !strings.Contains(string(a.Body), `"pointer":"/`+name) {
					t.Errorf("%s %s with %s: %d %s", method, path, body, a.Status, a.Body)
				}
				tried++
			}
			huge := bytes.Repeat([]byte(" "), large)
			if a := w.raw(method, strings.Replace(path, "{id}", id, 1), huge); a.Status != 413 || a.code() != "body_too_large" {
				t.Errorf("%s %s with %d bytes: %d %s", method, path, large, a.Status, a.Body)
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d bodies were tried", tried)
	}
}

// wrongTypes gives each member of a schema a value that is not of its type.
func wrongTypes(s *openapi3.Schema) map[string]string {
	out := map[string]string{}
	for _, one := range s.OneOf {
		for k, v := range wrongTypes(one.Value) {
			out[k] = v
		}
	}
	for name, p := range s.Properties {
		switch {
		case p.Value.Type.Is("string"):
			out[name] = `{"x":1}`
		case p.Value.Type.Is("array"):
			out[name] = `"x"`
		default:
			out[name] = `[1]`
		}
	}
	return out
}

// raw sends a large body over a connection of its own, since the server answers
// before it has read it and closes.
func (w *world) raw(method, path string, body []byte) *answer {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.origin, "http://"))
	check(w.t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", method, path, len(body))
	return w.read(conn, method, path)
}

// read takes an answer off a connection and holds it against the contract.
func (w *world) read(conn net.Conn, method, path string) *answer {
	w.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	check(w.t, err)
	raw, err := io.ReadAll(resp.Body)
	check(w.t, err)
	req, err := http.NewRequest(method, w.origin+path, nil)
	check(w.t, err)
	if err := theContract().check(req, nil, resp, raw, false); err != nil {
		w.t.Errorf("%s %s: %.300s\n%.500s", method, path, err.Error(), raw)
	}
	return &answer{w.t, resp.StatusCode, resp.Header, raw}
}

func TestHTTPThatMakesNoSense(t *testing.T) {
	w := newWorld(t)
	say := func(text string) *answer {
		t.Helper()
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.origin, "http://"))
		check(t, err)
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, text)
		return w.read(conn, "POST", "/v1/session")
	}
	say("garbage\r\n\r\n").refused(400, "http_malformed")
	say("POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n").refused(400, "http_malformed")
	say("GET /v1/config HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 9000)+"\r\n\r\n").refused(431, "headers_too_large")
	say("POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"+
		strings.Repeat("2000\r\n"+strings.Repeat(" ", 0x2000)+"\r\n", 9)+"0\r\n\r\n").refused(413, "body_too_large")
	c := w.client()
	c.do("BREW", "/v1/config", nil).refused(405, "method_not_allowed")
	c.do("PUT", "/v1/config", nil).refused(405, "method_not_allowed")
	if a := c.do("DELETE", "/v1/config", nil).refused(405, "method_not_allowed"); a.Header.Get("Allow") != "GET" {
		t.Errorf("%v", a.Header)
	}
	c.do("HEAD", "/v1/config", nil)
	for _, path := range []string{"/v1", "/v1/", "/v1/nothing", "/v1/config/", "/V1/config", "/v1//config", "/v1/qr-sessions/a/b/c", "/.env", "/%2e%2e/x"} {
		c.get(path).refused(404, "route_unknown")
	}
}

// TestSlowLoris: whoever sends a request drop by drop is given up, and costs nobody
// else anything.
func TestSlowLoris(t *testing.T) {
	w := newWorld(t, func(s *settings) { s.api.Limits.Read = 300 * time.Millisecond })
	var conns []net.Conn
	for i := range 60 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.origin, "http://"))
		check(t, err)
		defer conn.Close()
		if i >= 50 {
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			defer func() {
				// Not a word, and so none in return.
				if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
					t.Errorf("a connection that says nothing: %d, %v", n, err)
				}
			}()
			continue
		}
		if i%2 == 0 {
			io.WriteString(conn, "GET /v1/config HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		} else {
			io.WriteString(conn, "POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
		}
		conns = append(conns, conn)
	}
	w.client().get("/v1/config").ok(200)
	for i, conn := range conns {
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		w.read(conn, []string{"GET", "POST"}[i%2], []string{"/v1/config", "/v1/session"}[i%2]).refused(408, "request_timeout")
	}
}

// TestNamesThatLie: what would make a text read otherwise than it is.
func TestNamesThatLie(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a\u202eb", "a\u2066b", "a\u200bb", "a\u0085b", "\ufeffa"} {
		w.program().post("/v1/organisations", map[string]string{"name": name, "credit_code": "91330100MA27XXXX1B"}).refused(422, "name_invalid")
	}
	for _, name := range []string{`"a\u0000b"`, `"a\u001fb"`, `"a\u001bb"`, `"\ud800"`} {
		w.program().post("/v1/organisations", `{"credit_code":"91330100MA27XXXX1B","name":`+name+`}`).refused(400, "json_malformed")
	}
}

// FuzzRequests throws paths and bodies at a whole server: whatever comes, an answer
// comes back, as the document says, and never a 500.
func FuzzRequests(f *testing.F) {
	for _, s := range []string{"/v1/qr-sessions", "/v1/qr-sessions/AAAAAAAAAAAAAAAAAAAAAA?wait=0", "/v1/bindings?scope=mine&q=%E5%BC%A0&limit=5", "/v1/bindings/01m85fbat4j4fv0177hcntmn1j/evidence",
		"/q/bAAAAAAAAAAAAAAAAAAAAAA.1.AAAAAAAAAAAAAAAAAAAAAA", "/v1/accounts?name=%00", "/docs/errors", "/portal/x.js", "/plain/", "/v1/phone/scans", "/v1/session", "/v1/accounts/bulk"} {
		for _, m := range []byte("GPD") {
			f.Add(m, s, []byte(`{"purpose":"bind","provider":"cfca"}`))
		}
	}
	f.Add(byte('P'), "/v1/session", []byte(`{"login":"\u0000","password":1}`))
	w := newWorld(f, func(s *settings) { s.maxOpen = 100000 })
	page := w.browser("admin")
	f.Fuzz(func(t *testing.T, m byte, path string, body []byte) {
		method := map[byte]string{'G': "GET", 'P': "POST", 'D': "DELETE", 'U': "PUT", 'A': "PATCH"}[m]
		if method == "" || strings.ContainsAny(path, "\r\n \x00") || !strings.HasPrefix(path, "/") || len(path) > 2000 || len(body) > 1<<16 || strings.HasPrefix(path, "/v1/session") && method == "DELETE" {
			return
		}
		req, err := http.NewRequest(method, w.origin, bytes.NewReader(body))
		check(t, err)
		req.URL.Opaque = path
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Origin", w.origin)
		req.Header.Set("Cookie", "certlink_session="+page.cookies["certlink_session"]+"; certlink_browser="+page.cookies["certlink_browser"])
		resp, err := wire.RoundTrip(req)
		if err != nil {
			t.Skip() // net/http itself would not send it
		}
		defer resp.Body.Close()
		if resp.StatusCode >= 500 && resp.StatusCode != 503 {
			raw, _ := io.ReadAll(resp.Body)
			t.Fatalf("%s %q: %d %s", method, path, resp.StatusCode, raw)
		}
		if resp.Header.Get("Content-Type") == "application/problem+json" {
			raw, err := io.ReadAll(resp.Body)
			check(t, err)
			var p struct{ Code string }
			if err := json.Unmarshal(raw, &p); err != nil || p.Code == "" {
				t.Fatalf("%s %q: %s", method, path, raw)
			}
		}
	})
}

// Whoever sends too much is answered, and not cut off while they are still sending: many
// would see a broken connection and no answer.
func TestTooMuchIsAnswered(t *testing.T) {
	w := newWorld(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.origin, "http://"))
	check(t, err)
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	piece := bytes.Repeat([]byte("x"), 90<<10)
	_, err = fmt.Fprintf(conn, "POST /v1/payments/sandbox/notice HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", strings.TrimPrefix(w.origin, "http://"), 10*len(piece))
	check(t, err)
	_, err = conn.Write(piece)
	check(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	check(t, err)
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != 413 || !strings.Contains(string(body), "body_too_large") {
		t.Errorf("%d %s, %v", resp.StatusCode, body, err)
	}
	for range 9 {
		if _, err := conn.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
}
