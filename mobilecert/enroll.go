package mobilecert

import (
	"context"
	"encoding/json"
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
	products     []*Product
	byID         map[string]*Product
}

// NewEnroll makes the purpose with its table of products. A demo product outside
// demo mode is a mistake found here.
func NewEnroll(c Config, certificates *Certificates, demo bool, products ...*Product) (*Enroll, error) {
	byID, err := checkProducts(c.Catalogue, products, demo)
	if err != nil {
		return nil, err
	}
	return &Enroll{cfg: c, certificates: certificates, products: products, byID: byID}, nil
}

// Products lists the table.
func (p *Enroll) Products() []*Product { return append([]*Product(nil), p.products...) }

// Name is how requests and statements call it.
func (*Enroll) Name() string { return "enroll" }

// Letter stands for it in the code.
func (*Enroll) Letter() byte { return 'e' }

// Begin decides whether somebody may collect a certificate: for itself only,
// since the certificate will name the account's person.
func (p *Enroll) Begin(ctx context.Context, r confirm.Request) (confirm.Terms, error) {
	if r.Subject.ID != r.Actor.ID {
		return confirm.Terms{}, ErrNotYourAccount
	}
	product := p.byID[r.Params["product"]]
	if product == nil {
		return confirm.Terms{}, ErrProductUnknown
	}
	provider, err := p.cfg.Catalogue.Provider(product.Provider)
	if err != nil {
		return confirm.Terms{}, err
	}
	applicant, err := p.applicant(ctx, product, r.Subject.ID, r.Params)
	if err != nil {
		return confirm.Terms{}, err
	}
	return confirm.Terms{
		Provider: provider.ID,
		SignedBy: confirm.ByDevice,
		Details: map[string]string{
			"product": product.ID, "product_name": product.Name.ZH,
			"provider": provider.ID, "provider_name": provider.NameZH,
			"applicant": applicant.Name, "organisation": applicant.Organisation,
			"algorithm": string(product.Algorithm),
		},
		MatchCode: true,
		NewKey:    &confirm.KeyRequest{Algorithm: product.Algorithm},
	}, nil
}

func (p *Enroll) applicant(ctx context.Context, product *Product, account string, params map[string]string) (*Person, error) {
	applicant, err := p.cfg.People.Person(ctx, account)
	if err != nil || product.Entitled == nil {
		return applicant, err
	}
	return applicant, product.Entitled(ctx, applicant, params)
}

// CheckKey refuses a key that a certificate was made for before; the unique
// index decides again when the intent is written.
func (p *Enroll) CheckKey(ctx context.Context, _ confirm.Request, csr *trust.CSR) error {
	known, err := p.certificates.KeyKnown(ctx, csr.PublicKeySHA256())
	if err != nil {
		return err
	}
	if known {
		return ErrKeyReused
	}
	return nil
}

// Check decides whether the certificate may be made now: of a product that still
// exists, for exactly the key in the statement.
func (p *Enroll) Check(ctx context.Context, s *confirm.Statement, signer confirm.Signer) error {
	if p.byID[s.Details["product"]] == nil {
		return ErrProductUnknown
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
// names; the numbers come from the account.
func (p *Enroll) Act(ctx context.Context, a *confirm.Accepted) (*confirm.Result, error) {
	s := a.Statement
	product := p.byID[s.Details["product"]]
	if product == nil {
		return nil, ErrProductUnknown
	}
	applicant, err := p.applicant(ctx, product, s.For().ID, a.Request.Params)
	if err != nil {
		return nil, err
	}
	csr, err := trust.ParseCSR(a.Signer.CSR)
	if err != nil {
		return nil, err
	}
	c, err := p.certificates.issue(ctx, issuance{
		id: s.ID, product: product, account: s.For(), device: a.Signer.Device, csr: csr,
		subject: Subject{CommonName: s.Details["applicant"], Organisation: s.Details["organisation"]},
		numbers: numbers{Person: applicant.IDNumber, CreditCode: applicant.CreditCode},
		at:      a.At,
	})
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
	}
	return collected(c)
}

func collected(c *Certificate) (*confirm.Result, error) {
	view, err := json.Marshal(resultOfCertificate(c))
	if err != nil {
		return nil, err
	}
	return &confirm.Result{Kind: "certificate", ID: c.ID, View: view}, nil
}
