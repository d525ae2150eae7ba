package confirm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"certlink/store"
	"certlink/trust"
)

// Evidence is what proves an accepted statement years later, with OpenSSL alone:
// the signed bytes, the signature in both forms, the chain up to the anchor and
// the revocation proofs of that moment. Its id is the statement's.
type Evidence struct {
	ID           string
	Purpose      string
	Account      string
	Statement    []byte // as it was canonicalised
	JWS          string
	SigningInput string
	SignatureDER []byte // SEQUENCE { r, s }, or the RSA signature
	Digest       string // SHA-256 of Statement, base64url
	Signer       string
	Device       string
	Chain        [][]byte // DER, leaf first
	Proofs       []trust.Proof
	CSR          []byte
	AcceptedAt   time.Time
}

// kept is Evidence as it is stored. What can be read from the JWS is not written a
// second time: the statement, the signature, and the certificates of its header.
type kept struct {
	ID      string `json:"id"`
	Purpose string `json:"purpose"`
	Account string `json:"account"`
	JWS     string `json:"jws"`
	Signer  string `json:"signer"`
	Device  string `json:"device,omitempty"`
	// Sent is how many certificates of the JWS's header begin the chain, Above (DER)
	// what follows them.
	Sent   int           `json:"sent,omitempty"`
	Above  [][]byte      `json:"above,omitempty"`
	Proofs []trust.Proof `json:"proofs,omitempty"`
	// Shared names, for each of Proofs, the document that holds its DER, "" where
	// it stands in the proof itself.
	Shared     []string  `json:"shared,omitempty"`
	CSR        []byte    `json:"csr,omitempty"`
	AcceptedAt time.Time `json:"accepted_at"`
}

const evidenceCollection = "evidence"

// Collections declares what the engine stores.
func Collections() []store.Collection {
	return []store.Collection{{Name: evidenceCollection}, {Name: proofCollection}}
}

func evidenceRecord(s store.Store) store.Record[kept] {
	return store.Record[kept]{Store: s, Collection: evidenceCollection, ID: func(k *kept) string { return k.ID }}
}

// keep stores the evidence; kept already is well kept.
func (e *Engine) keep(ctx context.Context, c *Confirmation, s *Statement, v *Verified) error {
	k := &kept{ID: s.ID, Purpose: s.Purpose, Account: s.For().ID, JWS: c.JWS,
		Signer: c.SignerID, Device: v.signer.Device, CSR: c.CSR, AcceptedAt: *c.AcceptedAt}
	if v.checked != nil {
		chain := v.checked.Chain
		for k.Sent < min(len(chain), len(v.sent)) && bytes.Equal(chain[k.Sent].Raw, v.sent[k.Sent].Raw) {
			k.Sent++
		}
		for _, cert := range chain[k.Sent:] {
			k.Above = append(k.Above, cert.Raw)
		}
		var err error
		if k.Proofs, k.Shared, err = e.proofs.share(ctx, v.checked.RevocationProof); err != nil {
			return err
		}
	}
	if err := e.evidence.Create(ctx, k); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	return nil
}

// Evidence reads what was kept of a statement.
func (e *Engine) Evidence(ctx context.Context, statementID string) (*Evidence, error) {
	k, _, err := e.evidence.Get(ctx, statementID)
	if err != nil {
		return nil, err
	}
	if err := e.proofs.fill(ctx, k.Proofs, k.Shared); err != nil {
		return nil, err
	}
	j, err := trust.ParseJWS(k.JWS)
	if err != nil {
		return nil, fmt.Errorf("confirm: the evidence %s cannot be read: %w", statementID, err)
	}
	if k.Sent > len(j.Chain) {
		return nil, fmt.Errorf("confirm: the evidence %s names %d certificates of its header, which holds %d", statementID, k.Sent, len(j.Chain))
	}
	ev := &Evidence{ID: k.ID, Purpose: k.Purpose, Account: k.Account, Statement: j.Payload, JWS: k.JWS,
		SigningInput: string(j.SigningInput()), SignatureDER: j.SignatureDER(), Digest: digest(j.Payload),
		Signer: k.Signer, Device: k.Device, Proofs: k.Proofs, CSR: k.CSR, AcceptedAt: k.AcceptedAt}
	for _, cert := range j.Chain[:k.Sent] {
		ev.Chain = append(ev.Chain, cert.Raw)
	}
	ev.Chain = append(ev.Chain, k.Above...)
	return ev, nil
}
