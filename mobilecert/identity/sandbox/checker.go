package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"certlink/internal/clock"
	"certlink/mobilecert/identity"
)

// Name of the service.
const Name = "sandbox"

// Checker asks a Service over HTTP.
type Checker struct {
	base   string
	key    []byte
	clock  clock.Clock
	client *http.Client
}

var _ identity.Checker = (*Checker)(nil)

// Checker makes our end for the service, which is served at base.
func (s *Service) Checker(base string) *Checker {
	return &Checker{base, s.key, s.cfg.Clock, &http.Client{Timeout: 5 * time.Second}}
}

func (c *Checker) Name() string { return Name }

// Sandbox marks it as one that only stands for a real service.
func (c *Checker) Sandbox() {}

func (c *Checker) ask(ctx context.Context, path string, q question) (*answer, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	unix := strconv.FormatInt(c.clock().Unix(), 10)
	req.Header.Set(headerTime, unix)
	req.Header.Set(headerSignature, sign(c.key, unix, path, body))
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("sandbox: %d %.200s", resp.StatusCode, out)
	}
	a := new(answer)
	return a, json.Unmarshal(out, a)
}

func (c *Checker) Begin(ctx context.Context, check string, p identity.Person, back string) (*identity.Started, error) {
	a, err := c.ask(ctx, "/begin", question{check, p.Name, p.IDNumber, back})
	if err != nil {
		return nil, err
	}
	return &identity.Started{Ref: a.Ref, URL: a.URL}, nil
}

func (c *Checker) Ask(ctx context.Context, ref string) (*identity.Result, error) {
	a, err := c.ask(ctx, "/ask", question{Check: ref})
	if err != nil {
		return nil, err
	}
	return &identity.Result{State: a.State}, nil
}

func (c *Checker) Notice(header func(string) string, body []byte) (string, error) {
	if !good(c.key, c.clock(), header, "notice", body) {
		return "", identity.ErrNotice
	}
	return string(body), nil
}
