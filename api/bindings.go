package api

import (
	"certlink/account"
	"certlink/mobilecert"
)

// asks is the caller as package mobilecert knows people.
func (c *call) asks() mobilecert.Who {
	a := c.who.Account
	return mobilecert.Who{Account: a.ID, Name: a.Name, Organisation: a.OrganisationID, Admin: a.Has(account.Admin),
		Staff: a.Has(account.Reviewer) || a.Has(account.Operator), Operator: a.Has(account.Operator)}
}

func (s *Server) getProviders(c *call) error {
	out := struct {
		Items []mobilecert.ProviderView `json:"items"`
	}{[]mobilecert.ProviderView{}}
	for _, p := range s.Catalogue.Providers() {
		out.Items = append(out.Items, p.View())
	}
	return c.ok(out)
}

func (s *Server) getBindings(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	scope, err := c.choice("scope", "mine", "organisation")
	if err != nil {
		return err
	}
	state, err := c.choice("state", "active", "all")
	if err != nil {
		return err
	}
	words, err := c.query("q", 64)
	if err != nil {
		return err
	}
	by := c.asks()
	list, next, err := s.Bindings.List(c.ctx, by, mobilecert.ListQuery{
		Organisation: scope == "organisation", Past: state == "all", Q: words, After: after, Limit: limit,
	})
	if err != nil {
		return err
	}
	out := page[bindingView]{Items: []bindingView{}, Next: string(next)}
	for _, b := range list {
		v, err := s.showBinding(c, b, by)
		if err != nil {
			return err
		}
		out.Items = append(out.Items, v)
	}
	return c.ok(out)
}

// bindingView is a binding with what to know before it is removed.
type bindingView struct {
	mobilecert.BindingView
	OpenBids *openBids `json:"open_bids,omitempty"`
}

// showBinding adds how the certificate of an active binding stands, if it was
// issued here: a revoked one acts no more, though the binding has not been removed.
func (s *Server) showBinding(c *call, b *mobilecert.Binding, by mobilecert.Who) (v bindingView, err error) {
	v.BindingView = b.View(by)
	if b.State == mobilecert.Active {
		if v.OpenBids, err = s.openBidsOf(c.ctx, b.Certificate.Content); err != nil {
			return v, err
		}
		var state mobilecert.CertificateState
		v.Certificate.ID, state, err = s.Certificates.StateOf(c.ctx, b.Certificate.Content)
		v.Certificate.State = string(state)
	}
	return v, err
}

func (s *Server) readBinding(c *call) (*mobilecert.Binding, error) {
	id, err := c.id("id", mobilecert.ErrBindingUnknown)
	if err != nil {
		return nil, err
	}
	return s.Bindings.Read(c.ctx, c.asks(), id)
}

func (s *Server) getBinding(c *call) error {
	b, err := s.readBinding(c)
	if err != nil {
		return err
	}
	v, err := s.showBinding(c, b, c.asks())
	if err != nil {
		return err
	}
	return c.ok(&v)
}

func (s *Server) postUnbind(c *call) error {
	id, err := c.id("id", mobilecert.ErrBindingUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	by := c.asks()
	b, err := s.Bindings.Unbind(c.ctx, by, id)
	if err != nil {
		return err
	}
	return c.ok(b.View(by))
}
