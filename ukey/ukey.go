// Package ukey is what a U-Key can do, however it is reached: by PKCS#11, by SKF
// (GM/T 0016), or as a software token for demonstrations.
//
// A Module is one vendor's library. It is used by one goroutine at a time; what
// hangs or crashes in it is the business of package apart, which runs it in a
// process of its own.
package ukey

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"certlink/internal/fault"
	"certlink/trust"
)

// Use is what a certificate's key is for.
type Use string

const (
	Sign    Use = "sign"
	Encrypt Use = "encrypt"
)

// Certificate is one certificate on a token whose key is there too.
type Certificate struct {
	ID          string `json:"id"` // names it on its token; opaque
	Application string `json:"application,omitempty"`
	Container   string `json:"container,omitempty"`
	Use         Use    `json:"use"`
	DER         []byte `json:"der"`
}

// PINState is how a token's PIN stands.
type PINState struct {
	// Own: the token or its library asks for the PIN by itself.
	Own bool `json:"own,omitempty"`
	// Left is how many wrong PINs it takes still, -1 where the token does not say.
	Left   int  `json:"left"`
	Final  bool `json:"final,omitempty"` // one more wrong PIN locks it
	Locked bool `json:"locked,omitempty"`
}

// Token is one that is plugged in.
type Token struct {
	ID           string        `json:"id"` // the same while it stays plugged in
	Reader       string        `json:"reader"`
	Label        string        `json:"label"`
	Manufacturer string        `json:"manufacturer,omitempty"`
	Model        string        `json:"model,omitempty"`
	Serial       string        `json:"serial,omitempty"`
	Applications []string      `json:"applications,omitempty"`
	PIN          PINState      `json:"pin"`
	Certificates []Certificate `json:"certificates"`
}

// Inventory is everything that a library sees: the readers, and the tokens in them.
type Inventory struct {
	Readers []string `json:"readers"`
	Tokens  []Token  `json:"tokens"`
}

// SignRequest asks for one signature over a digest. For SM2 the digest is SM3 over
// Z and the message (GB/T 32918.2 §6.1).
type SignRequest struct {
	Token       string          `json:"token"`
	Certificate string          `json:"certificate"`
	PIN         PIN             `json:"pin,omitempty"`
	Algorithm   trust.Algorithm `json:"algorithm"`
	Digest      []byte          `json:"digest"`
}

// DecryptRequest asks for what was encrypted to a certificate's key: RSA by PKCS #1
// v1.5, SM2 as the structure of GM/T 0009 §7.2.
type DecryptRequest struct {
	Token       string `json:"token"`
	Certificate string `json:"certificate"`
	PIN         PIN    `json:"pin,omitempty"`
	Data        []byte `json:"data"`
}

// PIN is a PIN on its way from the dialog to the token. It never prints.
type PIN []byte

// Format hides the PIN from every verb, %x and %#v too.
func (PIN) Format(f fmt.State, _ rune) { io.WriteString(f, "[PIN]") }

// Wipe overwrites it, as far as Go lets us: copies made on the way to the child
// process are gone with the garbage.
func (p PIN) Wipe() { clear(p) }

// Module is one library.
type Module interface {
	// Inventory looks at what is plugged in. It needs no PIN.
	Inventory(ctx context.Context) (*Inventory, error)
	// VerifyPIN checks a PIN, and counts a wrong one.
	VerifyPIN(ctx context.Context, token string, pin PIN) error
	// Sign checks the PIN, signs, and ends the token's session. ECDSA and SM2 answer
	// r‖s in 64 bytes.
	Sign(ctx context.Context, r SignRequest) ([]byte, error)
	// Decrypt checks the PIN, decrypts, and ends the token's session.
	Decrypt(ctx context.Context, r DecryptRequest) ([]byte, error)
	Close() error
}

// Refusal is how a refusal travels between processes: by its code.
type Refusal struct {
	Code  string         `json:"code"`
	Extra map[string]any `json:"extra,omitempty"`
	Cause string         `json:"cause,omitempty"`
}

// Refuse makes the travelling form of an error.
func Refuse(err error) *Refusal {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	if f == nil {
		f = ErrFailed.Because(err)
	}
	r := &Refusal{Code: f.Code, Extra: f.Extra}
	if cause := f.Unwrap(); cause != nil {
		r.Cause = cause.Error()
	}
	return r
}

// Err makes an error of it again.
func (r *Refusal) Err() error {
	if r == nil {
		return nil
	}
	e := ErrFailed
	for _, known := range faults {
		if known.Code == r.Code {
			e = known
		}
	}
	for k, v := range r.Extra {
		if n, ok := v.(json.Number); ok {
			if i, err := n.Int64(); err == nil {
				v = int(i)
			}
		} else if n, ok := v.(float64); ok {
			v = int(n)
		}
		e = e.With(k, v)
	}
	if r.Cause != "" {
		e = e.Becausef("%s", r.Cause)
	}
	return e
}
