package push

import (
	"context"
	"time"

	"certlink/confirm"
	"certlink/store"
)

// notMe is the reason of a prompt that its holder disowned.
const notMe = "not_me"

// For reads a prompt for the phone that it stands before. Another phone, though
// it knew the id, is answered as if there were none.
func (v *Prompts) For(ctx context.Context, id, device string) (*Prompt, error) {
	p, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := p.standsBefore(device); err != nil {
		return nil, err
	}
	if p.SeenAt != nil || p.State != PromptOpen {
		return p, nil
	}
	// The receipt: whoever caused it sees that the phone has it.
	return v.course.Change(ctx, p.ID, func(p *Prompt, now time.Time) error {
		if p.SeenAt != nil || p.State != PromptOpen {
			return store.ErrUnchanged
		}
		p.SeenAt = &now
		p.Seq++
		return nil
	})
}

func (p *Prompt) standsBefore(device string) error {
	if device == "" || p.Device != device || p.State == PromptWaiting || p.OpenedAt == nil {
		return ErrPromptUnknown
	}
	return nil
}

// Key takes the phone's request for a new key and makes the statement with it.
func (v *Prompts) Key(ctx context.Context, id, device string, csr []byte) (*Prompt, error) {
	return v.course.Change(ctx, id, func(p *Prompt, now time.Time) error {
		if err := p.standsBefore(device); err != nil {
			return err
		}
		if err := v.course.Open(p); err != nil {
			return err
		}
		made := p.Confirmation.Statement != nil
		if err := v.Engine.Issue(ctx, &p.Confirmation, csr, now, p.ExpiresAt); err != nil {
			return err
		}
		if made {
			return store.ErrUnchanged // the same request again
		}
		p.Seq++
		return nil
	})
}

// Confirm takes the signed statement; see confirm.Carrier.
func (v *Prompts) Confirm(ctx context.Context, id, device, jws string) (*Prompt, error) {
	p, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := p.standsBefore(device); err != nil {
		return nil, err
	}
	return v.course.Confirm(ctx, p, jws)
}

// Reject ends a prompt because its holder said no.
func (v *Prompts) Reject(ctx context.Context, id, device string, r confirm.Reason) (*Prompt, error) {
	if !r.Valid() {
		return nil, confirm.ErrReason
	}
	return v.refuse(ctx, id, device, r)
}

// NotMe ends a prompt that its holder knows nothing of. It is logged, and told
// by webhook.
func (v *Prompts) NotMe(ctx context.Context, id, device string) (*Prompt, error) {
	return v.refuse(ctx, id, device, confirm.Reason{Code: notMe})
}

func (v *Prompts) refuse(ctx context.Context, id, device string, r confirm.Reason) (*Prompt, error) {
	return v.course.Change(ctx, id, func(p *Prompt, now time.Time) error {
		if err := p.standsBefore(device); err != nil {
			return err
		}
		if p.State == confirm.StateRejected {
			return store.ErrUnchanged // the reply was lost
		}
		if p.State != PromptOpen {
			if err := v.course.Open(p); err != nil {
				return err
			}
			return ErrPromptOver.With("state", string(p.State))
		}
		p.Reason = &r
		return v.course.Move(p, confirm.StateRejected, now)
	})
}

// Cancel withdraws a prompt: what it asked for is no longer wanted. Cancelling
// what is over, or accepted, changes nothing and is no error.
func (v *Prompts) Cancel(ctx context.Context, id string) (*Prompt, error) {
	p, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return v.course.Change(ctx, p.ID, func(p *Prompt, now time.Time) error {
		if p.State.Over() || p.State == confirm.StateAccepted {
			return store.ErrUnchanged
		}
		return v.course.Move(p, confirm.StateCancelled, now)
	})
}
