// Package confirm is the confirmation engine: a statement is put before the
// holder of a certificate, the holder signs exactly that statement, the engine
// checks the signature, and the act is done once.
//
// There is one statement, one verifier and one place where acts happen, however
// the statement reached the holder (QR code, push, desktop bridge). The carriers
// know how; the purposes know what; this package knows neither.
package confirm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"time"

	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/store"
	"certlink/trust"
)

// Directory answers for accounts at the moment of asking.
type Directory interface {
	// Standing is nil for an account that may act, or the refusal to show.
	Standing(ctx context.Context, account string) error
}

// Certificates answers for certificates that certlink itself has issued or
// extended at the moment of asking.
type Certificates interface {
	// Standing is nil for a certificate that may sign, or the refusal to show
	// (superseded by an extension, revoked here). content is the certificate's
	// ContentID: anybody can give a certificate a second fingerprint.
	Standing(ctx context.Context, content string) error
}

// Config wires an Engine.
type Config struct {
	Store        store.Store
	Clock        clock.Clock
	Audience     string // the server's public origin
	Directory    Directory
	Certificates Certificates
	// Policy gives a provider's trust anchors and rules.
	Policy     func(provider string) (*trust.Policy, error)
	Revocation trust.Revocation
	Purposes   []Purpose
}

// Engine checks and acts.
type Engine struct {
	Config
	byName   map[string]Purpose
	byLetter map[byte]Purpose
	evidence store.Record[kept]
	proofs   *proofStore
}

// New builds the engine; two purposes with one name or letter are a mistake in
// the table, found here.
func New(c Config) (*Engine, error) {
	e := &Engine{Config: c, byName: map[string]Purpose{}, byLetter: map[byte]Purpose{}}
	for _, p := range c.Purposes {
		if e.byName[p.Name()] != nil || e.byLetter[p.Letter()] != nil {
			return nil, fmt.Errorf("confirm: purpose %q or its letter %q stands twice in the table", p.Name(), p.Letter())
		}
		e.byName[p.Name()], e.byLetter[p.Letter()] = p, p
	}
	e.evidence, e.proofs = evidenceRecord(c.Store), newProofStore(c.Store)
	return e, nil
}

// Purpose finds a purpose by name, or nil.
func (e *Engine) Purpose(name string) Purpose { return e.byName[name] }

// Letter finds a purpose by the letter in the code, or nil.
func (e *Engine) Letter(b byte) Purpose { return e.byLetter[b] }

// Begin asks the purpose whether this may be asked, and starts a confirmation.
func (e *Engine) Begin(ctx context.Context, r Request) (*Confirmation, error) {
	p := e.byName[r.Purpose]
	if p == nil {
		return nil, ErrPurposeUnknown
	}
	if err := e.standing(ctx, r.Actor.ID, r.Subject.ID); err != nil {
		return nil, err
	}
	terms, err := p.Begin(ctx, r)
	if err != nil {
		return nil, err
	}
	return &Confirmation{Asked: &Asked{r, terms}}, nil
}

// Issue makes the statement, if nothing is missing for it: the first time it
// writes Statement, later it leaves it alone. csr is the phone's request where
// the terms ask for a key; handing in the same one again is fine, another is not.
func (e *Engine) Issue(ctx context.Context, c *Confirmation, csr []byte, now, expires time.Time) error {
	if csr != nil && c.Terms.NewKey == nil {
		return ErrKeyNotAsked
	}
	if c.Statement != nil {
		if csr != nil && !bytes.Equal(csr, c.CSR) {
			return ErrKeyMismatch
		}
		return nil
	}
	details := c.Terms.Details
	if details == nil {
		details = map[string]string{}
	}
	if want := c.Terms.NewKey; want != nil {
		if csr == nil {
			return nil // the statement waits for the key
		}
		parsed, err := trust.ParseCSR(csr)
		if err != nil {
			return err
		}
		if alg := parsed.Algorithm(); alg != want.Algorithm {
			return ErrKeyMismatch.Becausef("asked for %s, got %s", want.Algorithm, alg)
		}
		if err := e.byName[c.Request.Purpose].CheckKey(ctx, c.Request, parsed); err != nil {
			return err
		}
		details = maps.Clone(details)
		details["public_key_sha256"] = parsed.PublicKeySHA256()
		if parsed.Encryption != nil {
			if !want.Encryption {
				return ErrKeyMismatch.Becausef("no second key was asked for")
			}
			if details["encryption_key_sha256"], err = trust.PublicKeySHA256(parsed.Encryption); err != nil {
				return ErrKeyMismatch.Because(err)
			}
		}
	}
	s := e.newStatement(c, details, now, expires)
	c.CSR, c.Statement, c.parsed = csr, s.Canonical(), s
	return nil
}

// Verified is a signature that passed every check, and not yet stored.
type Verified struct {
	JWS      string
	SignerID string
	sum      string // the digest of JWS
	signer   Signer
	sent     []*trust.Certificate // of the JWS's header
	checked  *trust.Checked       // nil ByDevice
}

// Verify makes all the checks of the protocol, in its order, each with its own
// refusal. It writes nothing.
func (e *Engine) Verify(ctx context.Context, c *Confirmation, device, compact string) (*Verified, error) {
	v, s, err := e.signature(c, device, compact)
	if err != nil {
		return nil, err
	}
	return v, e.now(ctx, c, s, v)
}

// SameSignature checks a repeated confirmation: it must be a valid signature of
// the same statement by the same signer as the accepted one. ECDSA and SM2
// signatures differ each time, so the texts need not be equal.
func (e *Engine) SameSignature(c *Confirmation, device, compact string) error {
	if c.has(compact) {
		return nil
	}
	v, _, err := e.signature(c, device, compact)
	if err != nil {
		return err
	}
	if v.SignerID != c.SignerID {
		return ErrSignerMismatch
	}
	return nil
}

// signature checks what does not change with time: the bytes, the header, the
// mathematics, and which key it was.
func (e *Engine) signature(c *Confirmation, device, compact string) (*Verified, *Statement, error) {
	if c.Statement == nil {
		return nil, nil, ErrKeyRequired
	}
	s, err := c.Parsed()
	if err != nil {
		return nil, nil, err
	}
	j, err := trust.ParseJWS(compact)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(j.Payload, c.Statement) {
		if other, err := ParseStatement(j.Payload); err == nil && other.Purpose != s.Purpose {
			return nil, nil, ErrPurposeMismatch
		}
		return nil, nil, ErrStatementMismatch
	}
	v := &Verified{JWS: compact, sum: digest(j.Compact), signer: Signer{Device: device, CSR: c.CSR}}
	switch c.Terms.SignedBy {
	case ByDevice:
		if j.JWK == nil {
			return nil, nil, ErrSignerMismatch.Becausef("the header holds no jwk")
		}
		if err := j.Verify(j.JWK); err != nil {
			return nil, nil, err
		}
		thumb, err := trust.Thumbprint(j.JWK)
		if err != nil {
			return nil, nil, err
		}
		if subtle.ConstantTimeCompare([]byte(thumb), []byte(device)) != 1 {
			return nil, nil, ErrSignerMismatch.Becausef("signed by another device")
		}
		v.SignerID = thumb
	default:
		if len(j.Chain) == 0 {
			return nil, nil, ErrSignerMismatch.Becausef("the header holds no x5c")
		}
		leaf := j.Chain[0]
		if err := j.Verify(leaf.PublicKey()); err != nil {
			return nil, nil, err
		}
		v.SignerID = leaf.Fingerprint()
		v.signer.Certificate, v.signer.Chain, v.sent = leaf, j.Chain, j.Chain
	}
	if c.CSR != nil {
		csr, err := trust.ParseCSR(c.CSR)
		if err != nil {
			return nil, nil, err
		}
		v.signer.NewKey = csr.Public
	}
	return v, s, nil
}

// now checks what may have changed since: time, chain, revocation, standing.
func (e *Engine) now(ctx context.Context, c *Confirmation, s *Statement, v *Verified) error {
	now := e.Clock()
	if c.AcceptedAt == nil {
		expires, err := time.Parse(time.RFC3339, s.ExpiresAt)
		if err != nil {
			return err
		}
		if !now.Before(expires) {
			return ErrStatementExpired
		}
	}
	if c.Terms.SignedBy == ByCertificate {
		policy, err := e.Policy(c.Terms.Provider)
		if err != nil {
			return err
		}
		checked, err := policy.Check(ctx, v.signer.Certificate, v.signer.Chain[1:], now, e.Revocation)
		if err != nil {
			return err
		}
		if e.Certificates != nil {
			if err := e.Certificates.Standing(ctx, v.signer.Certificate.ContentID()); err != nil {
				return err
			}
		}
		v.checked, v.signer.Chain, v.signer.Identity = checked, checked.Chain, checked.Identity
	}
	if err := e.standing(ctx, s.Actor.ID, s.For().ID); err != nil {
		return err
	}
	return e.byName[s.Purpose].Check(ctx, s, v.signer)
}

func (e *Engine) standing(ctx context.Context, actor, subject string) error {
	if err := e.Directory.Standing(ctx, actor); err != nil || subject == actor {
		return err
	}
	return e.Directory.Standing(ctx, subject)
}

// Accept writes a verified signature into the confirmation; the carrier stores
// it together with its own change of state.
func (c *Confirmation) Accept(v *Verified, at time.Time) {
	c.JWS, c.SignerID, c.AcceptedAt = v.JWS, v.SignerID, &at
}

// has says whether this is the very JWS that was accepted.
func (c *Confirmation) has(compact string) bool {
	if c.JWS == "" {
		return c.Signed == digest([]byte(compact))
	}
	return c.JWS == compact
}

// Shed lets go of a signature that the evidence holds. v is as for Engine.Act.
func (c *Confirmation) Shed(v *Verified) {
	switch {
	case c.JWS == "":
	case v != nil && v.JWS == c.JWS:
		c.Signed, c.JWS = v.sum, ""
	default:
		c.Signed, c.JWS = digest([]byte(c.JWS)), ""
	}
}

// Act does what was accepted: it makes every check again as of now, keeps the
// evidence, and lets the purpose act. It may be repeated, and called twice at once.
// v is what Verify found if this is the same breath, or nil after a restart.
// A *fault.Error of a final kind means that the act is refused for good.
func (e *Engine) Act(ctx context.Context, c *Confirmation, device string, v *Verified) (*Result, error) {
	if c.AcceptedAt == nil {
		return nil, errors.New("confirm: nothing was accepted")
	}
	var err error
	s, err := c.Parsed()
	if err != nil {
		return nil, err
	}
	if v == nil {
		// From before: a crash, or the store was away between the act and the
		// carrier's change of state.
		if done, err := e.byName[s.Purpose].Done(ctx, s); done != nil || err != nil {
			return done, err
		}
		if v, s, err = e.signature(c, device, c.JWS); err != nil {
			return nil, err
		}
	}
	if err := e.now(ctx, c, s, v); err != nil {
		return nil, err
	}
	// The accepted statement is stored already; the evidence is its copy in the
	// form that outlives the carrier. It is kept before the act, so that
	// whatever was done has its evidence.
	if err := e.keep(ctx, c, s, v); err != nil {
		return nil, err
	}
	return e.byName[s.Purpose].Act(ctx, &Accepted{Statement: s, Request: c.Request, Signer: v.signer, At: *c.AcceptedAt})
}

// Final reports whether repeating an act could not change its refusal.
func Final(err error) bool {
	f := fault.Of(err)
	if f == nil {
		return false
	}
	switch f.Kind {
	case fault.Internal, fault.Unavailable, fault.Limited:
		return false
	}
	return true
}

// digest names bytes the way statements do.
func digest(b []byte) string {
	h := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(h[:])
}
