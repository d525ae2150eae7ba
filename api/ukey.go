package api

import (
	"encoding/base64"
	"errors"

	"github.com/gofiber/fiber/v2"

	"certlink/confirm"
	"certlink/desk"
	"certlink/internal/fault"
	"certlink/internal/id"
	"certlink/mobilecert"
	"certlink/mobilecert/renewal"
	"certlink/qr"
	"certlink/trust"
)

// Bridge is what pages must know of the desktop bridge beside them.
type Bridge struct {
	// Origin is where it listens on the person's own machine.
	Origin string `json:"origin"`
	// Version is the one that is to be had, for the hint to update.
	Version string `json:"version"`
	// Download is the page where it is to be had, "" where the operator named none.
	Download string `json:"download,omitempty"`
}

// ukeyRoutes are those of statements that a U-Key signs.
func (s *Server) ukeyRoutes() {
	s.add("POST", "/v1/ukey-sessions", (*call).signedIn, s.postUKeySession)
	s.add("GET", "/v1/ukey-sessions/:id", s.getUKeySession)
	s.add("POST", "/v1/ukey-sessions/:id/confirm", s.postUKeyConfirm)
	s.add("POST", "/v1/ukey-sessions/:id/cancel", s.postUKeyCancel)
	if s.Demo {
		s.add("POST", "/v1/demo/ukey-certificates", (*call).signedIn, s.postDemoUKey)
		s.add("GET", "/v1/demo/ukey-certificates/:key", s.getDemoUKey)
	}
}

// ukeyView is a session with a U-Key as the page that began it sees it.
type ukeyView struct {
	ID            string                   `json:"id"`
	Purpose       string                   `json:"purpose"`
	State         confirm.State            `json:"state"`
	CreatedAt     string                   `json:"created_at"`
	ExpiresAt     string                   `json:"expires_at"`
	Provider      *mobilecert.ProviderName `json:"provider,omitempty"`
	Statement     string                   `json:"statement"`
	Subject       partyView                `json:"subject"`
	Details       map[string]string        `json:"details"`
	Result        *resultView              `json:"result,omitempty"`
	Failure       *failureView             `json:"failure,omitempty"`
	BrowserSecret string                   `json:"browser_secret,omitempty"`
}

func (s *Server) showUKey(c *call, d *desk.Session) (*ukeyView, error) {
	r, terms := &d.Confirmation.Request, &d.Confirmation.Terms
	v := &ukeyView{
		ID: d.ID, Purpose: r.Purpose, State: d.State, CreatedAt: stamp(d.CreatedAt), ExpiresAt: stamp(d.ExpiresAt),
		Statement: base64.RawURLEncoding.EncodeToString(d.Confirmation.Statement),
		Subject:   partyView{r.Subject.ID, r.Subject.Name, r.Subject.Organisation}, Details: terms.Details, Failure: s.showFailure(d.Failure),
	}
	if v.Details == nil {
		v.Details = map[string]string{}
	}
	if terms.Provider != "" {
		name := s.Catalogue.NameOf(terms.Provider)
		v.Provider = &name
	}
	if d.Result == nil {
		return v, nil
	}
	var err error
	v.Result, err = s.showResult(c.ctx, r, d.Result)
	return v, err
}

// postUKeySession makes a statement for the U-Key in the caller's machine.
func (s *Server) postUKeySession(c *call) error {
	a, err := c.readAsked()
	if err != nil {
		return err
	}
	a.params[mobilecert.ParamMedium] = string(mobilecert.UKey)
	if a.encryption != "" {
		if a.purpose != "bind" && a.purpose != "replace" {
			return ErrRequest.At("/"+mobilecert.ParamEncryption, "这个用途没有此字段", "this purpose has no such member")
		}
		a.params[mobilecert.ParamEncryption] = a.encryption
	}
	r, err := s.request(c, a.purpose, a.params, a.subject, a.actor)
	if err != nil {
		return err
	}
	secret := c.browserSecret()
	d, err := s.Desk.Start(c.ctx, r, id.Hash(secret))
	if err != nil {
		return err
	}
	v, err := s.showUKey(c, d)
	if err != nil {
		return err
	}
	if !c.cookie {
		v.BrowserSecret = secret
	}
	c.f.Set(fiber.HeaderLocation, "/v1/ukey-sessions/"+d.ID)
	return c.json(fiber.StatusCreated, v)
}

// deskOwner is owner in the words of U-Key sessions.
func (c *call) deskOwner() (sessionID, browser string, err error) {
	sessionID, browser, err = c.owner()
	if f := fault.Of(err); f != nil && f.Code == qr.ErrUnknown.Code {
		err = desk.ErrUnknown
	}
	return sessionID, browser, err
}

func (s *Server) getUKeySession(c *call) error {
	sessionID, browser, err := c.deskOwner()
	if err != nil {
		return err
	}
	return s.answerUKey(c)(s.Desk.Owned(c.ctx, sessionID, browser))
}

func (s *Server) postUKeyConfirm(c *call) error {
	var jws string
	if err := c.read(object{{"jws", &jws, true}}); err != nil {
		return err
	}
	sessionID, browser, err := c.deskOwner()
	if err != nil {
		return err
	}
	return s.answerUKey(c)(s.Desk.Confirm(c.ctx, sessionID, browser, jws))
}

func (s *Server) postUKeyCancel(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	sessionID, browser, err := c.deskOwner()
	if err != nil {
		return err
	}
	return s.answerUKey(c)(s.Desk.Cancel(c.ctx, sessionID, browser))
}

func (s *Server) answerUKey(c *call) func(*desk.Session, error) error {
	return func(d *desk.Session, err error) error {
		if err != nil {
			return err
		}
		v, err := s.showUKey(c, d)
		if err != nil {
			return err
		}
		return c.ok(v)
	}
}

// demoUKeyView is what a demo token holds beside its keys.
type demoUKeyView struct {
	Certificate []byte   `json:"certificate"`
	Encryption  []byte   `json:"encryption_certificate,omitempty"`
	Chain       [][]byte `json:"chain,omitempty"`
}

// postDemoUKey certifies the keys of a software token for the demo account that is
// signed in. It exists in demo mode only.
func (s *Server) postDemoUKey(c *call) error {
	var first, second string
	if err := c.read(object{{"csr", &first, true}, {"encryption_csr", &second, false}}); err != nil {
		return err
	}
	csr, err := requested("/csr", first)
	if err != nil {
		return err
	}
	var twin *trust.CSR
	if second != "" {
		if twin, err = requested("/encryption_csr", second); err != nil {
			return err
		}
	}
	cert, err := s.DemoUKey.Issue(c.ctx, c.who.Account.ID, csr, twin)
	if err != nil {
		return err
	}
	v := demoUKeyView{Certificate: cert.DER, Chain: cert.Chain}
	if cert.Twin != nil {
		v.Encryption = cert.Twin.DER
	}
	return c.json(fiber.StatusCreated, v)
}

func requested(pointer, text string) (*trust.CSR, error) {
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(der) == 0 {
		return nil, ErrRequest.At(pointer, "应为 base64 编码的 DER", "must be DER in base64")
	}
	return trust.ParseCSR(der)
}

// getDemoUKey tells a demo token what the sandbox of the authority's site has issued for
// its key since: there, the authority's own tool would write it to the token.
func (s *Server) getDemoUKey(c *call) error {
	key, err := c.id("key", mobilecert.ErrCertificateUnknown)
	if err != nil {
		return err
	}
	if s.SiteSandbox == nil {
		return mobilecert.ErrCertificateUnknown
	}
	made, err := s.SiteSandbox.Newest(c.ctx, key)
	if errors.Is(err, renewal.ErrUnknown) {
		return mobilecert.ErrCertificateUnknown
	}
	if err != nil {
		return err
	}
	return c.ok(demoUKeyView{Certificate: made.Certificate, Encryption: made.Encryption})
}
