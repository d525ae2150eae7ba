package confirm

import (
	"encoding/json"
	"fmt"
	"time"

	"certlink/internal/id"
)

// Version is the version of the statement that this program makes.
const Version = "1"

// Party is an account as a person recognises it.
type Party struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	OrganisationID string `json:"organisation_id"`
	Organisation   string `json:"organisation"`
}

// Requester says where the request came from, so that the holder can tell a
// request of their own from somebody else's.
type Requester struct {
	IP        string `json:"ip"`
	Place     string `json:"place,omitempty"`
	Browser   string `json:"browser"`
	StartedAt string `json:"started_at"` // RFC 3339, UTC
}

// Statement is what the holder reads and signs. All leaves are strings, so that
// there is one way to write each value.
type Statement struct {
	Version   string            `json:"version"`
	ID        string            `json:"id"`
	Purpose   string            `json:"purpose"`
	Audience  string            `json:"audience"`
	Nonce     string            `json:"nonce"` // 256 bits, base64url
	IssuedAt  string            `json:"issued_at"`
	ExpiresAt string            `json:"expires_at"`
	Actor     Party             `json:"actor"`
	Subject   *Party            `json:"subject,omitempty"` // only where it is not the actor
	Details   map[string]string `json:"details"`
	Requester Requester         `json:"requester"`
}

// For is the account the act is for.
func (s *Statement) For() Party {
	if s.Subject != nil {
		return *s.Subject
	}
	return s.Actor
}

// ParseStatement reads back the bytes that Canonical made.
func ParseStatement(canonical []byte) (*Statement, error) {
	s := new(Statement)
	if err := json.Unmarshal(canonical, s); err != nil {
		return nil, fmt.Errorf("confirm: a stored statement cannot be read: %w", err)
	}
	return s, nil
}

func (e *Engine) newStatement(c *Confirmation, details map[string]string, now, expires time.Time) *Statement {
	s := &Statement{
		Version:   Version,
		ID:        id.New(),
		Purpose:   c.Request.Purpose,
		Audience:  e.Audience,
		Nonce:     id.Secret(32),
		IssuedAt:  now.UTC().Format(time.RFC3339),
		ExpiresAt: expires.UTC().Format(time.RFC3339),
		Actor:     c.Request.Actor,
		Details:   details,
		Requester: c.Request.Requester,
	}
	if c.Request.Subject.ID != c.Request.Actor.ID {
		subject := c.Request.Subject
		s.Subject = &subject
	}
	return s
}
