package push

import (
	"context"
	"errors"
	"fmt"

	"certlink/confirm"
)

// Mail is a letter as it will be sent. It is made at sending time, out of the ids
// that the message holds, so that no address lies in the outbox.
type Mail struct {
	To          string // one address
	Subject     string
	Text        string
	HTML        string // may be empty
	Attachments []Attachment
}

// Attachment of a letter.
type Attachment struct {
	Name string
	Type string // media type
	Data []byte
}

// MailBuilder makes the letter of one template. nil without an error means that
// there is nobody to write to (any more). A refusal of a final kind gives the
// letter up.
type MailBuilder func(ctx context.Context, m *Message) (*Mail, error)

// Mailer takes a letter to its addressee.
type Mailer interface {
	Deliver(ctx context.Context, id string, m *Mail) error
}

// Letters is the channel for effects of kind effect.Mail.
type Letters struct {
	Mailer    Mailer
	Templates map[string]MailBuilder
}

// Send builds and delivers one letter.
func (l *Letters) Send(ctx context.Context, m *Message) error {
	build := l.Templates[m.Data["template"]]
	if build == nil {
		return &PermanentError{fmt.Errorf("there is no template %q", m.Data["template"])}
	}
	letter, err := build(ctx, m)
	switch {
	case err != nil && confirm.Final(err):
		return &PermanentError{err}
	case err != nil:
		return err
	case letter == nil:
		return nil
	case letter.To == "" || letter.Subject == "" || letter.Text == "":
		return &PermanentError{errors.New("the letter lacks its addressee, subject or text")}
	}
	return l.Mailer.Deliver(ctx, m.ID, letter)
}
