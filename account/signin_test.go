package account

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certlink/store"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	a := w.person("zhangwei", Employee)
	token, p, err := w.SignIn(t.Context(), SignIn{Login: " ZhangWei ", Password: goodPassword, Browser: "Firefox\x00 \u202eevil"})
	want(t, err, nil)
	if p.Account.ID != a.ID || p.Organisation.ID != w.org.ID || p.Via != "session" || !p.Has(Employee) || p.Has(Admin) {
		t.Errorf("principal %+v", p)
	}
	if len(token) != tokenLength || strings.Contains(w.body(sessions, p.SessionID), token) {
		t.Error("the token is short, or lies in the store")
	}
	if strings.Contains(w.body(sessions, p.SessionID), "\u202e") {
		t.Error("the browser's name was kept as it came")
	}
	again, err := w.Session(t.Context(), token)
	want(t, err, nil)
	if again.SessionID != p.SessionID {
		t.Error("another session")
	}
	for _, bad := range []string{"", "x", strings.Repeat("A", tokenLength), token[1:], p.SessionID} {
		_, err := w.Session(t.Context(), bad)
		want(t, err, ErrSignInRequired)
	}
	want(t, w.SignOut(t.Context(), token), nil)
	want(t, w.SignOut(t.Context(), token), nil)
	_, err = w.Session(t.Context(), token)
	want(t, err, ErrSignInRequired)
}

func TestSignInMakesANewSessionAndEndsTheOld(t *testing.T) {
	w := newWorld(t)
	w.person("zhangwei")
	old, _ := w.signIn("zhangwei")
	fresh, _, err := w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword, OldToken: old})
	want(t, err, nil)
	if fresh == old {
		t.Fatal("the token stayed the same")
	}
	_, err = w.Session(t.Context(), old)
	want(t, err, ErrSignInRequired)
	_, err = w.Session(t.Context(), fresh)
	want(t, err, nil)
}

func TestSessionsEndByTime(t *testing.T) {
	w := newWorld(t)
	w.person("zhangwei")
	idle, _ := w.signIn("zhangwei")
	w.clock.Advance(30 * time.Minute)
	_, err := w.Session(t.Context(), idle)
	want(t, err, ErrSignInRequired)

	busy, _ := w.signIn("zhangwei")
	for range 35 { // every 20 minutes until 11 h 40 min
		w.clock.Advance(20 * time.Minute)
		_, err := w.Session(t.Context(), busy)
		want(t, err, nil)
	}
	w.clock.Advance(20 * time.Minute)
	_, err = w.Session(t.Context(), busy)
	want(t, err, ErrSignInRequired)

	w.clock.Advance(time.Second)
	n, err := w.Sweep(t.Context())
	if err != nil || n < 2 {
		t.Errorf("swept %d, %v", n, err)
	}
	docs, _, err := w.db.Query(t.Context(), sessions, store.Query{})
	if err != nil || len(docs) != 0 {
		t.Errorf("%d sessions are left, %v", len(docs), err)
	}
}

func TestSweepKeepsWhatLives(t *testing.T) {
	w := newWorld(t)
	w.person("zhangwei")
	token, _ := w.signIn("zhangwei")
	w.clock.Advance(29 * time.Minute)
	_, err := w.Session(t.Context(), token)
	want(t, err, nil)
	w.clock.Advance(29 * time.Minute)
	if _, err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = w.Session(t.Context(), token)
	want(t, err, nil)
}

func TestTooManySessionsEndTheOldest(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.SessionsPerAccount = 2 })
	w.person("zhangwei")
	var all []string
	for range 3 {
		token, _ := w.signIn("zhangwei")
		all = append(all, token)
		w.clock.Advance(time.Second)
	}
	_, err := w.Session(t.Context(), all[0])
	want(t, err, ErrSignInRequired)
	for _, token := range all[1:] {
		_, err := w.Session(t.Context(), token)
		want(t, err, nil)
	}
}

func TestChangingThePasswordEndsOtherSessions(t *testing.T) {
	w := newWorld(t)
	a := w.person("zhangwei")
	one, _ := w.signIn("zhangwei")
	two, p := w.signIn("zhangwei")
	_, _, err := w.ChangePassword(t.Context(), p, "wrong wrong wrong", "another good one", "")
	want(t, err, ErrOldPassword)
	_, _, err = w.ChangePassword(t.Context(), p, goodPassword, "short", "")
	want(t, err, ErrPasswordWeak)
	fresh, _, err := w.ChangePassword(t.Context(), p, goodPassword, "another good one", "")
	want(t, err, nil)
	for _, token := range []string{one, two} {
		_, err := w.Session(t.Context(), token)
		want(t, err, ErrSignInRequired)
	}
	_, err = w.Session(t.Context(), fresh)
	want(t, err, nil)
	_, _, err = w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword})
	want(t, err, ErrCredentials)
	wantOwed(t, w.owed(accounts, a.ID), "account.password_changed")
}

func TestSetPassword(t *testing.T) {
	w := newWorld(t)
	a := w.person("zhangwei")
	boss := w.as(w.person("boss", Admin))
	token, _ := w.signIn("zhangwei")
	for range 5 {
		w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: "forgotten it"})
	}
	want(t, w.SetPassword(t.Context(), w.as(a), a.ID, "another good one"), ErrRole)
	want(t, w.SetPassword(t.Context(), boss, boss.Account.ID, "another good one"), ErrRole)
	want(t, w.SetPassword(t.Context(), boss, a.ID, "zhangwei zhangwei"), ErrPasswordWeak)
	want(t, w.SetPassword(t.Context(), boss, a.ID, "another good one"), nil)
	_, err := w.Session(t.Context(), token)
	want(t, err, ErrSignInRequired)
	// The wrong tries of before are forgotten.
	_, _, err = w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: "another good one"})
	want(t, err, nil)
}

func TestHashGrowsWithTheSettings(t *testing.T) {
	w := newWorld(t)
	a := w.person("zhangwei")
	before := w.body(accounts, a.ID)
	s := w.server(func(c *Config) { c.Limits.PasswordMemoryKiB = 20 << 10 })
	_, _, err := s.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword})
	want(t, err, nil)
	after := w.body(accounts, a.ID)
	if !strings.Contains(before, "m=19456,") || !strings.Contains(after, "m=20480,") {
		t.Error("the hash was not made anew with the present settings")
	}
	w.signIn("zhangwei")
}

// A login that nobody has is answered like one that somebody has, try by try,
// and makes the same documents.
func TestUnknownLoginsAreAnsweredAlike(t *testing.T) {
	w := newWorld(t)
	w.person("zhangwei")
	answers := func(login string) (codes []string) {
		for range 8 {
			_, _, err := w.SignIn(t.Context(), SignIn{Login: login, Password: "some wrong password", TOTP: "123456"})
			codes = append(codes, code(err))
		}
		return codes
	}
	known, unknown, impossible := answers("zhangwei"), answers("nobody"), answers("no\x00body/张")
	for i := range known {
		if known[i] != unknown[i] || known[i] != impossible[i] {
			t.Fatalf("answers differ: %v, %v, %v", known, unknown, impossible)
		}
	}
	if known[4] != "credentials_wrong" || known[5] != "sign_in_locked" {
		t.Errorf("five tries, then the lock: %v", known)
	}
	docs, _, err := w.db.Query(t.Context(), attempts, store.Query{})
	if err != nil || len(docs) != 3 {
		t.Fatalf("%d documents of attempts, %v", len(docs), err)
	}
	for _, d := range docs {
		if strings.Contains(string(d.Body), "nobody") || strings.Contains(d.ID, "nobody") {
			t.Error("what somebody typed as login (it may be a password) lies in the store")
		}
	}
}

func code(err error) string {
	if err == nil {
		return ""
	}
	for _, f := range []error{ErrCredentials, ErrSignInLocked, ErrSignInBusy} {
		if errors.Is(err, f) {
			return strings.SplitN(f.Error(), ":", 2)[0]
		}
	}
	return err.Error()
}

func TestLockGrowsAndEnds(t *testing.T) {
	w := newWorld(t)
	w.person("zhangwei")
	wrong := SignIn{Login: "zhangwei", Password: "some wrong password"}
	right := SignIn{Login: "zhangwei", Password: goodPassword}
	for range 5 {
		_, _, err := w.SignIn(t.Context(), wrong)
		want(t, err, ErrCredentials)
	}
	for _, d := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		_, _, err := w.SignIn(t.Context(), right)
		want(t, err, ErrSignInLocked)
		if f := faultOf(err); f.Retry != d {
			t.Fatalf("wait %s, want %s", f.Retry, d)
		}
		w.clock.Advance(d - time.Millisecond)
		_, _, err = w.SignIn(t.Context(), right)
		want(t, err, ErrSignInLocked)
		w.clock.Advance(time.Millisecond)
		_, _, err = w.SignIn(t.Context(), wrong)
		want(t, err, ErrCredentials)
	}
	w.clock.Advance(15 * time.Minute)
	_, _, err := w.SignIn(t.Context(), right)
	want(t, err, nil)
	// The right one has reset the count.
	for range 4 {
		_, _, err := w.SignIn(t.Context(), wrong)
		want(t, err, ErrCredentials)
	}
	_, _, err = w.SignIn(t.Context(), right)
	want(t, err, nil)
	wantOwed(t, w.owed(attempts, w.attemptID("zhangwei")), "sign_in.locked")

	// What is owed is not swept away with the count.
	w.clock.Advance(24 * time.Hour)
	if _, err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantOwed(t, w.owed(attempts, w.attemptID("zhangwei")), "sign_in.locked")
}

// Fifty guesses at once, on two servers, buy no more than five.
func TestParallelGuessesBuyFive(t *testing.T) {
	w := newWorld(t)
	w.person("zhangwei")
	servers := []*Service{w.Service, w.server()}
	var compared, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			_, _, err := servers[i%2].SignIn(t.Context(), SignIn{Login: "zhangwei", Password: "wrong password no."})
			switch {
			case errors.Is(err, ErrCredentials):
				compared.Add(1)
			case errors.Is(err, ErrSignInLocked), errors.Is(err, ErrSignInBusy):
				refused.Add(1)
			default:
				t.Errorf("unexpected: %v", err)
			}
		})
	}
	wg.Wait()
	if compared.Load() != 5 || refused.Load() != 45 {
		t.Errorf("%d guesses were compared, %d refused", compared.Load(), refused.Load())
	}
	_, _, err := w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword})
	want(t, err, ErrSignInLocked)
}

// The right password from several tabs at once is no attack.
func TestParallelRightSignIns(t *testing.T) {
	w := newWorld(t)
	w.person("zhangwei")
	var wg sync.WaitGroup
	for range 7 {
		wg.Go(func() {
			if _, _, err := w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword}); err != nil && !errors.Is(err, ErrSignInBusy) {
				t.Errorf("refused: %v", err)
			}
		})
	}
	wg.Wait()
	a, _, err := w.attempts.Get(t.Context(), w.attemptID("zhangwei"))
	if err != nil || a.Wrong != 0 || len(a.Open) != 0 {
		t.Errorf("left over: %+v, %v", a, err)
	}
}

// A guess whose server died has been spent.
func TestGuessesOfADeadServerCount(t *testing.T) {
	w := newWorld(t)
	w.person("zhangwei")
	for range 5 {
		_, err := w.try(t.Context(), "zhangwei")
		want(t, err, nil)
	}
	_, _, err := w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword})
	want(t, err, ErrSignInBusy)
	w.clock.Advance(openFor)
	_, _, err = w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword})
	want(t, err, ErrSignInLocked)
	w.clock.Advance(30 * time.Second)
	_, _, err = w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword})
	want(t, err, nil)
}

func TestLockedAndClosedAccounts(t *testing.T) {
	w := newWorld(t)
	a := w.person("zhangwei")
	token, _ := w.signIn("zhangwei")
	_, err := w.Lock(t.Context(), w.root, a.ID, "疑似盗用")
	want(t, err, nil)
	_, err = w.Session(t.Context(), token)
	want(t, err, ErrLocked)
	want(t, w.Standing(t.Context(), a.ID), ErrLocked)
	_, _, err = w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword})
	want(t, err, ErrLocked)
	_, _, err = w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: "not the right one"})
	want(t, err, ErrCredentials) // a stranger learns nothing
	_, err = w.Unlock(t.Context(), w.root, a.ID, "")
	want(t, err, nil)
	want(t, w.Standing(t.Context(), a.ID), nil)
	_, err = w.Session(t.Context(), token)
	want(t, err, ErrSignInRequired) // the old session does not come back
	w.signIn("zhangwei")

	_, err = w.CloseAccount(t.Context(), w.root, a.ID, "离职")
	want(t, err, nil)
	want(t, w.Standing(t.Context(), a.ID), ErrClosed)
	_, _, err = w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword})
	want(t, err, ErrClosed)
	_, err = w.Unlock(t.Context(), w.root, a.ID, "")
	want(t, err, ErrStateWrong)
	want(t, w.Standing(t.Context(), "nobody"), ErrUnknown)
	for _, act := range []string{"account.locked", "account.unlocked", "account.closed"} {
		wantOwed(t, w.owed(accounts, a.ID), act)
	}
	if strings.Count(w.body(accounts, a.ID), "疑似盗用") != 1 {
		t.Error("the reason must stand in the history and nowhere else")
	}
}
