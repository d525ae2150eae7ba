package renewal_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/renewal"
	"certlink/store"
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
	w.Granted(ph, "li", renewal.SubjectKind, n.ID)
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

// A reviewer pages through those whose identity must be proved anew, among many more
// that are paid and need nothing of them: each page but the last is full.
func TestPagesOfTheUnprovedAreFull(t *testing.T) {
	w := newWorld(t)
	kept, now := renewal.Collections()[0], w.Clock.Now()
	paid := now.Add(-24 * time.Hour)
	other := []func(*renewal.Renewal){
		func(n *renewal.Renewal) { n.Certificate.NotAfter = now.Add(time.Hour) },
		func(n *renewal.Renewal) { n.Certificate.NotAfter = now },
		func(n *renewal.Renewal) { n.Certificate.Medium = mobilecert.UKey },
		func(n *renewal.Renewal) { n.Identity = &renewal.Identity{Method: "mail", At: now} },
		func(n *renewal.Renewal) { n.State, n.Attempt = renewal.Extending, &renewal.Attempt{Since: now} },
		func(n *renewal.Renewal) { n.State = renewal.Payment },
		func(n *renewal.Renewal) { n.State, n.LookAt, n.EndedAt = renewal.Refunded, nil, &now },
	}
	for i := range 150 {
		id := fmt.Sprintf("n%03d", i)
		n := &renewal.Renewal{ID: id, State: renewal.Extension, Account: w.Party("li"), PaidAt: &paid, CreatedAt: paid, LookAt: &now,
			// Several expire in one moment.
			Certificate: renewal.Subject{ID: "c" + id, Medium: mobilecert.Mobile, NotAfter: now.Add(-time.Duration(160-i) / 10 * time.Minute)}}
		if i%6 != 5 {
			other[i%len(other)](n)
		}
		body, err := json.Marshal(n)
		check(t, err)
		doc := store.Doc{ID: id, Body: body}
		doc.Index, err = kept.Derive(doc)
		check(t, err)
		check(t, w.World.Store.Create(ctx, kept.Name, doc))
	}
	var seen []string
	for after, pages := store.Cursor(""), 1; ; pages++ {
		list, next, err := w.renewals.Unproved(ctx, after, 10)
		check(t, err)
		for _, n := range list {
			if !w.renewals.Unidentified(n) {
				t.Errorf("%s is %s, expires %s", n.ID, n.State, n.Certificate.NotAfter)
			}
			seen = append(seen, n.ID)
		}
		if next == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		if after = next; len(list) != 10 {
			t.Errorf("page %d has %d", pages, len(list))
		}
	}
	if len(seen) != 25 || !slices.IsSorted(seen) {
		t.Errorf("%d: %v", len(seen), seen)
	}
	// What expires comes in; who is identified goes.
	w.Clock.Advance(2 * time.Second)
	_, err := w.renewals.Prove(ctx, mobilecert.Actor{ID: "reviewer"}, seen[0], "mail")
	check(t, err)
	list, _, err := w.renewals.Unproved(ctx, "", 50)
	check(t, err)
	expired := slices.ContainsFunc(list, func(n *renewal.Renewal) bool { return n.Certificate.NotAfter.Equal(now) })
	if proved := list[0].ID == seen[0]; proved || !expired {
		t.Errorf("proved %v, expired since %v: %d", proved, expired, len(list))
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
