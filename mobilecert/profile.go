package mobilecert

import (
	"certlink/trust"
	"certlink/trust/authority"
)

// profile reads what stands in a product's certificates besides the holder, and
// whether an encryption certificate goes with them. The key is the one that the
// applicant was told of (custody).
func (r *reader) profile(o *object, p *Product) {
	if o.boolean("pair", false) {
		custody := p.Offer.Custody
		p.Pair = &PairTerms{Maker: Maker(custody.Maker), Escrowed: custody.Escrow}
		switch {
		case p.Pair.Maker == ByAuthority && p.Algorithm != trust.SM2SM3:
			r.m.add(o.path("pair"), "needs SM2SM3 where an authority makes the encryption key; for %s the holder makes it", p.Algorithm)
		case p.Pair.Maker == ByHolder && p.Algorithm != trust.ES256:
			r.m.add(o.path("pair"), "needs an authority that makes the encryption key (GM/T 0092): custody/maker must be authority")
		case p.Pair.Maker == ByHolder && p.Pair.Escrowed:
			r.m.add(o.path("custody")+"/escrow", "must be false: nobody can keep a copy of a key that the holder makes")
		}
	}
	v, there := o.get("profile")
	if !there {
		return
	}
	in := asObject(v, o.path("profile"), r.m)
	form := authority.Form{CPS: in.text("cps", false), Registration: in.boolean("registration_number", false)}
	in.list("policies", false, func(v any, at string) { form.Policies = append(form.Policies, asText(v, at, r.m)) })
	in.list("extended_usages", false, func(v any, at string) { form.Usages = append(form.Usages, asText(v, at, r.m)) })
	in.done()
	if err := form.Check(); err != nil {
		r.m.add(o.path("profile"), "cannot be used: %s", err)
	}
	p.Form = form
}
