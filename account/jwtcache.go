package account

import (
	"context"
	"crypto"
	"slices"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// verifiedJWT is a token whose signature was found good, so that a page's next
// calls with the same one are not charged for it again. Only the signature, which
// time does not change, is taken from here: each call asks again whether the
// issuer still has that key, whether the claims' times hold, and what the account
// is now.
type verifiedJWT struct {
	issuer  *issuer
	token   *jwt.Token // header and method; read only
	key     any
	claims  jwt.RegisteredClaims
	person  Person
	account string // its id
}

// rememberJWT bounds one generation of verified tokens.
const rememberJWT = 2048

// jwtCache holds verified tokens by their digest, in two generations like keyCache.
type jwtCache struct {
	mu         sync.Mutex
	young, old map[[32]byte]*verifiedJWT
}

func (c *jwtCache) get(sum [32]byte) *verifiedJWT {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.young[sum]
	if v == nil {
		if v = c.old[sum]; v != nil {
			c.add(sum, v)
		}
	}
	return v
}

func (c *jwtCache) put(sum [32]byte, v *verifiedJWT) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(sum, v)
}

func (c *jwtCache) add(sum [32]byte, v *verifiedJWT) {
	if len(c.young) >= rememberJWT || c.young == nil {
		c.young, c.old = make(map[[32]byte]*verifiedJWT), c.young
	}
	c.young[sum] = v
}

// known finds a token that was verified before and is good still; nil without an
// error means that it must be looked at in full.
func (s *Service) known(ctx context.Context, sum [32]byte) (*verifiedJWT, error) {
	v := s.jwts.get(sum)
	if v == nil {
		return nil, nil
	}
	// Its refusal is the answer: to ask twice would ask the issuer twice.
	key, err := v.issuer.key(ctx, v.token)
	if err != nil {
		return nil, err
	}
	if same, ok := v.key.(interface{ Equal(crypto.PublicKey) bool }); !ok || !same.Equal(key) {
		return nil, nil
	}
	if v.issuer.validator.Validate(v.claims) != nil {
		return nil, nil
	}
	return v, nil
}

// verified remembers a token.
func (s *Service) verified(sum [32]byte, v *verifiedJWT, claims jwt.MapClaims) {
	var err error
	c := &v.claims
	c.Issuer = v.issuer.config.Issuer
	for _, read := range []func(){
		func() { c.Audience, err = claims.GetAudience() },
		func() { c.ExpiresAt, err = claims.GetExpirationTime() },
		func() { c.NotBefore, err = claims.GetNotBefore() },
		func() { c.IssuedAt, err = claims.GetIssuedAt() },
	} {
		if read(); err != nil {
			return
		}
	}
	s.jwts.put(sum, v)
}

// knownAccount is issuedAccount for a token seen before: by the account's id
// instead of the index, if it is the subject's account still.
func (s *Service) knownAccount(ctx context.Context, v *verifiedJWT) (*stored, *Organisation, error) {
	p := v.person
	p.Roles = slices.Clone(p.Roles)
	a, _, err := s.accounts.Get(ctx, v.account)
	if err != nil || a.ExternalID != p.ExternalID || a.Issuer != p.Issuer {
		return s.issuedAccount(ctx, v.issuer, p)
	}
	return s.refresh(ctx, System("issuer:"+v.issuer.config.Name), a, p)
}
