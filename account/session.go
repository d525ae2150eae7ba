package account

import (
	"context"
	"errors"
	"time"

	"certlink/internal/id"
	"certlink/store"
)

// session is a signed-in browser. The document's id is the hash of the token,
// so who reads the store cannot sign in.
type session struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	// Epoch is the account's when the session began; when the account's has
	// risen, the session is over, without looking for it.
	Epoch   int64     `json:"epoch"`
	Browser string    `json:"browser,omitempty"`
	BeganAt time.Time `json:"began_at"`
	SeenAt  time.Time `json:"seen_at"`
	Until   time.Time `json:"until"`
}

func (v *session) clone() *session {
	c := *v
	return &c
}

func sessionRecord(s store.Store) store.Record[session] {
	return store.Record[session]{Store: s, Collection: sessions, Memo: store.NewMemo(callersBytes, (*session).clone),
		ID: func(v *session) string { return v.ID },
		Index: func(v *session) map[string]string {
			return map[string]string{"account": store.Key(v.Account, store.TimeKey(v.BeganAt)), "until": store.TimeKey(v.Until)}
		}}
}

const tokenLength = 43 // 256 bits in base64url

// until slides with use, up to the absolute end.
func (l Limits) until(began, seen time.Time) time.Time {
	idle, end := seen.Add(l.SessionIdle), began.Add(l.SessionAbsolute)
	if end.Before(idle) {
		return end
	}
	return idle
}

func (s *Service) beginSession(ctx context.Context, a *stored, browser string) (string, *Principal, error) {
	if err := s.makeRoom(ctx, a.ID); err != nil {
		return "", nil, err
	}
	token, now := id.Secret(32), s.now()
	v := &session{ID: id.Hash(token), Account: a.ID, Epoch: a.Epoch, Browser: note(browser, 200),
		BeganAt: now, SeenAt: now, Until: s.limits.until(now, now)}
	if err := s.sessions.Create(ctx, v); err != nil {
		return "", nil, err
	}
	p, err := s.principal(ctx, a, "session")
	if err != nil {
		return "", nil, err
	}
	p.SessionID, p.ExpiresAt = v.ID, v.Until
	return token, p, nil
}

// makeRoom ends the oldest sessions of an account that has too many. Sign-ins
// at the same moment may pass the bound by their number; the next one mends it.
func (s *Service) makeRoom(ctx context.Context, accountID string) error {
	all, _, err := s.sessions.Query(ctx, store.Query{Index: "account", Prefix: store.KeyPrefix(accountID)})
	if err != nil {
		return err
	}
	for i := 0; i <= len(all)-s.limits.SessionsPerAccount; i++ {
		if err := s.store.Delete(ctx, sessions, all[i].ID, 0); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (s *Service) principal(ctx context.Context, a *stored, via string) (*Principal, error) {
	o, err := s.GetOrganisation(ctx, a.OrganisationID)
	if err != nil {
		return nil, err
	}
	out, err := s.opened(a)
	if err != nil {
		return nil, err
	}
	return &Principal{Account: out, Organisation: o, Via: via}, nil
}

// Session finds who is signed in with the token, and slides its end.
func (s *Service) Session(ctx context.Context, token string) (*Principal, error) {
	if len(token) != tokenLength {
		return nil, ErrSignInRequired
	}
	v, rev, err := s.sessions.Get(ctx, id.Hash(token))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrSignInRequired
	}
	if err != nil {
		return nil, err
	}
	now := s.now()
	if !now.Before(v.Until) {
		return nil, ErrSignInRequired
	}
	a, err := s.read(ctx, v.Account)
	if errors.Is(err, ErrUnknown) {
		return nil, ErrSignInRequired
	}
	if err != nil {
		return nil, err
	}
	if err := s.standing(a.State, a.Demo); err != nil {
		return nil, err
	}
	if a.Epoch != v.Epoch {
		return nil, ErrSignInRequired
	}
	// One write a minute is enough; a writer that was faster has done the same.
	if now.Sub(v.SeenAt) >= min(time.Minute, s.limits.SessionIdle/10) {
		v.SeenAt, v.Until = now, s.limits.until(v.BeganAt, now)
		if err := s.sessions.Replace(ctx, v, rev); errors.Is(err, store.ErrNotFound) {
			return nil, ErrSignInRequired // signed out in this moment
		} else if err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
	}
	p, err := s.principal(ctx, a, "session")
	if err != nil {
		return nil, err
	}
	p.SessionID, p.ExpiresAt = v.ID, v.Until
	return p, nil
}

// SignOut ends the session. A token that is none is no error: it is out already.
func (s *Service) SignOut(ctx context.Context, token string) error {
	if len(token) != tokenLength {
		return nil
	}
	err := s.store.Delete(ctx, sessions, id.Hash(token), 0)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
