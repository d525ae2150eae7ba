package renewal

import (
	"context"
	"errors"
	"time"

	"certlink/confirm"
	"certlink/internal/fault"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/trust"
)

// Course is the extension of a token's certificate, in two clicks: the first leads
// to the authority's site, the second is made there once its review is done, and
// is the one that people forget.
type Course struct {
	Ref  string `json:"ref"`
	URL  string `json:"url"`
	Step Step   `json:"step"`
	Note string `json:"note,omitempty"`
	// LeftAt is the first click, SteppedAt when the present step was learnt of.
	LeftAt    time.Time `json:"left_at"`
	SteppedAt time.Time `json:"stepped_at"`
	// Proved: the holder has signed with the new certificate, and the binding moved.
	Proved bool `json:"proved,omitempty"`
}

// Leave is 去延期: it opens the extension at the authority's site, or finds it open,
// and says where the person goes on. Open bids stop it.
func (v *Service) Leave(ctx context.Context, by mobilecert.Who, id, back string) (*Renewal, error) {
	n, err := v.Read(ctx, by, id)
	switch {
	case err != nil:
		return nil, err
	case n.Certificate.Medium != mobilecert.UKey:
		return nil, ErrPhone
	case n.State == Extending && n.Course != nil:
		return n, nil // the way back to the site
	case n.State != Extension:
		return nil, ErrState.With("state", string(n.State))
	case v.cfg.Site == nil:
		return nil, ErrSite.With("phones", v.cfg.Catalogue.PhonesOf(n.Certificate.Provider))
	}
	old, err := v.cfg.Certificates.Get(ctx, n.Certificate.ID)
	if err != nil {
		return nil, err
	}
	if err := old.Extendable(); err != nil {
		return nil, err
	}
	if err := v.cfg.Bids.Pass(ctx, n.Certificate.Content, n.Account.ID, n.Account.OrganisationID, n.ID); err != nil {
		return nil, err
	}
	now := v.cfg.Clock()
	order, err := v.cfg.Site.Begin(ctx, SiteRequest{Renewal: n.ID, Certificate: old.DER, Back: back,
		Until: stamp(termFrom(now, old.NotAfter).Add(n.Term))})
	if err != nil {
		err = ErrSite.Because(err).With("phones", v.cfg.Catalogue.PhonesOf(n.Certificate.Provider))
		return nil, errors.Join(err, v.cfg.Bids.Release(ctx, n.Certificate.Content, n.ID))
	}
	return v.change(ctx, id, func(n *Renewal) error {
		if n.State == Extending {
			return store.ErrUnchanged
		}
		n.Attempt, n.Failure = &Attempt{Since: now}, ""
		n.Course = &Course{Ref: order.Ref, URL: order.URL, Step: StepMaterial, LeftAt: now, SteppedAt: now}
		return n.move(Extending, now, mobilecert.Actor{ID: by.Account, Name: by.Name}, "", "at the authority")
	})
}

// poll asks the authority how an extension stands, and follows it.
func (v *Service) poll(ctx context.Context, n *Renewal) error {
	if v.cfg.Site == nil {
		return nil
	}
	st, err := v.cfg.Site.Status(ctx, n.Course.Ref)
	if err != nil {
		return nil // the authority is away; it is asked again in a while
	}
	if st.Step == StepDone && st.Certificate != nil {
		_, err := v.Deliver(ctx, mobilecert.Actor{ID: "authority"}, n.ID, st.Certificate)
		return refusedFor(err)
	}
	if st.Step == StepRejected {
		return v.rejected(ctx, n, st.Note)
	}
	_, err = v.change(ctx, n.ID, func(n *Renewal) error {
		if n.State != Extending || n.Course == nil || n.Course.Step == st.Step {
			return store.ErrUnchanged
		}
		n.Course.Step, n.Course.Note, n.Course.SteppedAt = st.Step, st.Note, v.cfg.Clock()
		if st.Step == StepApproved { // the second click is easily forgotten
			n.notify("renewal_second_click", v.cfg.Clock())
		}
		return nil
	})
	return err
}

// refusedFor keeps the sweeper going where one certificate is not accepted.
func refusedFor(err error) error {
	if confirm.Final(err) {
		return nil
	}
	return err
}

// rejected takes a course back that the authority has turned down.
func (v *Service) rejected(ctx context.Context, n *Renewal, note string) error {
	if err := v.cfg.Bids.Release(ctx, n.Certificate.Content, n.ID); err != nil {
		return err
	}
	_, err := v.change(ctx, n.ID, func(n *Renewal) error {
		if n.State != Extending {
			return store.ErrUnchanged
		}
		n.Course.Step, n.Course.Note = StepRejected, note
		n.Attempt, n.Failure = nil, ErrSiteRejected.Code
		now := v.cfg.Clock()
		n.notify("renewal_rejected", now)
		return n.move(Extension, now, mobilecert.Actor{ID: "authority"}, "", "")
	})
	return err
}

// Notice takes an authority's call-back.
func (v *Service) Notice(ctx context.Context, header func(string) string, body []byte) error {
	if v.cfg.Site == nil {
		return ErrNotice.Becausef("no site is configured")
	}
	id, err := v.cfg.Site.Notice(header, body)
	if err != nil {
		return err
	}
	return v.Told(ctx, id)
}

// Told follows the course that an authority's call-back names. Nothing else in the
// call-back counts: the authority is asked.
func (v *Service) Told(ctx context.Context, renewal string) error {
	n, err := v.Get(ctx, renewal)
	if err != nil || n.State != Extending || n.Course == nil {
		return err
	}
	return v.poll(ctx, n)
}

// Deliver takes the new certificate of a token: from the authority, or from a
// reviewer who was sent it. It must be for the same holder as the old one. The
// binding does not move yet: whoever can hand in a certificate has not shown that
// they hold its key. Until they have shown it, a reviewer who handed in the wrong one
// can hand in another, and the wrong one is superseded. file is PEM or DER.
func (v *Service) Deliver(ctx context.Context, by mobilecert.Actor, id string, file []byte) (*Renewal, error) {
	der, err := mobilecert.OnePEM(file)
	if err != nil {
		return nil, err
	}
	n, err := v.Get(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case n.Certificate.Medium != mobilecert.UKey:
		return nil, ErrPhone
	case n.State != Extending && n.State != Extension && !n.unproved():
		return nil, ErrState.With("state", string(n.State))
	}
	// Extended at the authority by other ways than its site: the guard stands there
	// all the same.
	if err := v.cfg.Bids.Pass(ctx, n.Certificate.Content, n.Account.ID, n.Account.OrganisationID, n.ID); err != nil {
		return nil, err
	}
	c, err := v.imported(ctx, n, by, der)
	if err != nil {
		return nil, err
	}
	n, err = v.change(ctx, id, func(n *Renewal) error {
		now, until := v.cfg.Clock(), c.NotAfter
		if n.State == Extended {
			if n.Course.Proved || n.Attempt.Successor == c.ID {
				return store.ErrUnchanged
			}
			n.Attempt.Wrong = append(n.Attempt.Wrong, n.Attempt.Successor)
			n.Attempt.Successor, n.Attempt.Until = c.ID, &until
			n.happened("renewal.delivered_again", now, by, "", "")
			return nil
		}
		if n.State == Extension {
			n.Attempt = &Attempt{Since: now}
			if err := n.move(Extending, now, by, "", ""); err != nil {
				return err
			}
		}
		n.Attempt.Successor, n.Attempt.Until = c.ID, &until
		if n.Course == nil {
			n.Course = &Course{LeftAt: n.Attempt.Since}
		}
		n.Course.Step, n.Course.Note, n.Course.SteppedAt = StepDone, "", now
		return n.move(Extended, now, by, "", "")
	})
	if err == nil {
		err = v.endWrong(ctx, n, by)
	}
	return n, err
}

// endWrong ends what was handed in by mistake. It is done again before the binding
// moves, in case of a crash.
func (v *Service) endWrong(ctx context.Context, n *Renewal, by mobilecert.Actor) error {
	for _, id := range n.Attempt.Wrong {
		if _, err := v.cfg.Certificates.Supersede(ctx, id, n.Attempt.Successor, "", by); err != nil && !errors.Is(err, mobilecert.ErrCertificateState) {
			return err
		}
	}
	return nil
}

// unproved says whether a token's new certificate is there and its holder has yet to
// sign with it.
func (r *Renewal) unproved() bool {
	return r.State == Extended && r.Course != nil && !r.Course.Proved
}

// imported records the new certificate, once its identity agrees with the old one's.
func (v *Service) imported(ctx context.Context, n *Renewal, by mobilecert.Actor, der []byte) (*mobilecert.Certificate, error) {
	old, err := v.cfg.Certificates.Get(ctx, n.Certificate.ID)
	if err != nil {
		return nil, err
	}
	was, err := trust.ParseCertificate(old.DER)
	if err != nil {
		return nil, err
	}
	cert, err := trust.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if !cert.NotAfter().After(was.NotAfter()) {
		return nil, ErrNotLonger.With("not_after", stamp(cert.NotAfter()))
	}
	who, err := v.cfg.Certificates.Names(old)
	if err != nil {
		return nil, err
	}
	id := n.ID + "-" + cert.ContentID()[:16]
	c, err := v.cfg.Certificates.Import(ctx, mobilecert.Import{
		ID: id, DER: der, Provider: old.Provider, Product: old.Product, Medium: mobilecert.UKey, Account: old.Account,
		Person: who.Person, CreditCode: who.Organisation, By: by,
	})
	if f := fault.Of(err); f != nil && f.Code == mobilecert.ErrKeyReused.Code {
		// A token that keeps its key: the successor takes it over.
		c, err = v.cfg.Certificates.Import(ctx, mobilecert.Import{
			ID: id, DER: der, Provider: old.Provider, Product: old.Product, Medium: mobilecert.UKey, Account: old.Account,
			Person: who.Person, CreditCode: who.Organisation, Predecessor: old.ID, By: by,
		})
	}
	return c, err
}
