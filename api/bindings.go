package api

import (
	"slices"
	"strings"

	"certlink/account"
	"certlink/mobilecert"
)

// asks is the caller as package mobilecert knows people.
func (c *call) asks() mobilecert.Who {
	a := c.who.Account
	return mobilecert.Who{Account: a.ID, Name: a.Name, Organisation: a.OrganisationID, Admin: a.Has(account.Admin)}
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
	return c.ok(v)
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

// postRevoke ends a certificate that was issued here: its account may, that
// organisation's admin, and those who run the installation.
func (s *Server) postRevoke(c *call) error {
	id, err := c.id("id", mobilecert.ErrCertificateUnknown)
	if err != nil {
		return err
	}
	var reason string
	if err := c.read(object{{"reason", &reason, true}}); err != nil {
		return err
	}
	if !slices.Contains(mobilecert.Reasons, reason) {
		list := strings.Join(mobilecert.Reasons, ", ")
		return ErrRequest.At("/reason", "可选："+list, "must be one of "+list)
	}
	by := c.asks()
	var cert *mobilecert.Certificate
	if c.who.Has(account.Operator) || c.who.Has(account.Reviewer) {
		cert, err = s.Certificates.Revoke(c.ctx, id, mobilecert.Actor{ID: by.Account, Name: by.Name}, mobilecert.Reason(reason))
	} else {
		cert, err = s.Certificates.RevokeBy(c.ctx, id, by, mobilecert.Reason(reason))
	}
	if err != nil {
		return err
	}
	v, err := cert.View(s.Catalogue, s.Clock())
	if err != nil {
		return err
	}
	return c.ok(v)
}
