package bids_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/mobiletest"
)

var ctx = context.Background()

type world struct {
	*mobiletest.Server
	ledger *bids.Ledger
}

func newWorld(t *testing.T, change ...func(*bids.Config)) *world {
	t.Helper()
	base := mobiletest.New(t, bids.Collections()...)
	w := &world{}
	w.Server = base.Start(base.Store, func(s *mobiletest.Server) []confirm.Purpose {
		c := bids.Config{Store: s.Store, Clock: base.Clock.Now, Catalogue: base.Cat, Certificates: s.Certificates, Bindings: s.Bindings}
		for _, f := range change {
			f(&c)
		}
		w.ledger = bids.New(c)
		return []confirm.Purpose{bids.NewAcknowledge(w.ledger)}
	})
	return w
}

func (w *world) record(p *mobiletest.Phone, id, tender string, in time.Duration) (*bids.Entry, error) {
	e, _, err := w.ledger.Record(ctx, "zcy", bids.Report{External: id, DER: p.Holder.Cert.Raw, Tender: tender, OpensAt: w.Clock.Now().Add(in)})
	return e, err
}

func check(t testing.TB, err error) { t.Helper(); mobiletest.Check(t, err) }

func refused(t testing.TB, err error, want *fault.Error) *fault.Error {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %s", err, want.Code)
	}
	return fault.Of(err)
}

// acknowledged signs for what is open now.
func (w *world) acknowledge(t *testing.T, p *mobiletest.Phone) (*confirm.Confirmation, error) {
	t.Helper()
	c, err := w.Ask("acknowledge", "li", map[string]string{"certificate": p.Doc.ID})
	check(t, err)
	check(t, w.Statement(c, nil))
	_, err = w.Confirm(c, p.ID, p.Sign(t, c))
	return c, err
}

func TestABidIsRecordedOnceMovedAndClosed(t *testing.T) {
	w := newWorld(t)
	p := w.Enrolled("li", "demo-p256")
	first, created, err := w.ledger.Record(ctx, "zcy", bids.Report{External: "b1", DER: p.Holder.Cert.Raw, Tender: "甲项目", OpensAt: w.Clock.Now().Add(48 * time.Hour)})
	check(t, err)
	if !created || first.Account != "li" || first.State != bids.Open || len(first.History) != 1 {
		t.Fatalf("%v %+v", created, first)
	}
	again, err := w.record(p, "b1", "甲项目", 48*time.Hour)
	check(t, err)
	if again.ID != first.ID || len(again.History) != 1 {
		t.Errorf("a repeat: %+v", again)
	}
	moved, err := w.record(p, "b1", "甲项目", 72*time.Hour)
	check(t, err)
	if len(moved.History) != 2 || moved.History[1].Act != "bid.moved" {
		t.Errorf("moved: %+v", moved.History)
	}
	// Another system's b1 is another bid; another certificate under the same id is none.
	_, created, err = w.ledger.Record(ctx, "other", bids.Report{External: "b1", DER: p.Holder.Cert.Raw, Tender: "乙项目", OpensAt: w.Clock.Now().Add(time.Hour)})
	if check(t, err); !created {
		t.Error("two systems share an id")
	}
	q := w.Enrolled("zhou", "demo-sm2")
	_, err = w.record(q, "b1", "甲项目", 72*time.Hour)
	refused(t, err, bids.ErrOther)
	if s, err := w.ledger.Standing(ctx, q.Doc.Content); err != nil || len(s.Open) != 0 {
		t.Errorf("the refused one stands before the guard: %+v, %v", s, err)
	}
	s, err := w.ledger.Standing(ctx, p.Doc.Content)
	check(t, err)
	if len(s.Open) != 2 || s.Open[0].Tender != "乙项目" || !s.LastOpening.Equal(w.Clock.Now().Add(72*time.Hour)) || s.Acknowledged {
		t.Fatalf("guard: %+v", s)
	}
	closed, err := w.ledger.Close(ctx, "zcy", "b1", "opened")
	check(t, err)
	if closed.State != bids.Closed || closed.History[2].Reason != "opened" {
		t.Errorf("closed: %+v", closed)
	}
	if _, err := w.ledger.Close(ctx, "zcy", "b1", "opened"); err != nil {
		t.Errorf("closing again: %v", err)
	}
	_, err = w.record(p, "b1", "甲项目", 96*time.Hour)
	refused(t, err, bids.ErrClosed)
	if s, _ := w.ledger.Standing(ctx, p.Doc.Content); len(s.Open) != 1 {
		t.Errorf("guard after closing: %+v", s)
	}
	_, err = w.ledger.Close(ctx, "zcy", "none", "opened")
	refused(t, err, bids.ErrUnknown)
	list, _, err := w.ledger.List(ctx, "zcy", "", 10)
	if check(t, err); len(list) != 1 {
		t.Errorf("list of %d", len(list))
	}
}

func TestWhatIsNotRecorded(t *testing.T) {
	w := newWorld(t, func(c *bids.Config) { c.Most = 2 })
	p := w.Enrolled("li", "demo-p256")
	_, err := w.record(p, "b1", "甲", -8*24*time.Hour)
	refused(t, err, bids.ErrTime)
	_, err = w.record(p, "b1", "甲", 11*366*24*time.Hour)
	refused(t, err, bids.ErrTime)
	_, _, err = w.ledger.Record(ctx, "zcy", bids.Report{External: "b1", Binding: "none", OpensAt: w.Clock.Now()})
	refused(t, err, mobilecert.ErrBindingUnknown)
	for _, id := range []string{"b1", "b2"} {
		_, err = w.record(p, id, "甲", time.Hour)
		check(t, err)
	}
	_, err = w.record(p, "b3", "甲", time.Hour)
	refused(t, err, bids.ErrFull)
	// What was to be opened long ago makes room, and stops nobody.
	w.Clock.Advance(8 * 24 * time.Hour)
	_, err = w.record(p, "b3", "甲", time.Hour)
	check(t, err)
	if s, _ := w.ledger.Standing(ctx, p.Doc.Content); len(s.Open) != 1 {
		t.Errorf("guard: %+v", s)
	}
}

// The binding names the certificate as well as the certificate itself does.
func TestABidByItsBinding(t *testing.T) {
	w := newWorld(t)
	p := w.Enrolled("li", "demo-sm2")
	b := w.Bound(p, "li")
	e, _, err := w.ledger.Record(ctx, "zcy", bids.Report{External: "b1", Binding: b.ID, Tender: "甲", OpensAt: w.Clock.Now().Add(time.Hour)})
	check(t, err)
	if e.Certificate != p.Doc.Content || e.Organisation != "org1" {
		t.Errorf("%+v", e)
	}
}

func TestTheGuardStopsUntilItsListIsSignedFor(t *testing.T) {
	for _, product := range []string{"demo-p256", "demo-sm2"} {
		t.Run(product, func(t *testing.T) {
			w := newWorld(t)
			p := w.Enrolled("li", product)
			_, err := w.Ask("acknowledge", "li", map[string]string{"certificate": p.Doc.ID})
			refused(t, err, bids.ErrNothing)
			check(t, w.ledger.Pass(ctx, p.Doc.Content, "li", "org1", "s0"))
			check(t, w.ledger.Release(ctx, p.Doc.Content, "s0"))
			for i, tender := range []string{"甲项目", "乙项目"} {
				_, err := w.record(p, tender, tender, time.Duration(i+1)*24*time.Hour)
				check(t, err)
			}
			f := refused(t, w.ledger.Pass(ctx, p.Doc.Content, "li", "org1", "s1"), bids.ErrOpen)
			if f.Extra["count"] != 2 {
				t.Errorf("told %v", f.Extra)
			}
			c, err := w.acknowledge(t, p)
			check(t, err)
			// The evidence shows what the person was told.
			e, err := w.Engine.Evidence(ctx, c.StatementID())
			check(t, err)
			for _, part := range []string{"甲项目", "乙项目", `"bids_count":"2"`, "400-888-4636", "可能无法解密", p.Doc.Fingerprint} {
				if !strings.Contains(string(e.Statement), part) {
					t.Errorf("the evidence does not say %s: %s", part, e.Statement)
				}
			}
			check(t, w.ledger.Check(ctx, p.Doc.Content))
			// One more bid, and the acknowledgement covers it no longer.
			_, err = w.record(p, "丙项目", "丙项目", time.Hour)
			check(t, err)
			refused(t, w.ledger.Pass(ctx, p.Doc.Content, "li", "org1", "s2"), bids.ErrOpen)
			_, err = w.ledger.Close(ctx, "zcy", "丙项目", "withdrawn")
			check(t, err)
			check(t, w.ledger.Pass(ctx, p.Doc.Content, "li", "org1", "s3"))
			check(t, w.ledger.Pass(ctx, p.Doc.Content, "li", "org1", "s3"))
			late, err := w.record(p, "丁项目", "丁项目", time.Hour)
			if check(t, err); !late.Late {
				t.Error("a bid after the extension is not told so")
			}
		})
	}
}

// What was shown is what is signed for: a bid that comes while the holder reads
// makes the signature worthless; another certificate's signature always is.
func TestAnAcknowledgementIsForItsListOnly(t *testing.T) {
	w := newWorld(t)
	p, other := w.Enrolled("li", "demo-p256"), w.Enrolled("li", "demo-p256")
	_, err := w.record(p, "b1", "甲项目", time.Hour)
	check(t, err)
	c, err := w.Ask("acknowledge", "li", map[string]string{"certificate": p.Doc.ID})
	check(t, err)
	check(t, w.Statement(c, nil))
	_, err = w.Confirm(c, other.ID, other.Sign(t, c))
	refused(t, err, confirm.ErrSignerMismatch)
	_, err = w.record(p, "b2", "乙项目", time.Hour)
	check(t, err)
	_, err = w.Confirm(c, p.ID, p.Sign(t, c))
	refused(t, err, bids.ErrChanged)
	refused(t, w.ledger.Check(ctx, p.Doc.Content), bids.ErrOpen)
	_, err = w.Ask("acknowledge", "zhou", map[string]string{"certificate": p.Doc.ID})
	refused(t, err, mobilecert.ErrNotYourAccount)
}

// A bid and an extension at once: either the extension is stopped, or the bid is
// told that it came late. Never neither.
func TestABidAndAnExtensionAtOnce(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		p := w.Enrolled("li", "demo-p256")
		var wg sync.WaitGroup
		var late bool
		var stopped error
		start := make(chan struct{})
		wg.Go(func() {
			<-start
			e, err := w.record(p, p.Doc.ID, "甲项目", time.Hour)
			check(t, err)
			late = e.Late
		})
		wg.Go(func() { <-start; stopped = w.ledger.Pass(ctx, p.Doc.Content, "li", "org1", "s1") })
		close(start)
		wg.Wait()
		if (stopped == nil) != late {
			t.Fatalf("stopped: %v, late: %v", stopped, late)
		}
	}
}

// A crash after the ledger has closed an entry: the relay tells the guard.
func TestTheRelayTellsTheGuard(t *testing.T) {
	w := newWorld(t)
	p := w.Enrolled("li", "demo-p256")
	e, err := w.record(p, "b1", "甲项目", time.Hour)
	check(t, err)
	check(t, w.ledger.CarryGuard(ctx, effect.Effect{Data: map[string]string{"entry": e.ID}}))
	if s, _ := w.ledger.Standing(ctx, p.Doc.Content); len(s.Open) != 1 {
		t.Error("an open entry was forgotten")
	}
	closed, err := w.ledger.Close(ctx, "zcy", "b1", "cancelled")
	check(t, err)
	owes := false
	for _, x := range closed.Pending {
		owes = owes || x.Kind == bids.EffectGuard && x.Data["entry"] == e.ID
		if x.Kind == bids.EffectGuard {
			check(t, w.ledger.CarryGuard(ctx, x))
		}
	}
	if !owes {
		t.Errorf("a closed entry owes the guard nothing: %+v", closed.Pending)
	}
	check(t, w.ledger.CarryGuard(ctx, effect.Effect{Data: map[string]string{"entry": "gone"}}))
}

// opened is what the phone does with a challenge for an SM2 certificate: the
// encryption key lies in an envelope for the signing key.
func opened(t *testing.T, p *mobiletest.Phone, sealed []byte) []byte {
	t.Helper()
	key, err := sm2.ParseEnvelopedPrivateKey(p.Holder.Key.(*sm2.PrivateKey), p.Doc.Twin.Envelope)
	check(t, err)
	plain, err := sm2.Decrypt(key, sealed)
	check(t, err)
	return plain
}

func TestARehearsalProvesThatBidsCanBeRead(t *testing.T) {
	w := newWorld(t)
	p := w.Enrolled("li", "demo-sm2")
	_, _, err := w.ledger.Rehearse(ctx, p.ID, &mobilecert.Certificate{})
	refused(t, err, bids.ErrNoKey)
	if at, err := w.ledger.Rehearsed(ctx, p.Doc.Content); at != nil || err != nil {
		t.Fatalf("%v, %v", at, err)
	}
	r, sealed, err := w.ledger.Rehearse(ctx, p.ID, p.Doc)
	check(t, err)
	plain := opened(t, p, sealed)
	_, err = w.ledger.Answer(ctx, "another phone", r.ID, plain)
	refused(t, err, bids.ErrRehearsal)
	for range 2 { // a lost reply
		if r, err = w.ledger.Answer(ctx, p.ID, r.ID, plain); err != nil || r.State != bids.Passed {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if at, err := w.ledger.Rehearsed(ctx, p.Doc.Content); err != nil || at == nil || !at.Equal(w.Clock.Now()) {
		t.Errorf("%v, %v", at, err)
	}
	// What was answered wrongly stays so; what is late is not taken.
	r, sealed, err = w.ledger.Rehearse(ctx, p.ID, p.Doc)
	check(t, err)
	for _, answer := range [][]byte{[]byte("something"), opened(t, p, sealed)} {
		if r, err = w.ledger.Answer(ctx, p.ID, r.ID, answer); err != nil || r.State != bids.Failed {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	r, sealed, err = w.ledger.Rehearse(ctx, p.ID, p.Doc)
	check(t, err)
	w.Clock.Advance(11 * time.Minute)
	_, err = w.ledger.Answer(ctx, p.ID, r.ID, opened(t, p, sealed))
	refused(t, err, bids.ErrRehearsalLate)
	_, err = w.ledger.Answer(ctx, p.ID, "none", nil)
	refused(t, err, bids.ErrRehearsal)
}
