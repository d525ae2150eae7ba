package phone

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gowebpki/jcs"

	"certlink/trust"
	"certlink/trust/trusttest"
)

// server is the other side of the protocol, written from the protocol alone and strict
// about everything a phone sends. It knows one open session at a time.
type server struct {
	t      *testing.T
	url    string
	origin string
	ca     *trusttest.Authority

	mu       sync.Mutex
	nonce    string
	seen     map[string]bool // jti
	devices  map[string]string
	pinHash  string
	pepper   []byte
	misses   int
	session  map[string]any // the next PhoneSession to hand out
	code     string
	typed    string
	owner    string // device that claimed it
	csr      []byte
	jws      string
	certs    []map[string]any
	calls    []string
	lose     int // answers to lose: the request is carried out, the connection cut
	busy     int // requests to refuse with 503
	maxNonce int // how often a nonce was asked for
}

const claimSecret = "claim-secret-0123456789"

func newServer(t *testing.T) *server {
	s := &server{t: t, seen: map[string]bool{}, devices: map[string]string{}, nonce: "nonce-1"}
	s.ca = trusttest.Root(t, trust.ES256, "Test Root", func(c *trusttest.Template) { c.NotBefore = time.Now().Add(-time.Hour) })
	h := httptest.NewServer(http.HandlerFunc(s.handle))
	t.Cleanup(h.Close)
	s.url, s.origin = h.URL, h.URL
	return s
}

type refusal struct {
	status int
	code   string
	extra  map[string]any
}

func refuse(status int, code string, extra ...any) refusal {
	m := map[string]any{}
	for i := 0; i+1 < len(extra); i += 2 {
		m[extra[i].(string)] = extra[i+1]
	}
	return refusal{status, code, m}
}

func (s *server) handle(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	s.calls = append(s.calls, r.Method+" "+r.URL.RequestURI())
	defer func() {
		switch e := recover().(type) {
		case nil:
		case refusal:
			m := map[string]any{"type": "/docs/errors#" + e.code, "status": e.status, "code": e.code,
				"title": "标题", "title_zh": "中文 " + e.code, "title_en": "English " + e.code, "request_id": "r1"}
			for k, v := range e.extra {
				m[k] = v
			}
			if e.status == 503 {
				w.Header().Set("Retry-After", "0")
			}
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("DPoP-Nonce", s.nonce)
			w.WriteHeader(e.status)
			json.NewEncoder(w).Encode(m)
		default:
			panic(e)
		}
	}()
	if s.busy > 0 {
		s.busy--
		panic(refuse(503, "overloaded"))
	}
	device := s.proof(r, body)
	w.Header().Set("DPoP-Nonce", s.nonce)
	answer := s.answer(device, r, body)
	if s.lose > 0 {
		s.lose--
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// proof checks a DPoP proof (RFC 9449 §4.3) and answers with the device's thumbprint.
func (s *server) proof(r *http.Request, body []byte) string {
	t := s.t
	if got := r.Header.Values("DPoP"); len(got) != 1 {
		t.Errorf("%d DPoP headers", len(got))
		panic(refuse(401, "dpop_required"))
	}
	parts := strings.Split(r.Header.Get("DPoP"), ".")
	if len(parts) != 3 {
		t.Errorf("proof has %d parts", len(parts))
		panic(refuse(401, "dpop_invalid"))
	}
	var h struct {
		Typ, Alg string
		JWK      map[string]string
	}
	strictly(t, parts[0], &h)
	if h.Typ != "dpop+jwt" || h.Alg != "ES256" || len(h.JWK) != 4 || h.JWK["kty"] != "EC" || h.JWK["crv"] != "P-256" {
		t.Errorf("proof header %+v", h)
	}
	x, _ := b64.DecodeString(h.JWK["x"])
	y, _ := b64.DecodeString(h.JWK["y"])
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := b64.Strict().DecodeString(parts[2])
	if err != nil || len(sig) != 64 {
		t.Errorf("proof signature of %d bytes: %v", len(sig), err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(pub, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		t.Error("proof signature is wrong")
	}
	var c struct {
		HTM, HTU, JTI, Nonce, BH string
		IAT                      int64
	}
	strictly(t, parts[1], &c)
	bh := sha256.Sum256(body)
	switch {
	case c.HTM != r.Method:
		t.Errorf("htm %q for %s", c.HTM, r.Method)
	case c.HTU != s.origin+r.URL.Path:
		t.Errorf("htu %q for %s%s", c.HTU, s.origin, r.URL.Path)
	case c.BH != b64.EncodeToString(bh[:]):
		t.Errorf("bh is not of this body")
	case abs(time.Now().Unix()-c.IAT) > 60:
		t.Errorf("iat %d", c.IAT)
	case len(c.JTI) < 16 || len(c.JTI) > 64 || s.seen[c.JTI]:
		t.Errorf("jti %q, seen before: %v", c.JTI, s.seen[c.JTI])
	}
	s.seen[c.JTI] = true
	if c.Nonce != s.nonce {
		s.maxNonce++
		panic(refuse(401, "use_dpop_nonce"))
	}
	thumb, err := trust.Thumbprint(pub)
	if err != nil {
		t.Fatal(err)
	}
	return thumb
}

func abs(n int64) int64 { return max(n, -n) }

// strictly decodes base64url JSON in which nothing unknown may stand.
func strictly(t *testing.T, part string, v any) {
	t.Helper()
	raw, err := b64.Strict().DecodeString(part)
	if err != nil {
		t.Fatalf("%q: %v", part, err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
}

func (s *server) body(body []byte, v any) {
	s.t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		s.t.Errorf("body %q: %v", body, err)
		panic(refuse(400, "body_malformed"))
	}
}

func (s *server) answer(device string, r *http.Request, body []byte) any {
	route := r.Method + " " + r.URL.Path
	if route == "POST /v1/phone/devices" {
		var in struct{ Name, Platform string }
		s.body(body, &in)
		s.devices[device] = in.Name
		return s.device(device)
	}
	if _, known := s.devices[device]; !known {
		panic(refuse(401, "device_unknown"))
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/v1/phone/sessions/"); ok {
		return s.act(device, r, rest, body)
	}
	switch route {
	case "GET /v1/phone/device":
		return s.device(device)
	case "PATCH /v1/phone/device":
		var in struct{ Name string }
		s.body(body, &in)
		s.devices[device] = in.Name
		return s.device(device)
	case "POST /v1/phone/scans":
		return s.scan(device, body)
	case "GET /v1/phone/sessions":
		return s.page(r, []any{map[string]any{"session": "s1", "purpose": "bind", "state": "scanned"}, map[string]any{"session": "s2", "purpose": "bind", "state": "expired"}})
	case "GET /v1/phone/certificates":
		items := []any{}
		for _, c := range s.certs {
			items = append(items, c)
		}
		return s.page(r, items)
	}
	if strings.HasPrefix(r.URL.Path, "/v1/phone/pin") {
		return s.pin(r.URL.Path, body)
	}
	panic(refuse(404, "not_found"))
}

// page gives one item at a time, so that paging is needed.
func (s *server) page(r *http.Request, items []any) any {
	at := 0
	fmt.Sscan(r.URL.Query().Get("cursor"), &at)
	if at >= len(items) {
		return map[string]any{"items": []any{}}
	}
	next := ""
	if at+1 < len(items) {
		next = fmt.Sprint(at + 1)
	}
	return map[string]any{"items": items[at : at+1], "next": next}
}

func (s *server) device(id string) any {
	return map[string]any{"id": id, "name": s.devices[id], "platform": Platform, "created_at": time.Now().UTC(),
		"pin": map[string]any{"set": s.pinHash != "", "tries_left": 5 - s.misses, "locked": s.misses >= 5}}
}

func (s *server) pin(path string, body []byte) any {
	var in struct {
		Verifier    string `json:"verifier"`
		NewVerifier string `json:"new_verifier"`
	}
	s.body(body, &in)
	check := func(v string) {
		if raw, err := b64.Strict().DecodeString(v); err != nil || len(raw) != 32 {
			s.t.Errorf("verifier %q", v)
		}
	}
	right := func() {
		switch {
		case s.misses >= 5:
			panic(refuse(403, "pin_locked"))
		case in.Verifier != s.pinHash:
			s.misses++
			panic(refuse(403, "pin_wrong", "tries_left", 5-s.misses))
		}
		s.misses = 0
	}
	switch path {
	case "/v1/phone/pin":
		check(in.Verifier)
		if s.pinHash != "" {
			panic(refuse(409, "pin_already_set"))
		}
		s.pinHash, s.pepper = in.Verifier, make([]byte, 32)
		rand.Read(s.pepper)
	case "/v1/phone/pin/unlock":
		check(in.Verifier)
		right()
	case "/v1/phone/pin/change":
		check(in.NewVerifier)
		right()
		s.pinHash = in.NewVerifier
	case "/v1/phone/pin/reset":
		s.pinHash, s.misses = "", 0
		return s.device("x")
	}
	return map[string]any{"pepper": b64.EncodeToString(s.pepper)}
}

func (s *server) scan(device string, body []byte) any {
	var in struct {
		Code      string `json:"code"`
		TypedCode string `json:"typed_code"`
	}
	s.body(body, &in)
	switch {
	case (in.Code == "") == (in.TypedCode == ""):
		s.t.Errorf("scan with %+v", in)
	case in.Code != "" && in.Code != s.code, in.TypedCode != "" && in.TypedCode != s.typed:
		panic(refuse(403, "code_invalid"))
	case s.owner != "" && s.owner != device:
		panic(refuse(409, "session_taken"))
	}
	s.owner = device
	reply := map[string]any{"claim": claimSecret}
	for k, v := range s.session {
		reply[k] = v
	}
	return reply
}

func (s *server) act(device string, r *http.Request, rest string, body []byte) any {
	id, act, _ := strings.Cut(rest, "/")
	if device != s.owner || r.Header.Get("Certlink-Claim") != claimSecret || id != s.session["session"] {
		panic(refuse(403, "claim_invalid"))
	}
	switch r.Method + " " + act {
	case "GET ":
	case "PUT key":
		var in struct{ CSR []byte }
		s.body(body, &in)
		if s.csr != nil && !bytes.Equal(s.csr, in.CSR) {
			panic(refuse(422, "key_mismatch"))
		}
		csr, err := trust.ParseCSR(in.CSR)
		if err != nil {
			s.t.Errorf("CSR: %v", err)
			panic(refuse(422, "csr_malformed"))
		}
		s.csr = in.CSR
		if s.session["statement"] == nil {
			s.session["statement"] = s.statement("enroll", map[string]any{"details": map[string]any{
				"public_key_sha256": csr.PublicKeySHA256(), "provider": "demo", "product": "demo-p256"}})
		}
	case "POST confirm":
		s.confirm(device, body)
	case "POST reject":
		var in struct{ Reason, Text string }
		s.body(body, &in)
		s.session["state"] = "rejected"
	case "POST not-me":
		var in struct{}
		s.body(body, &in)
		s.session["state"] = "rejected"
	default:
		panic(refuse(404, "not_found"))
	}
	return s.session
}

func (s *server) confirm(device string, body []byte) {
	var in struct{ JWS string }
	s.body(body, &in)
	if m := s.session["match"].(map[string]any); m["required"] == true && m["done"] != true {
		panic(refuse(409, "match_pending"))
	}
	j, err := trust.ParseJWS(in.JWS)
	if err != nil {
		s.t.Errorf("JWS: %v", err)
		panic(refuse(422, "jws_malformed"))
	}
	if b64.EncodeToString(j.Payload) != s.session["statement"] {
		s.t.Error("the payload is not the statement")
		panic(refuse(422, "statement_mismatch"))
	}
	key := j.JWK
	if s.session["signed_by"] == "certificate" {
		key = j.Leaf().PublicKey()
	} else if thumb, err := trust.Thumbprint(j.JWK.(*ecdsa.PublicKey)); err != nil || thumb != device {
		s.t.Errorf("signed by %q, %v", thumb, err)
	}
	if err := j.Verify(key); err != nil {
		s.t.Errorf("signature: %v", err)
		panic(refuse(422, "signature_invalid"))
	}
	s.jws = in.JWS
	if s.session["state"] == "confirmed" {
		return
	}
	s.session["state"] = "confirmed"
	if s.csr == nil {
		s.session["result"] = map[string]any{"kind": "binding", "id": "b1", "account_name": "张伟", "organisation_name": "机构",
			"provider_name": "汇信CA", "bound_at": time.Now().UTC()}
		return
	}
	cert := s.issue(s.csr)
	s.session["result"] = map[string]any{"kind": "certificate", "id": cert.Fingerprint(), "certificate": cert.Raw, "chain": [][]byte{cert.Raw, s.ca.Cert.Raw}}
	s.certs = append(s.certs, map[string]any{"id": cert.Fingerprint(), "certificate": cert.Raw, "chain": [][]byte{s.ca.Cert.Raw},
		"state": "active", "provider": map[string]any{"id": "demo"}, "account": map[string]any{"name": "张伟"}})
}

func (s *server) issue(der []byte) *trust.Certificate {
	csr, err := trust.ParseCSR(der)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.ca.Sign(s.t, holder(), csr.Public, func(c *trusttest.Template) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	})
}

// statement writes a canonical statement, with changes laid over it.
func (s *server) statement(purpose string, change map[string]any) string {
	m := map[string]any{"version": "1", "id": "st1", "purpose": purpose, "audience": s.origin,
		"nonce": strings.Repeat("n", 43), "issued_at": time.Now().UTC().Format(time.RFC3339),
		"expires_at": time.Now().UTC().Add(3 * time.Minute).Format(time.RFC3339),
		"actor":      map[string]any{"id": "a1", "name": "王敏", "organisation_id": "o1", "organisation": "杭州联链示范科技有限公司"},
		"details":    map[string]any{"provider": "huixin", "provider_name": "汇信CA", "medium": "mobile"},
		"requester":  map[string]any{"ip": "192.0.2.1", "browser": "Firefox", "started_at": time.Now().UTC().Format(time.RFC3339)}}
	for k, v := range change {
		if v == nil {
			delete(m, k)
			continue
		}
		m[k] = v
	}
	plain, err := json.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		s.t.Fatal(err)
	}
	return b64.EncodeToString(canonical)
}

// bind opens a session for a binding and answers with its code.
func (s *server) bind(change map[string]any) string {
	s.open("bind", "b")
	s.session["signed_by"] = "certificate"
	s.session["provider"] = map[string]any{"id": "huixin", "name_zh": "汇信CA", "name_en": "Huixin CA"}
	s.session["statement"] = s.statement("bind", change)
	return s.code
}

// enroll opens a session for collecting a certificate.
func (s *server) enroll(alg trust.Algorithm) string {
	s.open("enroll", "e")
	s.session["signed_by"] = "device"
	s.session["key_request"] = map[string]any{"algorithm": alg, "subject": "CN=王敏"}
	s.session["match"] = map[string]any{"required": true, "done": false, "digits": "42"}
	return s.code
}

func (s *server) open(purpose, letter string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "session-" + purpose
	s.owner, s.csr, s.jws = "", nil, ""
	s.code = s.origin + "/q/" + letter + strings.Repeat("t", 22) + ".3." + strings.Repeat("m", 22)
	s.typed = "7K3QX-M2P9T"
	s.session = map[string]any{"session": id, "purpose": purpose, "state": "scanned",
		"expires_at": time.Now().UTC().Add(3 * time.Minute), "match": map[string]any{"required": false, "done": false}, "hints": []any{}}
}

func (s *server) set(k string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session[k] = v
}
