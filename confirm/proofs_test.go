package confirm

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"certlink/store"
	"certlink/store/sqlite"
	"certlink/trust"
)

// A revocation list is stored once, however many signatures it proves, and comes
// back whole, also in several pieces; small proofs stay where they are.
func TestLargeProofsAreStoredOnce(t *testing.T) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, t.TempDir(), Collections())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	big, huge := make([]byte, proofShared), make([]byte, 2*proofPiece+17)
	rand.Read(big)
	rand.Read(huge)
	given := []trust.Proof{{Kind: trust.ProofOCSP, DER: []byte("small")}, {Kind: trust.ProofCRL, DER: big}, {Kind: trust.ProofCRL, DER: huge}}
	for range 3 { // each a server of its own
		p := newProofStore(db)
		for range 2 {
			kept, shared, err := p.share(ctx, given)
			if err != nil {
				t.Fatal(err)
			}
			if len(given[1].DER) != len(big) || kept[1].DER != nil || kept[2].DER != nil || string(kept[0].DER) != "small" || shared[0] != "" {
				t.Fatalf("kept %d, %d, %d bytes as %q", len(kept[0].DER), len(kept[1].DER), len(kept[2].DER), shared)
			}
			if err := p.fill(ctx, kept, shared); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(kept[1].DER, big) || !bytes.Equal(kept[2].DER, huge) {
				t.Fatal("the proofs came back changed")
			}
		}
	}
	docs, _, err := db.Query(ctx, proofCollection, store.Query{})
	if err != nil || len(docs) != 6 { // a head and one piece, a head and three
		t.Fatalf("%d documents, %v", len(docs), err)
	}

	// Evidence whose proof is gone or was changed is not handed out as whole.
	p := newProofStore(db)
	kept, shared, _ := p.share(ctx, given[:2])
	piece, rev, err := p.docs.Get(ctx, pieceID(shared[1], 0))
	if err != nil {
		t.Fatal(err)
	}
	piece.DER[0] ^= 1
	if err := p.docs.Replace(ctx, piece, rev); err != nil {
		t.Fatal(err)
	}
	if err := p.fill(ctx, kept, shared); err == nil || !strings.Contains(err.Error(), "has been changed") {
		t.Errorf("a changed proof: %v", err)
	}
	if err := db.Delete(ctx, proofCollection, piece.ID, 0); err != nil {
		t.Fatal(err)
	}
	if err := p.fill(ctx, kept, shared); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("a missing proof: %v", err)
	}
	if same, none, err := p.share(ctx, given[:1]); none != nil || err != nil || &same[0] != &given[0] {
		t.Errorf("small proofs were touched: %v", err)
	}
}
