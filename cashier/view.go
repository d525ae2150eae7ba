package cashier

import (
	"time"
)

// Method is a way to pay, as the page offers it.
type Method struct {
	Provider string `json:"provider"`
	// Sandbox marks one that takes no money.
	Sandbox  bool      `json:"sandbox"`
	Transfer *Transfer `json:"transfer,omitempty"`
}

// Methods lists the ways to pay.
func (s *Service) Methods() []Method {
	out := []Method{}
	for _, p := range s.cfg.Providers {
		m := Method{Provider: p.Name()}
		if marked, is := p.(interface{ Sandbox() bool }); is {
			m.Sandbox = marked.Sandbox()
		}
		if t, is := p.(Transfer); is {
			m.Transfer = &t
		}
		out = append(out, m)
	}
	return out
}

// LineView is a line of goods.
type LineView struct {
	Line
	AmountFen int64 `json:"amount_fen"`
}

// AttemptView is a try to pay, as its payer sees it.
type AttemptView struct {
	ID        string       `json:"id"`
	Provider  string       `json:"provider"`
	State     AttemptState `json:"state"`
	Code      string       `json:"code,omitempty"`
	ExpiresAt time.Time    `json:"expires_at"`
	Reason    string       `json:"reason,omitempty"`
	Note      string       `json:"note,omitempty"`
	// Proof is the upload that was handed in.
	Proof   string     `json:"proof,omitempty"`
	ProofAt *time.Time `json:"proof_at,omitempty"`
}

// RefundView is money on its way back.
type RefundView struct {
	ID        string      `json:"id"`
	Provider  string      `json:"provider"`
	AmountFen int64       `json:"amount_fen"`
	State     RefundState `json:"state"`
	// Reason is amount_differs or paid_again for money that was not the payment; else
	// the order was given up.
	Reason string     `json:"reason"`
	Note   string     `json:"note,omitempty"`
	At     time.Time  `json:"at"`
	DoneAt *time.Time `json:"done_at,omitempty"`
}

// View is an order as its payer and reviewers see it.
type View struct {
	ID          string     `json:"id"`
	Number      string     `json:"number"`
	State       State      `json:"state"`
	Subject     Subject    `json:"subject"`
	Lines       []LineView `json:"lines"`
	AmountFen   int64      `json:"amount_fen"`
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   time.Time  `json:"expires_at"`
	PaidAt      *time.Time `json:"paid_at,omitempty"`
	PaidWith    string     `json:"paid_with,omitempty"`
	RefundedAt  *time.Time `json:"refunded_at,omitempty"`
	CompletedAt *time.Time `json:"completed_at,omitempty"`
	Methods     []Method   `json:"methods"`
	// Attempt is the latest try to pay.
	Attempt *AttemptView `json:"attempt,omitempty"`
	Refunds []RefundView `json:"refunds"`
}

// View shows an order.
func (s *Service) View(o *Order) View {
	v := View{ID: o.ID, Number: o.Number, State: o.State, Subject: o.Subject, AmountFen: o.AmountFen, CreatedAt: o.CreatedAt, ExpiresAt: o.ExpiresAt,
		PaidAt: o.PaidAt, RefundedAt: o.RefundedAt, CompletedAt: o.CompletedAt, Methods: s.Methods(), Refunds: []RefundView{}, Lines: []LineView{}}
	for _, l := range o.Lines {
		v.Lines = append(v.Lines, LineView{l, l.AmountFen()})
	}
	if p := o.Payment(); p != nil {
		v.PaidWith = p.Provider
	}
	for i := range o.Attempts {
		a := &o.Attempts[i]
		if f := a.Refund; f != nil {
			v.Refunds = append(v.Refunds, RefundView{f.ID, a.Provider, f.AmountFen, f.State, f.Reason, f.Note, f.At, f.DoneAt})
		}
		v.Attempt = &AttemptView{ID: a.ID, Provider: a.Provider, State: a.State, ExpiresAt: a.ExpiresAt, Reason: a.Reason, Note: a.Note, Proof: a.Proof, ProofAt: a.ProofAt}
		if a.State == Waiting {
			v.Attempt.Code = a.Code
		}
	}
	return v
}
