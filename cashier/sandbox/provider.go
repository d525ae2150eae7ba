package sandbox

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"certlink/cashier"
	"certlink/internal/clock"
)

// Name of the provider.
const Name = "sandbox"

// Provider is the cashier.Provider that asks a Service over HTTP.
type Provider struct {
	base   string
	key    ed25519.PrivateKey // the merchant's
	theirs ed25519.PublicKey
	clock  clock.Clock
	client *http.Client
}

// Provider makes the merchant's end for a service that is served at base.
func (s *Service) Provider(base string) *Provider {
	return &Provider{base, s.merchant, s.public(), s.cfg.Clock, &http.Client{Timeout: 5 * time.Second}}
}

func (p *Provider) Name() string            { return Name }
func (p *Provider) Sandbox() bool           { return true }
func (p *Provider) CodeLife() time.Duration { return 15 * time.Minute }
func (p *Provider) Taken() (string, string) { return "application/json", `{"code":"SUCCESS"}` }

// ask sends a signed question and reads the signed answer.
func (p *Provider) ask(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	unix, signature := sign(p.key, p.clock(), http.MethodPost+" "+path, body)
	req.Header.Set(headerTime, unix)
	req.Header.Set(headerSignature, signature)
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("sandbox: %d %.200s", resp.StatusCode, out)
	}
	if err := verify(p.theirs, p.clock(), resp.Header.Get(headerTime), resp.Header.Get(headerSignature), "answer "+path, out); err != nil {
		return err
	}
	return json.Unmarshal(out, answer)
}

func (p *Provider) Start(ctx context.Context, c cashier.Charge) (string, error) {
	var out struct{ Code string }
	err := p.ask(ctx, "/trade", c, &out)
	return out.Code, err
}

func (p *Provider) Query(ctx context.Context, attempt string) (*cashier.Trade, error) {
	return p.trade(ctx, "/query", attempt)
}

func (p *Provider) Close(ctx context.Context, attempt string) (*cashier.Trade, error) {
	return p.trade(ctx, "/close", attempt)
}

func (p *Provider) trade(ctx context.Context, path, attempt string) (*cashier.Trade, error) {
	t := new(cashier.Trade)
	if err := p.ask(ctx, path, attempt, t); err != nil {
		return nil, err
	}
	if t.ID != attempt {
		return nil, errors.New("sandbox: an answer about another trade")
	}
	return t, nil
}

func (p *Provider) Refund(ctx context.Context, r cashier.RefundOrder) (*cashier.RefundReport, error) {
	out := new(cashier.RefundReport)
	return out, p.ask(ctx, "/refund", r, out)
}

// Notice verifies one that the service has sent.
func (p *Provider) Notice(_ context.Context, header func(string) string, body []byte) (*cashier.Notice, error) {
	if err := verify(p.theirs, p.clock(), header(headerTime), header(headerSignature), "notice", body); err != nil {
		return nil, err
	}
	t := new(cashier.Trade)
	if err := json.Unmarshal(body, t); err != nil {
		return nil, err
	}
	return &cashier.Notice{Trade: t}, nil
}
