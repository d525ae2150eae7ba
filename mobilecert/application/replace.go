package application

import (
	"context"
	"time"

	"certlink/mobilecert"
)

// current is the certificate that an application has come to: the one that was issued
// for it, or what an extension has put in its place. nil before one was issued.
func (s *Service) current(ctx context.Context, a *Application) (*mobilecert.Certificate, error) {
	if a.Certificate == "" {
		return nil, nil
	}
	return s.cfg.Certificates.Last(ctx, a.Certificate)
}

// replaceable says whether another mobile certificate may be had in the place of this
// one: it was revoked, and its term, which the other will end with, is not over.
func replaceable(c *mobilecert.Certificate, now time.Time) bool {
	return c != nil && c.Medium != mobilecert.UKey && c.State == mobilecert.Revoked && now.Before(c.NotAfter)
}

// Replace begins to get another mobile certificate in place of one that was revoked,
// because its phone is lost for instance: the identity is verified anew, and nothing
// is paid again.
func (s *Service) Replace(ctx context.Context, by mobilecert.Who, id string) (*Application, error) {
	a, err := s.Read(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if !a.mine(by) {
		return nil, ErrUnknown
	}
	c, err := s.current(ctx, a)
	if err != nil {
		return nil, err
	}
	if !replaceable(c, s.cfg.Clock()) {
		return nil, ErrNotReplaceable.With("state", string(a.State))
	}
	was := a.Certificate
	return s.own(ctx, by, id, func(a *Application, now time.Time, actor mobilecert.Actor) error {
		if a.Certificate != was || a.ErasedAt != nil {
			return ErrNotReplaceable.With("state", string(a.State))
		}
		a.Replaces, a.Proof = c.ID, Proof{}
		return a.move(replace, Identity, now, actor, "")
	})
}

// Standing is how the certificate of an application stands.
type Standing struct {
	Certificate string    `json:"certificate"`
	State       string    `json:"state"`
	NotAfter    time.Time `json:"not_after"`
}
