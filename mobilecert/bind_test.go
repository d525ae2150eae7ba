package mobilecert

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/store"
	"certlink/trust"
	"certlink/trust/trusttest"
)

func TestBindForOneself(t *testing.T) {
	w := newWorld(t)
	h := w.leaf(idLi, code1, func(c *trusttest.Template) { c.Subject.SerialNumber = idLi })
	c := w.asked("li", "li", "ca2")
	if c.Terms.MatchCode || c.Terms.SignedBy != confirm.ByCertificate || c.Terms.NewKey != nil {
		t.Errorf("terms %+v", c.Terms)
	}
	s, err := c.Parsed()
	check(t, err)
	if s.Subject != nil || s.Details["provider"] != "ca2" || s.Details["provider_name"] != "乙CA" || s.Details["medium"] != "mobile" || len(s.Details) != 3 {
		t.Errorf("statement %s", c.Statement)
	}
	at := w.clock.Now()
	r, err := w.confirms(c, "phone1", h.JWS(t, string(c.Statement)), at)
	check(t, err)

	var told map[string]any
	check(t, json.Unmarshal(r.View, &told))
	if r.Kind != "binding" || r.ID != s.ID || told["id"] != s.ID || told["kind"] != "binding" || told["account_name"] != "李娜" ||
		told["organisation_name"] != "甲公司" || told["provider_name"] != "乙CA" || told["bound_at"] != at.Format(time.RFC3339) {
		t.Errorf("result %s", r.View)
	}
	b, err := w.bindings.Read(ctx, w.who("li"), r.ID)
	check(t, err)
	if b.State != Active || b.Slot != 1 || b.Certificate.Fingerprint != h.Cert.Fingerprint() || b.Certificate.HolderName != "张三" ||
		b.Certificate.OrganisationName != "杭州示例科技有限公司" || b.Certificate.Algorithm != trust.ES256 || b.Account.Login != "lina" ||
		b.BoundBy.Name != "李娜" || b.Device != "phone1" || !b.BoundAt.Equal(at) || b.Medium != Mobile {
		t.Errorf("binding %+v", b)
	}
	if strings.Contains(b.Certificate.Subject, idLi) || !strings.Contains(b.Certificate.Subject, "330***********0020") {
		t.Errorf("the ID number shows in the list: %s", b.Certificate.Subject)
	}
	if len(b.History) != 1 || b.History[0].Evidence != s.ID || b.History[0].Act != "binding.created" {
		t.Errorf("history %+v", b.History)
	}
	owed(t, b.Pending, effect.Audit, effect.Webhook)
	if ev, err := w.engine.Evidence(ctx, b.ID); err != nil || ev.Account != "li" {
		t.Errorf("evidence: %+v %v", ev, err)
	}
	if v := b.View(w.who("li")); v.EvidenceID != s.ID || len(v.Acts) != 1 || v.Provider.NameEN != "CA Two" || v.Organisation.Name != "甲公司" {
		t.Errorf("view %+v", v)
	}
	if v := b.View(w.who("zhou")); len(v.Acts) != 0 {
		t.Errorf("a stranger may %v", v.Acts)
	}
}

// What was not issued here ends all the same: its binding is found when it does, and
// no longer once it is removed. One that was issued here has a record of its own.
func TestBoundFromElsewhereExpires(t *testing.T) {
	w := newWorld(t)
	h := w.leaf(idLi, code1, func(c *trusttest.Template) { c.Subject.SerialNumber = idLi })
	c := w.asked("li", "li", "ca2")
	r, err := w.confirms(c, "phone1", h.JWS(t, string(c.Statement)), w.clock.Now())
	check(t, err)
	ends := h.Cert.NotAfter()
	found := func(want int) {
		t.Helper()
		for now, n := range map[time.Time]int{ends.Add(-91 * 24 * time.Hour): 0, ends.Add(-80 * 24 * time.Hour): want, ends.Add(time.Second): 0} {
			list, _, err := w.bindings.Expiring(ctx, now, 90*24*time.Hour, "")
			check(t, err)
			if len(list) != n {
				t.Fatalf("at %v: %d bindings, want %d", now, len(list), n)
			}
		}
	}
	found(1)
	_, err = w.bindings.Unbind(ctx, w.who("li"), r.ID)
	check(t, err)
	found(0)
}

// owed checks the kinds of the effects, that each has an id, and that no
// personal data is among them.
func owed(t *testing.T, pending []effect.Effect, kinds ...string) {
	t.Helper()
	if len(pending) != len(kinds) {
		t.Fatalf("owes %+v, want %v", pending, kinds)
	}
	for i, e := range pending {
		if e.Kind != kinds[i] || e.ID == "" || e.Data["act"] == "" {
			t.Errorf("effect %d is %+v, want %s", i, e, kinds[i])
		}
		for k, v := range e.Data {
			for _, r := range v {
				if r > 127 {
					t.Errorf("%s=%s is no id", k, v)
				}
			}
		}
	}
}

func TestBindForAnother(t *testing.T) {
	w := newWorld(t)
	b := w.bound(w.leaf(idLi, code1), "admin", "li", "ca2")
	if b.Account.ID != "li" || b.BoundBy.ID != "admin" {
		t.Errorf("binding %+v", b)
	}
}

func TestBeginRefuses(t *testing.T) {
	w := newWorld(t)
	w.bound(w.leaf("", code1), "admin", "admin", "ca2")
	for _, c := range []struct {
		actor, subject, provider string
		want                     *fault.Error
	}{
		{"li", "admin", "ca2", ErrNotYourAccount},
		{"li", "zhou", "ca2", ErrNotYourOrganisation},
		{"admin", "zhou", "ca2", ErrNotYourOrganisation},
		{"li", "li", "nobody", ErrProviderUnknown},
		{"li", "li", "", ErrProviderUnknown},
		{"li", "li", "token", ErrMedium},
		{"li", "li", "bare", ErrProviderUnavailable},
		{"li", "li", "shut", ErrProviderUnavailable},
		{"admin", "admin", "ca2", ErrSlotTaken},
	} {
		_, err := w.ask("bind", c.actor, c.subject, map[string]string{"provider": c.provider})
		if !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %s", c, err, c.want.Code)
		}
	}
	_, err := w.ask("bind", "li", "li", map[string]string{"provider": "bare"})
	if f := refused(t, err, ErrProviderUnavailable); len(f.Extra["phones"].([]string)) != 1 {
		t.Errorf("no phone line in %v", f.Extra)
	}
}

func TestIdentity(t *testing.T) {
	person := &Person{IDNumber: idLi, CreditCode: code1}
	for _, c := range []struct {
		cert  trust.Identity
		p     *Person
		field string // "" agrees
	}{
		{trust.Identity{Person: idLi, Organisation: code1}, person, ""},
		{trust.Identity{Organisation: code1}, person, ""},
		{trust.Identity{Person: idLi}, person, ""},
		{trust.Identity{Person: strings.ToLower(idLi), Organisation: " " + strings.ToLower(code1)}, person, ""},
		{trust.Identity{Person: idWang, Organisation: code1}, person, "person"},
		{trust.Identity{Person: idLi, Organisation: code2}, person, "organisation"},
		{trust.Identity{}, person, "none"},
		{trust.Identity{Person: idLi, Organisation: code1}, &Person{}, "none"},
		{trust.Identity{Person: idLi}, &Person{CreditCode: code1}, "none"},
		{trust.Identity{Person: idLi, Organisation: code1}, &Person{CreditCode: code1}, ""},
		{trust.Identity{PersonName: "李娜", OrganisationName: "甲公司"}, person, "none"}, // names prove nothing
	} {
		err := agree(c.cert, c.p)
		if c.field == "" {
			if err != nil {
				t.Errorf("%+v, %+v: %v", c.cert, c.p, err)
			}
			continue
		}
		f := fault.Of(err)
		if f == nil || f.Code != "identity_mismatch" || f.Extra["field"] != c.field {
			t.Errorf("%+v, %+v: %v, want %s", c.cert, c.p, err, c.field)
		}
	}
}

func TestIdentityMismatchShowsMaskedValues(t *testing.T) {
	w := newWorld(t)
	h := w.leaf(idWang, code1)
	c := w.asked("li", "li", "ca2")
	_, err := w.confirms(c, "phone", h.JWS(t, string(c.Statement)), w.clock.Now())
	f := refused(t, err, ErrIdentityMismatch)
	if f.Extra["field"] != "person" || f.Extra["certificate_value"] != trust.MaskID(idWang) || f.Extra["account_value"] != trust.MaskID(idLi) {
		t.Errorf("extra %v", f.Extra)
	}
	if c.AcceptedAt != nil {
		t.Error("accepted all the same")
	}
}

// Where the operator has turned the check off any certificate of the provider
// will do, and the match code is asked for instead.
func TestIdentityCheckOff(t *testing.T) {
	w := newWorld(t)
	h := w.loose.Leaf(t, trust.SM2SM3)
	c := w.asked("li", "li", "loose")
	if !c.Terms.MatchCode {
		t.Error("no match code")
	}
	if _, err := w.confirms(c, "phone", h.JWS(t, string(c.Statement)), w.clock.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherProvidersCertificate(t *testing.T) {
	w := newWorld(t)
	h := w.loose.Identified(t, trust.SM2SM3, idLi, code1)
	c := w.asked("li", "li", "ca2")
	_, err := w.confirms(c, "phone", h.JWS(t, string(c.Statement)), w.clock.Now())
	refused(t, err, trust.ErrUntrusted)
}

// An admin who was one when the code was shown, and is none when it is confirmed.
func TestAdminNoLonger(t *testing.T) {
	w := newWorld(t)
	h := w.leaf(idLi, code1)
	c := w.asked("admin", "li", "ca2")
	a, _ := w.people.Person(ctx, "admin")
	a.Admin = false
	w.people.set(*a)
	_, err := w.confirms(c, "phone", h.JWS(t, string(c.Statement)), w.clock.Now())
	refused(t, err, ErrNotYourAccount)
	a.Admin, a.OrganisationID = true, "org2"
	w.people.set(*a)
	_, err = w.confirms(c, "phone", h.JWS(t, string(c.Statement)), w.clock.Now())
	refused(t, err, ErrNotYourOrganisation)
}

// A certificate that is bound is refused before anything is accepted, so that
// the holder can choose another one in the same session.
func TestBoundCertificateIsRefusedEarly(t *testing.T) {
	w := newWorld(t)
	w.slots = 2
	w.server = w.start(w.store)
	h := w.leaf("", code1)
	w.bound(h, "li", "li", "ca2")
	for who, want := range map[string]*fault.Error{"li": ErrBoundAlready, "admin": ErrBoundElsewhere} {
		c := w.asked(who, who, "ca2")
		_, err := w.confirms(c, "phone", h.JWS(t, string(c.Statement)), w.clock.Now())
		refused(t, err, want)
		if c.AcceptedAt != nil {
			t.Error("accepted all the same")
		}
		another := w.leaf("", code1)
		_, err = w.confirms(c, "phone", another.JWS(t, string(c.Statement)), w.clock.Now())
		check(t, err)
	}
}

// Anybody can give a certificate a second fingerprint; it stays one certificate.
func TestForgedFingerprintIsTheSameCertificate(t *testing.T) {
	w := newWorld(t)
	h := w.leaf("", code1)
	w.bound(h, "li", "li", "ca2")
	twin := forged(t, h)
	c := w.asked("admin", "admin", "ca2")
	_, err := w.confirms(c, "phone", twin.JWS(t, string(c.Statement)), w.clock.Now())
	refused(t, err, ErrBoundElsewhere)
}

func TestUnbind(t *testing.T) {
	w := newWorld(t)
	h := w.leaf("", code1)
	b := w.bound(h, "li", "li", "ca2")
	w.people.set(person(7))
	for who, want := range map[string]*fault.Error{"p007": ErrNotYourAccount, "zhou": ErrNotYourOrganisation} {
		_, err := w.bindings.Unbind(ctx, w.who(who), b.ID)
		refused(t, err, want)
		_, err = w.bindings.Read(ctx, w.who(who), b.ID)
		refused(t, err, want)
	}
	_, err := w.bindings.Unbind(ctx, w.who("li"), "nothing")
	refused(t, err, ErrBindingUnknown)
	_, err = w.bindings.Unbind(ctx, Who{}, b.ID)
	refused(t, err, ErrNotYourOrganisation)

	w.clock.Advance(time.Hour)
	u, err := w.bindings.Unbind(ctx, w.who("admin"), b.ID)
	check(t, err)
	if u.State != Unbound || !u.UnboundAt.Equal(w.clock.Now()) || u.UnboundBy.ID != "admin" || len(u.History) != 2 || len(u.View(w.who("admin")).Acts) != 0 {
		t.Errorf("unbound %+v", u)
	}
	owed(t, u.Pending[2:4], effect.Audit, effect.Webhook)
	if told := u.Pending[4]; told.Kind != effect.Push || told.Data["key"] != "binding_removed" || told.Data["device"] == "" {
		t.Errorf("the holder is not told: %+v", told)
	}
	_, err = w.bindings.Unbind(ctx, w.who("li"), b.ID)
	if f := refused(t, err, ErrBindingNotActive); f.Extra["state"] != "unbound" {
		t.Errorf("extra %v", f.Extra)
	}
	// Both are free again.
	again := w.bound(h, "admin", "admin", "ca2")
	other := w.bound(w.leaf("", code1), "li", "li", "ca2")
	if again.State != Active || other.State != Active {
		t.Error("not bound again")
	}
}

// After the binding and its end, a repeat of the same act (the session had not
// heard of its success) finds it done and binds nothing anew.
func TestActRepeatedAfterUnbind(t *testing.T) {
	w := newWorld(t)
	h := w.leaf("", code1)
	c := w.asked("li", "li", "ca2")
	r, err := w.confirms(c, "phone", h.JWS(t, string(c.Statement)), w.clock.Now())
	check(t, err)
	_, err = w.bindings.Unbind(ctx, w.who("li"), r.ID)
	check(t, err)
	w.bound(h, "admin", "admin", "ca2") // the certificate acts for somebody else by now
	again, err := w.engine.Act(ctx, c, "phone", nil)
	check(t, err)
	if again.ID != r.ID || string(again.View) != string(r.View) {
		t.Errorf("%s, then %s", r.View, again.View)
	}
	if list, err := w.bindings.Active(ctx, "li"); err != nil || len(list) != 0 {
		t.Errorf("li has %v %v", list, err)
	}
}

func TestSlots(t *testing.T) {
	w := newWorld(t)
	w.slots = 3
	w.server = w.start(w.store)
	var made []*Binding
	for range 3 {
		made = append(made, w.bound(w.leaf("", code1), "li", "li", "ca2"))
	}
	_, err := w.ask("bind", "li", "li", map[string]string{"provider": "ca2"})
	refused(t, err, ErrSlotTaken)
	_, err = w.bindings.Unbind(ctx, w.who("li"), made[1].ID)
	check(t, err)
	if b := w.bound(w.leaf("", code1), "li", "li", "ca2"); made[0].Slot != 1 || made[2].Slot != 3 || b.Slot != 2 {
		t.Errorf("slots %d %d %d, then %d", made[0].Slot, made[1].Slot, made[2].Slot, b.Slot)
	}
}

// docs reads all documents of a collection.
func (w *world) docs(collection string) []store.Doc {
	w.t.Helper()
	list, _, err := w.store.Query(ctx, collection, store.Query{})
	check(w.t, err)
	return list
}
