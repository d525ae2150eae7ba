package renewal_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/mobilecert/renewal"
	"certlink/store/storetest"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// crowd runs f in n goroutines at once.
func crowd(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() { <-start; errs[i] = f(i) })
	}
	close(start)
	wg.Wait()
	return errs
}

// Killed at every write between payment and delivery, before and after it: the next
// process ends it right, and once.
func TestKilledBetweenPaymentAndDelivery(t *testing.T) {
	points := 0
	for n := 1; ; n++ {
		lived := false
		for _, after := range []bool{true, false} {
			if !after && n%3 > 0 {
				continue // death before a write is death after the one before it, but for an answer
			}
			w := newWorld(t)
			ph := w.Enrolled("li", "demo-p256")
			b := w.Bound(ph, "li")
			w.due(ph)
			r, err := w.renewals.Start(ctx, w.Who("li"), ph.Doc.ID, confirm.Requester{})
			check(t, err)
			check(t, w.settle())
			key, old := trusttest.Key(t, trust.ES256), ph.Doc
			m := storetest.NewMortal(w.World.Store, n, after)
			course := func(p *process) error {
				if err := p.pay(r); err != nil {
					return err
				}
				if _, err := p.confirms(t, ph, key); err != nil {
					return err
				}
				return p.settle()
			}
			err = course(w.start(m))
			if !m.Dead() {
				lived = true
				check(t, err)
			} else if points++; confirm.Final(err) {
				t.Fatalf("write %d (after: %v): a crash ended it: %v", n, after, err)
			}
			// Another process: the sweepers come by, and the phone asks again.
			w.Clock.Advance(20 * time.Second)
			next := w.start(w.World.Store)
			w.process = next
			for range 3 {
				check(t, next.prompts.Sweep(ctx))
				check(t, next.renewals.Sweep(ctx))
				check(t, next.settle())
				if w.read(r.ID).State == renewal.Extended {
					break
				}
				if err := course(next); err != nil {
					t.Fatalf("write %d (after: %v): %v", n, after, err)
				}
			}
			done := w.state(r.ID, renewal.Extended)
			extended := 0
			for _, e := range done.History {
				if e.Act == "renewal.extended" {
					extended++
				}
			}
			moved, err := w.Bindings.Get(ctx, b.ID)
			check(t, err)
			ended, err := w.Certificates.Get(ctx, old.ID)
			check(t, err)
			if extended != 1 || successors(t, w.World.Store, old.ID) != 1 || ended.State != mobilecert.Superseded || len(moved.History) != 2 ||
				moved.State != mobilecert.Active || moved.Certificate.Content == old.Content {
				t.Fatalf("write %d (after: %v): extended %d times, %d successors, %s, %+v", n, after, extended, successors(t, w.World.Store, old.ID), ended.State, moved)
			}
			if o := w.order(done.Order); o.CompletedAt == nil {
				t.Fatalf("write %d (after: %v): the order is not complete", n, after)
			}
		}
		if lived {
			break
		}
	}
	t.Logf("killed at %d points", points)
	if points < 30 {
		t.Fatalf("only %d points were reached", points)
	}
}

// caprice is an issuer that is away while fail is set.
type caprice struct {
	mobilecert.Issuer
	mu   sync.Mutex
	fail error
}

func (c *caprice) Issue(ctx context.Context, o mobilecert.Order) (*mobilecert.Signed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return nil, c.fail
	}
	return c.Issuer.Issue(ctx, o)
}

// The issuer is away for longer than the first statement is tried: a second one
// takes its place, and the first can no longer become a certificate.
func TestASecondStatementTakesOver(t *testing.T) {
	issuer := &caprice{}
	w := newWorld(t, func(w *world) { issuer.Issuer = w.Issuer; w.Issuer = issuer })
	ph := w.Enrolled("li", "demo-p256")
	w.due(ph)
	n := w.paid(ph)
	statement := func() *confirm.Confirmation {
		c, err := w.Ask("extend", "li", map[string]string{"renewal": n.ID})
		check(t, err)
		check(t, w.Statement(c, trusttest.CSR(t, trusttest.Key(t, trust.ES256))))
		return c
	}
	issuer.fail = errors.New("the line is down")
	first := statement()
	if _, err := w.Confirm(first, ph.ID, ph.Sign(t, first)); err == nil || confirm.Final(err) {
		t.Fatalf("got %v", err)
	}
	w.state(n.ID, renewal.Extending)
	second := statement()
	_, err := w.Confirm(second, ph.ID, ph.Sign(t, second))
	refused(t, err, renewal.ErrBusy)
	w.Clock.Advance(3 * time.Minute)
	issuer.fail = nil
	if _, err := w.Confirm(second, ph.ID, ph.Sign(t, second)); err != nil {
		t.Fatal(err)
	}
	w.state(n.ID, renewal.Extended)
	if _, err := w.Engine.Act(ctx, first, ph.ID, nil); !confirm.Final(err) {
		t.Fatalf("the first one is still alive: %v", err)
	}
	if successors(t, w.World.Store, ph.Doc.ID) != 1 {
		t.Errorf("%d successors", successors(t, w.World.Store, ph.Doc.ID))
	}
}

// Nobody comes back to a statement whose issuer was away: after a day the renewal
// waits to be extended again, and it can be.
func TestALeftExtensionIsGivenUp(t *testing.T) {
	issuer := &caprice{}
	w := newWorld(t, func(w *world) { issuer.Issuer = w.Issuer; w.Issuer = issuer })
	ph := w.Enrolled("li", "demo-p256")
	w.due(ph)
	n, old := w.paid(ph), ph.Doc.ID
	issuer.fail = errors.New("the line is down")
	q, err := w.confirms(t, ph, trusttest.Key(t, trust.ES256))
	check(t, err)
	if q.State != "accepted" {
		t.Fatalf("%+v", q)
	}
	check(t, w.renewals.Sweep(ctx))
	w.state(n.ID, renewal.Extending)
	w.Clock.Advance(25 * time.Hour)
	check(t, w.renewals.Sweep(ctx))
	check(t, w.renewals.Sweep(ctx))
	if n := w.state(n.ID, renewal.Extension); n.Failure == "" {
		t.Error("no reason is shown")
	}
	issuer.fail = nil
	check(t, w.prompts.Sweep(ctx)) // the old statement is refused, or does it after all
	check(t, w.settle())
	if w.read(n.ID).State != renewal.Extended {
		_, err = w.renewals.Ask(ctx, w.Who("li"), n.ID, "extend")
		check(t, err)
		check(t, w.settle())
		w.extends(ph)
	}
	w.state(n.ID, renewal.Extended)
	if successors(t, w.World.Store, old) != 1 {
		t.Errorf("%d successors", successors(t, w.World.Store, old))
	}
}
