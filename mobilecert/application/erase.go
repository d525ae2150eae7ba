package application

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"certlink/internal/effect"
	"certlink/internal/retain"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/store"
)

// EffectErased is owed when an application has been erased: data holds application,
// and files, the uploads that it named, by comma. What lies elsewhere goes then.
const EffectErased = "application.erased"

// replacing says whether its holder is to go on with such a one.
func (a *Application) replacing() bool { return a.Replaces != "" && a.may(giveUp) == nil }

// lapses says whether its applicant is to go on with it: fill it in, prove who they are,
// pay, correct it, or collect the certificate on a phone.
func (a *Application) lapses() bool {
	return a.Replaces == "" && a.may(lapse) == nil && (a.State != Making || a.Medium == mobilecert.Mobile)
}

// unclaimed says whether it is paid for as well. Then it is kept for the longer time, since
// somebody can claim what they have paid for; after it the money goes back, and it is
// erased as what was withdrawn.
func (a *Application) unclaimed() bool { return a.lapses() && a.Money.PaidAt != nil }

// waits is the value of retain.Index: since when an application waits for being
// erased, "" where it does not. One that is being decided, or made by an authority, is
// somebody's to end first.
func (a *Application) waits() string {
	since := a.Since
	if a.TouchedAt != nil && a.TouchedAt.After(since) {
		since = *a.TouchedAt
	}
	switch {
	case a.ErasedAt != nil:
	case a.State == Issued:
		since = a.Since
		if a.TermEnds != nil {
			since = *a.TermEnds
		}
		return retain.Finished(since)
	case a.unclaimed():
		return retain.Finished(since)
	case a.State == Withdrawn, a.replacing(), a.lapses():
		return retain.Idle(since)
	}
	return ""
}

// Erase takes the personal data out of what has been kept long enough; that there was
// an application, and who did what when, stays. It may be broken off anywhere, and run
// on two servers at once.
func (s *Service) Erase(ctx context.Context, terms retain.Terms) error {
	now := s.cfg.Clock()
	return retain.Each(ctx, s.docs, terms, now, func(a *Application) error { return s.eraseOne(ctx, a, now, terms) })
}

func (s *Service) eraseOne(ctx context.Context, a *Application, now time.Time, terms retain.Terms) error {
	due, ends := a.waits(), time.Time{}
	if a.replacing() || a.State == Making { // what an authority was asked for is waited for
		if claimed, err := s.cfg.Certificates.Claimed(ctx, a.ID, a.Replaces); err != nil || claimed {
			return err
		}
	}
	if a.State == Issued || a.replacing() {
		switch c, err := s.current(ctx, a); {
		case errors.Is(err, mobilecert.ErrCertificateUnknown):
		case err != nil:
			return err
		case c != nil:
			ends = c.Ends()
		}
	}
	_, err := s.change(ctx, a.ID, func(a *Application) error {
		if a.waits() != due {
			return store.ErrUnchanged // somebody has done something about it meanwhile
		}
		if a.replacing() {
			a.Replaces, a.Proof = "", Proof{}
			if !ends.IsZero() {
				a.TermEnds = &ends
			}
			return a.move(giveUp, Issued, now, mobilecert.System, "")
		}
		if a.unclaimed() {
			return a.lapse(now)
		}
		if ends.After(now.Add(-terms.Finished)) {
			a.TermEnds = &ends // the index moves on
			return nil
		}
		return a.erase(now)
	})
	return err
}

// lapse gives the order up too: it is closed, or the money goes back.
func (a *Application) lapse(now time.Time) error {
	if err := a.move(lapse, Withdrawn, now, mobilecert.System, ""); err != nil {
		return err
	}
	a.refund(now, mobilecert.System)
	return nil
}

func (a *Application) erase(now time.Time) error {
	if a.lapses() {
		if err := a.lapse(now); err != nil {
			return err
		}
	}
	files := a.files()
	a.Holder, a.Sealed, a.Files, a.Reasons, a.Shipment = "", "", nil, nil, nil
	a.Proof.Holder, a.Proof.Check, a.Account.Name = "", "", ""
	for i := range a.Submissions {
		a.Submissions[i].Sealed, a.Submissions[i].Files = "", nil
	}
	for i := range a.History {
		if e := &a.History[i]; e.By.ID == a.Account.ID {
			e.By.Name = ""
		}
		a.History[i].Note = ""
	}
	if a.Terms.By.ID == a.Account.ID {
		a.Terms.By.Name = ""
	}
	a.ErasedAt = &now
	a.happened("application.erased", now, mobilecert.System, "")
	a.Owe(effect.New(EffectErased, now, map[string]string{"application": a.ID, "files": strings.Join(files, ",")}))
	return nil
}

// files are the uploads that an application names, each once.
func (a *Application) files() (ids []string) {
	add := func(named map[Slot]Attachment) {
		for _, slot := range Slots {
			if f, there := named[slot]; there && !slices.Contains(ids, f.File) {
				ids = append(ids, f.File)
			}
		}
	}
	add(a.Files)
	for _, n := range a.Submissions {
		add(n.Files)
	}
	return ids
}

// CarryErased is the relay's handler for EffectErased.
func (s *Service) CarryErased(ctx context.Context, e effect.Effect) error {
	for _, file := range strings.Split(e.Data["files"], ",") {
		if file == "" {
			continue
		}
		if err := s.cfg.Uploads.Delete(ctx, file); err != nil {
			return err
		}
	}
	return s.cfg.Faces.Forget(ctx, identity.Subject{Kind: SubjectKind, ID: e.Data["application"]})
}
