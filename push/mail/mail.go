// Package mail sends letters by SMTP.
//
// A server that takes a letter has it; one that refuses for good makes it a dead
// letter, and all else is tried again by the outbox. The Message-ID is made from the
// message's own, so a letter sent twice can be told by its receiver.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"certlink/push"
)

// Security of the connection.
const (
	StartTLS = "starttls" // required, not merely tried
	Implicit = "implicit" // TLS from the first byte
	None     = "none"     // only to this machine itself
)

// Settings of the server that takes the mail.
type Settings struct {
	Addr     string // host:port
	Security string
	User     string // no sign-in if empty
	Password string
	From     string // address, with or without a name
	// TLS is used in place of the system's roots; for servers with a private root.
	TLS *tls.Config
}

// Sender delivers letters; safe for many goroutines: each has its own connection.
type Sender struct {
	s      Settings
	host   string
	port   int
	from   *mail.Address
	domain string
}

// New checks the settings.
func New(s Settings) (*Sender, error) {
	host, port, err := net.SplitHostPort(s.Addr)
	n, convErr := strconv.Atoi(port)
	if err != nil || convErr != nil || host == "" {
		return nil, fmt.Errorf("the mail server %q is not host:port", s.Addr)
	}
	from, err := mail.ParseAddress(s.From)
	if err != nil {
		return nil, fmt.Errorf("the sender %q is not an address", s.From)
	}
	switch s.Security {
	case StartTLS, Implicit:
	case None:
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, errors.New("mail without TLS is only sent to this machine itself")
		}
	default:
		return nil, fmt.Errorf("the mail security %q is not starttls, implicit or none", s.Security)
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	return &Sender{s, host, n, from, domain}, nil
}

// Deliver sends one letter.
func (v *Sender) Deliver(ctx context.Context, id string, letter *push.Mail) error {
	msg, err := v.compose(id, letter)
	if err != nil {
		return &push.PermanentError{Err: err}
	}
	client, err := v.client(ctx)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	var refused *gomail.SendError
	if errors.As(err, &refused) && !refused.IsTemp() && refused.ErrorCode() >= 550 {
		// 550 and above speak of this letter (RFC 5321 §4.2.2); lower permanent codes
		// speak of the session, which an operator may have to mend.
		return &push.PermanentError{Err: err}
	}
	return err
}

func (v *Sender) client(ctx context.Context) (*gomail.Client, error) {
	timeout := 30 * time.Second
	if until, ok := ctx.Deadline(); ok {
		timeout = time.Until(until)
	}
	if timeout <= 0 {
		return nil, context.DeadlineExceeded
	}
	options := []gomail.Option{gomail.WithPort(v.port), gomail.WithTimeout(timeout), gomail.WithoutNoop()}
	if v.s.TLS != nil {
		config := v.s.TLS.Clone()
		config.ServerName = v.host
		options = append(options, gomail.WithTLSConfig(config))
	}
	switch v.s.Security {
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case Implicit:
		options = append(options, gomail.WithSSL())
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if v.s.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(v.s.User), gomail.WithPassword(v.s.Password))
	}
	return gomail.NewClient(v.host, options...)
}

// compose writes the letter as MIME. Whatever comes from people and stands in a
// header is refused where it holds what ends a header line: nothing is cut out
// silently, and nobody can add an addressee.
func (v *Sender) compose(id string, letter *push.Mail) (*gomail.Msg, error) {
	for _, s := range []string{letter.To, letter.Subject} {
		if strings.ContainsFunc(s, control) {
			return nil, errors.New("a header of the letter holds control characters")
		}
	}
	to, err := mail.ParseAddress(letter.To)
	if err != nil {
		return nil, errors.New("the addressee is no address")
	}
	msg := gomail.NewMsg()
	msg.FromMailAddress(v.from)
	msg.ToMailAddress(to)
	msg.Subject(letter.Subject)
	msg.SetDateWithValue(time.Now())
	msg.SetMessageIDWithValue(id + "@" + v.domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic answers
	msg.SetBodyString(gomail.TypeTextPlain, letter.Text)
	if letter.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, letter.HTML)
	}
	for _, a := range letter.Attachments {
		if strings.ContainsFunc(a.Name+a.Type, control) || strings.ContainsAny(a.Name, `/\`) {
			return nil, errors.New("an attachment's name cannot be used")
		}
		if err := msg.AttachReader(a.Name, bytes.NewReader(a.Data), gomail.WithFileContentType(gomail.ContentType(a.Type))); err != nil {
			return nil, err
		}
	}
	return msg, nil
}

func control(r rune) bool { return r < 0x20 || r == 0x7f }
