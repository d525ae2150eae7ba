package api

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/internal/fault"
	"certlink/mobilecert"
	"certlink/qr"
)

// The course without script: sign in, choose the provider, show the code to the
// phone, type the digits, read the result. Every step is a page and a form; the
// page with the code loads itself anew, since a code lives for seconds.

// localTime is how pages write times: as the platform does, in China's time.
func localTime(t time.Time) string { return t.In(shanghai).Format("2006-01-02 15:04") }

// China has had no other offset since 1991; no time zone file is needed for it.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// plainSignedIn asks for the cookie, and leads to the sign-in page without it.
func (c *call) plainSignedIn() error {
	if c.readCookie(sessionCookie) == "" {
		return c.signInPage("", nil)
	}
	err := c.signedIn()
	if f := fault.Of(err); f != nil && f.Kind == fault.Unauthorized {
		return c.signInPage("", nil)
	}
	return err
}

type signInPage struct{ Login, Error, Code string }

func (c *call) signInPage(login string, f *fault.Error) error {
	p, status := signInPage{Login: login}, fiber.StatusOK
	if f != nil {
		p.Error, p.Code, c.code = c.language().of(f.ZH, f.EN), f.Code, f.Code
		status = statusOf(f)
	}
	if err := c.show(status, "signin.html", p); err != nil {
		return err
	}
	return done
}

// sentForm lets only a form of ours pass.
func sentForm(c *call) error {
	if err := c.sameSite(); err != nil {
		return err
	}
	return c.media("application/x-www-form-urlencoded")
}

func (s *Server) plainSignIn(c *call) error {
	var in account.SignIn
	for _, field := range []struct {
		name string
		to   *string
	}{{"login", &in.Login}, {"password", &in.Password}, {"totp", &in.TOTP}} {
		v, err := c.form(field.name, 256)
		if err != nil {
			return err
		}
		*field.to = v
	}
	if _, err := s.signIn(c, in); err != nil {
		if f := fault.Of(err); f != nil && f.Kind != fault.Internal {
			return c.signInPage(in.Login, f) // nothing typed is lost, but the password
		}
		return err
	}
	return c.redirect(fiber.StatusSeeOther, "/plain/")
}

func (s *Server) plainSignOut(c *call) error {
	if err := s.Accounts.SignOut(c.ctx, c.readCookie(sessionCookie)); err != nil {
		return err
	}
	c.setCookie(sessionCookie, "")
	c.setCookie(browserCookie, "")
	return c.redirect(fiber.StatusSeeOther, "/plain/")
}

type homePage struct {
	Name, Organisation string
	Bindings           []mobilecert.BindingView
	Providers          []mobilecert.ProviderView
}

func (s *Server) plainHome(c *call) error {
	p := homePage{Name: c.who.Account.Name, Organisation: c.who.Organisation.Name}
	active, err := s.Bindings.Active(c.ctx, c.who.ID())
	if err != nil {
		return err
	}
	for _, b := range active {
		p.Bindings = append(p.Bindings, b.View(c.asks()))
	}
	for _, v := range s.Catalogue.Providers() {
		if v.Available(mobilecert.Mobile) {
			p.Providers = append(p.Providers, v.View())
		}
	}
	return c.show(fiber.StatusOK, "home.html", p)
}

func (s *Server) plainBind(c *call) error {
	provider, err := c.form("provider", 64)
	if err != nil {
		return err
	}
	q, _, err := s.begin(c, "bind", map[string]string{"provider": provider}, "", "")
	if err != nil {
		return err
	}
	return c.redirect(fiber.StatusSeeOther, "/plain/code/"+q.ID)
}

type codePage struct {
	*qrView
	Refresh int // seconds until the page loads itself anew, 0 for never
	Counter int64
	Left    int // seconds
	Here    string
	Error   string
}

// showCode renders where a session stands. While digits are asked for, the page
// must not be taken from under the hand that types them.
func (s *Server) showCode(c *call, q *qr.Session, f *fault.Error) error {
	v, err := s.showQR(c.ctx, q)
	if err != nil {
		return err
	}
	p, code := codePage{qrView: v, Refresh: 2, Left: max(int(q.ExpiresAt.Sub(s.Clock())/time.Second), 0), Here: "/plain/code/" + q.ID}, fiber.StatusOK
	_, p.Counter = s.QR.Code(q)
	switch {
	case q.State.Over():
		p.Refresh = 0
	case q.State == qr.Scanned && q.Match.Required && !q.Match.Done:
		p.Refresh = 30
	}
	if f != nil {
		p.Error, c.code, code = c.language().of(f.ZH, f.EN), f.Code, statusOf(f)
	}
	return c.show(code, "code.html", p)
}

func (s *Server) plainCode(c *call) error {
	sessionID, browser, err := c.owner()
	if err != nil {
		return err
	}
	q, err := s.QR.Owned(c.ctx, sessionID, browser)
	if err != nil {
		return err
	}
	return s.showCode(c, q, nil)
}

func (s *Server) plainMatch(c *call) error {
	digits, err := c.form("digits", 8)
	if err != nil {
		return err
	}
	sessionID, browser, err := c.owner()
	if err != nil {
		return err
	}
	if _, err := s.QR.MatchDigits(c.ctx, sessionID, browser, digits); err != nil {
		f := fault.Of(err)
		q, again := s.QR.Owned(c.ctx, sessionID, browser)
		if f == nil || again != nil {
			return err
		}
		return s.showCode(c, q, f)
	}
	return c.redirect(fiber.StatusSeeOther, "/plain/code/"+sessionID)
}

func (s *Server) plainCancel(c *call) error {
	sessionID, browser, err := c.owner()
	if err != nil {
		return err
	}
	if _, err := s.QR.Cancel(c.ctx, sessionID, browser); err != nil {
		return err
	}
	return c.redirect(fiber.StatusSeeOther, "/plain/code/"+sessionID)
}
