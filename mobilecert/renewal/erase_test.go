package renewal_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/retain"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/mobilecert/mobiletest"
	"certlink/mobilecert/renewal"
	"certlink/store"
	"certlink/store/storetest"
)

const day = 24 * time.Hour

var terms = retain.Terms{Finished: 1825 * day, Idle: 365 * day}

// faces passes everybody.
type faces struct{}

func (faces) Name() string { return "test" }

func (faces) Begin(_ context.Context, check string, _ identity.Person, _ string) (*identity.Started, error) {
	return &identity.Started{Ref: check, URL: "https://face.example/" + check}, nil
}

func (faces) Ask(context.Context, string) (*identity.Result, error) {
	return &identity.Result{State: identity.Passed}, nil
}

func (faces) Notice(func(string) string, []byte) (string, error) { return "", identity.ErrNotice }

// identified is a renewal whose certificate expired, and whose holder has passed a face
// check.
func (w *world) identified(ph *mobiletest.Phone) *renewal.Renewal {
	w.T.Helper()
	w.due(ph)
	n := w.paid(ph)
	w.Clock.Advance(ph.Doc.NotAfter.Add(time.Second).Sub(w.Clock.Now()))
	_, err := w.renewals.StartFace(ctx, w.Who("li"), n.ID, "")
	check(w.T, err)
	n, err = w.renewals.LookFace(ctx, w.Who("li"), n.ID)
	check(w.T, err)
	check(w.T, w.settle())
	if n.Identity == nil {
		w.T.Fatalf("%+v", n.Face)
	}
	return n
}

// traces are the documents of renewals and face checks that still tell of a person.
func (w *world) traces() (found []string) {
	w.T.Helper()
	for _, name := range []string{"renewals", "identity_checks"} {
		docs, _, err := w.World.Store.Query(ctx, name, store.Query{})
		check(w.T, err)
		for _, d := range docs {
			if name == "identity_checks" || bytes.Contains(d.Body, []byte("李娜")) || bytes.Contains(d.Body, []byte("王敏")) || bytes.Contains(d.Body, []byte("192.0.2.7")) {
				found = append(found, name+"/"+d.ID)
			}
		}
	}
	return found
}

func erasures(n *renewal.Renewal) (times int) {
	for _, e := range n.History {
		if e.Act == "renewal.erased" {
			times++
		}
	}
	return times
}

// What was extended goes after the longer time from the end of the last certificate that
// came of it, what came to nothing after the shorter one. What is paid for and not
// extended is paid back after the longer one from the end of its certificate.
func TestErase(t *testing.T) {
	w := newWorld(t)
	ph, waits := w.Enrolled("li", "demo-p256"), w.Enrolled("li", "demo-p256")
	given, refunded := w.Enrolled("li", "demo-p256"), w.Enrolled("li", "demo-p256")
	w.due(ph)
	cancelled, err := w.renewals.Start(ctx, w.Who("admin"), given.Doc.ID, confirm.Requester{IP: "192.0.2.7"})
	check(t, err)
	_, err = w.renewals.Cancel(ctx, w.Who("admin"), cancelled.ID)
	check(t, err)
	revoked, paid := w.paid(refunded), w.paid(waits)
	_, err = w.Certificates.RevokeBy(ctx, refunded.Doc.ID, w.Who("li"), mobilecert.KeyCompromise)
	check(t, err)
	check(t, w.settle())
	w.state(revoked.ID, renewal.Refunded)
	n := w.identified(ph)
	w.Granted(ph, "li", renewal.SubjectKind, n.ID)
	check(t, w.settle())
	w.state(n.ID, renewal.Extended)
	sweep := func(when string, want map[string]bool) {
		t.Helper()
		for range 2 {
			check(t, w.renewals.Erase(ctx, terms))
			check(t, w.settle())
		}
		for id, gone := range want {
			now := w.read(id)
			if (now.ErasedAt != nil) != gone || (now.Certificate.HolderName == "") != gone || gone && (erasures(now) != 1 || now.Account.ID != "li" || now.Face != nil) {
				t.Errorf("%s: %s is %s, erased %v: %+v", when, id, now.State, now.ErasedAt, now)
			}
		}
	}
	sweep("at once", map[string]bool{cancelled.ID: false, revoked.ID: false, paid.ID: false, n.ID: false})
	if len(w.traces()) != 5 {
		t.Errorf("traces: %v", w.traces())
	}
	w.Clock.Advance(366 * day)
	sweep("after a year", map[string]bool{cancelled.ID: true, revoked.ID: true, paid.ID: false, n.ID: false})
	// It is extended once more, so its time runs from the end of that one.
	w.Clock.Advance(ph.Doc.NotAfter.Add(-day).Sub(w.Clock.Now()))
	check(t, w.prompts.Sweep(ctx)) // the question that nobody has answered
	again := w.paid(ph)
	w.extends(ph)
	w.state(again.ID, renewal.Extended)
	w.Clock.Advance(ph.Doc.NotAfter.Add(1824 * day).Sub(w.Clock.Now()))
	sweep("the last ended less than five years ago", map[string]bool{n.ID: false, again.ID: false})
	if w.read(n.ID).TermEnds == nil {
		t.Error("it is looked at again and again")
	}
	w.Clock.Advance(2 * day)
	sweep("after five years", map[string]bool{n.ID: true, again.ID: true, paid.ID: false})
	if left := w.traces(); len(left) != 1 || left[0] != "renewals/"+paid.ID {
		t.Errorf("left: %v", left)
	}
	w.state(paid.ID, renewal.Refunded)
	w.Clock.Advance(366 * day)
	check(t, w.renewals.Erase(ctx, retain.Terms{}))
	if w.read(paid.ID).ErasedAt != nil {
		t.Error("erased without a term")
	}
	sweep("a year after it was paid back", map[string]bool{paid.ID: true})
}

// What is paid for and its holder's to go on with is kept for the longer time from the end
// of its certificate; then the money goes back, once, whatever dies in between, also of
// what was left lying at an authority's site. A new certificate on its way is waited for.
func TestErasePaidAndNeverExtended(t *testing.T) {
	for _, after := range []bool{false, true} {
		w := newSited(t)
		lying, made := w.Enrolled("li", "demo-p256"), w.Enrolled("li", "demo-p256")
		token, _ := w.token(t)
		w.due(lying)
		waits, left := w.paid(lying), w.paid(token)
		_, err := w.renewals.Leave(ctx, w.Who("li"), left.ID, "https://ca.example.cn/portal/")
		check(t, err)
		claimed := w.identified(made)
		w.Granted(made, "li", renewal.SubjectKind, claimed.ID) // and nobody is told of it yet
		all := []*renewal.Renewal{waits, left, claimed}
		look := func(want ...renewal.State) {
			t.Helper()
			check(t, w.renewals.Erase(ctx, terms))
			for i, n := range all {
				w.state(n.ID, want[i])
			}
		}
		w.Clock.Advance(waits.Certificate.NotAfter.Add(1824 * day).Sub(w.Clock.Now()))
		look(renewal.Extension, renewal.Extending, renewal.Extension)
		w.Clock.Advance(left.Certificate.NotAfter.Add(1826 * day).Sub(w.Clock.Now()))
		m := storetest.NewMortal(w.World.Store, 1, after)
		if err := w.start(m).renewals.Erase(ctx, terms); err == nil {
			t.Fatal("it did not die")
		}
		for range 2 {
			look(renewal.Refunding, renewal.Refunding, renewal.Extension)
		}
		check(t, w.settle())
		w.state(waits.ID, renewal.Refunded)
		w.state(left.ID, renewal.Refunded)
		w.state(claimed.ID, renewal.Extended)
	}
}

// A renewal that a crash kept from having an order is given up first, and its
// certificate can be renewed again.
func TestEraseWhatWasNeverOrdered(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("li", "demo-p256")
	w.due(ph)
	m := storetest.NewMortal(w.World.Store, 1, true) // the renewal is written, and its answer lost
	if _, err := w.start(m).renewals.Start(ctx, w.Who("li"), ph.Doc.ID, confirm.Requester{IP: "192.0.2.7"}); err == nil {
		t.Fatal("it did not die")
	}
	n, err := w.renewals.Open(ctx, ph.Doc.ID)
	check(t, err)
	w.Clock.Advance(366 * day)
	check(t, w.renewals.Erase(ctx, terms))
	check(t, w.settle())
	if now := w.state(n.ID, renewal.Cancelled); erasures(now) != 1 || len(w.traces()) != 0 {
		t.Errorf("%+v, %v", now, w.traces())
	}
}

// A server that dies anywhere while it erases leaves what the next one brings to its
// end: nothing personal is left, and it was done once.
func TestKilledWhileErasing(t *testing.T) {
	for k, lived := 1, false; !lived; k++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, after %v", k, after), func(t *testing.T) {
				w := newWorld(t)
				n := w.identified(w.Enrolled("li", "demo-p256"))
				_, err := w.Certificates.RevokeBy(ctx, n.Certificate.ID, w.Who("li"), mobilecert.KeyCompromise)
				check(t, err)
				check(t, w.settle())
				w.state(n.ID, renewal.Refunded)
				if len(w.traces()) != 2 {
					t.Fatalf("nothing to erase: %v", w.traces())
				}
				w.Clock.Advance(366 * day)
				m := storetest.NewMortal(w.World.Store, k, after)
				dying := w.start(m)
				err = dying.renewals.Erase(ctx, terms)
				if err == nil {
					for _, e := range w.read(n.ID).Pending {
						if err == nil && e.Kind == renewal.EffectErased {
							err = dying.renewals.CarryErased(ctx, e)
						}
					}
				}
				if lived = !m.Dead(); lived {
					check(t, err)
				}
				check(t, w.renewals.Erase(ctx, terms))
				check(t, w.settle())
				if left := w.traces(); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
				if now := w.read(n.ID); erasures(now) != 1 {
					t.Errorf("erased %d times", erasures(now))
				}
			})
		}
		if k > 5 {
			t.Fatal("it never ends")
		}
	}
}
