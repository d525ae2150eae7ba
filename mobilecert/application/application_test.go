package application

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/cashier"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/internal/seal"
	"certlink/internal/upload"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/store"
	"certlink/trust"
)

// The whole course of a mobile certificate that costs nothing.
func TestMobileFree(t *testing.T) {
	w := newWorld(t)
	a := w.submitted("huixin-mobile")
	if a.State != Identity || a.Terms.By.ID != "li" || a.Terms.Version != "2026-11" || a.Holder != "李娜" {
		t.Fatalf("%+v", a)
	}
	w.verify(a.ID)
	w.is(a.ID, Payment)
	a, o, err := w.OpenOrder(ctx, w.who("li"), a.ID)
	check(t, err)
	if a.State != Review || o.AmountFen != 0 || o.State != cashier.Paid {
		t.Fatalf("%s, order %+v", a.State, o)
	}
	w.relay() // the cashier tells of it as well
	a = w.decided(a)
	if a.State != Making || owes(a, effect.Push) != 1 {
		t.Fatalf("%s owes %v", a.State, a.Pending)
	}
	g, err := w.Grant(ctx, a.ID, "li")
	check(t, err)
	if g.Product != "huixin-mobile" || g.Subject.CommonName != "李娜" || g.Person != idLi || g.CreditCode != code1 || g.Replaces != "" {
		t.Errorf("grant %+v", g)
	}
	if _, err := w.Grant(ctx, a.ID, "boss"); !errors.Is(err, ErrUnknown) {
		t.Errorf("another's grant: %v", err)
	}
	for range 2 {
		check(t, w.CarryIssued(ctx, effect.New(mobilecert.EffectIssued, w.clock.Now(), map[string]string{"grant": a.ID, "certificate": "c1"})))
	}
	a = w.is(a.ID, Issued)
	if a.Certificate != "c1" || owes(a, cashier.EffectCompleted) != 1 || a.WaitsFor() != "" {
		t.Errorf("%+v", a)
	}
	_, err = w.Grant(ctx, a.ID, "li")
	refused(t, err, ErrNotCollectable)
	if got, want := acts(a), "created submitted face_started identity_verified paid accepted issued"; got != want {
		t.Errorf("history: %s", got)
	}
}

// The whole course of a U-Key that is paid for, rejected once.
func TestUKeyPaid(t *testing.T) {
	w := newWorld(t)
	a := w.paidFor("huixin-ukey")
	a = w.decided(a, Reason{Field: "files/licence", Code: "unreadable"}, Reason{Field: "email", Code: "other", Text: "请用单位邮箱"})
	if a.State != Rejected || len(a.Reasons) != 2 || owes(a, effect.Push) != 1 {
		t.Fatalf("%+v", a)
	}
	// Editing and handing in again keeps what was paid and verified.
	a, err := w.Save(ctx, w.who("li"), a.ID, a.Edit, map[string]string{"email": "li@example.cn"})
	check(t, err)
	a, err = w.Attach(ctx, w.who("li"), a.ID, Licence, "new.png", bytes.NewReader(append(picture(), 0)))
	check(t, err)
	a, err = w.Submit(ctx, w.who("li"), a.ID, a.Edit)
	check(t, err)
	if a.State != Review || len(a.Reasons) != 0 || a.Proof.VerifiedAt == nil || a.Money.PaidAt == nil {
		t.Fatalf("%+v", a)
	}
	v, err := w.View(ctx, a, Reviewer)
	check(t, err)
	if !slices.Equal(v.Changes, []string{"email", "files/licence"}) || len(v.Differs) != 0 {
		t.Errorf("changes %v, differs %v", v.Changes, v.Differs)
	}
	a = w.decided(a)
	leaf := w.leaf(idLi)
	for _, m := range []Made{{DER: leaf}, {DER: leaf, Carrier: "顺丰"}} {
		_, err = w.Ship(ctx, reviewer, a.ID, m)
		refused(t, err, ErrShipment)
	}
	_, err = w.Ship(ctx, reviewer, a.ID, Made{DER: w.leaf(idWang), Carrier: "顺丰", Number: "SF1"})
	refused(t, err, mobilecert.ErrIdentityMismatch)
	w.is(a.ID, Making)
	a, err = w.Ship(ctx, reviewer, a.ID, Made{DER: leaf, Carrier: "顺丰", Number: "SF123"})
	check(t, err)
	w.relay()
	c, err := w.certs.Get(ctx, a.Certificate)
	check(t, err)
	if last := a.Pending[len(a.Pending)-2]; last.Kind != effect.Push || last.Data["key"] != "application_shipped" {
		t.Errorf("tells %+v", last)
	}
	if a.State != Issued || a.Shipment.Number != "SF123" || c.Medium != mobilecert.UKey || owes(w.now(a.ID), cashier.EffectCompleted) != 1 {
		t.Errorf("%+v, %+v", a, c)
	}
}

// Each act in each state in which it is not allowed is refused in its own words.
func TestActsNotAllowed(t *testing.T) {
	w := newWorld(t)
	li := w.who("li")
	at := map[State]*Application{
		Draft: w.filled("huixin-ukey"), Identity: w.submitted("huixin-ukey"), Review: w.paidFor("huixin-ukey"), Withdrawn: w.filled("huixin-ukey"),
	}
	at[Payment] = w.submitted("huixin-ukey")
	w.verify(at[Payment].ID)
	at[Rejected] = w.decided(w.paidFor("huixin-ukey"), Reason{Field: "other", Code: "other", Text: "x"})
	at[Making] = w.decided(w.paidFor("huixin-ukey"))
	_, err := w.Withdraw(ctx, li, at[Withdrawn].ID)
	check(t, err)
	made := w.decided(w.paidFor("huixin-ukey"))
	at[Issued], err = w.Ship(ctx, reviewer, made.ID, Made{DER: w.leaf(idLi), Carrier: Pickup})
	check(t, err)
	for name, c := range map[string]struct {
		allowed []State
		refused *fault.Error
		do      func(a *Application) error
	}{
		"save": {save.from, ErrNotEditable, func(a *Application) error {
			_, err := w.Save(ctx, li, a.ID, a.Edit, map[string]string{"email": "x@y.cn"})
			return err
		}},
		"attach": {save.from, ErrNotEditable, func(a *Application) error {
			_, err := w.Attach(ctx, li, a.ID, Licence, "a.png", bytes.NewReader(picture()))
			return err
		}},
		"submit": {submit.from, ErrNotSubmittable, func(a *Application) error { _, err := w.Submit(ctx, li, a.ID, a.Edit); return err }},
		"reopen": {reopen.from, ErrNotReopenable, func(a *Application) error { _, err := w.Reopen(ctx, li, a.ID); return err }},
		"face":   {identify.from, ErrNoIdentityNow, func(a *Application) error { _, err := w.StartFace(ctx, li, a.ID, ""); return err }},
		"way":    {identify.from, ErrNoIdentityNow, func(a *Application) error { _, err := w.ChooseWay(ctx, li, a.ID, Mail); return err }},
		"pay":    {pay.from, ErrNoPaymentNow, func(a *Application) error { _, _, err := w.OpenOrder(ctx, li, a.ID); return err }},
		"accept": {decide.from, ErrNoReviewNow, func(a *Application) error { _, err := w.Accept(ctx, reviewer, a.ID, 1); return err }},
		"reject": {decide.from, ErrNoReviewNow, func(a *Application) error {
			_, err := w.Reject(ctx, reviewer, a.ID, 1, []Reason{{Field: "email", Code: "differs"}})
			return err
		}},
		"confirm":  {confirms.from, ErrNoReviewNow, func(a *Application) error { _, err := w.ConfirmIdentity(ctx, reviewer, a.ID, 1); return err }},
		"take up":  {decide.from, ErrNoReviewNow, func(a *Application) error { _, err := w.TakeUp(ctx, reviewer, a.ID, false); return err }},
		"withdraw": {append([]State{Withdrawn}, withdraw.from...), ErrNotWithdrawable, func(a *Application) error { _, err := w.Withdraw(ctx, li, a.ID); return err }},
		"ship": {ship.from, ErrNotInMaking, func(a *Application) error {
			_, err := w.Ship(ctx, reviewer, a.ID, Made{DER: w.leaf(idLi), Carrier: Pickup})
			return err
		}},
		"collect": {nil, ErrNotCollectable, func(a *Application) error { _, err := w.Grant(ctx, a.ID, "li"); return err }},
		"replace": {nil, ErrNotReplaceable, func(a *Application) error { _, err := w.Replace(ctx, li, a.ID); return err }},
	} {
		for state, a := range at {
			if slices.Contains(c.allowed, state) {
				continue
			}
			before := w.body(a.ID)
			err := c.do(a)
			if slices.Contains([]State{Draft, Withdrawn}, state) && len(a.Submissions) == 0 && errors.Is(err, ErrUnknown) {
				continue // for a reviewer a draft does not exist
			}
			if !errors.Is(err, c.refused) {
				t.Errorf("%s of one that is %s: %v", name, state, err)
			}
			if w.body(a.ID) != before {
				t.Errorf("%s of one that is %s was refused and has changed it", name, state)
			}
		}
	}
}

// Every state in the table is reached by some act, and the act's name is its own.
func TestTable(t *testing.T) {
	for from, list := range next {
		for _, to := range list {
			if !slices.Contains(States, to) || !slices.Contains(States, from) {
				t.Errorf("%s → %s", from, to)
			}
		}
	}
	a := &Application{State: Withdrawn}
	for _, to := range States {
		if err := a.move(withdraw, to, time.Time{}, reviewer, ""); err == nil {
			t.Errorf("a withdrawn one became %s", to)
		}
	}
	if reflect.TypeFor[Form]().NumField() != len(Fields) {
		t.Error("Fields does not list every member of the form")
	}
}

func TestFormChecks(t *testing.T) {
	w := newWorld(t)
	a, err := w.Create(ctx, w.who("li"), "huixin-ukey", "2026-11", Form{Email: "lina@example.com"})
	check(t, err)
	f, err := w.Form(a)
	check(t, err)
	if f.Holder != "李娜" || f.IDNumber != idLi || f.Organisation != "甲公司" || f.CreditCode != code1 || f.Email != "lina@example.com" {
		t.Errorf("filled in: %+v", f)
	}
	a, err = w.Save(ctx, w.who("li"), a.ID, a.Edit, map[string]string{"id_number": "339900199506090038", "credit_code": "91350100M0001TGQXM", "mobile": "123", "email": "nobody"})
	check(t, err)
	_, err = w.Submit(ctx, w.who("li"), a.ID, a.Edit)
	var at []string
	for _, field := range refused(t, err, ErrForm).Fields {
		at = append(at, field.Pointer)
	}
	if want := []string{"/id_number", "/mobile", "/email", "/recipient", "/recipient_mobile", "/address", "/files/licence", "/files/authorisation"}; !slices.Equal(at, want) {
		t.Errorf("points at %v", at)
	}
	// A legal code that fails the check character is a doubt and no refusal.
	v, err := w.View(ctx, a, Applicant)
	check(t, err)
	if !v.Doubtful {
		t.Error("the code is not doubted")
	}
	_, err = w.Save(ctx, w.who("li"), a.ID, a.Edit, map[string]string{"address": strings.Repeat("长", 201), "nothing": "x", "holder": "李\u202e娜"})
	if fields := refused(t, err, ErrText).Fields; len(fields) != 3 {
		t.Errorf("%+v", fields)
	}
	// Passports cannot be checked by face, and have other numbers.
	for document, number := range map[string]string{"passport": "e1234567", "id_card": "e1234567", "": "1", "driving_licence": "1"} {
		f := &Form{Document: document, IDNumber: number}
		err := fault.Of(f.clean(mobilecert.Mobile))
		bad := slices.ContainsFunc(err.Fields, func(f fault.Field) bool { return f.Pointer == "/id_number" || f.Pointer == "/document" })
		if bad == (document == "passport") {
			t.Errorf("%s %s: %v", document, number, err.Fields)
		}
	}
}

// Two pages that change the same draft: the second is told, and loses nothing.
func TestTwoPages(t *testing.T) {
	w := newWorld(t)
	li := w.who("li")
	a := w.filled("huixin-mobile")
	first, err := w.Save(ctx, li, a.ID, a.Edit, map[string]string{"email": "one@example.com"})
	check(t, err)
	_, err = w.Save(ctx, li, a.ID, a.Edit, map[string]string{"email": "two@example.com"})
	if f := refused(t, err, ErrChanged); f.Extra["edit"] != first.Edit {
		t.Errorf("%v", f.Extra)
	}
	again, err := w.Save(ctx, li, a.ID, a.Edit, map[string]string{"email": "one@example.com"}) // a lost reply
	check(t, err)
	if again.Edit != first.Edit {
		t.Errorf("edit %d, then %d", first.Edit, again.Edit)
	}
	_, err = w.Submit(ctx, li, a.ID, a.Edit)
	refused(t, err, ErrChanged)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 20 {
		wg.Go(func() {
			if _, err := w.Save(ctx, li, a.ID, first.Edit, map[string]string{"email": string(rune('a'+i)) + "@example.com"}); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	if wg.Wait(); won != 1 {
		t.Errorf("%d of 20 pages saved over each other", won)
	}
}

// Another holder is verified anew; what was paid stays paid.
func TestHolderChanged(t *testing.T) {
	w := newWorld(t)
	li := w.who("li")
	a := w.decided(w.paidFor("huixin-mobile"), Reason{Field: "holder", Code: "differs"})
	a, err := w.Save(ctx, li, a.ID, a.Edit, map[string]string{"holder": "王敏", "id_number": idWang})
	check(t, err)
	a, err = w.Submit(ctx, li, a.ID, a.Edit)
	check(t, err)
	if a.State != Identity || a.Proof.VerifiedAt != nil || a.Money.PaidAt == nil {
		t.Fatalf("%+v", a)
	}
	w.verify(a.ID)
	a = w.is(a.ID, Review)
	v, err := w.View(ctx, a, Reviewer)
	check(t, err)
	if !slices.Equal(v.Changes, []string{"holder", "id_number"}) || !slices.Equal(v.Differs, []string{"holder", "id_number"}) {
		t.Errorf("changes %v, differs %v", v.Changes, v.Differs)
	}
}

// Papers by mail: payment first, and no acceptance before a reviewer has confirmed
// the identity.
func TestPapers(t *testing.T) {
	w := newWorld(t)
	for _, way := range []Way{Mail, OnSite} {
		a := w.submitted("huixin-ukey")
		a, err := w.ChooseWay(ctx, w.who("li"), a.ID, way)
		check(t, err)
		if a.State != Payment {
			t.Fatalf("%s", a.State)
		}
		a = w.payFor(a.ID)
		if a.State != Review || a.WaitsFor() != "papers" {
			t.Fatalf("%s waits for %s", a.State, a.WaitsFor())
		}
		_, err = w.Accept(ctx, reviewer, a.ID, 1)
		refused(t, err, ErrIdentityOpen)
		a, err = w.ConfirmIdentity(ctx, reviewer, a.ID, 1)
		check(t, err)
		if a.Proof.VerifiedBy.ID != reviewer.ID || a.WaitsFor() != "reviewer" {
			t.Errorf("%+v", a.Proof)
		}
		if a = w.decided(a); a.State != Making {
			t.Errorf("%s", a.State)
		}
	}
}

// What the face check says, and what it says too late.
func TestFaceOutcomes(t *testing.T) {
	w := newWorld(t)
	li := w.who("li")
	a := w.submitted("huixin-mobile")
	c, err := w.StartFace(ctx, li, a.ID, "")
	check(t, err)
	same, err := w.StartFace(ctx, li, a.ID, "")
	check(t, err)
	if same.ID != c.ID || w.face.n != 1 {
		t.Errorf("an open check was begun again: %s, %s", c.ID, same.ID)
	}
	w.face.say(identity.Mismatched)
	check(t, w.LookFace(ctx, w.now(a.ID)))
	if a = w.is(a.ID, Identity); a.Proof.Outcome != identity.Mismatched {
		t.Errorf("%+v", a.Proof)
	}
	left, err := w.FacesLeft(ctx, a)
	check(t, err)
	if left != identity.PerDay-1 {
		t.Errorf("%d left", left)
	}
	// The application is taken back and another holder typed; then the check passes.
	w.face.say(identity.Pending)
	c, err = w.StartFace(ctx, li, a.ID, "")
	check(t, err)
	a, err = w.Reopen(ctx, li, a.ID)
	check(t, err)
	a, err = w.Save(ctx, li, a.ID, a.Edit, map[string]string{"holder": "王敏", "id_number": idWang})
	check(t, err)
	_, err = w.Submit(ctx, li, a.ID, a.Edit)
	check(t, err)
	w.face.say(identity.Passed)
	check(t, w.checks.Look(ctx, c.ID))
	w.relay()
	if a = w.is(a.ID, Identity); a.Proof.VerifiedAt != nil {
		t.Error("a check of another holder has verified this one")
	}
	// A passport cannot be checked so.
	a, err = w.Reopen(ctx, li, a.ID)
	check(t, err)
	a, err = w.Save(ctx, li, a.ID, a.Edit, map[string]string{"document": "passport", "id_number": "E1234567"})
	check(t, err)
	_, err = w.Submit(ctx, li, a.ID, a.Edit)
	check(t, err)
	_, err = w.StartFace(ctx, li, a.ID, "")
	refused(t, err, ErrFaceDocument)
}

// What was paid goes back, whenever the withdrawal comes.
func TestWithdraw(t *testing.T) {
	w := newWorld(t)
	li := w.who("li")
	a := w.paidFor("huixin-ukey")
	a, err := w.Withdraw(ctx, li, a.ID)
	check(t, err)
	if a.State != Withdrawn || owes(a, cashier.EffectRefund) != 1 {
		t.Fatalf("%+v", a)
	}
	a, err = w.Withdraw(ctx, li, a.ID) // again
	check(t, err)
	if owes(a, cashier.EffectRefund) != 1 {
		t.Error("refunded twice")
	}
	// Paid when it was withdrawn already.
	a = w.submitted("huixin-ukey")
	w.verify(a.ID)
	_, _, err = w.OpenOrder(ctx, li, a.ID)
	check(t, err)
	_, err = w.Withdraw(ctx, li, a.ID)
	check(t, err)
	for range 3 {
		check(t, w.CarryOrder(ctx, orderEffect(a, "paid")))
	}
	if a = w.now(a.ID); owes(a, cashier.EffectRefund) != 2 { // one gives it up, one sends the money back
		t.Errorf("owes %v", a.Pending)
	}
	// Never came to an order.
	a = w.submitted("huixin-ukey")
	a, err = w.Withdraw(ctx, li, a.ID)
	check(t, err)
	if owes(a, cashier.EffectRefund) != 0 {
		t.Errorf("owes %v", a.Pending)
	}
	// Refunded by the cashier's people, it must be paid again before it is looked at.
	a = w.paidFor("huixin-ukey")
	check(t, w.CarryOrder(ctx, orderEffect(a, "closed")))
	w.is(a.ID, Review)
	check(t, w.CarryOrder(ctx, orderEffect(a, "refunded")))
	w.is(a.ID, Payment)
	check(t, w.CarryOrder(ctx, orderEffect(a, "paid")))
	w.is(a.ID, Review)
}

// Two reviewers at once: one decision. It can be undone in time, by whom it is.
func TestDecisions(t *testing.T) {
	w := newWorld(t)
	other := mobilecert.Actor{ID: "other", Name: "钱审"}
	a := w.paidFor("huixin-mobile")
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	for i := range 20 {
		wg.Go(func() {
			by := mobilecert.Actor{ID: string(rune('a' + i))}
			var err error
			if i%2 == 0 {
				_, err = w.Accept(ctx, by, a.ID, 1)
			} else {
				_, err = w.Reject(ctx, by, a.ID, 1, []Reason{{Field: "email", Code: "differs"}})
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				codes["ok"]++
			} else {
				codes[fault.Of(err).Code]++
			}
		})
	}
	if wg.Wait(); codes["ok"] != 1 || codes["application_decided"] != 19 {
		t.Fatalf("%v", codes)
	}
	a = w.is(a.ID, Review) // nothing has happened yet, and nobody has been told
	if owes(a, effect.Push) != 0 {
		t.Error("told too early")
	}
	_, err := w.Undo(ctx, other, a.ID)
	refused(t, err, ErrUndo)
	a, err = w.Undo(ctx, a.Decision.By, a.ID)
	check(t, err)
	w.clock.Advance(HoldTime)
	check(t, w.Sweep(ctx))
	w.is(a.ID, Review)
	a, err = w.Accept(ctx, other, a.ID, 1)
	check(t, err)
	w.clock.Advance(UndoTime)
	_, err = w.Undo(ctx, other, a.ID)
	refused(t, err, ErrUndo)
	// Also without the sweep the decision has taken effect by then.
	_, err = w.Withdraw(ctx, w.who("li"), a.ID)
	refused(t, err, ErrNotWithdrawable)
	if _, err := w.Grant(ctx, a.ID, "li"); err != nil {
		t.Errorf("not collectable before the sweep: %v", err)
	}
	check(t, w.Sweep(ctx))
	w.is(a.ID, Making)

	// One who has gone on to withdraw meanwhile.
	a = w.paidFor("huixin-mobile")
	_, err = w.Accept(ctx, other, a.ID, 1)
	check(t, err)
	_, err = w.Withdraw(ctx, w.who("li"), a.ID)
	check(t, err)
	w.clock.Advance(UndoTime)
	check(t, w.Sweep(ctx))
	w.is(a.ID, Withdrawn)

	for _, bad := range [][]Reason{nil, {{Field: "email", Code: "ugly"}}, {{Field: "shoe", Code: "differs"}}, {{Field: "email", Code: "other"}}} {
		_, err := w.Reject(ctx, reviewer, a.ID, 1, bad)
		refused(t, err, ErrReasons)
	}
}

// Who has it open, and whom that stops.
func TestHolds(t *testing.T) {
	w := newWorld(t)
	other := mobilecert.Actor{ID: "other", Name: "钱审"}
	a := w.paidFor("huixin-mobile")
	_, err := w.TakeUp(ctx, reviewer, a.ID, false)
	check(t, err)
	_, err = w.TakeUp(ctx, other, a.ID, false)
	if f := refused(t, err, ErrHeld); f.Extra["by"] != reviewer.Name {
		t.Errorf("%v", f.Extra)
	}
	_, err = w.Accept(ctx, other, a.ID, 1)
	refused(t, err, ErrHeld)
	_, err = w.Accept(ctx, reviewer, a.ID, 2)
	refused(t, err, ErrStale)
	if v := w.Summary(w.now(a.ID), Reviewer); v.HeldBy == nil || v.HeldBy.By.ID != reviewer.ID {
		t.Errorf("%+v", v.HeldBy)
	}
	_, err = w.PutDown(ctx, other, a.ID) // not theirs
	check(t, err)
	_, err = w.TakeUp(ctx, other, a.ID, true)
	check(t, err)
	_, err = w.Accept(ctx, reviewer, a.ID, 1)
	refused(t, err, ErrHeld)
	_, err = w.PutDown(ctx, other, a.ID)
	check(t, err)
	w.clock.Advance(HoldTime)
	_, err = w.TakeUp(ctx, reviewer, a.ID, false)
	check(t, err)
	w.clock.Advance(HoldTime) // gone home
	_, err = w.Accept(ctx, other, a.ID, 1)
	check(t, err)
}

// A lost phone: identity again, no second payment, and the new certificate says which
// it replaces.
func TestReplacement(t *testing.T) {
	w := newWorld(t)
	li := w.who("li")
	a := w.decided(w.paidFor("huixin-mobile"))
	c, err := w.certs.Import(ctx, mobilecert.Import{ID: "c1", DER: w.leaf(idLi), Provider: "huixin", Product: a.Product,
		Medium: mobilecert.Mobile, Account: a.Account, Person: idLi, CreditCode: code1, Grant: a.ID, By: reviewer})
	check(t, err)
	w.relay()
	w.is(a.ID, Issued)
	_, err = w.Replace(ctx, li, a.ID)
	refused(t, err, ErrNotReplaceable)
	stands := func(state string, replaceable bool) {
		t.Helper()
		v, err := w.View(ctx, w.now(a.ID), Applicant)
		check(t, err)
		if v.Standing == nil || v.Standing.State != state || slices.Contains(v.Acts, "replace") != replaceable {
			t.Errorf("%+v, %v", v.Standing, v.Acts)
		}
	}
	stands("active", false)
	_, err = w.certs.Revoke(ctx, c.ID, reviewer, mobilecert.KeyCompromise)
	check(t, err)
	stands("revoked", true)
	a, err = w.Replace(ctx, li, a.ID)
	check(t, err)
	if a.State != Identity || a.Proof.VerifiedAt != nil {
		t.Fatalf("%+v", a)
	}
	_, err = w.Reopen(ctx, li, a.ID)
	refused(t, err, ErrNotReopenable)
	_, err = w.Withdraw(ctx, li, a.ID)
	refused(t, err, ErrNotWithdrawable)
	w.verify(a.ID)
	w.is(a.ID, Making)
	g, err := w.Grant(ctx, a.ID, "li")
	check(t, err)
	if g.Replaces != c.ID {
		t.Errorf("%+v", g)
	}
	check(t, w.CarryIssued(ctx, effect.New(mobilecert.EffectIssued, w.clock.Now(), map[string]string{"grant": a.ID, "certificate": "c2"})))
	if a = w.is(a.ID, Issued); owes(a, cashier.EffectCompleted) != 1 {
		t.Errorf("the order was completed anew: %v", a.Pending)
	}
}

// A phone that is lost after an extension: what the extension has brought is replaced,
// until its own term is over.
func TestReplacementAfterAnExtension(t *testing.T) {
	w := newWorld(t)
	li := w.who("li")
	a := w.decided(w.paidFor("huixin-mobile"))
	bring := func(id, grant string) *mobilecert.Certificate {
		c, err := w.certs.Import(ctx, mobilecert.Import{ID: id, DER: w.leaf(idLi), Provider: "huixin", Product: a.Product,
			Medium: mobilecert.Mobile, Account: a.Account, Person: idLi, CreditCode: code1, Grant: grant, By: reviewer})
		check(t, err)
		return c
	}
	first, second := bring("c1", a.ID), bring("c2", "")
	w.relay()
	_, err := w.certs.Supersede(ctx, first.ID, second.ID, "", reviewer)
	check(t, err)
	_, err = w.certs.Revoke(ctx, first.ID, reviewer, mobilecert.KeyCompromise) // not the one that counts
	check(t, err)
	_, err = w.Replace(ctx, li, a.ID)
	refused(t, err, ErrNotReplaceable)
	_, err = w.certs.Revoke(ctx, second.ID, reviewer, mobilecert.KeyCompromise)
	check(t, err)
	a, err = w.Replace(ctx, li, a.ID)
	check(t, err)
	w.verify(a.ID)
	g, err := w.Grant(ctx, a.ID, "li")
	check(t, err)
	if g.Replaces != second.ID {
		t.Errorf("replaces %s", g.Replaces)
	}
	w.clock.Advance(second.NotAfter.Sub(w.clock.Now()))
	_, err = w.Grant(ctx, a.ID, "li")
	refused(t, err, ErrNotReplaceable)
}

// Nothing personal stands in the database in the clear, and after the keys were
// changed the old one is not needed.
func TestSealed(t *testing.T) {
	w := newWorld(t)
	a := w.paidFor("huixin-ukey")
	a = w.decided(a, Reason{Field: "email", Code: "differs"})
	for _, secret := range []string{idLi, "13900000004", "lina@example.com", "文三路"} {
		if strings.Contains(w.body(a.ID), secret) {
			t.Errorf("%s stands in the clear", secret)
		}
	}
	for _, name := range []string{"identity_checks", "identity_days", "uploads", "orders"} {
		docs, _, err := w.store.Query(ctx, name, store.Query{})
		check(t, err)
		for _, d := range docs {
			if bytes.Contains(d.Body, []byte(idLi)) || bytes.Contains(d.Body, []byte("13900000004")) {
				t.Errorf("%s: %s", name, d.Body)
			}
		}
	}
	proof := a.Proof.Holder
	w.start(key2 + "\n" + key1)
	for _, stock := range append(Sealed(w.store, w.cfg.Seal), upload.Sealed(w.store, w.cfg.Seal)...) {
		_, err := stock.Reseal(ctx)
		check(t, err)
	}
	w.start(key2)
	a = w.now(a.ID)
	if seal.KeyOf(a.Sealed) != "k2" || a.Proof.Holder == proof || proof == "" {
		t.Errorf("%+v", a)
	}
	form, err := w.Form(a)
	check(t, err)
	if same, err := w.proved(a, form); !same || err != nil {
		t.Errorf("the proof is not about the same person any more: %v", err)
	}
	v, err := w.View(ctx, a, Reviewer)
	check(t, err)
	if v.Form.IDNumber != idLi || v.Form.Address == "" {
		t.Errorf("%+v", v.Form)
	}
}

// Who sees what, and that a reviewer's reading is written down.
func TestReaders(t *testing.T) {
	w := newWorld(t)
	a := w.filled("huixin-mobile")
	for who, want := range map[string]*fault.Error{"li": nil, "boss": nil, "zhou": ErrUnknown, "": ErrUnknown} {
		if _, err := w.Read(ctx, w.who(who), a.ID); want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", who, err)
		}
	}
	_, err := w.Save(ctx, w.who("boss"), a.ID, a.Edit, typed)
	refused(t, err, ErrUnknown)
	_, err = w.Inspect(ctx, reviewer, a.ID, "form")
	refused(t, err, ErrUnknown) // a draft
	v, err := w.View(ctx, a, OrgAdmin)
	check(t, err)
	if !v.Masked || strings.Contains(v.Form.IDNumber, "19950609") || strings.Contains(v.Form.Mobile, "0000") || strings.HasPrefix(v.Form.Email, "lina") || len(v.Acts) != 0 {
		t.Errorf("%+v", v)
	}
	b := w.submitted("huixin-mobile")
	_, err = w.Inspect(ctx, reviewer, b.ID, "form")
	check(t, err)
	if len(w.log) != 1 || w.log[0].Data["by"] != reviewer.ID || w.log[0].Data["id"] != b.ID {
		t.Errorf("%+v", w.log)
	}
	w.cfg.Log = func(context.Context, effect.Effect) error { return errors.New("no log") }
	if _, err := w.Inspect(ctx, reviewer, b.ID, "form"); err == nil {
		t.Error("read without a word in the log")
	}
}

func TestQueue(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for i := range 5 {
		w.clock.Advance(time.Minute)
		ids = append(ids, w.paidFor([]string{"huixin-mobile", "huixin-ukey"}[i%2]).ID)
	}
	w.filled("huixin-mobile") // a draft, which nobody sees
	get := func(q QueueQuery) (out []string) {
		q.Limit = 2
		for {
			list, next, err := w.Queue(ctx, q)
			check(t, err)
			for _, a := range list {
				out = append(out, a.ID)
			}
			if q.After = next; next == "" {
				return out
			}
		}
	}
	if got := get(QueueQuery{}); !slices.Equal(got, ids) {
		t.Errorf("%v, not %v", got, ids)
	}
	if got := get(QueueQuery{Product: "huixin-ukey"}); !slices.Equal(got, []string{ids[1], ids[3]}) {
		t.Errorf("%v", got)
	}
	if got := get(QueueQuery{Q: w.now(ids[2]).Number}); !slices.Equal(got, ids[2:3]) {
		t.Errorf("%v", got)
	}
	if got := get(QueueQuery{Q: "甲公"}); len(got) != 5 {
		t.Errorf("%v", got)
	}
	if got := get(QueueQuery{State: Draft}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got := get(QueueQuery{Waits: "papers"}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	n, err := w.Counts(ctx)
	check(t, err)
	if n[Review] != 5 || n[Making] != 0 {
		t.Errorf("%v", n)
	}
}

// Papers that are no longer named go, those of earlier submissions stay.
func TestPapersKept(t *testing.T) {
	w := newWorld(t)
	li := w.who("li")
	a := w.decided(w.paidFor("huixin-mobile"), Reason{Field: "files/licence", Code: "unreadable"})
	first := a.Files[Licence].File
	a, err := w.Attach(ctx, li, a.ID, Licence, "b.png", bytes.NewReader(picture()))
	check(t, err)
	lost := a.Files[Licence].File
	a, err = w.Detach(ctx, li, a.ID, Licence)
	check(t, err)
	_, err = w.Detach(ctx, li, a.ID, Licence)
	refused(t, err, ErrSlot)
	_, err = w.Attach(ctx, li, a.ID, "passport", "b.png", bytes.NewReader(picture()))
	refused(t, err, ErrSlot)
	_, err = w.Attach(ctx, li, a.ID, Licence, "b.png", strings.NewReader("<html>"))
	refused(t, err, upload.ErrKind)
	w.clock.Advance(48 * time.Hour)
	check(t, w.files.Sweep(ctx))
	if _, err := w.files.Get(ctx, first); err != nil {
		t.Errorf("what a reviewer has seen is gone: %v", err)
	}
	if _, err := w.files.Get(ctx, lost); !errors.Is(err, upload.ErrUnknown) {
		t.Errorf("what nobody names is still there: %v", err)
	}
}

func TestRoomAndTerms(t *testing.T) {
	w := newWorld(t)
	li := w.who("li")
	_, err := w.Create(ctx, li, "huixin-mobile", "2019-01", Form{})
	if f := refused(t, err, ErrTerms); f.Extra["version"] != "2026-11" {
		t.Errorf("%v", f.Extra)
	}
	_, err = w.Create(ctx, li, "nothing", "2026-11", Form{})
	refused(t, err, mobilecert.ErrNotOffered)
	a := w.filled("huixin-mobile")
	p, err := w.cat.Offered("huixin-mobile")
	check(t, err)
	p.Offer.Terms.Version = "2027-01"
	_, err = w.Submit(ctx, li, a.ID, a.Edit)
	refused(t, err, ErrTerms)
	_, err = w.AcceptTerms(ctx, li, a.ID, "2026-11")
	refused(t, err, ErrTerms)
	a, err = w.AcceptTerms(ctx, li, a.ID, "2027-01")
	check(t, err)
	_, err = w.Submit(ctx, li, a.ID, a.Edit)
	check(t, err)
	for range maxOpen - 1 {
		_, err = w.Create(ctx, li, "huixin-mobile", "2027-01", Form{})
		check(t, err)
	}
	_, err = w.Create(ctx, li, "huixin-mobile", "2027-01", Form{})
	refused(t, err, ErrTooMany)
}

// leaf is a certificate as the authority makes it for this person of 甲公司.
func (w *world) leaf(person string) []byte {
	w.t.Helper()
	return w.ca.Identified(w.t, trust.ES256, person, code1).Cert.Raw
}
