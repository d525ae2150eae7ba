package renewal

import (
	"context"

	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/store"
	"certlink/trust"
)

// Face is the last face check by which a holder proves their identity anew.
type Face struct {
	Check   string         `json:"check"`
	Outcome identity.State `json:"outcome"`
}

// provable says why an identity is not proved anew now.
func (v *Service) provable(n *Renewal) error {
	switch {
	case n.State != Extension:
		return ErrState.With("state", string(n.State))
	case n.Certificate.Medium != mobilecert.Mobile:
		return ErrToken
	case !v.cfg.Clock().After(n.Certificate.NotAfter):
		return ErrNotExpired
	}
	return nil
}

// Unidentified says whether a renewal waits for its holder's identity to be proved anew.
func (v *Service) Unidentified(n *Renewal) bool { return n.unidentified() && v.provable(n) == nil }

// unidentified says whether a renewal does so from the moment its certificate expires.
func (r *Renewal) unidentified() bool {
	return r.State == Extension && r.Certificate.Medium == mobilecert.Mobile && r.Identity == nil
}

// holder is the person that the expired certificate names, with the number by which
// the national register knows them. ErrNoNumber: the certificate holds none.
func (v *Service) holder(ctx context.Context, n *Renewal) (identity.Person, error) {
	old, err := v.cfg.Certificates.Get(ctx, n.Certificate.ID)
	if err != nil {
		return identity.Person{}, err
	}
	who, err := v.cfg.Certificates.Names(old)
	if err != nil {
		return identity.Person{}, err
	}
	p := identity.Person{Name: old.Subject.CommonName, IDNumber: who.Person}
	if trust.CheckIDNumber(p.IDNumber) != nil {
		return p, ErrNoNumber
	}
	return p, nil
}

// StartFace begins a face check of the holder, or finds the one that is open. Only
// the certificate's own account can: whoever passes collects the new certificate.
func (v *Service) StartFace(ctx context.Context, by mobilecert.Who, id, back string) (*Renewal, error) {
	n, err := v.Read(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if n.Account.ID != by.Account {
		return nil, mobilecert.ErrNotYourAccount
	}
	if n.Identity != nil {
		return n, nil
	}
	if err := v.provable(n); err != nil {
		return nil, err
	}
	if open, err := v.FaceOf(ctx, n); err != nil || open != nil && open.State == identity.Pending && v.cfg.Clock().Before(open.Until) {
		return n, err
	}
	person, err := v.holder(ctx, n)
	if err != nil {
		return nil, err
	}
	c, err := v.cfg.Faces.Begin(ctx, identity.Subject{Kind: SubjectKind, ID: n.ID}, by.Account, person, back)
	if err != nil {
		return nil, err
	}
	return v.change(ctx, id, func(n *Renewal) error {
		if n.Identity != nil {
			return store.ErrUnchanged
		}
		if err := v.provable(n); err != nil {
			return err
		}
		n.Face = &Face{Check: c.ID, Outcome: identity.Pending}
		n.happened("renewal.face_started", v.cfg.Clock(), mobilecert.Actor{ID: by.Account, Name: by.Name}, "", "")
		return nil
	})
}

// FaceOf reads the last face check of a renewal, nil where there was none.
func (v *Service) FaceOf(ctx context.Context, n *Renewal) (*identity.Check, error) {
	if n.Face == nil {
		return nil, nil
	}
	return v.cfg.Faces.Get(ctx, n.Face.Check)
}

// FacesLeft is how many checks the holder has left today; ErrNoNumber where they
// cannot be checked by face.
func (v *Service) FacesLeft(ctx context.Context, n *Renewal) (int, error) {
	person, err := v.holder(ctx, n)
	if err != nil {
		return 0, err
	}
	return v.cfg.Faces.Left(ctx, person)
}

// LookFace asks how the open face check stands, for a page that waits for it.
func (v *Service) LookFace(ctx context.Context, by mobilecert.Who, id string) (*Renewal, error) {
	n, err := v.Read(ctx, by, id)
	if err != nil || n.Face == nil || n.Face.Outcome != identity.Pending {
		return n, err
	}
	if err := v.cfg.Faces.Look(ctx, n.Face.Check); err != nil {
		return nil, err
	}
	c, err := v.FaceOf(ctx, n)
	if err != nil || !c.State.Over() {
		return n, err
	}
	return v.checked(ctx, n.ID, c)
}

// CarryChecked is the handler for identity.EffectChecked of a renewal's check.
func (v *Service) CarryChecked(ctx context.Context, e effect.Effect) error {
	c, err := v.cfg.Faces.Get(ctx, e.Data["check"])
	if err != nil {
		return err
	}
	_, err = v.checked(ctx, c.Subject.ID, c)
	return err
}

// checked takes over the outcome of a check, once, and only of the last one.
func (v *Service) checked(ctx context.Context, id string, c *identity.Check) (*Renewal, error) {
	return v.change(ctx, id, func(n *Renewal) error {
		if n.Face == nil || n.Face.Check != c.ID || n.Face.Outcome == c.State {
			return store.ErrUnchanged
		}
		n.Face.Outcome = c.State
		now, who := v.cfg.Clock(), mobilecert.Actor{ID: n.Account.ID, Name: n.Account.Name}
		if c.State != identity.Passed || n.Identity != nil || v.provable(n) != nil {
			n.happened("renewal.face_"+string(c.State), now, who, "", "")
			return nil
		}
		n.proved("face", now, who)
		return nil
	})
}
