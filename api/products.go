package api

import "certlink/mobilecert"

// getProducts lists what can be applied for here.
func (s *Server) getProducts(c *call) error {
	out := struct {
		Items []mobilecert.OfferView `json:"items"`
	}{[]mobilecert.OfferView{}}
	for _, p := range s.Catalogue.Products() {
		out.Items = append(out.Items, p.OfferView(s.Catalogue))
	}
	return c.ok(out)
}

func (s *Server) getProduct(c *call) error {
	id, err := c.id("id", mobilecert.ErrNotOffered)
	if err != nil {
		return err
	}
	p, err := s.Catalogue.Offered(id)
	if err != nil {
		return err
	}
	return c.ok(p.OfferView(s.Catalogue))
}
