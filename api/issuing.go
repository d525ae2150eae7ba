package api

import (
	"encoding/base64"
	"strings"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/mobilecert"
)

// issuingRoutes are about certificates in the making: those that programs have issued,
// and the table of the reviewers who take requests to an authority that has no interface.
func (s *Server) issuingRoutes() {
	signedIn, reviewer := (*call).signedIn, role(account.Reviewer)
	s.add("POST", "/v1/certificates", signedIn, role(account.Integrator), s.postCertificate)
	s.add("GET", "/v1/issuing", signedIn, reviewer, s.getIssuing)
	s.add("GET", "/v1/issuing/:id/request", signedIn, reviewer, s.getIssuingRequest)
	s.add("POST", "/v1/issuing/:id/certificate", signedIn, reviewer, s.postIssuingCertificate)
	s.add("POST", "/v1/issuing/:id/decline", signedIn, reviewer, s.postIssuingDecline)
}

// postCertificate issues for programs whose own registration has checked the person.
func (s *Server) postCertificate(c *call) error {
	var request, product, accountID, text string
	if err := c.read(object{{"request", &request, true}, {"product", &product, true}, {"account", &accountID, true}, {"csr", &text, true}}); err != nil {
		return err
	}
	if !plain(request) {
		return ErrRequest.At("/request", "1 至 64 个字母、数字、- 或 _", "1 to 64 letters, digits, - and _")
	}
	csr, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(csr) == 0 {
		return ErrRequest.At("/csr", "应为 base64 编码的 DER", "must be DER in base64")
	}
	a, o, err := s.person(c, "/account", accountID)
	if err != nil {
		return err
	}
	if err := s.Accounts.Standing(c.ctx, a.ID); err != nil {
		return err
	}
	cert, err := s.Certificates.IssueDirect(c.ctx, mobilecert.Direct{
		Request: request, By: c.actor(), Product: product, CSR: csr,
		Person: &mobilecert.Person{ID: a.ID, Login: a.Login, Name: a.Name, IDNumber: a.IDNumber, OrganisationID: o.ID, Organisation: o.Name, CreditCode: o.CreditCode},
	})
	if err != nil {
		return err
	}
	return c.json(fiber.StatusCreated, cert.Direct(s.Clock()))
}

func (s *Server) getIssuing(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	list, next, err := s.Certificates.ListWaiting(c.ctx, after, limit)
	if err != nil {
		return err
	}
	return c.ok(s.records(list, next, c.asks()))
}

func (c *call) actor() mobilecert.Actor {
	return mobilecert.Actor{ID: c.who.Account.ID, Name: c.who.Account.Name}
}

// getIssuingRequest hands out the request as a file to give to the authority.
func (s *Server) getIssuingRequest(c *call) error {
	id, err := c.id("id", mobilecert.ErrCertificateUnknown)
	if err != nil {
		return err
	}
	cert, pem, err := s.Certificates.TakeRequest(c.ctx, id, c.actor())
	if err != nil {
		return err
	}
	c.f.Response().Header.SetContentType("application/pkcs10")
	c.f.Set(fiber.HeaderContentDisposition, `attachment; filename="request-`+cert.ID+`.csr"`)
	c.f.Response().SetBodyRaw(pem)
	return nil
}

func (s *Server) postIssuingCertificate(c *call) error {
	id, err := c.id("id", mobilecert.ErrCertificateUnknown)
	if err != nil {
		return err
	}
	var certificate, encryption, envelope string
	if err := c.read(object{{"certificate", &certificate, true}, {"encryption_certificate", &encryption, false}, {"envelope", &envelope, false}}); err != nil {
		return err
	}
	cert, err := s.Certificates.Bring(c.ctx, id, mobilecert.Brought{
		Certificate: fileText(certificate), Encryption: fileText(encryption), Envelope: fileText(envelope),
	}, c.actor())
	if err != nil {
		return err
	}
	return c.ok(cert.Record(s.Catalogue, s.Certificates.Product(cert.Product), c.asks(), s.Clock()))
}

// fileText reads what a page sends of a file: PEM as it is, or DER in base64.
func fileText(s string) []byte {
	if !strings.Contains(s, "-----BEGIN") {
		if der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), "")); err == nil {
			return der
		}
	}
	return []byte(s)
}

func (s *Server) postIssuingDecline(c *call) error {
	id, err := c.id("id", mobilecert.ErrCertificateUnknown)
	if err != nil {
		return err
	}
	var reason string
	if err := c.read(object{{"reason", &reason, true}}); err != nil {
		return err
	}
	cert, err := s.Certificates.Decline(c.ctx, id, reason, c.actor())
	if err != nil {
		return err
	}
	return c.ok(cert.Record(s.Catalogue, s.Certificates.Product(cert.Product), c.asks(), s.Clock()))
}
