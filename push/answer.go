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
	return v.change(ctx, p.ID, func(p *Prompt, now time.Time) error {
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

// open answers for a prompt that may still be worked on.
func (p *Prompt) open() error {
	switch p.State {
	case PromptOpen, PromptAccepted:
		return nil
	case PromptExpired:
		return ErrPromptExpired
	}
	return ErrPromptOver.With("state", string(p.State))
}

// Key takes the phone's request for a new key and makes the statement with it.
func (v *Prompts) Key(ctx context.Context, id, device string, csr []byte) (*Prompt, error) {
	return v.change(ctx, id, func(p *Prompt, now time.Time) error {
		if err := p.standsBefore(device); err != nil {
			return err
		}
		if err := p.open(); err != nil {
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

// Confirm takes the signed statement. The answer comes after the act; if the
// act cannot be done just now, the prompt stays accepted and the sweeper does
// it. Confirming again, with the same key, gives the same answer.
func (v *Prompts) Confirm(ctx context.Context, id, device, jws string) (*Prompt, error) {
	p, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := p.standsBefore(device); err != nil {
		return nil, err
	}
	var verified *confirm.Verified
	switch {
	case p.State == PromptOpen:
		if verified, err = v.Engine.Verify(ctx, &p.Confirmation, device, jws); err != nil {
			return nil, err
		}
		p, err = v.change(ctx, p.ID, func(p *Prompt, now time.Time) error {
			switch {
			case p.State == PromptAccepted || p.State == PromptConfirmed:
				verified = nil // another request of this phone was faster
				return store.ErrUnchanged
			case p.State != PromptOpen:
				return p.open()
			}
			p.Confirmation.Accept(verified, now)
			return p.move(PromptAccepted, now, v.Times)
		})
		if err != nil {
			return nil, err
		}
	case p.State == PromptAccepted, p.State == PromptConfirmed, p.State == PromptFailed && p.Confirmation.JWS != "":
	default:
		return nil, p.open()
	}
	if verified == nil {
		if err := v.Engine.SameSignature(&p.Confirmation, device, jws); err != nil {
			return nil, err
		}
	}
	if p.State == PromptAccepted {
		return v.act(ctx, p, verified)
	}
	return p, nil
}

// act does what the prompt owes.
func (v *Prompts) act(ctx context.Context, p *Prompt, verified *confirm.Verified) (*Prompt, error) {
	return v.acts.Do(ctx, p.ID, &p.Confirmation, p.Device, verified, func(ctx context.Context, o confirm.Outcome) (*Prompt, error) {
		return v.change(ctx, p.ID, func(p *Prompt, now time.Time) error {
			switch {
			case p.State != PromptAccepted:
				return store.ErrUnchanged
			case o.Result != nil:
				p.Result = o.Result
				return p.move(PromptConfirmed, now, v.Times)
			case o.Refused != nil:
				p.fail(o.Refused)
				return p.move(PromptFailed, now, v.Times)
			}
			p.Tries++
			retry := confirm.RetryAt(now, v.Times.Retry, p.Tries)
			p.RetryAt = &retry
			return nil
		})
	})
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
	return v.change(ctx, id, func(p *Prompt, now time.Time) error {
		if err := p.standsBefore(device); err != nil {
			return err
		}
		if p.State == PromptRejected {
			return store.ErrUnchanged // the reply was lost
		}
		if p.State != PromptOpen {
			if err := p.open(); err != nil {
				return err
			}
			return ErrPromptOver.With("state", string(p.State))
		}
		p.Reason = &r
		return p.move(PromptRejected, now, v.Times)
	})
}

// Cancel withdraws a prompt: what it asked for is no longer wanted. Cancelling
// what is over, or accepted, changes nothing and is no error.
func (v *Prompts) Cancel(ctx context.Context, id string) (*Prompt, error) {
	p, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return v.change(ctx, p.ID, func(p *Prompt, now time.Time) error {
		if p.State.Over() || p.State == PromptAccepted {
			return store.ErrUnchanged
		}
		return p.move(PromptCancelled, now, v.Times)
	})
}
