package confirm

import (
	"context"
	"errors"
	"time"

	"certlink/store"
	"certlink/trust"
)

// Evidence is what proves an accepted statement years later, with OpenSSL alone:
// the signed bytes, the signature in both forms, the chain up to the anchor and
// the revocation proofs of that moment. Its id is the statement's.
type Evidence struct {
	ID           string        `json:"id"`
	Purpose      string        `json:"purpose"`
	Account      string        `json:"account"`
	Statement    []byte        `json:"statement"` // as it was canonicalised
	JWS          string        `json:"jws"`
	SigningInput string        `json:"-"`             // derived from JWS when read
	SignatureDER []byte        `json:"signature_der"` // SEQUENCE { r, s }, or the RSA signature
	Digest       string        `json:"digest"`        // SHA-256 of Statement, base64url
	Signer       string        `json:"signer"`
	Device       string        `json:"device,omitempty"`
	Chain        [][]byte      `json:"chain,omitempty"` // DER, leaf first
	Proofs       []trust.Proof `json:"proofs,omitempty"`
	// Shared names, for each of Proofs, the document that holds its DER, "" where
	// it stands in the proof itself. Filled in when read.
	Shared     []string  `json:"shared,omitempty"`
	CSR        []byte    `json:"csr,omitempty"`
	AcceptedAt time.Time `json:"accepted_at"`
}

const evidenceCollection = "evidence"

// Collections declares what the engine stores.
func Collections() []store.Collection {
	return []store.Collection{{Name: evidenceCollection}, {Name: proofCollection}}
}

func evidenceRecord(s store.Store) store.Record[Evidence] {
	return store.Record[Evidence]{Store: s, Collection: evidenceCollection, ID: func(e *Evidence) string { return e.ID }}
}

// keep stores the evidence; kept already is well kept.
func (e *Engine) keep(ctx context.Context, c *Confirmation, s *Statement, v *Verified) error {
	ev := &Evidence{
		ID: s.ID, Purpose: s.Purpose, Account: s.For().ID, Statement: c.Statement, JWS: c.JWS,
		SignatureDER: v.sigDER, Digest: digest(c.Statement), Signer: c.SignerID, Device: v.signer.Device,
		CSR: c.CSR, AcceptedAt: *c.AcceptedAt,
	}
	if v.checked != nil {
		for _, cert := range v.checked.Chain {
			ev.Chain = append(ev.Chain, cert.Raw)
		}
		var err error
		if ev.Proofs, ev.Shared, err = e.proofs.share(ctx, v.checked.RevocationProof); err != nil {
			return err
		}
	}
	if err := e.evidence.Create(ctx, ev); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	return nil
}

// Evidence reads what was kept of a statement.
func (e *Engine) Evidence(ctx context.Context, statementID string) (*Evidence, error) {
	ev, _, err := e.evidence.Get(ctx, statementID)
	if err != nil {
		return nil, err
	}
	if err := e.proofs.fill(ctx, ev.Proofs, ev.Shared); err != nil {
		return nil, err
	}
	if j, err := trust.ParseJWS(ev.JWS); err == nil {
		ev.SigningInput = string(j.SigningInput())
	}
	return ev, nil
}
