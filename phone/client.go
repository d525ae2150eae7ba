package phone

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Transport carries one request to the server and the whole answer back. It must not
// follow redirects: a proof is for one address.
type Transport interface {
	Send(ctx context.Context, c *Call) (*Answer, error)
}

// Call is a request. Body is nil or JSON.
type Call struct {
	Method, URL string
	Proof       string // header DPoP
	Claim       string // header Certlink-Claim, or ""
	Body        []byte
}

// Answer is what came back; Body is at most MaxAnswer bytes and the caller's own.
type Answer struct {
	Status     int
	Nonce      string // header DPoP-Nonce
	RetryAfter string // header Retry-After
	Body       []byte
}

// MaxAnswer bounds an answer: the longest real ones are lists of a hundred
// certificates.
const MaxAnswer = 1 << 20

type overNetHTTP struct{ client http.Client }

// overHTTP keeps connections open between calls; a phone makes few calls, but a
// program with many phones in it makes many to one host.
func overHTTP() Transport {
	dial := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &overNetHTTP{client: http.Client{
		Timeout: 40 * time.Second, // longer than the longest wait of a long poll
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dial.DialContext,
			MaxIdleConns: 256, MaxIdleConnsPerHost: 256, IdleConnTimeout: 60 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (t *overNetHTTP) Send(ctx context.Context, c *Call) (*Answer, error) {
	var body io.Reader
	if c.Body != nil {
		body = bytes.NewReader(c.Body)
	}
	r, err := http.NewRequestWithContext(ctx, c.Method, c.URL, body)
	if err != nil {
		return nil, err
	}
	r.Header["Dpop"] = []string{c.Proof}
	if c.Claim != "" {
		r.Header["Certlink-Claim"] = []string{c.Claim}
	}
	if c.Body != nil {
		r.Header["Content-Type"] = []string{"application/json"}
	}
	resp, err := t.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxAnswer {
		return nil, fmt.Errorf("the server's answer is longer than %d bytes", MaxAnswer)
	}
	return &Answer{Status: resp.StatusCode, Nonce: resp.Header.Get("DPoP-Nonce"),
		RetryAfter: resp.Header.Get("Retry-After"), Body: text}, nil
}

// Unreachable is a call without an answer: the server may or may not have done it.
// Every call of the protocol may be repeated.
type Unreachable struct{ cause error }

func (e *Unreachable) Error() string {
	return "the server did not answer: " + e.cause.Error() + "; it may or may not have received the request, which can safely be repeated"
}
func (e *Unreachable) Unwrap() error { return e.cause }

// call makes one request with its proof, and once more if the server wants a (newer)
// nonce in it (RFC 9449 §8). query stands behind the path and is not part of the proof.
func (p *Phone) call(ctx context.Context, method, path, claim string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	return p.callRaw(ctx, method, path, "", claim, body, out)
}

func (p *Phone) callRaw(ctx context.Context, method, path, query, claim string, body []byte, out any) error {
	var used string
	for try := 0; ; try++ {
		if n := p.nonce.Load(); n != nil {
			used = *n
		}
		proof, err := p.device.proof(p.clock(), method, p.origin+path, used, body)
		if err != nil {
			return err
		}
		a, err := p.send.Send(ctx, &Call{Method: method, URL: p.via + path + query, Proof: proof, Claim: claim, Body: body})
		if err != nil {
			return &Unreachable{err}
		}
		if validNonce(a.Nonce) && a.Nonce != used {
			p.nonce.Store(&a.Nonce)
		}
		switch {
		case a.Status >= 200 && a.Status < 300:
			if raw, ok := out.(*json.RawMessage); ok {
				*raw = a.Body // read by the caller, once
				return nil
			}
			if out == nil || len(a.Body) == 0 {
				return nil
			}
			if err := json.Unmarshal(a.Body, out); err != nil {
				return fmt.Errorf("the server's answer cannot be read: %w", err)
			}
			return nil
		default:
			err := problem(a)
			// Only with a nonce that was not in the proof just refused: the server asks
			// again at most once, whatever it answers.
			if try == 0 && Code(err) == "use_dpop_nonce" && validNonce(a.Nonce) {
				continue
			}
			return err
		}
	}
}
