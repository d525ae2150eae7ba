package account

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"certlink/internal/effect"
	"certlink/internal/id"
	"certlink/store"
)

// TokenPrefix begins every API token, so that scanners for leaked secrets know it.
const TokenPrefix = "clt_"

// apiToken lets another system in. The document's id is the hash of the token.
type apiToken struct {
	ID        string     `json:"id"`
	Token     string     `json:"token"` // how people name it
	Account   string     `json:"account"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	effect.Owing
}

// Token is an API token without its secret.
type Token struct {
	ID        string     `json:"id"`
	AccountID string     `json:"account_id"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

func (t *apiToken) public() *Token {
	return &Token{ID: t.Token, AccountID: t.Account, Name: t.Name, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt}
}

// clone copies what is changed in place.
func (t *apiToken) clone() *apiToken {
	c := *t
	c.Pending = slices.Clone(t.Pending)
	return &c
}

func tokenRecord(s store.Store) store.Record[apiToken] {
	return store.Record[apiToken]{Store: s, Collection: tokens, Memo: store.NewMemo(callersBytes, (*apiToken).clone),
		ID: func(t *apiToken) string { return t.ID },
		Index: func(t *apiToken) map[string]string {
			return map[string]string{"token": t.Token, "account": store.Key(t.Account, store.TimeKey(t.CreatedAt)), effect.Index: t.Place()}
		}}
}

func (t *apiToken) happened(at time.Time, by *Principal, act string) {
	t.Owe(effect.New(effect.Audit, at, map[string]string{"act": act, "object": "token", "id": t.Token, "account": t.Account, "by": by.ID()}))
}

// CreateToken makes an API token for an integrator's account. The secret is
// returned this once. A life of zero means the default.
func (s *Service) CreateToken(ctx context.Context, by *Principal, accountID, name string, life time.Duration) (secret string, _ *Token, _ error) {
	if err := by.Require(Operator); err != nil {
		return "", nil, err
	}
	name, err := CleanName(name, maxPersonName)
	if err != nil {
		return "", nil, err
	}
	a, err := s.read(ctx, accountID)
	if err != nil {
		return "", nil, err
	}
	if err := s.standing(a.State, a.Demo); err != nil {
		return "", nil, err
	}
	if !a.Has(Integrator) {
		return "", nil, ErrRole
	}
	if life <= 0 {
		life = s.limits.TokenLife
	}
	now := s.now()
	secret = TokenPrefix + id.Secret(32)
	t := &apiToken{ID: id.Hash(secret), Token: id.New(), Account: a.ID, Name: name, CreatedAt: now, CreatedBy: by.ID(), ExpiresAt: now.Add(life)}
	t.happened(now, by, "token.created")
	if err := s.tokens.Create(ctx, t); err != nil {
		return "", nil, err
	}
	return secret, t.public(), nil
}

// ListTokens lists the tokens of an account, oldest first.
func (s *Service) ListTokens(ctx context.Context, by *Principal, accountID string) ([]*Token, error) {
	if by.ID() != accountID {
		if err := by.Require(Operator); err != nil {
			return nil, err
		}
	}
	all, _, err := s.tokens.Query(ctx, store.Query{Index: "account", Prefix: store.KeyPrefix(accountID)})
	if err != nil {
		return nil, err
	}
	out := make([]*Token, len(all))
	for i, t := range all {
		out[i] = t.public()
	}
	return out, nil
}

// RevokeToken ends a token at once: every call reads it.
func (s *Service) RevokeToken(ctx context.Context, by *Principal, tokenID string) error {
	t, _, err := s.tokens.First(ctx, store.Equal("token", tokenID))
	if errors.Is(err, store.ErrNotFound) {
		return ErrTokenUnknown
	}
	if err != nil {
		return err
	}
	if by.ID() != t.Account {
		if err := by.Require(Operator); err != nil {
			return err
		}
	}
	_, err = s.tokens.Update(ctx, t.ID, func(t *apiToken) error {
		if t.RevokedAt != nil {
			return store.ErrUnchanged
		}
		now := s.now()
		t.RevokedAt = &now
		t.happened(now, by, "token.revoked")
		return nil
	})
	return err
}

// Bearer finds who sends this token: an API token of ours, or a JWT of one of
// the configured issuers. Of the bytes, which are long for a JWT, nothing is kept.
func (s *Service) Bearer(ctx context.Context, token []byte) (*Principal, error) {
	if bytes.HasPrefix(token, []byte(TokenPrefix)) {
		return s.bearerToken(ctx, string(token))
	}
	return s.bearerJWT(ctx, token)
}

func (s *Service) bearerToken(ctx context.Context, secret string) (*Principal, error) {
	if len(secret) != len(TokenPrefix)+tokenLength {
		return nil, ErrToken
	}
	t, _, err := s.tokens.Get(ctx, id.Hash(secret))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrToken
	}
	if err != nil {
		return nil, err
	}
	if t.RevokedAt != nil || !s.now().Before(t.ExpiresAt) {
		return nil, ErrToken
	}
	a, err := s.read(ctx, t.Account)
	if err != nil {
		return nil, err
	}
	if err := s.standing(a.State, a.Demo); err != nil {
		return nil, err
	}
	if !a.Has(Integrator) {
		return nil, ErrToken // the role was taken away
	}
	p, err := s.principal(ctx, a, "token")
	if err != nil {
		return nil, err
	}
	p.ExpiresAt = t.ExpiresAt
	return p, nil
}
