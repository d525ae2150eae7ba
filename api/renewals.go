package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/mobilecert/renewal"
	"certlink/push"
	"certlink/store"
)

// renewalRoutes are 续费 and 延期.
func (s *Server) renewalRoutes() {
	signedIn, reviewer := (*call).signedIn, role(account.Reviewer)
	s.add("GET", "/v1/renewals", signedIn, s.getRenewals)
	s.add("GET", "/v1/renewals/candidates", signedIn, s.getCandidates)
	s.add("GET", "/v1/renewals/waiting", signedIn, reviewer, s.getWaitingRenewals)
	s.add("POST", "/v1/renewals", signedIn, s.postRenewal)
	s.add("GET", "/v1/renewals/:id", signedIn, s.getRenewal)
	s.add("POST", "/v1/renewals/:id/cancel", signedIn, s.postRenewalCancel)
	s.add("POST", "/v1/renewals/:id/prompt", signedIn, s.postRenewalPrompt)
	s.add("POST", "/v1/renewals/:id/leave", signedIn, s.postRenewalLeave)
	s.add("POST", "/v1/renewals/:id/certificate", signedIn, reviewer, s.postRenewalCertificate)
	s.add("POST", "/v1/renewals/:id/identity", signedIn, reviewer, s.postRenewalIdentity)
	s.add("POST", "/v1/renewals/:id/face", signedIn, s.postRenewalFace)
	s.add("POST", "/v1/renewals/:id/face/look", signedIn, s.postRenewalLook)
	s.add("POST", "/v1/extension-site/notice", s.postSiteNotice)
	if s.SiteSandbox != nil {
		s.addPage("GET", "/sandbox/extension/:id", (*call).publicHost, s.sitePage)
		s.addPage("POST", "/sandbox/extension/:id", sentForm, s.siteAct)
	}
	s.bidRoutes()
	s.phoneRenewalRoutes()
}

type renewalView struct {
	ID          string            `json:"id"`
	State       renewal.State     `json:"state"`
	Medium      mobilecert.Medium `json:"medium"`
	Certificate renewedView       `json:"certificate"`
	Account     partyView         `json:"account"`
	PriceFen    int64             `json:"price_fen"`
	TermDays    int               `json:"term_days"`
	Order       string            `json:"order,omitempty"`
	CreatedAt   string            `json:"created_at"`
	PaidAt      string            `json:"paid_at,omitempty"`
	EndedAt     string            `json:"ended_at,omitempty"`
	// Expired: the certificate ended before it was extended, so its key can no
	// longer confirm.
	Expired bool `json:"expired"`
	// Proved: identity was proved anew, and the new certificate can be collected.
	Proved bool `json:"identity_proved"`
	// Identity is how the holder can prove it by themselves, shown to their account
	// while it is needed; nil where the certificate holds no number to look up.
	Identity  *identityView      `json:"identity,omitempty"`
	Failure   *failureView       `json:"failure,omitempty"`
	Prompt    *promptView        `json:"prompt,omitempty"`
	Guard     *guardView         `json:"guard,omitempty"`
	Successor *successorView     `json:"successor,omitempty"`
	Course    *courseView        `json:"course,omitempty"`
	History   []renewalEventView `json:"history,omitempty"`
}

type renewedView struct {
	ID           string       `json:"id"`
	Fingerprint  string       `json:"fingerprint"`
	Serial       string       `json:"serial"`
	HolderName   string       `json:"holder_name"`
	Organisation string       `json:"organisation_name"`
	NotAfter     string       `json:"not_after"`
	Provider     providerLine `json:"provider"`
	Product      string       `json:"product"`
}

type successorView struct {
	ID string `json:"id"`
	// Fingerprint is told of one renewal, not in lists.
	Fingerprint string `json:"fingerprint,omitempty"`
	NotAfter    string `json:"not_after"`
	Evidence    string `json:"evidence,omitempty"`
}

type courseView struct {
	URL       string       `json:"url"`
	Step      renewal.Step `json:"step"`
	Note      string       `json:"note,omitempty"`
	LeftAt    string       `json:"left_at"`
	SteppedAt string       `json:"stepped_at"`
	Proved    bool         `json:"proved"`
}

type renewalEventView struct {
	At   string `json:"at"`
	Act  string `json:"act"`
	By   string `json:"by"`
	Note string `json:"note,omitempty"`
}

func (s *Server) showRenewal(n *renewal.Renewal) renewalView {
	v := renewalView{
		ID: n.ID, State: n.State, Medium: n.Certificate.Medium, Account: partyView{n.Account.ID, n.Account.Name, n.Account.Organisation},
		Certificate: renewedView{n.Certificate.ID, n.Certificate.Fingerprint, n.Certificate.Serial, n.Certificate.HolderName,
			n.Certificate.Organisation, stamp(n.Certificate.NotAfter), s.lineOf(n.Certificate.Provider), n.Certificate.Product},
		PriceFen: n.PriceFen, TermDays: int(n.Term / (24 * time.Hour)), Order: n.Order,
		CreatedAt: stamp(n.CreatedAt), PaidAt: stampOr(n.PaidAt), EndedAt: stampOr(n.EndedAt),
		Expired: n.State == renewal.Extension && s.Clock().After(n.Certificate.NotAfter), Proved: n.Identity != nil,
	}
	if n.Failure != "" && n.State == renewal.Extension {
		v.Failure = s.showFailure(&confirm.Failure{Code: n.Failure})
	}
	if a := n.Attempt; a != nil && a.Until != nil {
		v.Successor = &successorView{ID: a.Successor, NotAfter: stamp(*a.Until), Evidence: a.Statement}
	}
	if k := n.Course; k != nil {
		v.Course = &courseView{k.URL, k.Step, k.Note, stamp(k.LeftAt), stamp(k.SteppedAt), k.Proved}
	}
	return v
}

// showRenewalWhole adds what the phone is asked now, what stands in the way, and
// the history.
func (s *Server) showRenewalWhole(ctx context.Context, n *renewal.Renewal, reader string) (*renewalView, error) {
	v := s.showRenewal(n)
	for _, e := range n.History {
		v.History = append(v.History, renewalEventView{stamp(e.At), e.Act, e.By.Name, e.Note})
	}
	if v.Successor != nil {
		made, err := s.Certificates.Get(ctx, v.Successor.ID)
		if err != nil {
			return nil, err
		}
		v.Successor.Fingerprint = made.Fingerprint
	}
	if n.State != renewal.Extension && n.State != renewal.Extending {
		return &v, nil
	}
	if err := s.addIdentity(ctx, n, reader, &v); err != nil {
		return nil, err
	}
	cert, err := s.Certificates.Get(ctx, n.Certificate.ID)
	if err != nil {
		return nil, err
	}
	if v.Guard, err = s.showGuard(ctx, cert); err != nil {
		return nil, err
	}
	if n.PromptID() == "" {
		return &v, nil
	}
	p, err := s.Prompts.Get(ctx, n.PromptID())
	if errors.Is(err, push.ErrPromptUnknown) {
		return &v, nil // the relay has not come by yet
	}
	if err != nil {
		return nil, err
	}
	v.Prompt, err = s.showPrompt(ctx, p)
	return &v, err
}

// addIdentity shows the holder how they can prove who they are, where that is needed.
func (s *Server) addIdentity(ctx context.Context, n *renewal.Renewal, reader string, v *renewalView) error {
	if reader != n.Account.ID || !s.Renewals.Unidentified(n) {
		return nil
	}
	left, err := s.Renewals.FacesLeft(ctx, n)
	if errors.Is(err, renewal.ErrNoNumber) {
		return nil
	}
	if err != nil {
		return err
	}
	check, err := s.Renewals.FaceOf(ctx, n)
	if err == nil {
		v.Identity = s.identityOf(left, check)
	}
	return err
}

func (s *Server) answerRenewal(c *call, status int) func(*renewal.Renewal, error) error {
	return func(n *renewal.Renewal, err error) error {
		if err != nil {
			return err
		}
		v, err := s.showRenewalWhole(c.ctx, n, c.who.ID())
		if err != nil {
			return err
		}
		return c.json(status, v)
	}
}

func (s *Server) getRenewals(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	scope, err := c.choice("scope", "mine", "organisation", "identity")
	if err != nil {
		return err
	}
	list, next, err := s.listRenewals(c, scope, store.Cursor(after), limit)
	if err != nil {
		return err
	}
	out := page[renewalView]{Items: []renewalView{}, Next: string(next)}
	for _, n := range list {
		out.Items = append(out.Items, s.showRenewal(n))
	}
	return c.ok(out)
}

func (s *Server) listRenewals(c *call, scope string, after store.Cursor, limit int) ([]*renewal.Renewal, store.Cursor, error) {
	if scope != "identity" {
		return s.Renewals.List(c.ctx, c.asks(), scope == "organisation", after, limit)
	}
	if err := role(account.Reviewer)(c); err != nil {
		return nil, "", err
	}
	return s.Renewals.Unproved(c.ctx, after, limit)
}

// getWaitingRenewals is where reviewers can hand in a new certificate, longest waiting first.
func (s *Server) getWaitingRenewals(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	list, next, err := s.Renewals.WaitingTokens(c.ctx, after, limit)
	if err != nil {
		return err
	}
	out := page[renewalView]{Items: []renewalView{}, Next: string(next)}
	for _, n := range list {
		out.Items = append(out.Items, s.showRenewal(n))
	}
	return c.ok(out)
}

func (s *Server) getRenewal(c *call) error {
	id, err := c.id("id", renewal.ErrUnknown)
	if err != nil {
		return err
	}
	by := c.asks()
	if c.who.Has(account.Reviewer) || c.who.Has(account.Operator) {
		return s.answerRenewal(c, fiber.StatusOK)(s.Renewals.Get(c.ctx, id))
	}
	return s.answerRenewal(c, fiber.StatusOK)(s.Renewals.Read(c.ctx, by, id))
}

func (s *Server) postRenewal(c *call) error {
	var certificate string
	if err := c.read(object{{"certificate", &certificate, true}}); err != nil {
		return err
	}
	if !plain(certificate) {
		return mobilecert.ErrCertificateUnknown
	}
	from := confirm.Requester{IP: c.ip(), Browser: browserName(c.header(fiber.HeaderUserAgent))}
	n, err := s.Renewals.Start(c.ctx, c.asks(), certificate, from)
	if err == nil {
		c.f.Set(fiber.HeaderLocation, "/v1/renewals/"+n.ID)
	}
	return s.answerRenewal(c, fiber.StatusCreated)(n, err)
}

func (s *Server) postRenewalCancel(c *call) error {
	id, err := c.id("id", renewal.ErrUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	return s.answerRenewal(c, fiber.StatusOK)(s.Renewals.Cancel(c.ctx, c.asks(), id))
}

// postRenewalPrompt asks the phone again.
func (s *Server) postRenewalPrompt(c *call) error {
	id, err := c.id("id", renewal.ErrUnknown)
	if err != nil {
		return err
	}
	var purpose string
	if err := c.read(object{{"purpose", &purpose, true}}); err != nil {
		return err
	}
	if purpose != "extend" && purpose != "acknowledge" {
		return confirm.ErrPurposeUnknown.At("/purpose", "应为 extend 或 acknowledge", "must be extend or acknowledge")
	}
	if err := s.starts.allow(c.who.ID()); err != nil {
		return err
	}
	return s.answerRenewal(c, fiber.StatusOK)(s.Renewals.Ask(c.ctx, c.asks(), id, purpose))
}

// postRenewalLeave is 去延期 of a U-Key: it leads to the authority's site.
func (s *Server) postRenewalLeave(c *call) error {
	id, err := c.id("id", renewal.ErrUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	back := s.Origin + "/portal/#/ca/renew/" + id
	return s.answerRenewal(c, fiber.StatusOK)(s.Renewals.Leave(c.ctx, c.asks(), id, back))
}

// postRenewalIdentity notes that a reviewer has had an identity proved anew.
func (s *Server) postRenewalIdentity(c *call) error {
	id, err := c.id("id", renewal.ErrUnknown)
	if err != nil {
		return err
	}
	var method string
	if err := c.read(object{{"method", &method, true}}); err != nil {
		return err
	}
	if !slices.Contains(renewal.IdentityMethods, method) {
		list := strings.Join(renewal.IdentityMethods, ", ")
		return ErrRequest.At("/method", "可选："+list, "must be one of "+list)
	}
	return s.answerRenewal(c, fiber.StatusOK)(s.Renewals.Prove(c.ctx, c.actor(), id, method))
}

// postRenewalFace begins a face check of the holder, or goes on with the open one.
func (s *Server) postRenewalFace(c *call) error {
	id, err := c.id("id", renewal.ErrUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	back := s.Origin + "/portal/#/ca/renew/" + id
	return s.answerRenewal(c, fiber.StatusOK)(s.Renewals.StartFace(c.ctx, c.asks(), id, back))
}

// postRenewalLook asks the service how the open face check stands.
func (s *Server) postRenewalLook(c *call) error {
	id, err := c.id("id", renewal.ErrUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	return s.answerRenewal(c, fiber.StatusOK)(s.Renewals.LookFace(c.ctx, c.asks(), id))
}

// postRenewalCertificate takes the new certificate of a U-Key from a reviewer.
func (s *Server) postRenewalCertificate(c *call) error {
	id, err := c.id("id", renewal.ErrUnknown)
	if err != nil {
		return err
	}
	var certificate string
	if err := c.read(object{{"certificate", &certificate, true}}); err != nil {
		return err
	}
	return s.answerRenewal(c, fiber.StatusOK)(s.Renewals.Deliver(c.ctx, c.actor(), id, fileText(certificate)))
}
