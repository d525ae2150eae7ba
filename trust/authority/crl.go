package authority

import (
	"context"
	"math/big"
	"time"

	"github.com/emmansun/gmsm/smx509"
)

// Revoked is one revoked certificate.
type Revoked struct {
	Serial string // as in Request
	At     time.Time
	Reason int // CRLReason of RFC 5280 §5.3.1; 0 is unspecified
}

// validReason leaves out 7, which was never given a meaning, and 8, which only delta
// lists have.
func validReason(r int) bool { return r >= 0 && r <= 10 && r != 7 && r != 8 }

// CRL makes a line's revocation list. number must grow from one list of the line to
// the next; revoked are that line's certificates and no others.
func (a *Authority) CRL(ctx context.Context, name Line, revoked []Revoked, number uint64, thisUpdate, nextUpdate time.Time) ([]byte, error) {
	l, err := a.line(name)
	if err != nil {
		return nil, ErrIssuing.Because(err)
	}
	if err := ctx.Err(); err != nil {
		return nil, ErrIssuing.Because(err)
	}
	if !nextUpdate.After(thisUpdate) {
		return nil, ErrTerm.Becausef("a list from %s until %s", thisUpdate, nextUpdate)
	}
	tmpl := &smx509.RevocationList{
		Number:     new(big.Int).SetUint64(number),
		ThisUpdate: thisUpdate.UTC().Truncate(time.Second), NextUpdate: nextUpdate.UTC().Truncate(time.Second),
	}
	for _, r := range revoked {
		serial, ok := parseSerial(r.Serial)
		if !ok || !validReason(r.Reason) || r.At.IsZero() {
			return nil, ErrRequest.Becausef("revoked %q at %s for reason %d", r.Serial, r.At, r.Reason)
		}
		tmpl.RevokedCertificateEntries = append(tmpl.RevokedCertificateEntries,
			smx509.RevocationListEntry{SerialNumber: serial, RevocationTime: r.At.UTC().Truncate(time.Second), ReasonCode: r.Reason})
	}
	der, err := smx509.CreateRevocationList(nil, tmpl, l.issuing.X, l.key)
	if err != nil {
		return nil, ErrIssuing.Because(err)
	}
	return der, nil
}
