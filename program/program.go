// Package program is the whole server: it knows the settings, and how the rooms are
// wired together. Commands and tests start it.
package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"certlink/account"
	"certlink/api"
	"certlink/cashier"
	"certlink/cashier/invoice"
	"certlink/confirm"
	"certlink/desk"
	"certlink/internal/audit"
	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/feed"
	"certlink/internal/lease"
	"certlink/internal/seal"
	"certlink/internal/upload"
	"certlink/mobilecert"
	"certlink/mobilecert/application"
	"certlink/mobilecert/identity"
	"certlink/mobilecert/renewal"
	"certlink/push"
	"certlink/qr"
	"certlink/store"
	"certlink/store/mongo"
	"certlink/store/sqlite"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/web"
)

// Version is set by the release build.
var Version = "0.1.0"

// Program is the whole server, the same for main and for tests. What they need of it
// is exported.
type Program struct {
	Settings Settings
	Clock    clock.Clock
	Log      *slog.Logger

	Store        store.Store
	Ring         *seal.Ring
	spare        bool // it was said that the older keys are not needed any more
	Accounts     *account.Service
	Catalogue    *mobilecert.Catalogue
	Certificates *mobilecert.Certificates
	engine       *confirm.Engine
	qr           *qr.Service
	hub          *feed.Hub
	relay        *push.Relay
	outbox       *push.Outbox
	audit        *audit.Log
	uploads      *upload.Store
	Authority    *authority.Authority
	server       *api.Server

	pushing
	renewing
	applying
	desk *desk.Service // statements for U-Keys
	paying
}

// Schema is every collection of every room.
func Schema() []store.Collection {
	return slices.Concat(account.Collections(), mobilecert.Collections(), confirm.Collections(), qr.Collections(),
		cashier.Collections(), invoice.Collections(), desk.Collections(), renewalSchema(), application.Collections(), identity.Collections(),
		push.Collections(), audit.Collections(), upload.Collections(), lease.Collections(), []store.Collection{revocationLists})
}

// OpenStore opens the engine that the settings name.
func (s *Settings) OpenStore(ctx context.Context) (store.Store, error) {
	if s.Store == "embedded" {
		return sqlite.Open(ctx, filepath.Join(s.Data, "store"), Schema())
	}
	return mongo.Open(ctx, s.Store, s.Database, Schema())
}

// Open wires the rooms; nothing runs yet. origin is known only after listening
// where the port is chosen by the system.
func (p *Program) Open(ctx context.Context, origin string) (err error) {
	s := &p.Settings
	if p.Clock == nil {
		p.Clock = clock.System
	}
	if p.Log == nil {
		p.Log = slog.Default()
	}
	if p.Ring, err = seal.Load(s.KeyFile); err != nil {
		return err
	}
	if p.Store == nil {
		if p.Store, err = s.OpenStore(ctx); err != nil {
			return err
		}
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()

	issuers, err := loadIssuers(s.Issuers)
	if err != nil {
		return err
	}
	p.Accounts, err = account.New(account.Config{Store: p.Store, Clock: p.Clock, Seal: p.Ring, Demo: s.Demo, Issuers: issuers, Log: p.Log})
	if err != nil {
		return err
	}
	var builtin []mobilecert.Builtin
	if err := p.openAuthority(origin); err != nil {
		return err
	}
	if p.Authority != nil {
		builtin = append(builtin, mobilecert.Builtin{Provider: BuiltinProvider, Anchors: p.Authority.Anchors(), Revocation: trust.RevocationRequired})
	}
	if p.Catalogue, err = mobilecert.LoadCatalogue(s.Catalogue, builtin...); err != nil {
		return err
	}

	for _, warning := range p.Catalogue.Outdated(p.Clock()) {
		p.Log.Warn("a trust anchor of the catalogue is outside its term", "anchor", warning)
	}

	p.hub = feed.NewHub(p.Store)
	p.uploads = upload.New(p.Store, p.Clock, p.Ring)
	config := mobilecert.Config{Store: p.Store, Clock: p.Clock, Seal: p.Ring, Catalogue: p.Catalogue,
		People: People{p.Accounts}, BindingsPerAccount: s.BindingsEach}
	if config.Products, err = p.products(); err != nil {
		return err
	}
	if p.Authority != nil {
		config.Own = func(c *trust.Certificate) bool { _, own := p.Authority.Issued(c); return own }
	}
	// What is revoked is read from the records, for which no other service is needed.
	config.Revocation = p.revocation(mobilecert.NewCertificates(config))
	certificates, bindings := mobilecert.NewCertificates(config), mobilecert.NewBindings(config)
	if err := p.openCashier(origin); err != nil {
		return err
	}
	if err := p.openApplications(origin, config.People, certificates); err != nil {
		return err
	}
	if err := p.openSite(origin, certificates); err != nil {
		return err
	}
	// The table of purposes: adding one is a line here.
	purposes := p.openRenewal(config, certificates, bindings)
	config.Grants = map[string]mobilecert.Grants{application.SubjectKind: p.Applications, renewal.SubjectKind: p.Renewals}
	purposes = append(purposes, mobilecert.NewBind(config, bindings), mobilecert.NewEnroll(config, certificates))
	p.engine, err = confirm.New(confirm.Config{
		Store: p.Store, Clock: p.Clock, Audience: origin, Directory: p.Accounts, Certificates: certificates,
		Policy: p.Catalogue.Policy, Revocation: config.Revocation, Purposes: purposes,
	})
	if err != nil {
		return err
	}
	p.qr = qr.New(qr.Config{
		Store: p.Store, Clock: p.Clock, Hub: p.hub, Engine: p.engine, Origin: origin, Times: qr.DefaultTimes(), MaxOpen: 20,
		Holds:      mobilecert.Holds(certificates, bindings),
		DeviceName: p.deviceName,
	})
	p.Certificates = certificates
	p.Bindings = bindings
	if err := p.openPrompts(ctx); err != nil {
		return err
	}
	p.openDesk()
	if err := p.openPush(origin); err != nil {
		return err
	}
	assets, built := web.Assets()
	if !built {
		p.Log.Warn("the pages are not built into this binary; run make web and build again")
		assets = nil
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.server, err = api.New(api.Config{
		Origin: origin, TrustedProxies: prefixes(s.TrustedProxies), WidgetOrigins: s.WidgetOrigins, Demo: s.Demo, Version: Version,
		Prompts: p.Prompts, Phones: p.Phones, Outbox: p.outbox, Bids: p.Bids, Renewals: p.Renewals,
		Accounts: p.Accounts, QR: p.qr, Desk: p.desk, Bridge: s.bridge(), DemoUKey: p.demoUKey(config, certificates), Engine: p.engine, Store: p.Store,
		Orders: p.Orders, Sandbox: p.payments, Invoices: p.invoices,
		Catalogue: p.Catalogue, Certificates: certificates, Bindings: bindings, Products: config.Products.List(), Audit: p.audit, Uploads: p.uploads, Applications: p.Applications, Faces: p.faces, FaceSandbox: p.faceSandbox, SiteSandbox: p.siteSandbox, Authority: p.publications(certificates),
		Assets: assets, Lasting: web.Lasting, Clock: p.Clock, Log: p.Log,
		Registry: registry, MetricsToken: s.MetricsToken, Limits: s.limits(),
	})
	return err
}

// limits are the API's limits as the settings change them.
func (s *Settings) limits() api.Limits {
	var l api.Limits
	l.Starts = api.Rate{PerSecond: float64(s.StartsPerMin) / 60, Burst: max(s.StartsPerMin/2, 5)}
	l.Programs = api.Rate{PerSecond: float64(s.ProgramsPerSec), Burst: 2 * s.ProgramsPerSec}
	l.Global = api.Rate{PerSecond: float64(s.RequestsPerSec), Burst: s.RequestsPerSec}
	return l
}

// BuiltinProvider is whose certificates the built-in authority issues.
const BuiltinProvider = "huixin"

// openAuthority opens the demo authority in demo mode, else the private one if
// it has been made.
func (p *Program) openAuthority(origin string) (err error) {
	s := &p.Settings
	options := authority.Options{BaseURL: origin + "/ca", Demo: s.Demo, Clock: p.Clock}
	if s.Demo {
		p.Authority, err = authority.OpenDemo(filepath.Join(s.Data, "demo-authority"), options)
		return err
	}
	dir := filepath.Join(s.Data, "authority")
	if _, statErr := os.Stat(dir); errors.Is(statErr, os.ErrNotExist) {
		return nil
	}
	passphrase, err := ReadSecretFile(s.AuthorityPassphrase)
	if err != nil {
		return fmt.Errorf("CERTLINK_AUTHORITY_PASSPHRASE_FILE: %w", err)
	}
	p.Authority, err = authority.Load(dir, passphrase, options)
	return err
}

// openPush wires what follows from changes.
func (p *Program) openPush(origin string) error {
	channels := map[string]push.Channel{}
	if p.Settings.WebhookURL != "" {
		hook, err := push.NewWebhook(p.Settings.WebhookURL, []byte(p.Settings.WebhookSecret), p.Clock)
		if err != nil {
			return err
		}
		channels[effect.Webhook] = hook
	}
	if err := p.openChannels(channels); err != nil {
		return err
	}
	p.audit = audit.New(p.Store)
	handlers := map[string]push.Handler{}
	channels[push.WorkChannel] = &push.Work{Handlers: handlers}
	p.outbox = push.NewOutbox(p.Store, p.Clock, channels)
	p.openNotices(origin)
	p.openReminders()
	maps.Copy(handlers, map[string]push.Handler{
		effect.Audit:   p.audit.Carry,
		effect.Webhook: p.outbox.Carry(effect.Webhook),
		qr.EffectNotMe: p.qr.CarryNotMe,
	})
	maps.Copy(handlers, p.renewalHandlers())
	maps.Copy(handlers, p.orderHandlers())
	maps.Copy(handlers, p.promptHandlers())
	maps.Copy(handlers, p.applicationHandlers())
	p.relay = push.NewRelay(p.Store, Schema(), handlers)
	p.relay.GivenUp = p.outbox.TakeOver
	return nil
}

// LeaseTerm is how long a killed server's background work waits for another.
const LeaseTerm = 10 * time.Second

// Run serves on ln until ctx ends, then ends streams and requests, gives up the
// leases and closes the store, within two seconds.
func (p *Program) Run(ctx context.Context, ln net.Listener) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	keeper := lease.NewKeeper(p.Store, p.Clock, LeaseTerm)
	var wg sync.WaitGroup
	wg.Go(func() { p.hub.Run(background) })
	every := func(name string, interval time.Duration, work func(context.Context) error) {
		wg.Go(func() { keeper.Every(background, name, interval, work) })
	}
	every("sessions", 500*time.Millisecond, p.qr.Sweep)
	every("prompts", 500*time.Millisecond, p.Prompts.Sweep)
	every("desk", 500*time.Millisecond, p.desk.Sweep)
	every("relay", 300*time.Millisecond, p.relay.Run)
	every("orders", time.Second, p.Orders.Sweep)
	every("invoices", 2*time.Second, p.invoices.Sweep)
	every("sandbox", time.Second, p.notify)
	every("renewals", 30*time.Second, p.Renewals.Sweep)
	every("applications", time.Second, func(ctx context.Context) error {
		return errors.Join(p.Applications.Sweep(ctx), p.faces.Sweep(ctx))
	})
	p.everyQueue(every)
	every("reminders", time.Minute, p.reminders.Run)
	every("house", time.Minute, func(ctx context.Context) error {
		_, err := p.Accounts.Sweep(ctx)
		return errors.Join(err, p.outbox.Purge(ctx), p.qr.SweepPairs(ctx), p.uploads.Sweep(ctx))
	})

	every("seal", time.Minute, p.everyReseal)
	every("erase", 10*time.Minute, p.erase)

	served := make(chan error, 1)
	go func() { served <- p.server.Serve(ln) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 1500*time.Millisecond)
		err = p.server.Shutdown(bounded)
		cancel()
	}
	stop()
	wg.Wait()
	p.Close()
	return err
}

func (p *Program) Close() {
	p.closeCashier()
	p.closeFaces()
	p.closeSite()
	if p.Accounts != nil {
		p.Accounts.Close()
	}
	if err := p.Store.Close(); err != nil {
		p.Log.Error("the store did not close cleanly", "err", err)
	}
}

func prefixes(in []string) (out []netip.Prefix) {
	for _, s := range in {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p.Masked())
		} else if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return out
}

// ReadSecretFile reads a passphrase, without the line's end.
func ReadSecretFile(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("name the file that holds the passphrase")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return []byte(strings.TrimRight(string(b), "\r\n")), nil
}
