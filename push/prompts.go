package push

import (
	"context"
	"errors"
	"time"

	"certlink/confirm"
	"certlink/internal/clock"
	"certlink/internal/feed"
	"certlink/store"
)

// PromptTimes are the settings of a prompt's life.
type PromptTimes struct {
	Open     time.Duration // the deadline where the cause names none
	CoolDown time.Duration // after a rejection the phone is not asked again for this long
	NotMe    time.Duration // and after "not me"
	Again    time.Duration // how often one that waits is looked at, at first
	Retry    time.Duration // first pause before an owed act is tried again
	Keep     time.Duration // how long an ended prompt can still be read
}

// DefaultPromptTimes suit people.
func DefaultPromptTimes() PromptTimes {
	return PromptTimes{Open: 72 * time.Hour, CoolDown: 10 * time.Minute, NotMe: 24 * time.Hour,
		Again: time.Minute, Retry: time.Second, Keep: 30 * 24 * time.Hour}
}

// PromptsConfig wires Prompts.
type PromptsConfig struct {
	Store  store.Store
	Clock  clock.Clock
	Hub    *feed.Hub
	Engine *confirm.Engine
	Phones *Phones
	Times  PromptTimes
	// DeviceName is how the portal names the phone; its refusals (unknown,
	// revoked) are passed on.
	DeviceName func(ctx context.Context, device string) (string, error)
	// Party finds an account, and whether it may act for others of its
	// organisation; for prompts that an effect asks for.
	Party func(ctx context.Context, account string) (p confirm.Party, admin bool, err error)
	// Told is, by purpose, who wants to know how prompts end; at least once, by
	// the effect's id.
	Told map[string]Handler
}

// Prompts puts statements before phones without a code. It keeps nothing in
// memory that matters: any server can take any step of any prompt.
type Prompts struct {
	PromptsConfig
	course confirm.Carrier[Prompt]
}

// NewPrompts makes the service.
func NewPrompts(c PromptsConfig) *Prompts {
	v := &Prompts{PromptsConfig: c}
	v.course = confirm.Carrier[Prompt]{
		Engine: c.Engine, Clock: c.Clock, Record: promptRecord(c.Store, c.Times), Retry: c.Times.Retry,
		Of: func(p *Prompt) *confirm.Course { return &p.Course }, Steps: promptSteps, Asks: PromptOpen,
		Moved: (*Prompt).moved, Told: v.told, Waiting: v.waiting,
		Unknown: ErrPromptUnknown, Over: ErrPromptOver, Expired: ErrPromptExpired,
	}
	return v
}

// PromptRequest asks for a prompt.
type PromptRequest struct {
	// ID makes asking idempotent: derive it from the cause.
	ID      string
	Request confirm.Request
	Device  string
	// Account is who caused it and may watch it; the request's actor if empty.
	Account string
	// Deadline is when it is too late; PromptTimes.Open from now if zero.
	Deadline time.Time
	// Collapse names what is asked. While a prompt with the same name is before
	// the phone or waits, another one becomes part of it. The ID if empty.
	Collapse string
	// Self: the holder asks for it at this very phone.
	Self bool
}

// queueMost bounds what waits for one phone and purpose.
const queueMost = 20

// Open puts a statement before a phone, or queues it behind what the phone is
// asked already. Asking again with the same id gives the same prompt, as it
// stands; what collapsed gives the prompt that it became part of.
func (v *Prompts) Open(ctx context.Context, in PromptRequest) (*Prompt, error) {
	if p, err := v.Get(ctx, in.ID); !errors.Is(err, ErrPromptUnknown) {
		return p, err
	}
	p, err := v.build(ctx, in)
	if err != nil {
		return nil, err
	}
	return v.place(ctx, p)
}

// build makes the checks that come before anything is shown.
func (v *Prompts) build(ctx context.Context, in PromptRequest) (*Prompt, error) {
	p, err := v.draft(ctx, in)
	if err != nil {
		return nil, err
	}
	c, err := v.begin(ctx, p.Confirmation.Request)
	if err != nil {
		return nil, err
	}
	p.Confirmation = *c
	waiting, _, err := v.Store.Query(ctx, promptCollection, store.Query{Index: "queue", Prefix: store.KeyPrefix(p.Device, p.Purpose()), Limit: queueMost})
	if err == nil && len(waiting) >= queueMost {
		err = ErrPromptsMany.After(v.Times.CoolDown)
	}
	return p, err
}

// draft is the prompt before the purpose is asked.
func (v *Prompts) draft(ctx context.Context, in PromptRequest) (*Prompt, error) {
	now := v.Clock()
	p := &Prompt{ID: in.ID, Account: in.Account, Collapse: in.Collapse, Self: in.Self, CreatedAt: now,
		Course: confirm.Course{State: PromptWaiting, Seq: 1, Device: in.Device,
			Confirmation: confirm.Confirmation{Asked: &confirm.Asked{Request: in.Request}}, ExpiresAt: in.Deadline}}
	if p.Account == "" {
		p.Account = in.Request.Actor.ID
	}
	if p.Collapse == "" {
		p.Collapse = p.ID
	}
	if p.ExpiresAt.IsZero() {
		p.ExpiresAt = now.Add(v.Times.Open)
	}
	if r := &p.Confirmation.Request.Requester; r.StartedAt == "" {
		r.StartedAt = now.UTC().Format(time.RFC3339)
	}
	var err error
	p.Name, err = v.DeviceName(ctx, in.Device)
	return p, err
}

// begin asks the purpose. Digits cannot be asked for: there is no page that the
// holder has before them, so what needs them is done by scanning.
func (v *Prompts) begin(ctx context.Context, r confirm.Request) (*confirm.Confirmation, error) {
	c, err := v.Engine.Begin(ctx, r)
	if err == nil && c.Terms.MatchCode {
		err = ErrPromptByScan
	}
	return c, err
}

// place writes a new prompt where the unique indexes leave room: before the
// phone, else behind what is there, else into the one that asks the same.
func (v *Prompts) place(ctx context.Context, p *Prompt) (*Prompt, error) {
	quiet, err := v.quietUntil(ctx, p)
	if err != nil {
		return nil, err
	}
	if quiet.IsZero() {
		if err := v.show(ctx, p); err != nil {
			return nil, err
		}
	} else {
		p.RetryAt = &quiet
	}
	for {
		err := v.course.Record.Create(ctx, p)
		switch {
		case err == nil:
			v.tell(ctx, p)
			return v.follow(ctx, p)
		case errors.Is(err, store.ErrExists):
			return v.Get(ctx, p.ID)
		case store.IsDuplicate(err, "collapse"):
			other, _, err := v.course.Record.First(ctx, store.Equal("collapse", store.Key(p.Device, p.Purpose(), p.Collapse)))
			if errors.Is(err, store.ErrNotFound) {
				continue // it has ended in between
			}
			if err != nil {
				return nil, err
			}
			p.become(other, v.Clock())
		case store.IsDuplicate(err, "slot"):
			p.wait(v.Clock().Add(v.Times.Again))
		default:
			return nil, err
		}
	}
}

// wait takes a prompt that was never written back to where it waits.
func (p *Prompt) wait(until time.Time) {
	p.State, p.Seq, p.OpenedAt, p.Pending, p.RetryAt = PromptWaiting, 1, nil, nil, &until
	p.Confirmation.Unissue()
}

// become makes a prompt that was never written part of another one.
func (p *Prompt) become(other *Prompt, now time.Time) {
	p.wait(now)
	p.State, p.Into, p.EndedAt, p.RetryAt = confirm.StateCollapsed, other.ID, &now, nil
}

// show makes the statement and moves the prompt before the phone.
func (v *Prompts) show(ctx context.Context, p *Prompt) error {
	now := v.Clock()
	if !now.Before(p.ExpiresAt) {
		return ErrPromptExpired
	}
	last, err := v.lastConfirmed(ctx, p)
	if err != nil {
		return err
	}
	p.Hints = confirm.Hints(last, p.Confirmation.Request.Requester)
	if err := v.Engine.Issue(ctx, &p.Confirmation, nil, now, p.ExpiresAt); err != nil {
		return err
	}
	return v.course.Move(p, PromptOpen, now)
}

// lastConfirmed is where the request came from that this phone confirmed last.
func (v *Prompts) lastConfirmed(ctx context.Context, p *Prompt) (*confirm.Requester, error) {
	recent, _, err := v.History(ctx, p.Device, "", 10)
	for _, r := range recent {
		if r.State == confirm.StateConfirmed && r.Purpose() == p.Purpose() {
			return &r.Confirmation.Request.Requester, nil
		}
	}
	return nil, err
}

// quietUntil is the end of the cool-down after the holder's last no, zero if
// the phone may be asked.
func (v *Prompts) quietUntil(ctx context.Context, p *Prompt) (time.Time, error) {
	if p.Self {
		return time.Time{}, nil
	}
	last, _, err := v.course.Record.Last(ctx, "rejected", p.Device, p.Purpose())
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	pause := v.Times.CoolDown
	if last.disowned() {
		pause = v.Times.NotMe
	}
	if until := last.EndedAt.Add(pause); v.Clock().Before(until) {
		return until, nil
	}
	return time.Time{}, nil
}

// Get reads a prompt, or the one that it became part of.
func (v *Prompts) Get(ctx context.Context, id string) (*Prompt, error) {
	p, err := v.course.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return v.follow(ctx, p)
}

func (v *Prompts) follow(ctx context.Context, p *Prompt) (*Prompt, error) {
	if p.Into == "" {
		return p, nil
	}
	return v.Get(ctx, p.Into)
}

// Caused reads a prompt for an account that caused it or that it is for.
func (v *Prompts) Caused(ctx context.Context, id, account string) (*Prompt, error) {
	p, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if r := &p.Confirmation.Request; account == "" || account != p.Account && account != r.Actor.ID && account != r.Subject.ID {
		return nil, ErrPromptUnknown
	}
	return p, nil
}

// Watch subscribes to a prompt's changes; see qr.Service.Watch.
func (v *Prompts) Watch(id string) *feed.Sub { return v.Hub.Subscribe(promptCollection, id) }

// History lists what a phone was asked, newest first.
func (v *Prompts) History(ctx context.Context, device string, after store.Cursor, limit int) ([]*Prompt, store.Cursor, error) {
	list, next, err := v.course.Record.Query(ctx, store.Query{Index: "device", Prefix: store.KeyPrefix(device), Desc: true, After: after, Limit: limit})
	for _, p := range list {
		v.course.Settle(p, v.Clock())
	}
	return list, next, err
}

// Inbox is what a phone is asked now: at most one for each purpose.
func (v *Prompts) Inbox(ctx context.Context, device string) ([]*Prompt, error) {
	list, _, err := v.course.Record.Query(ctx, store.Query{Index: "slot", Prefix: store.KeyPrefix(device)})
	open := []*Prompt{}
	for _, p := range list {
		if v.course.Settle(p, v.Clock()); !p.State.Over() {
			open = append(open, p)
		}
	}
	return open, err
}

// told wakes who waits for a prompt, and the phone after a step.
func (v *Prompts) told(ctx context.Context, p *Prompt, before confirm.State) {
	if p.State != before {
		v.tell(ctx, p)
	} else {
		v.Hub.Tell(promptCollection, p.ID, p)
	}
}

// tell wakes who waits for a prompt, here and at the phone. It is the fast way;
// the effects that stand in the prompt are the certain one.
func (v *Prompts) tell(ctx context.Context, p *Prompt) {
	v.Hub.Tell(promptCollection, p.ID, p)
	if p.State != confirm.StateAccepted && p.State != PromptWaiting && p.State != confirm.StateCollapsed {
		_ = v.Phones.Ring(ctx, p.Device)
	}
}
