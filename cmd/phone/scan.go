package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"certlink/phone"
)

type registerCmd struct {
	Name string `default:"" help:"How web pages name this phone after a scan. Default: the machine's name."`
}

func (r *registerCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	name := r.Name
	if name == "" {
		if name, err = os.Hostname(); err != nil || name == "" {
			name = "phone"
		}
	}
	if err := p.Register(ctx, name); err != nil {
		return err
	}
	c.say("registered with %s as %s\ndevice %s", p.Origin(), phone.Visible(name), p.ID())
	return nil
}

type scanCmd struct {
	Code string `arg:"" help:"The link out of the QR code, a picture of it taken just now, or the typed code."`
}

func (s *scanCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	n, err := scan(ctx, p, s.Code)
	if err != nil {
		return err
	}
	if err := p.Keep(n); err != nil {
		return err
	}
	if err := c.makeKey(ctx, p, n); err != nil {
		return err
	}
	c.show(n)
	return nil
}

// scan takes a link, a typed code or the name of a picture.
func scan(ctx context.Context, p *phone.Phone, code string) (*phone.Session, error) {
	if strings.Contains(code, "://") {
		return p.Scan(ctx, code)
	}
	f, err := os.Open(code)
	if err != nil {
		if _, notTyped := phone.TypedCode(code); notTyped != nil && strings.ContainsAny(code, "./\\") {
			return nil, fmt.Errorf("the picture cannot be opened: %w", err)
		}
		return p.Scan(ctx, code)
	}
	defer f.Close()
	picture, err := phone.DecodePicture(f)
	if err != nil {
		return nil, err
	}
	return p.ScanPicture(ctx, picture)
}

// show prints everything that would be signed, and what there is to know about it.
func (c *cli) show(n *phone.Session) {
	c.say("# %s", phone.Headline(n.Purpose, c.Lang))
	c.say("session %s · %s", n.ID, n.State)
	if n.Statement != nil {
		for _, f := range n.Statement.Fields() {
			c.say("  %-26s %s", f.Label(c.Lang)+":", phone.Visible(f.Value))
		}
	}
	for _, h := range n.Hints {
		switch h.Kind {
		case "first_time":
			c.say("! %s", word(c, "首次在本手机上进行这类确认", "the first confirmation of this kind on this phone"))
		default:
			c.say("! %s: %s", phone.Field{Path: h.Field}.Label(c.Lang), word(c, "与上次不同，上次是 ", "not as last time, which was ")+phone.Visible(h.Was))
		}
	}
	if n.Match.Required && !n.Match.Done && n.Match.Digits != "" {
		c.say("digits %s", n.Match.Digits)
	}
	if n.Result != nil {
		c.result(n.Result)
	}
	if n.Failure != nil {
		c.say("failed: %s", word(c, n.Failure.TitleZH, n.Failure.TitleEN))
	}
}

func word(c *cli, zh, en string) string {
	if c.Lang == "en" {
		return en
	}
	return zh
}

func (c *cli) result(r *phone.Result) {
	switch r.Kind {
	case "binding":
		c.say("bound: %s, %s (%s), %s", phone.Visible(r.AccountName), phone.Visible(r.OrganisationName), phone.Visible(r.ProviderName), r.ID)
	case "certificate":
		c.say("certificate %s", r.ID)
	default:
		c.say("done: %s %s", phone.Visible(r.Kind), phone.Visible(r.ID))
	}
}

type showCmd struct {
	Session string `arg:"" optional:"" help:"Which session; not needed while there is only one."`
}

func (s *showCmd) Run(ctx context.Context, c *cli) error {
	p, n, err := c.resume(ctx, s.Session)
	if err != nil {
		return err
	}
	c.show(n)
	if n.Over() {
		return p.Forget(n.ID)
	}
	return nil
}

// resume takes up a session that an earlier command scanned.
func (c *cli) resume(ctx context.Context, id string) (*phone.Phone, *phone.Session, error) {
	p, err := c.phone()
	if err != nil {
		return nil, nil, err
	}
	if id == "" {
		ids, err := p.Kept()
		if err != nil {
			return nil, nil, err
		}
		switch len(ids) {
		case 0:
			return nil, nil, errors.New("nothing was scanned; scan a code first")
		case 1:
			id = ids[0]
		default:
			return nil, nil, fmt.Errorf("say which session: %s", strings.Join(ids, ", "))
		}
	}
	n, err := p.Resume(ctx, id)
	return p, n, err
}

type confirmCmd struct {
	Session string        `arg:"" optional:"" help:"Which session; not needed while there is only one."`
	Key     string        `help:"Which certificate signs: the beginning of its fingerprint. Not needed while only one fits."`
	Yes     bool          `help:"Confirm without asking. What is signed was shown by scan."`
	Wait    time.Duration `help:"How long to wait until the digits are typed into the page, where they are asked for."`
}

func (r *confirmCmd) Run(ctx context.Context, c *cli) error {
	p, n, err := c.resume(ctx, r.Session)
	if err != nil {
		return err
	}
	if !r.Yes {
		c.show(n)
		if err := c.ask(word(c, "确认并签名？", "Sign this?")); err != nil {
			return err
		}
	}
	if err := c.unlock(ctx, p); err != nil {
		return err
	}
	if n.KeyRequest != nil {
		if _, err := p.MakeKey(ctx, n); err != nil {
			return err
		}
	}
	var key *phone.Key
	if n.SignedBy == "certificate" {
		if key, err = choose(p, n, r.Key); err != nil {
			return err
		}
	}
	if err := c.finish(ctx, p, n, key, r.Wait); err != nil {
		return err
	}
	return p.Forget(n.ID)
}

// finish waits for the digits as long as it may, and confirms.
func (c *cli) finish(ctx context.Context, p *phone.Phone, n *phone.Session, key *phone.Key, wait time.Duration) error {
	if wait > 0 {
		waiting, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if err := p.AwaitMatch(waiting, n); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	if err := p.Confirm(ctx, n, key); err != nil {
		return err
	}
	if n.State == phone.Accepted {
		c.say("%s", word(c, "签名已收到，服务器稍后完成；可用 show 查看。", "The signature was taken; the server will finish by itself. See it with show."))
		return nil
	}
	if n.Result != nil {
		c.result(n.Result)
	}
	return nil
}

// choose finds the one key that fits, or says why there is none.
func choose(p *phone.Phone, n *phone.Session, id string) (*phone.Key, error) {
	if id != "" {
		return p.Key(id)
	}
	fit, err := p.Fitting(n)
	if err != nil {
		return nil, err
	}
	switch len(fit) {
	case 1:
		return fit[0], nil
	case 0:
		name := "this kind"
		if n.Provider != nil {
			name = n.Provider.NameZH + " (" + n.Provider.ID + ")"
		}
		return nil, fmt.Errorf("this phone has no valid certificate of %s; collect one with enroll or take one with add", name)
	}
	var names []string
	for _, k := range fit {
		names = append(names, k.Certificate.Fingerprint()[:16]+" "+phone.Visible(k.Certificate.Subject()))
	}
	return nil, fmt.Errorf("several certificates fit; say which with --key:\n  %s", strings.Join(names, "\n  "))
}

type rejectCmd struct {
	Session string `arg:"" optional:"" help:"Which session; not needed while there is only one."`
	Reason  string `default:"not_now" enum:"not_now,wrong_account,wrong_provider,no_certificate,other" help:"not_now, wrong_account, wrong_provider, no_certificate or other."`
	Text    string `help:"A word to whoever began, shown on the page."`
}

func (r *rejectCmd) Run(ctx context.Context, c *cli) error {
	p, n, err := c.resume(ctx, r.Session)
	if err != nil {
		return err
	}
	if err := p.Reject(ctx, n, r.Reason, r.Text); err != nil {
		return err
	}
	c.say("%s", word(c, "已拒绝。", "Rejected."))
	return p.Forget(n.ID)
}

type notMeCmd struct {
	Session string `arg:"" optional:"" help:"Which session; not needed while there is only one."`
}

func (r *notMeCmd) Run(ctx context.Context, c *cli) error {
	p, n, err := c.resume(ctx, r.Session)
	if err != nil {
		return err
	}
	if err := p.NotMe(ctx, n); err != nil {
		return err
	}
	c.say("%s", word(c, "已终止并上报：不是本人操作。", "Ended, and told to those who run the server: it was not you."))
	return p.Forget(n.ID)
}

type sessionsCmd struct {
	All bool `help:"Those that are over, too."`
}

func (s *sessionsCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	list, err := p.Sessions(ctx, !s.All)
	if err != nil {
		return err
	}
	for _, n := range list {
		c.say("%s  %-10s %s", n.ID, n.State, phone.Headline(n.Purpose, c.Lang))
	}
	if len(list) == 0 {
		c.say("%s", word(c, "没有待确认的请求。", "Nothing waits for this phone."))
	}
	return nil
}
