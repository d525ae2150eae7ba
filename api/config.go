package api

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/mobilecert"
)

type configView struct {
	Name       string                   `json:"name"`
	Version    string                   `json:"version"`
	Demo       bool                     `json:"demo"`
	Origin     string                   `json:"origin"`
	Languages  []string                 `json:"languages"`
	TypedCode  bool                     `json:"typed_code"`
	Bridge     *Bridge                  `json:"bridge,omitempty"`
	DemoLogins []account.DemoLogin      `json:"demo_logins,omitempty"`
	Products   []mobilecert.ProductView `json:"products,omitempty"`
}

// getConfig is what pages need to know before anybody has signed in.
func (s *Server) getConfig(c *call) error {
	v := configView{Name: "certlink", Version: s.Version, Demo: s.Demo, Origin: s.Origin, Languages: []string{"zh-CN", "en"}, TypedCode: true}
	if s.Bridge.Origin != "" {
		v.Bridge = &s.Bridge
	}
	if s.Demo {
		v.DemoLogins = s.Accounts.DemoLogins()
		for _, p := range s.Products {
			if !p.Demo {
				continue
			}
			v.Products = append(v.Products, p.View())
		}
	}
	return c.ok(v)
}

// otherSites lets pages of the sites that the operator named ask by the browser
// secret. Cookies never work across sites: no answer here allows credentials.
func (s *Server) otherSites(c *call) error {
	if origin := c.header(fiber.HeaderOrigin); origin != "" && slices.Contains(s.WidgetOrigins, origin) {
		c.f.Set(fiber.HeaderAccessControlAllowOrigin, origin)
		c.f.Set(fiber.HeaderAccessControlExposeHeaders, "Retry-After, X-Request-Id, Date")
	}
	if len(s.WidgetOrigins) > 0 {
		c.f.Vary(fiber.HeaderOrigin)
	}
	return nil
}

// preflight answers the question that browsers ask before (Fetch, CORS-preflight).
func (s *Server) preflight(path string) {
	s.add("OPTIONS", path, s.otherSites, func(c *call) error {
		c.f.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST")
		c.f.Set(fiber.HeaderAccessControlAllowHeaders, "Accept-Language, Content-Type, Last-Event-ID, "+browserHeader)
		c.f.Set(fiber.HeaderAccessControlMaxAge, "600")
		return c.nothing()
	})
}
