package mobilecert

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/store"
	"certlink/store/storetest"
	"certlink/trust"
	"certlink/trust/trusttest"
)

var errNoGrant = fault.New(fault.NotFound, "test_grant_unknown", "没有", "none")

// grants are accepted applications.
type grants struct {
	mu  sync.Mutex
	all map[string]Grant
}

func (g *grants) Grant(_ context.Context, id, account string) (*Grant, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	found, ok := g.all[id]
	if !ok || found.Account != account {
		return nil, errNoGrant
	}
	return &found, nil
}

func (g *grants) set(grant Grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all[grant.ID] = grant
}

// granting is a world with a product to apply for, and an application of li.
func granting(t *testing.T, alg trust.Algorithm) *world {
	t.Helper()
	w := newWorld(t)
	w.products = []*Product{{ID: "huixin-mobile", Name: Name{"汇信CA（移动证书）", "Huixin"}, Provider: "huixin", Algorithm: alg, Term: 365 * 24 * time.Hour, Issuer: w.issuer}}
	w.grants = &grants{all: map[string]Grant{}}
	w.grants.set(Grant{ID: "app1", Product: "huixin-mobile", Account: "li", Subject: Subject{"李娜娜", "甲公司"}, Person: idLi, CreditCode: code1})
	w.server = w.start(w.store)
	return w
}

// applied begins to collect by an application.
func (w *world) applied(account, application string, alg trust.Algorithm) *confirm.Confirmation {
	w.t.Helper()
	c, err := w.ask("enroll", account, account, map[string]string{"application": application})
	check(w.t, err)
	return w.statement(c, trusttest.CSR(w.t, trusttest.Key(w.t, alg)))
}

func (w *world) collects(c *confirm.Confirmation, phone handset) (*Certificate, error) {
	r, err := w.confirms(c, phone.id, phone.sign(w.t, c), w.clock.Now())
	if err != nil {
		return nil, err
	}
	return w.certs.Get(ctx, r.ID)
}

func TestCollectByApplication(t *testing.T) {
	w := granting(t, trust.ES256)
	phone := newHandset(t)
	_, err := w.ask("enroll", "zhou", "zhou", map[string]string{"application": "app1"})
	refused(t, err, errNoGrant)
	_, err = w.ask("enroll", "li", "li", map[string]string{"product": "huixin-mobile"})
	refused(t, err, ErrGrantNeeded)

	first, second := w.applied("li", "app1", trust.ES256), w.applied("li", "app1", trust.ES256)
	d := first.Terms.Details
	if d["application"] != "app1" || d["applicant"] != "李娜娜" || d["product"] != "huixin-mobile" || !first.Terms.MatchCode {
		t.Fatalf("details %v", d)
	}
	c, err := w.collects(first, phone)
	check(t, err)
	if c.Subject.CommonName != "李娜娜" || c.Grant != "app1" {
		t.Fatalf("certificate %+v", c)
	}
	kinds(t, c.Pending, EffectIssued, effect.Audit)
	if e := c.Pending[0]; e.Data["grant_kind"] != "application" || e.Data["grant"] != "app1" || e.Data["certificate"] != c.ID {
		t.Errorf("owes %+v", e)
	}
	// The second session began before the first was done: the index decides.
	_, err = w.collects(second, phone)
	refused(t, err, ErrCollected)
	_, err = w.ask("enroll", "li", "li", map[string]string{"application": "app1"})
	if f := refused(t, err, ErrCollected); f.Extra["certificate"] != c.ID {
		t.Errorf("extra %v", f.Extra)
	}

	// The phone is lost, the identity was checked again: one more, in its place.
	_, err = w.certs.RevokeBy(ctx, c.ID, w.who("li"), KeyCompromise)
	check(t, err)
	_, err = w.ask("enroll", "li", "li", map[string]string{"application": "app1"})
	refused(t, err, ErrCollected)
	g := w.grants.all["app1"]
	g.Replaces = c.ID
	w.grants.set(g)
	again, err := w.collects(w.applied("li", "app1", trust.ES256), newHandset(t))
	check(t, err)
	if again.Replaces != c.ID || again.Grant != "app1" || !again.NotAfter.Equal(c.NotAfter) {
		t.Errorf("replacement %+v", again)
	}
	_, err = w.ask("enroll", "li", "li", map[string]string{"application": "app1"})
	refused(t, err, ErrCollected)
}

// Fifty phones at once, over two servers: one certificate.
func TestRaceForOneGrant(t *testing.T) {
	w := granting(t, trust.ES256)
	other := w.start(w.store)
	var asked [50]*confirm.Confirmation
	var phones [50]handset
	for i := range asked {
		asked[i], phones[i] = w.applied("li", "app1", trust.ES256), newHandset(t)
	}
	o := count()
	crowd(50, func(i int) {
		v := []*server{w.server, other}[i%2]
		o.add(v.confirms(asked[i], phones[i].id, phones[i].sign(t, asked[i]), w.clock.Now()))
	})
	if o.codes["ok"] != 1 || o.codes["grant_used"] != 49 || len(w.docs("certificates")) != 1 {
		t.Fatalf("outcomes %v, %d documents", o.codes, len(w.docs("certificates")))
	}
}

// kinds compares what a document owes.
func kinds(t *testing.T, pending []effect.Effect, want ...string) {
	t.Helper()
	var got []string
	for _, e := range pending {
		got = append(got, e.Kind)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("owes %v, want %v", got, want)
	}
}

// A grant withdrawn between scan and act brings nothing.
func TestGrantGone(t *testing.T) {
	w := granting(t, trust.ES256)
	c := w.applied("li", "app1", trust.ES256)
	delete(w.grants.all, "app1")
	_, err := w.collects(c, newHandset(t))
	refused(t, err, errNoGrant)
	if n := len(w.docs("certificates")); n != 0 {
		t.Fatalf("%d certificates", n)
	}
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	h := w.leaf(idLi, code1)
	in := Import{ID: "app2", DER: h.Cert.Raw, Provider: "ca2", Product: "ukey", Medium: UKey, Account: w.party("li"),
		Person: idLi, CreditCode: code1, Grant: "app2", By: Actor{ID: "reviewer"}}
	for name, c := range map[string]struct {
		change func(*Import)
		want   *fault.Error
	}{
		"no certificate":   {func(in *Import) { in.DER = []byte("x") }, trust.ErrCertificate},
		"another provider": {func(in *Import) { in.Provider = "loose" }, trust.ErrUntrusted},
		"no anchors":       {func(in *Import) { in.Provider = "bare" }, ErrProviderUnavailable},
		"another person":   {func(in *Import) { in.Person = idWang }, ErrIdentityMismatch},
	} {
		bad := in
		c.change(&bad)
		if _, err := w.certs.Import(ctx, bad); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 2 { // a repeat finds it done
		c, err := w.certs.Import(ctx, in)
		check(t, err)
		if c.State != Issued || !c.Foreign || c.Medium != UKey || c.Fingerprint != h.Cert.Fingerprint() || c.Device != "" {
			t.Fatalf("imported %+v", c)
		}
		kinds(t, c.Pending, EffectIssued, effect.Audit)
	}
	again := in
	again.ID, again.Grant = "app3", "app3"
	_, err := w.certs.Import(ctx, again)
	if !errors.Is(err, ErrCertificateKnown) && !errors.Is(err, ErrKeyReused) {
		t.Errorf("a second record: %v", err)
	}
	if d := w.docs("certificates"); len(d) != 1 || d[0].Index["serial"] != "" || d[0].Index["device"] != "" {
		t.Errorf("documents %v", d)
	}
	// It is known at once to those that ask how certificates stand.
	_, err = w.certs.Revoke(ctx, "app2", Actor{ID: "reviewer"}, KeyCompromise)
	check(t, err)
	refused(t, w.certs.Standing(ctx, h.Cert.ContentID()), ErrRevokedHere)
}

// A successor with the same key, and one with a new key.
func TestExtend(t *testing.T) {
	for _, same := range []bool{true, false} {
		w := granting(t, trust.ES256)
		phone := newHandset(t)
		key := trusttest.Key(t, trust.ES256)
		c, err := w.ask("enroll", "li", "li", map[string]string{"application": "app1"})
		check(t, err)
		old, err := w.collects(w.statement(c, trusttest.CSR(t, key)), phone)
		check(t, err)
		if !same {
			key = trusttest.Key(t, trust.ES256)
		}
		csr, err := trust.ParseCSR(trusttest.CSR(t, key))
		check(t, err)
		in := Extension{ID: "statement2", Certificate: old.ID, Device: phone.id, CSR: csr,
			NotBefore: old.NotAfter.Add(time.Second), NotAfter: old.NotAfter.Add(365 * 24 * time.Hour), At: w.clock.Now()}
		for range 2 {
			next, err := w.certs.Extend(ctx, in)
			check(t, err)
			x, err := trust.ParseCertificate(next.DER)
			check(t, err)
			id := trust.Identify(x, trust.DefaultIdentifiers())
			if next.Predecessor != old.ID || next.KeyKept != same || id.Person != idLi || id.Organisation != code1 || x.X.Subject.CommonName != "李娜娜" ||
				!x.NotBefore().Equal(in.NotBefore) || !x.NotAfter().Equal(in.NotAfter) {
				t.Fatalf("successor %+v, %+v", next, id)
			}
		}
		old, err = w.certs.Get(ctx, old.ID)
		check(t, err)
		if old.State != Superseded || old.Successor != "statement2" || len(w.docs("certificates")) != 2 {
			t.Fatalf("predecessor %+v", old)
		}
		in.ID = "statement3"
		_, err = w.certs.Extend(ctx, in)
		refused(t, err, ErrSuperseded)
	}
}

// Two statements extend one certificate at once: one successor.
func TestRaceToExtend(t *testing.T) {
	w := granting(t, trust.ES256)
	phone := newHandset(t)
	old, err := w.collects(w.applied("li", "app1", trust.ES256), phone)
	check(t, err)
	csrs := make([]*trust.CSR, 20)
	for i := range csrs {
		csrs[i], err = trust.ParseCSR(trusttest.CSR(t, trusttest.Key(t, trust.ES256)))
		check(t, err)
	}
	o := count()
	crowd(20, func(i int) {
		c, err := w.certs.Extend(ctx, Extension{ID: "s" + string(rune('a'+i)), Certificate: old.ID, Device: phone.id, CSR: csrs[i],
			NotBefore: w.clock.Now(), NotAfter: w.clock.Now().Add(time.Hour), At: w.clock.Now()})
		if err != nil {
			o.add(nil, err)
			return
		}
		o.add(&confirm.Result{ID: c.ID}, nil)
	})
	if o.codes["ok"] != 1 || o.codes["certificate_extended_already"]+o.codes["certificate_superseded"] != 19 {
		t.Fatalf("outcomes %v", o.codes)
	}
}

// A crash after the successor was stored and before its predecessor ended is
// mended by the effect that it owes.
func TestKilledWhileExtending(t *testing.T) {
	for n := 1; n <= 4; n++ {
		for _, after := range []bool{false, true} {
			w := granting(t, trust.ES256)
			old, err := w.collects(w.applied("li", "app1", trust.ES256), newHandset(t))
			check(t, err)
			csr, err := trust.ParseCSR(trusttest.CSR(t, trusttest.Key(t, trust.ES256)))
			check(t, err)
			in := Extension{ID: "statement2", Certificate: old.ID, CSR: csr, NotBefore: w.clock.Now(), NotAfter: w.clock.Now().Add(time.Hour), At: w.clock.Now()}
			dying := w.start(storetest.NewMortal(w.store, n, after))
			_, err = dying.certs.Extend(ctx, in)
			if err == nil {
				continue
			}
			if !errors.Is(err, store.ErrUnavailable) {
				t.Fatal(err)
			}
			// Meanwhile at least one of the two counts.
			stands := 0
			for _, d := range w.docs("certificates") {
				var c Certificate
				check(t, json.Unmarshal(d.Body, &c))
				if c.State == Issued {
					stands++
				}
				for _, e := range c.Pending {
					if e.Kind == EffectSupersede {
						check(t, w.certs.CarrySupersede(ctx, e))
					}
				}
			}
			if stands == 0 {
				t.Fatalf("write %d (after: %v): the holder has nothing", n, after)
			}
			next, err := w.certs.Extend(ctx, in)
			check(t, err)
			old, err = w.certs.Get(ctx, old.ID)
			check(t, err)
			if next.State != Issued || old.State != Superseded || len(w.docs("certificates")) != 2 {
				t.Fatalf("write %d (after: %v): %s, %s", n, after, next.State, old.State)
			}
		}
	}
}
