package program

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"certlink/push"
	"certlink/push/mail"
)

// smtpSettings say who takes the letters.
type smtpSettings struct {
	Addr     string `name:"smtp-addr" env:"CERTLINK_SMTP_ADDR" help:"Mail server, host:port. Without one, no mail is sent."`
	Security string `name:"smtp-security" env:"CERTLINK_SMTP_SECURITY" default:"starttls" help:"starttls, implicit (TLS from the first byte), or none (only to this machine itself)."`
	From     string `name:"smtp-from" env:"CERTLINK_SMTP_FROM" help:"Sender, such as 证联 <noreply@ca.example.cn>."`
	User     string `name:"smtp-user" env:"CERTLINK_SMTP_USER" help:"Name to sign in with at the mail server."`
	Password string `name:"smtp-password-file" env:"CERTLINK_SMTP_PASSWORD_FILE" type:"path" help:"File with that name's password."`
	Roots    string `name:"smtp-ca-file" env:"CERTLINK_SMTP_CA_FILE" type:"path" help:"Roots (PEM) of the mail server's certificate. Default: the system's."`
}

// openMail makes the channel for letters, nil where no server is named. Rooms put
// the builders of their letters into p.letters before.
func (p *Program) openMail() (push.Channel, error) {
	s := &p.Settings.Mail
	if s.Addr == "" {
		return nil, nil
	}
	set := mail.Settings{Addr: s.Addr, Security: s.Security, User: s.User, From: s.From}
	if s.User != "" {
		password, err := ReadSecretFile(s.Password)
		if err != nil {
			return nil, fmt.Errorf("CERTLINK_SMTP_PASSWORD_FILE: %w", err)
		}
		set.Password = string(password)
	}
	if s.Roots != "" {
		pem, err := os.ReadFile(s.Roots)
		if err != nil {
			return nil, fmt.Errorf("CERTLINK_SMTP_CA_FILE: %w", err)
		}
		set.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
		if !set.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CERTLINK_SMTP_CA_FILE: %s holds no certificate", s.Roots)
		}
	}
	sender, err := mail.New(set)
	if err != nil {
		return nil, fmt.Errorf("CERTLINK_SMTP_ADDR, _SECURITY, _FROM: %w", err)
	}
	if p.letters == nil {
		p.letters = map[string]push.MailBuilder{}
	}
	return &push.Letters{Mailer: sender, Templates: p.letters}, nil
}

// letter registers the builder of one kind of letter, under its template's name.
func (p *Program) letter(template string, build func(ctx context.Context, m *push.Message) (*push.Mail, error)) {
	if p.letters == nil {
		p.letters = map[string]push.MailBuilder{}
	}
	p.letters[template] = build
}
