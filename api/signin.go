package api

import (
	"time"

	"certlink/account"
	"certlink/internal/id"
)

// stamp is how times leave the server: RFC 3339, UTC, whole seconds.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func stampOr(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

type sessionView struct {
	Account struct {
		ID           string           `json:"id"`
		Login        string           `json:"login"`
		Name         string           `json:"name"`
		Roles        []account.Role   `json:"roles"`
		Organisation organisationView `json:"organisation"`
	} `json:"account"`
	Via       string `json:"via"`
	ExpiresAt string `json:"expires_at"`
	TOTP      struct {
		Enabled bool `json:"enabled"`
	} `json:"totp"`
	Letters lettersView `json:"letters"`
}

// lettersView is how somebody wants to be written to. Address is where, masked.
type lettersView struct {
	On       bool   `json:"on"`
	Language string `json:"language"`
	Address  string `json:"address"`
}

func showLetters(a *account.Account) lettersView {
	return lettersView{!a.Letters.Off, a.Letters.Language, a.MaskedEmail()}
}

type organisationView struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	CreditCode string `json:"credit_code"`
	// Doubtful is only told to those who load organisations.
	Doubtful bool `json:"credit_code_doubtful,omitempty"`
}

func showSession(p *account.Principal) *sessionView {
	v := new(sessionView)
	v.Account.ID, v.Account.Login, v.Account.Name, v.Account.Roles = p.Account.ID, p.Account.Login, p.Account.Name, p.Account.Roles
	if o := p.Organisation; o != nil {
		v.Account.Organisation = organisationView{ID: o.ID, Name: o.Name, CreditCode: o.CreditCode}
	}
	v.Via, v.ExpiresAt, v.TOTP.Enabled, v.Letters = p.Via, stamp(p.ExpiresAt), p.Account.TOTP, showLetters(p.Account)
	return v
}

func (s *Server) postSession(c *call) error {
	if err := c.sameSiteIfBrowser(); err != nil {
		return err
	}
	var in account.SignIn
	if err := c.read(object{{"login", &in.Login, true}, {"password", &in.Password, true}, {"totp", &in.TOTP, false}}); err != nil {
		return err
	}
	who, err := s.signIn(c, in)
	if err != nil {
		return err
	}
	return c.ok(showSession(who))
}

// signIn begins a web session. Both ids of the browser are new afterwards: whoever
// planted one of the old ones holds nothing.
func (s *Server) signIn(c *call, in account.SignIn) (*account.Principal, error) {
	in.OldToken = c.readCookie(sessionCookie)
	in.Browser = browserName(c.header("User-Agent"))
	token, who, err := s.Accounts.SignIn(c.ctx, in)
	if err != nil {
		return nil, err
	}
	c.setCookie(sessionCookie, token)
	c.setCookie(browserCookie, id.Secret(32))
	return who, nil
}

func (s *Server) getSession(c *call) error { return c.ok(showSession(c.who)) }

// deleteSession signs out. Who is out already is out.
func (s *Server) deleteSession(c *call) error {
	token := c.readCookie(sessionCookie)
	if token == "" {
		return c.nothing()
	}
	if err := c.sameSite(); err != nil {
		return err
	}
	if err := s.Accounts.SignOut(c.ctx, token); err != nil {
		return err
	}
	c.setCookie(sessionCookie, "")
	c.setCookie(browserCookie, "")
	return c.nothing()
}

// ownPassword lets only a person at a browser pass: a password, or a second factor,
// is not for tokens to change.
func ownPassword(c *call) error {
	if !c.cookie {
		return account.ErrRole
	}
	return nil
}

func (s *Server) postPassword(c *call) error {
	var old, fresh string
	if err := c.read(object{{"old", &old, true}, {"new", &fresh, true}}); err != nil {
		return err
	}
	token, _, err := s.Accounts.ChangePassword(c.ctx, c.who, old, fresh, browserName(c.header("User-Agent")))
	if err != nil {
		return err
	}
	c.setCookie(sessionCookie, token)
	return c.nothing()
}

func (s *Server) putLetters(c *call) error {
	var on bool
	var language string
	if err := c.read(object{{"on", &on, true}, {"language", &language, true}}); err != nil {
		return err
	}
	a, err := s.Accounts.SetLetters(c.ctx, c.who, account.Letters{Off: !on, Language: language})
	if err != nil {
		return err
	}
	return c.ok(showLetters(a))
}

func (s *Server) postTOTP(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	secret, uri, err := s.Accounts.BeginTOTP(c.ctx, c.who)
	if err != nil {
		return err
	}
	return c.ok(map[string]string{"secret": secret, "uri": uri})
}

func (s *Server) postTOTPConfirm(c *call) error {
	var code string
	if err := c.read(object{{"code", &code, true}}); err != nil {
		return err
	}
	if err := s.Accounts.ConfirmTOTP(c.ctx, c.who, code); err != nil {
		return err
	}
	return c.nothing()
}

func (s *Server) deleteTOTP(c *call) error {
	var code string
	if err := c.read(object{{"code", &code, true}}); err != nil {
		return err
	}
	if err := s.Accounts.DisableTOTP(c.ctx, c.who, code); err != nil {
		return err
	}
	return c.nothing()
}
