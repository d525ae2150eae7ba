package account

import (
	"strings"
	"testing"
	"time"

	"certlink/store"
)

func TestAPITokens(t *testing.T) {
	w := newWorld(t)
	api, lina := w.person("portal-api", Integrator), w.person("lina", Employee)
	secret, tok, err := w.CreateToken(t.Context(), w.root, api.ID, "门户后端", 0)
	want(t, err, nil)
	if !strings.HasPrefix(secret, "clt_") || len(secret) != 47 || tok.ExpiresAt.Sub(tok.CreatedAt) != 365*24*time.Hour {
		t.Errorf("%s %+v", secret, tok)
	}
	p, err := w.Bearer(t.Context(), secret)
	want(t, err, nil)
	if p.Account.ID != api.ID || p.Via != "token" || !p.Has(Integrator) {
		t.Errorf("%+v", p)
	}
	docs, _, err := w.tokens.Query(t.Context(), store.Query{Index: "account", Prefix: store.KeyPrefix(api.ID)})
	if err != nil || len(docs) != 1 || strings.Contains(w.body(tokens, docs[0].ID), secret[4:]) {
		t.Errorf("the secret lies in the store, or the token does not: %v", err)
	}
	for _, bad := range []string{"clt_", "clt_" + strings.Repeat("A", 43), secret + "x", strings.TrimPrefix(secret, "clt_")} {
		_, err := w.Bearer(t.Context(), bad)
		want(t, err, ErrToken)
	}

	_, _, err = w.CreateToken(t.Context(), w.root, lina.ID, "x", 0)
	want(t, err, ErrRole)
	_, _, err = w.CreateToken(t.Context(), w.as(api), api.ID, "x", 0)
	want(t, err, ErrRole)
	_, _, err = w.CreateToken(t.Context(), w.root, "nobody", "x", 0)
	want(t, err, ErrUnknown)
	_, err = w.ListTokens(t.Context(), w.as(lina), api.ID)
	want(t, err, ErrRole)
	want(t, w.RevokeToken(t.Context(), w.as(lina), tok.ID), ErrRole)
	want(t, w.RevokeToken(t.Context(), w.root, "nothing"), ErrTokenUnknown)

	// A role that was taken away takes the token's power with it.
	_, err = w.SetRoles(t.Context(), w.root, api.ID, []Role{Employee})
	want(t, err, nil)
	_, err = w.Bearer(t.Context(), secret)
	want(t, err, ErrToken)
	_, err = w.SetRoles(t.Context(), w.root, api.ID, []Role{Integrator})
	want(t, err, nil)
	_, err = w.Lock(t.Context(), w.root, api.ID, "")
	want(t, err, nil)
	_, err = w.Bearer(t.Context(), secret)
	want(t, err, ErrLocked)
	_, err = w.Unlock(t.Context(), w.root, api.ID, "")
	want(t, err, nil)

	w.clock.Advance(time.Minute)
	short, _, err := w.CreateToken(t.Context(), w.root, api.ID, "一小时", time.Hour)
	want(t, err, nil)
	w.clock.Advance(time.Hour)
	_, err = w.Bearer(t.Context(), short)
	want(t, err, ErrToken)

	want(t, w.RevokeToken(t.Context(), w.as(api), tok.ID), nil)
	want(t, w.RevokeToken(t.Context(), w.as(api), tok.ID), nil)
	_, err = w.Bearer(t.Context(), secret)
	want(t, err, ErrToken)
	list, err := w.ListTokens(t.Context(), w.as(api), api.ID)
	if err != nil || len(list) != 2 || list[0].RevokedAt == nil || list[1].RevokedAt != nil {
		t.Errorf("%+v, %v", list, err)
	}
	wantOwed(t, w.owed(tokens, docs[0].ID), "token.revoked")
}
