package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"net/url"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// totpState is an account's second factor. Secrets are sealed.
type totpState struct {
	Secret string `json:"secret,omitempty"` // asked for at sign-in
	Begun  string `json:"begun,omitempty"`  // shown, not yet confirmed
	Step   int64  `json:"step,omitempty"`   // the last time step used: a code is good once
}

func (t totpState) Enabled() bool { return t.Secret != "" }

const totpPeriod = 30

// totpStep finds the time step whose code this is: the present one, or one
// before or after it for clocks that differ. RFC 6238 §5.2.
func totpStep(secret, code string, now time.Time) (int64, bool) {
	if len(code) != 6 {
		return 0, false
	}
	found, step := false, int64(0)
	for d := int64(-1); d <= 1; d++ {
		at := now.Add(time.Duration(d) * totpPeriod * time.Second)
		want, err := totp.GenerateCodeCustom(secret, at, totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found, step = true, at.Unix()/totpPeriod
		}
	}
	return step, found
}

func (s *Service) openTOTP(accountID, sealed string) (string, error) {
	plain, err := s.seal.Open(totpField.Of(accountID), sealed)
	if err != nil {
		return "", fmt.Errorf("account: the TOTP secret of %s: %w", accountID, err)
	}
	return string(plain), nil
}

// useTOTP checks a code and spends its step, both in the one write in which the
// caller changes the account: of two sign-ins with one code only one gets in.
func (s *Service) useTOTP(a *stored, code string) error {
	secret, err := s.openTOTP(a.ID, a.Second.Secret)
	if err != nil {
		return err
	}
	step, ok := totpStep(secret, code, s.now())
	if !ok || step <= a.Second.Step {
		return ErrTOTPWrong
	}
	a.Second.Step = step
	return nil
}

// BeginTOTP makes a secret and the URI that authenticator apps read. Nothing is
// asked for at sign-in until ConfirmTOTP has seen a code.
func (s *Service) BeginTOTP(ctx context.Context, p *Principal) (secret, uri string, err error) {
	if p == nil || p.Account == nil {
		return "", "", ErrSignInRequired
	}
	raw := make([]byte, 20)
	rand.Read(raw)
	secret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
	a, err := s.update(ctx, p.Account.ID, func(a *stored) error {
		switch {
		case a.Password == "":
			return ErrNoPassword
		case a.Second.Enabled():
			return ErrTOTPState
		}
		a.Second.Begun = s.seal.Seal(totpField.Of(a.ID), []byte(secret))
		return nil
	})
	if err != nil {
		return "", "", err
	}
	q := url.Values{"secret": {secret}, "issuer": {"certlink"}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {fmt.Sprint(totpPeriod)}}
	return secret, "otpauth://totp/certlink:" + url.PathEscape(a.Login) + "?" + q.Encode(), nil
}

// ConfirmTOTP turns one-time codes on, once the person has shown a right one.
func (s *Service) ConfirmTOTP(ctx context.Context, p *Principal, code string) error {
	if p == nil || p.Account == nil {
		return ErrSignInRequired
	}
	_, err := s.update(ctx, p.Account.ID, func(a *stored) error {
		if a.Second.Begun == "" || a.Second.Enabled() {
			return ErrTOTPState
		}
		secret, err := s.openTOTP(a.ID, a.Second.Begun)
		if err != nil {
			return err
		}
		step, ok := totpStep(secret, code, s.now())
		if !ok {
			return ErrTOTPWrong
		}
		a.Second = totpState{Secret: a.Second.Begun, Step: step}
		a.happened(s.now(), p, "account.totp_enabled", "", nil)
		return nil
	})
	return err
}

// DisableTOTP turns them off, against a code; tries count like those at sign-in.
func (s *Service) DisableTOTP(ctx context.Context, p *Principal, code string) error {
	if p == nil || p.Account == nil {
		return ErrSignInRequired
	}
	try, err := s.try(ctx, p.Account.Login)
	if err != nil {
		return err
	}
	_, err = s.update(ctx, p.Account.ID, func(a *stored) error {
		if !a.Second.Enabled() {
			return ErrTOTPState
		}
		if err := s.useTOTP(a, code); err != nil {
			return err
		}
		a.Second = totpState{}
		a.happened(s.now(), p, "account.totp_disabled", "", nil)
		return nil
	})
	return try.end(ctx, err, ErrTOTPWrong)
}

// ResetTOTP turns them off for somebody whose phone is lost.
func (s *Service) ResetTOTP(ctx context.Context, by *Principal, accountID string) error {
	if err := by.Require(Operator, Admin); err != nil {
		return err
	}
	if by.ID() == accountID {
		return ErrRole // one's own asks for a code: DisableTOTP
	}
	_, err := s.update(ctx, accountID, func(a *stored) error {
		if err := by.mayManage(&a.Account); err != nil {
			return err
		}
		if !a.Second.Enabled() && a.Second.Begun == "" {
			return ErrTOTPState
		}
		a.Second = totpState{}
		a.happened(s.now(), by, "account.totp_reset", "", nil)
		return nil
	})
	return err
}
