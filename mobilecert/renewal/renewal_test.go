package renewal_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"certlink/cashier"
	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/renewal"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// The whole way, with either kind of key: paid is not extended; the phone is asked,
// the certificate comes, the binding moves, and the old certificate can do nothing
// any more.
func TestPaidAskedConfirmedExtended(t *testing.T) {
	for _, product := range []string{"demo-p256", "demo-sm2"} {
		t.Run(product, func(t *testing.T) {
			w := newWorld(t)
			ph := w.Enrolled("li", product)
			b := w.Bound(ph, "li")
			w.due(ph)
			n := w.paid(ph)
			if n.State != renewal.Extension || n.PaidAt == nil || n.Order == "" {
				t.Fatalf("paid, and now %s", n.State)
			}
			old, was := *ph, ph.Doc
			q := w.extends(ph)
			s := q.Confirmation.Parsed
			st, err := s()
			check(t, err)
			want := was.NotAfter.Add(365 * 24 * time.Hour)
			if st.Details["not_after"] != want.UTC().Format(time.RFC3339) || st.Details["current_not_after"] != was.NotAfter.UTC().Format(time.RFC3339) ||
				st.Details["certificate"] != was.Fingerprint || st.Requester.IP != "192.0.2.7" {
				t.Errorf("the phone was shown %+v", st)
			}
			n = w.state(n.ID, renewal.Extended)
			if n.Attempt.Successor != ph.Doc.ID || !ph.Doc.NotAfter.Equal(want) || ph.Doc.Predecessor != was.ID || ph.Doc.KeyKept {
				t.Errorf("successor %+v of %+v", ph.Doc, n.Attempt)
			}
			moved, err := w.Bindings.Get(ctx, b.ID)
			check(t, err)
			if moved.State != mobilecert.Active || moved.Certificate.Content != ph.Doc.Content || moved.Slot != b.Slot || moved.History[1].Evidence != q.Result.ID {
				t.Errorf("the binding: %+v", moved)
			}
			if o, err := w.orders.Get(ctx, n.Order); err != nil || o.CompletedAt == nil {
				t.Errorf("the order: %+v, %v", o, err)
			}
			if got := strings.Join(w.told, " "); got != "renewal_paid renewal_extended" {
				t.Errorf("told %s", got)
			}
			// The old certificate cannot bind.
			c, err := w.Ask("bind", "li", map[string]string{"provider": "huixin"})
			check(t, err)
			check(t, w.Statement(c, nil))
			_, err = w.Confirm(c, old.ID, old.Sign(t, c))
			refused(t, err, mobilecert.ErrSuperseded)
			// Nor be renewed; the new one is not due yet.
			_, err = w.renewals.Start(ctx, w.Who("li"), was.ID, confirm.Requester{})
			refused(t, err, mobilecert.ErrSuperseded)
			_, err = w.renewals.Start(ctx, w.Who("li"), ph.Doc.ID, confirm.Requester{})
			refused(t, err, renewal.ErrEarly)
			// A lost reply: the same answer, and nothing more.
			again, err := w.prompts.Confirm(ctx, q.ID, ph.ID, old.Sign(t, &q.Confirmation))
			check(t, err)
			if again.Result.ID != q.Result.ID || successors(t, w.World.Store, was.ID) != 1 {
				t.Error("a repeat made another certificate")
			}
		})
	}
}

// After the old expiry, within the days of grace, renewal is possible and the key
// can no longer confirm; the term then begins now.
func TestWindowAndExpiry(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("li", "demo-p256")
	_, err := w.renewals.Start(ctx, w.Who("li"), ph.Doc.ID, confirm.Requester{})
	f := refused(t, err, renewal.ErrEarly)
	if f.Extra["from"] != ph.Doc.NotAfter.Add(-90*24*time.Hour).UTC().Format(time.RFC3339) {
		t.Errorf("from %v", f.Extra)
	}
	w.Clock.Advance(ph.Doc.NotAfter.Add(-90 * 24 * time.Hour).Sub(w.Clock.Now()))
	n := w.paid(ph)
	w.Clock.Advance(ph.Doc.NotAfter.Add(time.Second).Sub(w.Clock.Now()))
	_, err = w.Ask("extend", "li", map[string]string{"renewal": n.ID})
	refused(t, err, renewal.ErrExpired)

	late := w.Enrolled("li", "demo-p256")
	w.Clock.Advance(late.Doc.NotAfter.Add(30*24*time.Hour + time.Second).Sub(w.Clock.Now()))
	_, err = w.renewals.Start(ctx, w.Who("li"), late.Doc.ID, confirm.Requester{})
	refused(t, err, renewal.ErrLate)
	_, err = w.renewals.Start(ctx, w.Who("zhou"), late.Doc.ID, confirm.Requester{})
	refused(t, err, mobilecert.ErrNotYourOrganisation)
}

// One renewal for one certificate, however many pages begin it; the admin may pay
// for others, strangers may not look.
func TestOneRenewalForOneCertificate(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("li", "demo-p256")
	w.due(ph)
	first, err := w.renewals.Start(ctx, w.Who("admin"), ph.Doc.ID, confirm.Requester{})
	check(t, err)
	again, err := w.renewals.Start(ctx, w.Who("li"), ph.Doc.ID, confirm.Requester{})
	check(t, err)
	if again.ID != first.ID || again.Order != first.Order || first.By.ID != "admin" {
		t.Errorf("two renewals: %s, %s", first.ID, again.ID)
	}
	_, err = w.renewals.Read(ctx, w.Who("zhou"), first.ID)
	refused(t, err, mobilecert.ErrNotYourOrganisation)
	cancelled, err := w.renewals.Cancel(ctx, w.Who("li"), first.ID)
	check(t, err)
	check(t, w.settle())
	if o, err := w.orders.Get(ctx, first.Order); cancelled.State != renewal.Cancelled || err != nil || o.State != cashier.Closed {
		t.Errorf("cancelled: %s, %+v, %v", cancelled.State, o, err)
	}
	other, err := w.renewals.Start(ctx, w.Who("li"), ph.Doc.ID, confirm.Requester{})
	check(t, err)
	if other.ID == first.ID {
		t.Error("a cancelled renewal came back")
	}
	check(t, w.pay(other))
	_, err = w.renewals.Cancel(ctx, w.Who("li"), other.ID)
	refused(t, err, renewal.ErrPaid)
	list, _, err := w.renewals.List(ctx, w.Who("admin"), true, "", 10)
	if check(t, err); len(list) != 2 || list[0].ID != other.ID {
		t.Errorf("list %+v", list)
	}
}

// An open bid stops the extension on every way; the signed acknowledgement lets it
// go on, and the phone is asked by itself then.
func TestAnOpenBidStopsTheExtension(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("li", "demo-p256")
	w.Bound(ph, "li")
	w.due(ph)
	bid := func(id string) {
		_, _, err := w.ledger.Record(ctx, "zcy", bids.Report{External: id, DER: ph.Holder.Cert.Raw, Tender: id, OpensAt: w.Clock.Now().Add(24 * time.Hour)})
		check(t, err)
	}
	bid("甲项目")
	n := w.paid(ph)
	if n.Failure != "bids_open" || n.State != renewal.Extension {
		t.Fatalf("%s, %q", n.State, n.Failure)
	}
	if q, err := w.asked(ph.ID); err != nil || q != nil {
		t.Fatalf("the phone is asked all the same: %+v, %v", q, err)
	}
	if got := strings.Join(w.told, " "); got != "renewal_paid renewal_guarded" {
		t.Errorf("told %s", got)
	}
	_, err := w.Ask("extend", "li", map[string]string{"certificate": ph.Doc.ID})
	refused(t, err, bids.ErrOpen)

	acknowledge := func() {
		t.Helper()
		w.Clock.Advance(time.Minute)
		_, err := w.renewals.Ask(ctx, w.Who("li"), n.ID, "acknowledge")
		check(t, err)
		check(t, w.settle())
		q, err := w.confirms(t, ph, nil)
		check(t, err)
		if q == nil || q.State != confirm.StateConfirmed || q.Purpose() != "acknowledge" {
			t.Fatalf("acknowledging: %+v", q)
		}
		check(t, w.settle())
	}
	acknowledge()
	q, err := w.asked(ph.ID)
	check(t, err)
	if q == nil || q.Purpose() != "extend" {
		t.Fatalf("after the acknowledgement the phone is asked %+v", q)
	}
	// Another bid, between the acknowledgement and the extension.
	bid("乙项目")
	_, err = w.confirms(t, ph, trusttest.Key(t, trust.ES256))
	refused(t, err, bids.ErrOpen)
	w.state(n.ID, renewal.Extension)
	acknowledge()
	if q, err = w.asked(ph.ID); err != nil || q == nil {
		t.Fatalf("asked %+v, %v", q, err)
	}
	// It has its statement already, for the key that was sent first.
	_, err = w.prompts.Cancel(ctx, q.ID)
	check(t, err)
	_, err = w.renewals.Ask(ctx, w.Who("li"), n.ID, "extend")
	check(t, err)
	check(t, w.settle())
	w.extends(ph)
	w.state(n.ID, renewal.Extended)
}

// A bid that comes after the signature was accepted, and before the act: refused
// for good, and nothing has happened.
func TestABidBetweenSignatureAndAct(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("li", "demo-p256")
	w.due(ph)
	n := w.paid(ph)
	c, err := w.Ask("extend", "li", map[string]string{"renewal": n.ID})
	check(t, err)
	check(t, w.Statement(c, trusttest.CSR(t, trusttest.Key(t, trust.ES256))))
	v, err := w.Engine.Verify(ctx, c, ph.ID, ph.Sign(t, c))
	check(t, err)
	c.Accept(v, w.Clock.Now())
	_, _, err = w.ledger.Record(ctx, "zcy", bids.Report{External: "b", DER: ph.Holder.Cert.Raw, Tender: "甲", OpensAt: w.Clock.Now().Add(time.Hour)})
	check(t, err)
	_, err = w.Engine.Act(ctx, c, ph.ID, v)
	refused(t, err, bids.ErrOpen)
	w.state(n.ID, renewal.Extension)
	if successors(t, w.World.Store, ph.Doc.ID) != 0 {
		t.Error("a certificate was made")
	}
}

func TestRevokedBetweenPaymentAndExtension(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("li", "demo-p256")
	w.due(ph)
	n := w.paid(ph)
	_, err := w.Certificates.RevokeBy(ctx, ph.Doc.ID, w.Who("li"), mobilecert.KeyCompromise)
	check(t, err)
	_, err = w.confirms(t, ph, trusttest.Key(t, trust.ES256))
	refused(t, err, mobilecert.ErrRevokedHere)
	check(t, w.renewals.Sweep(ctx))
	check(t, w.settle())
	w.state(n.ID, renewal.Refunded)
	if o, err := w.orders.Get(ctx, n.Order); err != nil || o.State != cashier.Refunded {
		t.Errorf("the order: %+v, %v", o, err)
	}
}

// Revoked before anything was paid: nothing is owed any more.
// Revoked in the moment in which a renewal is begun, or while it is being extended: no
// word of the revocation comes any more, and it is found all the same.
func TestRevokedUnheard(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("li", "demo-p256")
	w.due(ph)
	n := w.paid(ph)
	_, err := w.Certificates.Revoke(ctx, ph.Doc.ID, mobilecert.Actor{ID: "admin"}, mobilecert.KeyCompromise)
	check(t, err)
	check(t, w.renewals.Sweep(ctx))
	w.state(n.ID, renewal.Extension) // it is not looked at all the time
	w.Clock.Advance(time.Minute)
	check(t, w.renewals.Sweep(ctx))
	w.state(n.ID, renewal.Refunding)
}

// What waits for its holder is looked at once a day, not by every sweep.
func TestSweepingLeavesAloneWhatIsNotDue(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("li", "demo-p256")
	w.due(ph)
	n := w.paid(ph)
	looks := 0
	for range 2 * 24 * 60 {
		w.Clock.Advance(time.Minute)
		before := w.read(n.ID).LookAt
		check(t, w.renewals.Sweep(ctx))
		if !w.read(n.ID).LookAt.Equal(*before) {
			looks++
		}
	}
	if looks < 2 || looks > 3 {
		t.Errorf("it was looked at %d times in two days", looks)
	}
}

func TestRevokedBeforePayment(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("li", "demo-p256")
	w.due(ph)
	n, err := w.renewals.Start(ctx, w.Who("li"), ph.Doc.ID, confirm.Requester{})
	check(t, err)
	_, err = w.Certificates.RevokeBy(ctx, ph.Doc.ID, w.Who("li"), mobilecert.KeyCompromise)
	check(t, err)
	check(t, w.renewals.Sweep(ctx))
	check(t, w.settle())
	w.state(n.ID, renewal.Cancelled)
}

func TestKeyPolicy(t *testing.T) {
	for _, policy := range []renewal.KeyPolicy{renewal.NewKey, renewal.SameKey} {
		t.Run(string(policy), func(t *testing.T) {
			w := newWorld(t, func(w *world) { w.key = policy })
			ph := w.Enrolled("li", "demo-p256")
			w.due(ph)
			n := w.paid(ph)
			other := w.Enrolled("li", "demo-p256")
			for _, key := range []struct {
				csr  []byte
				want error
			}{
				{trusttest.CSR(t, ph.Holder.Key), map[renewal.KeyPolicy]error{renewal.NewKey: renewal.ErrKeyNew}[policy]},
				{trusttest.CSR(t, other.Holder.Key), map[renewal.KeyPolicy]error{renewal.NewKey: renewal.ErrKeyNew, renewal.SameKey: renewal.ErrKeySame}[policy]},
				{trusttest.CSR(t, trusttest.Key(t, trust.ES256)), map[renewal.KeyPolicy]error{renewal.SameKey: renewal.ErrKeySame}[policy]},
				{trusttest.CSR(t, trusttest.Key(t, trust.SM2SM3)), confirm.ErrKeyMismatch},
			} {
				c, err := w.Ask("extend", "li", map[string]string{"renewal": n.ID})
				check(t, err)
				if err := w.Statement(c, key.csr); !errors.Is(err, key.want) || key.want == nil && err != nil {
					t.Errorf("got %v, want %v", err, key.want)
				}
			}
			if policy == renewal.NewKey {
				return
			}
			was := ph.Doc
			q, err := w.confirms(t, ph, ph.Holder.Key)
			check(t, err)
			w.Take(ph, q.Result, ph.Holder.Key, trust.ES256)
			if !ph.Doc.KeyKept || ph.Doc.Key != was.Key {
				t.Errorf("%+v", ph.Doc)
			}
		})
	}
}

// Two phones cannot both extend, nor one phone twice; another's certificate and
// another's phone cannot at all.
func TestOnlyTheHolderOnce(t *testing.T) {
	w := newWorld(t)
	ph, other := w.Enrolled("li", "demo-p256"), w.Enrolled("li", "demo-p256")
	w.due(ph)
	n := w.paid(ph)
	asking := func() *confirm.Confirmation {
		c, err := w.Ask("extend", "li", map[string]string{"renewal": n.ID})
		check(t, err)
		check(t, w.Statement(c, trusttest.CSR(t, trusttest.Key(t, trust.ES256))))
		return c
	}
	c := asking()
	_, err := w.Confirm(c, other.ID, other.Sign(t, c))
	refused(t, err, confirm.ErrSignerMismatch)
	var all []*confirm.Confirmation
	for range 4 {
		all = append(all, asking())
	}
	errs := crowd(len(all), func(i int) error { _, err := w.Confirm(all[i], ph.ID, ph.Sign(t, all[i])); return err })
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !confirm.Final(err) {
			t.Errorf("neither won nor refused: %v", err)
		}
	}
	if won != 1 || successors(t, w.World.Store, ph.Doc.ID) != 1 {
		t.Fatalf("%d won, %d successors: %v", won, successors(t, w.World.Store, ph.Doc.ID), errs)
	}
	w.state(n.ID, renewal.Extended)
	_, err = w.Ask("extend", "zhou", map[string]string{"renewal": n.ID})
	refused(t, err, mobilecert.ErrNotYourAccount)
	fresh := w.Enrolled("li", "demo-p256")
	_, err = w.Ask("extend", "li", map[string]string{"certificate": fresh.Doc.ID})
	refused(t, err, renewal.ErrNeeded)
}
