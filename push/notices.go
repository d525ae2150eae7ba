package push

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"certlink/internal/effect"
	"certlink/internal/fault"
)

// People finds how an account is reached, at the moment of asking.
type People interface {
	// Phones lists the phones that hold certificates of an account.
	Phones(ctx context.Context, account string) ([]string, error)
	// Contact is where an account is written to; either may be empty. Its
	// refusals (no such account, closed) end the notice.
	Contact(ctx context.Context, account string) (mail, mobile string, err error)
}

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
	mail, mobile, err := n.People.Contact(ctx, account)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if mail != "" {
		data := maps.Clone(e.Data)
		data["template"] = NoticeTemplate
		if err := n.Outbox.Put(ctx, &Message{ID: e.ID + "-mail", Channel: mailChannel, Lane: max(Say(key).Lane, LaneSoon), At: e.At, Data: data}); err != nil {
			return err
		}
	}
	if mobile != "" && Say(key).SMS {
		return n.Outbox.Put(ctx, &Message{ID: e.ID + "-sms", Channel: SMSChannel, Lane: max(Say(key).Lane, LaneSoon), At: e.At, Data: e.Data})
	}
	return nil
}

// gone says whether there is nobody (any more) to be told.
func gone(err error) bool {
	f := fault.Of(err)
	return f != nil && f.Kind != fault.Internal && f.Kind != fault.Unavailable
}

// Letter builds the letter of a notice: the sentence in both languages, and where to
// look. It holds nothing that the post should not read.
func (n *Notices) Letter(origin string) MailBuilder {
	return func(ctx context.Context, m *Message) (*Mail, error) {
		mail, _, err := n.People.Contact(ctx, m.Data["account"])
		if gone(err) || err == nil && mail == "" {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		s := Say(m.Data["key"])
		return &Mail{To: mail, Subject: "【证联】" + s.ZH,
			Text: s.ZH + "\n请登录平台查看：" + origin + "/portal/\n\n" + s.EN + "\nSign in to read more: " + origin + "/portal/\n\n（系统自动发送，请勿回复。 Sent automatically; please do not answer.）\n"}, nil
	}
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
	_, mobile, err := c.People.Contact(ctx, m.Data["account"])
	switch {
	case gone(err) || err == nil && mobile == "":
		return nil
	case err != nil:
		return err
	}
	err = c.Texter.Text(ctx, m.ID, mobile, Say(m.Data["key"]).ZH)
	if errors.Is(err, ErrTokenGone) {
		return &PermanentError{err} // there is no such number
	}
	return err
}

// short is enough of a device's id to tell an account's phones apart.
func short(device string) string { return device[:min(len(device), 12)] }
