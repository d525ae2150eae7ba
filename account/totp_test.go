package account

import (
	"encoding/base32"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// RFC 6238 appendix B, SHA-1, and their last six digits as certlink uses them.
func TestTOTPVectors(t *testing.T) {
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for at, code := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471",
		1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"} {
		now := time.Unix(at, 0)
		got, err := totp.GenerateCodeCustom(secret, now, totp.ValidateOpts{Period: 30, Digits: otp.DigitsEight, Algorithm: otp.AlgorithmSHA1})
		if err != nil || got != code {
			t.Errorf("at %d: %s, %v", at, got, err)
		}
		if step, ok := totpStep(secret, code[2:], now); !ok || step != at/30 {
			t.Errorf("at %d: step %d, %v", at, step, ok)
		}
		if _, ok := totpStep(secret, code[2:], now.Add(-61*time.Second)); ok {
			t.Errorf("at %d: a code from the future was taken", at)
		}
		if _, ok := totpStep(secret, code[2:], now.Add(61*time.Second)); ok {
			t.Errorf("at %d: an old code was taken", at)
		}
	}
}

func (w *world) code(secret string) string {
	w.t.Helper()
	c, err := totp.GenerateCode(secret, w.clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func TestTOTPLife(t *testing.T) {
	w := newWorld(t)
	a := w.person("zhangwei")
	p := w.as(a)
	secret, uri, err := w.BeginTOTP(t.Context(), p)
	want(t, err, nil)
	if u, err := url.Parse(uri); err != nil || u.Scheme != "otpauth" || u.Query().Get("secret") != secret {
		t.Fatalf("%s: %v", uri, err)
	}
	// Begun is not yet asked for.
	w.signIn("zhangwei")
	want(t, w.ConfirmTOTP(t.Context(), p, "000000"), ErrTOTPWrong)
	want(t, w.ConfirmTOTP(t.Context(), p, w.code(secret)), nil)
	want(t, w.ConfirmTOTP(t.Context(), p, w.code(secret)), ErrTOTPState)
	_, _, err = w.BeginTOTP(t.Context(), p)
	want(t, err, ErrTOTPState)

	in := SignIn{Login: "zhangwei", Password: goodPassword}
	_, _, err = w.SignIn(t.Context(), in)
	want(t, err, ErrTOTPRequired)
	in.TOTP = w.code(secret) // spent by the confirmation
	_, _, err = w.SignIn(t.Context(), in)
	want(t, err, ErrTOTPWrong)
	w.clock.Advance(30 * time.Second)
	in.TOTP = w.code(secret)
	_, got, err := w.SignIn(t.Context(), in)
	want(t, err, nil)
	if !got.Account.TOTP {
		t.Error("the account does not say that it has TOTP")
	}

	w.clock.Advance(30 * time.Second)
	want(t, w.DisableTOTP(t.Context(), p, "123"), ErrTOTPWrong)
	want(t, w.DisableTOTP(t.Context(), p, w.code(secret)), nil)
	w.signIn("zhangwei")
	wantOwed(t, w.owed(accounts, a.ID), "account.totp_enabled")
	wantOwed(t, w.owed(accounts, a.ID), "account.totp_disabled")
}

func (w *world) enableTOTP(a *Account) string {
	w.t.Helper()
	secret, _, err := w.BeginTOTP(w.ctx(), w.as(a))
	want(w.t, err, nil)
	want(w.t, w.ConfirmTOTP(w.ctx(), w.as(a), w.code(secret)), nil)
	w.clock.Advance(time.Minute)
	return secret
}

// A code seen over a shoulder is worth nothing once it was used, also not when
// the thief is as fast as its owner.
func TestOneCodeSignsInOnce(t *testing.T) {
	w := newWorld(t)
	secret := w.enableTOTP(w.person("zhangwei"))
	code := w.code(secret)
	var in atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, _, err := w.SignIn(t.Context(), SignIn{Login: "zhangwei", Password: goodPassword, TOTP: code}); err == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d sign-ins with one code", in.Load())
	}
}

// Knowing the password must not buy guesses at the code: asking without one in
// between does not reset the count.
func TestWrongCodesLock(t *testing.T) {
	w := newWorld(t)
	w.enableTOTP(w.person("zhangwei"))
	in := SignIn{Login: "zhangwei", Password: goodPassword}
	for range 5 {
		in.TOTP = ""
		_, _, err := w.SignIn(t.Context(), in)
		want(t, err, ErrTOTPRequired)
		in.TOTP = "000000"
		_, _, err = w.SignIn(t.Context(), in)
		want(t, err, ErrTOTPWrong)
	}
	_, _, err := w.SignIn(t.Context(), in)
	want(t, err, ErrSignInLocked)
}

func TestLostPhoneTOTPIsReset(t *testing.T) {
	w := newWorld(t)
	a := w.person("zhangwei")
	w.enableTOTP(a)
	boss := w.as(w.person("boss", Admin))
	want(t, w.ResetTOTP(t.Context(), w.as(a), a.ID), ErrRole)
	want(t, w.ResetTOTP(t.Context(), boss, boss.Account.ID), ErrRole)
	want(t, w.ResetTOTP(t.Context(), boss, a.ID), nil)
	w.signIn("zhangwei")
}
