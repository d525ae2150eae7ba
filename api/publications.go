package api

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Publications are what an authority puts where everybody can fetch it: its
// certificates and revocation lists, and answers by OCSP (RFC 6960).
type Publications struct {
	Files []Publication
	// OCSP answers one request; nil where there is no responder.
	OCSP func(ctx context.Context, der []byte) []byte
}

// Publication is one file under /ca.
type Publication struct {
	Path string // "/ca/…"
	Type string // its media type
	Get  func(ctx context.Context) ([]byte, error)
}

// OCSPPath is where OCSP requests are posted to, and below which they are asked by GET.
const OCSPPath = "/ca/ocsp"

func (s *Server) publish() {
	if s.Authority == nil {
		return
	}
	for _, p := range s.Authority.Files {
		s.add("GET", p.Path, func(c *call) error {
			body, err := p.Get(c.ctx)
			if err != nil {
				return err
			}
			c.f.Response().Header.SetContentType(p.Type)
			c.f.Set(fiber.HeaderCacheControl, "max-age=300")
			c.f.Response().SetBodyRaw(body)
			return nil
		})
	}
	if s.Authority.OCSP == nil {
		return
	}
	s.add("POST", OCSPPath, func(c *call) error {
		if err := c.media("application/ocsp-request"); err != nil {
			return err
		}
		return s.answerOCSP(c, c.f.Body())
	})
	s.add("GET", OCSPPath+"/*", func(c *call) error {
		// RFC 6960 A.1: the request in base64, and that escaped for an address. It is
		// read as it was sent: slashes and plus signs are part of it.
		sent := strings.TrimPrefix(string(c.f.Request().URI().PathOriginal()), OCSPPath+"/")
		text, err := url.PathUnescape(sent)
		if err != nil {
			text = ""
		}
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			der = nil // answered as malformed, in the protocol's own words
		}
		return s.answerOCSP(c, der)
	})
}

func (s *Server) answerOCSP(c *call, der []byte) error {
	c.f.Response().Header.SetContentType("application/ocsp-response")
	c.f.Response().SetBodyRaw(s.Authority.OCSP(c.ctx, der))
	return nil
}
