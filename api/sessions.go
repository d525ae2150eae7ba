package api

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/confirm"
	"certlink/internal/id"
	"certlink/mobilecert"
	"certlink/qr"
)

// qrView is a QR session as the page that began it sees it.
type qrView struct {
	ID              string            `json:"id"`
	Purpose         string            `json:"purpose"`
	State           confirm.State     `json:"state"`
	Seq             int64             `json:"seq"`
	CreatedAt       string            `json:"created_at"`
	ExpiresAt       string            `json:"expires_at"`
	Code            string            `json:"code,omitempty"`
	Match           matchView         `json:"match"`
	TypedCodeActive bool              `json:"typed_code_active"`
	Device          *namedView        `json:"device,omitempty"`
	Subject         partyView         `json:"subject"`
	Details         map[string]string `json:"details"`
	Result          *resultView       `json:"result,omitempty"`
	Failure         *failureView      `json:"failure,omitempty"`
	Reason          *qr.Reason        `json:"reason,omitempty"`
	BrowserSecret   string            `json:"browser_secret,omitempty"`
}

type matchView struct {
	Required  bool   `json:"required"`
	Done      bool   `json:"done"`
	TriesLeft int    `json:"tries_left"`
	Digits    string `json:"digits,omitempty"` // only to the phone that scanned
}

type namedView struct {
	Name string `json:"name"`
}

type partyView struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Organisation string `json:"organisation"`
}

type failureView struct {
	Code    string         `json:"code"`
	TitleZH string         `json:"title_zh"`
	TitleEN string         `json:"title_en"`
	Extra   map[string]any `json:"extra,omitempty"`
}

// resultView is what came of a confirmation, in full, for the page's owner.
type resultView struct {
	Kind        string                      `json:"kind"`
	ID          string                      `json:"id"`
	Binding     *mobilecert.BindingView     `json:"binding,omitempty"`
	Certificate *mobilecert.CertificateView `json:"certificate,omitempty"`
}

func (s *Server) showFailure(f *qr.Failure) *failureView {
	if f == nil {
		return nil
	}
	v := &failureView{Code: f.Code, Extra: f.Extra}
	if known := s.faults[f.Code]; known != nil {
		v.TitleZH, v.TitleEN = known.ZH, known.EN
	} else {
		// A newer server of a rolling restart may know more codes than this one.
		v.TitleZH, v.TitleEN = ErrInternal.ZH, ErrInternal.EN
	}
	return v
}

func showMatch(q *qr.Session) matchView {
	return matchView{Required: q.Match.Required, Done: q.Match.Done, TriesLeft: q.Match.TriesLeft()}
}

// showQR renders a session for its owner. q may be shared with other streams, so
// it is only read.
func (s *Server) showQR(ctx context.Context, q *qr.Session) (*qrView, error) {
	r := &q.Confirmation.Request
	v := &qrView{
		ID: q.ID, Purpose: r.Purpose, State: q.State, Seq: q.Seq, CreatedAt: stamp(q.CreatedAt), ExpiresAt: stamp(q.ExpiresAt),
		Match: showMatch(q), TypedCodeActive: q.State == qr.Created && q.Typed != nil,
		Subject: partyView{r.Subject.ID, r.Subject.Name, r.Subject.Organisation},
		Details: q.Confirmation.Terms.Details, Failure: s.showFailure(q.Failure), Reason: q.Reason,
	}
	v.Code, _ = s.QR.Code(q)
	if v.Details == nil {
		v.Details = map[string]string{}
	}
	if q.DeviceName != "" {
		v.Device = &namedView{q.DeviceName}
	}
	if q.Result == nil {
		return v, nil
	}
	var err error
	v.Result, err = s.showResult(ctx, r, q.Result)
	return v, err
}

// showResult reads what a confirmation has brought about, for those who asked for it.
func (s *Server) showResult(ctx context.Context, r *confirm.Request, result *confirm.Result) (*resultView, error) {
	v := &resultView{Kind: result.Kind, ID: result.ID}
	switch result.Kind {
	case "binding":
		b, err := s.Bindings.Get(ctx, result.ID)
		if err != nil {
			return nil, err
		}
		view := b.View(mobilecert.Who{Account: r.Actor.ID, Organisation: r.Actor.OrganisationID, Admin: r.Admin})
		v.Binding = &view
	case "certificate":
		cert, err := s.Certificates.Get(ctx, result.ID)
		if err != nil {
			return nil, err
		}
		view, err := cert.View(s.Catalogue, s.Clock())
		if err != nil {
			return nil, err
		}
		v.Certificate = &view
	}
	return v, nil
}

// asked is what a page asks to have confirmed, whichever way it goes to the holder.
type asked struct {
	purpose        string
	params         map[string]string
	subject, actor string
	// encryption is the encryption certificate beside the signing one on a token.
	encryption string
}

// readAsked reads the request to begin a session.
func (c *call) readAsked() (*asked, error) {
	a := new(asked)
	var given [len(paramNames)]string
	members := append(make(object, 0, 4+len(given)), member{"purpose", &a.purpose, true}, member{"account", &a.subject, false},
		member{"actor", &a.actor, false}, member{mobilecert.ParamEncryption, &a.encryption, false})
	for n, name := range paramNames {
		members = append(members, member{name, &given[n], false})
	}
	err := c.read(members)
	if err == nil {
		a.params, err = paramsOf(a.purpose, given)
	}
	return a, err
}

// postQRSession begins a session for the account that is signed in or, from an
// integrator, for the one that it names.
func (s *Server) postQRSession(c *call) error {
	a, err := c.readAsked()
	if err == nil && a.encryption != "" {
		err = ErrRequest.At("/"+mobilecert.ParamEncryption, "只用于 U-Key", "is for U-Keys only")
	}
	if err != nil {
		return err
	}
	q, secret, err := s.begin(c, a.purpose, a.params, a.subject, a.actor)
	if err != nil {
		return err
	}
	v, err := s.showQR(c.ctx, q)
	if err != nil {
		return err
	}
	if !c.cookie {
		v.BrowserSecret = secret
	}
	c.f.Set(fiber.HeaderLocation, "/v1/qr-sessions/"+q.ID)
	return c.json(fiber.StatusCreated, v)
}

// paramNames are the members of all purposes, in their order.
var paramNames = [...]string{"application", "certificate", "product", "provider", "renewal"}

// purposeParams are the members that a purpose has; one of them is needed.
var purposeParams = map[string][]string{"bind": {"provider"}, "enroll": {"product", "application", "renewal"},
	"extend": {"renewal"}, "acknowledge": {"certificate"}, "replace": {"renewal"}}

// paramsOf takes the one member that the purpose has, and none of another's.
func paramsOf(purpose string, given [len(paramNames)]string) (map[string]string, error) {
	mine, known := purposeParams[purpose]
	if !known {
		list := strings.Join(slices.Sorted(maps.Keys(purposeParams)), ", ")
		return nil, confirm.ErrPurposeUnknown.At("/purpose", "可选："+list, "must be one of "+list)
	}
	params := map[string]string{}
	for n, name := range paramNames {
		switch {
		case given[n] == "":
		case !slices.Contains(mine, name):
			return nil, ErrRequest.At("/"+name, "这个用途没有此字段", "this purpose has no such member")
		default:
			params[name] = given[n]
		}
	}
	if len(params) == 1 {
		return params, nil
	}
	list := strings.Join(mine, ", ")
	if len(params) == 0 {
		return nil, ErrRequest.At("/"+mine[0], "缺少此字段（"+list+" 之一）", "this member is missing (one of "+list+")")
	}
	return nil, ErrRequest.At("/"+mine[0], list+" 只能有一项", "only one of "+list+" may be there")
}

// request is what the person signed in wants confirmed or, through an integrator,
// the actor that it names; for another account where subject names one.
func (s *Server) request(c *call, purpose string, params map[string]string, subject, actor string) (confirm.Request, error) {
	who, organisation := c.who.Account, c.who.Organisation
	if actor != "" && actor != who.ID {
		if !c.who.Has(account.Integrator) {
			return confirm.Request{}, account.ErrRole.At("/actor", "只有集成方可以指定", "only an integrator may name one")
		}
		var err error
		if who, organisation, err = s.person(c, "/actor", actor); err != nil {
			return confirm.Request{}, err
		}
	}
	if err := s.starts.allow(who.ID); err != nil {
		return confirm.Request{}, err
	}
	r := confirm.Request{
		Purpose: purpose, Params: params, Admin: who.Has(account.Admin),
		Actor:     confirm.Party{ID: who.ID, Name: who.Name, OrganisationID: organisation.ID, Organisation: organisation.Name},
		Requester: confirm.Requester{IP: c.ip(), Browser: browserName(c.header(fiber.HeaderUserAgent))},
	}
	r.Subject = r.Actor
	if subject != "" && subject != who.ID {
		a, o, err := s.person(c, "/account", subject)
		if err != nil {
			return confirm.Request{}, err
		}
		r.Subject = confirm.Party{ID: a.ID, Name: a.Name, OrganisationID: o.ID, Organisation: o.Name}
	}
	return r, nil
}

// begin starts a session.
func (s *Server) begin(c *call, purpose string, params map[string]string, subject, actor string) (*qr.Session, string, error) {
	r, err := s.request(c, purpose, params, subject, actor)
	if err != nil {
		return nil, "", err
	}
	secret := c.browserSecret()
	q, err := s.QR.Start(c.ctx, qr.StartInput{Request: r, Browser: id.Hash(secret)})
	return q, secret, err
}

// browserSecret is what the page that begins a session will prove itself with.
// Pages of ours get it as a cookie, the same one for all sessions of this browser;
// programs get a new one each time.
func (c *call) browserSecret() string {
	secret := ""
	if c.cookie {
		secret = c.readCookie(browserCookie)
	}
	if len(secret) != secretLength {
		secret = id.Secret(32)
		if c.cookie {
			c.setCookie(browserCookie, secret)
		}
	}
	return secret
}

// person finds an account that the request names.
func (s *Server) person(c *call, pointer, accountID string) (*account.Account, *account.Organisation, error) {
	if !plain(accountID) {
		return nil, nil, account.ErrUnknown.At(pointer, "没有此账号", "there is no such account")
	}
	a, err := s.Accounts.Get(c.ctx, accountID)
	if err != nil {
		return nil, nil, err
	}
	o, err := s.Accounts.GetOrganisation(c.ctx, a.OrganisationID)
	return a, o, err
}

// getQRSession answers at once or, with wait, when the session has moved on past
// since.
func (s *Server) getQRSession(c *call) error {
	wait, since, err := c.waiting()
	if err != nil {
		return err
	}
	sessionID, browser, err := c.owner()
	if err != nil {
		return err
	}
	if wait == 0 {
		return s.answerQR(c)(s.QR.Owned(c.ctx, sessionID, browser))
	}
	q, err := s.await(c.ctx, sessionID, browser, since, wait)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.base, s.Limits.Timeout) // the call's own may have gone by
	defer cancel()
	v, err := s.showQR(ctx, q)
	if err != nil {
		return err
	}
	return c.ok(v)
}

// await waits until the session has moved on past since.
func (s *Server) await(ctx context.Context, sessionID, browser string, since int64, wait time.Duration) (*qr.Session, error) {
	f, err := s.followSession(ctx, sessionID, browser)
	if err != nil {
		return nil, err
	}
	defer f.close()
	err = f.await(since, wait)
	return f.last.of.(*qr.Session), err
}

func (s *Server) postCancel(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	sessionID, browser, err := c.owner()
	if err != nil {
		return err
	}
	return s.answerQR(c)(s.QR.Cancel(c.ctx, sessionID, browser))
}

func (s *Server) postMatch(c *call) error {
	var digits string
	if err := c.read(object{{"digits", &digits, true}}); err != nil {
		return err
	}
	sessionID, browser, err := c.owner()
	if err != nil {
		return err
	}
	return s.answerQR(c)(s.QR.MatchDigits(c.ctx, sessionID, browser, digits))
}

func (s *Server) answerQR(c *call) func(*qr.Session, error) error {
	return func(q *qr.Session, err error) error {
		if err != nil {
			return err
		}
		v, err := s.showQR(c.ctx, q)
		if err != nil {
			return err
		}
		return c.ok(v)
	}
}

func (s *Server) postTypedCode(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	sessionID, browser, err := c.owner()
	if err != nil {
		return err
	}
	q, err := s.QR.TypedCode(c.ctx, sessionID, browser)
	if err != nil {
		return err
	}
	if q.Typed == nil {
		return errors.New("api: a session with a typed code has none")
	}
	return c.ok(map[string]string{"code": q.Typed.Code, "expires_at": stamp(q.Typed.ExpiresAt)})
}

func (s *Server) postSameDeviceLink(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	sessionID, browser, err := c.owner()
	if err != nil {
		return err
	}
	link, until, err := s.QR.SameDeviceLink(c.ctx, sessionID, browser)
	if err != nil {
		return err
	}
	return c.ok(map[string]string{"link": link, "expires_at": stamp(until)})
}
