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

// waits is the value of retain.Index: since when an application waits for being
// erased, "" where it does not. One that is being decided or made, or that is paid for
// and not withdrawn, is somebody's to end first.
func (a *Application) waits() string {
	switch {
	case a.ErasedAt != nil:
	case a.State == Issued:
		since := a.Since
		if a.TermEnds != nil {
			since = *a.TermEnds
		}
		return retain.Finished(since)
	case a.State == Withdrawn, a.replacing(), slices.Contains(lapse.from, a.State) && a.Money.PaidAt == nil && a.Replaces == "":
		since := a.Since
		if a.TouchedAt != nil && a.TouchedAt.After(since) {
			since = *a.TouchedAt
		}
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
	if a.replacing() { // what an authority was asked for is waited for
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
		if ends.After(now.Add(-terms.Finished)) {
			a.TermEnds = &ends // the index moves on
			return nil
		}
		return a.erase(now)
	})
	return err
}

func (a *Application) erase(now time.Time) error {
	if a.State != Issued && a.State != Withdrawn {
		if err := a.move(lapse, Withdrawn, now, mobilecert.System, ""); err != nil {
			return err
		}
		a.refund(now, mobilecert.System) // closes an order that nobody has paid
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
