package servers

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"certlink/account"
	"certlink/internal/lease"
	"certlink/phone"
	"certlink/program"
	"certlink/program/programtest"
	"certlink/store"
	"certlink/store/mongo"
	"certlink/store/sqlite"
)

// standInInput is held open until this process ends: the stand-in ends with it.
var standInInput io.WriteCloser

// standIn is the MongoDB of these tests: the replica set that MONGODB_URI names, or
// else the program in store/mongo/standin, which ends with this one.
var standIn = sync.OnceValues(func() (uri string, err error) {
	if uri := os.Getenv("MONGODB_URI"); uri != "" {
		return uri, nil
	}
	dir, err := os.MkdirTemp("", "certlink-standin-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "standin")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir, build.Env = "../../store/mongo/standin", append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the stand-in for MongoDB: %w: %s", err, out)
	}
	cmd := exec.Command(path)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if standInInput, err = cmd.StdinPipe(); err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return strings.TrimSpace(line), err
})

// engines runs a test on both engines. opener opens the store for one more server.
func engines(t *testing.T, test func(t *testing.T, opener func() store.Store)) {
	t.Run("embedded", func(t *testing.T) {
		// One process holds the embedded store, so its servers share what is opened.
		db, err := sqlite.Open(context.Background(), t.TempDir(), program.Schema())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		test(t, func() store.Store { return shared{db} })
	})
	t.Run("mongo", func(t *testing.T) {
		uri, err := standIn()
		if err != nil {
			t.Fatal(err)
		}
		database := newDatabase(t, uri)
		test(t, func() store.Store {
			db, err := mongo.Open(context.Background(), uri, database, program.Schema())
			if err != nil {
				t.Fatal(err)
			}
			return db
		})
	})
}

// newDatabase names a database that goes with the test.
func newDatabase(t *testing.T, uri string) string {
	t.Helper()
	name := "certlink_test_" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		client, err := driver.Connect(options.Client().ApplyURI(uri))
		if err == nil {
			err = client.Database(name).Drop(ctx)
			client.Disconnect(ctx)
		}
		if err != nil {
			t.Errorf("the database %s is left behind: %v", name, err)
		}
	})
	return name
}

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
	in := &installation{t: t, origin: "http://" + front.Addr().String(), data: t.TempDir(), opener: opener, change: change}
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
	ctx := context.Background()
	p := in.handset(r, options...)
	in.must(p.SetPIN(ctx, programtest.DemoPIN))
	s, err := page.Start(ctx, map[string]string{"purpose": "enroll", "product": "demo-p256"})
	in.must(err)
	key, err := p.Enroll(ctx, s.Code, func(claimed *phone.Session) error {
		return page.Match(ctx, s.ID, claimed.Match.Digits)
	})
	in.must(err)
	return p, key
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

// Begun on one server, scanned and confirmed through the other; the page at the
// first is told within a second. Clocks that are two seconds apart, either way,
// harm nothing.
func TestBegunHereConfirmedThere(t *testing.T) {
	engines(t, func(t *testing.T, opener func() store.Store) {
		ctx := context.Background()
		in := newInstallation(t, opener, nil)
		a := in.add(0)
		for _, skew := range []time.Duration{2 * time.Second, -2 * time.Second} {
			b := in.add(skew)
			page := in.signIn(a, "zhangwei")
			handset, key := in.collected(b, page)
			s, err := page.Start(ctx, map[string]string{"purpose": "bind", "provider": program.BuiltinProvider})
			in.must(err)
			events := in.listen(page, s.ID)
			in.hear(events, "frame")
			claimed, err := handset.Scan(ctx, s.Code)
			if err != nil {
				t.Fatalf("scanned at a server whose clock is off by %s: %v", skew, err)
			}
			scanned := time.Now()
			if late := in.hear(events, "scanned").Sub(scanned); late > time.Second {
				t.Errorf("told of the scan after %s", late)
			}
			in.must(handset.Confirm(ctx, claimed, key))
			confirmed := time.Now()
			if late := in.hear(events, "confirmed").Sub(confirmed); late > time.Second {
				t.Errorf("told of the confirmation after %s", late)
			}
			s, err = page.Read(ctx, s.ID)
			in.must(err)
			for _, r := range []*running{a, b} {
				list, err := r.same(page).Bindings(ctx)
				in.must(err)
				if len(list.Items) != 1 || s.Result == nil || list.Items[0].ID != s.Result.ID {
					t.Errorf("the bindings are %+v", list)
				}
			}
			in.unbind(b.same(page))
			b.stop()
		}
	})
}

// The races of binding, with each server taking half of them.
func TestRacesAcrossServers(t *testing.T) {
	engines(t, func(t *testing.T, opener func() store.Store) {
		ctx := context.Background()
		ca := newForeign(t)
		in := newInstallation(t, opener, func(s *program.Settings) { s.Catalogue = ca.catalogue(t, "none") })
		servers := []*running{in.add(0), in.add(0)}
		page := in.signIn(servers[0], "zhangwei")

		// Fifty phones at one code: one gets it.
		s, err := page.Start(ctx, map[string]string{"purpose": "bind", "provider": program.BuiltinProvider})
		in.must(err)
		phones := make([]*phone.Phone, 50)
		var wg sync.WaitGroup
		var won atomic.Int64
		for i := range phones {
			phones[i] = in.handset(servers[i%2])
		}
		for _, p := range phones {
			wg.Go(func() {
				switch _, err := p.Scan(ctx, s.Code); phone.Code(err) {
				case "":
					if err != nil {
						t.Error(err)
					}
					won.Add(1)
				case "session_taken":
				default:
					t.Errorf("scan: %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 50 phones got the session", won.Load())
		}
		in.must(page.Call(ctx, "POST", "/v1/qr-sessions/"+s.ID+"/cancel", map[string]string{}, nil))

		// Fifty confirmations at once: one binding, and the same answer to all.
		memory := phone.Memory()
		handset, key := in.collected(servers[1], page, phone.With(memory))
		s, err = page.Start(ctx, map[string]string{"purpose": "bind", "provider": program.BuiltinProvider})
		in.must(err)
		claimed, err := handset.Scan(ctx, s.Code)
		in.must(err)
		jws, err := handset.Sign(claimed, key)
		in.must(err)
		other, err := phone.New("", phone.With(memory), phone.Via("http://"+servers[0].addr), phone.Once())
		in.must(err)
		for i := range 50 {
			mine, through := *claimed, handset
			if i%2 == 0 {
				through = other
			}
			wg.Go(func() {
				if err := through.Send(ctx, &mine, jws); err != nil {
					t.Errorf("confirmation %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		waitConfirmed(t, page, s.ID)
		list, err := page.Bindings(ctx)
		in.must(err)
		if len(list.Items) != 1 {
			t.Errorf("after fifty confirmations: %+v", list)
		}
		in.unbind(page)

		// Two accounts, one certificate, a server each: it acts for one of them.
		for range 5 {
			holder := ca.leaf(t, "")
			ends := make([]error, 2)
			pages := []*programtest.Portal{in.signIn(servers[0], "lina"), in.signIn(servers[1], "zhoutao")}
			confirm := make([]func() error, 2)
			for i, page := range pages {
				confirm[i] = in.ready(servers[i], page, holder)
			}
			for i := range confirm {
				wg.Go(func() { ends[i] = confirm[i]() })
			}
			wg.Wait()
			bound := 0
			for i, page := range pages {
				list, err := page.Bindings(ctx)
				in.must(err)
				bound += len(list.Items)
				if (ends[i] == nil) != (len(list.Items) == 1) {
					t.Errorf("told %v, but the bindings are %+v", ends[i], list)
				}
				if ends[i] != nil && phone.Code(ends[i]) != "certificate_bound_elsewhere" {
					t.Errorf("the other account was told %v", ends[i])
				}
				in.unbind(page)
			}
			if bound != 1 {
				t.Fatalf("one certificate acts for %d accounts", bound)
			}
		}
	})
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

// unbind ends whatever is bound.
func (in *installation) unbind(page *programtest.Portal) {
	in.t.Helper()
	list, err := page.Bindings(context.Background())
	in.must(err)
	for _, b := range list.Items {
		in.must(page.Call(context.Background(), "POST", "/v1/bindings/"+b.ID+"/unbind", map[string]string{}, nil))
	}
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

// A server that dies with the leases in its hand: another goes on with its work
// when they have run out.
func TestBackgroundWorkGoesOnElsewhere(t *testing.T) {
	engines(t, func(t *testing.T, opener func() store.Store) {
		ctx := context.Background()
		in := newInstallation(t, opener, nil)
		a := in.add(0)
		holder := func() string {
			d, err := a.life.Store.Get(ctx, "leases", "relay")
			if err != nil {
				return ""
			}
			var l lease.Lease
			in.must(json.Unmarshal(d.Body, &l))
			return l.Holder
		}
		for end := time.Now().Add(20 * time.Second); holder() == ""; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("nobody took the lease")
			}
		}
		first := holder()
		b := in.add(2 * time.Second)
		time.Sleep(time.Second)
		if holder() != first {
			t.Fatal("the lease changed hands while its holder lived")
		}
		a.kill()
		killed := time.Now()
		page := in.signIn(b, "zhangwei")
		p, key := in.collected(b, page)
		s, err := page.Start(ctx, map[string]string{"purpose": "bind", "provider": program.BuiltinProvider})
		in.must(err)
		claimed, err := p.Scan(ctx, s.Code)
		in.must(err)
		in.must(p.Confirm(ctx, claimed, key))
		operator := in.signIn(b, "operator")
		// The term, what the clocks may be apart, and room for a busy machine.
		for end := killed.Add(program.LeaseTerm + lease.Skew + 15*time.Second); ; time.Sleep(200 * time.Millisecond) {
			var log struct {
				Items []map[string]any `json:"items"`
			}
			in.must(operator.Call(ctx, "GET", "/v1/audit", nil, &log))
			if raw, _ := json.Marshal(log); strings.Contains(string(raw), "binding.created") {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the work of the dead server was not taken over")
			}
		}
		t.Logf("taken over %s after the kill", time.Since(killed).Round(100*time.Millisecond))
	})
}

// Each server is replaced in turn while people work: every flow finishes, by no
// more than asking again.
func TestRollingRestart(t *testing.T) {
	engines(t, func(t *testing.T, opener func() store.Store) {
		ctx := context.Background()
		in := newInstallation(t, opener, nil)
		in.add(0)
		in.add(0)
		var stop atomic.Bool
		var flows atomic.Int64
		var wg sync.WaitGroup
		for _, login := range []string{"zhangwei", "lina", "zhoutao"} {
			w := newWorker(t, ctx, in.origin, login)
			wg.Go(func() {
				for !stop.Load() && !t.Failed() {
					w.flow(ctx)
					flows.Add(1)
				}
				w.settle(ctx)
			})
		}
		for range 2 {
			for _, old := range in.all() {
				time.Sleep(300 * time.Millisecond)
				old.stop()
				in.start(old, old.addr, 0)
			}
		}
		time.Sleep(300 * time.Millisecond)
		stop.Store(true)
		wg.Wait()
		t.Logf("%d flows over four restarts", flows.Load())
		if flows.Load() < 4 {
			t.Errorf("only %d flows ended", flows.Load())
		}
	})
}

// cutter is the network between a server and its database, which can fail.
type cutter struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	down     bool
	open     map[net.Conn]bool
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: l, to: to, open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		l.Close()
		c.set(true)
	})
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go c.pass(near)
		}
	}()
	return c
}

func (c *cutter) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer far.Close()
	c.mu.Lock()
	if c.down {
		c.mu.Unlock()
		return
	}
	c.open[near], c.open[far] = true, true
	c.mu.Unlock()
	go func() {
		io.Copy(far, near)
		far.Close()
	}()
	io.Copy(near, far)
	c.mu.Lock()
	delete(c.open, near)
	delete(c.open, far)
	c.mu.Unlock()
}

// set cuts every connection and refuses new ones, or lets them through again.
func (c *cutter) set(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
	if down {
		for conn := range c.open {
			conn.Close()
		}
	}
}

// The database goes away while the server runs: 503 with Retry-After, and then it
// works again by itself, with nothing lost and the same people signed in.
func TestDatabaseLostAndBack(t *testing.T) {
	uri, err := standIn()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("MONGODB_URI") != "" {
		t.Skip("a replica set names its members to the driver, past the network of this test; unset MONGODB_URI to run it")
	}
	ctx := context.Background()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	network := newCutter(t, u.Host)
	u.Host = network.listener.Addr().String()
	database := newDatabase(t, uri)
	in := newInstallation(t, func() store.Store {
		db, err := mongo.Open(ctx, u.String(), database, program.Schema())
		if err != nil {
			t.Fatal(err)
		}
		return db
	}, nil)
	r := in.add(0)
	page := in.signIn(r, "zhangwei")
	p, key := in.collected(r, page)
	s, err := page.Start(ctx, map[string]string{"purpose": "bind", "provider": program.BuiltinProvider})
	in.must(err)
	claimed, err := p.Scan(ctx, s.Code)
	in.must(err)

	network.set(true)
	resp, err := page.HTTP.Get(in.origin + "/v1/bindings")
	in.must(err)
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("without its database the server answers %s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
	}
	if err := p.Confirm(ctx, claimed, key); phone.Code(err) != "unavailable" {
		t.Errorf("a confirmation without the database: %v", err)
	}
	if resp, err := page.HTTP.Get(in.origin + "/healthz"); err != nil || resp.StatusCode != 200 {
		t.Errorf("a server without its database is alive all the same: %v %v", resp, err)
	}

	network.set(false)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if err = p.Confirm(ctx, claimed, key); err == nil {
			break
		}
		if phone.Code(err) != "unavailable" || time.Now().After(end) {
			t.Fatalf("with the database back: %v", err)
		}
	}
	waitConfirmed(t, page, s.ID)
	if list, err := page.Bindings(ctx); err != nil || len(list.Items) != 1 {
		t.Errorf("%+v %v", list, err)
	}
}
