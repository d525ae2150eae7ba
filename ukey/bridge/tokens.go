package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"certlink/internal/fault"
	"certlink/trust"
	"certlink/ukey"
)

// Tokens is everything that is plugged in, as a paired page sees it.
type Tokens struct {
	Tokens []TokenView `json:"tokens"`
	// Problems are libraries that cannot be asked, and why.
	Problems []Problem `json:"problems"`
}

// Problem is one library that does not answer.
type Problem struct {
	Profile ProfileView    `json:"profile"`
	Code    string         `json:"code"`
	TitleZH string         `json:"title_zh"`
	TitleEN string         `json:"title_en"`
	Extra   map[string]any `json:"extra,omitempty"`
}

// ProfileView names a vendor's library.
type ProfileView struct {
	ID        string   `json:"id"`
	NameZH    string   `json:"name_zh"`
	NameEN    string   `json:"name_en"`
	Providers []string `json:"providers"`
}

// TokenView is a token. Its id means nothing and changes with the token.
type TokenView struct {
	ID           string            `json:"id"`
	Profile      ProfileView       `json:"profile"`
	Label        string            `json:"label"`
	Serial       string            `json:"serial"` // its end
	PIN          ukey.PINState     `json:"pin"`
	Certificates []CertificateView `json:"certificates"`
}

// CertificateView is a certificate with what a person tells it by.
type CertificateView struct {
	ID           string          `json:"id"`
	Use          ukey.Use        `json:"use"`
	DER          []byte          `json:"der"`
	Subject      string          `json:"subject"`
	Holder       string          `json:"holder"`
	Organisation string          `json:"organisation"`
	Issuer       string          `json:"issuer"`
	Algorithm    trust.Algorithm `json:"algorithm"`
	NotBefore    time.Time       `json:"not_before"`
	NotAfter     time.Time       `json:"not_after"`
	Expired      bool            `json:"expired"`
}

// opaque names a token to pages.
func opaque(profile, token string) string {
	sum := sha256.Sum256([]byte(profile + "\x00" + token))
	return hex.EncodeToString(sum[:10])
}

func tail(s string) string {
	r := []rune(s)
	return string(r[max(0, len(r)-4):])
}

func (l *Library) view() ProfileView {
	return ProfileView{l.Profile.ID, l.Profile.NameZH, l.Profile.NameEN, append([]string{}, l.Profile.Providers...)}
}

// found is a token together with where it was found.
type found struct {
	library *Library
	token   ukey.Token
}

// look asks every library, all at once: one that hangs holds up no other.
func (s *Service) look(ctx context.Context) ([]found, []Problem) {
	type answer struct {
		tokens  []found
		problem *Problem
	}
	answers := make([]chan answer, len(s.Libraries))
	for i := range s.Libraries {
		l, done := &s.Libraries[i], make(chan answer, 1)
		answers[i] = done
		go func() {
			inv, err := s.inventory(ctx, l)
			if err != nil {
				f := fault.Of(err)
				if f == nil {
					f = ukey.ErrFailed
				}
				done <- answer{problem: &Problem{l.view(), f.Code, f.ZH, f.EN, f.Extra}}
				return
			}
			var a answer
			for _, t := range inv.Tokens {
				if l.Profile.PIN == "vendor" {
					t.PIN.Own = true
				}
				a.tokens = append(a.tokens, found{l, t})
			}
			done <- a
		}()
	}
	var tokens []found
	var problems []Problem
	for _, done := range answers {
		a := <-done
		tokens = append(tokens, a.tokens...)
		if a.problem != nil {
			problems = append(problems, *a.problem)
		}
	}
	return tokens, problems
}

// inventory asks one library; who asks while it is being asked gets the same answer,
// so that one that hangs is waited for once, not once for each page and window.
func (s *Service) inventory(ctx context.Context, l *Library) (*ukey.Inventory, error) {
	asked := s.looks.DoChan(l.Profile.ID, func() (any, error) { return l.Module.Inventory(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-asked:
		inv, _ := r.Val.(*ukey.Inventory)
		return inv, r.Err
	}
}

// Tokens shows what is plugged in now.
func (s *Service) Tokens(ctx context.Context) *Tokens {
	found, problems := s.look(ctx)
	out := &Tokens{Tokens: []TokenView{}, Problems: append([]Problem{}, problems...)}
	for _, f := range found {
		v := TokenView{ID: opaque(f.library.Profile.ID, f.token.ID), Profile: f.library.view(), Label: f.token.Label, Serial: tail(f.token.Serial),
			PIN: f.token.PIN, Certificates: []CertificateView{}}
		for _, c := range f.token.Certificates {
			if view, err := s.show(c); err == nil {
				v.Certificates = append(v.Certificates, *view)
			}
		}
		out.Tokens = append(out.Tokens, v)
	}
	return out
}

func (s *Service) show(c ukey.Certificate) (*CertificateView, error) {
	cert, err := trust.ParseCertificate(c.DER)
	if err != nil {
		return nil, err
	}
	alg, err := cert.Algorithm()
	if err != nil {
		return nil, err
	}
	name := cert.X.Subject
	v := &CertificateView{ID: cert.Fingerprint(), Use: c.Use, DER: c.DER, Subject: cert.Subject(), Holder: name.CommonName, Issuer: cert.X.Issuer.CommonName,
		Algorithm: alg, NotBefore: cert.NotBefore().UTC(), NotAfter: cert.NotAfter().UTC(), Expired: s.Clock().After(cert.NotAfter())}
	if len(name.Organization) > 0 {
		v.Organisation = name.Organization[0]
	}
	return v, nil
}

// find finds what a page has chosen, as it stands now.
func (s *Service) find(ctx context.Context, token, certificate string) (*found, *trust.Certificate, *ukey.Certificate, error) {
	all, problems := s.look(ctx)
	i := slices.IndexFunc(all, func(f found) bool { return opaque(f.library.Profile.ID, f.token.ID) == token })
	if i < 0 {
		// A library that does not answer is why, if there is one.
		for _, p := range problems {
			if p.Code != ukey.ErrLibraryMissing.Code {
				r := ukey.Refusal{Code: p.Code, Extra: p.Extra}
				return nil, nil, nil, r.Err()
			}
		}
		if len(all) == 0 {
			return nil, nil, nil, ukey.ErrNone
		}
		return nil, nil, nil, ukey.ErrRemoved
	}
	f := &all[i]
	for j := range f.token.Certificates {
		c := &f.token.Certificates[j]
		cert, err := trust.ParseCertificate(c.DER)
		if err != nil || cert.Fingerprint() != certificate {
			continue
		}
		return f, cert, c, nil
	}
	return nil, nil, nil, ukey.ErrCertificate
}

// still is nil while a token is plugged in.
func (s *Service) still(ctx context.Context, f *found) error {
	inv, err := s.inventory(ctx, f.library)
	if err == nil && !slices.ContainsFunc(inv.Tokens, func(t ukey.Token) bool { return t.ID == f.token.ID }) {
		err = ukey.ErrRemoved
	}
	return err
}
