package push

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"certlink/internal/effect"
	"certlink/internal/fault"
)

// People finds how an account is reached, at the moment of asking.
type People interface {
	// Phones lists the phones that hold certificates of an account.
	Phones(ctx context.Context, account string) ([]string, error)
	// Contact is where an account is written to. Its refusals (no such account,
	// closed) end the notice.
	Contact(ctx context.Context, account string) (*Contact, error)
}

// Contact is how a person is reached away from their phone.
type Contact struct {
	Mail, Mobile string // either may be empty
	// NoLetters: they want none but those about their account's safety.
	NoLetters bool
	// Language of letters: "zh-CN", "en", or "" for both.
	Language string
}

// writes says whether the person is written to about something.
func (c *Contact) writes(s Sentence) bool { return c.Mail != "" && (s.Safety || !c.NoLetters) }

// Channels for people that have no phone at hand.
const (
	mailChannel = effect.Mail
	SMSChannel  = "sms"
	// NoticeTemplate is the letter of a notice.
	NoticeTemplate = "notice"
)

// Notices tells people what concerns them: each of the account's phones, then by
// letter, and by short message what is worth it.
type Notices struct {
	Outbox *Outbox
	Phones *Phones
	People People
	// More is what a letter says beside a key's sentence, as it is when the letter is
	// made; nil adds nothing.
	More func(ctx context.Context, key, account string) (zh, en []string, err error)
}

// receiptTime is how long a phone with an open stream is given to ask by itself.
const receiptTime = 2 * time.Second

// Carry is the relay's handler for effect.Push: {key, account or device or both, and
// ids}. It writes one message for each way; each is delivered, repeated and kept by
// itself.
func (n *Notices) Carry(ctx context.Context, e effect.Effect) error {
	key := e.Data["key"]
	if key == "" {
		return nil // it says nothing
	}
	phones, err := n.phonesFor(ctx, e)
	if err != nil {
		return err
	}
	for _, device := range phones {
		m := &Message{ID: e.ID + "-" + short(device), Channel: PhoneChannelName, Lane: Say(key).Lane, At: e.At, Data: e.Data, Device: device}
		if key == KeyPrompt {
			m.Collapse = "prompt " + e.Data["prompt"]
			m.Due = n.Outbox.clock().Add(receiptTime)
		}
		if err := n.Outbox.Put(ctx, m); err != nil {
			return err
		}
		if err := n.Phones.Ring(ctx, device); err != nil {
			return err
		}
	}
	return n.write(ctx, e)
}

func (n *Notices) phonesFor(ctx context.Context, e effect.Effect) ([]string, error) {
	var phones []string
	if account := e.Data["account"]; account != "" {
		var err error
		if phones, err = n.People.Phones(ctx, account); err != nil && !gone(err) {
			return nil, err
		}
	}
	if d := e.Data["device"]; d != "" && !slices.Contains(phones, d) {
		phones = append(phones, d)
	}
	return phones, nil
}

// write adds the letter and the short message. What is to be confirmed is confirmed
// on the phone: nobody is written to about it.
func (n *Notices) write(ctx context.Context, e effect.Effect) error {
	account, key := e.Data["account"], e.Data["key"]
	if account == "" || key == KeyPrompt {
		return nil
	}
	to, err := n.People.Contact(ctx, account)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if to.writes(Say(key)) {
		data := maps.Clone(e.Data)
		data["template"] = NoticeTemplate
		if err := n.Outbox.Put(ctx, &Message{ID: e.ID + "-mail", Channel: mailChannel, Lane: max(Say(key).Lane, LaneSoon), At: e.At, Data: data}); err != nil {
			return err
		}
	}
	if to.Mobile != "" && Say(key).SMS {
		return n.Outbox.Put(ctx, &Message{ID: e.ID + "-sms", Channel: SMSChannel, Lane: max(Say(key).Lane, LaneSoon), At: e.At, Data: e.Data})
	}
	return nil
}

// gone says whether there is nobody (any more) to be told.
func gone(err error) bool {
	f := fault.Of(err)
	return f != nil && f.Kind != fault.Internal && f.Kind != fault.Unavailable
}

// Letter builds the letter of a notice: its sentence, and where to look. It holds
// nothing that the post should not read.
func (n *Notices) Letter(origin string) MailBuilder {
	return func(ctx context.Context, m *Message) (*Mail, error) {
		key, account := m.Data["key"], m.Data["account"]
		to, err := n.People.Contact(ctx, account)
		if gone(err) || err == nil && !to.writes(Say(key)) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var zh, en []string
		if n.More != nil {
			if zh, en, err = n.More(ctx, key, account); err != nil {
				return nil, err
			}
		}
		s := Say(key)
		p := Page{URL: origin + "/portal/"}
		if to.Language != "en" {
			p.ZH = &Words{"【证联】" + firstOf(s.ZH, "。"), s.ZH, zh, "登录平台查看", "系统自动发送，请勿回复。不想再收到提醒邮件，可在平台“账号设置”中关闭。"}
			if s.Safety {
				p.ZH.Foot = "系统自动发送，请勿回复。涉及账号安全的邮件不能关闭。"
			}
		}
		if to.Language != "zh-CN" {
			p.EN = &Words{"[certlink] " + firstOf(s.EN, "."), s.EN, en, "Sign in to read more", "Sent automatically; please do not answer. Reminders by e-mail can be turned off under “Account settings”."}
			if s.Safety {
				p.EN.Foot = "Sent automatically; please do not answer. Letters about your account's safety cannot be turned off."
			}
		}
		return p.Mail(to.Mail)
	}
}

// firstOf is the first of some sentences, without its stop: a list of letters shows no
// more of a subject.
func firstOf(sentences, stop string) string {
	first, _, _ := strings.Cut(sentences, stop)
	return first
}

// Texter sends short messages; see docs/push.md for what an adapter owes.
type Texter interface {
	Text(ctx context.Context, id, mobile, text string) error
}

// ShortMessages is the channel for short messages.
type ShortMessages struct {
	People People
	Texter Texter
}

// Send tells one person.
func (c *ShortMessages) Send(ctx context.Context, m *Message) error {
	to, err := c.People.Contact(ctx, m.Data["account"])
	switch {
	case gone(err) || err == nil && to.Mobile == "":
		return nil
	case err != nil:
		return err
	}
	err = c.Texter.Text(ctx, m.ID, to.Mobile, Say(m.Data["key"]).ZH)
	if errors.Is(err, ErrTokenGone) {
		return &PermanentError{err} // there is no such number
	}
	return err
}

// short is enough of a device's id to tell an account's phones apart.
func short(device string) string { return device[:min(len(device), 12)] }
