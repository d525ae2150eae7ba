package api

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"certlink/mobilecert/renewal"
	"certlink/mobilecert/renewal/site/sandbox"
)

// postSiteNotice takes the call-back of an authority's site. What is signed are its
// bytes; the site is then asked for how the extension stands.
func (s *Server) postSiteNotice(c *call) error {
	if err := s.Renewals.Notice(c.ctx, c.header, c.f.Request().Body()); err != nil {
		return err
	}
	return c.nothing()
}

type sitePage struct {
	Case  *sandbox.Case
	Until *time.Time
	Here  string
}

// Over: nothing can be done on the page.
func (p sitePage) Over() bool {
	return p.Case.SignedIn && (p.Case.Step == renewal.StepDone || p.Case.Step == renewal.StepRejected)
}

// sitePage is the sandbox's page: whoever tries certlink plays the holder there, and
// the authority's clerk.
func (s *Server) sitePage(c *call) error {
	id, err := c.id("id", renewal.ErrUnknown)
	if err != nil {
		return err
	}
	k, err := s.SiteSandbox.Look(c.ctx, id)
	if err != nil {
		return err
	}
	p := sitePage{Case: k, Here: "/sandbox/extension/" + k.ID}
	if until, err := time.Parse(time.RFC3339, k.Until); err == nil {
		p.Until = &until
	}
	return c.show(fiber.StatusOK, "sandboxsite.html", p)
}

func (s *Server) siteAct(c *call) error {
	id, err := c.id("id", renewal.ErrUnknown)
	if err != nil {
		return err
	}
	act, err := c.form("act", 16)
	if err != nil {
		return err
	}
	if err := s.SiteSandbox.Do(c.ctx, id, sandbox.Act(act)); err != nil {
		return err
	}
	return c.redirect(fiber.StatusSeeOther, "/sandbox/extension/"+id)
}
