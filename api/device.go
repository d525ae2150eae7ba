package api

import (
	"context"
	"encoding/json"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
)

type deviceView struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Platform  string           `json:"platform"`
	CreatedAt string           `json:"created_at"`
	PIN       account.PINState `json:"pin"`
}

func showDevice(d *account.Device) deviceView {
	return deviceView{ID: d.ID, Name: d.Name, Platform: d.Platform, CreatedAt: stamp(d.CreatedAt), PIN: d.PIN}
}

// proven checks the proof of the device key (RFC 9449) on this very request: its
// method, its address under the public origin, its body. Every answer brings the
// nonce for the next one.
func (c *call) proven() (*account.Proof, error) {
	h := &c.f.Request().Header
	c.f.Set("DPoP-Nonce", c.s.Accounts.NextNonce())
	proofs := h.PeekAll("DPoP")
	if len(proofs) > 1 {
		return nil, account.ErrProof.With("claim", "header") // §4.3, check 1
	}
	in := account.ProofInput{
		Method: c.f.Method(), Body: c.f.Request().Body(),
		URL: c.s.Origin + string(c.f.Request().URI().PathOriginal()),
	}
	if len(proofs) == 1 {
		in.Proof = proofs[0]
	}
	p, err := c.s.Accounts.VerifyProof(c.ctx, in)
	if err != nil {
		return nil, err
	}
	return p, c.s.devices.allow(p.DeviceID)
}

// phone lets a registered phone pass that has proved itself.
func (c *call) phone() error {
	p, err := c.proven()
	if err != nil {
		return err
	}
	d, err := c.s.Accounts.Device(c.ctx, p.DeviceID)
	if err != nil {
		return err
	}
	c.device = d.ID
	return c.s.Accounts.Seen(c.ctx, d)
}

// postDevice registers the key that made the proof. Registering it again is the
// same device, so a lost reply costs nothing.
func (s *Server) postDevice(c *call) error {
	p, err := c.proven()
	if err != nil {
		return err
	}
	var name, platform string
	if err := c.read(object{{"name", &name, true}, {"platform", &platform, false}}); err != nil {
		return err
	}
	status := fiber.StatusOK
	if _, err := s.Accounts.Device(c.ctx, p.DeviceID); err != nil {
		status = fiber.StatusCreated // or refused below, where it is revoked
	}
	d, err := s.Accounts.RegisterDevice(c.ctx, c.address(), json.RawMessage(p.JWK), name, platform)
	if err != nil {
		return err
	}
	return c.json(status, showDevice(d))
}

func (s *Server) getDevice(c *call) error {
	d, err := s.Accounts.Device(c.ctx, c.device)
	if err != nil {
		return err
	}
	return c.ok(showDevice(d))
}

func (s *Server) patchDevice(c *call) error {
	var name string
	if err := c.read(object{{"name", &name, true}}); err != nil {
		return err
	}
	d, err := s.Accounts.RenameDevice(c.ctx, c.device, name)
	if err != nil {
		return err
	}
	return c.ok(showDevice(d))
}

// verified reads the verifier and answers with the pepper that it opens.
func (s *Server) verified(c *call, open func(ctx context.Context, device, verifier string) (string, error)) error {
	var verifier string
	if err := c.read(object{{"verifier", &verifier, true}}); err != nil {
		return err
	}
	pepper, err := open(c.ctx, c.device, verifier)
	if err != nil {
		return err
	}
	return c.ok(map[string]string{"pepper": pepper})
}

func (s *Server) postPIN(c *call) error       { return s.verified(c, s.Accounts.SetPIN) }
func (s *Server) postPINUnlock(c *call) error { return s.verified(c, s.Accounts.UnlockPIN) }

func (s *Server) postPINChange(c *call) error {
	var old, fresh string
	if err := c.read(object{{"verifier", &old, true}, {"new_verifier", &fresh, true}}); err != nil {
		return err
	}
	pepper, err := s.Accounts.ChangePIN(c.ctx, c.device, old, fresh)
	if err != nil {
		return err
	}
	return c.ok(map[string]string{"pepper": pepper})
}

func (s *Server) postPINReset(c *call) error {
	var acknowledged string
	if err := c.read(object{{"acknowledge", &acknowledged, false}}); err != nil {
		return err
	}
	d, err := s.Accounts.Device(c.ctx, c.device)
	if err != nil {
		return err
	}
	var note map[string]string
	if !d.PIN.Locked { // else the keys are lost already
		if note, err = s.losing(c.ctx, c.device, acknowledged); err != nil {
			return err
		}
	}
	if d, err = s.Accounts.ResetPIN(c.ctx, c.device, c.device, note); err != nil {
		return err
	}
	return c.ok(showDevice(d))
}
