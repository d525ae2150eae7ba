package mobilecert

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"certlink/internal/effect"
	"certlink/store"
	"certlink/trust"
)

// Certificates of authorities that have no interface: a reviewer takes the request
// there and brings the certificate back.

// ListWaiting lists what waits for an authority, longest first.
func (v *Certificates) ListWaiting(ctx context.Context, after store.Cursor, limit int) ([]*Certificate, store.Cursor, error) {
	return v.docs.Query(ctx, store.Query{Index: "waiting", After: after, Limit: limit})
}

// TakeRequest gives a reviewer the request (PKCS#10 in PEM) of a certificate that
// waits; who took it stands in the audit log.
func (v *Certificates) TakeRequest(ctx context.Context, id string, by Actor) (*Certificate, []byte, error) {
	c, err := v.change(ctx, id, func(c *Certificate) error {
		if c.State != Waiting {
			return ErrCertificateState.With("state", string(c.State))
		}
		now := v.cfg.Clock()
		c.History = append(c.History, Event{At: now, Act: "certificate.request_taken", By: by})
		c.Owe(c.audit(now, "certificate.request_taken", by))
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return c, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: c.Request}), nil
}

// Brought is what an authority has made of a request.
type Brought struct {
	Certificate []byte // PEM or DER
	// Encryption and Envelope are the encryption twin, where the authority makes one:
	// its certificate, and its private key for the signing key (GM/T 0009
	// SM2EnvelopedKey, DER or base64).
	Encryption, Envelope []byte
}

// Bring stores the certificate that an authority has made, once it is found to be
// the one that was asked for: the key, the holder, the term, the authority. Bringing
// the same one again changes nothing.
func (v *Certificates) Bring(ctx context.Context, id string, in Brought, by Actor) (*Certificate, error) {
	der, err := OnePEM(in.Certificate)
	if err != nil {
		return nil, err
	}
	return v.change(ctx, id, func(c *Certificate) error {
		if c.State == Issued && bytes.Equal(c.DER, der) {
			return store.ErrUnchanged
		}
		if c.State != Waiting {
			return ErrCertificateState.With("state", string(c.State))
		}
		found, err := v.fits(c, der)
		if err != nil {
			return err
		}
		cert := found.Chain[0]
		if c.Twin, err = v.broughtTwin(c, in, cert); err != nil {
			return err
		}
		c.take(&Signed{Certificate: cert.Raw, Chain: above(found.Chain)}, cert)
		c.Serial, c.NotBefore, c.NotAfter = cert.SerialHex(), cert.NotBefore().UTC(), cert.NotAfter().UTC()
		c.Sealed, c.Request = "", nil
		now := v.cfg.Clock()
		c.Owe(effect.New(effect.Push, now, map[string]string{"key": "certificate_ready", "account": c.Account.ID, "device": c.Device, "certificate": c.ID}))
		return c.move(Issued, now, by, "", "")
	})
}

// The authority counts days its own way: from the day of making, or to a day's end.
const (
	termShorter = 3 * 24 * time.Hour
	termLonger  = 31 * 24 * time.Hour
)

// fits compares a certificate with the intent that it should be of.
func (v *Certificates) fits(c *Certificate, der []byte) (*trust.Checked, error) {
	cert, err := trust.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if cert.PublicKeySHA256() != c.Key {
		return nil, ErrUploadKey
	}
	found, err := v.read(c.Provider, der)
	if err != nil {
		return nil, err
	}
	n, err := v.numbers(c)
	if err != nil {
		return nil, err
	}
	refusal := ErrUploadSubject
	for _, f := range []struct{ pointer, zh, en, got, want string }{
		{"/certificate/common_name", "姓名", "name", found.Identity.PersonName, c.Subject.CommonName},
		{"/certificate/organisation", "机构名称", "organisation", found.Identity.OrganisationName, c.Subject.Organisation},
		{"/certificate/person", "证件号码", "ID number", normal(found.Identity.Person), normal(n.Person)},
		{"/certificate/credit_code", "统一社会信用代码", "credit code", normal(found.Identity.Organisation), normal(n.CreditCode)},
	} {
		// An authority may leave out what it does not put into its certificates, but
		// for the name.
		if f.got == f.want || f.got == "" && f.pointer != "/certificate/common_name" || f.want == "" {
			continue
		}
		got, want := f.got, f.want
		if strings.HasSuffix(f.pointer, "person") || strings.HasSuffix(f.pointer, "code") {
			got, want = trust.MaskID(got), trust.MaskID(want)
		}
		refusal = refusal.At(f.pointer, f.zh+"：证书中为“"+got+"”，申领资料为“"+want+"”", f.en+": the certificate has “"+got+"”, the application “"+want+"”")
	}
	if len(refusal.Fields) > 0 {
		return nil, refusal
	}
	// The term runs from when the authority made it, at any time since it was asked.
	earliest, latest := c.NotAfter.Add(-termShorter), c.NotAfter.Add(v.cfg.Clock().Sub(c.CreatedAt)+termLonger)
	if end := cert.NotAfter(); end.Before(earliest) || end.After(latest) {
		return nil, ErrUploadTerm.With("not_after", end.UTC().Format(time.RFC3339)).Becausef("wanted %s to %s", earliest, latest)
	}
	return found, nil
}

// broughtTwin reads the encryption half of what was brought, nil without one.
func (v *Certificates) broughtTwin(c *Certificate, in Brought, signing *trust.Certificate) (*Twin, error) {
	if len(in.Encryption) == 0 && len(in.Envelope) == 0 {
		return nil, nil
	}
	der, err := OnePEM(in.Encryption)
	if err != nil {
		return nil, err
	}
	cert, err := trust.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	policy, err := v.cfg.Catalogue.Policy(c.Provider)
	if err != nil {
		return nil, err
	}
	offline := *policy
	offline.Revocation = trust.RevocationNone
	if _, err := offline.CheckEncryption(context.Background(), cert, nil, v.cfg.Clock().Add(time.Second), nil); err != nil {
		return nil, err
	}
	if !bytes.Equal(cert.X.RawSubject, signing.X.RawSubject) {
		return nil, ErrUploadPair.Becausef("the two have different subjects")
	}
	t := &Twin{Key: cert.PublicKeySHA256(), Public: cert.X.RawSubjectPublicKeyInfo, Serial: cert.SerialHex(),
		DER: cert.Raw, Fingerprint: cert.Fingerprint(), Content: cert.ContentID(), Maker: ByAuthority, Escrowed: true}
	if p := v.cfg.Products.find(c.Product); p != nil && p.Pair != nil {
		t.Escrowed = p.Pair.Escrowed
	}
	if t.Envelope, err = trust.ReadEnvelope(in.Envelope, cert.PublicKey()); err != nil {
		return nil, ErrUploadPair.Because(err)
	}
	return t, nil
}

// Decline ends a certificate that the authority will not make. What entitled to it
// is free again, and the account is told.
func (v *Certificates) Decline(ctx context.Context, id, reason string, by Actor) (*Certificate, error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < 2 || n > 200 {
		return nil, ErrDeclineReason.At("/reason", "2 至 200 字", "2 to 200 characters")
	}
	return v.change(ctx, id, func(c *Certificate) error {
		now := v.cfg.Clock()
		if err := c.move(Declined, now, by, "", reason); err != nil {
			return err
		}
		c.Owe(effect.New(effect.Push, now, map[string]string{"key": "certificate_declined", "account": c.Account.ID, "device": c.Device, "certificate": c.ID}))
		return nil
	})
}

// OnePEM reads one certificate of a file, in PEM or already in DER.
func OnePEM(in []byte) ([]byte, error) {
	if len(in) > 2*trust.MaxCertificate {
		return nil, trust.ErrCertificate.Becausef("%d bytes", len(in))
	}
	block, rest := pem.Decode(in)
	switch {
	case block == nil:
		return in, nil
	case block.Type != "CERTIFICATE":
		return nil, trust.ErrCertificate.Becausef("a PEM block of type %q", block.Type)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, trust.ErrCertificate.Because(errors.New("more than one certificate"))
	}
	return block.Bytes, nil
}
