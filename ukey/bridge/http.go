package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"certlink/internal/fault"
	"certlink/ukey"
	"certlink/ukey/internal/once"
)

// Handler is the bridge by HTTP on loopback. host is the one Host that it answers to:
// a name that an attacker's DNS leads here is another.
func (s *Service) Handler(host string) http.Handler {
	return &carrier{s, host}
}

// Server serves the handler, with bounds on what a neighbour can hold open.
func (s *Service) Server(host string) *http.Server {
	return &http.Server{Handler: s.Handler(host), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
}

// Listen opens the loopback socket; nothing but loopback is ever listened on.
func Listen(at string) (net.Listener, error) {
	ln, err := net.Listen("tcp", at)
	if err != nil {
		return nil, err
	}
	if a, ok := ln.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		ln.Close()
		return nil, errors.New("the bridge listens on loopback only")
	}
	return ln, nil
}

type carrier struct {
	s    *Service
	host string
}

const maxMessage = 64 << 10

func (c *carrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	origins := r.Header.Values("Origin")
	origin := strings.Join(origins, ", ")
	// Both must be exactly right before anything else is looked at. Every other page
	// gets one and the same answer, without the header that would let it read it.
	if r.Host != c.host || len(origins) != 1 || !c.s.Allowed(origin) {
		c.s.Refused("request", origin, r.Host, ErrNobody)
		refuse(w, ErrNobody)
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Vary", "Origin")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	act, err := c.serve(w, r, origin)
	if err != nil {
		c.s.Refused(act, origin, "", err)
		refuse(w, err)
	}
}

// serve answers the two addresses that there are.
func (c *carrier) serve(w http.ResponseWriter, r *http.Request, origin string) (act string, err error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != "Bearer" {
		secret = ""
	}
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/v1/call":
		m, err := readMessage(r)
		if err != nil {
			return "call", err
		}
		// A person reads and types now; the connection is not cut meanwhile.
		http.NewResponseController(w).SetReadDeadline(time.Time{})
		out, err := c.s.Handle(r.Context(), origin, secret, m)
		if err != nil {
			return m.Type, err
		}
		return m.Type, answer(w, http.StatusOK, out)
	case r.Method == http.MethodGet && r.URL.Path == "/v1/events":
		return "events", c.events(w, r, origin, secret)
	}
	return "request", ErrRequest.Becausef("%s %s", r.Method, r.URL.Path)
}

// readMessage reads a message strictly. Forms of other sites can send other types of
// content without asking first; JSON they cannot.
func readMessage(r *http.Request) (*Message, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, ErrRequest.Becausef("the content is no JSON by its type")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxMessage+1))
	if err != nil || len(body) > maxMessage {
		return nil, ErrRequest.Becausef("the message is too long, or did not arrive")
	}
	return ParseMessage(body)
}

// ParseMessage reads one message.
func ParseMessage(body []byte) (*Message, error) {
	if err := once.Check(body); err != nil {
		return nil, ErrRequest.Because(err)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	m := new(Message)
	if err := d.Decode(m); err != nil {
		return nil, ErrRequest.Because(err)
	}
	if d.More() || m.Type == "" || len(m.Type) > 32 {
		return nil, ErrRequest.Becausef("not one message with a type")
	}
	return m, nil
}

func answer(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
	return nil
}

// statuses say what HTTP calls a refusal; pages decide by the code.
var statuses = map[fault.Kind]int{fault.Invalid: 400, fault.Unauthorized: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.Conflict: 409,
	fault.Gone: 410, fault.Unprocessable: 422, fault.Limited: 429, fault.Unavailable: 503}

func refuse(w http.ResponseWriter, err error) {
	f := fault.Of(err)
	if f == nil {
		f = ukey.ErrFailed
	}
	status := statuses[f.Kind]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	body := map[string]any{}
	for k, v := range f.Extra {
		body[k] = v
	}
	body["code"], body["title_zh"], body["title_en"], body["status"] = f.Code, f.ZH, f.EN, status
	if f.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.Retry.Seconds())+1))
	}
	answer(w, status, body)
}

// events is the stream of server-sent events that a page reads with fetch, so that
// it can send its secret in a header.
func (c *carrier) events(w http.ResponseWriter, r *http.Request, origin, secret string) error {
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Time{})
	begun := false
	return c.s.Watch(r.Context(), origin, secret, func(e Event) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusOK)
		}
		if err := control.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "event: "+e.Name+"\ndata: "+string(e.Data)+"\n\n"); err != nil {
			return err
		}
		return control.Flush()
	})
}

// Shutdown ends streams with the requests' contexts.
func Shutdown(ctx context.Context, srv *http.Server) {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if srv.Shutdown(end) != nil {
		srv.Close()
	}
}
