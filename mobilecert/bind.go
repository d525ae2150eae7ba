package mobilecert

import (
	"context"
	"encoding/json"
	"errors"

	"certlink/confirm"
	"certlink/trust"
)

// Bind is the purpose "bind": the certificate that signs shall act for an account.
type Bind struct {
	cfg          Config
	bindings     *Bindings
	certificates *Certificates
}

var _ confirm.Purpose = (*Bind)(nil)

// NewBind makes the purpose.
func NewBind(c Config, b *Bindings) *Bind {
	return &Bind{cfg: c, bindings: b, certificates: NewCertificates(c)}
}

// Name is how requests and statements call it.
func (*Bind) Name() string { return "bind" }

// Letter stands for it in the code.
func (*Bind) Letter() byte { return 'b' }

// ParamMedium is the request's parameter that says where the certificate's key
// lives; without it, in a phone.
const ParamMedium = "medium"

// Begin decides whether somebody may ask for a binding: for itself, or as an
// admin for an account of its organisation; with a provider whose certificates of
// this medium can be checked; for an account with room for one more.
func (p *Bind) Begin(ctx context.Context, r confirm.Request) (confirm.Terms, error) {
	if err := whoAsks(r).may(r.Subject.ID, r.Subject.OrganisationID); err != nil {
		return confirm.Terms{}, err
	}
	provider, err := p.cfg.Catalogue.Provider(r.Params["provider"])
	if err != nil {
		return confirm.Terms{}, err
	}
	medium := Mobile
	if m := r.Params[ParamMedium]; m != "" {
		medium = Medium(m)
	}
	switch {
	case !provider.Offers(medium) && medium == UKey:
		return confirm.Terms{}, ErrNoUKey.With("phones", provider.numbers())
	case !provider.Offers(medium):
		return confirm.Terms{}, ErrMedium.With("phones", provider.numbers())
	case !provider.Available(medium):
		return confirm.Terms{}, ErrProviderUnavailable.With("phones", provider.numbers())
	}
	if _, err := p.bindings.free(ctx, r.Subject.ID); err != nil {
		return confirm.Terms{}, err
	}
	details := map[string]string{"provider": provider.ID, "provider_name": provider.NameZH, "medium": string(medium)}
	if medium == UKey {
		if err := p.certificates.PairDetails(ctx, r, provider.ID, details); err != nil {
			return confirm.Terms{}, err
		}
	}
	return confirm.Terms{
		Provider: provider.ID,
		SignedBy: confirm.ByCertificate,
		Details:  details,
		// Without the identity check any certificate of the provider would do, a
		// stranger's who photographs the screen among them. A U-Key is plugged into
		// the computer before which the person sits; there is no second screen.
		MatchCode: !provider.IdentityCheck && medium == Mobile,
	}, nil
}

// CheckKey is never called: a binding needs no new key.
func (*Bind) CheckKey(context.Context, confirm.Request, *trust.CSR) error {
	return confirm.ErrKeyNotAsked
}

// Check decides whether this certificate may act for the account now.
func (p *Bind) Check(ctx context.Context, s *confirm.Statement, signer confirm.Signer) error {
	provider, err := p.cfg.Catalogue.Provider(s.Details["provider"])
	if err != nil {
		return err
	}
	if !provider.Bindable {
		return ErrProviderUnavailable.With("phones", provider.numbers())
	}
	subject, err := p.cfg.People.Person(ctx, s.For().ID)
	if err != nil {
		return err
	}
	if err := p.mayStill(ctx, s, subject); err != nil {
		return err
	}
	if provider.IdentityCheck {
		if err := agree(signer.Identity, subject); err != nil {
			return err
		}
	}
	if err := CheckPair(s, signer); err != nil {
		return err
	}
	return p.bindings.available(ctx, signer.Certificate, subject.ID, s.ID)
}

// mayStill asks again whether the actor may act for the subject: it may have
// ceased to be an admin since the code was shown.
func (p *Bind) mayStill(ctx context.Context, s *confirm.Statement, subject *Person) error {
	if s.Actor.ID == subject.ID {
		return nil
	}
	actor, err := p.cfg.People.Person(ctx, s.Actor.ID)
	if err != nil {
		return err
	}
	return Who{Account: actor.ID, Organisation: actor.OrganisationID, Admin: actor.Admin}.may(subject.ID, subject.OrganisationID)
}

// Act writes the binding, or finds it written.
func (p *Bind) Act(ctx context.Context, a *confirm.Accepted) (*confirm.Result, error) {
	provider, err := p.cfg.Catalogue.Provider(a.Statement.Details["provider"])
	if err != nil {
		return nil, err
	}
	subject, err := p.cfg.People.Person(ctx, a.Statement.For().ID)
	if err != nil {
		return nil, err
	}
	b, err := newBinding(a.Statement, a.Signer, subject, provider, a.At)
	if err != nil {
		return nil, err
	}
	if err := p.certificates.about(ctx, b, a.Signer.Certificate); err != nil {
		return nil, err
	}
	if b.Medium == UKey {
		if b.Pair, b.Encryption, err = p.certificates.TokenPair(ctx, a); err != nil {
			return nil, err
		}
	}
	if b, err = p.bindings.create(ctx, b); err != nil {
		return nil, err
	}
	return bound(b)
}

// Done finds the binding that the statement has made.
func (p *Bind) Done(ctx context.Context, s *confirm.Statement) (*confirm.Result, error) {
	b, err := p.bindings.Get(ctx, s.ID)
	if errors.Is(err, ErrBindingUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return bound(b)
}

func bound(b *Binding) (*confirm.Result, error) {
	view, err := json.Marshal(resultOfBinding(b))
	if err != nil {
		return nil, err
	}
	return &confirm.Result{Kind: "binding", ID: b.ID, View: view}, nil
}
