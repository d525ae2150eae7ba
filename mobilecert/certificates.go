package mobilecert

import (
	"context"
	"errors"
	"strings"

	"certlink/confirm"
	"certlink/store"
	"certlink/trust"
)

// Certificates knows the certificates that certlink has issued.
type Certificates struct {
	cfg  Config
	docs store.Record[Certificate]
}

var _ confirm.Certificates = (*Certificates)(nil)

// NewCertificates makes the service.
func NewCertificates(c Config) *Certificates {
	return &Certificates{cfg: c, docs: certificateRecord(c.Store)}
}

// Standing is what the confirmation engine asks at every confirmation: one look
// into one index, which finds nothing for the certificates of other authorities.
// It goes by content, since of every ECDSA-signed certificate anybody can make a
// second one with another fingerprint (see trust.Certificate.ContentID).
func (v *Certificates) Standing(ctx context.Context, content string) error {
	docs, _, err := v.cfg.Store.Query(ctx, certificateCollection.Name, limited(store.Equal("content", content), 1))
	if err != nil || len(docs) == 0 {
		return err
	}
	// The index tells what there is to tell; the body, with its certificates,
	// need not be read.
	state, _, _ := strings.Cut(docs[0].Index["ended"], "\x1f")
	return CertificateState(state).standing()
}

// Of finds the document of a certificate.
func (v *Certificates) Of(ctx context.Context, cert *trust.Certificate) (*Certificate, error) {
	c, _, err := v.docs.First(ctx, store.Equal("content", cert.ContentID()))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrCertificateUnknown
	}
	return c, err
}

// Get reads one by its id.
func (v *Certificates) Get(ctx context.Context, id string) (*Certificate, error) {
	c, _, err := v.docs.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrCertificateUnknown
	}
	return c, err
}

// ListByDevice lists what a phone has collected or may collect, newest first.
func (v *Certificates) ListByDevice(ctx context.Context, device string, after store.Cursor, limit int) ([]*Certificate, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "device", Prefix: store.KeyPrefix(device), Desc: true, After: after, Limit: limit})
}

// ListAsked lists what a phone has handed in and has no certificate for: it waits,
// or was declined. Newest first.
func (v *Certificates) ListAsked(ctx context.Context, device string) ([]*Certificate, error) {
	list, _, err := v.docs.Query(ctx, store.Query{Index: "asked", Prefix: store.KeyPrefix(device), Desc: true, Limit: 20})
	return list, err
}

// ListByAccount lists what was issued for an account, newest first.
func (v *Certificates) ListByAccount(ctx context.Context, account string, after store.Cursor, limit int) ([]*Certificate, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "account", Prefix: store.KeyPrefix(account), Desc: true, After: after, Limit: limit})
}

// ListByOrganisation lists what was issued for an organisation's accounts, newest first.
func (v *Certificates) ListByOrganisation(ctx context.Context, organisation string, after store.Cursor, limit int) ([]*Certificate, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "organisation", Prefix: store.KeyPrefix(organisation), Desc: true, After: after, Limit: limit})
}

// ListBySerial finds those issued here whose serial number (hex) begins so.
func (v *Certificates) ListBySerial(ctx context.Context, serial string, after store.Cursor, limit int) ([]*Certificate, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "serial", Prefix: strings.ToLower(serial), After: after, Limit: limit})
}

// ListRevoked lists those that were revoked, the latest first.
func (v *Certificates) ListRevoked(ctx context.Context, after store.Cursor, limit int) ([]*Certificate, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "ended", Prefix: store.KeyPrefix(string(Revoked)), Desc: true, After: after, Limit: limit})
}

// holds says whether the phone holds a certificate that counts today, and whether one
// of an account. It looks at the hundred newest: a phone with a hundred dead
// certificates and one living older one is nobody's.
func (v *Certificates) holds(ctx context.Context, device, account string) (any, own bool, err error) {
	list, _, err := v.ListByDevice(ctx, device, "", 100)
	now := v.cfg.Clock()
	for _, c := range list {
		if c.StateAt(now) == string(Issued) {
			any, own = true, own || c.Account.ID == account
		}
	}
	return any, own, err
}

// uncollected refuses a grant whose certificate was collected, by another statement
// than this. The unique index decides again when the intent is written.
func (v *Certificates) uncollected(ctx context.Context, g *Grant, statement string) error {
	if g.ID == "" {
		return nil
	}
	docs, _, err := v.cfg.Store.Query(ctx, certificateCollection.Name, limited(store.Equal("grant", store.Key(g.ID, g.Replaces)), 1))
	if err == nil && len(docs) > 0 && docs[0].ID != statement {
		err = ErrCollected.With("certificate", docs[0].ID)
	}
	return err
}

// KeyKnown says whether a certificate, for signing or for encryption, was made for
// the key already, or is being made.
func (v *Certificates) KeyKnown(ctx context.Context, key string) (bool, error) {
	// Whole values and first pieces are what the store knows to be missing at once.
	for _, q := range []store.Query{store.Equal("key", key), {Index: "key", Prefix: store.KeyPrefix(key)}, store.Equal("twin_key", key)} {
		docs, _, err := v.cfg.Store.Query(ctx, certificateCollection.Name, limited(q, 1))
		if err != nil || len(docs) > 0 {
			return len(docs) > 0, err
		}
	}
	return false, nil
}

func limited(q store.Query, n int) store.Query { q.Limit = n; return q }

// Supersede ends a certificate in favour of another issuance.
func (v *Certificates) Supersede(ctx context.Context, id, successor, evidence string, by Actor) (*Certificate, error) {
	return v.change(ctx, id, func(c *Certificate) error {
		if c.State == Superseded && c.Successor == successor {
			return store.ErrUnchanged
		}
		c.Successor = successor
		return c.move(Superseded, v.cfg.Clock(), by, evidence, "")
	})
}

func (v *Certificates) change(ctx context.Context, id string, decide func(*Certificate) error) (*Certificate, error) {
	c, err := v.docs.Update(ctx, id, decide)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrCertificateUnknown
	}
	return c, err
}

// Holds says whether the phone holds a certificate, issued here or bound here, and
// whether one of an account.
func Holds(c *Certificates, b *Bindings) func(ctx context.Context, device, account string) (any, own bool, err error) {
	return func(ctx context.Context, device, account string) (bool, bool, error) {
		bound, ownBound, err := b.holds(ctx, device, account)
		if err != nil {
			return false, false, err
		}
		issued, ownIssued, err := c.holds(ctx, device, account)
		return bound || issued, ownBound || ownIssued, err
	}
}
