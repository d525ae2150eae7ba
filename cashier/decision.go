package cashier

import "time"

// Decision is a reviewer's, until it takes effect. It stands beside what it is about,
// and nobody has been told of it.
type Decision struct {
	Accept bool      `json:"accept"`
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Due    time.Time `json:"due"`
}

// UndoTime is how long a decision can be taken back.
const UndoTime = 10 * time.Second

// Decide makes one.
func Decide(by string, accept bool, reason string, at time.Time) *Decision {
	return &Decision{Accept: accept, Reason: reason, By: by, At: at, Due: at.Add(UndoTime)}
}

// Over says whether it takes effect now.
func (d *Decision) Over(at time.Time) bool { return d != nil && !at.Before(d.Due) }

// Mine says whether somebody can take it back.
func (d *Decision) Mine(by string, at time.Time) bool {
	return d != nil && d.By == by && at.Before(d.Due)
}

// decided finds the proof that was decided on.
func (o *Order) decided() *Attempt {
	for i := range o.Attempts {
		if a := &o.Attempts[i]; a.State == Review && a.Decision != nil {
			return a
		}
	}
	return nil
}

// Decision is the one that has not taken effect, nil for none.
func (o *Order) Decision() *Decision {
	if a := o.decided(); a != nil {
		return a.Decision
	}
	return nil
}

// Acts names what a reviewer can do with the order now.
func (o *Order) Acts(by string, at time.Time) []string {
	d, acts := o.Decision(), []string{}
	if o.InReview() && d == nil {
		acts = append(acts, "decide")
	}
	if o.Receivable() {
		acts = append(acts, "received")
	}
	if o.OwesByHand() {
		acts = append(acts, "refunded")
	}
	if d.Mine(by, at) {
		acts = append(acts, "undo")
	}
	return acts
}

// settle lets a decision take effect whose time has come. It stands in the history as
// of when it was made.
func (o *Order) settle(now time.Time) (changed bool, err error) {
	a := o.decided()
	if a == nil || !a.Decision.Over(now) {
		return false, nil
	}
	d := a.Decision
	a.Decision = nil
	if d.Accept {
		o.happened("order.proof_accepted", d.At, d.By, a.ID, d.Reason)
		_, err = o.paid(a, Payment{Transaction: a.Proof, AmountFen: o.AmountFen, Currency: Currency, At: d.At}, d.By, now)
		return true, err
	}
	a.Reason, a.Note = rejected, d.Reason
	o.happened("order.proof_rejected", d.At, d.By, a.ID, d.Reason)
	o.tell("payment_proof_rejected", now)
	if grace := now.Add(proofGrace); o.ExpiresAt.Before(grace) {
		o.ExpiresAt = grace // time in which to hand in another one
	}
	return true, o.end(a, now)
}
