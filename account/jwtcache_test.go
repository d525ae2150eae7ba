package account

import (
	"crypto/sha256"
	"testing"
	"time"
)

// TestKnownToken: a token seen before is still refused for all that may have
// changed since: its time, the issuer's key, the account.
func TestKnownToken(t *testing.T) {
	w, p := newJWTWorld(t)
	first := func(change ...string) string {
		t.Helper()
		c := w.claims()
		for i := 0; i+1 < len(change); i += 2 {
			c[change[i]] = change[i+1]
		}
		token := p.sign("k1", c)
		a, err := w.Bearer(t.Context(), token)
		want(t, err, nil)
		if v, err := w.known(t.Context(), sha256.Sum256([]byte(token))); v == nil || err != nil {
			t.Fatalf("a good token is not remembered: %v", err)
		}
		b, err := w.Bearer(t.Context(), token)
		want(t, err, nil)
		if a.Account.ID != b.Account.ID || b.Account.Name != a.Account.Name || !a.ExpiresAt.Equal(b.ExpiresAt) || b.Organisation.ID != a.Organisation.ID {
			t.Fatalf("%+v became %+v", a, b)
		}
		return token
	}
	token := first()
	who, err := w.Bearer(t.Context(), token)
	want(t, err, nil)

	// Its signature stands for these bytes only.
	_, err = w.Bearer(t.Context(), token[:len(token)-2]+"AA")
	want(t, err, ErrToken)

	_, err = w.Lock(t.Context(), w.root, who.Account.ID, "")
	want(t, err, nil)
	_, err = w.Bearer(t.Context(), token)
	want(t, err, ErrLocked)
	_, err = w.Unlock(t.Context(), w.root, who.Account.ID, "")
	want(t, err, nil)
	_, err = w.Bearer(t.Context(), token)
	want(t, err, nil)

	// Another token of the same person changes the name; the first one's claims
	// then say the old one again, as without the memory.
	first("name", "张伟二")
	again, err := w.Bearer(t.Context(), token)
	want(t, err, nil)
	if again.Account.Name != "张伟" {
		t.Errorf("the name is %s", again.Account.Name)
	}

	// An account that another subject has now is not this token's.
	other := first("sub", "u-2002")
	w.jwts.get(sha256.Sum256([]byte(other))).account = who.Account.ID
	b, err := w.Bearer(t.Context(), other)
	want(t, err, nil)
	if b.Account.ID == who.Account.ID {
		t.Fatal("a token opened another subject's account")
	}

	w.clock.Advance(-10 * time.Minute) // issued in the future
	_, err = w.Bearer(t.Context(), token)
	want(t, err, ErrToken)
	w.clock.Advance(10*time.Minute + 5*time.Minute + jwtLeeway)
	_, err = w.Bearer(t.Context(), token)
	want(t, err, ErrToken)
}

// TestKnownTokensKeyReplaced: the issuer has another key under the same id.
func TestKnownTokensKeyReplaced(t *testing.T) {
	w, p := newJWTWorld(t)
	token := p.sign("k1", w.claims())
	_, err := w.Bearer(t.Context(), token)
	want(t, err, nil)
	// As if it had been verified by the key that had this id before.
	w.jwts.get(sha256.Sum256([]byte(token))).key = newKey(t).Public()
	if v, err := w.known(t.Context(), sha256.Sum256([]byte(token))); v != nil || err != nil {
		t.Fatalf("%v, %v", v, err)
	}
}

func TestKnownTokensAreBounded(t *testing.T) {
	var c jwtCache
	used := [32]byte{255}
	c.put(used, new(verifiedJWT))
	for i := range 10 * rememberJWT {
		c.put(sha256.Sum256([]byte{byte(i), byte(i >> 8)}), new(verifiedJWT))
		if c.get(used) == nil {
			t.Fatal("what is in use was forgotten")
		}
		if n := len(c.young) + len(c.old); n > 2*rememberJWT {
			t.Fatalf("%d are kept", n)
		}
	}
	if c.get(sha256.Sum256([]byte{0, 0})) != nil {
		t.Fatal("nothing is ever forgotten")
	}
}
