package mobilecert

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"certlink/confirm"
	"certlink/internal/seal"
	"certlink/store"
	"certlink/trust"
)

// Issuance is what is to be certified: all of it is decided before anything is
// signed. Whoever asks has checked that it may be.
type Issuance struct {
	ID      string // of the signed statement; a repeat with it finds what was made
	Product *Product
	Account confirm.Party
	Device  string // "" for a U-Key
	Medium  Medium // "" for a phone
	CSR     *trust.CSR
	Subject Subject
	// Person and CreditCode are the identity numbers for the certificate.
	Person, CreditCode string
	// NotBefore and NotAfter are its term; zero for the product's, from At on.
	NotBefore, NotAfter time.Time
	At                  time.Time // when the statement was accepted
	// Grant is what entitles to it, Replaces the lost certificate of that grant.
	GrantKind, Grant, Replaces string
	// Predecessor is the certificate that it extends; see Extend.
	Predecessor *Certificate
	// By is who asks, where it is not the account itself.
	By *Actor
}

// by is who stands in the history.
func (in *Issuance) by() Actor {
	if in.By != nil {
		return *in.By
	}
	return Actor{ID: in.Account.ID, Name: in.Account.Name}
}

// numbers are the identity numbers that enter a certificate, as they are sealed.
type numbers struct {
	Person     string `json:"person,omitempty"`
	CreditCode string `json:"credit_code,omitempty"`
}

// numbersField holds the numbers of a person until the certificate is there.
var numbersField = seal.In("certificates", "certificate intent")

// Backdate is how long before its making a certificate begins to be valid, so
// that a verifier whose clock is a little slow accepts it at once.
const Backdate = time.Minute

// Issue makes the certificate, or finds it made. First the intent is written;
// it takes the key, so no two certificates can come of one key, and the grant.
// Then the issuer signs, and the signed certificate is stored by compare-and-swap:
// only what is stored is ever handed out. After a crash in between the repeat signs
// the same content under the same serial number again; of two signers at once one
// stores, and the other hands out what that one stored. An issuer that has people
// do it leaves the certificate waiting.
func (v *Certificates) Issue(ctx context.Context, in Issuance) (*Certificate, error) {
	c, rev, err := v.intend(ctx, in)
	if err != nil || c.State != Issuing {
		return c, err
	}
	holder := in.by()
	signed, cert, err := v.sign(ctx, in, c)
	switch {
	case errors.Is(err, ErrByHand):
		c.Request = in.CSR.Raw
		err = c.move(Waiting, v.cfg.Clock(), holder, c.ID, "")
	case err == nil:
		c.take(signed, cert)
		c.Sealed = ""
		err = c.move(Issued, v.cfg.Clock(), holder, c.ID, "")
	}
	if err != nil {
		return nil, err
	}
	switch err := v.docs.Replace(ctx, c, rev); {
	case errors.Is(err, store.ErrConflict):
		c, _, err := v.docs.Get(ctx, in.ID)
		if err == nil && c.State == Issuing {
			err = fmt.Errorf("mobilecert: the intent %s changed and was not issued", in.ID)
		}
		return c, err
	case err != nil:
		return nil, err
	}
	return c, nil
}

// take puts a certificate into its document.
func (c *Certificate) take(signed *Signed, cert *trust.Certificate) {
	c.DER, c.Chain, c.Fingerprint, c.Content = signed.Certificate, signed.Chain, cert.Fingerprint(), cert.ContentID()
}

// intend writes the intent, or finds the one that an earlier try wrote.
func (v *Certificates) intend(ctx context.Context, in Issuance) (*Certificate, int64, error) {
	secret, err := json.Marshal(numbers{in.Person, in.CreditCode})
	if err != nil {
		return nil, 0, err
	}
	c := &Certificate{
		ID: in.ID, State: Issuing, Provider: in.Product.Provider, Product: in.Product.ID, Medium: cmp.Or(in.Medium, Mobile), Foreign: in.Product.foreign(),
		Account: in.Account, Device: in.Device, Key: in.CSR.PublicKeySHA256(), GrantKind: in.GrantKind, Grant: in.Grant, Replaces: in.Replaces,
		Serial: newSerial(), NotBefore: in.NotBefore.UTC().Truncate(time.Second), NotAfter: in.NotAfter.UTC().Truncate(time.Second),
		Subject: in.Subject, Sealed: v.cfg.Seal.Seal(numbersField.Of(in.ID), secret), CreatedAt: in.At,
	}
	if in.NotAfter.IsZero() {
		c.NotBefore = in.At.UTC().Truncate(time.Second).Add(-Backdate)
		c.NotAfter = c.NotBefore.Add(in.Product.Term - time.Second)
	}
	if c.Twin, err = v.twin(in.ID, in.Product, in.CSR); err != nil {
		return nil, 0, err
	}
	if p := in.Predecessor; p != nil {
		c.Predecessor, c.KeyKept = p.ID, p.Key == c.Key
	}
	c.History = []Event{{At: v.cfg.Clock(), Act: "certificate.intended", By: in.by(), Evidence: in.ID}}
	return v.create(ctx, c)
}

// newSerial makes a serial number: 126 random bits, positive, and 16 octets in
// every encoding (RFC 5280 §4.1.2.2).
func newSerial() string {
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] = serial[0]&0x7f | 0x40
	return hex.EncodeToString(serial)
}

// create writes a new document, or finds the one that an earlier try wrote.
func (v *Certificates) create(ctx context.Context, c *Certificate) (*Certificate, int64, error) {
	err := v.docs.Create(ctx, c)
	if err == nil {
		return c, 1, nil
	}
	var dup *store.DuplicateError
	if !errors.As(err, &dup) && !errors.Is(err, store.ErrExists) {
		return nil, 0, err
	}
	// A repeat violates both the id and the other indexes; the id speaks first.
	stored, rev, found := v.docs.Get(ctx, c.ID)
	if dup != nil && errors.Is(found, store.ErrNotFound) {
		return nil, 0, taken(dup.Index)
	}
	return stored, rev, found
}

// taken says what a unique index stands for.
func taken(index string) error {
	switch index {
	case "key", "twin_key":
		return ErrKeyReused
	case "grant":
		return ErrCollected
	case "successor":
		return ErrExtendedAlready
	}
	return ErrCertificateKnown
}

// sign has the issuer sign the intent c, and checks what comes back.
func (v *Certificates) sign(ctx context.Context, in Issuance, c *Certificate) (*Signed, *trust.Certificate, error) {
	n, err := v.numbers(c)
	if err != nil {
		return nil, nil, err
	}
	if in.CSR.PublicKeySHA256() != c.Key {
		return nil, nil, fmt.Errorf("mobilecert: intent %s does not fit its request", c.ID)
	}
	order := Order{
		CSR: in.CSR, Serial: c.Serial, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Subject: c.Subject, Person: n.Person, CreditCode: n.CreditCode, Form: in.Product.Form,
	}
	if c.Twin != nil {
		order.EncryptionSerial = c.Twin.Serial
		if order.EncryptionKey, err = c.Twin.public(); err != nil {
			return nil, nil, err
		}
	}
	signed, err := in.Product.Issuer.Issue(ctx, order)
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
	if c.Twin != nil {
		err = v.takeTwin(c, signed.Encryption, cert)
	}
	return signed, cert, err
}

// numbers opens what an intent has sealed.
func (v *Certificates) numbers(c *Certificate) (n numbers, err error) {
	plain, err := v.cfg.Seal.Open(numbersField.Of(c.ID), c.Sealed)
	if err == nil {
		err = json.Unmarshal(plain, &n)
	}
	if err != nil {
		err = fmt.Errorf("mobilecert: intent %s: %w", c.ID, err)
	}
	return n, err
}
