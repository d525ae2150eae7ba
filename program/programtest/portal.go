package programtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"certlink/mobilecert"
	"certlink/program"
)

// Portal is a browser without a screen: an account signed in.
type Portal struct {
	Origin string
	HTTP   *http.Client
}

// Refusal is a problem document.
type Refusal struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title_en"`
}

func (r *Refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Title) }

// SignIn is an account that has just signed in.
func SignIn(ctx context.Context, origin, login, password string) (*Portal, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p := &Portal{Origin: origin, HTTP: &http.Client{Jar: jar, Timeout: 10 * time.Second}}
	return p, p.Call(ctx, "POST", "/v1/session", map[string]string{"login": login, "password": password}, nil)
}

// Call asks the API; an answer that refuses is a *Refusal.
func (p *Portal) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.Origin+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", p.Origin)
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 400 {
		r := &Refusal{Status: resp.StatusCode}
		if err := json.Unmarshal(b, r); err != nil {
			return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, b)
		}
		return r
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// Session is what the page that began it sees.
type Session struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Code   string `json:"code"`
	Seq    int64  `json:"seq"`
	Result *struct {
		ID string `json:"id"`
	} `json:"result"`
	Failure *struct {
		Code string `json:"code"`
	} `json:"failure"`
}

// Start begins a session with a code.
func (p *Portal) Start(ctx context.Context, request map[string]string) (*Session, error) {
	s := &Session{}
	return s, p.Call(ctx, "POST", "/v1/qr-sessions", request, s)
}

// Read is the session as it is now.
func (p *Portal) Read(ctx context.Context, id string) (*Session, error) {
	s := &Session{}
	return s, p.Call(ctx, "GET", "/v1/qr-sessions/"+url.PathEscape(id), nil, s)
}

// Match types the digits that the phone shows.
func (p *Portal) Match(ctx context.Context, id, digits string) error {
	return p.Call(ctx, "POST", "/v1/qr-sessions/"+url.PathEscape(id)+"/match", map[string]string{"digits": digits}, nil)
}

// Bindings is a list of them.
type Bindings struct {
	Items []struct {
		ID    string `json:"id"`
		State string `json:"state"`
	} `json:"items"`
}

// Bindings are the account's active ones.
func (p *Portal) Bindings(ctx context.Context) (*Bindings, error) {
	b := &Bindings{}
	return b, p.Call(ctx, "GET", "/v1/bindings?scope=mine&state=active", nil, b)
}

// Binding is the one active binding of the account that is signed in.
func Binding(t *testing.T, p *program.Program, page *Portal) *mobilecert.Binding {
	t.Helper()
	list, err := page.Bindings(context.Background())
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("bindings: %+v, %v", list, err)
	}
	b, err := mobilecert.NewBindings(mobilecert.Config{Store: p.Store}).Get(context.Background(), list.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Person is a demo account as the rooms know a person.
func Person(t *testing.T, p *program.Program, login string) *mobilecert.Person {
	t.Helper()
	a, err := p.Accounts.ByLogin(context.Background(), login)
	if err != nil {
		t.Fatal(err)
	}
	who, err := program.People{Accounts: p.Accounts}.Person(context.Background(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return who
}
