package push

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
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
)

// Webhook tells the integrator's server of events by POST. The body is JSON;
// the header Certlink-Signature holds "t=UNIX,v1=HEX" where HEX is HMAC-SHA256
// under the shared secret over "UNIX.BODY". The same event may come twice: its
// id is the same then.
type Webhook struct {
	url    string
	secret []byte
	clock  clock.Clock
	client *http.Client
}

// NewWebhook checks the settings.
func NewWebhook(target string, secret []byte, c clock.Clock) (*Webhook, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("the webhook address is not an http(s) URL")
	}
	if len(secret) < 16 {
		return nil, errors.New("the webhook secret must have at least 16 characters")
	}
	return &Webhook{target, secret, c, &http.Client{
		Timeout: 10 * time.Second,
		// A redirect would carry signed events to a place nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// event is the body of a webhook call.
type event struct {
	ID   string            `json:"id"`
	Type string            `json:"type"`
	At   time.Time         `json:"at"`
	Data map[string]string `json:"data"`
}

// Send delivers one event.
func (w *Webhook) Send(ctx context.Context, m *Message) error {
	body, err := json.Marshal(event{m.ID, m.Data["act"], m.At, m.Data})
	if err != nil {
		return &PermanentError{err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return &PermanentError{err}
	}
	unix := strconv.FormatInt(w.clock().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Certlink-Event", m.ID)
	req.Header.Set("Certlink-Signature", "t="+unix+",v1="+hex.EncodeToString(Sign(w.secret, unix, body)))
	resp, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode/100 == 2 {
		return nil
	}
	err = fmt.Errorf("the receiver answered %d", resp.StatusCode)
	if resp.StatusCode == http.StatusGone {
		return &PermanentError{err}
	}
	if after, convErr := strconv.Atoi(resp.Header.Get("Retry-After")); convErr == nil && after > 0 {
		return &RetryAfterError{err, time.Duration(after) * time.Second}
	}
	return err
}

// Sign is the signature of a webhook body; receivers compute the same.
func Sign(secret []byte, unix string, body []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(unix + "."))
	m.Write(body)
	return m.Sum(nil)
}
