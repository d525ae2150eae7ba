package mobilecert

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

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

// ListByAccount lists what was issued for an account, newest first.
func (v *Certificates) ListByAccount(ctx context.Context, account string, after store.Cursor, limit int) ([]*Certificate, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "account", Prefix: store.KeyPrefix(account), Desc: true, After: after, Limit: limit})
}

// HoldsCertificate says whether the phone holds a certificate that counts today.
// It looks at the hundred newest: a phone with a hundred dead certificates and
// one living older one is nobody's.
func (v *Certificates) HoldsCertificate(ctx context.Context, device string) (bool, error) {
	list, _, err := v.ListByDevice(ctx, device, "", 100)
	now := v.cfg.Clock()
	for _, c := range list {
		if c.StateAt(now) == string(Issued) {
			return true, nil
		}
	}
	return false, err
}

// KeyKnown says whether a certificate was made for the key already.
func (v *Certificates) KeyKnown(ctx context.Context, key string) (bool, error) {
	docs, _, err := v.cfg.Store.Query(ctx, certificateCollection.Name, limited(store.Equal("key", key), 1))
	return len(docs) > 0, err
}

func limited(q store.Query, n int) store.Query { q.Limit = n; return q }

// issuance is what an accepted statement asks to have certified.
type issuance struct {
	id      string // of the statement
	product *Product
	account confirm.Party
	device  string
	csr     *trust.CSR
	subject Subject
	numbers numbers
	at      time.Time // when the statement was accepted
}

// numbers are the identity numbers that enter a certificate.
type numbers struct {
	Person     string `json:"person,omitempty"`
	CreditCode string `json:"credit_code,omitempty"`
}

const sealPurpose = "certificate intent"

// Backdate is how long before its making a certificate begins to be valid, so
// that a verifier whose clock is a little slow accepts it at once.
const Backdate = time.Minute

// issue makes the certificate, or finds it made. First the intent is written;
// it takes the key, so no two certificates can come of one key. Then the issuer
// signs, and the signed certificate is stored by compare-and-swap: only what is
// stored is ever handed out. After a crash in between the repeat signs the same
// content under the same serial number again; of two signers at once one stores,
// and the other hands out what that one stored.
func (v *Certificates) issue(ctx context.Context, in issuance) (*Certificate, error) {
	c, rev, err := v.intend(ctx, in)
	if err != nil || c.State != Issuing {
		return c, err
	}
	issued, cert, err := v.sign(ctx, in, c)
	if err != nil {
		return nil, err
	}
	c.DER, c.Chain, c.Fingerprint, c.Content, c.Sealed = issued.Certificate, issued.Chain, cert.Fingerprint(), cert.ContentID(), ""
	holder := Actor{ID: in.account.ID, Name: in.account.Name}
	if err := c.move(Issued, v.cfg.Clock(), holder, c.ID, ""); err != nil {
		return nil, err
	}
	switch err := v.docs.Replace(ctx, c, rev); {
	case errors.Is(err, store.ErrConflict):
		c, _, err := v.docs.Get(ctx, in.id)
		if err == nil && c.State == Issuing {
			err = fmt.Errorf("mobilecert: the intent %s changed and was not issued", in.id)
		}
		return c, err
	case err != nil:
		return nil, err
	}
	v.cfg.wake(certificateCollection.Name, &c.Owing)
	return c, nil
}

// intend writes the intent, or finds the one that an earlier try wrote.
func (v *Certificates) intend(ctx context.Context, in issuance) (*Certificate, int64, error) {
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] = serial[0]&0x7f | 0x40 // positive, and 16 octets in every encoding (RFC 5280 §4.1.2.2)
	secret, err := json.Marshal(in.numbers)
	if err != nil {
		return nil, 0, err
	}
	from := in.at.UTC().Truncate(time.Second).Add(-Backdate)
	c := &Certificate{
		ID: in.id, State: Issuing, Provider: in.product.Provider, Product: in.product.ID,
		Account: in.account, Device: in.device, Key: in.csr.PublicKeySHA256(),
		Serial: hex.EncodeToString(serial), NotBefore: from, NotAfter: from.Add(in.product.Term - time.Second),
		Subject: in.subject, Sealed: v.cfg.Seal.Seal(sealPurpose, secret), CreatedAt: in.at,
	}
	c.History = []Event{{At: v.cfg.Clock(), Act: "certificate.intended", By: Actor{ID: in.account.ID, Name: in.account.Name}, Evidence: in.id}}
	err = v.docs.Create(ctx, c)
	if err == nil {
		return c, 1, nil
	}
	taken := store.IsDuplicate(err, "key")
	if !taken && !errors.Is(err, store.ErrExists) {
		return nil, 0, err
	}
	// A repeat violates both the id and the key; the id speaks first.
	c, rev, err := v.docs.Get(ctx, in.id)
	if taken && errors.Is(err, store.ErrNotFound) {
		return nil, 0, ErrKeyReused
	}
	return c, rev, err
}

// sign has the issuer sign the intent c, and checks what comes back.
func (v *Certificates) sign(ctx context.Context, in issuance, c *Certificate) (*Signed, *trust.Certificate, error) {
	plain, err := v.cfg.Seal.Open(sealPurpose, c.Sealed)
	if err != nil {
		return nil, nil, fmt.Errorf("mobilecert: intent %s: %w", c.ID, err)
	}
	var n numbers
	if err := json.Unmarshal(plain, &n); err != nil {
		return nil, nil, fmt.Errorf("mobilecert: intent %s: %w", c.ID, err)
	}
	if in.csr.PublicKeySHA256() != c.Key {
		return nil, nil, fmt.Errorf("mobilecert: intent %s does not fit its request", c.ID)
	}
	signed, err := in.product.Issuer.Issue(ctx, Order{
		CSR: in.csr, Serial: c.Serial, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Subject: c.Subject, Person: n.Person, CreditCode: n.CreditCode,
	})
	if err != nil {
		return nil, nil, err
	}
	cert, err := trust.ParseCertificate(signed.Certificate)
	if err != nil {
		return nil, nil, fmt.Errorf("mobilecert: the issuer answered with what is no certificate: %w", err)
	}
	if cert.PublicKeySHA256() != c.Key || cert.SerialHex() != c.Serial ||
		!cert.NotBefore().Equal(c.NotBefore) || !cert.NotAfter().Equal(c.NotAfter) {
		return nil, nil, fmt.Errorf("mobilecert: the issuer made another certificate than intent %s asks for", c.ID)
	}
	return signed, cert, nil
}

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
	if err == nil {
		v.cfg.wake(certificateCollection.Name, &c.Owing)
	}
	return c, err
}

// HoldsCertificate says whether the phone holds a certificate, issued here or
// shown here by a binding; what qr.Config asks for.
func HoldsCertificate(c *Certificates, b *Bindings) func(ctx context.Context, device string) (bool, error) {
	return func(ctx context.Context, device string) (bool, error) {
		if holds, err := b.HoldsCertificate(ctx, device); holds || err != nil {
			return holds, err
		}
		return c.HoldsCertificate(ctx, device)
	}
}
