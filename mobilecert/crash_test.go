package mobilecert

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/store/storetest"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// killed runs an act again and again, each time dying one write later, before
// and after that write, and each time finished by a new process. It reports how
// many points there were to die at.
func killed(t *testing.T, prepare func(w *world) (*confirm.Confirmation, string), look func(t *testing.T, w *world, r *confirm.Result)) {
	points := 0
	for n := 1; ; n++ {
		lived := false
		for _, after := range []bool{false, true} {
			w := newWorld(t)
			c, device := prepare(w)
			m := storetest.NewMortal(w.store, n, after)
			r, err := repeat(w.start(m), c, device)
			if !m.Dead() {
				lived = true
				check(t, err)
				look(t, w, r)
				continue
			}
			points++
			if err == nil {
				t.Logf("write %d (after: %v): the act did not need its answer", n, after)
			} else if confirm.Final(err) {
				t.Fatalf("write %d (after: %v): a crash ended the session: %v", n, after, err)
			}
			w.clock.Advance(20 * time.Second) // the sweeper comes by
			r, err = repeat(w.start(w.store), c, device)
			if err != nil {
				t.Fatalf("write %d (after: %v): not finished by the next process: %v", n, after, err)
			}
			look(t, w, r)
			again, err := repeat(w.start(w.store), c, device)
			check(t, err)
			if again.ID != r.ID || string(again.View) != string(r.View) {
				t.Fatalf("write %d (after: %v): %s, then %s", n, after, r.View, again.View)
			}
		}
		if lived {
			break
		}
	}
	t.Logf("killed at %d points", points)
	if points < 4 {
		t.Fatalf("only %d points were reached", points)
	}
}

func TestKilledWhileBinding(t *testing.T) {
	killed(t, func(w *world) (*confirm.Confirmation, string) {
		c := w.asked("li", "li", "ca2")
		w.accepted(c, "phone", w.leaf(idLi, code1).JWS(t, string(c.Statement)))
		return c, "phone"
	}, func(t *testing.T, w *world, r *confirm.Result) {
		docs := w.docs("bindings")
		if len(docs) != 1 || len(w.docs("evidence")) != 1 {
			t.Fatalf("%d bindings, %d evidence", len(docs), len(w.docs("evidence")))
		}
		b, err := w.bindings.Get(ctx, r.ID)
		check(t, err)
		// Bound when it was accepted, not when it was finished; told once.
		if !b.BoundAt.Equal(trusttest.Now) || len(b.Pending) != 2 || docs[0].Index["owing"] == "" {
			t.Fatalf("binding %+v", b)
		}
	})
}

func TestKilledWhileEnrolling(t *testing.T) {
	var serials sync.Map // by world
	killed(t, func(w *world) (*confirm.Confirmation, string) {
		issuer := newCaprice(t)
		issuer.before = func(o Order) {
			if first, _ := serials.LoadOrStore(w, o.Serial); first != o.Serial {
				t.Errorf("a second serial number for one intent: %s, %s", first, o.Serial)
			}
		}
		w.issuer = issuer
		phone := newHandset(t)
		w.server = w.start(w.store)
		c := w.collecting("li", "demo-p256", trusttest.Key(t, trust.ES256))
		w.accepted(c, phone.id, phone.sign(t, c))
		return c, phone.id
	}, func(t *testing.T, w *world, r *confirm.Result) {
		if n := len(w.docs("certificates")); n != 1 || len(w.docs("evidence")) != 1 {
			t.Fatalf("%d certificates", n)
		}
		c, err := w.certs.Get(ctx, r.ID)
		check(t, err)
		var view CertificateResult
		check(t, json.Unmarshal(r.View, &view))
		if c.State != Issued || string(view.Certificate) != string(c.DER) || len(c.Pending) != 1 {
			t.Fatalf("handed out another certificate than is stored: %+v", c)
		}
	})
}

// The answer of the issuer may be lost too: whatever it signed and was not
// stored is never handed out, and the next try signs under the same number.
func TestIssuerAway(t *testing.T) {
	w := newWorld(t)
	issuer := newCaprice(t)
	issuer.fail = errors.New("the line is down")
	w.issuer = issuer
	w.server = w.start(w.store)
	phone := newHandset(t)
	c := w.collecting("li", "demo-p256", trusttest.Key(t, trust.ES256))
	_, err := w.confirms(c, phone.id, phone.sign(t, c), w.clock.Now())
	if err == nil || confirm.Final(err) {
		t.Fatalf("got %v", err)
	}
	if list, _, err := w.certs.ListByDevice(ctx, phone.id, "", 0); err != nil || len(list) != 0 {
		t.Fatalf("the phone may collect %v, %v", list, err)
	}
	if holds, _, err := Holds(w.certs, w.bindings)(ctx, phone.id, "li"); holds || err != nil {
		t.Fatalf("an intent counts as a certificate: %v", err)
	}
	issuer.fail = nil
	r, err := repeat(w.server, c, phone.id)
	check(t, err)
	if list, _, err := w.certs.ListByAccount(ctx, "li", "", 0); err != nil || len(list) != 1 || list[0].ID != r.ID {
		t.Fatalf("list %v, %v", list, err)
	}
}

// A pair has one more key, made before anything is signed: the repeat certifies that
// one and no other.
func TestKilledWhileEnrollingAPair(t *testing.T) {
	var keys sync.Map // by world
	killed(t, func(w *world) (*confirm.Confirmation, string) {
		issuer := w.issuer
		w.issuer = issuerFunc(func(ctx context.Context, o Order) (*Signed, error) {
			key, err := trust.PublicKeySHA256(o.EncryptionKey)
			if first, _ := keys.LoadOrStore(w, key+o.EncryptionSerial); err != nil || first != key+o.EncryptionSerial {
				t.Errorf("a second encryption key for one intent: %v", err)
			}
			return issuer.Issue(ctx, o)
		})
		phone := newHandset(t)
		w.server = w.start(w.store)
		c := w.collecting("li", "demo-sm2", trusttest.Key(t, trust.SM2SM3))
		w.accepted(c, phone.id, phone.sign(t, c))
		return c, phone.id
	}, func(t *testing.T, w *world, r *confirm.Result) {
		c, err := w.certs.Get(ctx, r.ID)
		check(t, err)
		var view CertificateResult
		check(t, json.Unmarshal(r.View, &view))
		if len(w.docs("certificates")) != 1 || c.Twin == nil || c.Twin.Sealed != "" || view.Encryption == nil ||
			string(view.Encryption.Envelope) != string(c.Twin.Envelope) || string(view.Encryption.Certificate) != string(c.Twin.DER) {
			t.Fatalf("handed out another pair than is stored: %+v", c.Twin)
		}
	})
}

type issuerFunc func(context.Context, Order) (*Signed, error)

func (f issuerFunc) Issue(ctx context.Context, o Order) (*Signed, error) { return f(ctx, o) }

// An authority without an interface: the request is kept once, wherever it dies.
func TestKilledWhileHandingIn(t *testing.T) {
	killed(t, func(w *world) (*confirm.Confirmation, string) {
		w.issuer = ByHand{}
		phone := newHandset(t)
		w.server = w.start(w.store)
		c := w.collecting("li", "demo-p256", trusttest.Key(t, trust.ES256))
		w.accepted(c, phone.id, phone.sign(t, c))
		return c, phone.id
	}, func(t *testing.T, w *world, r *confirm.Result) {
		list, _, err := w.certs.ListWaiting(ctx, "", 0)
		check(t, err)
		if r.Kind != "request" || len(list) != 1 || list[0].ID != r.ID || len(list[0].Request) == 0 || len(w.docs("certificates")) != 1 {
			t.Fatalf("%+v, %d waiting", r, len(list))
		}
	})
}

// Two servers act on one accepted statement at once: one pair, the same for both.
func TestTwoServersIssueOnePair(t *testing.T) {
	w := newWorld(t)
	other := w.start(w.store)
	for range 10 {
		phone := newHandset(t)
		c := w.collecting("li", "demo-sm2", trusttest.Key(t, trust.SM2SM3))
		w.accepted(c, phone.id, phone.sign(t, c))
		o := count()
		crowd(8, func(i int) { o.add(repeat([]*server{w.server, other}[i%2], c, phone.id)) })
		if o.codes["ok"] != 8 || len(o.ids) != 1 {
			t.Fatalf("outcomes %v, %d different answers", o.codes, len(o.ids))
		}
	}
}

// What a reviewer uploads comes from anywhere.
func FuzzBrought(f *testing.F) {
	w := newWorld(f)
	h := w.leaf(idLi, code1)
	f.Add(h.Cert.Raw)
	f.Add(trusttest.PEM(h.Cert))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		der, err := OnePEM(in)
		if err != nil {
			return
		}
		found, err := w.certs.read("ca2", der)
		if err == nil && !found.Chain[0].CanSign() {
			t.Fatal("a certificate that cannot sign passes")
		}
	})
}
