package mobilecert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"certlink/store"
)

// Reason is why a certificate was revoked: a name for a CRLReason of RFC 5280
// §5.3.1. Those that only authorities have about themselves are left out, and so
// is certificateHold, since nothing here is ever lifted again.
type Reason string

// The reasons.
const (
	Unspecified          Reason = "unspecified"
	KeyCompromise        Reason = "key_compromise"
	AffiliationChanged   Reason = "affiliation_changed"
	Replaced             Reason = "superseded"
	CessationOfOperation Reason = "cessation_of_operation"
	PrivilegeWithdrawn   Reason = "privilege_withdrawn"
)

var reasonCodes = map[Reason]int{
	Unspecified: 0, KeyCompromise: 1, AffiliationChanged: 3, Replaced: 4, CessationOfOperation: 5, PrivilegeWithdrawn: 9,
}

// Reasons lists them, as they stand in the API and on the command line.
var Reasons = []string{
	string(Unspecified), string(KeyCompromise), string(AffiliationChanged), string(Replaced),
	string(CessationOfOperation), string(PrivilegeWithdrawn),
}

// Code is the CRLReason; 0 for "" and for what is not in the list.
func (r Reason) Code() int { return reasonCodes[r] }

// EffectRevoked is owed when a certificate has been revoked: what was asked for it is
// given up. Its data are "certificate", an id.
const EffectRevoked = "certificate.revoked"

// Revoke ends a certificate for good. It counts from the moment the write is
// done: confirmations ask these records. Repeating it is refused with the
// present state.
func (v *Certificates) Revoke(ctx context.Context, id string, by Actor, reason Reason) (*Certificate, error) {
	return v.revoke(ctx, id, by, reason, func(*Certificate) error { return nil })
}

// RevokeBy is Revoke for somebody signed in: allowed to the certificate's account,
// that organisation's admin, and staff.
func (v *Certificates) RevokeBy(ctx context.Context, id string, by Who, reason Reason) (*Certificate, error) {
	return v.revoke(ctx, id, Actor{by.Account, by.Name}, reason, by.mayRevoke)
}

func (v *Certificates) revoke(ctx context.Context, id string, by Actor, reason Reason, may func(*Certificate) error) (*Certificate, error) {
	return v.change(ctx, id, func(c *Certificate) error {
		if err := may(c); err != nil {
			return err
		}
		if err := c.move(Revoked, v.cfg.Clock(), by, "", string(reason)); err != nil {
			return err
		}
		c.Reason = reason
		return nil
	})
}

// BySerial finds the certificate that was issued under a serial number (hex).
func (v *Certificates) BySerial(ctx context.Context, serial string) (*Certificate, error) {
	list, _, err := v.docs.Query(ctx, limited(bySerial(serial), 1))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrCertificateUnknown
	}
	return list[0], nil
}

// Serial numbers are chosen at random here, so that one is enough to find its
// certificate, whoever issued it.
func bySerial(serial string) store.Query {
	return store.Query{Index: "serial", Prefix: store.KeyPrefix(strings.ToLower(serial))}
}

// IssuerID names an issuing certificate (DER) in records.
func IssuerID(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:16])
}

func (c *Certificate) issuer() string {
	if len(c.Chain) == 0 {
		return ""
	}
	return IssuerID(c.Chain[0])
}

// Record is what revocation needs to know of a certificate.
type Record struct {
	Serial  string
	Issuer  string // see IssuerID
	Revoked bool
	// Only of revoked ones:
	NotAfter time.Time
	At       time.Time
	Reason   Reason
}

// Recorded looks a serial number up, nil for one that was never issued. While a
// certificate is in force this reads one entry of an index and no document: it
// is asked at every confirmation.
func (v *Certificates) Recorded(ctx context.Context, serial string) (*Record, error) {
	r, err := v.recorded(ctx, "serial", serial)
	if r == nil && err == nil {
		r, err = v.recorded(ctx, "twin_serial", serial)
	}
	return r, err
}

func (v *Certificates) recorded(ctx context.Context, index, serial string) (*Record, error) {
	docs, _, err := v.cfg.Store.Query(ctx, certificateCollection.Name, limited(store.Query{Index: index, Prefix: store.KeyPrefix(strings.ToLower(serial))}, 1))
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	state, _, _ := strings.Cut(docs[0].Index["ended"], "\x1f")
	if CertificateState(state) != Revoked {
		_, issuer, _ := strings.Cut(docs[0].Index[index], "\x1f")
		return &Record{Serial: serial, Issuer: issuer}, nil
	}
	c := new(Certificate)
	if err := json.Unmarshal(docs[0].Body, c); err != nil {
		return nil, err
	}
	r := c.record()
	r.Serial = strings.ToLower(serial)
	return r, nil
}

func (c *Certificate) record() *Record {
	r := &Record{Serial: c.Serial, Issuer: c.issuer(), NotAfter: c.NotAfter, Revoked: c.State == Revoked, Reason: c.Reason}
	if c.EndedAt != nil {
		r.At = *c.EndedAt
	}
	return r
}

// EachRevoked goes through the revoked certificates, and their encryption twins, in
// the order of time, from a moment on; the zero time begins with the first.
func (v *Certificates) EachRevoked(ctx context.Context, from time.Time, each func(*Record)) error {
	q := store.Query{Index: "ended", Prefix: store.KeyPrefix(string(Revoked)), Limit: 500}
	if !from.IsZero() {
		q.From = store.Key(string(Revoked), store.TimeKey(from))
	}
	return v.docs.Walk(ctx, q, func(c *Certificate) error {
		if c.Foreign {
			return nil
		}
		each(c.record())
		if c.Twin != nil {
			twin := c.record()
			twin.Serial = c.Twin.Serial
			each(twin)
		}
		return nil
	})
}

// StateOf finds the id of a certificate that was issued here and says how it
// stands; both are "" for any other.
func (v *Certificates) StateOf(ctx context.Context, content string) (id string, state CertificateState, err error) {
	docs, _, err := v.cfg.Store.Query(ctx, certificateCollection.Name, limited(store.Equal("content", content), 1))
	if err != nil || len(docs) == 0 {
		return "", "", err
	}
	if ended, _, over := strings.Cut(docs[0].Index["ended"], "\x1f"); over {
		return docs[0].ID, CertificateState(ended), nil
	}
	return docs[0].ID, Issued, nil
}
