package cashier

import (
	"fmt"
	"time"
)

// RefundState is where a refund stands.
type RefundState string

// The states of a refund.
const (
	RefundOwed    RefundState = "owed"    // to be asked of the provider
	RefundPending RefundState = "pending" // the provider has it
	RefundByHand  RefundState = "by_hand" // a person must send it and say so
	RefundDone    RefundState = "done"
)

// Refund is money of one attempt on its way back, always all of it.
type Refund struct {
	ID        string      `json:"id"`
	AmountFen int64       `json:"amount_fen"`
	Reason    string      `json:"reason"`
	State     RefundState `json:"state"`
	At        time.Time   `json:"at"`
	Due       time.Time   `json:"due"`
	Tries     int         `json:"tries,omitempty"`
	Note      string      `json:"note,omitempty"`
	DoneAt    *time.Time  `json:"done_at,omitempty"`
}

// Why money goes back that is not the payment.
const (
	amountDiffers = "amount_differs"
	paidAgain     = "paid_again"
)

// words is what the payer's bank shows.
func (f *Refund) words() string {
	switch f.Reason {
	case amountDiffers:
		return "支付金额与订单不符，原路退回"
	case paidAgain:
		return "重复支付，原路退回"
	}
	return "订单取消，退款"
}

// refundID is of the same length as the attempt's, so that orderOf finds it.
func refundID(order string, n int) string { return fmt.Sprintf("%sr%03d", order, n) }

// owes writes that an attempt's money goes back. Once, whatever asks for it.
func (o *Order) owes(a *Attempt, reason string, at time.Time) {
	if a.Refund != nil || a.Payment == nil {
		return
	}
	n := 1
	for i := range o.Attempts {
		if o.Attempts[i].Refund != nil {
			n++
		}
	}
	a.Refund = &Refund{ID: refundID(o.ID, n), AmountFen: a.Payment.AmountFen, Reason: reason, State: RefundOwed, At: at, Due: at}
	o.happened("order.refund_owed", at, "", a.ID, reason)
}

// giveUp closes an open order, and sends the money of a paid one back. Asking twice,
// or when it is over already, changes nothing.
func (o *Order) giveUp(reason, by string, at time.Time) (changed bool, err error) {
	if o.GivenUp != "" || o.State == Closed || o.State == Refunded {
		return false, nil
	}
	o.GivenUp = reason
	switch o.State {
	case Open:
		return true, o.close(reason, by, at)
	case Paid:
		return true, o.back(by, at)
	}
	return true, nil // closing already: whatever is paid now goes back
}

// back begins the way of the payment back to the payer; a free order has none.
func (o *Order) back(by string, at time.Time) error {
	a := o.Payment()
	if a == nil {
		return o.move(Refunded, at, by, o.GivenUp)
	}
	if err := o.move(Refunding, at, by, o.GivenUp); err != nil {
		return err
	}
	o.owes(a, o.GivenUp, at)
	return nil
}

// refunded takes in what a provider says of a refund.
func (o *Order) refunded(r *RefundReport, by string, at time.Time) (changed bool, err error) {
	var a *Attempt
	for i := range o.Attempts {
		if f := o.Attempts[i].Refund; f != nil && f.ID == r.ID {
			a = &o.Attempts[i]
		}
	}
	if a == nil {
		return false, ErrPaymentUnknown
	}
	f := a.Refund
	if f.State == RefundDone || f.State == RefundByHand && r.State != RefundDone {
		return false, nil
	}
	switch r.State {
	case RefundDone:
		f.State, f.DoneAt, f.Note = RefundDone, &at, ""
		o.happened("order.refund_done", at, by, a.ID, "")
		if a.ID == o.PaidBy && o.State == Refunding {
			return true, o.move(Refunded, at, by, o.GivenUp)
		}
	case RefundByHand:
		f.State, f.Note = RefundByHand, r.Note
		o.happened("order.refund_by_hand", at, by, a.ID, r.Note)
	default:
		f.State, f.Note = RefundPending, r.Note
		f.Due, f.Tries = at.Add(pause(f.Tries)), f.Tries+1
	}
	return true, nil
}
