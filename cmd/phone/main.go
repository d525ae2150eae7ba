// Command phone is a phone without a screen: it registers with a certlink server,
// collects certificates, scans codes, shows what would be signed, and confirms or
// refuses. It is for integrators who build against the phone protocol, and for tests.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"

	"certlink/phone"
)

// Exit codes, so that a script can tell what to do next.
const (
	exitOK          = 0
	exitRefused     = 1 // the server said no, or something is missing here
	exitUsage       = 2 // the command line is wrong
	exitUnreachable = 3 // no answer; the same command can be repeated
	exitUntrusted   = 4 // the statement or the code failed the phone's own checks
	exitWaiting     = 5 // the digits are not typed into the page yet
	exitDeclined    = 6 // the person at this terminal did not say yes
)

type cli struct {
	Dir    string `env:"CERTLINK_PHONE_DIR" type:"path" help:"Directory where this phone lives: its keys and open sessions. Default: certlink-phone in the user's configuration."`
	Server string `env:"CERTLINK_PHONE_SERVER" help:"The server's address, such as https://certlink.example. Needed once, to register."`
	Via    string `env:"CERTLINK_PHONE_VIA" help:"Send the requests to this address instead, for example to one server behind a proxy."`
	Lang   string `env:"CERTLINK_PHONE_LANG" default:"zh-CN" enum:"zh-CN,en" help:"Language of statements and refusals: zh-CN or en."`

	Register     registerCmd     `cmd:"" help:"Make this phone known to a server."`
	Enroll       enrollCmd       `cmd:"" help:"Collect a certificate: scan, make a key, confirm."`
	Scan         scanCmd         `cmd:"" help:"Scan a code and show what would be signed. Signs nothing."`
	Inbox        inboxCmd        `cmd:"" help:"Show what the server asks of this phone without a code. Signs nothing."`
	Show         showCmd         `cmd:"" help:"Show a scanned session again, as it stands now."`
	Confirm      confirmCmd      `cmd:"" help:"Sign the statement of a scanned session."`
	Reject       rejectCmd       `cmd:"" help:"Say no to a scanned session."`
	NotMe        notMeCmd        `cmd:"" name:"not-me" help:"Say that somebody else began a scanned session."`
	Sessions     sessionsCmd     `cmd:"" help:"List what this phone has scanned."`
	Certificates certificatesCmd `cmd:"" help:"List this phone's certificates."`
	Add          addCmd          `cmd:"" help:"Take a key and a certificate that were got elsewhere (PEM)."`
	Pin          pinCmd          `cmd:"" help:"Set, change or give up the PIN that protects the keys."`

	out *os.File `kong:"-"`
}

func main() { os.Exit(run()) }

func run() int {
	var c cli
	c.out = os.Stdout
	k := kong.Must(&c, kong.Name("phone"), kong.UsageOnError(),
		kong.Description("A phone without a screen, for certlink. Exit codes: 0 done, 1 refused, 2 wrong command line, "+
			"3 no answer (repeat the command), 4 the code or the statement is not to be trusted, 5 waiting for the digits, 6 declined here."))
	parsed, err := k.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "phone:", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(&c); err != nil {
		fmt.Fprintln(os.Stderr, "phone:", c.sentence(err))
		return exitCode(err)
	}
	return exitOK
}

// phone opens the phone that lives in the directory.
func (c *cli) phone() (*phone.Phone, error) {
	dir := c.Dir
	if dir == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return nil, fmt.Errorf("say with --dir where this phone lives: %w", err)
		}
		dir = filepath.Join(base, "certlink-phone")
	}
	opts := []phone.Option{phone.InDirectory(dir)}
	if c.Via != "" {
		opts = append(opts, phone.Via(c.Via))
	}
	return phone.New(c.Server, opts...)
}

func (c *cli) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// sentence is what a person reads about an error.
func (c *cli) sentence(err error) string {
	var refused *phone.Problem
	if !errors.As(err, &refused) {
		return err.Error()
	}
	text := refused.In(c.Lang)
	if refused.TriesLeft != nil {
		text += fmt.Sprintf(" [%d]", *refused.TriesLeft)
	}
	text += "\n  " + refused.Code
	if refused.RequestID != "" {
		text += " · request " + refused.RequestID
	}
	return text
}

var errDeclined = errors.New("not confirmed; the session is still open: confirm, reject or not-me")

func exitCode(err error) int {
	var silent *phone.Unreachable
	for _, bad := range []error{phone.ErrStatement, phone.ErrVersion, phone.ErrAudience, phone.ErrPurpose, phone.ErrOtherKey, phone.ErrElsewhere, phone.ErrNotACode} {
		if errors.Is(err, bad) {
			return exitUntrusted
		}
	}
	switch {
	case errors.Is(err, errDeclined):
		return exitDeclined
	case errors.As(err, &silent):
		return exitUnreachable
	case phone.Code(err) == "match_pending":
		return exitWaiting
	}
	return exitRefused
}
