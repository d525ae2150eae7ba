package program

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
	Prompts *push.Prompts
	Phones  *push.Phones
	letters map[string]push.MailBuilder // by template
	notices *push.Notices
	// reminders is the scheduler; it runs on one server at a time.
	reminders *push.Reminders
	// Bindings and transports are what reaching people needs to know.
	Bindings   *mobilecert.Bindings
	transports map[string]push.Transport
	FCMOptions fcmOptions
}

// openPrompts wires what reaches phones without a code.
func (p *Program) openPrompts(ctx context.Context) error {
	transports, kinds, err := p.openTransports(ctx)
	if err != nil {
		return err
	}
	times := push.DefaultPromptTimes()
	times.CoolDown = time.Duration(p.Settings.CoolDown) * time.Minute
	p.transports = transports
	p.Phones = push.NewPhones(p.Store, p.Clock, p.hub, p.Ring, kinds...)
	p.Prompts = push.NewPrompts(push.PromptsConfig{
		Store: p.Store, Clock: p.Clock, Hub: p.hub, Engine: p.engine, Phones: p.Phones, Times: times,
		DeviceName: p.deviceName, Party: p.party,
		// Who wants to know how prompts end, by purpose.
		Told: map[string]push.Handler{"extend": p.Renewals.CarryPrompt, "acknowledge": p.Renewals.CarryPrompt},
	})
	return nil
}

// deviceName is what a phone that may act is called.
func (p *Program) deviceName(ctx context.Context, device string) (string, error) {
	d, err := p.Accounts.Device(ctx, device)
	if err != nil {
		return "", err
	}
	return d.Name, nil
}

// party is an account as statements name it, and whether it may act for others.
func (p *Program) party(ctx context.Context, id string) (confirm.Party, bool, error) {
	a, err := p.Accounts.Get(ctx, id)
	if err != nil {
		return confirm.Party{}, false, err
	}
	o, err := p.Accounts.GetOrganisation(ctx, a.OrganisationID)
	if err != nil {
		return confirm.Party{}, false, err
	}
	return confirm.Party{ID: a.ID, Name: a.Name, OrganisationID: o.ID, Organisation: o.Name}, a.Has(account.Admin), nil
}

// promptHandlers carry out what prompts owe and what asks for them.
func (p *Program) promptHandlers() map[string]push.Handler {
	return map[string]push.Handler{
		push.EffectPrompt: p.Prompts.Carry, push.EffectPromptEnded: p.Prompts.CarryEnded,
		effect.Push: p.notices.Carry, effect.Mail: p.outbox.Carry(effect.Mail),
	}
}
