// Package invoice is 发票申请: who may ask for an invoice, by when, to which title;
// its way from the application to the file in a mailbox. It makes no invoice itself:
// an Issuer does, or a reviewer who uploads what the tax authority's platform made.
package invoice

import (
	"slices"
	"time"

	"certlink/cashier"
	"certlink/internal/effect"
)

// State is where an invoice stands. 可申请 and 已过期 are no states but what an
// order without an invoice is; see Standing.
type State string

// The states, with who acts next.
const (
	Reviewing State = "reviewing" // 凭证审核: a reviewer looks at the proof of payment
	Issuing   State = "issuing"   // 开票中: the issuer, or a reviewer
	Issued    State = "issued"    // 已开票: final
	Rejected  State = "rejected"  // the applicant may apply again
)

// next lists every transition there is.
var next = map[State][]State{
	Reviewing: {Issuing, Rejected},
	Issuing:   {Issued, Rejected},
	Rejected:  {Reviewing, Issuing},
}

// Content of an invoice: its lines, or their categories.
const (
	Detail   = "detail"   // 商品明细
	Category = "category" // 商品大类
)

// Medium of an invoice.
const (
	Electronic = "electronic" // sent by e-mail
	Paper      = "paper"      // by courier, freight collect
)

// What is offered, kept as data: what the platform and the tax authority call it.
const (
	TitleType   = "企业"
	InvoiceType = "电子增值税普通发票"
)

// Event is one line of an invoice's history.
type Event struct {
	At   time.Time `json:"at"`
	Act  string    `json:"act"`
	By   string    `json:"by,omitempty"`
	Note string    `json:"note,omitempty"`
}

// Invoice of one order; its id is the order's.
type Invoice struct {
	ID           string         `json:"id"`
	State        State          `json:"state"`
	OrderNumber  string         `json:"order_number"`
	Account      string         `json:"account"`
	Organisation string         `json:"organisation"`
	AmountFen    int64          `json:"amount_fen"`
	Lines        []cashier.Line `json:"lines"`
	Content      string         `json:"content"`
	Medium       string         `json:"medium"`
	TitleType    string         `json:"title_type"`
	InvoiceType  string         `json:"invoice_type"`
	// Sealed is the title and the recipient, as they were when it was applied for.
	Sealed    string    `json:"sealed"`
	AppliedAt time.Time `json:"applied_at"`
	AppliedBy string    `json:"applied_by"`
	// Proof is the upload that shows the payment, where it was made outside the
	// online cashier.
	Proof    string     `json:"proof,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Number   string     `json:"number,omitempty"`
	File     string     `json:"file,omitempty"`
	FileKind string     `json:"file_kind,omitempty"`
	IssuedAt *time.Time `json:"issued_at,omitempty"`
	// Sandbox marks one that is a sample.
	Sandbox bool `json:"sandbox,omitempty"`
	// Carrier and Tracking are of a paper invoice.
	Carrier  string    `json:"carrier,omitempty"`
	Tracking string    `json:"tracking,omitempty"`
	Rejected time.Time `json:"rejected,omitzero"`
	// Decision is a reviewer's that can still be undone.
	Decision *cashier.Decision `json:"decision,omitempty"`
	// Due is when the issuer is asked; Tries how often it has been.
	Due      time.Time  `json:"due,omitzero"`
	Tries    int        `json:"tries,omitempty"`
	ErasedAt *time.Time `json:"erased_at,omitempty"` // the recipient, or all of a rejected one
	History  []Event    `json:"history"`
	effect.Owing
}

// move is the one transition function.
func (v *Invoice) move(to State, at time.Time, by, note string) error {
	if !slices.Contains(next[v.State], to) {
		return ErrState.With("state", string(v.State))
	}
	v.State, v.Reason = to, ""
	switch to {
	case Rejected:
		v.Reason, v.Rejected = note, at
	case Issued:
		v.IssuedAt = &at
		if v.File != "" && v.Medium == Electronic {
			v.Owe(effect.New(effect.Mail, at, map[string]string{"template": MailIssued, "invoice": v.ID}))
		}
	}
	v.happened("invoice."+string(to), at, by, note)
	if to == Issued || to == Rejected {
		v.Owe(effect.New(effect.Push, at, map[string]string{"account": v.AppliedBy, "key": "invoice_" + string(to), "invoice": v.ID}))
	}
	return nil
}

// settle lets a decision take effect whose time has come.
func (v *Invoice) settle(now time.Time) bool {
	d := v.Decision
	if !d.Over(now) {
		return false
	}
	v.Decision = nil
	to := Rejected
	if d.Accept {
		to = Issuing
	}
	// It stands in the history as of when it was made. If the invoice has moved on, it is
	// void.
	_ = v.move(to, d.At, d.By, d.Reason)
	return true
}

// due is when something must be done about it by itself; zero for never.
func (v *Invoice) due() time.Time {
	switch {
	case v.Decision != nil:
		return v.Decision.Due
	case v.State == Issuing:
		return v.Due
	}
	return time.Time{}
}

// MailIssued is the template of the letter that brings an invoice.
const MailIssued = "invoice_issued"

// happened writes the history and owes the audit log and the webhook.
func (v *Invoice) happened(act string, at time.Time, by, note string) {
	v.History = append(v.History, Event{at, act, by, note})
	data := v.told(act)
	if by != "" {
		data["by"] = by
	}
	v.Owe(effect.New(effect.Audit, at, data), effect.New(effect.Webhook, at, data))
}

func (v *Invoice) told(act string) map[string]string {
	return map[string]string{"act": act, "object": "invoice", "id": v.ID, "account": v.Account, "organisation": v.Organisation}
}
