package main

import (
	"context"
	"time"

	"certlink/account"
	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/push"
)

// pushing is what reaches people without their asking.
type pushing struct {
	prompts *push.Prompts
	phones  *push.Phones
	letters map[string]push.MailBuilder // by template
	notices *push.Notices
	// reminders is the scheduler; it runs on one server at a time.
	reminders *push.Reminders
	// bindings and transports are what reaching people needs to know.
	bindings   *mobilecert.Bindings
	transports map[string]push.Transport
	fcmOptions fcmOptions
}

// openPrompts wires what reaches phones without a code.
func (p *program) openPrompts(ctx context.Context) error {
	transports, kinds, err := p.openTransports(ctx)
	if err != nil {
		return err
	}
	times := push.DefaultPromptTimes()
	times.CoolDown = time.Duration(p.settings.CoolDown) * time.Minute
	p.transports = transports
	p.phones = push.NewPhones(p.store, p.clock, p.hub, p.ring, kinds...)
	p.prompts = push.NewPrompts(push.PromptsConfig{
		Store: p.store, Clock: p.clock, Hub: p.hub, Engine: p.engine, Phones: p.phones, Times: times,
		DeviceName: p.deviceName, Party: p.party,
		// Who wants to know how prompts end, by purpose.
		Told: map[string]push.Handler{"extend": p.renewals.CarryPrompt, "acknowledge": p.renewals.CarryPrompt},
	})
	return nil
}

// deviceName is what a phone that may act is called.
func (p *program) deviceName(ctx context.Context, device string) (string, error) {
	d, err := p.accounts.Device(ctx, device)
	if err != nil {
		return "", err
	}
	return d.Name, nil
}

// party is an account as statements name it, and whether it may act for others.
func (p *program) party(ctx context.Context, id string) (confirm.Party, bool, error) {
	a, err := p.accounts.Get(ctx, id)
	if err != nil {
		return confirm.Party{}, false, err
	}
	o, err := p.accounts.GetOrganisation(ctx, a.OrganisationID)
	if err != nil {
		return confirm.Party{}, false, err
	}
	return confirm.Party{ID: a.ID, Name: a.Name, OrganisationID: o.ID, Organisation: o.Name}, a.Has(account.Admin), nil
}

// promptHandlers carry out what prompts owe and what asks for them.
func (p *program) promptHandlers() map[string]push.Handler {
	return map[string]push.Handler{
		push.EffectPrompt: p.prompts.Carry, push.EffectPromptEnded: p.prompts.CarryEnded,
		effect.Push: p.notices.Carry, effect.Mail: p.outbox.Carry(effect.Mail),
	}
}
