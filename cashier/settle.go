package cashier

import "time"

// close ends an order that is not paid: its codes are called in first, since one of
// them may be paid at this very moment.
func (o *Order) close(reason, by string, at time.Time) error {
	if err := o.move(Closing, at, by, reason); err != nil {
		return err
	}
	o.drop(at, orderClosed)
	return o.closeIfDone(at)
}

func (o *Order) closeIfDone(at time.Time) error {
	if o.State != Closing {
		return nil
	}
	for i := range o.Attempts {
		if o.Attempts[i].State.live() {
			return nil
		}
	}
	return o.move(Closed, at, "", "")
}

// report takes in what a provider says of a trade, in whatever order it says it.
// A payment is final: nothing that is said later undoes it.
func (o *Order) report(t *Trade, by string, at time.Time) (changed bool, err error) {
	a := o.attempt(t.ID)
	if a == nil {
		return false, ErrPaymentUnknown
	}
	if t.State == TradePaid && t.Payment != nil {
		return o.paid(a, *t.Payment, by, at)
	}
	if !a.State.live() {
		return false, nil
	}
	switch t.State {
	case TradeClosed:
		return true, o.end(a, at)
	case TradeNone:
		// Before its code is scanned Alipay knows of no trade, and cannot close it; after
		// the code's life there will be none any more.
		if !at.Before(a.ExpiresAt) {
			return true, o.end(a, at)
		}
	}
	if a.State == Waiting && !at.Before(a.ExpiresAt) {
		a.State, a.Reason, a.Due, a.Tries = Dropped, expired, at, 0
		return true, nil
	}
	a.Due, a.Tries, a.Asked = at.Add(pause(a.Tries)), a.Tries+1, at
	return true, nil
}

// end is an attempt's end without money.
func (o *Order) end(a *Attempt, at time.Time) error {
	a.State = Ended
	if a.Reason == "" {
		a.Reason = expired
	}
	o.happened("order.attempt_ended", at, "", a.ID, a.Reason)
	return o.closeIfDone(at)
}

// paid decides what money that has arrived is: the payment, or money that goes back.
func (o *Order) paid(a *Attempt, p Payment, by string, at time.Time) (changed bool, err error) {
	if a.Payment != nil {
		return false, nil // told before
	}
	a.State, a.Reason, a.Payment = Settled, "", &p
	switch {
	case p.AmountFen != o.AmountFen || p.Currency != Currency:
		o.happened("order.amount_differs", at, by, a.ID, "")
		o.owes(a, amountDiffers, at)
		return true, o.closeIfDone(at)
	case o.State != Open && o.State != Closing:
		// Paid by another attempt already, or closed and gone.
		o.happened("order.paid_again", at, by, a.ID, "")
		o.owes(a, paidAgain, at)
		return true, nil
	}
	o.PaidBy = a.ID
	o.drop(at, orderPaid)
	if o.GivenUp != "" {
		o.PaidAt = &at
		return true, o.back(by, at)
	}
	return true, o.move(Paid, at, by, "")
}

// due is when something must be done about the order by itself; zero for never.
func (o *Order) due() (at time.Time) {
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for i := range o.Attempts {
		a := &o.Attempts[i]
		switch a.State {
		case Starting, Waiting, Dropped:
			earlier(a.Due)
		case Review:
			if a.Decision != nil {
				earlier(a.Decision.Due)
			}
		}
		if f := a.Refund; f != nil && (f.State == RefundOwed || f.State == RefundPending) {
			earlier(f.Due)
		}
	}
	// While a proof waits for its reviewer, time does not run against the payer.
	if o.State == Open && !o.InReview() {
		earlier(o.ExpiresAt)
	}
	return at
}
