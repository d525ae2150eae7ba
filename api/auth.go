package api

import (
	"bytes"
	"errors"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/internal/fault"
	"certlink/internal/id"
	"certlink/qr"
)

// The cookies. On https they carry the __Host- prefix, so that no neighbouring
// host and no plain-text page can plant one.
const (
	sessionCookie = "certlink_session" // who is signed in
	browserCookie = "certlink_browser" // the browser secret of the protocol
)

// browserHeader is the browser secret of pages that are not ours.
const browserHeader = "Certlink-Browser-Secret"

// secretLength is 256 bits in base64url, as id.Secret writes them.
const secretLength = 43

func (s *Server) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

func (c *call) readCookie(name string) string {
	return string(c.f.Request().Header.Cookie(c.s.cookieName(name)))
}

// setCookie lasts as long as the browser is open; an empty value deletes.
func (c *call) setCookie(name, value string) {
	text := c.s.cookieName(name) + "=" + value + "; Path=/; HttpOnly; SameSite=Lax"
	if c.s.secure {
		text += "; Secure"
	}
	if value == "" {
		text += "; Max-Age=0"
	}
	c.f.Response().Header.Add(fiber.HeaderSetCookie, text)
}

// signedIn finds out who calls: by API token or JWT, else by the session cookie.
func (c *call) signedIn() error {
	if auth := c.f.Request().Header.Peek(fiber.HeaderAuthorization); len(auth) > 0 {
		scheme, token, _ := bytes.Cut(auth, []byte(" "))
		if !bytes.EqualFold(scheme, []byte("Bearer")) {
			return account.ErrToken
		}
		who, err := c.s.Accounts.Bearer(c.ctx, bytes.TrimSpace(token))
		if err != nil {
			return err
		}
		c.who = who
	} else {
		token := c.readCookie(sessionCookie)
		if token == "" {
			return account.ErrSignInRequired
		}
		// Before the store is asked: another site's form tells nothing apart.
		if err := c.sameSite(); err != nil {
			return err
		}
		who, err := c.s.Accounts.Session(c.ctx, token)
		if err != nil {
			return err
		}
		c.who, c.cookie = who, true
	}
	if c.who.Has(account.Integrator) {
		return c.s.programs.allow(c.who.ID())
	}
	return c.s.accounts.allow(c.who.ID())
}

// role lets only holders of one of the roles pass.
func role(roles ...account.Role) step {
	return func(c *call) error { return c.who.Require(roles...) }
}

// sameSite refuses what a page of another site could have a browser send with our
// cookies. Browsers say where a request comes from, in Sec-Fetch-Site or Origin,
// and pages cannot change that; a request with a cookie that says neither is no
// page of ours.
func (c *call) sameSite() error {
	switch c.f.Method() {
	case fiber.MethodGet, fiber.MethodHead:
		return nil // they change nothing
	}
	site, origin := c.header("Sec-Fetch-Site"), c.header(fiber.HeaderOrigin)
	switch {
	case site == "" && origin == "",
		site != "" && site != "same-origin" && site != "none",
		origin != "" && origin != c.s.Origin:
		return ErrCSRF
	}
	return nil
}

// sameSiteIfBrowser is sameSite for calls without a cookie yet: programs send
// neither header, browsers always do.
func (c *call) sameSiteIfBrowser() error {
	if c.header("Sec-Fetch-Site") == "" && c.header(fiber.HeaderOrigin) == "" {
		return nil
	}
	return c.sameSite()
}

// owner reads the browser secret, and the id of the session that it opens. Without
// the secret every id is answered like one that does not exist.
func (c *call) owner() (sessionID, browser string, err error) {
	secret := c.header(browserHeader)
	if secret == "" {
		if secret = c.readCookie(browserCookie); secret != "" {
			if err := c.sameSite(); err != nil {
				return "", "", err
			}
		}
	}
	if sessionID, err = c.id("id", qr.ErrUnknown); err != nil {
		return "", "", err
	}
	if len(secret) != secretLength {
		return "", "", qr.ErrUnknown
	}
	// Counted with the secret: the id stands in the code, and who only saw that must
	// be able neither to use up the owner's share nor to learn by it what exists.
	browser = id.Hash(secret)
	return sessionID, browser, c.s.sessions.allow(sessionID + "." + browser)
}

// challenge is the WWW-Authenticate of a 401 (RFC 9110 §11.6.1).
func (c *call) challenge(f *fault.Error) {
	value := `Bearer realm="certlink"`
	switch {
	case errors.Is(f, account.ErrNonce):
		value = `DPoP error="use_dpop_nonce", algs="ES256"`
	case errors.Is(f, account.ErrProof), errors.Is(f, account.ErrReplayed):
		value = `DPoP error="invalid_dpop_proof", algs="ES256"`
	case errors.Is(f, account.ErrProofRequired):
		value = `DPoP algs="ES256"`
	case errors.Is(f, account.ErrToken):
		value = `Bearer realm="certlink", error="invalid_token"`
	}
	c.f.Set(fiber.HeaderWWWAuthenticate, value)
}
