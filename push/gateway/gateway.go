// Package gateway hands notes and short messages to a server of the operator's own
// over signed HTTP. It is how push services without an adapter here (HMS, Xiaomi,
// OPPO, vivo, Honor) and any provider of short messages are reached: the contract is
// in docs/push.md, and small enough for an afternoon.
package gateway

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"certlink/internal/clock"
	"certlink/push"
)

// Gateway is one address that takes messages.
type Gateway struct {
	kind   string
	url    string
	secret []byte
	clock  clock.Clock
	client *http.Client
}

// New checks the settings. kind is what the gateway is told the message is for.
func New(kind, target string, secret []byte, c clock.Clock) (*Gateway, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("the gateway for %s is not an http(s) address", kind)
	}
	if len(secret) < 16 {
		return nil, fmt.Errorf("the gateway for %s needs a secret of at least 16 characters", kind)
	}
	return &Gateway{kind, target, secret, c, &http.Client{
		Timeout: 10 * time.Second,
		// A redirect would carry signed messages to a place nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// call is the body of a request.
type call struct {
	ID   string `json:"id"` // the same again for a repeat
	Kind string `json:"kind"`
	To   string `json:"to"`             // push token, or mobile number
	Key  string `json:"key,omitempty"`  // of the sentence to show
	Open string `json:"open,omitempty"` // what the app asks for when it is opened
	Text string `json:"text,omitempty"` // of a short message
}

// Push hands over a note for a phone.
func (g *Gateway) Push(ctx context.Context, token string, n push.Note) error {
	return g.send(ctx, call{ID: n.ID, Kind: g.kind, To: token, Key: n.Key, Open: n.ID})
}

// Text hands over a short message.
func (g *Gateway) Text(ctx context.Context, id, mobile, text string) error {
	return g.send(ctx, call{ID: id, Kind: g.kind, To: mobile, Text: text})
}

func (g *Gateway) send(ctx context.Context, c call) error {
	body, err := json.Marshal(c)
	if err != nil {
		return &push.PermanentError{Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(body))
	if err != nil {
		return &push.PermanentError{Err: err}
	}
	unix := strconv.FormatInt(g.clock().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Certlink-Signature", "t="+unix+",v1="+hex.EncodeToString(push.Sign(g.secret, unix, body)))
	resp, err := g.client.Do(req)
	if err != nil {
		// The error of net/http holds the address, and nothing of the message.
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	err = fmt.Errorf("the gateway answered %d", resp.StatusCode)
	after, convErr := strconv.Atoi(resp.Header.Get("Retry-After"))
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusGone:
		return errors.Join(push.ErrTokenGone, err)
	case convErr == nil && after > 0:
		return &push.RetryAfterError{Err: err, After: time.Duration(after) * time.Second}
	case resp.StatusCode == http.StatusBadRequest, resp.StatusCode == http.StatusUnprocessableEntity:
		return &push.PermanentError{Err: err}
	}
	return err
}
