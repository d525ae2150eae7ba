package renewal

import (
	"context"
	"errors"
	"time"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/trust"
)

// Extend is the purpose "extend": the holder of a certificate whose renewal is
// paid asks, with that certificate's key, for its successor. The request for the
// new certificate comes first, so the statement names the key that it is for.
type Extend struct {
	cfg      Config
	renewals *Service
}

var _ confirm.Purpose = (*Extend)(nil)

// NewExtend makes the purpose.
func NewExtend(v *Service) *Extend { return &Extend{v.cfg, v} }

// Name is how requests and statements call it.
func (*Extend) Name() string { return "extend" }

// Letter stands for it in the code.
func (*Extend) Letter() byte { return 'x' }

// Begin decides whether the certificate may be extended now, and what the new term
// is: it begins at the later of now and the old expiry. The certificate itself is
// valid at once, since it takes the old one's place at once.
func (p *Extend) Begin(ctx context.Context, r confirm.Request) (confirm.Terms, error) {
	n, c, err := p.wanted(ctx, r)
	if err != nil {
		return confirm.Terms{}, err
	}
	if n.State != Extension && n.State != Extending {
		if n.State == Payment {
			return confirm.Terms{}, ErrNeeded
		}
		return confirm.Terms{}, ErrState.With("state", string(n.State))
	}
	if n.Device == "" {
		return confirm.Terms{}, ErrToken
	}
	if err := c.Extendable(); err != nil {
		return confirm.Terms{}, err
	}
	now := p.cfg.Clock()
	if now.After(c.NotAfter) {
		return confirm.Terms{}, ErrExpired
	}
	if err := p.cfg.Bids.Check(ctx, c.Content); err != nil {
		return confirm.Terms{}, err
	}
	terms, ok := p.cfg.Terms(c.Product)
	if !ok {
		return confirm.Terms{}, mobilecert.ErrProductUnknown
	}
	provider := p.cfg.Catalogue.NameOf(c.Provider)
	details := map[string]string{
		"renewal": n.ID, "certificate": c.Fingerprint, "certificate_serial": c.Serial, "provider": provider.ID, "provider_name": provider.NameZH,
		"product": c.Product, "product_name": terms.Name.ZH, "holder_name": c.Subject.CommonName,
		"current_not_after": stamp(c.NotAfter), "term_from": stamp(termFrom(now, c.NotAfter)), "not_after": stamp(termFrom(now, c.NotAfter).Add(n.Term)),
		"key_policy": string(terms.Key),
	}
	if c.Subject.Organisation != "" {
		details["organisation"] = c.Subject.Organisation
	}
	key, err := p.cfg.Certificates.Extending(c, details)
	if err != nil {
		return confirm.Terms{}, err
	}
	if terms.Key == SameKey {
		key.Keep = c.Key
	}
	details["algorithm"] = string(key.Algorithm)
	return confirm.Terms{Provider: c.Provider, SignedBy: confirm.ByCertificate, Details: details, NewKey: key}, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// termFrom is when the term that was paid for begins.
func termFrom(now, notAfter time.Time) time.Time {
	if now.After(notAfter) {
		return now.UTC().Truncate(time.Second)
	}
	return notAfter.UTC()
}

// wanted finds the renewal that a request is about, by its id or by the
// certificate's, for somebody who may ask.
func (p *Extend) wanted(ctx context.Context, r confirm.Request) (*Renewal, *mobilecert.Certificate, error) {
	n, err := p.named(ctx, r.Params)
	if err != nil {
		return nil, nil, err
	}
	if r.Subject.ID != n.Account.ID {
		return nil, nil, mobilecert.ErrNotYourAccount
	}
	if err := mobilecert.Asks(r).May(n.Account.ID, n.Account.OrganisationID); err != nil {
		return nil, nil, err
	}
	c, err := p.cfg.Certificates.Get(ctx, n.Certificate.ID)
	return n, c, err
}

func (p *Extend) named(ctx context.Context, params map[string]string) (*Renewal, error) {
	if id := params["renewal"]; id != "" {
		return p.renewals.Get(ctx, id)
	}
	n, err := p.renewals.Open(ctx, params["certificate"])
	if err == nil && n == nil {
		err = ErrNeeded
	}
	return n, err
}

// CheckKey holds the new key against the product's policy. That no key comes into
// two lines of certificates is decided again when the intent is written.
func (p *Extend) CheckKey(ctx context.Context, r confirm.Request, csr *trust.CSR) error {
	_, c, err := p.wanted(ctx, r)
	if err != nil {
		return err
	}
	terms, ok := p.cfg.Terms(c.Product)
	if !ok {
		return mobilecert.ErrProductUnknown
	}
	key := csr.PublicKeySHA256()
	if terms.Key == SameKey {
		if key != c.Key {
			return ErrKeySame
		}
		return nil
	}
	known, err := p.cfg.Certificates.KeyKnown(ctx, key)
	if err == nil && known {
		err = ErrKeyNew
	}
	return err
}

// busy is how long an extension that was begun keeps a second one off. After that
// it has met a crash or an issuer that is away, and may be begun anew.
const busy = 2 * time.Minute

// Check lets only the certificate itself ask for its successor, once, and not
// while the guard stops it.
func (p *Extend) Check(ctx context.Context, s *confirm.Statement, signer confirm.Signer) error {
	n, err := p.renewals.Get(ctx, s.Details["renewal"])
	if err != nil {
		return err
	}
	if n.Certificate.Content != signer.Certificate.ContentID() {
		return confirm.ErrSignerMismatch
	}
	if err := p.admit(n, s.ID); err != nil {
		return err
	}
	key, err := trust.PublicKeySHA256(signer.NewKey)
	if err != nil {
		return confirm.ErrKeyMismatch.Because(err)
	}
	if key != s.Details["public_key_sha256"] {
		return confirm.ErrKeyMismatch
	}
	return p.cfg.Bids.Check(ctx, n.Certificate.Content)
}

// admit says why a statement may not extend now.
func (p *Extend) admit(n *Renewal, statement string) error {
	switch {
	case n.State == Extension:
		return nil
	case n.State != Extending:
		return ErrState.With("state", string(n.State))
	case n.Attempt.Statement != statement && p.cfg.Clock().Before(n.Attempt.Since.Add(busy)):
		return ErrBusy
	}
	return nil
}

// Act extends. The guard lets it pass, the renewal says what is under way, the
// successor is made and ends its predecessor, the binding moves, and the renewal
// says so: each is one write, each finds itself done when it is repeated, and none
// undoes an earlier one. Until the successor is made, nothing has changed for the
// holder; from then on every step only completes.
func (p *Extend) Act(ctx context.Context, a *confirm.Accepted) (*confirm.Result, error) {
	s := a.Statement
	n, err := p.renewals.Get(ctx, s.Details["renewal"])
	if err != nil {
		return nil, err
	}
	if err := p.cfg.Bids.Pass(ctx, n.Certificate.Content, n.Account.ID, n.Account.OrganisationID, s.ID); err != nil {
		return nil, err
	}
	if n, err = p.begin(ctx, n.ID, a); err != nil {
		return nil, err
	}
	c, err := p.successor(ctx, n, a)
	if confirm.Final(err) {
		return nil, errors.Join(err, p.renewals.fail(ctx, n.ID, s.ID, err))
	}
	if err != nil {
		return nil, err
	}
	if err := p.renewals.finish(ctx, n.ID, c, a.Signer.Device); err != nil {
		return nil, err
	}
	return c.Collected()
}

// begin writes that the extension is under way, and takes the right to it from a
// statement that came to nothing.
func (p *Extend) begin(ctx context.Context, id string, a *confirm.Accepted) (*Renewal, error) {
	s := a.Statement
	stale := ""
	n, err := p.renewals.change(ctx, id, func(n *Renewal) error {
		stale = ""
		if err := p.admit(n, s.ID); err != nil {
			return err
		}
		if n.State == Extending {
			if n.Attempt.Statement == s.ID {
				return store.ErrUnchanged
			}
			stale = n.Attempt.Statement
			n.Attempt = &Attempt{Statement: s.ID, Since: p.cfg.Clock()}
			return nil
		}
		n.Attempt, n.Failure = &Attempt{Statement: s.ID, Since: p.cfg.Clock()}, ""
		return n.move(Extending, p.cfg.Clock(), mobilecert.Actor{ID: s.For().ID, Name: s.For().Name}, s.ID, "")
	})
	if err == nil && stale != "" {
		err = p.cfg.Certificates.Abandon(ctx, stale)
	}
	return n, err
}

func (p *Extend) successor(ctx context.Context, n *Renewal, a *confirm.Accepted) (*mobilecert.Certificate, error) {
	csr, err := mobilecert.SignedKeys(a)
	if err != nil {
		return nil, err
	}
	until, err := time.Parse(time.RFC3339, a.Statement.Details["not_after"])
	if err != nil {
		return nil, err
	}
	c, err := p.cfg.Certificates.Extend(ctx, mobilecert.Extension{
		ID: a.Statement.ID, Certificate: n.Certificate.ID, Device: a.Signer.Device, CSR: csr,
		NotBefore: a.At.Add(-mobilecert.Backdate), NotAfter: until, At: a.At,
	})
	if err == nil && c.State == mobilecert.Declined {
		err = ErrState.With("state", string(c.State))
	}
	return c, err
}

// Done finds the successor that the statement has brought about, and completes
// what a crash has left open behind it.
func (p *Extend) Done(ctx context.Context, s *confirm.Statement) (*confirm.Result, error) {
	c, err := p.cfg.Certificates.Get(ctx, s.ID)
	switch {
	case errors.Is(err, mobilecert.ErrCertificateUnknown):
		return nil, nil
	case err != nil:
		return nil, err
	case c.State == mobilecert.Issuing, c.State == mobilecert.Declined:
		return nil, nil
	}
	if err := p.renewals.finish(ctx, s.Details["renewal"], c, c.Device); err != nil {
		return nil, err
	}
	return c.Collected()
}
