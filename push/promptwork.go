package push

import (
	"context"
	"errors"
	"strings"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/store"
)

// Kinds of effects about prompts.
const (
	// EffectPrompt asks for a prompt: {id, purpose, actor, subject, device,
	// deadline, collapse, ip, browser, place, param.NAME…}; id, purpose, actor
	// and device are needed. id is the prompt's id, deadline RFC 3339.
	EffectPrompt = "prompt"
	// EffectPromptEnded tells how a prompt ended, see Prompt.facts.
	EffectPromptEnded = "prompt.ended"
)

// Carry is the relay's handler for EffectPrompt. A request that the purpose
// refuses for good becomes a prompt that has failed, so that whoever asked is
// told like of any other end.
func (v *Prompts) Carry(ctx context.Context, e effect.Effect) error {
	in, err := v.read(ctx, e)
	if err != nil {
		return err
	}
	_, err = v.Open(ctx, in)
	f := fault.Of(err)
	if f == nil || !confirm.Final(err) {
		return err
	}
	p, err := v.draft(ctx, in)
	if err != nil && !confirm.Final(err) {
		return err
	}
	p.fail(f)
	if err := p.move(PromptFailed, v.Clock(), v.Times); err != nil {
		return err
	}
	if err := v.prompts.Create(ctx, p); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	v.tell(ctx, p)
	return nil
}

func (p *Prompt) fail(err error) {
	f := fault.Of(err)
	p.Failure = &confirm.Failure{Code: f.Code, Extra: f.Extra}
}

func (v *Prompts) read(ctx context.Context, e effect.Effect) (PromptRequest, error) {
	d := e.Data
	in := PromptRequest{ID: d["id"], Device: d["device"], Collapse: d["collapse"], Self: d["self"] != ""}
	if in.ID == "" {
		in.ID = e.ID
	}
	if d["deadline"] != "" {
		var err error
		if in.Deadline, err = time.Parse(time.RFC3339, d["deadline"]); err != nil {
			return in, err
		}
	}
	r := &in.Request
	r.Purpose, r.Params = d["purpose"], map[string]string{}
	for k, value := range d {
		if name, ok := strings.CutPrefix(k, "param."); ok {
			r.Params[name] = value
		}
	}
	r.Requester = confirm.Requester{IP: d["ip"], Place: d["place"], Browser: d["browser"], StartedAt: e.At.UTC().Format(time.RFC3339)}
	var err error
	if r.Actor, r.Admin, err = v.Party(ctx, d["actor"]); err != nil {
		return in, err
	}
	r.Subject = r.Actor
	if s := d["subject"]; s != "" && s != r.Actor.ID {
		r.Subject, _, err = v.Party(ctx, s)
	}
	return in, err
}

// CarryEnded is the relay's handler for EffectPromptEnded: what waited behind
// the prompt comes before the phone, and whoever asked is told.
func (v *Prompts) CarryEnded(ctx context.Context, e effect.Effect) error {
	if err := v.promoteNext(ctx, e.Data["device"], e.Data["purpose"]); err != nil {
		return err
	}
	if told := v.Told[e.Data["purpose"]]; told != nil {
		return told(ctx, e)
	}
	return nil
}

func (v *Prompts) promoteNext(ctx context.Context, device, purpose string) error {
	first, _, err := v.prompts.First(ctx, store.Query{Index: "queue", Prefix: store.KeyPrefix(device, purpose)})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return v.promote(ctx, first.ID)
}

// promote brings a waiting prompt before its phone if there is room now. The
// purpose is asked anew: much may have changed while it waited.
func (v *Prompts) promote(ctx context.Context, id string) error {
	_, err := v.change(ctx, id, func(p *Prompt, now time.Time) error {
		if p.State != PromptWaiting {
			return store.ErrUnchanged
		}
		quiet, err := v.quietUntil(ctx, p)
		if err != nil {
			return err
		}
		if !quiet.IsZero() {
			p.RetryAt = &quiet
			return nil
		}
		c, err := v.begin(ctx, p.Confirmation.Request)
		if err == nil {
			p.Confirmation = *c
			err = v.show(ctx, p)
		}
		if confirm.Final(err) {
			p.fail(err)
			return p.move(PromptFailed, now, v.Times)
		}
		return err
	})
	if store.IsDuplicate(err, "slot") {
		_, err = v.change(ctx, id, func(p *Prompt, now time.Time) error {
			if p.State != PromptWaiting {
				return store.ErrUnchanged
			}
			p.Tries++
			again := now.Add(min(v.Times.Again<<min(p.Tries, 6), 15*time.Minute))
			p.RetryAt = &again
			return nil
		})
	}
	return harmless(err)
}

// harmless leaves out what sweeping need not mind: somebody was faster.
func harmless(err error) error {
	if errors.Is(err, ErrPromptExpired) || errors.Is(err, ErrPromptUnknown) {
		return nil
	}
	return err
}

// Sweep ends prompts whose time is over, brings forward what waited, finishes
// acts that are owed, and purges what was kept long enough. Anyone may sweep at
// any time.
func (v *Prompts) Sweep(ctx context.Context) error {
	now := v.Clock()
	var after store.Cursor
	for {
		// One walk: what must stay, because the relay has not been there yet, does not
		// keep it from what comes behind.
		due, next, err := v.prompts.Query(ctx, store.Query{Index: "due", Below: store.TimeKey(now), Limit: 200, After: after})
		if err != nil {
			return err
		}
		for _, p := range due {
			if err := v.sweep(ctx, p); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

func (v *Prompts) sweep(ctx context.Context, p *Prompt) error {
	switch {
	case p.State == PromptAccepted:
		_, err := v.act(ctx, p, nil)
		return err
	case p.State.Over():
		if len(p.Pending) > 0 {
			return nil // the relay comes first
		}
		err := v.Store.Delete(ctx, promptCollection, p.ID, 0)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	case p.State == PromptWaiting && v.Clock().Before(p.ExpiresAt):
		return v.promote(ctx, p.ID)
	}
	_, err := v.change(ctx, p.ID, func(*Prompt, time.Time) error { return store.ErrUnchanged })
	return harmless(err)
}
