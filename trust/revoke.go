package trust

import (
	"context"
	"time"
)

// RevocationPolicy says what a provider demands about revocation. The zero value is
// the strict one.
type RevocationPolicy string

const (
	// RevocationRequired: no answer, no act. Also the meaning of "".
	RevocationRequired RevocationPolicy = "required"
	// RevocationSoftFail: an unreachable source is noted in the proof and let pass; a
	// revoked certificate is refused all the same.
	RevocationSoftFail RevocationPolicy = "soft-fail"
	// RevocationNone: nobody is asked.
	RevocationNone RevocationPolicy = "none"
)

// Revocation learns whether a certificate is revoked.
type Revocation interface {
	// Status answers with a proof that leaf was not revoked, or with an error:
	// certificate_revoked, or one that says why nothing could be learned (every other
	// code). It waits no longer than ctx, and is only asked about certificates whose
	// chain has been verified, since the addresses it may fetch stand in them.
	Status(ctx context.Context, leaf, issuer *Certificate, now time.Time) (Proof, error)
}

// ProofKind says what a proof is.
type ProofKind string

const (
	ProofOCSP ProofKind = "ocsp" // DER is an OCSPResponse (RFC 6960)
	ProofCRL  ProofKind = "crl"  // DER is a CertificateList (RFC 5280)
	ProofNone ProofKind = "none" // nothing was learned; Note has the error code
)

// Proof is what was known about revocation when a certificate was accepted. It is
// kept with the evidence, so DER is complete and checks offline.
type Proof struct {
	Kind        ProofKind `json:"kind"`
	Certificate string    `json:"certificate"`      // fingerprint of the certificate it is about
	Source      string    `json:"source,omitempty"` // where it came from
	ThisUpdate  time.Time `json:"thisUpdate,omitzero"`
	NextUpdate  time.Time `json:"nextUpdate,omitzero"`
	CheckedAt   time.Time `json:"checkedAt"`
	Note        string    `json:"note,omitempty"`
	DER         []byte    `json:"der,omitempty"` // shared, must not be changed
}
