package api

import (
	"encoding/base64"
	"encoding/pem"
	"strings"

	"certlink/account"
	"certlink/internal/fault"
	"certlink/mobilecert"
	"certlink/mobilecert/application"
	"certlink/trust"
)

// reviewRoutes are what reviewers see and do. Operators run the installation and do
// not read applications.
func (s *Server) reviewRoutes() {
	signedIn, reviewer := (*call).signedIn, role(account.Reviewer)
	s.add("GET", "/v1/review/applications", signedIn, reviewer, s.getQueue)
	for _, r := range []struct {
		method, tail string
		run          step
	}{
		{"GET", "", s.getCase}, {"GET", "/files/:slot", s.getCasePaper},
		{"POST", "/hold", s.postHold}, {"DELETE", "/hold", s.deleteHold},
		{"POST", "/confirm-identity", s.postConfirmIdentity}, {"POST", "/accept", s.postAccept},
		{"POST", "/reject", s.postRejectApplication}, {"POST", "/undo", s.postUndo}, {"POST", "/ship", s.postShip},
	} {
		s.add(r.method, "/v1/review/applications/:id"+r.tail, signedIn, reviewer, r.run)
	}
}

func (c *call) reviewer() mobilecert.Actor {
	return mobilecert.Actor{ID: c.who.ID(), Name: c.who.Account.Name}
}

type queueView struct {
	Items  []application.Summary     `json:"items"`
	Next   string                    `json:"next"`
	Counts map[application.State]int `json:"counts"`
}

func (s *Server) getQueue(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	state, err := c.choice("state", "review", "making", "rejected", "payment", "identity", "issued", "withdrawn")
	if err != nil {
		return err
	}
	waits, err := c.choice("waits_for", "", "reviewer", "papers", "applicant", "authority")
	if err != nil {
		return err
	}
	product, err := c.query("product", 32)
	if err != nil {
		return err
	}
	words, err := c.query("q", 64)
	if err != nil {
		return err
	}
	list, next, err := s.Applications.Queue(c.ctx, application.QueueQuery{
		State: application.State(state), Product: product, Waits: waits, Q: words, After: after, Limit: limit,
	})
	if err != nil {
		return err
	}
	counts, err := s.Applications.Counts(c.ctx)
	if err != nil {
		return err
	}
	out := queueView{Items: []application.Summary{}, Next: string(next), Counts: counts}
	for _, a := range list {
		out.Items = append(out.Items, s.Applications.Summary(a, application.Reviewer))
	}
	return c.ok(out)
}

// inspect reads an application for the reviewer who calls; the log knows of it then.
func (s *Server) inspect(c *call, what string) (*application.Application, error) {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return nil, err
	}
	return s.Applications.Inspect(c.ctx, c.reviewer(), id, what)
}

// showCase answers with an application as reviewers see it.
func (s *Server) showCase(c *call, a *application.Application, err error) error {
	if err != nil {
		return err
	}
	v, err := s.Applications.View(c.ctx, a, application.Reviewer)
	if err != nil {
		return err
	}
	return c.ok(v)
}

func (s *Server) getCase(c *call) error {
	a, err := s.inspect(c, "form")
	return s.showCase(c, a, err)
}

func (s *Server) getCasePaper(c *call) error {
	slot, err := c.slot()
	if err != nil {
		return err
	}
	a, err := s.inspect(c, "files/"+string(slot))
	if err != nil {
		return err
	}
	f, content, err := s.Applications.OpenFile(c.ctx, a, slot, true)
	if err != nil {
		return err
	}
	return c.sendFile(f, content)
}

// on does something to the application named, for a reviewer who has read it: what is
// answered holds personal data, so that stands in the log again.
func (s *Server) on(c *call, do func(id string, by mobilecert.Actor) (*application.Application, error)) error {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return err
	}
	if _, err := do(id, c.reviewer()); err != nil {
		return err
	}
	a, err := s.inspect(c, "form")
	return s.showCase(c, a, err)
}

func (s *Server) postHold(c *call) error {
	over := false
	if err := c.read(object{{"take_over", &over, false}}); err != nil {
		return err
	}
	return s.on(c, func(id string, by mobilecert.Actor) (*application.Application, error) {
		return s.Applications.TakeUp(c.ctx, by, id, over)
	})
}

func (s *Server) deleteHold(c *call) error {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return err
	}
	if _, err := s.Applications.PutDown(c.ctx, c.reviewer(), id); err != nil {
		return err
	}
	return c.nothing()
}

// submission reads which one the reviewer has before the eyes.
func (s *Server) aboutSubmission(c *call, do func(id string, by mobilecert.Actor, submission int) (*application.Application, error)) error {
	n := 0
	if err := c.read(object{{"submission", &n, true}}); err != nil {
		return err
	}
	return s.on(c, func(id string, by mobilecert.Actor) (*application.Application, error) { return do(id, by, n) })
}

func (s *Server) postConfirmIdentity(c *call) error {
	return s.aboutSubmission(c, func(id string, by mobilecert.Actor, n int) (*application.Application, error) {
		return s.Applications.ConfirmIdentity(c.ctx, by, id, n)
	})
}

func (s *Server) postAccept(c *call) error {
	return s.aboutSubmission(c, func(id string, by mobilecert.Actor, n int) (*application.Application, error) {
		return s.Applications.Accept(c.ctx, by, id, n)
	})
}

// maxReasons is more than the form has fields.
const maxReasons = 20

func (s *Server) postRejectApplication(c *call) error {
	n := 0
	var reasons []*application.Reason
	each := items(func(i int) (object, error) {
		if i >= maxReasons {
			return nil, application.ErrReasons
		}
		r := new(application.Reason)
		reasons = append(reasons, r)
		return object{{"field", &r.Field, true}, {"code", &r.Code, true}, {"text", &r.Text, false}}, nil
	})
	if err := c.read(object{{"submission", &n, true}, {"reasons", each, true}}); err != nil {
		return err
	}
	given := make([]application.Reason, len(reasons))
	for i, r := range reasons {
		r.Text = strings.TrimSpace(r.Text)
		given[i] = *r
	}
	return s.on(c, func(id string, by mobilecert.Actor) (*application.Application, error) {
		return s.Applications.Reject(c.ctx, by, id, n, given)
	})
}

func (s *Server) postUndo(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	return s.on(c, func(id string, by mobilecert.Actor) (*application.Application, error) {
		return s.Applications.Undo(c.ctx, by, id)
	})
}

func (s *Server) postShip(c *call) error {
	var certificate string
	var m application.Made
	err := c.read(object{{"certificate", &certificate, true}, {"carrier", &m.Carrier, true}, {"number", &m.Number, false}})
	if err != nil {
		return err
	}
	if m.DER, err = certificateOf(certificate); err != nil {
		return err
	}
	m.Carrier, m.Number = strings.TrimSpace(m.Carrier), strings.TrimSpace(m.Number)
	return s.on(c, func(id string, by mobilecert.Actor) (*application.Application, error) {
		return s.Applications.Ship(c.ctx, by, id, m)
	})
}

// certificateOf reads a certificate as authorities hand them out: PEM, or DER in
// base64.
func certificateOf(text string) ([]byte, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, fault.Of(trust.ErrCertificate).At("/certificate", "应为 PEM 或 Base64 编码的 DER", "PEM, or DER in base64")
	}
	return der, nil
}
