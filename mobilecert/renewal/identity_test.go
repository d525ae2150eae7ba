package renewal_test

import (
	"testing"
	"time"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/renewal"
)

// Expired between payment and extension: a reviewer has the identity proved anew,
// and the holder collects a new certificate without paying again. Its term begins
// then, and the binding moves to it.
func TestExpiredBeforeItWasExtended(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("li", "demo-p256")
	b := w.Bound(ph, "li")
	w.due(ph)
	n := w.paid(ph)
	reviewer := mobilecert.Actor{ID: "reviewer"}
	_, err := w.renewals.Prove(ctx, reviewer, n.ID, "mail")
	refused(t, err, renewal.ErrNotExpired)
	_, _, err = w.ledger.Record(ctx, "zcy", bids.Report{External: "b", DER: ph.Holder.Cert.Raw, Tender: "甲", OpensAt: ph.Doc.NotAfter.Add(time.Hour)})
	check(t, err)
	w.Clock.Advance(ph.Doc.NotAfter.Add(time.Second).Sub(w.Clock.Now()))
	_, err = w.renewals.Grant(ctx, n.ID, "li")
	refused(t, err, renewal.ErrExpired)
	for range 2 {
		if n, err = w.renewals.Prove(ctx, reviewer, n.ID, "mail"); err != nil || n.Identity == nil {
			t.Fatalf("%+v, %v", n, err)
		}
	}
	_, err = w.renewals.Grant(ctx, n.ID, "admin")
	refused(t, err, mobilecert.ErrNotYourAccount)
	_, err = w.renewals.Grant(ctx, n.ID, "li")
	refused(t, err, bids.ErrOpen)
	_, err = w.ledger.Close(ctx, "zcy", "b", "opened")
	check(t, err)
	was := ph.Doc
	w.Granted(ph, "li", n.ID)
	check(t, w.settle())
	n = w.state(n.ID, renewal.Extended)
	moved, err := w.Bindings.Get(ctx, b.ID)
	check(t, err)
	if moved.Certificate.Content != ph.Doc.Content || n.Attempt.Successor != ph.Doc.ID || ph.Doc.NotAfter.Before(w.Clock.Now().Add(364*24*time.Hour)) {
		t.Errorf("binding %+v, renewal %+v", moved.Certificate, n.Attempt)
	}
	if old, err := w.Certificates.Get(ctx, was.ID); err != nil || old.State != mobilecert.Superseded {
		t.Errorf("the old one is %s, %v", old.State, err)
	}
	if o := w.order(n.Order); o.CompletedAt == nil {
		t.Error("the order is not complete")
	}
}

// A certificate without an ID number is nobody's that the register knows: there is
// no face check, and a reviewer does it.
func TestNoFaceCheckWithoutANumber(t *testing.T) {
	w := newWorld(t)
	ph := w.Enrolled("zhou", "demo-p256")
	w.due(ph)
	n, err := w.renewals.Start(ctx, w.Who("zhou"), ph.Doc.ID, confirm.Requester{})
	check(t, err)
	check(t, w.pay(n))
	w.Clock.Advance(ph.Doc.NotAfter.Add(time.Second).Sub(w.Clock.Now()))
	_, err = w.renewals.StartFace(ctx, w.Who("zhou"), n.ID, "")
	refused(t, err, renewal.ErrNoNumber)
	_, err = w.renewals.StartFace(ctx, w.Who("admin"), n.ID, "")
	refused(t, err, mobilecert.ErrNotYourOrganisation)
	_, err = w.renewals.Prove(ctx, mobilecert.Actor{ID: "reviewer"}, n.ID, "mail")
	check(t, err)
}
