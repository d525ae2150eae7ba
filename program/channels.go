package program

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/option"

	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/push"
	"certlink/push/fcm"
	"certlink/push/gateway"
)

// channelSettings say how people are reached.
type channelSettings struct {
	Mail          smtpSettings `embed:""`
	FCM           string       `name:"fcm-credentials-file" env:"CERTLINK_FCM_CREDENTIALS_FILE" type:"path" help:"Service account (JSON) of Firebase Cloud Messaging."`
	Gateways      []string     `name:"push-gateways" env:"CERTLINK_PUSH_GATEWAYS" help:"Servers that pass notes on to other push services: hms=https://push.example.cn/hms, by comma (docs/push.md)."`
	SMS           string       `name:"sms-gateway" env:"CERTLINK_SMS_GATEWAY" help:"Server that passes short messages on (docs/push.md)."`
	GatewaySecret string       `name:"gateway-secret-file" env:"CERTLINK_GATEWAY_SECRET_FILE" type:"path" help:"File with the secret that signs the calls to these servers."`
	QuietFrom     int          `name:"quiet-from" env:"CERTLINK_QUIET_FROM" default:"21" help:"Hour (Asia/Shanghai) from which nobody is reminded of anything."`
	QuietTo       int          `name:"quiet-to" env:"CERTLINK_QUIET_TO" default:"8" help:"Hour until which."`
	CoolDown      int          `name:"prompt-cool-down" env:"CERTLINK_PROMPT_COOL_DOWN" default:"10" help:"Minutes that a phone is left alone after its holder said no."`
}

// openTransports makes the adapters to push services that the settings name, and
// the order in which an app may offer them.
func (p *Program) openTransports(ctx context.Context) (map[string]push.Transport, []string, error) {
	s := &p.Settings.channelSettings
	all, kinds := map[string]push.Transport{}, []string{}
	for _, entry := range s.Gateways {
		kind, url, _ := strings.Cut(entry, "=")
		if kind == "" || kind == fcm.Kind || slices.Contains(kinds, kind) {
			return nil, nil, fmt.Errorf("CERTLINK_PUSH_GATEWAYS: %q is not kind=address, each kind once", entry)
		}
		g, err := p.openGateway(kind, url)
		if err != nil {
			return nil, nil, fmt.Errorf("CERTLINK_PUSH_GATEWAYS: %w", err)
		}
		all[kind], kinds = g, append(kinds, kind)
	}
	if s.FCM == "" {
		return all, kinds, nil
	}
	sender, err := fcm.New(ctx, s.FCM, p.FCMOptions...)
	if err != nil {
		return nil, nil, fmt.Errorf("CERTLINK_FCM_CREDENTIALS_FILE: %w", err)
	}
	all[fcm.Kind] = sender
	return all, append(kinds, fcm.Kind), nil
}

func (p *Program) openGateway(kind, url string) (*gateway.Gateway, error) {
	secret, err := ReadSecretFile(p.Settings.GatewaySecret)
	if err != nil {
		return nil, fmt.Errorf("CERTLINK_GATEWAY_SECRET_FILE: %w", err)
	}
	return gateway.New(kind, url, secret, p.Clock)
}

// openChannels adds the ways to people to the outbox's.
func (p *Program) openChannels(channels map[string]push.Channel) error {
	letters, err := p.openMail()
	if err != nil {
		return err
	}
	if letters != nil {
		channels[effect.Mail] = letters
	}
	if p.Settings.SMS != "" {
		g, err := p.openGateway("sms", p.Settings.SMS)
		if err != nil {
			return fmt.Errorf("CERTLINK_SMS_GATEWAY: %w", err)
		}
		channels[push.SMSChannel] = &push.ShortMessages{People: reach{p}, Texter: g}
	}
	channels[push.PhoneChannelName] = &push.Ladder{Phones: p.Phones, Transports: p.transports, Escalate: 5 * time.Minute,
		Obsolete: func(ctx context.Context, id string) (bool, error) {
			prompt, err := p.Prompts.Get(ctx, id)
			if fault.Of(err) != nil {
				return true, nil
			}
			return err == nil && prompt.State.Over(), err
		}}
	return nil
}

// openNotices wires what tells people, once there is an outbox.
func (p *Program) openNotices(origin string) {
	p.notices = &push.Notices{Outbox: p.outbox, Phones: p.Phones, People: reach{p}, More: p.whereToRenew}
	p.letter(push.NoticeTemplate, p.notices.Letter(origin))
}

// reach finds how accounts are reached.
type reach struct{ p *Program }

// Phones lists the phones that collected certificates for an account which still
// count, and those that signed a binding of it that stands.
func (r reach) Phones(ctx context.Context, account string) ([]string, error) {
	var phones []string
	add := func(device string) {
		if device != "" && !slices.Contains(phones, device) {
			phones = append(phones, device)
		}
	}
	list, _, err := r.p.Certificates.ListByAccount(ctx, account, "", phonesMost)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		if c.EndedAt == nil {
			add(c.Device)
		}
	}
	bound, err := r.p.Bindings.Active(ctx, account)
	if err != nil {
		return nil, err
	}
	for _, b := range bound {
		add(b.Device)
	}
	return slices.DeleteFunc(phones, func(device string) bool {
		d, err := r.p.Accounts.FindDevice(ctx, device)
		return err != nil || d.RevokedAt != nil
	}), nil
}

// phonesMost bounds the certificates looked at for an account's phones: the newest.
const phonesMost = 50

// Contact is where an account is written to.
func (r reach) Contact(ctx context.Context, account string) (*push.Contact, error) {
	a, err := r.p.Accounts.Get(ctx, account)
	if err != nil {
		return nil, err
	}
	return &push.Contact{Mail: a.Email, Mobile: a.Mobile, NoLetters: a.Letters.Off, Language: a.Letters.Language}, nil
}

// everyQueue empties each queue of the outbox under a lease of its own.
func (p *Program) everyQueue(every func(name string, interval time.Duration, work func(context.Context) error)) {
	for _, q := range p.outbox.Queues() {
		every(q.Name(), 500*time.Millisecond, func(ctx context.Context) error { return p.outbox.Empty(ctx, q) })
	}
}

// fcmOptions are set by tests only: where their own server stands.
type fcmOptions = []option.ClientOption
