package main

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
	"certlink/push"
	"certlink/qr"
	"certlink/store"
	"certlink/store/mongo"
	"certlink/store/sqlite"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/web"
)

// program is the whole server. Tests start the same struct as main does.
type program struct {
	settings settings
	clock    clock.Clock
	log      *slog.Logger

	store        store.Store
	ring         *seal.Ring
	spare        bool // it was said that the older keys are not needed any more
	accounts     *account.Service
	catalogue    *mobilecert.Catalogue
	certificates *mobilecert.Certificates
	engine       *confirm.Engine
	qr           *qr.Service
	hub          *feed.Hub
	relay        *push.Relay
	outbox       *push.Outbox
	audit        *audit.Log
	uploads      *upload.Store
	authority    *authority.Authority
	server       *api.Server

	pushing
	renewing
	applying
	desk *desk.Service // statements for U-Keys
	paying
}

// schema is every collection of every room.
func schema() []store.Collection {
	return slices.Concat(account.Collections(), mobilecert.Collections(), confirm.Collections(), qr.Collections(),
		cashier.Collections(), invoice.Collections(), desk.Collections(), renewalSchema(), application.Collections(), identity.Collections(),
		push.Collections(), audit.Collections(), upload.Collections(), lease.Collections(), []store.Collection{revocationLists})
}

// openStore opens the engine that the settings name.
func (s *settings) openStore(ctx context.Context) (store.Store, error) {
	if s.Store == "embedded" {
		return sqlite.Open(ctx, filepath.Join(s.Data, "store"), schema())
	}
	return mongo.Open(ctx, s.Store, s.Database, schema())
}

// open wires the rooms; nothing runs yet. origin is known only after listening
// where the port is chosen by the system.
func (p *program) open(ctx context.Context, origin string) (err error) {
	s := &p.settings
	if p.clock == nil {
		p.clock = clock.System
	}
	if p.log == nil {
		p.log = slog.Default()
	}
	if p.ring, err = seal.Load(s.KeyFile); err != nil {
		return err
	}
	if p.store == nil {
		if p.store, err = s.openStore(ctx); err != nil {
			return err
		}
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()

	issuers, err := loadIssuers(s.Issuers)
	if err != nil {
		return err
	}
	p.accounts, err = account.New(account.Config{Store: p.store, Clock: p.clock, Seal: p.ring, Demo: s.Demo, Issuers: issuers, Log: p.log})
	if err != nil {
		return err
	}
	var builtin []mobilecert.Builtin
	if err := p.openAuthority(origin); err != nil {
		return err
	}
	if p.authority != nil {
		builtin = append(builtin, mobilecert.Builtin{Provider: builtinProvider, Anchors: p.authority.Anchors(), Revocation: trust.RevocationRequired})
	}
	if p.catalogue, err = mobilecert.LoadCatalogue(s.Catalogue, builtin...); err != nil {
		return err
	}

	for _, warning := range p.catalogue.Outdated(p.clock()) {
		p.log.Warn("a trust anchor of the catalogue is outside its term", "anchor", warning)
	}

	p.hub = feed.NewHub(p.store)
	p.uploads = upload.New(p.store, p.clock, p.ring)
	config := mobilecert.Config{Store: p.store, Clock: p.clock, Hub: p.hub, Seal: p.ring, Catalogue: p.catalogue,
		People: people{p.accounts}, BindingsPerAccount: s.BindingsEach}
	if config.Products, err = p.products(); err != nil {
		return err
	}
	if p.authority != nil {
		config.Own = func(c *trust.Certificate) bool { _, own := p.authority.Issued(c); return own }
	}
	certificates, bindings := mobilecert.NewCertificates(config), mobilecert.NewBindings(config)
	if err := p.openCashier(origin); err != nil {
		return err
	}
	if err := p.openApplications(origin, config.People, certificates); err != nil {
		return err
	}
	config.Grants = grants{p}
	if err := p.openSite(origin, certificates); err != nil {
		return err
	}
	enroll := mobilecert.NewEnroll(config, certificates)
	// The table of purposes: adding one is a line here.
	purposes := []confirm.Purpose{mobilecert.NewBind(config, bindings), enroll}
	purposes = append(purposes, p.openRenewal(config, certificates, bindings)...)
	p.engine, err = confirm.New(confirm.Config{
		Store: p.store, Clock: p.clock, Audience: origin, Directory: p.accounts, Certificates: certificates,
		Policy: p.catalogue.Policy, Revocation: p.revocation(certificates), Purposes: purposes,
	})
	if err != nil {
		return err
	}
	p.qr = qr.New(qr.Config{
		Store: p.store, Clock: p.clock, Hub: p.hub, Engine: p.engine, Origin: origin, Times: qr.DefaultTimes(), MaxOpen: 20,
		Holds:      mobilecert.Holds(certificates, bindings),
		DeviceName: p.deviceName,
	})
	p.certificates = certificates
	p.bindings = bindings
	if err := p.openPrompts(ctx); err != nil {
		return err
	}
	p.openDesk()
	if err := p.openPush(origin); err != nil {
		return err
	}
	assets, built := web.Assets()
	if !built {
		p.log.Warn("the pages are not built into this binary; run make web and build again")
		assets = nil
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.server, err = api.New(api.Config{
		Origin: origin, TrustedProxies: prefixes(s.TrustedProxies), WidgetOrigins: s.WidgetOrigins, Demo: s.Demo, Version: version,
		Prompts: p.prompts, Phones: p.phones, Outbox: p.outbox, Bids: p.bids, Renewals: p.renewals,
		Accounts: p.accounts, QR: p.qr, Desk: p.desk, Bridge: s.bridge(), DemoUKey: p.demoUKey(config, certificates), Engine: p.engine, Store: p.store,
		Orders: p.orders, Sandbox: p.payments, Invoices: p.invoices,
		Catalogue: p.catalogue, Certificates: certificates, Bindings: bindings, Products: config.Products.List(), Audit: p.audit, Uploads: p.uploads, Applications: p.applications, Faces: p.faces, FaceSandbox: p.faceSandbox, SiteSandbox: p.siteSandbox, Authority: p.publications(certificates),
		Assets: assets, Lasting: web.Lasting, Clock: p.clock, Log: p.log,
		Registry: registry, MetricsToken: s.MetricsToken, Limits: s.limits(),
	})
	return err
}

// limits are the API's limits as the settings change them.
func (s *settings) limits() api.Limits {
	var l api.Limits
	l.Starts = api.Rate{PerSecond: float64(s.StartsPerMin) / 60, Burst: max(s.StartsPerMin/2, 5)}
	l.Programs = api.Rate{PerSecond: float64(s.ProgramsPerSec), Burst: 2 * s.ProgramsPerSec}
	l.Global = api.Rate{PerSecond: float64(s.RequestsPerSec), Burst: s.RequestsPerSec}
	return l
}

// builtinProvider is whose certificates the built-in authority issues.
const builtinProvider = "huixin"

// openAuthority opens the demo authority in demo mode, else the private one if
// it has been made.
func (p *program) openAuthority(origin string) (err error) {
	s := &p.settings
	options := authority.Options{BaseURL: origin + "/ca", Demo: s.Demo, Clock: p.clock}
	if s.Demo {
		p.authority, err = authority.OpenDemo(filepath.Join(s.Data, "demo-authority"), options)
		return err
	}
	dir := filepath.Join(s.Data, "authority")
	if _, statErr := os.Stat(dir); errors.Is(statErr, os.ErrNotExist) {
		return nil
	}
	passphrase, err := readSecretFile(s.AuthorityPassphrase)
	if err != nil {
		return fmt.Errorf("CERTLINK_AUTHORITY_PASSPHRASE_FILE: %w", err)
	}
	p.authority, err = authority.Load(dir, passphrase, options)
	return err
}

// openPush wires what follows from changes.
func (p *program) openPush(origin string) error {
	channels := map[string]push.Channel{}
	if p.settings.WebhookURL != "" {
		hook, err := push.NewWebhook(p.settings.WebhookURL, []byte(p.settings.WebhookSecret), p.clock)
		if err != nil {
			return err
		}
		channels[effect.Webhook] = hook
	}
	if err := p.openChannels(channels); err != nil {
		return err
	}
	p.audit = audit.New(p.store)
	handlers := map[string]push.Handler{}
	channels[push.WorkChannel] = &push.Work{Handlers: handlers}
	p.outbox = push.NewOutbox(p.store, p.clock, channels)
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
	p.relay = push.NewRelay(p.store, schema(), handlers)
	p.relay.GivenUp = p.outbox.TakeOver
	return nil
}

// leaseTerm is how long a killed server's background work waits for another.
const leaseTerm = 10 * time.Second

// run serves on ln until ctx ends, then ends streams and requests, gives up the
// leases and closes the store, within two seconds.
func (p *program) run(ctx context.Context, ln net.Listener) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	keeper := lease.NewKeeper(p.store, p.clock, leaseTerm)
	var wg sync.WaitGroup
	wg.Go(func() { p.hub.Run(background) })
	every := func(name string, interval time.Duration, work func(context.Context) error) {
		wg.Go(func() { keeper.Every(background, name, interval, work) })
	}
	every("sessions", 500*time.Millisecond, p.qr.Sweep)
	every("prompts", 500*time.Millisecond, p.prompts.Sweep)
	every("desk", 500*time.Millisecond, p.desk.Sweep)
	every("relay", 300*time.Millisecond, p.relay.Run)
	every("orders", time.Second, p.orders.Sweep)
	every("invoices", 2*time.Second, p.invoices.Sweep)
	every("sandbox", time.Second, p.notify)
	every("renewals", 30*time.Second, p.renewals.Sweep)
	every("applications", time.Second, func(ctx context.Context) error {
		return errors.Join(p.applications.Sweep(ctx), p.faces.Sweep(ctx))
	})
	p.everyQueue(every)
	every("reminders", time.Minute, p.reminders.Run)
	every("house", time.Minute, func(ctx context.Context) error {
		_, err := p.accounts.Sweep(ctx)
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
	p.close()
	return err
}

func (p *program) close() {
	p.closeCashier()
	p.closeFaces()
	p.closeSite()
	if p.accounts != nil {
		p.accounts.Close()
	}
	if err := p.store.Close(); err != nil {
		p.log.Error("the store did not close cleanly", "err", err)
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

// readSecretFile reads a passphrase, without the line's end.
func readSecretFile(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("name the file that holds the passphrase")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return []byte(strings.TrimRight(string(b), "\r\n")), nil
}
