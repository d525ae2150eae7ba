package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"certlink/account"
	"certlink/api"
	"certlink/cashier"
	"certlink/cashier/invoice"
	"certlink/confirm"
	"certlink/desk"
	"certlink/internal/audit"
	"certlink/internal/effect"
	"certlink/internal/feed"
	"certlink/internal/seal"
	"certlink/internal/upload"
	"certlink/mobilecert"
	"certlink/mobilecert/application"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/identity"
	"certlink/mobilecert/renewal"
	"certlink/mobilecert/renewal/site/sandbox"
	"certlink/push"
	"certlink/qr"
	"certlink/store"
	"certlink/store/sqlite"
	"certlink/trust"
	"certlink/trust/authority"
	_ "certlink/trust/revocation" // so that its codes are known, as in the program
	"certlink/trust/trusttest"
)

var ctx = context.Background()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shifted is a clock that runs, from the moment the tests' certificates are good
// for, and can be moved on, or stopped.
type shifted struct {
	offset  atomic.Int64
	stopped atomic.Pointer[time.Time]
}

func newClock() *shifted {
	c := new(shifted)
	c.offset.Store(int64(trusttest.Now.Sub(time.Now())))
	return c
}

func (c *shifted) Now() time.Time {
	if at := c.stopped.Load(); at != nil {
		return *at
	}
	return time.Now().UTC().Add(time.Duration(c.offset.Load()))
}

func (c *shifted) Advance(d time.Duration) { c.offset.Add(int64(d)) }

// Stop stops the clock at a moment.
func (c *shifted) Stop(at time.Time) { c.stopped.Store(&at) }

func schema() []store.Collection {
	return slices.Concat(account.Collections(), mobilecert.Collections(), confirm.Collections(), qr.Collections(), desk.Collections(), audit.Collections(), push.Collections(), cashier.Collections(), invoice.Collections(), upload.Collections(),
		application.Collections(), identity.Collections(), bids.Collections(), renewal.Collections(), sandbox.Collections())
}

// derived sees that the index values of all that a test has left follow from what is
// stored, as a newer version will need it.
func derived(t testing.TB, s store.Store) {
	for _, c := range schema() {
		if len(c.Indexes) == 0 {
			continue
		}
		docs, _, err := s.Query(ctx, c.Name, store.Query{})
		check(t, err)
		for _, d := range docs {
			got, err := c.Derive(d)
			check(t, err)
			maps.DeleteFunc(got, func(_, v string) bool { return v == "" })
			if !maps.Equal(got, d.Index) {
				t.Errorf("%s/%s: derived %v, stored %v", c.Name, d.ID, got, d.Index)
			}
		}
	}
}

// sealedAnew changes the key of all that a test has left under seal, and takes the old
// one away: everything must open with the new one alone, which a third key shows.
func sealedAnew(t testing.TB, s store.Store, keyFile string, old *seal.Ring) {
	made, err := os.ReadFile(keyFile)
	check(t, err)
	keys := map[string]string{"k8": "k8 ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=", "k9": "k9 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
	for _, text := range []string{keys["k8"] + "\n" + string(made), keys["k9"] + "\n" + keys["k8"]} {
		ring, err := seal.Parse(text)
		check(t, err)
		for _, stock := range slices.Concat(account.Sealed(s, ring), mobilecert.Sealed(s, ring), application.Sealed(s, ring),
			push.Sealed(s, ring), invoice.Sealed(s, ring), upload.Sealed(s, ring)) {
			_, err := stock.Reseal(ctx)
			check(t, err)
			if n, err := stock.Reseal(ctx); n != 0 || err != nil {
				t.Errorf("%s: %d documents are sealed again and again, %v", stock.Collection, n, err)
			}
		}
	}
	for _, c := range schema() {
		docs, _, err := s.Query(ctx, c.Name, store.Query{})
		check(t, err)
		for _, d := range docs {
			if bytes.Contains(d.Body, []byte(`"`+old.Key()+`.`)) || bytes.Contains(d.Body, []byte(`"k8.`)) {
				t.Errorf("%s/%s is still sealed with an old key: %s", c.Name, d.ID, d.Body)
			}
		}
	}
}

// template is an installation with the demo people in it and each of them signed
// in: made once, since hashing passwords is dear, and copied for every test.
var template = sync.OnceValues(func() (*made, error) {
	dir, err := os.MkdirTemp("", "certlink-api-")
	if err != nil {
		return nil, err
	}
	templateDir = dir
	m := &made{dir: dir, sessions: map[string]string{}, clock: newClock()}
	ring, err := seal.Load(filepath.Join(dir, "secret.key"))
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, filepath.Join(dir, "store"), schema())
	if err != nil {
		return nil, err
	}
	defer db.Close()
	accounts, err := account.New(account.Config{Store: db, Clock: m.clock.Now, Seal: ring, Demo: true, Limits: cheap})
	if err != nil {
		return nil, err
	}
	defer accounts.Close()
	if err := accounts.EnsureDemo(ctx); err != nil {
		return nil, err
	}
	for _, d := range accounts.DemoLogins() {
		token, p, err := accounts.SignIn(ctx, account.SignIn{Login: d.Login, Password: d.Password})
		if err != nil {
			return nil, err
		}
		m.sessions[d.Login] = token
		if d.Role == account.Integrator {
			if m.token, _, err = accounts.CreateToken(ctx, account.System("test"), p.Account.ID, "test", 0); err != nil {
				return nil, err
			}
		}
	}
	m.ca, err = authority.OpenDemo(filepath.Join(dir, "authority"), authority.Options{Clock: m.clock.Now})
	return m, err
})

// templateDir goes when the tests are done; empty where none needed it.
var templateDir string

type made struct {
	dir      string
	clock    *shifted
	ca       *authority.Authority // the demo authority
	sessions map[string]string    // login → token
	token    string               // the integrator's
}

var cheap = account.Limits{PasswordMemoryKiB: 19 << 10, PasswordTime: 1}

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	code := m.Run()
	if templateDir != "" {
		os.RemoveAll(templateDir)
	}
	if code == 0 {
		code = emittedAll()
	}
	os.Exit(code)
}

// world is a whole installation: one store, and one server or more.
type world struct {
	t        testing.TB
	made     *made
	dir      string
	clock    *shifted
	store    store.Store
	ring     *seal.Ring
	revoked  *revocation
	accounts *account.Service
	certs    *mobilecert.Certificates
	bindings *mobilecert.Bindings
	qr       *qr.Service
	prompts  *push.Prompts
	money
	phones   *push.Phones
	outbox   *push.Outbox
	bids     *bids.Ledger
	renewals *renewal.Service
	desk     *desk.Service
	hub      *feed.Hub
	faces    *faces
	apps     *application.Service
	srv      *api.Server
	origin   string
	change   func(*settings)
}

// settings are what a test may change before the server starts.
type settings struct {
	api      api.Config
	account  account.Limits
	issuers  []account.IssuerConfig
	times    qr.Times
	maxOpen  int
	listener func(net.Listener) net.Listener
	products []*mobilecert.Product
	grants   mobilecert.Grants
	site     renewal.Site
	noFaces  bool // no service checks faces
	// store wraps the engine.
	store func(store.Store) store.Store
}

// The authorities of the tests' other providers, the same for all of them.
var (
	ec  = sync.OnceValue(func() *trusttest.Authority { return trusttest.Root(tb{}, trust.ES256, "Test P-256 CA") })
	sm  = sync.OnceValue(func() *trusttest.Authority { return trusttest.Root(tb{}, trust.SM2SM3, "Test SM2 CA") })
	rs  = sync.OnceValue(func() *trusttest.Authority { return trusttest.Root(tb{}, trust.RS256, "Test RSA CA") })
	tie = sync.OnceValue(func() *trusttest.Authority { return trusttest.Root(tb{}, trust.ES256, "Test CA with revocation") })
)

// tb lets trusttest be used before there is a test.
type tb struct{ testing.TB }

func (tb) Helper()                   {}
func (tb) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (tb) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// Providers of the tests' catalogue: cfca, beijing and tianwei issue P-256, SM2 and
// RSA certificates; sichuan's must be asked about revocation; xibu's identity is
// not compared; guangxi has no anchors.
func (w *world) catalogue(builtin *authority.Authority) *mobilecert.Catalogue {
	raw, err := os.ReadFile("../mobilecert/catalogue/default.json")
	check(w.t, err)
	var file map[string]any
	check(w.t, json.Unmarshal(raw, &file))
	for _, p := range file["providers"].([]any) {
		p := p.(map[string]any)
		switch p["id"] {
		case "xibu":
			p["identity_check"] = false
		case "yunnan":
			continue // has U-Keys only
		case "xinjiang":
			delete(p["media"].(map[string]any), "ukey")
		}
		p["media"].(map[string]any)["mobile"] = map[string]any{"zh": "移动证书", "en": "mobile certificate"}
	}
	raw, err = json.Marshal(file)
	check(w.t, err)
	path := filepath.Join(w.dir, "catalogue.json")
	check(w.t, os.WriteFile(path, raw, 0o600))
	pem := func(a *trusttest.Authority) []byte { return trusttest.PEM(a.Cert) }
	c, err := mobilecert.LoadCatalogue(path,
		mobilecert.Builtin{Provider: "huixin", Anchors: builtin.Anchors(), Revocation: trust.RevocationNone},
		mobilecert.Builtin{Provider: "cfca", Anchors: pem(ec()), Revocation: trust.RevocationNone},
		mobilecert.Builtin{Provider: "beijing", Anchors: pem(sm()), Revocation: trust.RevocationNone},
		mobilecert.Builtin{Provider: "tianwei", Anchors: pem(rs()), Revocation: trust.RevocationNone},
		mobilecert.Builtin{Provider: "sichuan", Anchors: pem(tie()), Revocation: trust.RevocationRequired},
		mobilecert.Builtin{Provider: "xibu", Anchors: pem(ec()), Revocation: trust.RevocationNone})
	check(w.t, err)
	return c
}

// revocation answers as a source of revocation would, with what a test tells it.
type revocation struct{ fault atomic.Pointer[error] }

func (r *revocation) Status(_ context.Context, leaf, _ *trust.Certificate, now time.Time) (trust.Proof, error) {
	if e := r.fault.Load(); e != nil {
		return trust.Proof{}, *e
	}
	return trust.Proof{Kind: trust.ProofOCSP, Certificate: leaf.Fingerprint(), CheckedAt: now, DER: []byte("response")}, nil
}

func newWorld(t testing.TB, change ...func(*settings)) *world {
	t.Helper()
	m, err := template()
	check(t, err)
	w := &world{t: t, made: m, dir: t.TempDir(), clock: newClock(), revoked: new(revocation)}
	check(t, os.CopyFS(filepath.Join(w.dir, "store"), os.DirFS(filepath.Join(m.dir, "store"))))
	w.change = func(s *settings) {
		for _, c := range change {
			c(s)
		}
	}
	w.ring, err = seal.Load(filepath.Join(m.dir, "secret.key"))
	check(t, err)
	db, err := sqlite.Open(ctx, filepath.Join(w.dir, "store"), schema())
	check(t, err)
	t.Cleanup(func() {
		derived(t, db)
		sealedAnew(t, db, filepath.Join(m.dir, "secret.key"), w.ring)
		db.Close()
	})
	w.store = db
	w.start()
	return w
}

// start wires the rooms as main does, and serves them on a port of this machine.
func (w *world) start() {
	t := w.t
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	w.origin = "http://" + ln.Addr().String()
	limits := api.DefaultLimits()
	limits.Global, limits.Starts, limits.Account, limits.Session, limits.Device = api.Unbounded, api.Unbounded, api.Unbounded, api.Unbounded, api.Unbounded
	limits.Programs = api.Unbounded
	limits.Heartbeat = 200 * time.Millisecond
	s := settings{account: cheap, times: qr.DefaultTimes(), maxOpen: 20, api: api.Config{
		Origin: w.origin, Demo: true, Version: "test", Clock: w.clock.Now, Limits: limits,
		Assets: fstest.MapFS{
			"portal/index.html":       {Data: []byte("<!doctype html><title>portal</title>")},
			"portal/main-ABCD2345.js": {Data: []byte("export const words = '" + strings.Repeat("certlink ", 300) + "'")},
			"phone/index.html":        {Data: []byte("<!doctype html><title>phone</title>")},
			"phone/sw.js":             {Data: []byte("self.skipWaiting()")},
			"docs/index.html":         {Data: []byte("<!doctype html><title>docs</title>")},
			"widget/certlink.js":      {Data: []byte("void 0")},
		},
		Lasting: func(name string) bool { return name == "portal/main-ABCD2345.js" },
	}}
	w.change(&s)
	if s.listener != nil {
		ln = s.listener(ln)
	}
	db := w.store
	if s.store != nil {
		db = s.store(db)
	}
	w.accounts, err = account.New(account.Config{Store: db, Clock: w.clock.Now, Seal: w.ring, Demo: s.api.Demo, Limits: s.account, Issuers: s.issuers})
	check(t, err)
	ca := w.made.ca
	w.hub = feed.NewHub(db)
	cfg := mobilecert.Config{Store: db, Clock: w.clock.Now, Seal: w.ring, Catalogue: w.catalogue(ca), People: people{w.accounts}, Revocation: w.revoked}
	products := mobilecert.DemoProducts("huixin", mobilecert.BuiltinIssuer{Authority: ca})
	if s.products != nil {
		products = s.products
	}
	for _, p := range cfg.Catalogue.Products() {
		if p.Medium == mobilecert.Mobile && s.products == nil {
			p.Issuer = mobilecert.BuiltinIssuer{Authority: ca}
			products = append(products, p)
		}
	}
	cfg.Products, err = mobilecert.NewProducts(cfg.Catalogue, true, products...)
	check(t, err)
	w.certs, w.bindings = mobilecert.NewCertificates(cfg), mobilecert.NewBindings(cfg)
	w.openApplications(&cfg, w.certs, &s)
	purposes := w.renewing(cfg, &s)
	cfg.Grants = map[string]mobilecert.Grants{application.SubjectKind: w.apps, renewal.SubjectKind: w.renewals}
	if s.grants != nil {
		cfg.Grants[application.SubjectKind] = s.grants
	}
	purposes = append(purposes, mobilecert.NewBind(cfg, w.bindings), mobilecert.NewEnroll(cfg, w.certs))
	engine, err := confirm.New(confirm.Config{
		Store: db, Clock: w.clock.Now, Audience: s.api.Origin, Directory: w.accounts, Certificates: w.certs,
		Policy: cfg.Catalogue.Policy, Revocation: w.revoked, Purposes: purposes,
	})
	check(t, err)
	w.qr = qr.New(qr.Config{
		Store: db, Clock: w.clock.Now, Hub: w.hub, Engine: engine, Origin: s.api.Origin, Times: s.times, MaxOpen: s.maxOpen,
		Holds:      mobilecert.Holds(w.certs, w.bindings),
		DeviceName: w.deviceName,
	})
	w.phones = push.NewPhones(db, w.clock.Now, w.hub, w.ring, "fcm", "hms")
	w.prompts = push.NewPrompts(push.PromptsConfig{
		Store: db, Clock: w.clock.Now, Hub: w.hub, Engine: engine, Phones: w.phones, Times: push.DefaultPromptTimes(), DeviceName: w.deviceName,
		Party: w.party, Told: map[string]push.Handler{"extend": w.renewals.CarryPrompt, "acknowledge": w.renewals.CarryPrompt},
	})
	w.desk = desk.New(desk.Config{Store: db, Clock: w.clock.Now, Engine: engine, Times: desk.DefaultTimes(), MaxOpen: 20})
	c := s.api
	w.pays(&c)
	w.outbox = push.NewOutbox(db, w.clock.Now, map[string]push.Channel{push.PhoneChannelName: failing{}})
	c.Prompts, c.Phones, c.Outbox = w.prompts, w.phones, w.outbox
	c.Bids, c.Renewals = w.bids, w.renewals
	c.Desk, c.Bridge = w.desk, api.Bridge{Origin: "http://127.0.0.1:23917", Version: "test"}
	c.DemoUKey = mobilecert.NewDemoUKey(cfg, w.certs, "huixin", mobilecert.BuiltinIssuer{Authority: ca})
	c.Accounts, c.QR, c.Engine, c.Catalogue, c.Certificates, c.Bindings = w.accounts, w.qr, engine, cfg.Catalogue, w.certs, w.bindings
	c.Products, c.Audit, c.Store = products, audit.New(db), db
	w.srv, err = api.New(c)
	check(t, err)
	running, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	var polling sync.WaitGroup
	polling.Go(func() { w.hub.Run(running) })
	go func() { served <- w.srv.Serve(ln) }()
	accounts, srv := w.accounts, w.srv
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		srv.Shutdown(end)
		if err := <-served; err != nil {
			t.Error(err)
		}
		stop()
		polling.Wait()
		accounts.Close()
	})
}

// failing is a channel that gives every message up.
type failing struct{}

func (failing) Send(context.Context, *push.Message) error {
	return &push.PermanentError{Err: errors.New("the gateway answered 422")}
}

func (w *world) deviceName(ctx context.Context, id string) (string, error) {
	d, err := w.accounts.Device(ctx, id)
	if err != nil {
		return "", err
	}
	return d.Name, nil
}

// settle carries out what changes owe, as the relay does in the background.
func (w *world) settle() {
	w.t.Helper()
	done := func(context.Context, effect.Effect) error { return nil }
	check(w.t, push.NewRelay(w.store, schema(), map[string]push.Handler{
		effect.Audit: audit.New(w.store).Carry, cashier.EffectOrder: w.apps.CarryOrder, effect.Mail: done, qr.EffectNotMe: w.qr.CarryNotMe, effect.Webhook: done, effect.Push: done,
		push.EffectPromptEnded: w.prompts.CarryEnded, push.EffectPrompt: w.prompts.Carry, mobilecert.EffectIssued: w.carryIssued,
		mobilecert.EffectSupersede: w.renewals.CarrySuccessor, mobilecert.EffectRevoked: w.renewals.CarryRevoked, bids.EffectGuard: w.bids.CarryGuard,
		bids.EffectAcknowledged: w.renewals.CarryAcknowledged, renewal.EffectErased: w.renewals.CarryErased, cashier.EffectCompleted: w.orders.CarryCompleted, cashier.EffectRefund: w.orders.CarryRefund, identity.EffectChecked: w.carryChecked,
	}).Run(ctx))
}

// carryChecked tells the renewal or the application that a face check was for.
func (w *world) carryChecked(ctx context.Context, e effect.Effect) error {
	if e.Data["subject_kind"] == renewal.SubjectKind {
		return w.renewals.CarryChecked(ctx, e)
	}
	return w.apps.CarryChecked(ctx, e)
}

// carryIssued tells the renewal or the application by which a certificate was granted.
func (w *world) carryIssued(ctx context.Context, e effect.Effect) error {
	if e.Data["grant_kind"] == renewal.SubjectKind {
		return w.renewals.CarryIssued(ctx, e)
	}
	return w.apps.CarryIssued(ctx, e)
}

// people shows accounts to mobilecert.
type people struct{ accounts *account.Service }

func (p people) Person(ctx context.Context, id string) (*mobilecert.Person, error) {
	a, err := p.accounts.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	o, err := p.accounts.GetOrganisation(ctx, a.OrganisationID)
	if err != nil {
		return nil, err
	}
	return &mobilecert.Person{ID: a.ID, Login: a.Login, Name: a.Name, IDNumber: a.IDNumber, OrganisationID: o.ID,
		Organisation: o.Name, CreditCode: o.CreditCode, Admin: a.Has(account.Admin)}, nil
}

// person finds a demo account by its login.
func (w *world) person(login string) *mobilecert.Person {
	w.t.Helper()
	p, err := w.accounts.Session(ctx, w.made.sessions[login])
	check(w.t, err)
	out, err := people{w.accounts}.Person(ctx, p.Account.ID)
	check(w.t, err)
	return out
}

// holder is somebody with a certificate that names the person of a demo account.
func (w *world) holder(ca *trusttest.Authority, alg trust.Algorithm, login string, change ...func(*trusttest.Template)) *trusttest.Holder {
	w.t.Helper()
	p := w.person(login)
	return ca.Identified(w.t, alg, p.IDNumber, p.CreditCode, change...)
}
