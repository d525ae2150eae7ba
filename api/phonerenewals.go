package api

import (
	"encoding/base64"

	"github.com/gofiber/fiber/v2"

	"certlink/confirm"
	"certlink/internal/id"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/renewal"
	"certlink/push"
	"certlink/store"
	"certlink/trust"
)

// phoneRenewalRoutes are what the phone begins by itself: 我的证书 → 更多 → 延期.
func (s *Server) phoneRenewalRoutes() {
	phone := (*call).phone
	s.add("POST", "/v1/phone/certificates/:id/extend", phone, s.postPhoneExtend)
	s.add("POST", "/v1/phone/certificates/:id/acknowledge", phone, s.postPhoneAcknowledge)
	s.add("GET", "/v1/phone/certificates/:id/bids", phone, s.getPhoneBids)
	s.add("POST", "/v1/phone/certificates/:id/rehearsals", phone, s.postRehearsal)
	s.add("POST", "/v1/phone/rehearsals/:id", phone, s.postRehearsalAnswer)
}

// phoneCertificateView is a certificate with what its phone can do about it.
type phoneCertificateView struct {
	mobilecert.PhoneCertificate
	// Renewal is the one under way.
	Renewal  *phoneRenewalView `json:"renewal,omitempty"`
	OpenBids *openBids         `json:"open_bids,omitempty"`
	// KeepUntil is the last opening of a bid under a certificate that has ended: until
	// then its key must stay, to decrypt.
	KeepUntil string `json:"keep_until,omitempty"`
}

type phoneRenewalView struct {
	ID    string        `json:"id"`
	State renewal.State `json:"state"`
}

func (s *Server) phoneExtras(c *call, cert *mobilecert.Certificate, v *phoneCertificateView) error {
	var err error
	if v.OpenBids, err = s.openBidsOf(c.ctx, cert.Content); err != nil {
		return err
	}
	if cert.Extendable() != nil {
		if v.OpenBids != nil {
			v.KeepUntil = v.OpenBids.LastOpening
		}
		return nil
	}
	n, err := s.Renewals.Open(c.ctx, cert.ID)
	if err == nil && n != nil {
		v.Renewal = &phoneRenewalView{n.ID, n.State}
	}
	return err
}

// ofPhone finds a certificate of this phone by its fingerprint. Any other is
// answered like one that does not exist.
func (s *Server) ofPhone(c *call) (*mobilecert.Certificate, error) {
	fingerprint, err := c.id("id", mobilecert.ErrCertificateUnknown)
	if err != nil {
		return nil, err
	}
	var at store.Cursor
	for {
		list, next, err := s.Certificates.ListByDevice(c.ctx, c.device, at, 100)
		if err != nil {
			return nil, err
		}
		for _, cert := range list {
			if cert.Fingerprint == fingerprint {
				return cert, nil
			}
		}
		if next == "" {
			return nil, mobilecert.ErrCertificateUnknown
		}
		at = next
	}
}

// postPhoneExtend puts the extension before the phone that asks for it.
func (s *Server) postPhoneExtend(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	cert, err := s.ofPhone(c)
	if err != nil {
		return err
	}
	n, err := s.Renewals.Open(c.ctx, cert.ID)
	if err == nil && n == nil {
		if err = cert.Extendable(); err == nil {
			err = renewal.ErrNeeded
		}
	}
	if err != nil {
		return err
	}
	return s.askSelf(c, cert, "extend", n.ID)
}

// postPhoneAcknowledge puts the list of open bids before the phone, to be signed.
func (s *Server) postPhoneAcknowledge(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	cert, err := s.ofPhone(c)
	if err != nil {
		return err
	}
	n, err := s.Renewals.Open(c.ctx, cert.ID)
	if err != nil {
		return err
	}
	collapse := cert.ID
	if n != nil {
		collapse = n.ID // the same question that the page may have asked
	}
	return s.askSelf(c, cert, "acknowledge", collapse)
}

// askSelf opens a prompt for the very phone that asks.
func (s *Server) askSelf(c *call, cert *mobilecert.Certificate, purpose, collapse string) error {
	requester := confirm.Requester{IP: c.ip(), Browser: browserName(c.header(fiber.HeaderUserAgent))}
	p, err := s.Prompts.Open(c.ctx, push.PromptRequest{
		ID: id.New(), Device: c.device, Deadline: s.Clock().Add(askedNow), Collapse: collapse, Self: true,
		Request: confirm.Request{Purpose: purpose, Actor: cert.Account, Subject: cert.Account, Requester: requester,
			Params: map[string]string{"certificate": cert.ID}},
	})
	if err != nil {
		return err
	}
	return c.json(fiber.StatusCreated, map[string]string{"prompt": p.ID})
}

type rehearsalView struct {
	ID         string              `json:"id"`
	State      bids.RehearsalState `json:"state"`
	Algorithm  trust.Algorithm     `json:"algorithm"`
	Ciphertext []byte              `json:"ciphertext,omitempty"`
}

// postRehearsal makes a challenge for the encryption key of a certificate of this
// phone: also of one that was extended since.
func (s *Server) postRehearsal(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	cert, err := s.ofPhone(c)
	if err != nil {
		return err
	}
	r, sealed, err := s.Bids.Rehearse(c.ctx, c.device, cert)
	if err != nil {
		return err
	}
	return c.json(fiber.StatusCreated, rehearsalView{r.ID, r.State, r.Algorithm, sealed})
}

// postRehearsalAnswer takes what the phone has decrypted.
func (s *Server) postRehearsalAnswer(c *call) error {
	rehearsal, err := c.id("id", bids.ErrRehearsal)
	if err != nil {
		return err
	}
	var answer string
	if err := c.read(object{{"plaintext", &answer, true}}); err != nil {
		return err
	}
	plain, err := base64.StdEncoding.DecodeString(answer)
	if err != nil {
		return ErrRequest.At("/plaintext", "应为 base64", "must be base64")
	}
	r, err := s.Bids.Answer(c.ctx, c.device, rehearsal, plain)
	if err != nil {
		return err
	}
	return c.ok(rehearsalView{r.ID, r.State, r.Algorithm, nil})
}

func (s *Server) getPhoneBids(c *call) error {
	cert, err := s.ofPhone(c)
	if err != nil {
		return err
	}
	v, err := s.showGuard(c.ctx, cert)
	if err != nil {
		return err
	}
	return c.ok(v)
}
