package mobilecert

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// A certificate of either kind is collected, and can be bound by its holder.
func TestEnrolAndBind(t *testing.T) {
	for product, alg := range map[string]trust.Algorithm{"demo-p256": trust.ES256, "demo-sm2": trust.SM2SM3} {
		t.Run(product, func(t *testing.T) {
			w := newWorld(t)
			c, err := w.ask("enroll", "li", "li", map[string]string{"product": product})
			check(t, err)
			if !c.Terms.MatchCode || c.Terms.SignedBy != confirm.ByDevice || c.Terms.NewKey == nil || c.Terms.NewKey.Algorithm != alg {
				t.Errorf("terms %+v", c.Terms)
			}
			for k, want := range map[string]string{"product": product, "provider": "huixin", "provider_name": "汇信CA", "applicant": "李娜",
				"organisation": "甲公司", "algorithm": string(alg)} {
				if c.Terms.Details[k] != want {
					t.Errorf("details[%s] = %q, want %q", k, c.Terms.Details[k], want)
				}
			}
			phone := newHandset(t)
			h, doc := w.collected("li", product, phone)
			x := h.Cert
			if x.X.Subject.CommonName != "李娜" || x.X.Subject.Organization[0] != "甲公司" || x.SerialHex() != doc.Serial || len(doc.Serial) != 32 ||
				!x.NotBefore().Equal(trusttest.Now.Add(-Backdate)) || x.NotAfter().Sub(x.NotBefore()) != 365*24*time.Hour-time.Second {
				t.Errorf("certificate %s, %s, %s to %s", x.Subject(), x.SerialHex(), x.NotBefore(), x.NotAfter())
			}
			id := trust.Identify(x, trust.DefaultIdentifiers())
			if id.Person != idLi || id.Organisation != code1 {
				t.Errorf("identity %+v", id)
			}
			if doc.State != Issued || doc.Device != phone.id || doc.Sealed != "" || doc.Fingerprint != x.Fingerprint() || len(doc.Chain) != 1 {
				t.Errorf("document %+v", doc)
			}
			owed(t, doc.Pending, effect.Audit)

			b := w.bound(h, "li", "li", "huixin")
			list, _, err := w.certs.ListByDevice(ctx, phone.id, "", 0)
			check(t, err)
			if len(list) != 1 {
				t.Fatalf("the phone has %d", len(list))
			}
			holding, err := w.bindings.OfIssued(ctx, list[0])
			check(t, err)
			view, err := json.Marshal(list[0].PhoneView(w.cat, holding, w.clock.Now()))
			check(t, err)
			for _, part := range []string{`"id":"` + x.Fingerprint(), `"state":"active"`, `"name_zh":"汇信CA"`, `"account_name":"李娜"`, b.ID} {
				if !strings.Contains(string(view), part) {
					t.Errorf("no %s in %s", part, view)
				}
			}
			info, err := doc.View(w.cat, w.clock.Now().AddDate(2, 0, 0))
			if err != nil || info.State != "expired" || info.HolderName != "李娜" || info.Algorithm != alg {
				t.Errorf("view %+v, %v", info, err)
			}
		})
	}
}

func TestEnrolRefuses(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		actor, subject, product string
		want                    *fault.Error
	}{
		{"admin", "li", "demo-p256", ErrNotYourAccount}, // not even an admin: the certificate names a person
		{"li", "li", "gold", ErrProductUnknown},
		{"li", "li", "", ErrProductUnknown},
	} {
		if _, err := w.ask("enroll", c.actor, c.subject, map[string]string{"product": c.product}); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	c, err := w.ask("enroll", "li", "li", map[string]string{"product": "demo-sm2"})
	check(t, err)
	err = w.engine.Issue(ctx, c, trusttest.CSR(t, trusttest.Key(t, trust.ES256)), w.clock.Now(), w.clock.Now())
	refused(t, err, confirm.ErrKeyMismatch)
}

// The act certifies the key of the signed statement and no other, even if the
// stored request were exchanged.
func TestEnrolCertifiesTheSignedKeyOnly(t *testing.T) {
	w := newWorld(t)
	phone := newHandset(t)
	c := w.collecting("li", "demo-p256", trusttest.Key(t, trust.ES256))
	c.CSR = trusttest.CSR(t, trusttest.Key(t, trust.ES256))
	_, err := w.confirms(c, phone.id, phone.sign(t, c), w.clock.Now())
	refused(t, err, confirm.ErrKeyMismatch)
}

func TestProductTable(t *testing.T) {
	w := newWorld(t)
	good := *DemoProducts("huixin", w.issuer)[0]
	with := func(change func(*Product)) *Product { p := good; change(&p); return &p }
	for name, table := range map[string][]*Product{
		"demo mode only":         {&good},
		"twice":                  {with(func(p *Product) { p.Demo = false }), with(func(p *Product) { p.Demo = false })},
		"unknown provider":       {with(func(p *Product) { p.Demo, p.Provider = false, "nobody" })},
		"no mobile certificates": {with(func(p *Product) { p.Demo, p.Provider = false, "token" })},
		"needs an issuer":        {with(func(p *Product) { p.Demo, p.Issuer = false, nil })},
	} {
		if _, err := NewProducts(w.cat, false, table...); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if e, err := NewProducts(w.cat, false); err != nil || len(e.List()) != 0 {
		t.Errorf("no products: %v", err)
	}
	if v := w.cfg.Products.List()[1].View(); v.ID != "demo-sm2" || v.Algorithm != trust.SM2SM3 || v.Provider != "huixin" {
		t.Errorf("view %+v", v)
	}
}

// A product can say who may have it; it is asked at both ends.
func TestEntitled(t *testing.T) {
	w := newWorld(t)
	entitled := true
	product := *DemoProducts("huixin", w.issuer)[0]
	product.Entitled = func(_ context.Context, p *Person, params map[string]string) error {
		if !entitled || p.ID != "li" || params["product"] != product.ID {
			return ErrProductUnknown
		}
		return nil
	}
	w.cfg.Products.byID[product.ID] = &product
	_, err := w.ask("enroll", "admin", "admin", map[string]string{"product": product.ID})
	refused(t, err, ErrProductUnknown)
	phone := newHandset(t)
	c := w.collecting("li", product.ID, trusttest.Key(t, trust.ES256))
	entitled = false
	_, err = w.confirms(c, phone.id, phone.sign(t, c), w.clock.Now())
	refused(t, err, ErrProductUnknown)
	if len(w.docs("certificates")) != 0 {
		t.Error("an intent was written")
	}
}

// The intent is on disk before anything is signed, with the numbers sealed.
func TestIntentBeforeSigning(t *testing.T) {
	w := newWorld(t)
	issuer := newCaprice(t)
	looked := false
	issuer.before = func(o Order) {
		docs := w.docs("certificates")
		if len(docs) != 1 {
			t.Fatalf("%d documents before signing", len(docs))
		}
		var c Certificate
		check(t, json.Unmarshal(docs[0].Body, &c))
		if c.State != Issuing || c.Serial != o.Serial || !c.NotAfter.Equal(o.NotAfter) || c.Key != o.CSR.PublicKeySHA256() || c.Sealed == "" {
			t.Errorf("intent %+v", c)
		}
		if strings.Contains(string(docs[0].Body), idLi) {
			t.Error("the intent holds the ID number in clear")
		}
		if o.Person != idLi || o.CreditCode != code1 {
			t.Errorf("order %+v", o)
		}
		looked = true
	}
	w.issuer = issuer
	w.server = w.start(w.store)
	w.collected("li", "demo-p256", newHandset(t))
	if !looked {
		t.Fatal("nothing was signed")
	}
}

// An issuer that makes something else than was asked for is not believed.
func TestIssuerThatErrs(t *testing.T) {
	for name, twist := range map[string]func(*trusttest.Template){
		"serial":    func(c *trusttest.Template) { c.SerialNumber = c.SerialNumber.Add(c.SerialNumber, c.SerialNumber) },
		"notBefore": func(c *trusttest.Template) { c.NotBefore = c.NotBefore.Add(-time.Second) },
		"notAfter":  func(c *trusttest.Template) { c.NotAfter = c.NotAfter.Add(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			issuer := newCaprice(t)
			issuer.twist = twist
			w.issuer = issuer
			w.server = w.start(w.store)
			phone := newHandset(t)
			c := w.collecting("li", "demo-p256", trusttest.Key(t, trust.ES256))
			_, err := w.confirms(c, phone.id, phone.sign(t, c), w.clock.Now())
			if err == nil || confirm.Final(err) || !strings.Contains(err.Error(), "another certificate") {
				t.Fatalf("got %v", err)
			}
			// It is mended, and the same statement gets its certificate.
			issuer.twist = nil
			if _, err := w.engine.Act(ctx, c, phone.id, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestStanding(t *testing.T) {
	w := newWorld(t)
	phone := newHandset(t)
	if err := w.certs.Standing(ctx, w.leaf("", code1).Cert.ContentID()); err != nil {
		t.Errorf("a certificate of another authority: %v", err)
	}
	old, oldDoc := w.collected("li", "demo-p256", phone)
	lost, lostDoc := w.collected("li", "demo-p256", phone)
	_, next := w.collected("li", "demo-p256", phone)
	by := Actor{ID: "li", Name: "李娜"}
	for range 2 { // repeating it changes nothing
		c, err := w.certs.Supersede(ctx, oldDoc.ID, next.ID, next.ID, by)
		check(t, err)
		if c.State != Superseded || c.Successor != next.ID || len(c.History) != 3 {
			t.Errorf("superseded %+v", c)
		}
	}
	_, err := w.certs.Revoke(ctx, lostDoc.ID, by, "phone lost")
	check(t, err)
	_, err = w.certs.Revoke(ctx, lostDoc.ID, by, "again")
	if f := refused(t, err, ErrCertificateState); f.Extra["state"] != "revoked" {
		t.Errorf("extra %v", f.Extra)
	}
	_, err = w.certs.Supersede(ctx, lostDoc.ID, next.ID, "", by)
	refused(t, err, ErrCertificateState)
	_, err = w.certs.Revoke(ctx, "nothing", by, "")
	refused(t, err, ErrCertificateUnknown)

	for h, want := range map[*trusttest.Holder]*fault.Error{old: ErrSuperseded, lost: ErrRevokedHere} {
		c := w.asked("li", "li", "huixin")
		_, err := w.confirms(c, phone.id, h.JWS(t, string(c.Statement)), w.clock.Now())
		refused(t, err, want)
		// Neither does another fingerprint make it good again.
		if h.Alg == trust.ES256 {
			_, err = w.confirms(c, phone.id, forged(t, h).JWS(t, string(c.Statement)), w.clock.Now())
			refused(t, err, want)
		}
	}
	// Neither key is certified again for anybody (an extension that keeps its key
	// says whose it continues).
	for _, h := range []*trusttest.Holder{old, lost} {
		if known, err := w.certs.KeyKnown(ctx, h.Cert.PublicKeySHA256()); err != nil || !known {
			t.Errorf("key: %v %v", known, err)
		}
	}
}

func TestHoldsCertificate(t *testing.T) {
	w := newWorld(t)
	holds := Holds(w.certs, w.bindings)
	is := func(device string, want bool) {
		t.Helper()
		for account, whose := range map[string]bool{"admin": device != "device-li", "li": device == "device-li", "zhou": false} {
			if got, own, err := holds(ctx, device, account); err != nil || got != want || own != (want && whose) {
				t.Errorf("%s holds one: %v, of %s: %v, %v", device, got, account, own, err)
			}
		}
	}
	phone := newHandset(t)
	is(phone.id, false)
	_, c := w.collected("admin", "demo-sm2", phone)
	is(phone.id, true)
	is("device-li", false)
	is("", false)
	b := w.bound(w.leaf("", code1), "li", "li", "ca2") // a certificate of another authority
	is("device-li", true)
	_, err := w.bindings.Unbind(ctx, w.who("li"), b.ID)
	check(t, err)
	is("device-li", false)
	_, err = w.certs.Revoke(ctx, c.ID, Actor{ID: "admin"}, "")
	check(t, err)
	is(phone.id, false)
	_, _ = w.collected("admin", "demo-p256", phone)
	is(phone.id, true)
	w.clock.Advance(366 * 24 * time.Hour)
	is(phone.id, false)
}

// Anything an act needs from elsewhere may be gone when it is repeated.
func TestPersonGone(t *testing.T) {
	w := newWorld(t)
	phone := newHandset(t)
	c := w.collecting("li", "demo-p256", trusttest.Key(t, trust.ES256))
	v := w.accepted(c, phone.id, phone.sign(t, c))
	delete(w.people.all, "li")
	_, err := w.engine.Act(ctx, c, phone.id, v)
	refused(t, err, errNobody)
}
