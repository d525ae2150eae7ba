package api_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"certlink/account"
	"certlink/internal/id"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// answer is a response that was read.
type answer struct {
	t      testing.TB
	Status int
	Header http.Header
	Body   []byte
}

// client sends requests with some headers each time.
type client struct {
	w       *world
	header  http.Header
	cookies map[string]string
}

func (w *world) client() *client {
	return &client{w: w, header: http.Header{}, cookies: map[string]string{}}
}

// browser is signed in as a demo account, as a page of ours is.
func (w *world) browser(login string) *client {
	c := w.client()
	c.cookies["certlink_session"] = w.made.sessions[login]
	c.cookies["certlink_browser"] = id.Secret(32)
	c.header.Set("Origin", w.origin)
	c.header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0")
	return c
}

// signedInAnew signs in as people do.
func (w *world) signedInAnew(login string) *client {
	w.t.Helper()
	c := w.browser(login)
	c.post("/v1/session", map[string]string{"login": login, "password": account.DemoPassword}).ok(200)
	return c
}

// program calls with the integrator's API token.
func (w *world) program() *client {
	c := w.client()
	c.header.Set("Authorization", "Bearer "+w.made.token)
	return c
}

// with is the same client with one more header.
func (c *client) with(name, value string) *client {
	n := &client{w: c.w, header: c.header.Clone(), cookies: c.cookies}
	n.header.Set(name, value)
	return n
}

func (c *client) request(ctx context.Context, method, path string, body any) *http.Request {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case []byte:
		r = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		check(c.w.t, err)
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.w.origin+path, r)
	check(c.w.t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	for k, v := range c.cookies {
		if v != "" {
			req.AddCookie(&http.Cookie{Name: k, Value: v})
		}
	}
	return req
}

// try sends a request and remembers cookies, as a browser does.
func (c *client) try(method, path string, body any) (*answer, error) {
	req := c.request(ctx, method, path, body)
	h := http.Client{Transport: checked{c.w.t}, Timeout: 40 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := h.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	for _, k := range resp.Cookies() {
		c.cookies[k.Name] = k.Value
		if k.MaxAge < 0 {
			delete(c.cookies, k.Name)
		}
	}
	raw, err := io.ReadAll(resp.Body)
	return &answer{c.w.t, resp.StatusCode, resp.Header, raw}, err
}

func (c *client) do(method, path string, body any) *answer {
	c.w.t.Helper()
	a, err := c.try(method, path, body)
	check(c.w.t, err)
	return a
}

func (c *client) get(path string) *answer { c.w.t.Helper(); return c.do("GET", path, nil) }
func (c *client) post(path string, body any) *answer {
	c.w.t.Helper()
	return c.do("POST", path, body)
}

// ok wants the status and reads the JSON.
func (a *answer) ok(status int, to ...any) *answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("status %d, want %d: %.600s", a.Status, status, a.Body)
	}
	for _, v := range to {
		check(a.t, json.Unmarshal(a.Body, v))
	}
	return a
}

// refused wants a code.
func (a *answer) refused(status int, code string) *answer {
	a.t.Helper()
	if got := a.code(); a.Status != status || got != code {
		a.t.Errorf("got %d %s, want %d %s: %.600s", a.Status, got, status, code, a.Body)
	}
	return a
}

func (a *answer) code() string {
	var p struct{ Code string }
	_ = json.Unmarshal(a.Body, &p)
	return p.Code
}

// member reads one member of the answer.
func (a *answer) member(name string) any {
	a.t.Helper()
	var m map[string]any
	check(a.t, json.Unmarshal(a.Body, &m))
	return m[name]
}

// qrSession is what the tests read of a session.
type qrSession struct {
	ID, Purpose, State, Code string
	Seq                      int64
	ExpiresAt                time.Time `json:"expires_at"`
	BrowserSecret            string    `json:"browser_secret"`
	TypedCodeActive          bool      `json:"typed_code_active"`
	Match                    struct {
		Required, Done bool
		TriesLeft      int `json:"tries_left"`
	}
	Device  *struct{ Name string }
	Subject struct{ ID, Name, Organisation string }
	Details map[string]string
	Result  *struct {
		Kind, ID    string
		Binding     *binding
		Certificate map[string]any
	}
	Failure *struct {
		Code  string
		Extra map[string]any
	}
	Reason *struct{ Code, Text string }
}

type binding struct {
	ID, State   string
	Certificate struct{ Fingerprint, Serial, Subject string }
	Account     struct{ ID, Name string }
	BoundBy     struct{ ID, Name string } `json:"bound_by"`
	Acts        []string
	EvidenceID  string `json:"evidence_id"`
}

// begin shows a code.
func (c *client) begin(body map[string]string) *qrSession {
	c.w.t.Helper()
	s := new(qrSession)
	c.post("/v1/qr-sessions", body).ok(201, s)
	return s
}

func (c *client) bind(provider string) *qrSession {
	c.w.t.Helper()
	return c.begin(map[string]string{"purpose": "bind", "provider": provider})
}

func (c *client) session(s *qrSession) *qrSession {
	c.w.t.Helper()
	out := new(qrSession)
	c.get("/v1/qr-sessions/"+s.ID).ok(200, out)
	return out
}

// handset is a phone that can do wrong: it sends what a test tells it.
type handset struct {
	*client
	key    *ecdsa.PrivateKey
	jwk    string
	id     string
	nonce  atomic.Pointer[string]
	holder *trusttest.Holder
	claims map[string]string // change the proof's claims, raw JSON by name
	proofs func(proof string) []string
}

var b64 = base64.RawURLEncoding

func (w *world) handset() *handset {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(w.t, err)
	h := &handset{client: w.client(), key: key}
	point, err := key.PublicKey.Bytes()
	check(w.t, err)
	h.jwk = `{"crv":"P-256","kty":"EC","x":"` + b64.EncodeToString(point[1:33]) + `","y":"` + b64.EncodeToString(point[33:]) + `"}`
	sum := sha256.Sum256([]byte(h.jwk))
	h.id = b64.EncodeToString(sum[:])
	return h
}

// phone is registered, and holds a certificate for a demo account's person.
func (w *world) phone(login string) *handset {
	w.t.Helper()
	h := w.handset().register("测试手机")
	h.holder = w.holder(ec(), trust.ES256, login)
	return h
}

func (h *handset) register(name string) *handset {
	h.w.t.Helper()
	h.call("POST", "/v1/phone/devices", map[string]string{"name": name, "platform": "test"}).ok(201)
	return h
}

func sign(t testing.TB, key *ecdsa.PrivateKey, input string) string {
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	check(t, err)
	return b64.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func (h *handset) proof(method, path string, body []byte) string {
	sum := sha256.Sum256(body)
	path, _, _ = strings.Cut(path, "?")
	claims := map[string]string{
		"htm": strconv.Quote(method), "htu": strconv.Quote(h.w.origin + path), "iat": strconv.FormatInt(h.w.clock.Now().Unix(), 10),
		"jti": strconv.Quote(id.Secret(12)), "bh": strconv.Quote(b64.EncodeToString(sum[:])),
	}
	if n := h.nonce.Load(); n != nil {
		claims["nonce"] = strconv.Quote(*n)
	}
	for k, v := range h.claims {
		claims[k] = v
	}
	var parts []string
	for k, v := range claims {
		parts = append(parts, strconv.Quote(k)+":"+v)
	}
	input := b64.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+h.jwk+`}`)) + "." + b64.EncodeToString([]byte("{"+strings.Join(parts, ",")+"}"))
	return input + "." + sign(h.w.t, h.key, input)
}

// call sends a request with its proof, and again when it is told a nonce.
func (h *handset) call(method, path string, body any, header ...string) *answer {
	h.w.t.Helper()
	a, err := h.tryCall(method, path, body, header...)
	check(h.w.t, err)
	return a
}

func (h *handset) tryCall(method, path string, body any, header ...string) (*answer, error) {
	raw, _ := body.([]byte)
	if s, ok := body.(string); ok {
		raw = []byte(s)
	} else if raw == nil && body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	for try := 0; ; try++ {
		c := &client{w: h.w, header: h.header.Clone(), cookies: map[string]string{}}
		proof := h.proof(method, path, raw)
		c.header["Dpop"] = []string{proof}
		if h.proofs != nil {
			c.header["Dpop"] = h.proofs(proof)
		}
		for i := 0; i+1 < len(header); i += 2 {
			c.header.Set(header[i], header[i+1])
		}
		var b any
		if raw != nil {
			b = raw
		}
		a, err := c.try(method, path, b)
		if err != nil {
			return nil, err
		}
		nonce := a.Header.Get("Dpop-Nonce")
		if nonce == "" && strings.HasPrefix(path, "/v1/phone") && a.Status != 404 && a.code() != "server_busy" {
			h.w.t.Errorf("%s %s: no DPoP-Nonce", method, path)
		}
		if nonce != "" {
			h.nonce.Store(&nonce)
		}
		if a.code() == "use_dpop_nonce" && try == 0 {
			continue
		}
		return a, nil
	}
}

// phoneSession is what the tests read of a session on the phone.
type phoneSession struct {
	Session, Claim, Purpose, State, Statement string
	SignedBy                                  string `json:"signed_by"`
	Match                                     struct {
		Required, Done bool
		Digits         string
	}
	KeyRequest *struct{ Algorithm, Subject string } `json:"key_request"`
	Provider   *struct{ ID string }
	Hints      []struct{ Kind, Field, Was string }
	Result     *struct {
		Kind, ID    string
		Certificate []byte
		Chain       [][]byte
		AccountName string `json:"account_name"`
	}
	Failure *struct{ Code string }
	Reason  *struct{ Code, Text string }
}

func (s *phoneSession) statement(t testing.TB) []byte {
	t.Helper()
	raw, err := b64.DecodeString(s.Statement)
	check(t, err)
	return raw
}

func (h *handset) scan(code string) *phoneSession {
	h.w.t.Helper()
	s := new(phoneSession)
	h.call("POST", "/v1/phone/scans", map[string]string{"code": code}).ok(200, s)
	return s
}

// about calls something of a claimed session.
func (h *handset) about(s *phoneSession, method, tail string, body any) *answer {
	h.w.t.Helper()
	return h.call(method, "/v1/phone/sessions/"+s.Session+tail, body, "Certlink-Claim", s.Claim)
}

func (h *handset) confirm(s *phoneSession, jws string) *answer {
	h.w.t.Helper()
	return h.about(s, "POST", "/confirm", map[string]string{"jws": jws})
}

// jws signs a statement with the phone's certificate.
func (h *handset) jws(s *phoneSession) string {
	h.w.t.Helper()
	return h.holder.JWS(h.w.t, string(s.statement(h.w.t)))
}

// deviceJWS signs with the device key, as enrolling asks.
func (h *handset) deviceJWS(statement []byte) string {
	input := b64.EncodeToString([]byte(`{"alg":"ES256","jwk":`+h.jwk+`,"typ":"certlink-statement+jws"}`)) + "." + b64.EncodeToString(statement)
	return input + "." + sign(h.w.t, h.key, input)
}

// bound binds the phone's certificate to the browser's account.
func (w *world) bound(c *client, h *handset) *qrSession {
	w.t.Helper()
	s := c.bind("cfca")
	p := h.scan(s.Code)
	h.confirm(p, h.jws(p)).ok(200)
	return c.session(s)
}

// event is one server-sent event; a comment has no name.
type event struct {
	ID, Name string
	Data     []byte
}

// events follows a session. The channel is closed at the stream's end.
func (c *client) events(sessionID string) (<-chan event, func()) {
	c.w.t.Helper()
	return c.stream("/v1/qr-sessions/"+sessionID+"/events", func(name string) string {
		if name == "frame" {
			return "Frame"
		}
		return "QRSession"
	})
}

// stream reads server-sent events; schema names that of each event's data.
func (c *client) stream(path string, schema func(name string) string) (<-chan event, func()) {
	c.w.t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	c.w.t.Cleanup(cancel)
	resp, err := (&http.Client{Transport: checked{c.w.t}}).Do(c.request(ctx, "GET", path, nil))
	check(c.w.t, err)
	if resp.StatusCode != 200 {
		c.w.t.Fatalf("events: %d", resp.StatusCode)
	}
	if got := resp.Header.Get("Content-Encoding") + resp.Header.Get("Etag"); got != "" {
		c.w.t.Errorf("a stream is compressed or tagged: %s", got)
	}
	out := make(chan event, 1000)
	go func() {
		defer close(out)
		defer resp.Body.Close()
		var e event
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			switch line := in.Text(); {
			case line == "":
				if e.Name == "" && e.ID == "" {
					e = event{} // retry, or a comment
					out <- e
					continue
				}
				if err := theContract().conforms(schema(e.Name), e.Data); err != nil {
					c.w.t.Errorf("event %s: %v", e.Name, err)
				}
				failures(e.Data)
				out <- e
				e = event{}
			case strings.HasPrefix(line, "id: "):
				e.ID = line[4:]
			case strings.HasPrefix(line, "event: "):
				e.Name = line[7:]
			case strings.HasPrefix(line, "data: "):
				e.Data = []byte(line[6:])
			}
		}
	}()
	return out, cancel
}

// next waits for the next event of that name, passing over frames and comments.
func next(t testing.TB, in <-chan event, name string) (event, *qrSession) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-in:
			switch {
			case !ok:
				t.Fatalf("the stream ended before %s", name)
			case e.Name == name:
				s := new(qrSession)
				check(t, json.Unmarshal(e.Data, s))
				return e, s
			case e.Name != "frame" && e.Name != "":
				t.Fatalf("got %s, want %s: %s", e.Name, name, e.Data)
			}
		case <-limit:
			t.Fatalf("no %s within ten seconds", name)
		}
	}
}
