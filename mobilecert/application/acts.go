package application

import (
	"slices"
	"time"

	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/mobilecert"
)

// next lists every transition there is.
var next = map[State][]State{
	Draft:    {Identity, Payment, Review, Making, Withdrawn},
	Identity: {Payment, Review, Making, Draft, Withdrawn, Issued},
	Payment:  {Review, Making, Draft, Withdrawn},
	Review:   {Making, Rejected, Payment, Withdrawn},
	Rejected: {Identity, Payment, Review, Withdrawn, Issued},
	Making:   {Issued, Withdrawn},
	Issued:   {Identity}, // another in place of a revoked one
}

// act is something that may be done to an application in some states only; each
// says in its own words why not in the others.
type act struct {
	name    string
	from    []State
	refused *fault.Error
	// told: the applicant is told where it leads; see notices.
	told bool
}

// The acts.
var (
	save     = act{"application.saved", []State{Draft, Rejected}, ErrNotEditable, false}
	accepts  = act{"application.terms_accepted", []State{Draft, Rejected}, ErrNotEditable, false}
	submit   = act{"application.submitted", []State{Draft, Rejected}, ErrNotSubmittable, true}
	reopen   = act{"application.reopened", []State{Identity, Payment}, ErrNotReopenable, false}
	identify = act{"application.identity_chosen", []State{Identity}, ErrNoIdentityNow, false}
	verified = act{"application.identity_verified", []State{Identity}, ErrNoIdentityNow, true}
	confirms = act{"application.identity_confirmed", []State{Review}, ErrNoReviewNow, false}
	pay      = act{"application.paid", []State{Payment}, ErrNoPaymentNow, true}
	unpaid   = act{"application.refunded", []State{Review}, ErrNoReviewNow, false}
	decide   = act{"application.decided", []State{Review}, ErrNoReviewNow, false}
	accept   = act{"application.accepted", []State{Review}, ErrNoReviewNow, true}
	reject   = act{"application.rejected", []State{Review}, ErrNoReviewNow, true}
	withdraw = act{"application.withdrawn", []State{Draft, Identity, Payment, Review, Rejected}, ErrNotWithdrawable, false}
	ship     = act{"application.shipped", []State{Making}, ErrNotInMaking, false}
	issue    = act{"application.issued", []State{Making}, ErrNotInMaking, true}
	collect  = act{"application.collected", []State{Making}, ErrNotCollectable, false}
	replace  = act{"application.replacement", []State{Issued}, ErrNotReplaceable, false}

	// lapse withdraws what its applicant has left lying (see lapses); giveUp ends another
	// certificate in place of a lost one that its holder does not go on with: the
	// application is again what it was, and another can be asked for anew.
	lapse  = act{"application.lapsed", []State{Draft, Identity, Payment, Rejected, Making}, ErrNotWithdrawable, false}
	giveUp = act{"application.replacement_lapsed", []State{Identity, Rejected, Making}, ErrNotReplaceable, false}
)

// may says why an act is not for this state.
func (a *Application) may(x act) error {
	if !slices.Contains(x.from, a.State) {
		return x.refused.With("state", string(a.State))
	}
	return nil
}

// move is the one transition function.
func (a *Application) move(x act, to State, at time.Time, by mobilecert.Actor, note string) error {
	if err := a.may(x); err != nil {
		return err
	}
	if !slices.Contains(next[a.State], to) {
		return x.refused.With("state", string(a.State)).Becausef("%s → %s", a.State, to)
	}
	a.State, a.Since, a.Hold = to, at, nil
	a.happened(x.name, at, by, note)
	key := notices[to]
	if to == Issued && a.Shipment != nil && a.Shipment.Carrier != Pickup {
		key = "application_shipped"
	}
	if key != "" && x.told {
		a.Owe(effect.New(effect.Push, at, map[string]string{"key": key, "account": a.Account.ID, "application": a.ID}))
	}
	return nil
}

// notices are what the applicant is told where an act leads.
var notices = map[State]string{
	Rejected: "application_rejected", Making: "application_accepted", Issued: "application_issued",
}

// happened writes the history, and owes the log and the integrator's webhook, in
// the same write as the change.
func (a *Application) happened(name string, at time.Time, by mobilecert.Actor, note string) {
	a.History = append(a.History, Event{at, name, by, note})
	data := map[string]string{
		"act": name, "object": "application", "id": a.ID, "account": a.Account.ID, "organisation": a.Account.OrganisationID,
		"product": a.Product, "state": string(a.State), "by": by.ID,
	}
	a.Owe(effect.New(effect.Audit, at, data), effect.New(effect.Webhook, at, data))
}

// ahead is where the course goes on: past what is settled already.
func (a *Application) ahead() State {
	switch {
	case !a.Proof.settled():
		return Identity
	case a.Money.PaidAt == nil:
		return Payment
	case a.Replaces != "" && a.Proof.VerifiedAt != nil:
		return Making // was reviewed and paid the first time
	}
	return Review
}
