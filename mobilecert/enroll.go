package mobilecert

import (
	"context"
	"errors"

	"certlink/confirm"
	"certlink/trust"
)

// Enroll is the purpose "enroll": the phone makes a key, and collects a
// certificate for it. There is no certificate yet, so the device key signs, and
// the match code shows that the phone and the page are before one person.
type Enroll struct {
	cfg          Config
	certificates *Certificates
}

// NewEnroll makes the purpose.
func NewEnroll(c Config, certificates *Certificates) *Enroll {
	return &Enroll{cfg: c, certificates: certificates}
}

// Name is how requests and statements call it.
func (*Enroll) Name() string { return "enroll" }

// Letter stands for it in the code.
func (*Enroll) Letter() byte { return 'e' }

// Begin decides whether somebody may collect a certificate: for itself only,
// since the certificate will name the account's person; by what entitles to it (see
// Grant), or, of products that ask for nothing, just so.
func (p *Enroll) Begin(ctx context.Context, r confirm.Request) (confirm.Terms, error) {
	if r.Subject.ID != r.Actor.ID {
		return confirm.Terms{}, ErrNotYourAccount
	}
	g, product, err := p.entitled(ctx, r.Subject.ID, r.Params)
	if err != nil {
		return confirm.Terms{}, err
	}
	if err := p.certificates.uncollected(ctx, g, ""); err != nil {
		return confirm.Terms{}, err
	}
	provider, err := p.cfg.Catalogue.Provider(product.Provider)
	if err != nil {
		return confirm.Terms{}, err
	}
	details := map[string]string{
		"product": product.ID, "product_name": product.Name.ZH,
		"provider": provider.ID, "provider_name": provider.NameZH,
		"applicant": g.Subject.CommonName, "organisation": g.Subject.Organisation,
		"algorithm": string(product.Algorithm),
	}
	if g.ID != "" {
		details[g.Kind] = g.ID
	}
	product.pairDetails(details)
	return confirm.Terms{
		Provider: provider.ID, SignedBy: confirm.ByDevice, Details: details,
		MatchCode: true, NewKey: product.keyRequest(),
	}, nil
}

// entitled finds what entitles an account to what it asks for: the grant it names,
// or one made up from the account for a product that needs none.
func (p *Enroll) entitled(ctx context.Context, account string, params map[string]string) (*Grant, *Product, error) {
	for kind, grants := range p.cfg.Grants {
		if params[kind] == "" {
			continue
		}
		g, err := grants.Grant(ctx, params[kind], account)
		if err != nil {
			return nil, nil, err
		}
		g.Kind = kind
		product := p.cfg.Products.find(g.Product)
		if product == nil || g.Account != account {
			return nil, nil, ErrProductUnknown.Becausef("grant %s of %s for product %s", g.ID, g.Account, g.Product)
		}
		return g, product, nil
	}
	product := p.cfg.Products.find(params["product"])
	if product == nil {
		return nil, nil, ErrProductUnknown
	}
	who, err := p.cfg.People.Person(ctx, account)
	switch {
	case err != nil:
		return nil, nil, err
	case product.Entitled != nil:
		if err := product.Entitled(ctx, who, params); err != nil {
			return nil, nil, err
		}
	case !product.Demo:
		return nil, nil, ErrGrantNeeded
	}
	return &Grant{Product: product.ID, Account: account, Subject: Subject{who.Name, who.Organisation},
		Person: who.IDNumber, CreditCode: who.CreditCode}, product, nil
}

// named finds what still entitles to what a statement says.
func (p *Enroll) named(ctx context.Context, s *confirm.Statement) (*Grant, error) {
	g, product, err := p.entitled(ctx, s.For().ID, s.Details)
	if err == nil && product.ID != s.Details["product"] {
		err = ErrProductUnknown.Becausef("the grant is for %s by now", product.ID)
	}
	return g, err
}

// CheckKey refuses a key that a certificate was made for before; the unique
// index decides again when the intent is written.
func (p *Enroll) CheckKey(ctx context.Context, _ confirm.Request, csr *trust.CSR) error {
	keys := []string{csr.PublicKeySHA256()}
	if csr.Encryption != nil {
		second, err := trust.PublicKeySHA256(csr.Encryption)
		if err != nil {
			return err
		}
		keys = append(keys, second)
	}
	for _, key := range keys {
		known, err := p.certificates.KeyKnown(ctx, key)
		if err != nil {
			return err
		}
		if known {
			return ErrKeyReused
		}
	}
	return nil
}

// Check decides whether the certificate may be made now: for exactly the key in
// the statement, by what still entitles to it.
func (p *Enroll) Check(ctx context.Context, s *confirm.Statement, signer confirm.Signer) error {
	g, err := p.named(ctx, s)
	if err != nil {
		return err
	}
	if err := p.certificates.uncollected(ctx, g, s.ID); err != nil {
		return err
	}
	key, err := trust.PublicKeySHA256(signer.NewKey)
	if err != nil {
		return confirm.ErrKeyMismatch.Because(err)
	}
	if key != s.Details["public_key_sha256"] {
		return confirm.ErrKeyMismatch
	}
	return nil
}

// Act makes the certificate, or finds it made. It names whom the statement
// names; the numbers come from what entitles to it.
func (p *Enroll) Act(ctx context.Context, a *confirm.Accepted) (*confirm.Result, error) {
	s := a.Statement
	g, err := p.named(ctx, s)
	if err != nil {
		return nil, err
	}
	csr, err := signedKeys(a)
	if err != nil {
		return nil, err
	}
	in := Issuance{
		ID: s.ID, Product: p.cfg.Products.find(g.Product), Account: s.For(), Device: a.Signer.Device, CSR: csr,
		Subject: Subject{CommonName: s.Details["applicant"], Organisation: s.Details["organisation"]},
		Person:  g.Person, CreditCode: g.CreditCode, At: a.At, GrantKind: g.Kind, Grant: g.ID, Replaces: g.Replaces,
	}
	if g.Replaces != "" { // what is left of the term, and no more: none was paid for
		lost, err := p.certificates.Get(ctx, g.Replaces)
		if err != nil {
			return nil, err
		}
		in.NotBefore, in.NotAfter = a.At.Add(-Backdate), lost.NotAfter
	}
	c, err := p.certificates.Issue(ctx, in)
	if err != nil {
		return nil, err
	}
	return collected(c)
}

// Done finds the certificate that the statement has brought about.
func (p *Enroll) Done(ctx context.Context, s *confirm.Statement) (*confirm.Result, error) {
	c, err := p.certificates.Get(ctx, s.ID)
	switch {
	case errors.Is(err, ErrCertificateUnknown), err == nil && c.State == Issuing:
		return nil, nil
	case err != nil:
		return nil, err
	case c.State == Declined:
		return nil, ErrDeclined
	}
	return collected(c)
}
