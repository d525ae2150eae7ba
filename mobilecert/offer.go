package mobilecert

import (
	"time"

	"certlink/trust"
)

// Offer is what it takes to apply for a product.
type Offer struct {
	// PriceFen is for one term; 0 is free.
	PriceFen int64
	Terms    Terms
	Custody  Custody
}

// Terms are what an applicant accepts. The version stands in what is kept of the
// acceptance, so a text is never changed without another version.
type Terms struct {
	Version string   `json:"version"`
	ZH      []string `json:"zh"` // paragraphs
	EN      []string `json:"en"`
}

// Custody is what happens to the encryption key: who makes it, and whether the
// authority keeps a copy. It is told before anybody applies.
type Custody struct {
	Maker  string `json:"maker"` // holder: on the phone or token; authority
	Escrow bool   `json:"escrow"`
	ZH     string `json:"zh"`
	EN     string `json:"en"`
}

// Products lists all that can be applied for here, in the order of the file.
func (c *Catalogue) Products() []*Product {
	var out []*Product
	for _, p := range c.providers {
		out = append(out, p.Products...)
	}
	return out
}

// Offered finds a product that can be applied for.
func (c *Catalogue) Offered(id string) (*Product, error) {
	for _, p := range c.providers {
		for _, product := range p.Products {
			if product.ID == id {
				return product, nil
			}
		}
	}
	return nil, ErrNotOffered
}

// product reads one entry of a provider's products.
func (r *reader) product(v any, at string, p *Provider) *Product {
	o := asObject(v, at, r.m)
	days := o.number("term_days", 365)
	q := &Product{
		ID: o.text("id", true), Provider: p.ID, Medium: Medium(o.oneOf("medium", "", string(Mobile), string(UKey))),
		Algorithm: trust.Algorithm(o.oneOf("algorithm", string(trust.SM2SM3), string(trust.ES256), string(trust.SM2SM3))),
		Term:      time.Duration(days) * 24 * time.Hour,
	}
	q.KeepKey = o.oneOf("extend_key", "new", "new", "same") == "same"
	if q.ID != "" && !idForm.MatchString(q.ID) {
		r.m.add(at+"/id", "must be 2 to 32 of a-z, 0-9 and -, beginning with a letter")
	}
	if days < 1 || days > 3660 {
		r.m.add(at+"/term_days", "must be 1 to 3660")
	}
	if q.Medium != "" && !p.Offers(q.Medium) {
		r.m.add(at+"/medium", "is %s, which the provider's media do not have", q.Medium)
	}
	if name := o.required("name"); name != nil {
		q.Name = Name{name.text("zh", true), name.text("en", true)}
		name.done()
	}
	price := o.number("price_fen", -1)
	if price < 0 || price > maxPriceFen {
		r.m.add(at+"/price_fen", "must be there: the price in fen, 0 (free) to %d", maxPriceFen)
	}
	q.Offer = &Offer{PriceFen: int64(price), Terms: r.terms(o), Custody: r.custody(o)}
	r.profile(o, q)
	o.done()
	return q
}

// maxPriceFen is a million yuan: above it a decimal point has slipped.
const maxPriceFen = 100_000_000

func (r *reader) terms(o *object) (t Terms) {
	in := o.required("terms")
	if in == nil {
		return t
	}
	t.Version = in.text("version", true)
	in.list("zh", true, func(v any, at string) { t.ZH = append(t.ZH, asParagraph(v, at, r.m)) })
	in.list("en", true, func(v any, at string) { t.EN = append(t.EN, asParagraph(v, at, r.m)) })
	in.done()
	return t
}

func (r *reader) custody(o *object) (c Custody) {
	in := o.required("custody")
	if in == nil {
		return c
	}
	c.Maker = in.oneOf("maker", "", "holder", "authority")
	c.Escrow = in.boolean("escrow", false)
	for name, to := range map[string]*string{"zh": &c.ZH, "en": &c.EN} {
		if v, there := in.get(name); there {
			*to = asParagraph(v, in.path(name), r.m)
		} else if in.members != nil {
			r.m.add(in.path(name), "is missing")
		}
	}
	in.done()
	return c
}

// required reads a member that is an object; nil where it is missing.
func (o *object) required(name string) *object {
	v, there := o.get(name)
	if !there {
		if o.members != nil {
			o.m.add(o.path(name), "is missing")
		}
		return nil
	}
	return asObject(v, o.path(name), o.m)
}

// OfferView is a product that can be applied for, as everybody signed in may see it.
type OfferView struct {
	ID        string          `json:"id"`
	Name      Name            `json:"name"`
	Provider  ProviderName    `json:"provider"`
	Medium    Medium          `json:"medium"`
	Algorithm trust.Algorithm `json:"algorithm"`
	TermDays  int             `json:"term_days"`
	PriceFen  int64           `json:"price_fen"`
	Terms     Terms           `json:"terms"`
	Custody   Custody         `json:"custody"`
}

// OfferView renders a product of the catalogue.
func (p *Product) OfferView(c *Catalogue) OfferView {
	return OfferView{p.ID, p.Name, c.NameOf(p.Provider), p.Medium, p.Algorithm, int(p.Term / (24 * time.Hour)), p.Offer.PriceFen, p.Offer.Terms, p.Offer.Custody}
}
