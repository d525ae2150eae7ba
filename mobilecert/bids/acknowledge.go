package bids

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/trust"
)

// Acknowledge is the purpose "acknowledge": the holder of a certificate has read
// which bids are open under it, and goes on with its extension all the same. What
// it was told stands in the statement, and so in the evidence.
type Acknowledge struct{ ledger *Ledger }

var _ confirm.Purpose = (*Acknowledge)(nil)

// NewAcknowledge makes the purpose.
func NewAcknowledge(l *Ledger) *Acknowledge { return &Acknowledge{l} }

// Name is how requests and statements call it.
func (*Acknowledge) Name() string { return "acknowledge" }

// Letter stands for it in the code.
func (*Acknowledge) Letter() byte { return 'a' }

// Advice is what the holder signs to have been told.
const (
	AdviceZH = "证书延期后，已用原证书加密的投标文件可能无法解密，导致投标失败。请先致电 CA 服务商确认可以延期；开标之前请勿卸载应用、更换手机或注销原证书。"
	AdviceEN = "After the extension, bids that were encrypted to the old certificate may not be decryptable, and the tender may be lost. Call the authority first and ask whether to extend. Until the openings, do not remove the app, change the phone or revoke the old certificate."
)

// named bounds the tenders that a statement names; the digest is over all.
const named = 10

// Begin decides whether there is anything to acknowledge, and what the statement
// says: every open bid is in the digest, the first ones by name.
func (p *Acknowledge) Begin(ctx context.Context, r confirm.Request) (confirm.Terms, error) {
	c, err := p.ledger.cfg.Certificates.Get(ctx, r.Params["certificate"])
	if err != nil {
		return confirm.Terms{}, err
	}
	if r.Subject.ID != c.Account.ID {
		return confirm.Terms{}, mobilecert.ErrNotYourAccount
	}
	if err := mobilecert.Asks(r).May(c.Account.ID, c.Account.OrganisationID); err != nil {
		return confirm.Terms{}, err
	}
	s, err := p.ledger.Standing(ctx, c.Content)
	if err != nil {
		return confirm.Terms{}, err
	}
	if len(s.Open) == 0 {
		return confirm.Terms{}, ErrNothing
	}
	provider := p.ledger.cfg.Catalogue.NameOf(c.Provider)
	details := map[string]string{
		"certificate_id": c.ID, "certificate": c.Fingerprint, "certificate_serial": c.Serial, "provider": provider.ID, "provider_name": provider.NameZH,
		"bids_count": strconv.Itoa(len(s.Open)), "bids_first_opening": at(s.Open[0].OpensAt), "bids_last_opening": at(s.LastOpening),
		"bids": names(s.Open), "bids_sha256": s.Digest, "advice": AdviceZH, "advice_en": AdviceEN,
	}
	if phones := p.ledger.cfg.Catalogue.PhonesOf(c.Provider); len(phones) > 0 {
		details["phone"] = strings.Join(phones, "，")
	}
	return confirm.Terms{Provider: c.Provider, SignedBy: confirm.ByCertificate, Details: details}, nil
}

func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// china is where people read the openings.
var china = time.FixedZone("UTC+8", 8*3600)

// names lists tenders with their openings. It stays on one line: the phone shows
// marks that work on text as what they are.
func names(open []Item) string {
	var b strings.Builder
	for i, it := range open {
		if i == named {
			b.WriteString("；… +" + strconv.Itoa(len(open)-named))
			break
		}
		if i > 0 {
			b.WriteString("；")
		}
		b.WriteString(it.Tender + " (" + it.OpensAt.In(china).Format("2006-01-02 15:04 -07:00") + ")")
	}
	return b.String()
}

// CheckKey is never called: nothing new is certified.
func (*Acknowledge) CheckKey(context.Context, confirm.Request, *trust.CSR) error {
	return confirm.ErrKeyNotAsked
}

// Check lets only the holder of that certificate acknowledge, and only the list
// that it was shown.
func (p *Acknowledge) Check(ctx context.Context, s *confirm.Statement, signer confirm.Signer) error {
	c, err := p.ledger.cfg.Certificates.Get(ctx, s.Details["certificate_id"])
	if err != nil {
		return err
	}
	if c.Content != signer.Certificate.ContentID() {
		return confirm.ErrSignerMismatch
	}
	now, err := p.ledger.Standing(ctx, c.Content)
	if err != nil {
		return err
	}
	if now.Digest != s.Details["bids_sha256"] {
		return ErrChanged
	}
	return nil
}

// Act writes the acknowledgement beside the list that it is for.
func (p *Acknowledge) Act(ctx context.Context, a *confirm.Accepted) (*confirm.Result, error) {
	s, content := a.Statement, a.Signer.Certificate.ContentID()
	_, err := p.ledger.guards.Update(ctx, content, func(g *Guard) error {
		if g.Acknowledged != nil && g.Acknowledged.Statement == s.ID {
			return store.ErrUnchanged
		}
		open := g.at(p.ledger.cfg.Clock(), p.ledger.cfg.Grace)
		if digest(open) != s.Details["bids_sha256"] {
			return ErrChanged
		}
		g.Acknowledged = &Acknowledgement{Statement: s.ID, Digest: digest(open), Items: open, At: a.At}
		data := map[string]string{"act": "bid.acknowledged", "object": "certificate", "id": s.Details["certificate"], "account": g.Account,
			"organisation": g.Organisation, "by": s.Actor.ID, "evidence": s.ID}
		g.Owe(effect.New(effect.Audit, a.At, data), effect.New(effect.Webhook, a.At, data),
			effect.New(EffectAcknowledged, a.At, map[string]string{"certificate": g.ID, "evidence": s.ID}))
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrChanged
	}
	if err != nil {
		return nil, err
	}
	return acknowledged(s)
}

// Done finds whether the statement has been acted on. A later acknowledgement
// takes the place of an earlier one, which then counts for nothing.
func (p *Acknowledge) Done(ctx context.Context, s *confirm.Statement) (*confirm.Result, error) {
	c, err := p.ledger.cfg.Certificates.Get(ctx, s.Details["certificate_id"])
	if err != nil {
		return nil, err
	}
	g, _, err := p.ledger.guards.Get(ctx, c.Content)
	if err != nil || g.Acknowledged == nil || g.Acknowledged.Statement != s.ID {
		return nil, gone(err)
	}
	return acknowledged(s)
}

func acknowledged(s *confirm.Statement) (*confirm.Result, error) {
	view, err := json.Marshal(map[string]string{"kind": "acknowledgement", "id": s.ID, "fingerprint": s.Details["certificate"]})
	if err != nil {
		return nil, err
	}
	return &confirm.Result{Kind: "acknowledgement", ID: s.ID, View: view}, nil
}
