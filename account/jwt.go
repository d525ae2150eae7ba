package account

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"certlink/internal/fault"
	"certlink/store"
)

const maxJWT = 8192

// unvalidated leaves the claims to the issuer's validator: whose token it is, is known
// only when it is read.
var unvalidated = jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())

// bearerJWT checks a JWT and finds its account, making account and organisation
// at the first sign-in. The claims are the truth for what they name; a lock here
// holds whatever they say.
func (s *Service) bearerJWT(ctx context.Context, token []byte) (*Principal, error) {
	if len(token) > maxJWT || bytes.Count(token, dot) != 2 {
		return nil, ErrToken
	}
	sum := sha256.Sum256(token)
	if v, err := s.known(ctx, sum); err != nil {
		return nil, err
	} else if v != nil {
		a, o, err := s.knownAccount(ctx, v)
		if err != nil {
			return nil, err
		}
		return s.issuedPrincipal(a, o, v.claims.ExpiresAt)
	}
	// Which issuer's keys to use is all that is taken from the claims before the
	// signature is checked.
	var i *issuer
	var key any
	claims := jwt.MapClaims{}
	parsed, err := unvalidated.ParseWithClaims(string(token), claims, func(t *jwt.Token) (any, error) {
		name, err := claims.GetIssuer()
		if err != nil {
			return nil, ErrToken.Because(err)
		}
		if i = s.issuers[name]; i == nil {
			return nil, ErrToken.Becausef("the issuer is not configured")
		}
		if !slices.Contains(i.config.Algorithms, t.Method.Alg()) {
			return nil, ErrToken.Becausef("the algorithm is not the issuer's")
		}
		key, err = i.key(ctx, t)
		return key, err
	})
	if f := fault.Of(err); f != nil {
		return nil, f
	}
	if err == nil {
		err = i.validator.Validate(claims)
	}
	if err != nil {
		return nil, ErrToken.Because(err)
	}
	p, err := i.person(claims)
	if err != nil {
		return nil, err
	}
	a, o, err := s.issuedAccount(ctx, i, p)
	if err != nil {
		return nil, err
	}
	exp, err := claims.GetExpirationTime()
	if err != nil {
		return nil, ErrToken.Because(err)
	}
	parsed = &jwt.Token{Header: parsed.Header, Method: parsed.Method}
	s.verified(sum, &verifiedJWT{issuer: i, token: parsed, key: key, person: p, account: a.ID}, claims)
	return s.issuedPrincipal(a, o, exp)
}

func (s *Service) issuedPrincipal(a *stored, o *Organisation, exp *jwt.NumericDate) (*Principal, error) {
	if err := s.standing(a.State, a.Demo); err != nil {
		return nil, err
	}
	out, err := s.opened(a)
	if err != nil {
		return nil, err
	}
	return &Principal{Account: out, Organisation: o, Via: "jwt", ExpiresAt: exp.UTC()}, nil
}

// person maps checked claims. What identifies must be right; a mobile number or
// address that makes no sense is left out instead of locking the person out.
func (i *issuer) person(claims jwt.MapClaims) (Person, error) {
	c := i.config
	p := Person{Issuer: c.Name}
	var err error
	sub, _ := claims["sub"].(string)
	if p.ExternalID, err = cleanExternalID(sub); err != nil {
		return p, ErrToken.Becausef("sub: %w", err)
	}
	name := text(claims, c.Claims.Name)
	if name == "" {
		name = text(claims, "preferred_username")
	}
	if p.Name, err = CleanName(or(name, sub), maxPersonName); err != nil {
		return p, ErrToken.Becausef("%s: %w", c.Claims.Name, err)
	}
	if code := text(claims, c.Claims.OrganisationCode); code != "" {
		if p.OrganisationCode, err = cleanCreditCode(code); err != nil {
			return p, ErrToken.Becausef("%s: %w", c.Claims.OrganisationCode, err)
		}
		if len(c.Organisations) > 0 && !slices.Contains(c.Organisations, p.OrganisationCode) {
			return p, ErrToken.Becausef("the issuer does not speak for this organisation")
		}
	}
	if p.OrganisationName, err = CleanName(text(claims, c.Claims.OrganisationName), maxOrgName); err != nil {
		p.OrganisationName = ""
	}
	for _, v := range texts(claims, c.Claims.Roles) {
		if r, ok := c.Roles[v]; ok {
			p.Roles = append(p.Roles, r)
		}
	}
	// Without the claim, roles are given here, and nothing takes them away.
	if len(p.Roles) == 0 && claim(claims, c.Claims.Roles) != nil {
		if p.Roles, err = c.defaultRoles(); err != nil {
			return p, err
		}
	}
	slices.Sort(p.Roles)
	p.Roles = slices.Compact(p.Roles)
	if c.Claims.IDNumber != "" {
		if p.IDNumber, err = cleanIDNumber(text(claims, c.Claims.IDNumber)); err != nil {
			p.IDNumber = ""
		}
	}
	if p.Mobile, err = cleanMobile(text(claims, c.Claims.Mobile)); err != nil {
		p.Mobile = ""
	}
	if p.Email, err = cleanEmail(text(claims, c.Claims.Email)); err != nil {
		p.Email = ""
	}
	return p, nil
}

func (c IssuerConfig) defaultRoles() ([]Role, error) {
	if c.DefaultRole == "-" {
		return nil, ErrRole
	}
	return []Role{c.DefaultRole}, nil
}

// issuedAccount finds or makes the account of a subject. Two servers that see it
// first at the same moment agree by the unique indexes.
func (s *Service) issuedAccount(ctx context.Context, i *issuer, p Person) (*stored, *Organisation, error) {
	by := System("issuer:" + i.config.Name)
	for range 8 {
		a, _, err := s.accounts.First(ctx, store.Equal("external", externalKey(p.Issuer, "", p.ExternalID)))
		if err == nil {
			return s.refresh(ctx, by, a, p)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, nil, err
		}
		if p.OrganisationCode == "" {
			return nil, nil, ErrOrganisationUnknown.Becausef("the token of a new person has no %s", i.config.Claims.OrganisationCode)
		}
		if len(p.Roles) == 0 {
			if p.Roles, err = i.config.defaultRoles(); err != nil {
				return nil, nil, err
			}
		}
		in := OrganisationInput{Name: or(p.OrganisationName, p.OrganisationCode), CreditCode: p.OrganisationCode}
		o, _, err := s.upsertOrganisation(ctx, by, in, p.Issuer)
		if err != nil {
			return nil, nil, err
		}
		a, err = s.make(ctx, by, o.ID, p, false)
		if !errors.Is(err, ErrExists) {
			return a, o, err
		}
	}
	return nil, nil, ErrExists
}

// refresh brings a known account up to date, with a write only if a claim changed.
func (s *Service) refresh(ctx context.Context, by *Principal, a *stored, p Person) (*stored, *Organisation, error) {
	o, err := s.GetOrganisation(ctx, a.OrganisationID)
	if err != nil {
		return nil, nil, err
	}
	if p.OrganisationCode != "" && p.OrganisationCode != o.CreditCode {
		return nil, nil, ErrOrganisationChanged
	}
	if p.OrganisationName != "" && o.Source == p.Issuer && o.Name != p.OrganisationName {
		in := OrganisationInput{Name: p.OrganisationName, CreditCode: o.CreditCode}
		if o, _, err = s.upsertOrganisation(ctx, by, in, p.Issuer); err != nil {
			return nil, nil, err
		}
	}
	same := a.Name == p.Name && (len(p.Roles) == 0 || slices.Equal(a.Roles, p.Roles)) &&
		(p.Email == "" || a.Email == p.Email) && (p.Mobile == "" || a.Mobile == p.Mobile)
	if same && p.IDNumber != "" {
		number, err := s.openIDNumber(a)
		if err != nil {
			return nil, nil, err
		}
		same = number == p.IDNumber
	}
	if same || a.State != Active {
		return a, o, nil
	}
	a, _, err = s.correct(ctx, by, a.ID, p)
	if err != nil {
		return nil, nil, err
	}
	return a, o, nil
}

// claim follows a dotted path; a claim whose own name has the dots comes first.
func claim(claims map[string]any, path string) any {
	if v, ok := claims[path]; ok {
		return v
	}
	head, rest, ok := strings.Cut(path, ".")
	if !ok {
		return nil
	}
	inner, _ := claims[head].(map[string]any)
	if inner == nil {
		return nil
	}
	return claim(inner, rest)
}

func text(claims map[string]any, path string) string {
	v, _ := claim(claims, path).(string)
	return v
}

// texts reads one string, or a list of strings.
func texts(claims map[string]any, path string) []string {
	switch v := claim(claims, path).(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var out []string
		for _, e := range v {
			if t, ok := e.(string); ok && len(out) < 100 {
				out = append(out, t)
			}
		}
		return out
	}
	return nil
}
