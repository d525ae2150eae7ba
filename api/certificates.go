package api

import (
	"context"
	"slices"
	"strings"

	"certlink/mobilecert"
	"certlink/store"
)

// certificateRoutes are about certificates that were issued or recorded here: the
// lists of those who hold them, and their end.
func (s *Server) certificateRoutes() {
	s.add("GET", "/v1/certificates", (*call).signedIn, s.getCertificates)
	s.add("POST", "/v1/certificates/:id/revoke", (*call).signedIn, s.postRevoke)
	s.add("POST", "/v1/phone/certificates/:id/revoke", (*call).phone, s.postPhoneRevoke)
}

// getCertificates lists one's own, those of the organisation for its admin, or, for
// staff, what is looked for: by serial number, or of one organisation; the latest
// revoked ones without either.
func (s *Server) getCertificates(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	scope, err := c.choice("scope", "mine", "organisation", "all")
	if err != nil {
		return err
	}
	serial, err := c.query("serial", 64)
	if err != nil {
		return err
	}
	organisation, err := c.query("organisation", 64)
	if err != nil {
		return err
	}
	by := c.asks()
	list := func(ctx context.Context) ([]*mobilecert.Certificate, store.Cursor, error) {
		return s.Certificates.ListByAccount(ctx, by.Account, after, limit)
	}
	switch {
	case scope == "organisation" && !by.Admin, scope == "all" && !by.Staff:
		return mobilecert.ErrNotYourAccount
	case scope == "organisation":
		list = func(ctx context.Context) ([]*mobilecert.Certificate, store.Cursor, error) {
			return s.Certificates.ListByOrganisation(ctx, by.Organisation, after, limit)
		}
	case scope == "all":
		list = func(ctx context.Context) ([]*mobilecert.Certificate, store.Cursor, error) {
			switch {
			case serial != "":
				return s.Certificates.ListBySerial(ctx, serial, after, limit)
			case organisation != "":
				return s.Certificates.ListByOrganisation(ctx, organisation, after, limit)
			}
			return s.Certificates.ListRevoked(ctx, after, limit)
		}
	}
	found, next, err := list(c.ctx)
	if err != nil {
		return err
	}
	return c.ok(s.records(found, next, by))
}

func (s *Server) records(list []*mobilecert.Certificate, next store.Cursor, by mobilecert.Who) page[mobilecert.RecordView] {
	out := page[mobilecert.RecordView]{Items: []mobilecert.RecordView{}, Next: string(next)}
	for _, cert := range list {
		out.Items = append(out.Items, cert.Record(s.Catalogue, s.Certificates.Product(cert.Product), by, s.Clock()))
	}
	return out
}

// readEnd reads why a certificate is revoked.
func (c *call) readEnd() (mobilecert.Reason, error) {
	var reason string
	if err := c.read(object{{"reason", &reason, true}}); err != nil {
		return "", err
	}
	if !slices.Contains(mobilecert.Reasons, reason) {
		list := strings.Join(mobilecert.Reasons, ", ")
		return "", ErrRequest.At("/reason", "可选："+list, "must be one of "+list)
	}
	return mobilecert.Reason(reason), nil
}

// postRevoke ends a certificate that was issued here: its account may, that
// organisation's admin, and those who run the installation.
func (s *Server) postRevoke(c *call) error {
	id, err := c.id("id", mobilecert.ErrCertificateUnknown)
	if err != nil {
		return err
	}
	reason, err := c.readEnd()
	if err != nil {
		return err
	}
	cert, err := s.Certificates.RevokeBy(c.ctx, id, c.asks(), reason)
	if err != nil {
		return err
	}
	v, err := cert.View(s.Catalogue, s.Clock())
	if err != nil {
		return err
	}
	return c.ok(v)
}

// postPhoneRevoke ends a certificate for the phone that holds its key. No PIN is
// asked for: who fears for the key must not be held up, and all that a stranger with
// the phone could do by it is to make the key useless.
func (s *Server) postPhoneRevoke(c *call) error {
	reason, err := c.readEnd()
	if err != nil {
		return err
	}
	cert, err := s.ofPhone(c)
	if err != nil {
		return err
	}
	cert, err = s.Certificates.Revoke(c.ctx, cert.ID, mobilecert.Actor{ID: cert.Account.ID, Name: cert.Account.Name}, reason)
	if err != nil {
		return err
	}
	b, err := s.Bindings.OfIssued(c.ctx, cert)
	if err != nil {
		return err
	}
	v := phoneCertificateView{PhoneCertificate: cert.PhoneView(s.Catalogue, b, s.Clock())}
	if err := s.phoneExtras(c, cert, &v); err != nil {
		return err
	}
	return c.ok(v)
}
