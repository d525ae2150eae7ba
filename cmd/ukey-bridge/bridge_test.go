package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"certlink/confirm"
	"certlink/internal/id"
	"certlink/trust"
	"certlink/trust/trusttest"
	"certlink/ukey/ukeytest"
)

const portal = "https://ca.example.cn"

// page is a page of a browser as far as the bridge sees it.
type page struct {
	t          *testing.T
	bridge     *ukeytest.Bridge
	origin     []string
	host       string
	secret     string
	kind       string
	transcript *transcript
}

// transcript is all that went between pages and bridge.
type transcript struct {
	mu  sync.Mutex
	all strings.Builder
}

func (w *transcript) add(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.WriteString(text)
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

func newPage(t *testing.T, b *ukeytest.Bridge) *page {
	return &page{t: t, bridge: b, origin: []string{portal}, kind: "application/json", transcript: new(transcript)}
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) code() string {
	var p struct{ Code string }
	json.Unmarshal(a.body, &p)
	return p.Code
}

func (p *page) request(ctx context.Context, method, path, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.bridge.Origin+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if p.origin != nil {
		req.Header["Origin"] = p.origin
	}
	if p.kind != "" {
		req.Header.Set("Content-Type", p.kind)
	}
	if p.secret != "" {
		req.Header.Set("Authorization", "Bearer "+p.secret)
	}
	if p.host != "" {
		req.Host = p.host
	}
	return http.DefaultClient.Do(req)
}

func (p *page) send(method, path, body string) *answer {
	p.t.Helper()
	resp, err := p.request(context.Background(), method, path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.transcript.add(fmt.Sprintf("%s %s %s\n%d %v %s\n", method, path, body, resp.StatusCode, resp.Header, raw))
	return &answer{resp.StatusCode, resp.Header, raw}
}

func (p *page) call(m map[string]string) *answer {
	p.t.Helper()
	raw, err := json.Marshal(m)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.send("POST", "/v1/call", string(raw))
}

func (p *page) pair(person *ukeytest.Pinentry) {
	p.t.Helper()
	person.Will(ukeytest.Answer{Yes: true})
	a := p.call(map[string]string{"type": "pair"})
	var got struct{ Secret string }
	if json.Unmarshal(a.body, &got); len(got.Secret) != 43 {
		p.t.Fatalf("%d %s", a.status, a.body)
	}
	p.secret = got.Secret
}

type tokens struct {
	Tokens []struct {
		ID, Label    string
		PIN          struct{ Left int }
		Certificates []struct{ ID, Use, Holder string }
	}
	Problems []struct{ Code string }
}

func (p *page) tokens() *tokens {
	p.t.Helper()
	a := p.call(map[string]string{"type": "tokens"})
	out := new(tokens)
	if err := json.Unmarshal(a.body, out); a.status != 200 || err != nil {
		p.t.Fatalf("%d %s", a.status, a.body)
	}
	return out
}

// statement is a statement of the portal, changed where a test wants.
func statement(t *testing.T, change ...func(*confirm.Statement)) string {
	t.Helper()
	now := time.Now().UTC()
	s := &confirm.Statement{Version: "1", ID: id.New(), Purpose: "bind", Audience: portal, Nonce: id.Secret(32),
		IssuedAt: now.Format(time.RFC3339), ExpiresAt: now.Add(3 * time.Minute).Format(time.RFC3339),
		Actor: confirm.Party{ID: "01a", Name: "张伟", OrganisationID: "01o", Organisation: "某公司"}, Details: map[string]string{"provider": "huixin", "provider_name": "汇信CA", "medium": "ukey"},
		Requester: confirm.Requester{IP: "192.0.2.1", Browser: "Chrome 142", StartedAt: now.Format(time.RFC3339)}}
	for _, c := range change {
		c(s)
	}
	raw := s.Canonical()
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (p *page) sign(token, certificate, statement string) *answer {
	p.t.Helper()
	return p.call(map[string]string{"type": "sign", "token": token, "certificate": certificate, "statement": statement})
}

// world is a bridge with an SM2 token.
func world(t *testing.T) (*ukeytest.Bridge, *ukeytest.SoftSKF, *ukeytest.Pinentry, *trusttest.Holder) {
	t.Helper()
	soft, person := ukeytest.NewSoftSKF(t), ukeytest.NewPinentry(t)
	holder := trusttest.Root(t, trust.SM2SM3, "SM2 CA").Leaf(t, trust.SM2SM3)
	soft.Put("sign", &holder.Key.(*sm2.PrivateKey).PrivateKey, holder.Cert.Raw)
	return ukeytest.StartBridge(t, ukeytest.FreePort(t), portal, person, ukeytest.Profile("soft-skf", "skf", soft.Library)), soft, person, holder
}

// Nobody but a paired page of a listed origin learns anything: all the others get the
// same answer, whatever is plugged in, and each is written down.
func TestWhoIsRefused(t *testing.T) {
	b, soft, person, _ := world(t)
	good := newPage(t, b)
	good.pair(person)
	token := good.tokens().Tokens[0]
	form := `{"type":"tokens"}`
	strangers := map[string]func(*page){
		"another origin":        func(p *page) { p.origin = []string{"https://evil.example"} },
		"an origin like ours":   func(p *page) { p.origin = []string{portal + ".evil.example"} },
		"ours by plain HTTP":    func(p *page) { p.origin = []string{"http://ca.example.cn"} },
		"ours in capitals":      func(p *page) { p.origin = []string{"https://CA.example.cn"} },
		"no origin":             func(p *page) { p.origin = nil },
		"origin null":           func(p *page) { p.origin = []string{"null"} },
		"two origins":           func(p *page) { p.origin = []string{portal, "https://evil.example"} },
		"two of ours":           func(p *page) { p.origin = []string{portal, portal} },
		"a rebinding host name": func(p *page) { p.host = "evil.example" },
		"localhost":             func(p *page) { p.host = "localhost" + b.Origin[strings.LastIndex(b.Origin, ":"):] },
		"the host of ours":      func(p *page) { p.host = "ca.example.cn" },
	}
	ask := func(name string, change func(*page)) string {
		p := newPage(t, b)
		p.secret = good.secret
		change(p)
		all := ""
		for _, c := range [][3]string{{"POST", "/v1/call", form}, {"POST", "/v1/call", `{"type":"hello"}`}, {"GET", "/v1/events", ""}, {"OPTIONS", "/v1/call", ""}, {"GET", "/", ""}} {
			before := strings.Count(b.Audit(), `"code":"bridge_not_for_you"`)
			a := p.send(c[0], c[1], c[2])
			if a.status != 403 || a.code() != "bridge_not_for_you" || a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %s %s: %d %s %v", name, c[0], c[1], a.status, a.body, a.header)
			}
			if after := strings.Count(b.Audit(), `"code":"bridge_not_for_you"`); after != before+1 {
				t.Errorf("%s: %s %s: not written down", name, c[0], c[1])
			}
			a.header.Del("Date")
			all += fmt.Sprintf("%d %v %s\n", a.status, a.header, a.body)
		}
		return all
	}
	answers := map[string]string{}
	for name, change := range strangers {
		answers[name] = ask(name, change)
	}
	soft.Unplug()
	for name, change := range strangers {
		if again := ask(name, change); again != answers[name] || again != answers["another origin"] {
			t.Errorf("%s can tell what is plugged in:\n%s\n%s", name, answers[name], again)
		}
	}
	soft.Plug()

	// Our own origin, but a form, a stranger's secret, or none.
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		p := newPage(t, b)
		p.secret, p.kind = good.secret, kind
		if a := p.send("POST", "/v1/call", form); a.status != 400 || a.code() != "bridge_request_invalid" {
			t.Errorf("%q: %d %s", kind, a.status, a.body)
		}
	}
	for _, secret := range []string{"", id.Secret(32), good.secret[:42], good.secret + "A"} {
		p := newPage(t, b)
		p.secret = secret
		for _, a := range []*answer{p.send("POST", "/v1/call", form), p.send("GET", "/v1/events", ""), p.sign(token.ID, token.Certificates[0].ID, statement(t))} {
			if a.status != 401 || a.code() != "bridge_not_paired" {
				t.Errorf("unpaired: %d %s", a.status, a.body)
			}
		}
		if a := p.send("POST", "/v1/call", `{"type":"hello"}`); a.status != 200 || !strings.Contains(string(a.body), `"paired":false`) {
			t.Errorf("%s", a.body)
		}
	}

	// What is no statement of the page's own, and complete, is not signed.
	digest := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	raw, _ := base64.RawURLEncoding.DecodeString(statement(t))
	spaced := base64.RawURLEncoding.EncodeToString(bytes.Replace(raw, []byte(`:"1"`), []byte(`: "1"`), 1))
	for text, code := range map[string]string{
		statement(t, func(s *confirm.Statement) { s.Audience = "https://evil.example" }):  "bridge_audience_refused",
		statement(t, func(s *confirm.Statement) { s.Audience = "" }):                      "bridge_audience_refused",
		statement(t, func(s *confirm.Statement) { s.Version = "2" }):                      "bridge_statement_refused",
		statement(t, func(s *confirm.Statement) { s.Nonce = "" }):                         "bridge_statement_refused",
		statement(t, func(s *confirm.Statement) { s.Purpose = "" }):                       "bridge_statement_refused",
		statement(t, func(s *confirm.Statement) { s.Details["public_key_sha256"] = "x" }): "bridge_statement_refused",
		statement(t, func(s *confirm.Statement) { s.ExpiresAt = "2020-01-01T00:00:00Z" }): "bridge_statement_expired",
		digest: "bridge_statement_refused", hex.EncodeToString([]byte("x")): "bridge_statement_refused", spaced: "bridge_statement_refused", "": "bridge_statement_refused",
		base64.RawURLEncoding.EncodeToString([]byte(`{}`)): "bridge_audience_refused",
	} {
		before := len(person.Windows())
		if a := good.sign(token.ID, token.Certificates[0].ID, text); a.code() != code {
			t.Errorf("want %s: %d %s", code, a.status, a.body)
		}
		if len(person.Windows()) != before {
			t.Error("a window was opened")
		}
		if !strings.Contains(b.Audit(), code) {
			t.Errorf("%s is not written down", code)
		}
	}
	for _, body := range []string{`{"type":"digest","digest":"` + digest + `"}`, `{"type":"sign","type":"hello"}`, `{"type":"hello","x":1}`, `[]`, `{"type":"hello"}{}`, `{"type":""}`} {
		if a := good.send("POST", "/v1/call", body); a.status != 400 || a.code() != "bridge_request_invalid" {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	// A refused pairing is a refusal, and cannot be asked for again and again.
	person.Will(ukeytest.Answer{})
	p := newPage(t, b)
	if a := p.call(map[string]string{"type": "pair"}); a.code() != "bridge_pair_refused" {
		t.Errorf("%s", a.body)
	}
	if a := p.call(map[string]string{"type": "pair"}); a.code() != "bridge_pair_wait" || a.header.Get("Retry-After") == "" {
		t.Errorf("%s", a.body)
	}
	good.call(map[string]string{"type": "unpair"})
	if a := good.send("POST", "/v1/call", form); a.code() != "bridge_not_paired" {
		t.Errorf("%s", a.body)
	}
}

func TestSigning(t *testing.T) {
	b, soft, person, holder := world(t)
	p := newPage(t, b)
	p.pair(person)
	token := p.tokens().Tokens[0]
	certificate := token.Certificates[0].ID
	events := watch(p)
	sign := func() *answer { return p.sign(token.ID, certificate, statement(t)) }

	// Wrong, wrong, and the last try only with consent.
	person.Will(ukeytest.Answer{PIN: "111111"}, ukeytest.Answer{PIN: "222222"}, ukeytest.Answer{})
	if a := sign(); a.code() != "bridge_last_try_declined" {
		t.Errorf("%s", a.body)
	}
	windows := person.Windows()
	last := windows[len(windows)-1]
	if !strings.HasPrefix(last, "CONFIRM") || !strings.Contains(last, "最后一次") || !strings.Contains(windows[len(windows)-2], "还可以尝试 2 次") {
		t.Errorf("%q", windows)
	}
	person.Will(ukeytest.Answer{Yes: true}, ukeytest.Answer{PIN: soft.PIN})
	a := sign()
	var got struct{ JWS string }
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	jws, err := trust.ParseJWS(got.JWS)
	if err != nil || jws.Verify(holder.Key.Public().(*ecdsa.PublicKey)) != nil || !bytes.Contains(jws.Payload, []byte(portal)) {
		t.Fatalf("%v", err)
	}
	windows = person.Windows()
	pin := windows[len(windows)-1]
	for _, want := range []string{"GETPIN", "绑定证书到账号", portal, "张伟", "某公司", "汇信CA", "192.0.2.1", "SETPROMPT PIN"} {
		if !strings.Contains(pin, want) {
			t.Errorf("the window does not show %q:\n%s", want, pin)
		}
	}
	person.Will(ukeytest.Answer{Cancel: true})
	if a := sign(); a.code() != "bridge_cancelled" {
		t.Errorf("%s", a.body)
	}

	// One at a time; who is gone leaves no window behind.
	n := len(person.Windows())
	person.Will(ukeytest.Answer{Forever: true})
	leaving, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		body, _ := json.Marshal(map[string]string{"type": "sign", "token": token.ID, "certificate": certificate, "statement": statement(t)})
		_, err := p.request(leaving, "POST", "/v1/call", string(body))
		gone <- err
	}()
	person.Await(n + 1)
	if a := sign(); a.code() != "bridge_busy" {
		t.Errorf("%s", a.body)
	}
	leave()
	<-gone
	person.Will(ukeytest.Answer{PIN: soft.PIN})
	for a = sign(); a.code() == "bridge_busy"; a = sign() { // until the window is closed
		time.Sleep(20 * time.Millisecond)
	}
	if a.status != 200 {
		t.Errorf("%s", a.body)
	}

	// Pulled out while the window is open: it closes by itself.
	n = len(person.Windows())
	person.Will(ukeytest.Answer{Forever: true})
	go func() {
		for range 1000 {
			if len(person.Windows()) > n {
				soft.Unplug()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if a := sign(); a.code() != "ukey_removed" {
		t.Errorf("%s", a.body)
	}
	if a := sign(); a.code() != "ukey_none" {
		t.Errorf("%s", a.body)
	}
	soft.Plug()

	// Locked: no window is opened any more.
	person.Will(ukeytest.Answer{PIN: "111111"}, ukeytest.Answer{PIN: "222222"}, ukeytest.Answer{Yes: true}, ukeytest.Answer{PIN: "333333"})
	if a := sign(); a.code() != "ukey_pin_locked" {
		t.Errorf("%s", a.body)
	}
	n = len(person.Windows())
	if a := sign(); a.code() != "ukey_pin_locked" || len(person.Windows()) != n {
		t.Errorf("%s, %d windows", a.body, len(person.Windows())-n)
	}
	soft.Left(3)

	// A library that hangs or crashes while it signs: an error in seconds, and on.
	for mode, code := range map[string]string{"SKF_ECCSignData crash": "ukey_driver_crashed", "SKF_ECCSignData A0000FF": "ukey_failed"} {
		soft.Misbehave(mode)
		person.Will(ukeytest.Answer{PIN: soft.PIN})
		start := time.Now()
		if a := sign(); a.code() != code || time.Since(start) > 10*time.Second {
			t.Errorf("%s after %s: %s", mode, time.Since(start), a.body)
		}
		soft.Misbehave("")
	}
	person.Will(ukeytest.Answer{PIN: soft.PIN})
	if a := sign(); a.status != 200 {
		t.Errorf("%s", a.body)
	}

	seen := events()
	for _, want := range []string{"event: tokens", `"state":"pin"`, `"tries_left":2`, `"wrong":true`, `"state":"last_try"`, `"state":"signing"`, `"tokens":[]`} {
		if !strings.Contains(seen, want) {
			t.Errorf("the events do not tell %s:\n%.3000s", want, seen)
		}
	}
	p.transcript.add(seen)
	nowhere(t, b, p, soft.PIN, "111111", "222222", "333333")
}

// nowhere looks for PINs wherever something is written or sent.
func nowhere(t *testing.T, b *ukeytest.Bridge, p *page, pins ...string) {
	t.Helper()
	places := map[string]string{"the log": b.Log(), "the audit file": b.Audit(), "the transcript": p.transcript.String()}
	files, err := filepath.Glob(filepath.Join(b.State, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		places[f] = string(raw)
	}
	for _, place := range slices.Sorted(maps.Keys(places)) {
		for _, pin := range pins {
			for _, form := range []string{pin, base64.StdEncoding.EncodeToString([]byte(pin)), hex.EncodeToString([]byte(pin))} {
				if strings.Contains(places[place], form) {
					t.Errorf("%s holds a PIN", place)
				}
			}
		}
	}
	if len(places["the log"]) == 0 || len(places["the audit file"]) == 0 || len(places["the transcript"]) == 0 {
		t.Error("there was nothing to look at")
	}
}

// watch follows the events until its result is called.
func watch(p *page) func() string {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	resp, err := p.request(ctx, "GET", "/v1/events", "")
	if err != nil || resp.StatusCode != 200 {
		p.t.Fatal(err, resp)
	}
	out := make(chan string, 1)
	go func() {
		var all strings.Builder
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			all.WriteString(s.Text() + "\n")
		}
		out <- all.String()
	}()
	return func() string { cancel(); return <-out }
}

func TestConfigurationMistakes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "bridge.json")
	for text, want := range map[string]string{
		`{"version":1}`: "/origins", `{"version":1,"origins":["https://a.cn"],"listen":"0.0.0.0:1"}`: "/listen", `{`: "bridge.json",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (&options{Config: file}).load(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := (&options{Config: file}).load(); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Error(err)
	}
	if _, err := (&options{Config: filepath.Join(dir, "none")}).load(); err == nil || !strings.Contains(err.Error(), "docs/bridge.md") {
		t.Error(err)
	}
	if _, err := (&options{Demo: "http://ca.example.cn"}).load(); err == nil {
		t.Error("a demo server in the net")
	}
}
