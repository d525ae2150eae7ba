package servers

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certlink/account"
	"certlink/phone"
	"certlink/program"
	"certlink/program/programtest"
	"certlink/store"
)

// shared is a store that outlives the server that closes it.
type shared struct{ store.Store }

func (shared) Close() error { return nil }

// lifeline is a server's way to its store; cut, the server can as well be dead:
// nothing that it does in its last moments reaches the others.
type lifeline struct {
	store.Store
	cut atomic.Bool
	// seen is told of every Replace that succeeded.
	seen atomic.Pointer[func(collection string, d store.Doc)]
}

func (l *lifeline) onWrite(f func(collection string, d store.Doc)) { l.seen.Store(&f) }

func (l *lifeline) err() error {
	if l.cut.Load() {
		return store.ErrUnavailable
	}
	return nil
}

func (l *lifeline) Get(ctx context.Context, c, id string) (store.Doc, error) {
	if err := l.err(); err != nil {
		return store.Doc{}, err
	}
	return l.Store.Get(ctx, c, id)
}

func (l *lifeline) Create(ctx context.Context, c string, d store.Doc) error {
	if err := l.err(); err != nil {
		return err
	}
	return l.Store.Create(ctx, c, d)
}

func (l *lifeline) Replace(ctx context.Context, c string, d store.Doc) error {
	if err := l.err(); err != nil {
		return err
	}
	err := l.Store.Replace(ctx, c, d)
	if seen := l.seen.Load(); err == nil && seen != nil {
		(*seen)(c, d)
	}
	return err
}

func (l *lifeline) Delete(ctx context.Context, c, id string, rev int64) error {
	if err := l.err(); err != nil {
		return err
	}
	return l.Store.Delete(ctx, c, id, rev)
}

func (l *lifeline) Query(ctx context.Context, c string, q store.Query) ([]store.Doc, store.Cursor, error) {
	if err := l.err(); err != nil {
		return nil, "", err
	}
	return l.Store.Query(ctx, c, q)
}

// installation is several servers behind one address.
type installation struct {
	t       *testing.T
	origin  string // of the front, which hands connections to the servers in turn
	data    string
	opener  func() store.Store
	change  func(*program.Settings)
	mu      sync.Mutex
	servers []*running
}

// running is one server of an installation.
type running struct {
	t       *testing.T
	program *program.Program
	life    *lifeline
	addr    string
	cancel  context.CancelFunc
	done    chan error
	over    bool
}

func newInstallation(t *testing.T, opener func() store.Store, change func(*program.Settings)) *installation {
	t.Helper()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in := &installation{t: t, origin: "http://" + front.Addr().String(), data: programtest.DemoData(t), opener: opener, change: change}
	t.Cleanup(func() {
		front.Close()
		for _, s := range in.all() {
			s.stop()
		}
	})
	go func() {
		for turn := 0; ; turn++ {
			client, err := front.Accept()
			if err != nil {
				return
			}
			go in.pass(client, turn)
		}
	}()
	return in
}

func (in *installation) all() []*running {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]*running(nil), in.servers...)
}

// pass is the load balancer: it takes the next server that accepts.
func (in *installation) pass(client net.Conn, turn int) {
	defer client.Close()
	list := in.all()
	for i := range list {
		server, err := net.Dial("tcp", list[(turn+i)%len(list)].addr)
		if err != nil {
			continue
		}
		defer server.Close()
		go func() {
			io.Copy(server, client)
			server.Close()
		}()
		io.Copy(client, server)
		return
	}
}

// add starts one more server, whose clock is off by skew.
func (in *installation) add(skew time.Duration) *running {
	in.t.Helper()
	return in.start(&running{t: in.t}, "127.0.0.1:0", skew)
}

func (in *installation) start(r *running, addr string, skew time.Duration) *running {
	in.t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		in.t.Fatal(err)
	}
	s := programtest.Standard(in.t)
	s.Addr, s.PublicOrigin, s.Data, s.Demo, s.StartsPerMin, s.RequestsPerSec = ln.Addr().String(), in.origin, in.data, true, 100000, 100000
	if in.change != nil {
		in.change(&s)
	}
	if err := s.Check(); err != nil {
		in.t.Fatal(err)
	}
	fresh := &running{t: in.t, addr: ln.Addr().String(), life: &lifeline{Store: in.opener()}, done: make(chan error, 1)}
	fresh.program = &program.Program{Settings: s, Store: fresh.life, Log: slog.New(slog.DiscardHandler),
		Clock: func() time.Time { return time.Now().UTC().Add(skew) }}
	ctx, cancel := context.WithCancel(context.Background())
	fresh.cancel = cancel
	if err := fresh.program.Open(ctx, in.origin); err != nil {
		in.t.Fatal(err)
	}
	if err := fresh.program.Accounts.EnsureDemo(ctx); err != nil {
		in.t.Fatal(err)
	}
	go func() { fresh.done <- fresh.program.Run(ctx, ln) }()
	in.mu.Lock()
	defer in.mu.Unlock()
	for i, old := range in.servers {
		if old == r {
			in.servers[i] = fresh
			return fresh
		}
	}
	in.servers = append(in.servers, fresh)
	return fresh
}

// stop ends the server as a deployment does.
func (r *running) stop() {
	if r.over {
		return
	}
	r.over = true
	r.cancel()
	select {
	case <-r.done:
	case <-time.After(15 * time.Second):
		r.t.Error("a server did not end")
	}
}

// kill ends it without a last word to the store.
func (r *running) kill() {
	r.life.cut.Store(true)
	r.stop()
}

// client talks to this server and no other, whatever the address says.
func (r *running) client(jar http.CookieJar) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, r.addr)
	}}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

// signIn signs in at one server; through other servers it is the same browser.
func (in *installation) signIn(r *running, login string) *programtest.Portal {
	in.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		in.t.Fatal(err)
	}
	p := &programtest.Portal{Origin: in.origin, HTTP: r.client(jar)}
	in.must(p.Call(context.Background(), "POST", "/v1/session", map[string]string{"login": login, "password": account.DemoPassword}, nil))
	return p
}

func (r *running) same(p *programtest.Portal) *programtest.Portal {
	return &programtest.Portal{Origin: p.Origin, HTTP: r.client(p.HTTP.Jar)}
}

func (in *installation) must(err error) {
	in.t.Helper()
	if err != nil {
		in.t.Fatal(err)
	}
}

// handset is a phone that talks to one server.
func (in *installation) handset(r *running, options ...phone.Option) *phone.Phone {
	in.t.Helper()
	p, err := phone.New(in.origin, append([]phone.Option{phone.Via("http://" + r.addr), phone.Once(), phone.At(r.program.Clock)}, options...)...)
	in.must(err)
	in.must(p.Register(context.Background(), "手机"))
	return p
}

// collected is a handset that holds a certificate of the account.
func (in *installation) collected(r *running, page *programtest.Portal, options ...phone.Option) (*phone.Phone, *phone.Key) {
	in.t.Helper()
	p := in.handset(r, options...)
	in.must(p.SetPIN(context.Background(), programtest.DemoPIN))
	return p, enrolls(in.t, page, p)
}

// told is an event with the moment it came.
type told struct {
	name string
	at   time.Time
}

// listen follows the events of a session as its page does.
func (in *installation) listen(p *programtest.Portal, id string) <-chan told {
	in.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	in.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", p.Origin+"/v1/qr-sessions/"+id+"/events", nil)
	in.must(err)
	resp, err := (&http.Client{Jar: p.HTTP.Jar, Transport: p.HTTP.Transport}).Do(req)
	in.must(err)
	if resp.StatusCode != 200 {
		in.t.Fatalf("events: %s", resp.Status)
	}
	out := make(chan told, 100)
	go func() {
		defer close(out)
		defer resp.Body.Close()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "event:"); ok {
				out <- told{strings.TrimSpace(name), time.Now()}
			}
		}
	}()
	return out
}

// hear waits for an event.
func (in *installation) hear(events <-chan told, name string) time.Time {
	in.t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				in.t.Fatalf("the stream ended before %q", name)
			}
			if e.name == name {
				return e.at
			}
		case <-late:
			in.t.Fatalf("nobody was told of %q", name)
		}
	}
}

// unbind ends whatever is bound.
func (in *installation) unbind(page *programtest.Portal) {
	in.t.Helper()
	list, err := page.Bindings(context.Background())
	in.must(err)
	for _, b := range list.Items {
		in.must(page.Call(context.Background(), "POST", "/v1/bindings/"+b.ID+"/unbind", map[string]string{}, nil))
	}
}

// ready brings a binding by the holder's certificate to where only the
// confirmation is missing.
func (in *installation) ready(r *running, page *programtest.Portal, h *holder) func() error {
	in.t.Helper()
	ctx := context.Background()
	p := in.handset(r)
	in.must(p.SetPIN(ctx, programtest.DemoPIN))
	key, err := p.AddCertificate(h.Key, h.Cert.Raw, h.Chain[1:], foreignProvider)
	in.must(err)
	s, err := page.Start(ctx, map[string]string{"purpose": "bind", "provider": foreignProvider})
	in.must(err)
	claimed, err := p.Scan(ctx, s.Code)
	in.must(err)
	in.must(page.Match(ctx, s.ID, claimed.Match.Digits))
	return func() error { return p.Confirm(ctx, claimed, key) }
}

func waitConfirmed(t *testing.T, page *programtest.Portal, id string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s, err := page.Read(context.Background(), id)
		if err == nil && s.State == "confirmed" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the session is %+v, %v", s, err)
		}
	}
}
