// Package sandbox is a face check service that looks at nobody, for demo mode: an
// HTTP service of its own on loopback, and the checker that asks it as real ones are
// asked: signed questions, signed call-backs. Instead of a camera there is a page on
// which whoever tries certlink decides what the service finds.
package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"certlink/internal/clock"
	"certlink/mobilecert/identity"
	"certlink/trust"
)

// Act is what somebody decides on the page.
type Act string

// The acts.
const (
	Pass     Act = "pass"
	Mismatch Act = "mismatch"
	Down     Act = "down" // the service does not answer for a while; nothing is decided
)

// downTime is how long it does not answer then.
const downTime = time.Minute

// Face is a check as the service knows it.
type Face struct {
	ID     string
	Name   string
	Number string // masked
	State  identity.State
	Back   string // where the person goes afterwards
}

// Config of a Service.
type Config struct {
	NoticeURL string
	PageURL   string // of a check, without its id
	Clock     clock.Clock
	Client    *http.Client // sends notices
}

// Service is the service. It forgets what was begun when the process ends; a check
// that it knows nothing of is one that it cannot carry out.
type Service struct {
	cfg Config
	key []byte // shared with the checker

	mu    sync.Mutex
	faces map[string]*Face
	down  time.Time
}

// most bounds what is remembered; the oldest goes by itself with the process.
const most = 10_000

// New opens the service with a fresh key: both ends of the wire are in this process.
func New(c Config) *Service {
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 5 * time.Second}
	}
	s := &Service{cfg: c, key: make([]byte, 32), faces: map[string]*Face{}}
	rand.Read(s.key)
	return s
}

const (
	headerTime      = "Sandbox-Time"
	headerSignature = "Sandbox-Signature"
	window          = 5 * time.Minute
	maxBody         = 16 << 10
)

// sign covers what the message is about, so that nothing signed stands for another.
func sign(key []byte, unix, subject string, body []byte) string {
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "%s\n%s\n", unix, subject)
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

func good(key []byte, now time.Time, header func(string) string, subject string, body []byte) bool {
	unix := header(headerTime)
	at, err := strconv.ParseInt(unix, 10, 64)
	if d := now.Sub(time.Unix(at, 0)); err != nil || d > window || d < -window {
		return false
	}
	return hmac.Equal([]byte(sign(key, unix, subject, body)), []byte(header(headerSignature)))
}

type question struct {
	Check  string `json:"check"`
	Name   string `json:"name,omitempty"`
	Number string `json:"number,omitempty"`
	Back   string `json:"back,omitempty"`
}

type answer struct {
	Ref   string         `json:"ref"`
	URL   string         `json:"url,omitempty"`
	State identity.State `json:"state"`
}

// ServeHTTP answers signed questions.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || !good(s.key, s.cfg.Clock(), r.Header.Get, r.URL.Path, body) {
		http.Error(w, "the signature is not good", http.StatusUnauthorized)
		return
	}
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		http.Error(w, "no question", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faces[q.Check]
	switch {
	case s.cfg.Clock().Before(s.down):
		http.Error(w, "down, as was chosen on the page", http.StatusServiceUnavailable)
		return
	case r.URL.Path == "/begin" && f == nil && len(s.faces) < most:
		f = &Face{ID: q.Check, Name: q.Name, Number: trust.MaskID(q.Number), State: identity.Pending, Back: q.Back}
		s.faces[f.ID] = f
	case f == nil:
		http.Error(w, "no such check", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer{f.ID, s.cfg.PageURL + f.ID, f.State})
}

// Look tells the page about a check.
func (s *Service) Look(id string) (Face, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faces[id]
	if f == nil {
		return Face{}, identity.ErrCheckUnknown
	}
	return *f, nil
}

// Do decides what the service finds, and calls back.
func (s *Service) Do(ctx context.Context, id string, act Act) error {
	s.mu.Lock()
	f := s.faces[id]
	switch {
	case f == nil:
		s.mu.Unlock()
		return identity.ErrCheckUnknown
	case f.State != identity.Pending:
		s.mu.Unlock()
		return identity.ErrCheckOver.With("state", string(f.State))
	case act == Pass:
		f.State = identity.Passed
	case act == Mismatch:
		f.State = identity.Mismatched
	default:
		s.down = s.cfg.Clock().Add(downTime)
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	// Without the notice it is found by asking, as with real services.
	if err := s.notify(ctx, id); err != nil {
		slog.Warn("the sandbox's notice was not taken", "check", id, "err", err)
	}
	return nil
}

func (s *Service) notify(ctx context.Context, id string) error {
	body := []byte(id)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.NoticeURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	unix := strconv.FormatInt(s.cfg.Clock().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(headerTime, unix)
	req.Header.Set(headerSignature, sign(s.key, unix, "notice", body))
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
