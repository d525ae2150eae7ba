// Package renewal is 续费 and 延期: paying for a further term of a certificate,
// and the certificate's validity really being prolonged. The two are kept apart:
// money alone never makes anything 已延期, only a new certificate does.
//
// One renewal is one document with one transition function. What follows from a
// change (the question to the phone, the refund, the word to people) is owed by it
// and carried out by the relay.
package renewal

import (
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/retain"
	"certlink/mobilecert"
	"certlink/store"
)

// SubjectKind is what the cashier, the face checks and the grants call renewals.
const SubjectKind = "renewal"

// State is where a renewal stands.
type State string

// The states, with who acts next.
const (
	Due       State = "due"       // 要续费; the account. Derived from the calendar, never stored
	Payment   State = "payment"   // 待支付; the payer
	Extension State = "extension" // 待延期; the holder, with the phone or at the authority
	Extending State = "extending" // 延期中; this server or the authority
	Extended  State = "extended"  // 已延期; there is a new certificate
	Refunding State = "refunding" // 退款中; the cashier
	Refunded  State = "refunded"  // 已退款
	Cancelled State = "cancelled" // 已取消; never paid
)

// next lists every transition there is.
var next = map[State][]State{
	Payment:   {Extension, Cancelled},
	Extension: {Extending, Refunding, Refunded},
	Extending: {Extended, Extension, Refunding},
	Refunding: {Refunded},
}

// Over reports whether the state is final.
func (s State) Over() bool { return next[s] == nil }

// Subject is the certificate that is renewed, as it was then.
type Subject struct {
	ID           string            `json:"id"`
	Content      string            `json:"content"`
	Fingerprint  string            `json:"fingerprint"`
	Serial       string            `json:"serial"`
	Provider     string            `json:"provider"`
	Product      string            `json:"product"`
	HolderName   string            `json:"holder_name"`
	Organisation string            `json:"organisation_name,omitempty"`
	NotAfter     time.Time         `json:"not_after"`
	Medium       mobilecert.Medium `json:"medium"`
}

// Attempt is an extension on its way, or done.
type Attempt struct {
	// Statement is the one that the holder signed; "" for a token's course.
	Statement string    `json:"statement,omitempty"`
	Since     time.Time `json:"since"`
	// Successor is the id of the new certificate, "" while there is none.
	Successor string     `json:"successor,omitempty"`
	Until     *time.Time `json:"until,omitempty"` // the new certificate's last moment
	// Wrong are certificates that were handed in before it and are not the new one.
	Wrong []string `json:"wrong,omitempty"`
}

// Renewal is the aggregate.
type Renewal struct {
	ID          string           `json:"id"`
	State       State            `json:"state"`
	Account     confirm.Party    `json:"account"` // whose certificate it is
	Certificate Subject          `json:"certificate"`
	Device      string           `json:"device,omitempty"` // the phone that holds it
	PriceFen    int64            `json:"price_fen"`
	Term        time.Duration    `json:"term"`
	Order       string           `json:"order,omitempty"`
	By          mobilecert.Actor `json:"by"` // who pays
	// Requester is where the payer sat, for the phone to show.
	Requester confirm.Requester `json:"requester"`
	CreatedAt time.Time         `json:"created_at"`
	PaidAt    *time.Time        `json:"paid_at,omitempty"`
	EndedAt   *time.Time        `json:"ended_at,omitempty"`
	// LookAt is when the sweeper looks next; nil once it is over.
	LookAt *time.Time `json:"look_at,omitempty"`

	Attempt *Attempt `json:"attempt,omitempty"`
	// Asked counts the questions put to the phone; each has an id of its own.
	Asked int `json:"asked,omitempty"`
	// AskedFor is the purpose of the last one, AskedAt when it was put.
	AskedFor string     `json:"asked_for,omitempty"`
	AskedAt  *time.Time `json:"asked_at,omitempty"`
	// Failure is the code of the refusal that the last try ended with.
	Failure string `json:"failure,omitempty"`
	// Course is that of a token; nil for phones.
	Course *Course `json:"course,omitempty"`
	// Identity is set when it was proved anew because the certificate expired
	// between payment and extension.
	Identity *Identity `json:"identity,omitempty"`
	// Face is the check by which the holder proves it, where they do it by themselves.
	Face *Face `json:"face,omitempty"`
	// TermEnds is when the last certificate that came of it ends, as it was when
	// somebody last looked; see Erase.
	TermEnds *time.Time         `json:"term_ends,omitempty"`
	ErasedAt *time.Time         `json:"erased_at,omitempty"`
	History  []mobilecert.Event `json:"history"`
	effect.Owing
}

// Identity says how the holder proved who they are, where the old key can no
// longer do it.
type Identity struct {
	Method string           `json:"method"` // mail, on_site, face
	At     time.Time        `json:"at"`
	By     mobilecert.Actor `json:"by"`
}

// move is the one transition function.
func (r *Renewal) move(to State, at time.Time, by mobilecert.Actor, evidence, note string) error {
	allowed := false
	for _, n := range next[r.State] {
		allowed = allowed || n == to
	}
	if !allowed {
		return ErrState.With("state", string(r.State)).Becausef("%s → %s", r.State, to)
	}
	r.State = to
	r.looksAt(at.Add(lookSoon))
	r.happened("renewal."+string(to), at, by, evidence, note)
	switch to {
	case Extension:
		if r.PaidAt == nil {
			r.PaidAt = &at
			r.notify("renewal_paid", at)
			r.ask("extend", at, r.By.ID)
		}
	case Extended:
		r.Owe(effect.New(effectCompleted, at, map[string]string{"order": r.Order, "at": at.UTC().Format(time.RFC3339)}))
		r.notify("renewal_extended", at)
	case Refunding:
		r.giveUp("certificate_ended", at)
		r.notify("renewal_refunding", at)
	}
	if to.Over() {
		r.EndedAt, r.LookAt = &at, nil
	}
	return nil
}

func (r *Renewal) looksAt(at time.Time) { r.LookAt = &at }

// happened writes the history, and owes the audit log and the integrator's
// webhook, in the same write as the change.
func (r *Renewal) happened(act string, at time.Time, by mobilecert.Actor, evidence, note string) {
	r.History = append(r.History, mobilecert.Event{At: at, Act: act, By: by, Evidence: evidence, Note: note})
	data := map[string]string{
		"act": act, "object": "renewal", "id": r.ID, "account": r.Account.ID, "organisation": r.Account.OrganisationID,
		"certificate": r.Certificate.ID, "provider": r.Certificate.Provider, "by": by.ID,
	}
	if evidence != "" {
		data["evidence"] = evidence
	}
	r.Owe(effect.New(effect.Audit, at, data), effect.New(effect.Webhook, at, data))
}

// notify owes a word to the holder.
func (r *Renewal) notify(key string, at time.Time) {
	r.Owe(effect.New(effect.Push, at, map[string]string{"key": key, "account": r.Account.ID, "renewal": r.ID}))
}

// The kinds of effects that other rooms carry out; push and cashier name them.
const (
	effectPrompt    = "prompt"
	effectCompleted = "order.completed"
	effectRefund    = "order.refund"
)

// giveUp owes the end of the order: it is closed, or the money goes back.
func (r *Renewal) giveUp(reason string, at time.Time) {
	if r.Order != "" {
		r.Owe(effect.New(effectRefund, at, map[string]string{"order": r.Order, "reason": reason, "by": r.By.ID}))
	}
}

// ask owes a question to the phone that holds the certificate. A token has no
// phone; its holder is told only.
func (r *Renewal) ask(purpose string, at time.Time, actor string) {
	if r.Device == "" {
		return
	}
	r.Asked++
	r.AskedFor, r.AskedAt, r.Failure = purpose, &at, ""
	r.Owe(effect.New(effectPrompt, at, map[string]string{
		"id": r.PromptID(), "purpose": purpose, "actor": actor, "subject": r.Account.ID, "device": r.Device, "collapse": r.ID,
		"ip": r.Requester.IP, "place": r.Requester.Place, "browser": r.Requester.Browser,
		"param.renewal": r.ID, "param.certificate": r.Certificate.ID,
	}))
}

// PromptID names the last question to the phone, "" where it was asked nothing.
func (r *Renewal) PromptID() string {
	if r.Asked == 0 {
		return ""
	}
	return r.ID + "-" + itoa(r.Asked)
}

var collection = store.Collection{Name: "renewals", Indexes: []store.Index{
	{Name: "certificate", Unique: true}, // while it is not over
	{Name: "account"},                   // account, time, id
	{Name: "organisation"},              // organisation, time, id
	{Name: "due"},                       // when the sweeper looks at it next
	{Name: "awaited"},                   // since it is paid, while a token's new certificate can be handed in
	{Name: "unextended"},                // since when it is paid, until it is extended
	{Name: "unidentified"},              // from when its holder must be identified, while they are not
	{Name: retain.Index},
	{Name: effect.Index},
}}

// Collections declares what this package keeps.
func Collections() []store.Collection { return []store.Collection{record(nil).Declare(collection)} }

func record(s store.Store) store.Record[Renewal] {
	return store.Record[Renewal]{Store: s, Collection: collection.Name,
		ID: func(r *Renewal) string { return r.ID },
		Index: func(r *Renewal) map[string]string {
			place := store.TimeKey(r.CreatedAt) + r.ID
			ix := map[string]string{"account": store.Key(r.Account.ID, place), "organisation": store.Key(r.Account.OrganisationID, place)}
			if !r.State.Over() {
				ix["certificate"] = r.Certificate.ID
			}
			if r.looked() {
				ix["due"] = store.TimeKey(*r.LookAt)
			}
			if r.PaidAt != nil && (r.State == Extension || r.State == Extending) {
				ix["unextended"] = store.TimeKey(*r.PaidAt)
			}
			if r.unidentified() {
				ix["unidentified"] = store.TimeKey(r.Certificate.NotAfter)
			}
			ix[retain.Index] = r.waits()
			if at := r.awaited(); at != "" {
				ix["awaited"] = at
			}
			ix[effect.Index] = r.Place()
			return ix
		}}
}
