package push

import (
	"slices"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/store"
)

// PromptState is where a prompt stands.
type PromptState string

// The states; end states are final.
const (
	// PromptWaiting: the phone is asked something else of this purpose, or its
	// holder has just said no; it will be asked by and by.
	PromptWaiting   PromptState = "waiting"
	PromptOpen      PromptState = "open"     // before the phone; its holder acts next
	PromptAccepted  PromptState = "accepted" // the signature is stored; the server owes the act
	PromptConfirmed PromptState = "confirmed"
	PromptFailed    PromptState = "failed"
	PromptRejected  PromptState = "rejected"
	PromptExpired   PromptState = "expired"
	PromptCancelled PromptState = "cancelled" // whoever asked has withdrawn it
	// PromptCollapsed: the same was being asked already, by the prompt Into.
	PromptCollapsed PromptState = "collapsed"
)

// nextPrompt lists every transition there is.
var nextPrompt = map[PromptState][]PromptState{
	PromptWaiting:  {PromptOpen, PromptFailed, PromptExpired, PromptCancelled},
	PromptOpen:     {PromptAccepted, PromptRejected, PromptFailed, PromptExpired, PromptCancelled},
	PromptAccepted: {PromptConfirmed, PromptFailed},
}

// Over reports whether the state is final.
func (s PromptState) Over() bool { return nextPrompt[s] == nil }

// Prompt is a statement put before one phone without a code: the aggregate.
type Prompt struct {
	ID       string      `json:"id"` // chosen by the cause, so that asking twice is asking once
	State    PromptState `json:"state"`
	Seq      int64       `json:"seq"` // rises with every change that can be seen
	Device   string      `json:"device"`
	Name     string      `json:"device_name"`
	Account  string      `json:"account"` // who caused it
	Collapse string      `json:"collapse"`
	Into     string      `json:"into,omitempty"`
	// Self: the holder asks for it at the phone, so no cool-down stands in the way.
	Self bool `json:"self,omitempty"`

	Confirmation confirm.Confirmation `json:"confirmation"`
	Hints        []confirm.Hint       `json:"hints,omitempty"`

	CreatedAt time.Time  `json:"created_at"`
	OpenedAt  *time.Time `json:"opened_at,omitempty"`
	SeenAt    *time.Time `json:"seen_at,omitempty"` // the phone has fetched it
	ExpiresAt time.Time  `json:"expires_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	// RetryAt is when the sweeper looks again: at what waits, or at an owed act.
	RetryAt *time.Time `json:"retry_at,omitempty"`
	Tries   int        `json:"tries,omitempty"`

	Result  *confirm.Result  `json:"result,omitempty"`
	Failure *confirm.Failure `json:"failure,omitempty"`
	Reason  *confirm.Reason  `json:"reason,omitempty"`
	effect.Owing
}

// Purpose of the statement.
func (p *Prompt) Purpose() string { return p.Confirmation.Request.Purpose }

// move is the one transition function.
func (p *Prompt) move(to PromptState, now time.Time, t PromptTimes) error {
	if !slices.Contains(nextPrompt[p.State], to) {
		return ErrPromptOver.With("state", string(p.State)).Becausef("%s → %s", p.State, to)
	}
	p.State = to
	p.Seq++
	switch {
	case to == PromptOpen:
		p.OpenedAt, p.RetryAt = &now, nil
		p.Owe(effect.New(effect.Push, now, map[string]string{
			"key": KeyPrompt, "device": p.Device, "prompt": p.ID, "purpose": p.Purpose(),
		}))
	case to == PromptAccepted:
		retry := now.Add(t.Retry)
		p.RetryAt = &retry
	case to.Over():
		p.EndedAt, p.RetryAt = &now, nil
		p.Owe(effect.New(EffectPromptEnded, now, p.facts()))
		if to != PromptConfirmed && to != PromptCancelled { // those have entries of their own
			p.Owe(effect.New(effect.Audit, now, p.facts()))
		}
		if p.disowned() {
			p.Owe(effect.New(effect.Webhook, now, p.facts()))
		}
	}
	return nil
}

// facts are the ids that effects of a prompt carry.
func (p *Prompt) facts() map[string]string {
	r := &p.Confirmation.Request
	f := map[string]string{
		"act": "prompt." + string(p.State), "object": "prompt", "id": p.ID, "state": string(p.State), "purpose": r.Purpose,
		"device": p.Device, "account": r.Actor.ID, "organisation": r.Actor.OrganisationID, "subject": r.Subject.ID, "collapse": p.Collapse,
	}
	if p.Failure != nil {
		f["code"] = p.Failure.Code
	}
	if p.Reason != nil {
		f["reason"] = p.Reason.Code
	}
	if p.disowned() {
		f["act"] = "prompt.not_me"
	}
	return f
}

// disowned says whether the holder knows nothing of it.
func (p *Prompt) disowned() bool { return p.Reason != nil && p.Reason.Code == notMe }

// settle moves a prompt whose time is over to expired.
func (p *Prompt) settle(now time.Time, t PromptTimes) bool {
	if (p.State == PromptOpen || p.State == PromptWaiting) && !now.Before(p.ExpiresAt) {
		return p.move(PromptExpired, now, t) == nil
	}
	return false
}

// due is when the sweeper must look at the prompt next.
func (p *Prompt) due(t PromptTimes) time.Time {
	switch {
	case p.EndedAt != nil:
		return p.EndedAt.Add(t.Keep)
	case p.RetryAt != nil && (p.State == PromptAccepted || p.RetryAt.Before(p.ExpiresAt)):
		return *p.RetryAt
	}
	return p.ExpiresAt
}

const promptCollection = "prompts"

func promptRecord(s store.Store, t PromptTimes) store.Record[Prompt] {
	return store.Record[Prompt]{Store: s, Collection: promptCollection,
		ID: func(p *Prompt) string { return p.ID },
		Index: func(p *Prompt) map[string]string {
			purpose := p.Purpose()
			ix := map[string]string{"due": store.TimeKey(p.due(t))}
			if p.State != PromptCollapsed {
				ix["device"] = store.Key(p.Device, store.TimeKey(p.CreatedAt))
			}
			switch p.State {
			case PromptWaiting:
				ix["queue"] = store.Key(p.Device, purpose, store.TimeKey(p.CreatedAt))
			case PromptOpen, PromptAccepted:
				ix["slot"] = store.Key(p.Device, purpose)
			case PromptRejected:
				ix["rejected"] = store.Key(p.Device, purpose, store.TimeKey(*p.EndedAt))
			}
			if !p.State.Over() {
				ix["collapse"] = store.Key(p.Device, purpose, p.Collapse)
			}
			if len(p.Pending) > 0 {
				ix[effect.Index] = store.TimeKey(p.Pending[0].At)
			}
			return ix
		}}
}

var promptSchema = store.Collection{Name: promptCollection, Feed: true, Indexes: []store.Index{
	{Name: "due"},
	{Name: "slot", Unique: true},     // device and purpose, while before the phone
	{Name: "collapse", Unique: true}, // device, purpose and what is asked, until it is over
	{Name: "queue"},                  // device, purpose and time, while waiting
	{Name: "device"},                 // device and time: its inbox and history
	{Name: "rejected"},               // device, purpose and time: the cool-down
	{Name: effect.Index},
}}
