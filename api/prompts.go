package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/confirm"
	"certlink/internal/id"
	"certlink/mobilecert"
	"certlink/push"
)

// promptView is a prompt as whoever caused it sees it: what the phone is asked now.
type promptView struct {
	ID        string            `json:"id"`
	Purpose   string            `json:"purpose"`
	State     confirm.State     `json:"state"`
	Seq       int64             `json:"seq"`
	CreatedAt string            `json:"created_at"`
	OpensAt   string            `json:"opens_at,omitempty"`
	OpenedAt  string            `json:"opened_at,omitempty"`
	SeenAt    string            `json:"seen_at,omitempty"`
	ExpiresAt string            `json:"expires_at"`
	EndedAt   string            `json:"ended_at,omitempty"`
	Device    namedView         `json:"device"`
	Subject   partyView         `json:"subject"`
	Details   map[string]string `json:"details"`
	Result    *resultView       `json:"result,omitempty"`
	Failure   *failureView      `json:"failure,omitempty"`
	Reason    *confirm.Reason   `json:"reason,omitempty"`
}

func (s *Server) showPrompt(ctx context.Context, p *push.Prompt) (*promptView, error) {
	r := &p.Confirmation.Request
	v := &promptView{
		ID: p.ID, Purpose: r.Purpose, State: p.State, Seq: p.Seq, CreatedAt: stamp(p.CreatedAt), ExpiresAt: stamp(p.ExpiresAt),
		OpenedAt: stampOr(p.OpenedAt), SeenAt: stampOr(p.SeenAt), EndedAt: stampOr(p.EndedAt), Device: namedView{p.Name},
		Subject: partyView{r.Subject.ID, r.Subject.Name, r.Subject.Organisation},
		Details: p.Confirmation.Terms.Details, Failure: s.showFailure(p.Failure), Reason: p.Reason,
	}
	if p.State == push.PromptWaiting {
		v.OpensAt = stampOr(p.RetryAt)
	}
	if v.Details == nil {
		v.Details = map[string]string{}
	}
	if p.Result == nil {
		return v, nil
	}
	var err error
	v.Result, err = s.showResult(ctx, r, p.Result)
	return v, err
}

func (s *Server) promptRoutes() {
	signedIn := (*call).signedIn
	s.add("POST", "/v1/prompts", signedIn, s.postPrompt)
	s.add("GET", "/v1/prompts/:id", signedIn, s.getPrompt)
	s.add("GET", "/v1/prompts/:id/events", signedIn, s.getPromptEvents)
	s.add("POST", "/v1/prompts/:id/cancel", signedIn, s.postPromptCancel)
}

// askedNow is how long a phone is asked by somebody who sits before the page.
const askedNow = 10 * time.Minute

// postPrompt asks the phone that holds a certificate issued here to bind it, without
// a code: for the account that is signed in or, from an admin, for one of its
// organisation. Only the phone that collected the certificate for that account is
// asked, so nobody can make strangers' phones ring.
func (s *Server) postPrompt(c *call) error {
	var purpose, certificate, subject string
	if err := c.read(object{{"purpose", &purpose, true}, {"certificate", &certificate, true}, {"account", &subject, false}}); err != nil {
		return err
	}
	if purpose != "bind" {
		return confirm.ErrPurposeUnknown.At("/purpose", "应为 bind", "must be bind")
	}
	if !plain(certificate) {
		return mobilecert.ErrCertificateUnknown
	}
	cert, err := s.Certificates.Get(c.ctx, certificate)
	if err != nil {
		return err
	}
	r, err := s.request(c, purpose, map[string]string{"provider": cert.Provider}, subject, "")
	if err != nil {
		return err
	}
	if cert.Account.ID != r.Subject.ID || cert.Device == "" {
		return mobilecert.ErrCertificateUnknown
	}
	p, err := s.Prompts.Open(c.ctx, push.PromptRequest{
		ID: id.New(), Request: r, Device: cert.Device, Deadline: s.Clock().Add(askedNow), Collapse: "bind " + cert.ID,
	})
	if err != nil {
		return err
	}
	v, err := s.showPrompt(c.ctx, p)
	if err != nil {
		return err
	}
	c.f.Set(fiber.HeaderLocation, "/v1/prompts/"+p.ID)
	return c.json(fiber.StatusCreated, v)
}

// caused reads the prompt of the address for the account signed in. Integrators see
// all: they act for the accounts.
func (s *Server) caused(c *call) (func(context.Context) (*push.Prompt, error), string, error) {
	promptID, err := c.id("id", push.ErrPromptUnknown)
	who := c.who.ID()
	if c.who.Has(account.Integrator) {
		return func(ctx context.Context) (*push.Prompt, error) { return s.Prompts.Get(ctx, promptID) }, promptID, err
	}
	return func(ctx context.Context) (*push.Prompt, error) { return s.Prompts.Caused(ctx, promptID, who) }, promptID, err
}

func (s *Server) followPrompt(c *call) (*following, error) {
	read, _, err := s.caused(c)
	if err != nil {
		return nil, err
	}
	p, err := read(c.ctx) // which may be the one that it became part of
	if err != nil {
		return nil, err
	}
	return s.follow(c.ctx, p.ID, s.Prompts.Watch(p.ID), looking(func(ctx context.Context) (news, error) {
		p, err := read(ctx)
		if err != nil {
			return news{}, err
		}
		v, err := s.showPrompt(ctx, p)
		return news{seq: p.Seq, of: shown{string(p.State), v}, over: p.State.Over(), at: p.ExpiresAt}, err
	}))
}

func (s *Server) getPrompt(c *call) error {
	wait, since, err := c.waiting()
	if err != nil {
		return err
	}
	f, err := s.followPrompt(c)
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.await(since, wait); err != nil {
		return err
	}
	return c.ok(f.last.of.(shown).body)
}

func (s *Server) getPromptEvents(c *call) error {
	f, err := s.followPrompt(c)
	if err != nil {
		return err
	}
	return c.stream(f)
}

func (s *Server) postPromptCancel(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	read, promptID, err := s.caused(c)
	if err != nil {
		return err
	}
	if _, err := read(c.ctx); err != nil {
		return err
	}
	p, err := s.Prompts.Cancel(c.ctx, promptID)
	if err != nil {
		return err
	}
	v, err := s.showPrompt(c.ctx, p)
	if err != nil {
		return err
	}
	return c.ok(v)
}
