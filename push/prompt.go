package push

import (
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/store"
)

// The states before a signature is accepted; the others are those of all carriers.
const (
	// PromptWaiting: the phone is asked something else of this purpose, or its
	// holder has just said no; it will be asked by and by.
	PromptWaiting confirm.State = "waiting"
	PromptOpen    confirm.State = "open" // before the phone; its holder acts next
)

var promptSteps = confirm.Steps{
	PromptWaiting: {PromptOpen, confirm.StateFailed, confirm.StateExpired, confirm.StateCancelled},
	PromptOpen:    {confirm.StateAccepted, confirm.StateRejected, confirm.StateFailed, confirm.StateExpired, confirm.StateCancelled},
}

// Prompt is a statement put before one phone without a code: the aggregate.
type Prompt struct {
	ID       string `json:"id"` // chosen by the cause, so that asking twice is asking once
	Name     string `json:"device_name"`
	Account  string `json:"account"` // who caused it
	Collapse string `json:"collapse"`
	Into     string `json:"into,omitempty"` // the prompt that this one became part of
	// Self: the holder asks for it at the phone, so no cool-down stands in the way.
	Self bool `json:"self,omitempty"`

	Hints []confirm.Hint `json:"hints,omitempty"`

	CreatedAt time.Time  `json:"created_at"`
	OpenedAt  *time.Time `json:"opened_at,omitempty"`
	SeenAt    *time.Time `json:"seen_at,omitempty"` // the phone has fetched it

	Reason *confirm.Reason `json:"reason,omitempty"`

	confirm.Course
}

// Purpose of the statement.
func (p *Prompt) Purpose() string { return p.Confirmation.Request.Purpose }

// moved changes and records what goes with a step.
func (p *Prompt) moved(now time.Time) {
	switch to := p.State; {
	case to == PromptOpen:
		p.OpenedAt, p.RetryAt = &now, nil
		p.Owe(effect.New(effect.Push, now, map[string]string{
			"key": KeyPrompt, "device": p.Device, "prompt": p.ID, "purpose": p.Purpose(),
		}))
	case to.Over():
		p.Owe(effect.New(EffectPromptEnded, now, p.facts()))
		if to != confirm.StateConfirmed && to != confirm.StateCancelled { // those have entries of their own
			p.Owe(effect.New(effect.Audit, now, p.facts()))
		}
		if p.disowned() {
			p.Owe(effect.New(effect.Webhook, now, p.facts()))
		}
	}
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

const promptCollection = "prompts"

func promptRecord(s store.Store, t PromptTimes) store.Record[Prompt] {
	return store.Record[Prompt]{Store: s, Collection: promptCollection,
		ID: func(p *Prompt) string { return p.ID },
		Index: func(p *Prompt) map[string]string {
			purpose := p.Purpose()
			ix := p.Course.Index(t.Keep)
			if p.State != confirm.StateCollapsed {
				ix["device"] = store.Key(p.Device, store.TimeKey(p.CreatedAt))
			}
			switch p.State {
			case PromptWaiting:
				ix["queue"] = store.Key(p.Device, purpose, store.TimeKey(p.CreatedAt))
			case PromptOpen, confirm.StateAccepted:
				ix["slot"] = store.Key(p.Device, purpose)
			case confirm.StateRejected:
				ix["rejected"] = store.Key(p.Device, purpose, store.TimeKey(*p.EndedAt))
			}
			if !p.State.Over() {
				ix["collapse"] = store.Key(p.Device, purpose, p.Collapse)
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
