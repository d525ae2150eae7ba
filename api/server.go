// Package api is everything that knows HTTP: routes, who may call them, refusals as
// problem details, events, pages without script, and the OpenAPI document.
//
// Handlers decode, call one of the rooms behind, and render; rules live there.
package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"certlink/account"
	"certlink/cashier"
	"certlink/cashier/invoice"
	"certlink/cashier/sandbox"
	"certlink/confirm"
	"certlink/desk"
	"certlink/internal/audit"
	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/internal/upload"
	"certlink/mobilecert"
	"certlink/mobilecert/application"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/identity"
	facesandbox "certlink/mobilecert/identity/sandbox"
	"certlink/mobilecert/renewal"
	sitesandbox "certlink/mobilecert/renewal/site/sandbox"
	"certlink/push"
	"certlink/qr"
	"certlink/store"
)

// Config wires a Server.
type Config struct {
	// Origin is the public origin: what codes, proofs and redirects name. It never
	// comes from a request.
	Origin         string
	TrustedProxies []netip.Prefix
	// WidgetOrigins are sites whose pages may watch a session by its browser secret.
	WidgetOrigins []string
	Demo          bool
	Version       string

	Accounts     *account.Service
	QR           *qr.Service
	Prompts      *push.Prompts
	Phones       *push.Phones
	Outbox       *push.Outbox
	Desk         *desk.Service
	Engine       *confirm.Engine
	Catalogue    *mobilecert.Catalogue
	Certificates *mobilecert.Certificates
	Bindings     *mobilecert.Bindings
	Bids         *bids.Ledger
	Renewals     *renewal.Service
	Products     []*mobilecert.Product // what can be collected; shown in demo mode
	Audit        *audit.Log
	Store        store.Store // asked by /readyz
	Uploads      *upload.Store
	Applications *application.Service
	Faces        *identity.Service
	FaceSandbox  *facesandbox.Service // in demo mode
	SiteSandbox  *sitesandbox.Service // in demo mode
	// Bridge is the desktop bridge that pages may talk to; DemoUKey certifies its
	// software tokens, in demo mode only.
	Bridge   Bridge
	DemoUKey *mobilecert.DemoUKey
	// Orders is the cashier; nil without one. Sandbox is its payment service that takes
	// no money, in demo mode.
	Orders  *cashier.Service
	Sandbox *sandbox.Service
	// Invoices needs Orders; nil without them.
	Invoices *invoice.Service
	// Authority is what the built-in authority publishes; nil without one.
	Authority *Publications

	// Assets are the built pages, nil when they were not built; Lasting tells which
	// file names can be cached for ever.
	Assets  fs.FS
	Lasting func(name string) bool

	Limits Limits
	Clock  clock.Clock
	Log    *slog.Logger
	// Registry takes the metrics; MetricsToken opens /metrics to others than loopback.
	Registry     *prometheus.Registry
	MetricsToken string
}

// Server answers HTTP. Tests start the same struct that main does.
type Server struct {
	Config
	host   string // of Origin
	secure bool   // Origin is https
	app    *fiber.App

	ofAPI, ofPages []field // headers
	all            *rate.Limiter

	starts, accounts, programs, sessions, devices *meter

	metrics *metrics
	streams streams
	assets  *assets // nil without built pages
	faults  map[string]*fault.Error
	bodies  map[string]int // body bounds of the few routes that need another
	table   []routeKey     // every route, for the test against the document

	quit     chan struct{} // closed when streams must end
	stopping atomic.Bool
	listener atomic.Pointer[net.Listener]
	base     context.Context
	cancel   context.CancelFunc
}

type routeKey struct {
	method, path string
	page         bool
}

// maxBody bounds the body of a request, but for the routes that take more.
const maxBody = 64 << 10

// New makes the server; nothing listens yet.
func New(c Config) (*Server, error) {
	if _, err := document(); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.Origin)
	if err != nil || u.Host == "" || c.Origin != u.Scheme+"://"+u.Host {
		return nil, fmt.Errorf("api: %q is not an origin", c.Origin)
	}
	if c.Clock == nil {
		c.Clock = clock.System
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Lasting == nil {
		c.Lasting = func(string) bool { return false }
	}
	c.Limits = c.Limits.withDefaults()
	s := &Server{
		Config: c, host: u.Host, secure: u.Scheme == "https",
		starts:   newMeter(c.Limits.Starts, c.Limits.Remembered, c.Clock),
		accounts: newMeter(c.Limits.Account, c.Limits.Remembered, c.Clock), programs: newMeter(c.Limits.Programs, c.Limits.Remembered, c.Clock),
		sessions: newMeter(c.Limits.Session, c.Limits.Remembered, c.Clock),
		devices:  newMeter(c.Limits.Device, c.Limits.Remembered, c.Clock),
		faults:   map[string]*fault.Error{}, bodies: map[string]int{},
		quit: make(chan struct{}),
	}
	s.ofAPI, s.ofPages = everyHeader(s.secure, policyWith(c.Bridge.Origin))
	if c.Assets != nil {
		s.assets = &assets{fs: c.Assets, lasting: c.Lasting}
	}
	if c.Limits.Global.PerSecond > 0 {
		s.all = c.Limits.Global.limiter()
	}
	for _, f := range fault.All() {
		s.faults[f.Code] = f
	}
	s.streams.max, s.streams.each = c.Limits.Streams, c.Limits.PerSession
	s.base, s.cancel = context.WithCancel(context.Background())
	s.metrics = newMetrics(c.Registry, &s.streams)
	s.app = fiber.New(fiber.Config{
		AppName: "certlink", DisableStartupMessage: true, CaseSensitive: true, StrictRouting: true,
		// What handlers take out of a request is kept by caches, hubs and logs beyond
		// its life, so it is copied.
		Immutable:   true,
		Concurrency: c.Limits.Connections, BodyLimit: maxBody,
		// A JWT of an outside issuer must fit in; most answers fit in one write.
		ReadBufferSize: 8 << 10, WriteBufferSize: 2 << 10,
		ReadTimeout: c.Limits.Read, WriteTimeout: 60 * time.Second, IdleTimeout: 75 * time.Second,
		DisablePreParseMultipartForm: true,
		// An open portal holds no buffer for requests that it does not send.
		ReduceMemoryUsage: true,
		ErrorHandler:      s.errors,
	})
	s.routes()
	web := s.app.Server()
	web.HeaderReceived = s.bodyLimit
	inner := web.Handler
	web.Handler = func(ctx *fasthttp.RequestCtx) { s.door(ctx, inner) }
	return s, nil
}

// door sees every request first, also those that Fiber would answer by itself.
func (s *Server) door(ctx *fasthttp.RequestCtx, inner fasthttp.RequestHandler) {
	switch string(ctx.Method()) {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT":
	default:
		// Fiber has a plain text for unknown methods; a known one that no route takes
		// leads to our own answer.
		ctx.Request.Header.SetMethod("TRACE")
	}
	inner(ctx)
}

// bodyLimit gives the few routes that take files their larger bound, before the
// body is read.
func (s *Server) bodyLimit(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if n := h.ContentLength(); (h.IsPost() || h.IsPut()) && (n > maxBody || n < 0) {
		path, _, _ := strings.Cut(string(h.RequestURI()), "?")
		if most := s.bodyBound(path); most > 0 {
			return fasthttp.RequestConfig{MaxRequestBodySize: most, ReadTimeout: 60 * time.Second}
		}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: maxBody}
}

// Serve answers on the listener until Shutdown.
func (s *Server) Serve(ln net.Listener) error {
	// A Shutdown that comes before fasthttp knows the listener would not end it.
	s.listener.Store(&ln)
	if s.stopping.Load() {
		return ln.Close()
	}
	err := s.app.Listener(impatient{ln, s.Limits.Read})
	if s.stopping.Load() {
		return nil
	}
	return err
}

// impatient gives new connections a time in which to say something: the HTTP server
// counts a request's time from its first byte.
type impatient struct {
	net.Listener
	time time.Duration
}

func (l impatient) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if tcp, plain := conn.(*net.TCPConn); plain {
			conn = &lingering{TCPConn: tcp}
		}
		if conn.SetReadDeadline(time.Now().Add(l.time)) == nil {
			return conn, nil
		}
		conn.Close()
	}
}

// Shutdown ends streams and long polls at once, lets what is under way finish
// until ctx ends, and then cuts it.
func (s *Server) Shutdown(ctx context.Context) error {
	if !s.stopping.CompareAndSwap(false, true) {
		return errors.New("api: shut down already")
	}
	close(s.quit)
	err := s.app.ShutdownWithContext(ctx)
	if ln := s.listener.Load(); ln != nil {
		(*ln).Close() // closed already, mostly
	}
	s.cancel()
	return err
}

// errors answers what no handler of ours has: unknown addresses and methods, and
// requests that could not be read.
func (s *Server) errors(f *fiber.Ctx, err error) error {
	start := time.Now()
	c := s.newCall(f, "(none)")
	if !strings.HasPrefix(f.Path(), "/v1/") {
		c.page = c.failPage
	}
	s.headers(c)
	if l, may := f.Context().Conn().(*lingering); may && errors.Is(refusal(err), ErrBody) {
		l.refused.Store(true)
	}
	// Of a file it is said in the words for files, though it was not read.
	if errors.Is(refusal(err), ErrBody) && s.bodyBound(f.Path()) == upload.MaxSize {
		err = upload.ErrTooLarge.With("bytes_most", upload.MaxSize)
	}
	c.fail(err)
	s.metrics.none.observe(c, start)
	return nil
}
