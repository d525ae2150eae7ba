package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"certlink/account"
	"certlink/program"
	"certlink/trust/authority"
)

// offline are the settings of commands that open the store themselves. With the
// embedded engine the server must be stopped: the store is locked otherwise.
type offline struct {
	program.Settings
}

func (o *offline) accounts(ctx context.Context) (*program.Program, error) {
	s := &o.Settings
	if err := s.Check(); err != nil {
		return nil, err
	}
	if err := s.Prepare(); err != nil {
		return nil, err
	}
	p := &program.Program{Settings: *s}
	origin := s.PublicOrigin
	if origin == "" {
		origin = "http://127.0.0.1"
	}
	return p, p.Open(ctx, origin)
}

type adminCommand struct {
	Create adminCreate `cmd:"" help:"Make an account. The password is read from the terminal or from standard input."`
}

type adminCreate struct {
	offline
	Login        string `required:"" help:"Name to sign in with."`
	Name         string `required:"" help:"The person's name."`
	Organisation string `required:"" help:"The organisation's name."`
	Code         string `required:"" help:"The organisation's unified social credit code."`
	Role         string `default:"admin" enum:"admin,employee,reviewer,operator,integrator" help:"admin, employee, reviewer, operator or integrator."`
}

// Run is certlink admin create.
func (c *adminCreate) Run(ctx context.Context) error {
	password, err := readPassword()
	if err != nil {
		return err
	}
	p, err := c.accounts(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	a, err := p.Accounts.CreateAccount(ctx, account.System("command line"), account.Person{
		Login: c.Login, Name: c.Name, OrganisationName: c.Organisation, OrganisationCode: c.Code,
		Roles: []account.Role{account.Role(c.Role)}, Password: password,
	})
	if err != nil {
		return err
	}
	fmt.Printf("made %s %s (%s) of %s\n", c.Role, a.Login, a.ID, c.Organisation)
	return nil
}

func readPassword() (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		sc := bufio.NewScanner(os.Stdin)
		if !sc.Scan() {
			return "", errors.New("no password came on standard input")
		}
		return sc.Text(), nil
	}
	fmt.Fprint(os.Stderr, "Password: ")
	first, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprint(os.Stderr, "\nAgain: ")
	if err != nil {
		return "", err
	}
	second, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return "", err
	}
	if string(first) != string(second) {
		return "", errors.New("the two passwords differ; nothing was made")
	}
	return string(first), nil
}

type tokenCommand struct {
	Create tokenCreate `cmd:"" help:"Make an API token for an integrator's account; it is printed once."`
}

type tokenCreate struct {
	offline
	Login string        `required:"" help:"Login of the integrator's account."`
	Label string        `default:"api" help:"What the token is for."`
	Life  time.Duration `help:"How long it is good for. Default: a year."`
}

// Run is certlink token create.
func (c *tokenCreate) Run(ctx context.Context) error {
	p, err := c.accounts(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	a, err := p.Accounts.ByLogin(ctx, c.Login)
	if err != nil {
		return err
	}
	secret, token, err := p.Accounts.CreateToken(ctx, account.System("command line"), a.ID, c.Label, c.Life)
	if err != nil {
		return err
	}
	fmt.Println(secret)
	fmt.Fprintf(os.Stderr, "good until %s; it is not shown again\n", token.ExpiresAt.Format(time.DateOnly))
	return nil
}

type authorityCommand struct {
	Create authorityCreate `cmd:"" help:"Make it in the data directory, its keys encrypted with the passphrase."`
}

type authorityCreate struct {
	program.Settings
	Organisation string `required:"" help:"Name of the organisation that runs the authority; it stands in every certificate."`
}

// Run is certlink authority create.
func (c *authorityCreate) Run() error {
	if err := c.Settings.Check(); err != nil {
		return err
	}
	if err := c.Settings.Prepare(); err != nil {
		return err
	}
	passphrase, err := program.ReadSecretFile(c.AuthorityPassphrase)
	if err != nil {
		return fmt.Errorf("CERTLINK_AUTHORITY_PASSPHRASE_FILE: %w", err)
	}
	dir := filepath.Join(c.Data, "authority")
	if err := authority.Create(dir, passphrase, authority.Naming{Organisation: c.Organisation}, time.Now()); err != nil {
		return err
	}
	fmt.Printf("made the authority in %s; keep root.key and the passphrase apart from this machine\n", dir)
	return nil
}

type healthCommand struct {
	Addr    string `env:"CERTLINK_ADDR" default:"127.0.0.1:8080" help:"Address the server listens on."`
	TLSCert string `name:"tls-cert" env:"CERTLINK_TLS_CERT" help:"Set where the server serves HTTPS itself."`
}

// Run is certlink health.
func (c *healthCommand) Run(ctx context.Context) error {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return err
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	scheme, client := "http", &http.Client{}
	if c.TLSCert != "" {
		// The certificate is for the public name, and this asks loopback by address;
		// nothing secret is sent.
		scheme = "https"
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return errors.New("the server does not answer")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: %s", strings.ToLower(resp.Status))
	}
	return nil
}
