// Package mobilecert knows the life of a certificate on a phone: who issues it,
// how it is collected, which account it acts for, and when it no longer counts.
//
// Its documents are two aggregates, the certificates that certlink has issued
// and the bindings; its acts are the purposes "bind" and "enroll" of the
// confirmation engine. Each act's effect has the id of the statement that
// caused it, so an act that is repeated after a crash finds itself done.
package mobilecert

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"certlink/internal/fault"
	"certlink/trust"
)

//go:embed catalogue/default.json
var defaultCatalogue []byte

// Catalogue is the list of providers. It is read once and does not change.
type Catalogue struct {
	providers []*Provider
	byID      map[string]*Provider
}

// Builtin are the anchors of an authority that is part of this installation;
// they join those that the file names for the provider, and Revocation takes the
// place of what the file says about it.
type Builtin struct {
	Provider   string
	Anchors    []byte // PEM
	Revocation trust.RevocationPolicy
}

// CatalogueError names everything that is wrong with a catalogue file.
type CatalogueError struct {
	File     string
	Mistakes []Mistake
}

func (e *CatalogueError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the catalogue %s has %d mistake(s):", e.File, len(e.Mistakes))
	for _, m := range e.Mistakes {
		at := m.Pointer
		if at == "" {
			at = "the file"
		}
		b.WriteString("\n  " + at + " " + m.Text)
	}
	return b.String()
}

// LoadCatalogue reads the catalogue file, or the one that comes with the
// program where path is "". Files that it names lie relative to it.
func LoadCatalogue(path string, builtin ...Builtin) (*Catalogue, error) {
	if path == "" {
		return readCatalogue("(built in)", defaultCatalogue, func(name string) ([]byte, error) {
			return nil, fmt.Errorf("the built-in catalogue names no files, and %s is one", name)
		}, builtin)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the catalogue cannot be read: %w", err)
	}
	return readCatalogue(path, data, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		return os.ReadFile(name)
	}, builtin)
}

func readCatalogue(file string, data []byte, open func(string) ([]byte, error), builtin []Builtin) (*Catalogue, error) {
	var m mistakes
	c := &Catalogue{byID: map[string]*Provider{}}
	tree, err := parseTree(data, &m)
	if err != nil {
		m.add("", "%s", err)
		return nil, &CatalogueError{file, m}
	}
	r := reader{m: &m, open: open, builtin: builtin}
	o := asObject(tree, "", &m)
	if o.number("version", 0) != 1 {
		m.add("/version", "must be 1, the version of this format")
	}
	o.list("providers", true, func(v any, at string) {
		p := r.provider(v, at)
		if p.ID != "" && c.byID[p.ID] != nil {
			m.add(at+"/id", "another provider has the id %q already", p.ID)
		}
		for i, q := range p.Products {
			if _, err := c.Offered(q.ID); err == nil || slices.ContainsFunc(p.Products[:i], func(other *Product) bool { return other.ID == q.ID }) {
				m.add(at+"/products/"+strconv.Itoa(i)+"/id", "another product has the id %q already", q.ID)
			}
		}
		c.providers, c.byID[p.ID] = append(c.providers, p), p
	})
	o.done()
	for _, b := range builtin {
		if c.byID[b.Provider] == nil {
			m.add("/providers", "holds no provider %q, whose authority is part of this installation", b.Provider)
		}
	}
	if len(m) > 0 {
		return nil, &CatalogueError{file, m}
	}
	return c, nil
}

var (
	idForm    = regexp.MustCompile(`^[a-z][a-z0-9-]{1,31}$`)
	phoneForm = regexp.MustCompile(`^\+?[0-9][0-9 -]{3,23}$`)
)

// reader reads one file.
type reader struct {
	m       *mistakes
	open    func(string) ([]byte, error)
	builtin []Builtin
}

func (r *reader) provider(v any, at string) *Provider {
	o := asObject(v, at, r.m)
	p := &Provider{
		ID:            o.text("id", true),
		NameZH:        o.text("name_zh", true),
		NameEN:        o.text("name_en", true),
		MediaNames:    map[Medium]Name{},
		Bindable:      o.boolean("bindable", true),
		AsksPIN:       o.boolean("asks_pin", false),
		IdentityCheck: o.boolean("identity_check", true),
	}
	if p.ID != "" && !idForm.MatchString(p.ID) {
		r.m.add(at+"/id", "must be 2 to 32 of a-z, 0-9 and -, beginning with a letter")
	}
	o.list("aliases", false, func(v any, at string) { p.Aliases = append(p.Aliases, asText(v, at, r.m)) })
	o.list("phones", true, func(v any, at string) { p.Phones = append(p.Phones, r.phone(v, at)) })
	r.media(o, p)
	o.list("products", false, func(v any, at string) { p.Products = append(p.Products, r.product(v, at, p)) })
	o.list("drivers", false, func(v any, at string) { p.Drivers = append(p.Drivers, r.driver(v, at)) })
	r.policy(o, p)
	o.done()
	return p
}

func (r *reader) phone(v any, at string) Phone {
	o := asObject(v, at, r.m)
	p := Phone{LabelZH: o.text("label_zh", true), LabelEN: o.text("label_en", true), Number: o.text("number", true)}
	if p.Number != "" && !phoneForm.MatchString(p.Number) {
		r.m.add(at+"/number", "must be a telephone number: digits, spaces and -")
	}
	o.done()
	return p
}

func (r *reader) media(o *object, p *Provider) {
	v, there := o.get("media")
	if !there {
		r.m.add(o.path("media"), "is missing: an object with mobile, ukey or both")
		return
	}
	media := asObject(v, o.path("media"), r.m)
	for _, medium := range []Medium{Mobile, UKey} {
		v, there := media.get(string(medium))
		if !there {
			continue
		}
		name := asObject(v, media.path(string(medium)), r.m)
		p.Media = append(p.Media, medium)
		p.MediaNames[medium] = Name{ZH: name.text("zh", true), EN: name.text("en", true)}
		name.done()
	}
	if media.members != nil && len(p.Media) == 0 {
		r.m.add(o.path("media"), "must offer mobile, ukey or both")
	}
	media.done()
}

func (r *reader) driver(v any, at string) Driver {
	o := asObject(v, at, r.m)
	d := Driver{OS: o.oneOf("os", "", "windows", "macos", "linux"), URL: o.text("url", true)}
	if u, err := url.Parse(d.URL); d.URL != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
		r.m.add(at+"/url", "must be an https:// address")
	}
	o.done()
	return d
}

var revocationPolicies = map[string]trust.RevocationPolicy{
	"hard": trust.RevocationRequired,
	"soft": trust.RevocationSoftFail,
	"none": trust.RevocationNone,
}

// policy reads how the provider's certificates are checked.
func (r *reader) policy(o *object, p *Provider) {
	p.policy = trust.Policy{Provider: p.ID, Revocation: revocationPolicies[o.oneOf("revocation", "hard", "none", "soft", "hard")]}
	o.list("identifiers", false, func(v any, at string) {
		rule := asObject(v, at, r.m)
		p.policy.Identifiers = append(p.policy.Identifiers, trust.IdentifierRule{
			Field: rule.text("field", true), From: rule.text("from", true), Prefix: rule.text("prefix", false),
			Separator: rule.text("separator", false), Part: rule.number("part", 0),
		})
		rule.done()
	})
	if f := fault.Of(trust.CheckIdentifierRules(p.policy.Identifiers)); f != nil {
		for _, field := range f.Fields {
			r.m.add(o.path("identifiers")+field.Pointer, "is wrong: %s", field.EN)
		}
	}
	if len(p.policy.Identifiers) == 0 || slices.ContainsFunc(r.builtin, func(b Builtin) bool { return b.Provider == p.ID }) {
		// Of several rules for a field the first that finds something counts.
		p.policy.Identifiers = append(p.policy.Identifiers, trust.DefaultIdentifiers()...)
	}
	r.anchors(o, p)
}

// anchorFile is where a run of certificates in the joined text came from.
type anchorFile struct {
	at    string
	count int
}

// anchors joins the provider's files: a root and its intermediates may lie in
// different ones. Mistakes are told of the file they stand in.
func (r *reader) anchors(o *object, p *Provider) {
	var pem []byte
	var files []anchorFile
	add := func(at string, text []byte) {
		pem = append(append(pem, text...), '\n')
		files = append(files, anchorFile{at, bytes.Count(text, []byte("-----BEGIN "))})
	}
	o.list("anchors", false, func(v any, at string) {
		name := asText(v, at, r.m)
		if name == "" {
			return
		}
		text, err := r.open(name)
		if err != nil {
			r.m.add(at, "cannot be read: %s", err)
			return
		}
		add(at, text)
	})
	for _, b := range r.builtin {
		if b.Provider == p.ID {
			add(o.path("anchors")+" (of this installation's own authority)", b.Anchors)
			p.policy.Revocation = b.Revocation
		}
	}
	if files == nil {
		return
	}
	pool, err := trust.NewPool(pem)
	if err == nil {
		p.policy.Anchors = pool
		return
	}
	f := fault.Of(err)
	if f == nil || len(f.Fields) == 0 {
		r.m.add(o.path("anchors"), "cannot be used: %s", err)
		return
	}
	for _, field := range f.Fields {
		r.m.add(place(files, field.Pointer, o.path("anchors")), "cannot be used: %s", field.EN)
	}
}

// place finds the file of the certificate that trust.NewPool points at by its
// number in the joined text.
func place(files []anchorFile, pointer, otherwise string) string {
	n, err := strconv.Atoi(strings.TrimPrefix(pointer, "/"))
	if err != nil {
		return otherwise
	}
	for _, f := range files {
		if n < f.count {
			return fmt.Sprintf("%s, certificate %d,", f.at, n+1)
		}
		n -= f.count
	}
	return otherwise
}

// Providers lists all, in the order of the file.
func (c *Catalogue) Providers() []*Provider { return append([]*Provider(nil), c.providers...) }

// Provider finds one.
func (c *Catalogue) Provider(id string) (*Provider, error) {
	p := c.byID[id]
	if p == nil {
		return nil, ErrProviderUnknown
	}
	return p, nil
}

// Policy is how the provider's certificates are checked; the confirmation
// engine asks for it.
func (c *Catalogue) Policy(id string) (*trust.Policy, error) {
	p, err := c.Provider(id)
	if err != nil {
		return nil, err
	}
	if p.policy.Anchors == nil {
		return nil, ErrProviderUnavailable.With("phones", p.numbers())
	}
	return &p.policy, nil
}

// Outdated names anchors that are not valid at now, for the log at the start:
// certificates under them will be refused.
func (c *Catalogue) Outdated(now time.Time) []string {
	var out []string
	for _, p := range c.providers {
		if p.policy.Anchors == nil {
			continue
		}
		for _, a := range p.policy.Anchors.OutsideTerm(now) {
			out = append(out, fmt.Sprintf("provider %s: the anchor %s is valid from %s to %s only", p.ID, a.Subject(),
				a.NotBefore().Format(time.DateOnly), a.NotAfter().Format(time.DateOnly)))
		}
	}
	return out
}
