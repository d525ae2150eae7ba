package renewal

import (
	"context"
	"errors"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/mobilecert"
	"certlink/store"
)

// finish completes an extension whose successor was made: the predecessor ends,
// the binding moves, the renewal is extended. Where the authority still has the
// request, nothing happens yet; CarrySuccessor comes back to it.
func (v *Service) finish(ctx context.Context, id string, c *mobilecert.Certificate, device string) error {
	if c.State == mobilecert.Waiting {
		return v.waits(ctx, id, c)
	}
	n, err := v.Get(ctx, id)
	if err != nil {
		return err
	}
	by := mobilecert.Actor{ID: c.Account.ID, Name: c.Account.Name}
	old, err := v.cfg.Certificates.Get(ctx, n.Certificate.ID)
	if err != nil {
		return err
	}
	// A predecessor that was revoked meanwhile has ended already.
	if _, err := v.cfg.Certificates.Supersede(ctx, old.ID, c.ID, c.ID, by); err != nil && !errors.Is(err, mobilecert.ErrCertificateState) {
		return err
	}
	if _, err := v.cfg.Bindings.Succeed(ctx, mobilecert.Succession{Old: old, New: c, Device: device, Evidence: c.ID, By: by, At: v.cfg.Clock()}); err != nil {
		return err
	}
	_, err = v.change(ctx, id, func(n *Renewal) error {
		if n.State == Extended {
			return store.ErrUnchanged
		}
		if n.State == Extension { // the sweeper had given it up; the certificate says better
			if err := n.move(Extending, v.cfg.Clock(), by, c.ID, ""); err != nil {
				return err
			}
		}
		until := c.NotAfter
		since := v.cfg.Clock()
		if n.Attempt != nil {
			since = n.Attempt.Since
		}
		n.Attempt = &Attempt{Statement: c.ID, Since: since, Successor: c.ID, Until: &until}
		n.Failure = ""
		return n.move(Extended, v.cfg.Clock(), by, c.ID, "")
	})
	return err
}

// waits notes which certificate the authority is to make.
func (v *Service) waits(ctx context.Context, id string, c *mobilecert.Certificate) error {
	_, err := v.change(ctx, id, func(n *Renewal) error {
		if n.State != Extending || n.Attempt.Successor == c.ID {
			return store.ErrUnchanged
		}
		n.Attempt.Successor = c.ID
		return nil
	})
	return err
}

// fail takes an extension back that was refused before anything was made: it waits
// to be extended again, with the reason beside it.
func (v *Service) fail(ctx context.Context, id, statement string, refusal error) error {
	n, err := v.Get(ctx, id)
	if err != nil {
		return err
	}
	if err := v.cfg.Bids.Release(ctx, n.Certificate.Content, statement); err != nil {
		return err
	}
	_, err = v.change(ctx, id, func(n *Renewal) error {
		if n.State != Extending || n.Attempt.Statement != statement {
			return store.ErrUnchanged
		}
		code := ""
		if f := fault.Of(refusal); f != nil {
			code = f.Code
		}
		n.Attempt, n.Failure = nil, code
		return n.move(Extension, v.cfg.Clock(), mobilecert.Actor{ID: n.Account.ID, Name: n.Account.Name}, statement, code)
	})
	return err
}

// CarrySuccessor is the handler for mobilecert.EffectSupersede: a successor was
// made. That of a token has yet to be proved by its holder, see Replace.
func (v *Service) CarrySuccessor(ctx context.Context, e effect.Effect) error {
	c, err := v.cfg.Certificates.Get(ctx, e.Data["successor"])
	if err != nil {
		return err
	}
	if c.Medium == mobilecert.UKey {
		return nil
	}
	n, err := v.Open(ctx, e.Data["certificate"])
	if err != nil {
		return err
	}
	if n == nil { // extended already, or not by a renewal
		return v.cfg.Certificates.CarrySupersede(ctx, e)
	}
	return v.finish(ctx, n.ID, c, c.Device)
}

// CarryOrder is the handler for what the cashier tells of a renewal's order.
func (v *Service) CarryOrder(ctx context.Context, e effect.Effect) error {
	_, err := v.change(ctx, e.Data["subject"], func(n *Renewal) error {
		now := v.cfg.Clock()
		switch event := e.Data["event"]; {
		case event == "paid" && n.State == Payment:
			n.Order = e.Data["order"]
			return n.move(Extension, now, n.By, "", "")
		case event == "paid" && n.State == Cancelled: // given up while it was being paid
			n.giveUp("cancelled", now)
			return nil
		case event == "closed" && n.State == Payment:
			return n.move(Cancelled, now, n.By, "", "order closed")
		case event == "refunded" && (n.State == Refunding || n.State == Extension):
			return n.move(Refunded, now, n.By, "", "")
		}
		return store.ErrUnchanged
	})
	return err
}

// CarryPrompt is the handler for how a question to the phone has ended.
func (v *Service) CarryPrompt(ctx context.Context, e effect.Effect) error {
	_, err := v.change(ctx, e.Data["collapse"], func(n *Renewal) error {
		if n.State != Extension || e.Data["purpose"] != n.AskedFor || n.AskedAt != nil && e.At.Before(*n.AskedAt) {
			return store.ErrUnchanged // of an earlier question
		}
		code := e.Data["code"]
		if code == "" {
			code = map[string]string{"rejected": ErrRejected.Code, "expired": confirm.ErrStatementExpired.Code}[e.Data["state"]]
		}
		if n.Failure == code {
			return store.ErrUnchanged
		}
		if n.Failure = code; code == "bids_open" {
			n.notify("renewal_guarded", v.cfg.Clock())
		}
		return nil
	})
	if errors.Is(err, ErrUnknown) { // the phone asked by itself, of no renewal
		return nil
	}
	return err
}

// CarryAcknowledged is the handler for bids.EffectAcknowledged: the phone is asked
// to extend what it has just acknowledged.
func (v *Service) CarryAcknowledged(ctx context.Context, e effect.Effect) error {
	c, err := v.cfg.Certificates.ByContent(ctx, e.Data["certificate"])
	if errors.Is(err, mobilecert.ErrCertificateUnknown) {
		return nil // of another authority: nothing is extended here
	}
	if err != nil {
		return err
	}
	n, err := v.Open(ctx, c.ID)
	if err != nil || n == nil {
		return err
	}
	_, err = v.change(ctx, n.ID, func(n *Renewal) error {
		// Told twice, it asks once: the question after an acknowledgement is "extend".
		if n.State != Extension || n.AskedFor == "extend" && n.Failure == "" {
			return store.ErrUnchanged
		}
		n.ask("extend", v.cfg.Clock(), n.By.ID)
		return nil
	})
	return err
}
