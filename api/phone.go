package api

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/qr"
	"certlink/store"
)

// claimHeader is the secret that the scan reply handed to the phone.
const claimHeader = "Certlink-Claim"

// phoneView is a QR session as the phone that claimed it sees it.
type phoneView struct {
	Session    string                   `json:"session"`
	Claim      string                   `json:"claim,omitempty"`
	Purpose    string                   `json:"purpose"`
	State      confirm.State            `json:"state"`
	ExpiresAt  string                   `json:"expires_at"`
	Match      matchView                `json:"match"`
	KeyRequest *keyRequestView          `json:"key_request,omitempty"`
	SignedBy   confirm.SignedBy         `json:"signed_by"`
	Provider   *mobilecert.ProviderName `json:"provider,omitempty"`
	Statement  base64url                `json:"statement,omitempty"`
	Hints      []qr.Hint                `json:"hints"`
	Result     json.RawMessage          `json:"result,omitempty"`
	Failure    *failureView             `json:"failure,omitempty"`
	Reason     *qr.Reason               `json:"reason,omitempty"`
}

type keyRequestView struct {
	Algorithm string `json:"algorithm"`
	Subject   string `json:"subject"`
	// EncryptionKey asks for a second key, for an encryption certificate.
	EncryptionKey bool `json:"encryption_key,omitempty"`
	// Keep names the key on this phone that the request must be for, instead of a new
	// one: SHA-256, base64url.
	Keep string `json:"keep,omitempty"`
}

func showKeyRequest(k *confirm.KeyRequest, name string) *keyRequestView {
	return &keyRequestView{Algorithm: string(k.Algorithm), Subject: "CN=" + name, EncryptionKey: k.Encryption, Keep: k.Keep}
}

func (s *Server) showPhone(q *qr.Session) *phoneView {
	terms := &q.Confirmation.Terms
	v := &phoneView{
		Session: q.ID, Purpose: q.Confirmation.Request.Purpose, State: q.State, ExpiresAt: stamp(q.ExpiresAt),
		Match: showMatch(q), SignedBy: terms.SignedBy, Provider: s.providerOf(q),
		Hints: append([]qr.Hint{}, q.Hints...), Failure: s.showFailure(q.Failure), Reason: q.Reason,
	}
	v.Match.Digits = q.Match.Digits
	if terms.NewKey != nil {
		v.KeyRequest = showKeyRequest(terms.NewKey, q.Confirmation.Request.Subject.Name)
	}
	v.Statement = q.Confirmation.Statement
	if q.Result != nil {
		v.Result = q.Result.View
	}
	return v
}

func (s *Server) providerOf(q *qr.Session) *mobilecert.ProviderName {
	if q.Confirmation.Terms.Provider == "" {
		return nil
	}
	p := s.Catalogue.NameOf(q.Confirmation.Terms.Provider)
	return &p
}

// phoneSummary is a line of the phone's list. It holds no claim: who has only the
// device key cannot act on what another scan opened.
type phoneSummary struct {
	Session   string                   `json:"session"`
	Purpose   string                   `json:"purpose"`
	State     confirm.State            `json:"state"`
	CreatedAt string                   `json:"created_at"`
	ScannedAt string                   `json:"scanned_at,omitempty"`
	EndedAt   string                   `json:"ended_at,omitempty"`
	ExpiresAt string                   `json:"expires_at"`
	Actor     partyView                `json:"actor"`
	Subject   partyView                `json:"subject"`
	Details   map[string]string        `json:"details"`
	Provider  *mobilecert.ProviderName `json:"provider,omitempty"`
	Result    json.RawMessage          `json:"result,omitempty"`
	Failure   *failureView             `json:"failure,omitempty"`
	Reason    *qr.Reason               `json:"reason,omitempty"`
}

func (s *Server) summary(q *qr.Session) phoneSummary {
	r := &q.Confirmation.Request
	v := phoneSummary{
		Session: q.ID, Purpose: r.Purpose, State: q.State, CreatedAt: stamp(q.CreatedAt), ScannedAt: stampOr(q.ScannedAt),
		EndedAt: stampOr(q.EndedAt), ExpiresAt: stamp(q.ExpiresAt),
		Actor:   partyView{r.Actor.ID, r.Actor.Name, r.Actor.Organisation},
		Subject: partyView{r.Subject.ID, r.Subject.Name, r.Subject.Organisation},
		Details: q.Confirmation.Terms.Details, Provider: s.providerOf(q), Failure: s.showFailure(q.Failure), Reason: q.Reason,
	}
	if v.Details == nil {
		v.Details = map[string]string{}
	}
	if q.Result != nil {
		v.Result = q.Result.View
	}
	return v
}

func (s *Server) postScan(c *call) error {
	var code, typed string
	if err := c.read(object{{"code", &code, false}, {"typed_code", &typed, false}}); err != nil {
		return err
	}
	var q *qr.Session
	var err error
	switch {
	case (code == "") == (typed == ""):
		return ErrRequest.At("/code", "code 与 typed_code 必须且只能有一项", "exactly one of code and typed_code is needed")
	case code != "":
		q, err = s.QR.Scan(c.ctx, c.device, code)
	default:
		q, err = s.QR.ScanTyped(c.ctx, c.device, typed)
	}
	if err != nil {
		return err
	}
	v := s.showPhone(q)
	v.Claim = q.Claim()
	return c.ok(v)
}

// claimed reads what every call about a claimed session carries.
func (c *call) claimed() (sessionID, claim string, err error) {
	sessionID, err = c.id("id", qr.ErrClaim)
	return sessionID, c.header(claimHeader), err
}

func (s *Server) getPhoneSession(c *call) error {
	sessionID, claim, err := c.claimed()
	if err != nil {
		return err
	}
	return s.answerPhone(c)(s.QR.Claimed(c.ctx, sessionID, c.device, claim))
}

func (s *Server) putKey(c *call) error {
	sessionID, claim, err := c.claimed()
	if err != nil {
		return err
	}
	csr, err := c.readCSR()
	if err != nil {
		return err
	}
	return s.answerPhone(c)(s.QR.Key(c.ctx, sessionID, c.device, claim, csr))
}

func (s *Server) postConfirm(c *call) error {
	sessionID, claim, err := c.claimed()
	if err != nil {
		return err
	}
	var jws string
	if err := c.read(object{{"jws", &jws, true}}); err != nil {
		return err
	}
	return s.answerPhone(c)(s.QR.Confirm(c.ctx, sessionID, c.device, claim, jws))
}

func (s *Server) postReject(c *call) error {
	sessionID, claim, err := c.claimed()
	if err != nil {
		return err
	}
	r, err := c.readReason()
	if err != nil {
		return err
	}
	return s.answerPhone(c)(s.QR.Reject(c.ctx, sessionID, c.device, claim, r))
}

func (s *Server) postNotMe(c *call) error {
	sessionID, claim, err := c.claimed()
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	return s.answerPhone(c)(s.QR.NotMe(c.ctx, sessionID, c.device, claim))
}

func (s *Server) answerPhone(c *call) func(*qr.Session, error) error {
	return func(q *qr.Session, err error) error {
		if err != nil {
			return err
		}
		return c.json(fiber.StatusOK, s.showPhone(q))
	}
}

// openScan bounds how far back open sessions are looked for: they live minutes.
const openScan = 200

func (s *Server) getPhoneSessions(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	state, err := c.choice("state", "all", "open")
	if err != nil {
		return err
	}
	if state == "open" {
		limit = openScan
	}
	list, next, err := s.QR.History(c.ctx, c.device, after, limit)
	if err != nil {
		return err
	}
	out := page[phoneSummary]{Items: []phoneSummary{}, Next: string(next)}
	for _, q := range list {
		if state == "all" || !q.State.Over() {
			out.Items = append(out.Items, s.summary(q))
		}
	}
	if state == "open" {
		out.Next = ""
	}
	return c.ok(out)
}

// phoneCertificates is a page of certificates; the first one also lists what was
// handed in and is not made (yet).
type phoneCertificates struct {
	page[phoneCertificateView]
	Asked []mobilecert.PhoneAsked `json:"asked"`
}

func (s *Server) getPhoneCertificates(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	list, next, err := s.Certificates.ListByDevice(c.ctx, c.device, store.Cursor(after), limit)
	if err != nil {
		return err
	}
	out := phoneCertificates{page[phoneCertificateView]{Items: []phoneCertificateView{}, Next: string(next)}, []mobilecert.PhoneAsked{}}
	if after == "" {
		asked, err := s.Certificates.ListAsked(c.ctx, c.device)
		if err != nil {
			return err
		}
		for _, cert := range asked {
			out.Asked = append(out.Asked, cert.AskedView(s.Catalogue))
		}
	}
	for _, cert := range list {
		b, err := s.Bindings.OfIssued(c.ctx, cert)
		if err != nil {
			return err
		}
		v := phoneCertificateView{PhoneCertificate: cert.PhoneView(s.Catalogue, b, s.Clock())}
		if err := s.phoneExtras(c, cert, &v); err != nil {
			return err
		}
		out.Items = append(out.Items, v)
	}
	return c.ok(out)
}
