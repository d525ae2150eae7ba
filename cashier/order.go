// Package cashier is the 收银台: what is owed for what, every try to pay it, and
// whether it has been paid. It knows nothing of what is bought but a kind and an id
// (Subject), and nothing of those who carry money but an interface (Provider).
//
// An order is one document with its attempts in it, so that one compare-and-swap
// decides which of several payments is the payment. Money that arrives and is not
// the payment (the second of two, one that came after the order was closed, one of
// another amount) is recorded beside it, and goes back by itself.
package cashier

import (
	"slices"
	"time"

	"certlink/internal/effect"
)

// State is where an order stands.
type State string

// The states, with who acts next.
const (
	Open      State = "open"      // the payer
	Closing   State = "closing"   // this package: open codes are being called in
	Paid      State = "paid"      // nobody
	Closed    State = "closed"    // nobody; Open opens it again
	Refunding State = "refunding" // the provider; of an offline payment, a reviewer
	Refunded  State = "refunded"  // nobody; final
)

// next lists every transition there is.
var next = map[State][]State{
	Open: {Paid, Closing},
	// A code may be paid while it is called in; what was to be given up then is
	// refunded, what had only run out of time is paid.
	Closing:   {Closed, Paid, Refunding},
	Closed:    {Open},
	Paid:      {Refunding, Refunded},
	Refunding: {Refunded},
}

// Subject is what an order is for.
type Subject struct {
	Kind string `json:"kind"` // "application", "renewal"
	ID   string `json:"id"`
}

// Line is one line of goods, as it stands on the page and on the invoice.
type Line struct {
	Name     string `json:"name"`           // 商品明细: CA介质
	Category string `json:"category"`       // 商品大类
	Spec     string `json:"spec,omitempty"` // 规格型号
	Unit     string `json:"unit"`           // 个
	Quantity int64  `json:"quantity"`
	UnitFen  int64  `json:"unit_fen"`
}

// AmountFen is the line's amount.
func (l *Line) AmountFen() int64 { return l.Quantity * l.UnitFen }

// Event is one line of an order's history.
type Event struct {
	At      time.Time `json:"at"`
	Act     string    `json:"act"`
	By      string    `json:"by,omitempty"` // account; "" for the server itself
	Attempt string    `json:"attempt,omitempty"`
	Note    string    `json:"note,omitempty"`
}

// Order is what somebody owes for one subject. Its id is made from the subject.
type Order struct {
	ID           string    `json:"id"`
	Number       string    `json:"number"` // for people: the day and twelve figures
	State        State     `json:"state"`
	Subject      Subject   `json:"subject"`
	Account      string    `json:"account"`
	Organisation string    `json:"organisation"`
	Lines        []Line    `json:"lines"`
	AmountFen    int64     `json:"amount_fen"`
	CreatedAt    time.Time `json:"created_at"`
	// ExpiresAt is when an unpaid order is closed.
	ExpiresAt time.Time `json:"expires_at"`
	// Attempts are the tries to pay, oldest first; none is ever removed.
	Attempts []Attempt `json:"attempts,omitempty"`
	// PaidBy is the attempt that is the payment; "" for a free order.
	PaidBy string     `json:"paid_by,omitempty"`
	PaidAt *time.Time `json:"paid_at,omitempty"`
	// GivenUp is why the order shall not be paid any more, or the money go back;
	// "" while nobody has asked for that.
	GivenUp    string     `json:"given_up,omitempty"`
	RefundedAt *time.Time `json:"refunded_at,omitempty"`
	// CompletedAt is when what was bought was delivered; the invoice's 60 days run
	// from then.
	CompletedAt *time.Time `json:"completed_at,omitempty"`
	History     []Event    `json:"history"`
	effect.Owing
}

// EffectOrder tells the subject's room of an order: data holds order, event (paid,
// closed or refunded), subject_kind and subject.
const EffectOrder = "order"

// told are the states that the subject's room hears of.
var told = map[State]bool{Paid: true, Closed: true, Refunded: true}

// move is the one transition function.
func (o *Order) move(to State, at time.Time, by, note string) error {
	if !slices.Contains(next[o.State], to) {
		return ErrState.With("state", string(o.State))
	}
	o.State = to
	switch to {
	case Paid:
		o.PaidAt = &at
	case Refunded:
		o.RefundedAt = &at
	}
	o.happened("order."+string(to), at, by, o.PaidBy, note)
	if told[to] {
		o.Owe(effect.New(EffectOrder, at, map[string]string{
			"order": o.ID, "event": string(to), "subject_kind": o.Subject.Kind, "subject": o.Subject.ID,
		}))
	}
	// The payer looks at the page when they pay; what others do about the money they
	// are told of.
	if o.AmountFen > 0 && (to == Refunded || to == Paid && by != "" && by != o.Account) {
		o.tell("order_"+string(to), at)
	}
	return nil
}

// tell owes the payer a message, by its key.
func (o *Order) tell(key string, at time.Time) {
	o.Owe(effect.New(effect.Push, at, map[string]string{"account": o.Account, "key": key, "order": o.ID}))
}

// happened writes the history, and owes the audit log and the integrator's webhook,
// in the same write as the change.
func (o *Order) happened(act string, at time.Time, by, attempt, note string) {
	o.History = append(o.History, Event{At: at, Act: act, By: by, Attempt: attempt, Note: note})
	data := map[string]string{
		"act": act, "object": "order", "id": o.ID, "account": o.Account, "organisation": o.Organisation,
		"subject_kind": o.Subject.Kind, "subject": o.Subject.ID,
	}
	if by != "" {
		data["by"] = by
	}
	if attempt != "" {
		data["attempt"] = attempt
	}
	o.Owe(effect.New(effect.Audit, at, data), effect.New(effect.Webhook, at, data))
}

// read owes the audit log that staff has looked; it is no part of the history.
func (o *Order) read(act, by string, at time.Time) {
	o.Owe(effect.New(effect.Audit, at, map[string]string{"act": act, "object": "order", "id": o.ID, "organisation": o.Organisation, "by": by, "account": by}))
}

// attempt finds one by its id.
func (o *Order) attempt(id string) *Attempt {
	for i := range o.Attempts {
		if o.Attempts[i].ID == id {
			return &o.Attempts[i]
		}
	}
	return nil
}

// Payment is the attempt that paid the order; nil for none and for a free order.
func (o *Order) Payment() *Attempt { return o.attempt(o.PaidBy) }
