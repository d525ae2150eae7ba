package api

import (
	"context"

	"certlink/account"
	"certlink/mobilecert"
)

// ownedPhoneView is a phone as those see it who may take it out of use.
type ownedPhoneView struct {
	ID           string                `json:"id"`
	Name         string                `json:"name"`
	Platform     string                `json:"platform"`
	CreatedAt    string                `json:"created_at"`
	SeenAt       string                `json:"seen_at"`
	RemovedAt    string                `json:"removed_at,omitempty"`
	PINLocked    bool                  `json:"pin_locked"`
	Certificates []mobilecert.HeldView `json:"certificates"`
	Others       int                   `json:"others"` // that the reader may not see
	OpenBids     *openBids             `json:"open_bids,omitempty"`
	Acts         []string              `json:"acts"`
}

// ownedPhonesView is one page, and whose phones they are.
type ownedPhonesView struct {
	Account accountView      `json:"account"`
	Items   []ownedPhoneView `json:"items"`
	Next    string           `json:"next"`
}

// getAccountDevices lists the phones that hold certificates of an account: to itself,
// its organisation's admin, and operators. They are few, so that all are on one page.
func (s *Server) getAccountDevices(c *call) error {
	id, err := c.id("id", account.ErrUnknown)
	if err != nil {
		return err
	}
	a, err := s.Accounts.GetAccount(c.ctx, c.who, id)
	if err != nil {
		return err
	}
	if err := c.asks().MayManage(a.ID, a.OrganisationID); err != nil {
		return err
	}
	phones, err := mobilecert.PhonesOfAccount(c.ctx, s.Certificates, s.Bindings, a.ID)
	if err != nil {
		return err
	}
	out := ownedPhonesView{Account: showAccount(a), Items: []ownedPhoneView{}}
	var gone []ownedPhoneView
	for _, id := range phones {
		d, err := s.Accounts.FindDevice(c.ctx, id)
		if err != nil {
			return err
		}
		v, err := s.showOwnedPhone(c, d)
		if err != nil {
			return err
		}
		if d.RevokedAt != nil {
			gone = append(gone, v)
			continue
		}
		out.Items = append(out.Items, v)
	}
	out.Items = append(out.Items, gone...)
	return c.ok(out)
}

func (s *Server) showOwnedPhone(c *call, d *account.Device) (v ownedPhoneView, err error) {
	v = ownedPhoneView{ID: d.ID, Name: d.Name, Platform: d.Platform, CreatedAt: stamp(d.CreatedAt), SeenAt: stamp(d.LastSeen()), RemovedAt: stampOr(d.RevokedAt),
		PINLocked: d.PIN.Locked, Certificates: []mobilecert.HeldView{}, Acts: []string{}}
	held, err := s.held(c.ctx, d.ID)
	if err != nil {
		return v, err
	}
	by := c.asks()
	for _, h := range held {
		if by.MayLose(h) {
			v.Certificates = append(v.Certificates, h.View(s.Catalogue, s.Clock()))
		} else {
			v.Others++
		}
	}
	if d.RevokedAt != nil {
		return v, nil
	}
	if by.MayTake(held) == nil {
		v.Acts = append(v.Acts, "remove")
	}
	needed, err := s.Bids.NeededOf(c.ctx, d.ID)
	if err == nil && len(needed.Open) > 0 {
		v.OpenBids = &openBids{len(needed.Open), stamp(needed.Open[len(needed.Open)-1].OpensAt)}
	}
	return v, err
}

func (s *Server) held(ctx context.Context, device string) ([]mobilecert.Held, error) {
	return mobilecert.HeldBy(ctx, s.Certificates, s.Bindings, device)
}

// deleteDevice takes a phone out of use for good: its keys are lost with it.
func (s *Server) deleteDevice(c *call) error {
	device, err := c.id("id", account.ErrDeviceUnknown)
	if err != nil {
		return err
	}
	d, err := s.Accounts.FindDevice(c.ctx, device)
	if err != nil {
		return err
	}
	held, err := s.held(c.ctx, device)
	if err != nil {
		return err
	}
	if err := c.asks().MayTake(held); err != nil {
		return err
	}
	var note map[string]string
	if d.RevokedAt == nil {
		acknowledged, err := c.query("acknowledge", 64)
		if err != nil {
			return err
		}
		if note, err = s.losing(c.ctx, device, acknowledged); err != nil {
			return err
		}
	}
	if _, err := s.Accounts.RevokeDevice(c.ctx, device, c.who.ID(), mobilecert.Holders(held), note); err != nil {
		return err
	}
	return c.nothing()
}
