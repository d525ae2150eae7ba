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
	p.Fail(f.Code, f.Extra)
	if err := v.course.Move(p, confirm.StateFailed, v.Clock()); err != nil {
		return err
	}
	if err := v.course.Record.Create(ctx, p); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	v.tell(ctx, p)
	return nil
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
	first, _, err := v.course.Record.First(ctx, store.Query{Index: "queue", Prefix: store.KeyPrefix(device, purpose)})
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
	_, err := v.course.Change(ctx, id, func(p *Prompt, now time.Time) error {
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
			f := fault.Of(err)
			p.Fail(f.Code, f.Extra)
			return v.course.Move(p, confirm.StateFailed, now)
		}
		return err
	})
	if store.IsDuplicate(err, "slot") {
		_, err = v.course.Change(ctx, id, func(p *Prompt, now time.Time) error {
			if p.State != PromptWaiting {
				return store.ErrUnchanged
			}
			p.Tries++
			again := now.Add(min(v.Times.Again<<min(p.Tries, 6), 15*time.Minute))
			p.RetryAt = &again
			return nil
		})
	}
	return err
}

// Sweep sees to what time brings about, and brings forward what waited; see
// confirm.Carrier.
func (v *Prompts) Sweep(ctx context.Context) error { return v.course.Sweep(ctx) }

func (v *Prompts) waiting(ctx context.Context, p *Prompt) error {
	if p.State != PromptWaiting {
		return nil
	}
	return v.promote(ctx, p.ID)
}
