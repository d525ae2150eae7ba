package main

import "certlink/mobilecert"

// products is the table of what phones can collect.
func (p *program) products() (*mobilecert.Products, error) {
	var list []*mobilecert.Product
	if p.settings.Demo && p.authority != nil {
		list = append(list, mobilecert.DemoProducts(builtinProvider, mobilecert.BuiltinIssuer{Authority: p.authority})...)
	}
	return mobilecert.NewProducts(p.catalogue, p.settings.Demo, list...)
}
