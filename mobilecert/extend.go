package mobilecert

import (
	"context"
	"errors"
	"time"

	"certlink/internal/effect"
	"certlink/trust"
)

// Extension asks for the successor of a certificate: for the same holder, with
// the same key or a new one, for another term.
type Extension struct {
	ID                  string // of the signed statement
	Certificate         string // the predecessor's id
	Device              string // that signed, and will hold the successor
	CSR                 *trust.CSR
	NotBefore, NotAfter time.Time
	At                  time.Time // when the statement was accepted
}

// EffectSupersede is owed when the successor of a certificate has been made: the
// predecessor ends. Its data are "certificate" and "successor", both ids.
const EffectSupersede = "certificate.supersede"

// Extend makes the successor of a certificate, or finds it made, and ends the
// predecessor. Both stand in one chain of writes: the intent takes the predecessor
// (so that it is extended once), and what was issued owes its end.
func (v *Certificates) Extend(ctx context.Context, in Extension) (*Certificate, error) {
	old, err := v.Get(ctx, in.Certificate)
	if err != nil {
		return nil, err
	}
	done, err := v.Get(ctx, in.ID)
	if err != nil || done.State == Issuing {
		if err := old.extendable(); err != nil {
			return nil, err
		}
		if done, err = v.extend(ctx, in, old); err != nil {
			return nil, err
		}
	}
	if done.State != Issued {
		return done, nil // the authority still has it; the old one counts meanwhile
	}
	_, err = v.Supersede(ctx, old.ID, done.ID, done.ID, Actor{ID: done.Account.ID, Name: done.Account.Name})
	return done, ended(err)
}

func (v *Certificates) extend(ctx context.Context, in Extension, old *Certificate) (*Certificate, error) {
	product := v.cfg.Products.find(old.Product)
	if product == nil {
		return nil, ErrProductUnknown
	}
	who, err := v.Names(old)
	if err != nil {
		return nil, err
	}
	return v.Issue(ctx, Issuance{
		ID: in.ID, Product: product, Account: old.Account, Device: in.Device, CSR: in.CSR, Subject: old.Subject,
		Person: who.Person, CreditCode: who.Organisation, NotBefore: in.NotBefore, NotAfter: in.NotAfter, At: in.At, Predecessor: old,
	})
}

// Names is whom a certificate names, by its provider's rules of where that stands.
func (v *Certificates) Names(c *Certificate) (*trust.Identity, error) {
	cert, err := trust.ParseCertificate(c.DER)
	if err != nil {
		return nil, err
	}
	policy, err := v.cfg.Catalogue.Policy(c.Provider)
	if err != nil {
		return nil, err
	}
	who := trust.Identify(cert, policy.Identifiers)
	return &who, nil
}

// extendable says why a certificate can have no successor.
func (c *Certificate) extendable() error {
	if c.State != Issued {
		if err := c.State.standing(); err != nil {
			return err
		}
		return ErrCertificateState.With("state", string(c.State))
	}
	return nil
}

// CarrySupersede ends the predecessor of a certificate that was issued; the
// relay's handler for EffectSupersede.
func (v *Certificates) CarrySupersede(ctx context.Context, e effect.Effect) error {
	next, err := v.Get(ctx, e.Data["successor"])
	if err != nil {
		return err
	}
	_, err = v.Supersede(ctx, e.Data["certificate"], next.ID, next.ID, Actor{ID: next.Account.ID, Name: next.Account.Name})
	return ended(err)
}

// ended takes a predecessor that was revoked meanwhile for one that has ended.
func ended(err error) error {
	if errors.Is(err, ErrCertificateState) {
		return nil
	}
	return err
}
