package confirm

import (
	"context"
	"crypto"
	"encoding/json"
	"time"

	"certlink/trust"
)

// Request is what somebody wants put before the holder of a certificate.
type Request struct {
	Purpose string `json:"purpose"`
	Actor   Party  `json:"actor"`   // who asks
	Subject Party  `json:"subject"` // for whom; the actor itself, mostly
	// Admin: the actor may act for others of its organisation.
	Admin     bool              `json:"admin,omitempty"`
	Params    map[string]string `json:"params,omitempty"` // the purpose's own
	Requester Requester         `json:"requester"`
}

// SignedBy says which key must sign the statement.
type SignedBy string

const (
	ByCertificate SignedBy = "certificate"
	ByDevice      SignedBy = "device" // there is no certificate yet
)

// KeyRequest asks the phone for a new key pair before the statement is made.
type KeyRequest struct {
	Algorithm trust.Algorithm `json:"algorithm"`
	// Encryption: a second key may come with it (trust.CSR.Encryption), for an
	// encryption certificate.
	Encryption bool `json:"encryption,omitempty"`
	// Keep names the key (SHA-256, base64url) that the request must be for: one that
	// the phone has, and not a new one.
	Keep string `json:"keep,omitempty"`
}

// Terms are what a purpose decides about a request before anything is shown.
type Terms struct {
	Details   map[string]string `json:"details"` // the purpose's fields of the statement
	Provider  string            `json:"provider,omitempty"`
	SignedBy  SignedBy          `json:"signed_by"`
	MatchCode bool              `json:"match_code,omitempty"` // digits must be typed before confirming
	NewKey    *KeyRequest       `json:"new_key,omitempty"`
}

// Signer is who signed, as the checks found.
type Signer struct {
	Device string // thumbprint of the device key; "" for the bridge
	// Certificate, Chain and Identity are empty for ByDevice.
	Certificate *trust.Certificate
	Chain       []*trust.Certificate
	Identity    trust.Identity
	// NewKey is the key of the phone's request, where the terms ask for one.
	NewKey crypto.PublicKey
	CSR    []byte
}

// Accepted is a statement whose signature is stored and whose act is owed.
type Accepted struct {
	Statement *Statement
	Request   Request
	Signer    Signer
	At        time.Time // when the signature was accepted
}

// Result is what an act has brought about, as the owner and the phone may see it.
type Result struct {
	Kind string `json:"kind"` // "binding", "certificate"
	ID   string `json:"id"`
	// View is the result as the API shows it to the phone and the portal.
	View json.RawMessage `json:"view,omitempty"`
}

// Purpose is one thing that can be confirmed. Adding a purpose is one
// implementation, and one line in main's table.
type Purpose interface {
	Name() string
	// Letter stands for the purpose in the code on the screen.
	Letter() byte
	// Begin decides whether this may be asked at all, before anything is shown.
	Begin(ctx context.Context, r Request) (Terms, error)
	// CheckKey looks at a new key before it enters the statement; only called
	// where the terms ask for one.
	CheckKey(ctx context.Context, r Request, csr *trust.CSR) error
	// Check decides whether this signer may do it now. It is called before a
	// signature is accepted, and again before the act.
	Check(ctx context.Context, s *Statement, signer Signer) error
	// Done finds the result of an act that was done, nil if it was not. It is
	// asked first when an act is owed from before: what has been done stays
	// done, even if it would be refused by now.
	Done(ctx context.Context, s *Statement) (*Result, error)
	// Act does it. It must be idempotent by the statement's id: it is called
	// again after a crash, and may be called twice at once.
	Act(ctx context.Context, a *Accepted) (*Result, error)
}
