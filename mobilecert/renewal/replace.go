package renewal

import (
	"context"
	"encoding/json"
	"errors"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/trust"
)

// Replace is the purpose "replace": the holder of a token's new certificate shows,
// by signing with it, that they have its key. Only then does it take the old one's
// place in the binding: whoever can hand in a certificate could otherwise take
// over an account.
type Replace struct {
	cfg      Config
	renewals *Service
}

var _ confirm.Purpose = (*Replace)(nil)

// NewReplace makes the purpose.
func NewReplace(v *Service) *Replace { return &Replace{v.cfg, v} }

// Name is how requests and statements call it.
func (*Replace) Name() string { return "replace" }

// Letter stands for it in the code.
func (*Replace) Letter() byte { return 'r' }

// Begin names both certificates and the account.
func (p *Replace) Begin(ctx context.Context, r confirm.Request) (confirm.Terms, error) {
	n, err := p.renewals.Get(ctx, r.Params["renewal"])
	switch {
	case err != nil:
		return confirm.Terms{}, err
	case r.Subject.ID != n.Account.ID:
		return confirm.Terms{}, mobilecert.ErrNotYourAccount
	case n.Certificate.Medium != mobilecert.UKey:
		return confirm.Terms{}, ErrPhone
	}
	if err := mobilecert.Asks(r).May(n.Account.ID, n.Account.OrganisationID); err != nil {
		return confirm.Terms{}, err
	}
	if n.State != Extended || n.Course.Proved {
		return confirm.Terms{}, ErrState.With("state", string(n.State))
	}
	c, err := p.cfg.Certificates.Get(ctx, n.Attempt.Successor)
	if err != nil {
		return confirm.Terms{}, err
	}
	provider := p.cfg.Catalogue.NameOf(c.Provider)
	details := map[string]string{
		"renewal": n.ID, "provider": provider.ID, "provider_name": provider.NameZH, "holder_name": c.Subject.CommonName,
		"previous_certificate": n.Certificate.Fingerprint, "previous_serial": n.Certificate.Serial,
		"certificate": c.Fingerprint, "certificate_serial": c.Serial, "not_after": stamp(c.NotAfter),
	}
	if err := p.cfg.Certificates.PairDetails(ctx, r, c.Provider, details); err != nil {
		return confirm.Terms{}, err
	}
	return confirm.Terms{Provider: c.Provider, SignedBy: confirm.ByCertificate, Details: details}, nil
}

// CheckKey is never called: nothing new is certified.
func (*Replace) CheckKey(context.Context, confirm.Request, *trust.CSR) error {
	return confirm.ErrKeyNotAsked
}

// Check lets only the new certificate itself sign.
func (p *Replace) Check(ctx context.Context, s *confirm.Statement, signer confirm.Signer) error {
	n, c, err := p.both(ctx, s)
	if err != nil {
		return err
	}
	if n.State != Extended {
		return ErrState.With("state", string(n.State))
	}
	if c.Content != signer.Certificate.ContentID() {
		return confirm.ErrSignerMismatch
	}
	return mobilecert.CheckPair(s, signer)
}

func (p *Replace) both(ctx context.Context, s *confirm.Statement) (*Renewal, *mobilecert.Certificate, error) {
	n, err := p.renewals.Get(ctx, s.Details["renewal"])
	if err != nil || n.Attempt == nil {
		return nil, nil, errors.Join(err, ErrState)
	}
	c, err := p.cfg.Certificates.Get(ctx, n.Attempt.Successor)
	return n, c, err
}

// Act ends the old certificate and moves its binding.
func (p *Replace) Act(ctx context.Context, a *confirm.Accepted) (*confirm.Result, error) {
	n, c, err := p.both(ctx, a.Statement)
	if err != nil {
		return nil, err
	}
	if err := p.complete(ctx, n, c, a); err != nil {
		return nil, err
	}
	return replaced(n, a.Statement)
}

func (p *Replace) complete(ctx context.Context, n *Renewal, c *mobilecert.Certificate, a *confirm.Accepted) error {
	evidence := a.Statement.ID
	pair, encryption, err := p.cfg.Certificates.TokenPair(ctx, a)
	if err != nil {
		return err
	}
	by := mobilecert.Actor{ID: n.Account.ID, Name: n.Account.Name}
	old, err := p.cfg.Certificates.Get(ctx, n.Certificate.ID)
	if err != nil {
		return err
	}
	if err := p.renewals.endWrong(ctx, n, by); err != nil {
		return err
	}
	if _, err := p.cfg.Certificates.Supersede(ctx, old.ID, c.ID, evidence, by); err != nil && !errors.Is(err, mobilecert.ErrCertificateState) {
		return err
	}
	if _, err := p.cfg.Bindings.Succeed(ctx, mobilecert.Succession{Old: old, New: c, Evidence: evidence, By: by, At: p.cfg.Clock(), Pair: pair, Encryption: encryption}); err != nil {
		return err
	}
	_, err = p.renewals.change(ctx, n.ID, func(n *Renewal) error {
		if n.Course.Proved {
			return store.ErrUnchanged
		}
		n.Course.Proved = true
		n.happened("renewal.proved", p.cfg.Clock(), by, evidence, "")
		return nil
	})
	return err
}

// Done finds whether the statement's act was done: its evidence stands in the
// renewal's history.
func (p *Replace) Done(ctx context.Context, s *confirm.Statement) (*confirm.Result, error) {
	n, err := p.renewals.Get(ctx, s.Details["renewal"])
	if err != nil {
		return nil, err
	}
	for _, e := range n.History {
		if e.Act == "renewal.proved" && e.Evidence == s.ID {
			return replaced(n, s)
		}
	}
	return nil, nil
}

func replaced(n *Renewal, s *confirm.Statement) (*confirm.Result, error) {
	view, err := json.Marshal(map[string]string{"kind": "renewal", "id": n.ID, "fingerprint": s.Details["certificate"]})
	if err != nil {
		return nil, err
	}
	return &confirm.Result{Kind: "renewal", ID: n.ID, View: view}, nil
}
