package api

import (
	"errors"
	"time"

	"certlink/internal/fault"
	"certlink/mobilecert"
	"certlink/mobilecert/renewal"
)

// candidateView is a certificate in the dialog 新增CA续费: what renewing it costs, or
// why and where it is not renewed here.
type candidateView struct {
	Certificate mobilecert.CertificateInfo `json:"certificate"`
	Medium      mobilecert.Medium          `json:"medium"`
	Provider    providerLine               `json:"provider"`
	Account     partyView                  `json:"account"`
	Binding     string                     `json:"binding,omitempty"`
	Renewable   bool                       `json:"renewable"`
	// Due: it is renewable, and should be.
	Due      bool         `json:"due"`
	PriceFen int64        `json:"price_fen"`
	TermDays int          `json:"term_days"`
	Refusal  *failureView `json:"refusal,omitempty"`
	// Renewal is the one under way.
	Renewal  string    `json:"renewal,omitempty"`
	OpenBids *openBids `json:"open_bids,omitempty"`
}

// getCandidates lists the certificates that can be thought of for renewal: those
// bound, then one's own that are not.
func (s *Server) getCandidates(c *call) error {
	scope, err := c.choice("scope", "mine", "organisation")
	if err != nil {
		return err
	}
	by := c.asks()
	bound, _, err := s.Bindings.List(c.ctx, by, mobilecert.ListQuery{Organisation: scope == "organisation", Limit: 100})
	if err != nil {
		return err
	}
	out := page[candidateView]{Items: []candidateView{}}
	seen := map[string]bool{}
	for _, b := range bound {
		v, err := s.boundCandidate(c, b)
		if err != nil {
			return err
		}
		seen[b.Certificate.Content] = true
		out.Items = append(out.Items, v)
	}
	own, _, err := s.Certificates.ListByAccount(c.ctx, by.Account, "", 100)
	if err != nil {
		return err
	}
	for _, cert := range own {
		if seen[cert.Content] || cert.Extendable() != nil {
			continue
		}
		v, err := s.candidate(c, cert)
		if err != nil {
			return err
		}
		out.Items = append(out.Items, v)
	}
	return c.ok(out)
}

// boundCandidate is a bound certificate; those of other authorities are renewed there.
func (s *Server) boundCandidate(c *call, b *mobilecert.Binding) (v candidateView, err error) {
	cert, err := s.Certificates.ByContent(c.ctx, b.Certificate.Content)
	switch {
	case err == nil:
		v, err = s.candidate(c, cert)
	case errors.Is(err, mobilecert.ErrCertificateUnknown):
		v, err = candidateView{Certificate: b.View(c.asks()).Certificate, Medium: b.Medium, Provider: s.lineOf(b.Provider)}, nil
		v.Refusal = s.refusalOf(renewal.ErrElsewhere.With("phones", v.Provider.Phones))
	}
	v.Binding, v.Account = b.ID, partyView{b.Account.ID, b.Account.Name, b.Account.Organisation}
	return v, err
}

func (s *Server) candidate(c *call, cert *mobilecert.Certificate) (candidateView, error) {
	info, err := cert.View(s.Catalogue, s.Clock())
	if err != nil {
		return candidateView{}, err
	}
	v := candidateView{Certificate: info.CertificateInfo, Medium: cert.Medium, Provider: s.lineOf(cert.Provider),
		Account: partyView{cert.Account.ID, cert.Account.Name, cert.Account.Organisation}}
	if v.Medium == "" {
		v.Medium = mobilecert.Mobile
	}
	v.Certificate.ID, v.Certificate.State = cert.ID, cert.StateAt(s.Clock())
	if v.OpenBids, err = s.openBidsOf(c.ctx, cert.Content); err != nil {
		return v, err
	}
	open, err := s.Renewals.Open(c.ctx, cert.ID)
	if err != nil {
		return v, err
	}
	terms, err := s.Renewals.Renewable(cert)
	v.PriceFen, v.TermDays = terms.PriceFen, int(terms.Term/(24*time.Hour))
	switch f := fault.Of(err); {
	case open != nil:
		v.Renewal, v.Renewable = open.ID, true
	case err == nil:
		v.Renewable, v.Due = true, true
	case f != nil:
		v.Refusal = s.refusalOf(f)
	default:
		return v, err
	}
	return v, nil
}

// refusalOf shows a refusal that is no answer to the request, but part of one.
func (s *Server) refusalOf(f *fault.Error) *failureView {
	return &failureView{Code: f.Code, TitleZH: f.ZH, TitleEN: f.EN, Extra: f.Extra}
}
