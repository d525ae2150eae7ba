package main

import (
	"bufio"
	"context"
	"crypto"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/term"

	"certlink/phone"
)

type enrollCmd struct {
	Code string        `arg:"" help:"The link out of the QR code, a picture of it taken just now, or the typed code."`
	Yes  bool          `help:"Confirm without asking."`
	Wait time.Duration `default:"3m" help:"How long to wait until the digits are typed into the page."`
}

func (e *enrollCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	// First of all: a code is good for seconds, and a PIN takes longer to type.
	n, err := scan(ctx, p, e.Code)
	if err != nil {
		return err
	}
	if n.KeyRequest == nil {
		return errors.New("this code is not for collecting a certificate; use scan")
	}
	if err := p.Keep(n); err != nil {
		return err
	}
	if err := c.unlock(ctx, p); err != nil {
		return err
	}
	key, err := p.MakeKey(ctx, n)
	if err != nil {
		return err
	}
	c.show(n)
	if !e.Yes {
		if err := c.ask(word(c, "确认领取？", "Collect this certificate?")); err != nil {
			return err
		}
	}
	if err := c.finish(ctx, p, n, nil, e.Wait); err != nil {
		return err
	}
	if key.Certificate != nil {
		c.certificate(key)
	}
	return p.Forget(n.ID)
}

func (c *cli) certificate(k *phone.Key) {
	c.say("%s  %s  %s  %s  %s", k.Certificate.Fingerprint()[:16], k.Algorithm, k.Provider,
		phone.Visible(k.Certificate.Subject()), k.Certificate.NotAfter().Format(time.DateOnly))
}

type certificatesCmd struct {
	Offline bool `help:"Only what is on this phone, without asking the server."`
}

func (r *certificatesCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	state := map[string]string{}
	if !r.Offline {
		list, err := p.Certificates(ctx)
		if err != nil {
			return err
		}
		for _, s := range list {
			state[s.ID] = s.State
			if s.Binding != nil {
				state[s.ID] += ", " + word(c, "已绑定 ", "bound to ") + phone.Visible(s.Binding.AccountName)
			}
		}
	}
	keys, err := p.Keys()
	if err != nil {
		return err
	}
	shown := 0
	for _, k := range keys {
		if k.Certificate == nil {
			continue
		}
		shown++
		c.certificate(k)
		if s := state[k.Certificate.Fingerprint()]; s != "" {
			c.say("    %s", s)
		}
	}
	if shown == 0 {
		c.say("%s", word(c, "本手机上没有证书。", "There is no certificate on this phone."))
	}
	return nil
}

type addCmd struct {
	Key         string `arg:"" type:"existingfile" help:"Private key, PKCS#8 in PEM, not encrypted."`
	Certificate string `arg:"" type:"existingfile" help:"Certificate in PEM, followed by those of its authorities."`
	Provider    string `required:"" help:"The authority's id at the server, such as huixin."`
}

func (a *addCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	if err := c.unlock(ctx, p); err != nil {
		return err
	}
	keys, err := blocks(a.Key, "PRIVATE KEY")
	if err != nil {
		return err
	}
	certs, err := blocks(a.Certificate, "CERTIFICATE")
	if err != nil {
		return err
	}
	parsed, err := smx509.ParsePKCS8PrivateKey(keys[0])
	if err != nil {
		return fmt.Errorf("%s: %w", a.Key, err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return fmt.Errorf("%s: a key of this kind cannot sign", a.Key)
	}
	k, err := p.AddCertificate(signer, certs[0], certs[1:], a.Provider)
	if err != nil {
		return err
	}
	c.certificate(k)
	return nil
}

// blocks reads what a PEM file has of one kind; at least one.
func blocks(file, kind string) ([][]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var found [][]byte
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		if b.Type == kind {
			found = append(found, b.Bytes)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s holds no %s in PEM", file, kind)
	}
	return found, nil
}

type pinCmd struct {
	Set    pinSetCmd    `cmd:"" help:"Set the first PIN; the keys on the phone are wrapped under it."`
	Change pinChangeCmd `cmd:"" help:"Change the PIN; the keys stay."`
	Reset  pinResetCmd  `cmd:"" help:"Give up a forgotten or locked PIN, and with it all keys on this phone."`
	Status pinStatusCmd `cmd:"" help:"Whether there is a PIN, and how many tries are left."`
}

type pinSetCmd struct{}

func (pinSetCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	pin, err := c.pin("CERTLINK_PHONE_PIN", word(c, "新 PIN（六位数字）：", "New PIN (six digits): "))
	if err != nil {
		return err
	}
	if err := p.SetPIN(ctx, pin); err != nil {
		return err
	}
	c.say("%s", word(c, "PIN 已设置。", "The PIN is set."))
	return nil
}

type pinChangeCmd struct{}

func (pinChangeCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	old, err := c.pin("CERTLINK_PHONE_PIN", word(c, "当前 PIN：", "Present PIN: "))
	if err != nil {
		return err
	}
	fresh, err := c.pin("CERTLINK_PHONE_NEW_PIN", word(c, "新 PIN（六位数字）：", "New PIN (six digits): "))
	if err != nil {
		return err
	}
	if err := p.ChangePIN(ctx, old, fresh); err != nil {
		return err
	}
	c.say("%s", word(c, "PIN 已更改。", "The PIN is changed."))
	return nil
}

type pinResetCmd struct {
	Yes bool `help:"Do it without asking."`
}

func (r *pinResetCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	if !r.Yes {
		if err := c.ask(word(c, "本手机上的所有密钥将永久失效，证书须重新领取。继续？", "All keys on this phone are lost for good and certificates must be collected anew. Go on?")); err != nil {
			return err
		}
	}
	err = p.ResetPIN(ctx, "")
	// Bids that only these keys can open are never given up by --yes.
	if problem := (*phone.Problem)(nil); errors.As(err, &problem) && problem.Acknowledge != "" {
		for _, b := range problem.Bids {
			c.say("%s  %s", b.OpensAt.Local().Format("2006-01-02 15:04"), b.Tender)
		}
		if err := c.ask(word(c, "以上投标文件尚未开标，继续后将无法解密。仍要继续？", "These bids are not opened yet, and can never be read after this. Go on all the same?")); err != nil {
			return err
		}
		err = p.ResetPIN(ctx, problem.Acknowledge)
	}
	if err != nil {
		return err
	}
	c.say("%s", word(c, "PIN 已清除，密钥已删除。", "The PIN is given up and the keys are removed."))
	return nil
}

type pinStatusCmd struct{}

func (pinStatusCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	d, err := p.Device(ctx)
	if err != nil {
		return err
	}
	c.say("set %t · locked %t · tries left %d", d.PIN.Set, d.PIN.Locked, d.PIN.TriesLeft)
	return nil
}

// unlock gives the PIN where there is one.
func (c *cli) unlock(ctx context.Context, p *phone.Phone) error {
	if !p.HasPIN() {
		return nil
	}
	pin, err := c.pin("CERTLINK_PHONE_PIN", "PIN: ")
	if err != nil {
		return err
	}
	return p.UnlockPIN(ctx, pin)
}

// pin takes a PIN from the environment, for scripts, or from the terminal, unseen.
// Never from the command line, where other users of the machine could read it.
func (c *cli) pin(variable, prompt string) (string, error) {
	if pin := os.Getenv(variable); pin != "" {
		return pin, nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", fmt.Errorf("the PIN is needed: type it at a terminal, or set %s", variable)
	}
	fmt.Fprint(os.Stderr, prompt)
	text, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	return string(text), err
}

// ask wants a yes, in full. Nothing is preselected.
func (c *cli) ask(question string) error {
	fmt.Fprintf(os.Stderr, "%s [yes/no] ", question)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && line == "" {
		return errDeclined
	}
	switch strings.TrimSpace(strings.ToLower(line)) {
	case "yes", "y", "是":
		return nil
	}
	return errDeclined
}
