package api

import (
	"github.com/gofiber/fiber/v2"

	"certlink/mobilecert/identity"
	"certlink/mobilecert/identity/sandbox"
)

type facePage struct {
	Face sandbox.Face
	Here string
}

// facePage is where a check of the sandbox is done: whoever tries certlink decides
// there what the service finds.
func (s *Server) facePage(c *call) error {
	id, err := c.id("id", identity.ErrCheckUnknown)
	if err != nil {
		return err
	}
	f, err := s.FaceSandbox.Look(id)
	if err != nil {
		return err
	}
	return c.show(fiber.StatusOK, "sandboxface.html", facePage{f, "/sandbox/face/" + f.ID})
}

func (s *Server) faceAct(c *call) error {
	id, err := c.id("id", identity.ErrCheckUnknown)
	if err != nil {
		return err
	}
	act, err := c.form("act", 16)
	if err != nil {
		return err
	}
	if err := s.FaceSandbox.Do(c.ctx, id, sandbox.Act(act)); err != nil {
		return err
	}
	return c.redirect(fiber.StatusSeeOther, "/sandbox/face/"+id)
}
