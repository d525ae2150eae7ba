package confirm

import (
	"time"
)

// Confirmation is one request on its way to a signature. It is part of the
// document that carries it (a QR session, a push prompt), so that the carrier's
// state and the confirmation change in one write.
type Confirmation struct {
	*Asked
	// CSR is the phone's request for a new key (DER), where the terms ask for one.
	CSR []byte `json:"csr,omitempty"`
	// Statement holds the canonical bytes. Once set it never changes.
	Statement []byte `json:"statement,omitempty"`
	// JWS is the accepted signature, AcceptedAt when it was accepted. Once the act is
	// done, the evidence alone holds it, and Signed is its SHA-256 (base64url).
	JWS        string     `json:"jws,omitempty"`
	Signed     string     `json:"signed,omitempty"`
	AcceptedAt *time.Time `json:"accepted_at,omitempty"`
	// SignerID is the certificate's fingerprint or, ByDevice, the device.
	SignerID string `json:"signer_id,omitempty"`

	parsed *Statement
}

// Asked is what is asked, and on which terms. It never changes, so that the copies of
// a confirmation have one.
type Asked struct {
	Request Request `json:"request"`
	Terms   Terms   `json:"terms"`
}

// Parsed reads the statement; nil while there is none.
func (c *Confirmation) Parsed() (*Statement, error) {
	if c.parsed == nil && c.Statement != nil {
		s, err := ParseStatement(c.Statement)
		if err != nil {
			return nil, err
		}
		c.parsed = s
	}
	return c.parsed, nil
}

// StatementID names the statement, "" while there is none. It is the id of
// everything that follows from it.
func (c *Confirmation) StatementID() string {
	s, err := c.Parsed()
	if s == nil || err != nil {
		return ""
	}
	return s.ID
}

// Unissue takes a statement back that was made and never stored or shown: the
// carrier found no room for it, and will issue another one later.
func (c *Confirmation) Unissue() {
	if c.AcceptedAt == nil {
		c.Statement, c.CSR, c.parsed = nil, nil, nil
	}
}
