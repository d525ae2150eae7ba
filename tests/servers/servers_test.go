package servers

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certlink/internal/lease"
	"certlink/phone"
	"certlink/program"
	"certlink/program/programtest"
	"certlink/store"
)

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
	t.Parallel()
	engines(t, func(t *testing.T, opener func() store.Store) {
		ctx := context.Background()
		ca := newForeign(t)
		in := newInstallation(t, opener, func(s *program.Settings) { s.Catalogue = ca.catalogue(t, "none") })
		servers := []*running{in.add(0), in.add(0)}
		page := in.signIn(servers[0], "zhangwei")

		// Fifty phones at one code: one gets it.
		phones := make([]*phone.Phone, 50)
		var wg sync.WaitGroup
		var won atomic.Int64
		for i := range phones {
			phones[i] = in.handset(servers[i%2])
		}
		// Begun when all stand ready: a code lives five seconds.
		s, err := page.Start(ctx, map[string]string{"purpose": "bind", "provider": program.BuiltinProvider})
		in.must(err)
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

// A server that dies with the leases in its hand: another goes on with its work
// when they have run out.
func TestBackgroundWorkGoesOnElsewhere(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	engines(t, func(t *testing.T, opener func() store.Store) {
		in := newInstallation(t, opener, nil)
		in.add(0)
		in.add(0)
		flows := meanwhile(t, workers(t, in.origin, "zhangwei", "lina", "zhoutao"), func() {
			for range 2 {
				for _, old := range in.all() {
					time.Sleep(300 * time.Millisecond)
					old.stop()
					in.start(old, old.addr, 0)
				}
			}
			time.Sleep(300 * time.Millisecond)
		})
		t.Logf("%d flows over four restarts", flows)
		if flows < 4 {
			t.Errorf("only %d flows ended", flows)
		}
	})
}

// The database goes away while the server runs: 503 with Retry-After, and then it
// works again by itself, with nothing lost and the same people signed in.
func TestDatabaseLostAndBack(t *testing.T) {
	t.Parallel()
	if os.Getenv("MONGODB_URI") != "" {
		t.Skip("a replica set names its members to the driver, past the network of this test; unset MONGODB_URI to run it")
	}
	ctx := context.Background()
	uri, database := newMongo(t)
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	network := newCutter(t, u.Host)
	u.Host = network.listener.Addr().String()
	in := newInstallation(t, func() store.Store { return openMongo(t, u.String(), database) }, nil)
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
