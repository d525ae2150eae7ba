package program

import "certlink/mobilecert"

// products is the table of what phones can collect: those of the catalogue, made by
// the built-in authority where it is the provider's, and by hand elsewhere.
func (p *Program) products() (*mobilecert.Products, error) {
	var builtin mobilecert.Issuer = mobilecert.ByHand{}
	if p.Authority != nil {
		builtin = mobilecert.BuiltinIssuer{Authority: p.Authority}
	}
	var list []*mobilecert.Product
	if p.Settings.Demo && p.Authority != nil {
		list = append(list, mobilecert.DemoProducts(BuiltinProvider, builtin)...)
	}
	for _, offered := range p.Catalogue.Products() {
		if offered.Medium == mobilecert.UKey {
			continue // brought with its token; see Certificates.Import
		}
		product := *offered
		product.Issuer = mobilecert.ByHand{}
		if product.Provider == BuiltinProvider {
			product.Issuer = builtin
		}
		list = append(list, &product)
	}
	return mobilecert.NewProducts(p.Catalogue, p.Settings.Demo, list...)
}
