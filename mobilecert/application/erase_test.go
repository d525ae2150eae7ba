package application

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"certlink/cashier"
	"certlink/internal/effect"
	"certlink/internal/retain"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/store"
	"certlink/store/storetest"
)

const day = 24 * time.Hour

var terms = retain.Terms{Finished: 1825 * day, Idle: 365 * day}

// traces are the documents that still tell something personal of an application.
func (w *world) traces(a *Application) (found []string) {
	w.t.Helper()
	for _, name := range []string{"applications", "identity_checks", "uploads", "upload_pieces"} {
		docs, _, err := w.store.Query(ctx, name, store.Query{})
		check(w.t, err)
		for _, d := range docs {
			switch {
			case name == "applications" && d.ID == a.ID && !bytes.Contains(d.Body, []byte("李娜")) && bytes.Contains(d.Body, []byte(`"sealed":""`)):
			case name == "applications" && d.ID != a.ID, name != "applications" && !bytes.Contains(d.Body, []byte(a.ID)) && name != "upload_pieces":
			default:
				found = append(found, name+"/"+d.ID)
			}
		}
	}
	return found
}

func pendingOf(t *testing.T, s store.Store, id string) []effect.Effect {
	t.Helper()
	d, err := s.Get(ctx, "applications", id)
	check(t, err)
	pending, err := effect.Pending(d.Body)
	check(t, err)
	return pending
}

func erasures(a *Application) (n int) {
	for _, e := range a.History {
		if e.Act == "application.erased" {
			n++
		}
	}
	return n
}

// What nobody has brought to its end goes after the shorter time, what was issued
// after the longer one from the end of its certificate, what waits for a reviewer
// never.
func TestErase(t *testing.T) {
	w := newWorld(t)
	w.token = w.leaf(idLi)
	issued := w.submitted("huixin-ukey")
	w.verify(issued.ID)
	w.payFor(issued.ID)
	issued = w.decided(w.now(issued.ID))
	_, err := w.Ship(ctx, reviewer, issued.ID, Made{DER: w.token, Carrier: "顺丰", Number: "SF1"})
	check(t, err)
	w.relay()
	issued = w.is(issued.ID, Issued)
	cert, err := w.current(ctx, issued)
	check(t, err)
	ends := cert.NotAfter

	left := w.filled("huixin-mobile")
	withdrawn := w.submitted("huixin-mobile")
	_, err = w.Withdraw(ctx, w.who("li"), withdrawn.ID)
	check(t, err)
	waiting := w.submitted("huixin-ukey")
	w.verify(waiting.ID)
	w.payFor(waiting.ID)
	w.is(waiting.ID, Review)

	look := func(when string, want map[*Application]bool) {
		t.Helper()
		check(t, w.Erase(ctx, terms))
		check(t, w.Erase(ctx, terms))
		w.relay()
		for a, gone := range want {
			now := w.now(a.ID)
			if (now.ErasedAt != nil) != gone || (now.Holder == "") != gone || gone && erasures(now) != 1 {
				t.Errorf("%s: %s is %s, erased %v, %q", when, a.Number, now.State, now.ErasedAt, now.Holder)
			}
		}
	}
	w.clock.Advance(364 * day)
	look("within the year", map[*Application]bool{left: false, withdrawn: false, issued: false, waiting: false})
	w.clock.Advance(2 * day)
	look("after a year", map[*Application]bool{left: true, withdrawn: true, issued: false, waiting: false})
	w.is(left.ID, Withdrawn)
	w.clock.Advance(ends.Add(1824 * day).Sub(w.clock.Now()))
	look("the certificate ended less than five years ago", map[*Application]bool{issued: false, waiting: false})
	if w.now(issued.ID).TermEnds == nil {
		t.Error("it is looked at again and again")
	}
	w.clock.Advance(2 * day)
	look("after five years", map[*Application]bool{issued: true, waiting: false})

	v, err := w.View(ctx, w.now(issued.ID), Reviewer)
	check(t, err)
	if v.ErasedAt == nil || v.Form.IDNumber != "" || len(v.Files) != 0 || len(v.History) == 0 || v.Certificate == "" {
		t.Errorf("%+v", v)
	}
	_, err = w.Replace(ctx, w.who("li"), issued.ID)
	refused(t, err, ErrNotReplaceable)

	w.clock.Advance(100 * 365 * day)
	check(t, w.Erase(ctx, retain.Terms{}))
	if w.now(waiting.ID).ErasedAt != nil {
		t.Error("erased without a term")
	}
}

// lost is issued, and another is asked for in place of the certificate, whose phone is
// lost.
func (w *world) lost() *Application {
	w.t.Helper()
	a := w.decided(w.paidFor("huixin-mobile"))
	c, err := w.certs.Import(ctx, mobilecert.Import{ID: "c" + a.ID, DER: w.leaf(idLi), Provider: "huixin", Product: a.Product,
		Medium: mobilecert.Mobile, Account: a.Account, Person: idLi, CreditCode: code1, Grant: a.ID, By: reviewer})
	check(w.t, err)
	w.relay()
	_, err = w.certs.Revoke(ctx, c.ID, reviewer, mobilecert.KeyCompromise)
	check(w.t, err)
	a, err = w.Replace(ctx, w.who("li"), a.ID)
	check(w.t, err)
	return a
}

// Another certificate in place of a lost one, that its holder does not go on with, is
// given up after the shorter time, and can be asked for again; all goes after the longer
// one from the end of the lost one.
func TestEraseReplacements(t *testing.T) {
	w := newWorld(t)
	lying, verified, asked := w.lost(), w.lost(), w.lost()
	revoked := w.clock.Now()
	w.verify(verified.ID)
	w.is(verified.ID, Making)
	w.verify(asked.ID)
	// The authority has its request.
	_, err := w.certs.Import(ctx, mobilecert.Import{ID: "another", DER: w.leaf(idLi), Provider: "huixin", Product: asked.Product,
		Medium: mobilecert.Mobile, Account: asked.Account, Person: idLi, CreditCode: code1, Grant: asked.ID, Replaces: asked.Replaces, By: reviewer})
	check(t, err)
	all := []*Application{lying, verified, asked}
	sweep := func(want ...State) {
		t.Helper()
		for range 2 {
			check(t, w.Erase(ctx, terms))
		}
		for i, a := range all {
			w.is(a.ID, want[i])
		}
	}
	w.clock.Advance(364 * day)
	sweep(Identity, Making, Making)
	w.clock.Advance(2 * day)
	sweep(Issued, Issued, Making)
	told := 0
	for _, e := range w.now(verified.ID).Pending {
		if e.Data["key"] == "application_issued" {
			told++
		}
	}
	if now := w.now(verified.ID); now.Replaces != "" || now.Proof.VerifiedAt != nil || told != 1 || !strings.HasSuffix(acts(now), " replacement_lapsed") {
		t.Errorf("%+v, told %d times, %s", now.Proof, told, acts(now))
	}
	w.clock.Advance(revoked.Add(1824 * day).Sub(w.clock.Now()))
	sweep(Issued, Issued, Making)
	if now := w.now(lying.ID); now.ErasedAt != nil {
		t.Error("erased within five years")
	}
	w.clock.Advance(2 * day)
	sweep(Issued, Issued, Making)
	w.relay()
	if now := w.now(lying.ID); now.ErasedAt == nil || now.Holder != "" {
		t.Errorf("%+v", now)
	}
}

// What was paid for, and is its applicant's to go on with, is kept for the longer time;
// then it is withdrawn and the money goes back, once, whatever dies in between, and it is
// erased as what was withdrawn. What an authority has or makes waits for it.
func TestEraseWhatWasPaidFor(t *testing.T) {
	for _, after := range []bool{false, true} {
		w := newWorld(t)
		rejected := w.decided(w.paidFor("huixin-ukey"), Reason{Field: "holder", Code: "differs"})
		collectable, asked := w.decided(w.paidFor("huixin-mobile")), w.decided(w.paidFor("huixin-mobile"))
		token := w.decided(w.paidFor("huixin-ukey"))
		_, err := w.certs.Import(ctx, mobilecert.Import{ID: "asked", DER: w.leaf(idLi), Provider: "huixin", Product: asked.Product,
			Medium: mobilecert.Mobile, Account: asked.Account, Person: idLi, CreditCode: code1, GrantKind: SubjectKind, Grant: asked.ID, By: reviewer})
		check(t, err)
		all := []*Application{rejected, collectable, asked, token}
		look := func(erased bool, want ...State) {
			t.Helper()
			check(t, w.Erase(ctx, terms))
			for i, a := range all {
				if now := w.is(a.ID, want[i]); (now.ErasedAt != nil) != (erased && i < 2) {
					t.Errorf("%s, %s: erased %v", now.Product, now.State, now.ErasedAt)
				}
			}
		}
		w.clock.Advance(1824 * day)
		look(false, Rejected, Making, Making, Making)
		w.clock.Advance(2 * day)
		w.diesErasing(after)
		for range 2 {
			look(false, Withdrawn, Withdrawn, Making, Making)
		}
		for _, a := range all[:2] {
			refunds, now := 0, w.now(a.ID)
			for _, e := range now.Pending {
				if e.Kind == cashier.EffectRefund && e.Data["order"] == a.Money.Order {
					refunds++
				}
			}
			if refunds != 1 || strings.Count(acts(now), " lapsed") != 1 || now.Holder == "" {
				t.Errorf("%s: %d refunds, %s, of %q", now.Product, refunds, acts(now), now.Holder)
			}
		}
		w.clock.Advance(366 * day)
		look(true, Withdrawn, Withdrawn, Making, Making)
	}
}

func TestKilledWhileGivingUpReplacements(t *testing.T) {
	for _, after := range []bool{false, true} {
		w := newWorld(t)
		lying, other := w.lost(), w.lost()
		w.clock.Advance(366 * day)
		w.diesErasing(after)
		check(t, w.Erase(ctx, terms))
		for _, a := range []*Application{lying, other} {
			if now := w.is(a.ID, Issued); strings.Count(acts(now), "replacement_lapsed") != 1 || now.ErasedAt != nil {
				t.Errorf("after %v, given up so: %s", after, acts(now))
			}
		}
	}
}

// A server that dies anywhere while it erases leaves what the next one brings to its
// end: nothing personal is left, and it was done once.
func TestKilledWhileErasing(t *testing.T) {
	for n, lived := 1, false; !lived; n++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, after %v", n, after), func(t *testing.T) {
				w := newWorld(t)
				a := w.submitted("huixin-mobile")
				_, err := w.StartFace(ctx, w.who("li"), a.ID, "")
				check(t, err)
				w.face.say(identity.Mismatched)
				check(t, w.LookFace(ctx, w.now(a.ID)))
				w.relay()
				if len(w.traces(a)) < 4 {
					t.Fatalf("nothing to erase: %v", w.traces(a))
				}
				w.clock.Advance(366 * day)

				alive := w.store
				m := storetest.NewMortal(alive, n, after)
				w.store = m
				dying := w.start(key1)
				err = dying.Erase(ctx, terms)
				for _, e := range pendingOf(t, alive, a.ID) {
					if err == nil && e.Kind == EffectErased {
						err = dying.CarryErased(ctx, e)
					}
				}
				lived = !m.Dead()
				if lived {
					check(t, err)
				}
				w.store = alive
				w.start(key1)
				check(t, w.Erase(ctx, terms))
				w.relay()
				if found := w.traces(a); len(found) > 0 {
					t.Errorf("left: %v", found)
				}
				if now := w.is(a.ID, Withdrawn); erasures(now) != 1 {
					t.Errorf("erased %d times: %s", erasures(now), acts(now))
				}
			})
		}
		if n > 20 {
			t.Fatal("it never ends")
		}
	}
}

// diesErasing has the process die at its first write of an erasure, before it or after,
// and starts another.
func (w *world) diesErasing(after bool) {
	w.t.Helper()
	alive := w.store
	w.store = storetest.NewMortal(alive, 1, after)
	if err := w.start(key1).Erase(ctx, terms); err == nil {
		w.t.Fatal("it did not die")
	}
	w.store = alive
	w.start(key1)
}
