// Package fcmtest is a server that speaks as much of Google's HTTP APIs as the real
// SDK needs to send messages: the token endpoint (RFC 7523) and FCM v1. It checks
// what it is sent, signatures included.
package fcmtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/api/option"
)

// Server stands in for Google's.
type Server struct {
	URL string
	key *rsa.PrivateKey
	dir string

	mu     sync.Mutex
	sent   []Sent
	answer func(token string, n int) (status int, code string, header http.Header)
	calls  int
}

// Sent is a message that was taken.
type Sent struct {
	Token string
	Data  map[string]string
	Raw   string // the whole request
}

// New starts the server.
func New(t testing.TB) *Server {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{key: key, dir: t.TempDir()}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// Credentials is the path of a service account's file for this server.
func (s *Server) Credentials(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "certlink-test", "private_key_id": "k1",
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": "push@certlink-test.iam.gserviceaccount.com", "token_uri": s.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, "service-account.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Options point the SDK at this server.
func (s *Server) Options() []option.ClientOption {
	return []option.ClientOption{option.WithEndpoint(s.URL + "/v1")}
}

// Answer decides what is said to the n-th message for a token; nil takes all.
func (s *Server) Answer(f func(token string, n int) (status int, code string, header http.Header)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// Sent lists what was taken.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Sent(nil), s.sent...)
}

// Calls counts the messages that came, taken or not.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/token":
		if err := s.assertion(body); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		io.WriteString(w, `{"access_token":"access-1","token_type":"Bearer","expires_in":3600}`)
	case r.URL.Path == "/v1/projects/certlink-test/messages:send" && r.Method == http.MethodPost:
		if r.Header.Get("Authorization") != "Bearer access-1" {
			refuse(w, http.StatusUnauthorized, "UNAUTHENTICATED", nil)
			return
		}
		s.send(w, body)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) send(w http.ResponseWriter, body []byte) {
	var m struct {
		Message struct {
			Token string
			Data  map[string]string
		}
	}
	if err := json.Unmarshal(body, &m); err != nil || m.Message.Token == "" {
		refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT", nil)
		return
	}
	s.mu.Lock()
	s.calls++
	n, answer := s.calls, s.answer
	s.mu.Unlock()
	if answer != nil {
		if status, code, header := answer(m.Message.Token, n); status != 0 {
			refuse(w, status, code, header)
			return
		}
	}
	s.mu.Lock()
	s.sent = append(s.sent, Sent{m.Message.Token, m.Message.Data, string(body)})
	s.mu.Unlock()
	fmt.Fprintf(w, `{"name":"projects/certlink-test/messages/%d"}`, n)
}

// refuse answers as FCM does, with its own code in the details.
func refuse(w http.ResponseWriter, status int, code string, header http.Header) {
	for k, v := range header {
		w.Header()[k] = v
	}
	w.WriteHeader(status)
	canonical := map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}[status]
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": status, "message": code, "status": canonical,
		"details": []any{map[string]string{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}}}})
}

// assertion checks the signed JWT by which the SDK asks for its access token.
func (s *Server) assertion(form []byte) error {
	_, jwt, ok := strings.Cut(string(form), "assertion=")
	jwt, _, _ = strings.Cut(jwt, "&")
	parts := strings.Split(jwt, ".")
	if !ok || len(parts) != 3 {
		return fmt.Errorf("no assertion")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], signature)
}
