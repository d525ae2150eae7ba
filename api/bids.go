package api

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
)

// bidRoutes are the ledger of encrypted bids, for bidding systems, and the guard
// before extensions, for people.
func (s *Server) bidRoutes() {
	signedIn, system := (*call).signedIn, role(account.Integrator)
	s.add("GET", "/v1/bids", signedIn, system, s.getBids)
	s.add("GET", "/v1/bids/:id", signedIn, system, s.getBid)
	s.add("PUT", "/v1/bids/:id", signedIn, system, s.putBid)
	s.add("POST", "/v1/bids/:id/close", signedIn, system, s.postBidClose)
	s.add("GET", "/v1/certificates/:id/bids", signedIn, s.getGuard)
	s.add("POST", "/v1/bindings/:id/rehearsals", signedIn, s.postTokenRehearsal)
	s.add("POST", "/v1/bindings/:id/rehearsals/:rehearsal", signedIn, s.postTokenRehearsalAnswer)
}

type bidView struct {
	ID          string     `json:"id"`
	State       bids.State `json:"state"`
	Certificate string     `json:"certificate"` // fingerprint
	Account     string     `json:"account"`
	Tender      string     `json:"tender"`
	OpensAt     string     `json:"opens_at"`
	RecordedAt  string     `json:"recorded_at"`
	ClosedAt    string     `json:"closed_at,omitempty"`
	// Extended: the certificate had been extended when the bid was recorded.
	Extended bool           `json:"extended"`
	History  []bidEventView `json:"history"`
}

type bidEventView struct {
	At      string `json:"at"`
	Act     string `json:"act"`
	OpensAt string `json:"opens_at,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

func showBid(e *bids.Entry) bidView {
	v := bidView{ID: e.External, State: e.State, Certificate: e.Fingerprint, Account: e.Account, Tender: e.Tender, OpensAt: stamp(e.OpensAt),
		RecordedAt: stamp(e.RecordedAt), ClosedAt: stampOr(e.ClosedAt), Extended: e.Late, History: []bidEventView{}}
	for _, h := range e.History {
		v.History = append(v.History, bidEventView{stamp(h.At), h.Act, stampOr(h.OpensAt), h.Reason})
	}
	return v
}

// putBid records that a bid was encrypted to a certificate. The id in the address is
// the bidding system's own; the same again is fine, another time moves it.
func (s *Server) putBid(c *call) error {
	external, err := c.id("id", bids.ErrUnknown)
	if err != nil {
		return err
	}
	var binding, certificate, tender, opens string
	err = c.read(object{{"binding", &binding, false}, {"certificate", &certificate, false}, {"tender", &tender, true}, {"opens_at", &opens, true}})
	if err != nil {
		return err
	}
	r := bids.Report{External: external, Tender: strings.TrimSpace(tender)}
	if n := len([]rune(r.Tender)); n == 0 || n > 120 {
		return ErrRequest.At("/tender", "应为 1–120 字", "must have 1 to 120 characters")
	}
	if r.OpensAt, err = time.Parse(time.RFC3339, opens); err != nil {
		return ErrRequest.At("/opens_at", "应为 RFC 3339 时间，如 2026-12-01T09:30:00+08:00", "must be a time by RFC 3339, such as 2026-12-01T09:30:00+08:00")
	}
	switch {
	case (binding == "") == (certificate == ""):
		return ErrRequest.At("/binding", "binding 与 certificate 须且只能有一项", "exactly one of binding and certificate must be there")
	case binding != "" && !plain(binding):
		return mobilecert.ErrBindingUnknown
	}
	r.Binding = binding
	if certificate != "" {
		if r.DER, err = base64.StdEncoding.DecodeString(certificate); err != nil {
			return ErrRequest.At("/certificate", "应为 base64", "must be base64")
		}
	}
	e, created, err := s.Bids.Record(c.ctx, c.who.ID(), r)
	if err != nil {
		return err
	}
	status := fiber.StatusOK
	if created {
		status = fiber.StatusCreated
	}
	return c.json(status, showBid(e))
}

func (s *Server) postBidClose(c *call) error {
	external, err := c.id("id", bids.ErrUnknown)
	if err != nil {
		return err
	}
	var reason string
	if err := c.read(object{{"reason", &reason, true}}); err != nil {
		return err
	}
	if !slices.Contains(bids.Reasons, reason) {
		list := strings.Join(bids.Reasons, ", ")
		return ErrRequest.At("/reason", "可选："+list, "must be one of "+list)
	}
	e, err := s.Bids.Close(c.ctx, c.who.ID(), external, reason)
	if err != nil {
		return err
	}
	return c.ok(showBid(e))
}

func (s *Server) getBid(c *call) error {
	external, err := c.id("id", bids.ErrUnknown)
	if err != nil {
		return err
	}
	e, err := s.Bids.Get(c.ctx, c.who.ID(), external)
	if err != nil {
		return err
	}
	return c.ok(showBid(e))
}

func (s *Server) getBids(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	list, next, err := s.Bids.List(c.ctx, c.who.ID(), after, limit)
	if err != nil {
		return err
	}
	out := page[bidView]{Items: []bidView{}, Next: string(next)}
	for _, e := range list {
		out.Items = append(out.Items, showBid(e))
	}
	return c.ok(out)
}

// guardView is what stands in the way of an extension, and what to do about it.
type guardView struct {
	Certificate  string       `json:"certificate"` // id
	Open         []openView   `json:"open"`
	Acknowledged bool         `json:"acknowledged"`
	Evidence     string       `json:"evidence,omitempty"`
	LastOpening  string       `json:"last_opening,omitempty"`
	RehearsedAt  string       `json:"rehearsed_at,omitempty"`
	Rehearse     *rehearseWay `json:"rehearse,omitempty"`
	AdviceZH     string       `json:"advice_zh"`
	AdviceEN     string       `json:"advice_en"`
	Provider     providerLine `json:"provider"`
}

// rehearseWay is where a decryption can be rehearsed first: on the phone that holds the
// encryption key, or with the U-Key of a binding.
type rehearseWay struct {
	Medium  mobilecert.Medium `json:"medium"`
	Binding string            `json:"binding,omitempty"`
}

// rehearseWay is nil where there is nothing to rehearse.
func (s *Server) rehearseWay(ctx context.Context, cert *mobilecert.Certificate) (*rehearseWay, error) {
	if cert.Device != "" {
		if cert.Twin == nil {
			return nil, nil
		}
		return &rehearseWay{Medium: mobilecert.Mobile}, nil
	}
	b, err := s.Bindings.OfIssued(ctx, cert)
	if err != nil || b == nil || !b.Decrypts() {
		return nil, err
	}
	return &rehearseWay{mobilecert.UKey, b.ID}, nil
}

type openView struct {
	Tender  string `json:"tender"`
	OpensAt string `json:"opens_at"`
}

// providerLine is a provider with the numbers to call.
type providerLine struct {
	mobilecert.ProviderName
	Phones []string `json:"phones"`
}

func (s *Server) lineOf(provider string) providerLine {
	return providerLine{s.Catalogue.NameOf(provider), append([]string{}, s.Catalogue.PhonesOf(provider)...)}
}

// getGuard shows the open bids under a certificate: to its account, that
// organisation's admin, and those who run the installation.
func (s *Server) getGuard(c *call) error {
	id, err := c.id("id", mobilecert.ErrCertificateUnknown)
	if err != nil {
		return err
	}
	cert, err := s.Certificates.Get(c.ctx, id)
	if err != nil {
		return err
	}
	if !c.who.Has(account.Operator) && !c.who.Has(account.Reviewer) {
		if err := c.asks().May(cert.Account.ID, cert.Account.OrganisationID); err != nil {
			return err
		}
	}
	v, err := s.showGuard(c.ctx, cert)
	if err != nil {
		return err
	}
	return c.ok(v)
}

func (s *Server) showGuard(ctx context.Context, cert *mobilecert.Certificate) (*guardView, error) {
	st, err := s.Bids.Standing(ctx, cert.Content)
	if err != nil {
		return nil, err
	}
	v := &guardView{Certificate: cert.ID, Open: []openView{}, Acknowledged: st.Acknowledged, Evidence: st.Evidence, LastOpening: stampIf(st.LastOpening),
		AdviceZH: bids.AdviceZH, AdviceEN: bids.AdviceEN, Provider: s.lineOf(cert.Provider)}
	rehearsed, err := s.Bids.Rehearsed(ctx, cert.Content)
	if err != nil {
		return nil, err
	}
	v.RehearsedAt = stampOr(rehearsed)
	if v.Rehearse, err = s.rehearseWay(ctx, cert); err != nil {
		return nil, err
	}
	for _, it := range st.Open {
		v.Open = append(v.Open, openView{it.Tender, stamp(it.OpensAt)})
	}
	return v, nil
}

// openBids is how many bids are open under a certificate, and the last opening: what
// to know before it is unbound, revoked, or its phone given up.
type openBids struct {
	Count       int    `json:"count"`
	LastOpening string `json:"last_opening"`
}

// openBidsOf is nil where none are.
func (s *Server) openBidsOf(ctx context.Context, content string) (*openBids, error) {
	st, err := s.Bids.Standing(ctx, content)
	if err != nil || len(st.Open) == 0 {
		return nil, err
	}
	return &openBids{len(st.Open), stamp(st.LastOpening)}, nil
}

// losing lets pass what takes its keys from a phone, unless bids wait for them that
// were not acknowledged, and gives what the log keeps of it.
func (s *Server) losing(ctx context.Context, device, acknowledged string) (map[string]string, error) {
	n, err := s.Bids.MayLose(ctx, device, acknowledged)
	if err != nil || len(n.Open) == 0 {
		return nil, err
	}
	return map[string]string{"open_bids": strconv.Itoa(len(n.Open)), "acknowledged": n.Digest}, nil
}
