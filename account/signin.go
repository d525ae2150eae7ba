package account

import (
	"context"
	"errors"

	"certlink/internal/effect"
	"certlink/store"
)

// SignIn is what a person signs in with.
type SignIn struct {
	Login, Password, TOTP string
	// OldToken is the session the browser had before; it ends.
	OldToken string
	// Browser is shown to the person in the list of sessions.
	Browser string
}

// SignIn begins a web session and returns its token, a new one each time. A
// login that does not exist costs the same time and is answered alike.
func (s *Service) SignIn(ctx context.Context, in SignIn) (string, *Principal, error) {
	a, err := s.authenticate(ctx, in)
	if err != nil {
		return "", nil, err
	}
	if in.OldToken != "" {
		if err := s.SignOut(ctx, in.OldToken); err != nil {
			return "", nil, err
		}
	}
	return s.beginSession(ctx, a, in.Browser)
}

func (s *Service) authenticate(ctx context.Context, in SignIn) (*stored, error) {
	leave, err := s.passwords.admit()
	if err != nil {
		return nil, err
	}
	defer leave()
	login := foldLogin(in.Login)
	try, err := s.try(ctx, login)
	if err != nil {
		return nil, err
	}
	a, err := s.checkSecrets(ctx, try, login, in)
	return a, try.end(ctx, err, ErrCredentials, ErrTOTPWrong)
}

func (s *Service) checkSecrets(ctx context.Context, t *try, login string, in SignIn) (*stored, error) {
	a, err := s.byLogin(ctx, login)
	if err != nil {
		return nil, err
	}
	done, err := s.passwords.slot(ctx)
	if err != nil {
		return nil, err
	}
	right, stale := s.passwords.compare(a.Password, in.Password)
	var fresh string
	if right && stale {
		fresh = s.passwords.hashNow(in.Password)
	}
	done()
	t.account, t.organisation = a.ID, a.OrganisationID
	if !right {
		return nil, ErrCredentials
	}
	if err := s.standing(a.State, a.Demo); err != nil {
		return nil, err
	}
	if !a.Second.Enabled() && fresh == "" {
		return a, nil
	}
	if a.Second.Enabled() && in.TOTP == "" {
		return nil, ErrTOTPRequired
	}
	compared := a.Password
	return s.accounts.Update(ctx, a.ID, func(a *stored) error {
		if a.Password != compared { // changed in this moment
			return ErrCredentials
		}
		if err := s.standing(a.State, a.Demo); err != nil {
			return err
		}
		if fresh != "" {
			a.Password = fresh
		}
		if a.Second.Enabled() {
			if in.TOTP == "" {
				return ErrTOTPRequired
			}
			return s.useTOTP(a, in.TOTP)
		}
		return nil
	})
}

// byLogin returns an empty account where there is none, so that the caller goes
// the same way.
func (s *Service) byLogin(ctx context.Context, login string) (*stored, error) {
	clean, err := cleanLogin(login)
	if err != nil {
		clean = "-" // found by nobody, looked for all the same
	}
	a, _, err := s.accounts.First(ctx, store.Equal("login", clean))
	if errors.Is(err, store.ErrNotFound) {
		return &stored{}, nil
	}
	return a, err
}

// ChangePassword replaces one's own password and ends all sessions but the one
// it is asked in, which gets a new token.
func (s *Service) ChangePassword(ctx context.Context, p *Principal, old, new, browser string) (string, *Principal, error) {
	if p == nil || p.Account == nil {
		return "", nil, ErrSignInRequired
	}
	if !p.Account.HasPassword {
		return "", nil, ErrNoPassword
	}
	if err := checkPassword(new, p.Account.Login); err != nil {
		return "", nil, err
	}
	leave, err := s.passwords.admit()
	if err != nil {
		return "", nil, err
	}
	defer leave()
	try, err := s.try(ctx, p.Account.Login)
	if err != nil {
		return "", nil, err
	}
	a, err := s.replacePassword(ctx, p, old, new)
	if err := try.end(ctx, err, ErrOldPassword); err != nil {
		return "", nil, err
	}
	return s.beginSession(ctx, a, browser)
}

func (s *Service) replacePassword(ctx context.Context, p *Principal, old, new string) (*stored, error) {
	a, err := s.read(ctx, p.Account.ID)
	if err != nil {
		return nil, err
	}
	done, err := s.passwords.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	compared := a.Password
	if right, _ := s.passwords.compare(compared, old); !right {
		return nil, ErrOldPassword
	}
	fresh := s.passwords.hashNow(new)
	return s.accounts.Update(ctx, a.ID, func(a *stored) error {
		if a.Password != compared {
			return ErrOldPassword
		}
		if err := s.standing(a.State, a.Demo); err != nil {
			return err
		}
		s.setPassword(a, p, fresh)
		return nil
	})
}

func (s *Service) setPassword(a *stored, by *Principal, hash string) {
	a.Password = hash
	a.Epoch++
	now := s.now()
	a.happened(now, by, "account.password_changed", "", nil)
	a.Owe(effect.New(effect.Webhook, now, map[string]string{"act": "account.password_changed", "object": "account", "id": a.ID, "organisation": a.OrganisationID}))
}

// SetPassword gives somebody a password: the first one, or one for a person who
// forgot it. All their sessions end, and wrong tries are forgotten.
func (s *Service) SetPassword(ctx context.Context, by *Principal, accountID, password string) error {
	if err := by.Require(Operator, Admin); err != nil {
		return err
	}
	if by.ID() == accountID {
		return ErrRole // one's own asks for the present one: ChangePassword
	}
	a, err := s.read(ctx, accountID)
	if err != nil {
		return err
	}
	if err := by.mayManage(&a.Account); err != nil {
		return err
	}
	if _, err := cleanLogin(a.Login); err != nil {
		return ErrNoPassword
	}
	if err := checkPassword(password, a.Login); err != nil {
		return err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	out, err := s.update(ctx, accountID, func(a *stored) error {
		if err := by.mayManage(&a.Account); err != nil {
			return err
		}
		if a.State == Closed {
			return ErrClosed
		}
		s.setPassword(a, by, hash)
		return nil
	})
	if err != nil {
		return err
	}
	err = s.store.Delete(ctx, attempts, s.attemptID(out.Login), 0)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
