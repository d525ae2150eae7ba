package confirm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"certlink/store"
	"certlink/trust"
)

const proofCollection = "proofs"

const (
	// proofShared is from which size a proof is kept once for all whose evidence
	// has it: a revocation list proves for everybody, an OCSP answer for one.
	proofShared = 8 << 10
	// proofPiece bounds the bytes in one document.
	proofPiece = 4 << 20
	// proofsKnown bounds the memory of what is stored already.
	proofsKnown = 256
)

// proofDoc is a large proof, named by its SHA-256: the head says how many pieces
// there are, which are stored before it and named after it.
type proofDoc struct {
	ID     string `json:"id"`
	Pieces int    `json:"pieces,omitempty"`
	DER    []byte `json:"der,omitempty"`
}

type proofStore struct {
	docs store.Record[proofDoc]

	mu    sync.Mutex
	known map[string]bool // guarded by mu: heads that are stored
}

func newProofStore(s store.Store) *proofStore {
	return &proofStore{known: map[string]bool{}, docs: store.Record[proofDoc]{Store: s, Collection: proofCollection,
		ID: func(p *proofDoc) string { return p.ID }}}
}

// share takes large proofs out of a list. What it returns may be stored; the list
// that it was given is left as it is, since it is shared with others.
func (p *proofStore) share(ctx context.Context, proofs []trust.Proof) (kept []trust.Proof, shared []string, err error) {
	for i := range proofs {
		if len(proofs[i].DER) < proofShared {
			continue
		}
		if shared == nil {
			kept, shared = slices.Clone(proofs), make([]string, len(proofs))
		}
		if shared[i], err = p.put(ctx, proofs[i].DER); err != nil {
			return nil, nil, err
		}
		kept[i].DER = nil
	}
	if shared == nil {
		return proofs, nil, nil
	}
	return kept, shared, nil
}

func pieceID(head string, n int) string { return head + "." + strconv.Itoa(n) }

func (p *proofStore) put(ctx context.Context, der []byte) (string, error) {
	sum := sha256.Sum256(der)
	id := hex.EncodeToString(sum[:])
	p.mu.Lock()
	known := p.known[id]
	p.mu.Unlock()
	if known {
		return id, nil
	}
	if _, _, err := p.docs.Get(ctx, id); errors.Is(err, store.ErrNotFound) {
		n := 0
		for piece := range slices.Chunk(der, proofPiece) {
			if err := p.create(ctx, &proofDoc{ID: pieceID(id, n), DER: piece}); err != nil {
				return "", err
			}
			n++
		}
		if err := p.create(ctx, &proofDoc{ID: id, Pieces: n}); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= proofsKnown {
		clear(p.known)
	}
	p.known[id] = true
	return id, nil
}

// create takes a document that is there already for well written: its name is
// the digest of what it holds.
func (p *proofStore) create(ctx context.Context, d *proofDoc) error {
	if err := p.docs.Create(ctx, d); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	return nil
}

// fill puts the large proofs back.
func (p *proofStore) fill(ctx context.Context, proofs []trust.Proof, shared []string) error {
	for i, id := range shared {
		if id == "" || i >= len(proofs) {
			continue
		}
		head, _, err := p.docs.Get(ctx, id)
		if err != nil {
			return fmt.Errorf("confirm: proof %s: %w", id, gone(err))
		}
		var der []byte
		for n := range head.Pieces {
			piece, _, err := p.docs.Get(ctx, pieceID(id, n))
			if err != nil {
				return fmt.Errorf("confirm: proof %s: %w", id, gone(err))
			}
			der = append(der, piece.DER...)
		}
		if sum := sha256.Sum256(der); hex.EncodeToString(sum[:]) != id {
			return fmt.Errorf("confirm: proof %s has been changed", id)
		}
		proofs[i].DER = der
	}
	return nil
}

// gone keeps a missing proof from looking like missing evidence.
func gone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errors.New("it is missing from the store")
	}
	return err
}
