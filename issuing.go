package main

import "certlink/mobilecert"

// products is the table of what phones can collect: those of the catalogue, made by
// the built-in authority where it is the provider's, and by hand elsewhere.
func (p *program) products() (*mobilecert.Products, error) {
	var builtin mobilecert.Issuer = mobilecert.ByHand{}
	if p.authority != nil {
		builtin = mobilecert.BuiltinIssuer{Authority: p.authority}
	}
	var list []*mobilecert.Product
	if p.settings.Demo && p.authority != nil {
		list = append(list, mobilecert.DemoProducts(builtinProvider, builtin)...)
	}
	for _, offered := range p.catalogue.Products() {
		if offered.Medium == mobilecert.UKey {
			continue // brought with its token; see Certificates.Import
		}
		product := *offered
		product.Issuer = mobilecert.ByHand{}
		if product.Provider == builtinProvider {
			product.Issuer = builtin
		}
		list = append(list, &product)
	}
	return mobilecert.NewProducts(p.catalogue, p.settings.Demo, list...)
}
