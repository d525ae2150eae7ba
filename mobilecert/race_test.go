package mobilecert

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"certlink/confirm"
	"certlink/internal/fault"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// outcomes counts how a crowd's calls ended.
type outcomes struct {
	sync.Mutex
	codes map[string]int
	ids   map[string]int
}

func (o *outcomes) add(r *confirm.Result, err error) {
	o.Lock()
	defer o.Unlock()
	switch f := fault.Of(err); {
	case err == nil:
		o.codes["ok"]++
		o.ids[r.ID+string(r.View)]++
	case f != nil:
		o.codes[f.Code]++
	default:
		o.codes[err.Error()]++
	}
}

func count() *outcomes { return &outcomes{codes: map[string]int{}, ids: map[string]int{}} }

// accepted verifies and accepts, so that only the acts race.
func (w *world) accepted(c *confirm.Confirmation, device, jws string) *confirm.Verified {
	w.t.Helper()
	v, err := w.engine.Verify(ctx, c, device, jws)
	check(w.t, err)
	c.Accept(v, w.clock.Now())
	return v
}

// repeat acts on a copy of what is stored, as every server does that reads it.
func repeat(v *server, c *confirm.Confirmation, device string) (*confirm.Result, error) {
	again := *c
	return v.engine.Act(ctx, &again, device, nil)
}

// Fifty accounts bind one certificate at once: one has it, the others hear so.
func TestRaceForOneCertificate(t *testing.T) {
	w := newWorld(t)
	h := w.leaf("", code1)
	var asked [50]*confirm.Confirmation
	var found [50]*confirm.Verified
	for i := range asked {
		p := person(i)
		w.people.set(p)
		asked[i] = w.asked(p.ID, p.ID, "ca2")
		found[i] = w.accepted(asked[i], "phone", h.JWS(t, string(asked[i].Statement)))
	}
	o := count()
	crowd(50, func(i int) { o.add(w.engine.Act(ctx, asked[i], "phone", found[i])) })
	if o.codes["ok"] != 1 || o.codes["certificate_bound_elsewhere"] != 49 {
		t.Fatalf("outcomes %v", o.codes)
	}
	if n := len(w.docs("bindings")); n != 1 {
		t.Fatalf("%d bindings", n)
	}
	// The act of each loser is refused for good: it need not be tried again.
	for i := range asked {
		if _, err := w.engine.Act(ctx, asked[i], "phone", nil); err != nil && !confirm.Final(err) {
			t.Fatalf("not final: %v", err)
		}
	}
}

// Fifty certificates for one account with three slots: three are bound, in the
// three slots.
func TestRaceForSlots(t *testing.T) {
	w := newWorld(t)
	w.slots = 3
	w.server = w.start(w.store)
	var asked [50]*confirm.Confirmation
	var found [50]*confirm.Verified
	for i := range asked {
		h := w.leaf("", code1)
		asked[i] = w.asked("li", "li", "ca2")
		found[i] = w.accepted(asked[i], "phone", h.JWS(t, string(asked[i].Statement)))
	}
	o := count()
	crowd(50, func(i int) { o.add(w.engine.Act(ctx, asked[i], "phone", found[i])) })
	if o.codes["ok"] != 3 || o.codes["account_slot_taken"] != 47 {
		t.Fatalf("outcomes %v", o.codes)
	}
	list, err := w.bindings.Active(ctx, "li")
	check(t, err)
	if len(list) != 3 || list[0].Slot != 1 || list[1].Slot != 2 || list[2].Slot != 3 {
		t.Fatalf("slots %+v", list)
	}
}

// Fifty acts of one statement, on two servers: one binding, fifty equal answers.
func TestRaceOfOneStatement(t *testing.T) {
	w := newWorld(t)
	h := w.leaf(idLi, code1)
	c := w.asked("li", "li", "ca2")
	w.accepted(c, "phone", h.JWS(t, string(c.Statement)))
	servers := []*server{w.server, w.start(w.store)}
	o := count()
	crowd(50, func(i int) { o.add(repeat(servers[i%2], c, "phone")) })
	if o.codes["ok"] != 50 || len(o.ids) != 1 || len(w.docs("bindings")) != 1 || len(w.docs("evidence")) != 1 {
		t.Fatalf("outcomes %v, answers %d", o.codes, len(o.ids))
	}
}

// Fifty ends of one binding at once: one ends it, and it is told once.
func TestRaceOfUnbinding(t *testing.T) {
	w := newWorld(t)
	b := w.bound(w.leaf("", code1), "li", "li", "ca2")
	var won atomic.Int32
	crowd(50, func(i int) {
		_, err := w.bindings.Unbind(ctx, w.who([]string{"li", "admin"}[i%2]), b.ID)
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, ErrBindingNotActive) {
			t.Error(err)
		}
	})
	u, err := w.bindings.Get(ctx, b.ID)
	check(t, err)
	if won.Load() != 1 || len(u.History) != 2 || len(u.Pending) != 5 {
		t.Fatalf("%d won, history %v", won.Load(), u.History)
	}
}

// One certificate goes round among accounts that bind and unbind it as fast as
// they can; at no moment do two hold it.
func TestRaceOfBindingAndUnbinding(t *testing.T) {
	w := newWorld(t)
	h := w.leaf("", code1)
	var holders, bindings atomic.Int32
	crowd(8, func(i int) {
		p := person(i)
		w.people.set(p)
		who := Who{Account: p.ID, Organisation: p.OrganisationID}
		for range 12 {
			c := w.asked(p.ID, p.ID, "ca2")
			r, err := w.confirms(c, "phone", h.JWS(t, string(c.Statement)), w.clock.Now())
			if err != nil {
				if !errors.Is(err, ErrBoundElsewhere) {
					t.Error(err)
				}
				continue
			}
			if holders.Add(1) != 1 {
				t.Error("two accounts hold the certificate")
			}
			bindings.Add(1)
			holders.Add(-1)
			if _, err := w.bindings.Unbind(ctx, who, r.ID); err != nil {
				t.Error(err)
			}
		}
	})
	if n := len(w.docs("bindings")); n != int(bindings.Load()) || n == 0 {
		t.Fatalf("%d bindings, %d successes", n, bindings.Load())
	}
}

// caprice is an issuer whose signatures differ each time, as those of hardware do.
type caprice struct {
	t      testing.TB
	ca     *trusttest.Authority
	signed atomic.Int32
	before func(Order)
	twist  func(*trusttest.Template)
	fail   error
}

func (c *caprice) Issue(_ context.Context, o Order) (*Signed, error) {
	if c.before != nil {
		c.before(o)
	}
	if c.fail != nil {
		return nil, c.fail
	}
	serial, _ := new(big.Int).SetString(o.Serial, 16)
	c.signed.Add(1)
	cert := c.ca.Sign(c.t, &trusttest.Template{}, o.CSR.Public, func(tmpl *trusttest.Template) {
		tmpl.SerialNumber, tmpl.NotBefore, tmpl.NotAfter = serial, o.NotBefore, o.NotAfter
		tmpl.Subject.CommonName = o.Subject.CommonName
		if c.twist != nil {
			c.twist(tmpl)
		}
	})
	return &Signed{Certificate: cert.Raw, Chain: [][]byte{c.ca.Cert.Raw}}, nil
}

func newCaprice(t testing.TB) *caprice {
	return &caprice{t: t, ca: trusttest.Root(t, trust.ES256, "随机根")}
}

// Fifty enrolments of one statement with an issuer that never signs alike: one
// certificate is handed out, fifty times.
func TestRaceOfOneEnrolment(t *testing.T) {
	w := newWorld(t)
	issuer := newCaprice(t)
	w.issuer = issuer
	servers := []*server{w.start(w.store), w.start(w.store)}
	w.server = servers[0]
	phone := newHandset(t)
	c := w.collecting("li", "demo-p256", trusttest.Key(t, trust.ES256))
	w.accepted(c, phone.id, phone.sign(t, c))
	o := count()
	crowd(50, func(i int) { o.add(repeat(servers[i%2], c, phone.id)) })
	if o.codes["ok"] != 50 || len(o.ids) != 1 || len(w.docs("certificates")) != 1 {
		t.Fatalf("outcomes %v, %d different answers", o.codes, len(o.ids))
	}
	t.Logf("signed %d times, handed out one", issuer.signed.Load())
}

// Fifty statements for one key: one certificate, and 49 hear that the key is used.
func TestRaceForOneKey(t *testing.T) {
	w := newWorld(t)
	phone, key := newHandset(t), trusttest.Key(t, trust.ES256)
	var asked [50]*confirm.Confirmation
	var found [50]*confirm.Verified
	for i := range asked {
		asked[i] = w.collecting("li", "demo-p256", key)
		found[i] = w.accepted(asked[i], phone.id, phone.sign(t, asked[i]))
	}
	o := count()
	crowd(50, func(i int) { o.add(w.engine.Act(ctx, asked[i], phone.id, found[i])) })
	if o.codes["ok"] != 1 || o.codes["key_reused"] != 49 || len(w.docs("certificates")) != 1 {
		t.Fatalf("outcomes %v", o.codes)
	}
	// The next one is told before it signs anything.
	c, err := w.ask("enroll", "li", "li", map[string]string{"product": "demo-p256"})
	check(t, err)
	err = w.engine.Issue(ctx, c, trusttest.CSR(t, key), w.clock.Now(), w.clock.Now())
	refused(t, err, ErrKeyReused)
	if strings.Contains(string(c.Statement), "{") {
		t.Error("a statement was made")
	}
}
