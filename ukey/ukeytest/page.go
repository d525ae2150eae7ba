package ukeytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// Page is a page of a portal as the bridge sees it, without a browser.
type Page struct {
	bridge *Bridge
	origin string
	secret string
}

// Certificate is one that the bridge shows.
type Certificate struct {
	Token string `json:"-"`
	ID    string `json:"id"`
	Use   string `json:"use"`
	DER   []byte `json:"der"`
}

// Refused is a refusal of the bridge's.
type Refused struct{ Code string }

func (r *Refused) Error() string { return "the bridge refuses: " + r.Code }

// Pair pairs a page of the origin with the bridge.
func (b *Bridge) Pair(t testing.TB, origin string, person *Pinentry) *Page {
	t.Helper()
	p := &Page{bridge: b, origin: origin}
	person.Will(Answer{Yes: true})
	var got struct{ Secret string }
	if err := p.Call(map[string]string{"type": "pair"}, &got); err != nil {
		t.Fatal(err)
	}
	p.secret = got.Secret
	return p
}

// Call sends one message.
func (p *Page) Call(message map[string]string, out any) error {
	raw, err := json.Marshal(message)
	if err != nil {
		return err
	}
	req, err := http.NewRequest("POST", p.bridge.Origin+"/v1/call", bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Origin", p.origin)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		r := new(Refused)
		if err := json.Unmarshal(body, r); err != nil || r.Code == "" {
			return fmt.Errorf("%d %s", resp.StatusCode, body)
		}
		return r
	}
	return json.Unmarshal(body, out)
}

// Certificates lists what is plugged in.
func (p *Page) Certificates() ([]Certificate, error) {
	var got struct {
		Tokens []struct {
			ID           string
			Certificates []Certificate
		}
	}
	err := p.Call(map[string]string{"type": "tokens"}, &got)
	var out []Certificate
	for _, t := range got.Tokens {
		for _, c := range t.Certificates {
			c.Token = t.ID
			out = append(out, c)
		}
	}
	return out, err
}

// Sign has a statement signed.
func (p *Page) Sign(c Certificate, statement string) (jws string, err error) {
	var got struct{ JWS string }
	err = p.Call(map[string]string{"type": "sign", "token": c.Token, "certificate": c.ID, "statement": statement}, &got)
	return got.JWS, err
}
