package api

import (
	"encoding/base64"

	"github.com/gofiber/fiber/v2"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/trust"
)

// tokenRehearsalView is a challenge as the page hands it to the bridge.
type tokenRehearsalView struct {
	ID          string              `json:"id"`
	State       bids.RehearsalState `json:"state"`
	Algorithm   trust.Algorithm     `json:"algorithm"`
	Certificate string              `json:"certificate,omitempty"` // fingerprint
	Revoked     bool                `json:"revoked,omitempty"`
	Statement   string              `json:"statement,omitempty"`
	Challenge   []byte              `json:"challenge,omitempty"`
}

// ofBinding is a binding that the caller may read.
func (s *Server) ofBinding(c *call) (*mobilecert.Binding, error) {
	id, err := c.id("id", mobilecert.ErrBindingUnknown)
	if err != nil {
		return nil, err
	}
	return s.Bindings.Read(c.ctx, c.asks(), id)
}

// postTokenRehearsal makes a challenge for the encryption key on a U-Key.
func (s *Server) postTokenRehearsal(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	b, err := s.ofBinding(c)
	if err != nil {
		return err
	}
	if err := s.starts.allow(c.who.ID()); err != nil {
		return err
	}
	a, o := c.who.Account, c.who.Organisation
	r, made, err := s.Bids.RehearseToken(c.ctx, b, s.Origin, confirm.Party{ID: a.ID, Name: a.Name, OrganisationID: o.ID, Organisation: o.Name},
		confirm.Requester{IP: c.ip(), Browser: browserName(c.header(fiber.HeaderUserAgent))})
	if err != nil {
		return err
	}
	return c.json(fiber.StatusCreated, tokenRehearsalView{r.ID, r.State, r.Algorithm, made.Certificate, made.Revoked, base64.RawURLEncoding.EncodeToString(made.Statement), made.Ciphertext})
}

// postTokenRehearsalAnswer takes the bridge's answer.
func (s *Server) postTokenRehearsalAnswer(c *call) error {
	var text string
	if err := c.read(object{{"answer", &text, true}}); err != nil {
		return err
	}
	rehearsal, err := c.id("rehearsal", bids.ErrRehearsal)
	if err != nil {
		return err
	}
	answer, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return ErrRequest.At("/answer", "应为 base64", "must be base64")
	}
	b, err := s.ofBinding(c)
	if err != nil {
		return err
	}
	r, err := s.Bids.AnswerToken(c.ctx, b, rehearsal, answer)
	if err != nil {
		return err
	}
	return c.ok(tokenRehearsalView{ID: r.ID, State: r.State, Algorithm: r.Algorithm})
}
