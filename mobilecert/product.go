package mobilecert

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"certlink/confirm"
	"certlink/trust"
	"certlink/trust/authority"
)

// Order is what an issuer is asked to sign. It is complete: nothing in it is the
// issuer's to choose, so that a repeat gives the same content.
type Order struct {
	CSR                 *trust.CSR // the key; nothing else in it counts
	Serial              string     // hex
	NotBefore, NotAfter time.Time  // whole seconds, both inclusive
	Subject             Subject
	Person              string // ID number for the identity extension; may be ""
	CreditCode          string // of the organisation, likewise
	Form                authority.Form
	// EncryptionKey, where there is one, gets a certificate of its own for the same
	// holder and term.
	EncryptionKey    crypto.PublicKey
	EncryptionSerial string
}

// Signed is what an issuer has made.
type Signed struct {
	Certificate []byte   // DER
	Chain       [][]byte // DER, its issuer first; the root may be left out
	Encryption  []byte   // DER, of the encryption twin; nil without one
}

// ErrByHand is an issuer's answer where people must make the certificate: the
// request is kept for them, and their certificate is brought later.
var ErrByHand = errors.New("mobilecert: the authority has no interface; people hand the request in")

// ByHand is the issuer of an authority without an interface.
type ByHand struct{}

// Issue leaves the order to people.
func (ByHand) Issue(context.Context, Order) (*Signed, error) { return nil, ErrByHand }

// Issuer signs certificates. Issue may be called again with the same order after
// a crash, and for one order by two servers at once; of several answers one is
// handed out. A refusal of a final kind (confirm.Final) ends the session.
type Issuer interface {
	Issue(ctx context.Context, o Order) (*Signed, error)
}

// Product is a kind of certificate that can be collected by enrolling: who
// issues it, and what it is like.
type Product struct {
	ID        string
	Name      Name
	Provider  string
	Algorithm trust.Algorithm // of the holder's key
	Term      time.Duration
	Issuer    Issuer
	Medium    Medium // "" means Mobile
	// KeepKey: an extension is for the same key; otherwise for a new one.
	KeepKey bool
	// Offer is what it takes to apply for it; nil where nobody applies.
	Offer *Offer
	Form  authority.Form
	// Pair: there is an encryption certificate beside the signing one; nil for none.
	Pair *PairTerms
	// Demo products exist in demo mode only.
	Demo bool
	// Entitled says why somebody may not have it without an application; nil asks
	// for one (see Grant), but of demo products. It is asked at the beginning and
	// again before the act.
	Entitled func(ctx context.Context, applicant *Person, params map[string]string) error
}

// DemoProducts are the two of demo mode, both by the same provider. One keeps its key
// when it is extended, so that both ways can be seen.
func DemoProducts(provider string, issuer Issuer) []*Product {
	return []*Product{
		{ID: "demo-p256", Name: Name{"演示证书（P-256）", "Demo certificate (P-256)"}, Provider: provider,
			Algorithm: trust.ES256, Term: 365 * 24 * time.Hour, Issuer: issuer, Pair: &PairTerms{Maker: ByHolder}, Demo: true},
		{ID: "demo-sm2", Name: Name{"演示证书（SM2）", "Demo certificate (SM2)"}, Provider: provider,
			Algorithm: trust.SM2SM3, Term: 365 * 24 * time.Hour, Issuer: issuer, Pair: &PairTerms{Maker: ByAuthority}, KeepKey: true, Demo: true},
	}
}

// foreign says whether another authority makes it.
func (p *Product) foreign() bool {
	_, byHand := p.Issuer.(ByHand)
	return byHand
}

// Products is the table of products that can be collected.
type Products struct {
	list []*Product
	byID map[string]*Product
}

// NewProducts makes the table, and finds its mistakes at the start. A demo product
// outside demo mode is one.
func NewProducts(c *Catalogue, demo bool, products ...*Product) (*Products, error) {
	byID := map[string]*Product{}
	for _, p := range products {
		provider, err := c.Provider(p.Provider)
		switch {
		case p.Demo && !demo:
			return nil, fmt.Errorf("mobilecert: product %s is for demo mode only", p.ID)
		case byID[p.ID] != nil:
			return nil, fmt.Errorf("mobilecert: product %s stands twice in the table", p.ID)
		case err != nil:
			return nil, fmt.Errorf("mobilecert: product %s is of the unknown provider %q", p.ID, p.Provider)
		case !provider.Offers(Mobile):
			return nil, fmt.Errorf("mobilecert: product %s is of provider %s, which has no mobile certificates", p.ID, p.Provider)
		case p.Issuer == nil || p.Term < time.Hour:
			return nil, fmt.Errorf("mobilecert: product %s needs an issuer and a term", p.ID)
		case p.Pair != nil && p.Pair.Maker == ByAuthority && p.Algorithm != trust.SM2SM3:
			return nil, fmt.Errorf("mobilecert: product %s: an authority makes encryption keys for SM2 only", p.ID)
		case p.Pair != nil && p.Pair.Maker == ByHolder && p.Pair.Escrowed:
			return nil, fmt.Errorf("mobilecert: product %s: nobody can keep a copy of a key that the holder makes", p.ID)
		}
		if err := p.Form.Check(); err != nil {
			return nil, fmt.Errorf("mobilecert: product %s: %w", p.ID, err)
		}
		byID[p.ID] = p
	}
	return &Products{list: products, byID: byID}, nil
}

// List lists the table.
func (t *Products) List() []*Product {
	if t == nil {
		return nil
	}
	return append([]*Product(nil), t.list...)
}

// find finds a product, or nil.
func (t *Products) find(id string) *Product {
	if t == nil {
		return nil
	}
	return t.byID[id]
}

var _ confirm.Purpose = (*Enroll)(nil)
