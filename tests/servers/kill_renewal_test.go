package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certlink/account"
	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/phone"
	"certlink/program"
	"certlink/program/programtest"
	"certlink/push"
	"certlink/store"
	"certlink/store/sqlite"
)

// A server killed at random moments while people renew, pay and extend, and while it
// reminds hundreds of others: each renewal that was paid is extended once, its binding
// has the new certificate and is the same binding, and everybody is reminded, once.
func TestRenewalsAndRemindersKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	gate := newTexting(t)
	srv := newProcess(t, append(gate.settings(t), renewable)...)
	srv.start()
	const reminded = 300
	people := loaded(t, t.Context(), srv.origin, reminded)
	srv.kill()
	ending(t, srv.data, people)
	srv.start()
	// Up to the time after which another process takes the background work over, and a
	// little longer: it dies in the middle of that too.
	endures(t, srv, 5, 500*time.Millisecond, 16500*time.Millisecond, renewers(t, srv.origin, "admin", "zhangwei", "lina", "zhoutao"))
	gate.await(t, people)
	t.Logf("%d short messages for %d people, %d of them sent again", gate.taken.Load(), len(people), gate.repeated.Load())
}

// The renewals on the other engine. Few people and kills, one soon after the other, so
// that what the last has left is waited for once.
func TestRenewalsKilledOnMongoDB(t *testing.T) {
	t.Parallel()
	uri, database := newMongo(t)
	srv := newProcess(t, renewable, "CERTLINK_STORE="+uri, "CERTLINK_DATABASE="+database)
	srv.start()
	endures(t, srv, 2, 300*time.Millisecond, 1200*time.Millisecond, renewers(t, srv.origin, "admin", "lina"))
}

// renewable lets certificates be renewed that were made just now.
const renewable = "CERTLINK_RENEW_DAYS_BEFORE=365"

func renewers(t *testing.T, origin string, logins ...string) (all []renewer) {
	t.Helper()
	for _, w := range workers(t, origin, logins...) {
		all = append(all, renewer{w})
	}
	return all
}

// renewer is a worker who renews, and leaves what is bound.
type renewer struct{ *worker }

func (renewer) settle(context.Context) {}

// flow makes a certificate, binds it, renews and pays it, and extends it on the
// phone: each as often as it takes to get an answer.
func (w renewer) flow(ctx context.Context) {
	b := w.bindsFresh(ctx)
	if b == "" {
		return
	}
	old := w.key
	var n renewed
	if w.try("renew", func() error {
		return w.portal.Call(ctx, "POST", "/v1/renewals", map[string]string{"certificate": w.certificate(ctx)}, &n)
	}) != nil {
		w.t.Errorf("%s: the renewal was refused", w.login)
		return
	}
	if !w.pays(ctx, n.Order) {
		return
	}
	deadline := time.Now().Add(4 * time.Minute)
	for n.State != "extended" {
		if time.Now().After(deadline) {
			w.t.Errorf("%s: paid, and not extended: %+v", w.login, n)
			return
		}
		w.answers(ctx)
		if w.try("read", func() error { return w.portal.Call(ctx, "GET", "/v1/renewals/"+n.ID, nil, &n) }) != nil {
			w.t.Errorf("%s: a renewal is lost", w.login)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.extendedOnce(ctx, n, b, old)
}

// renewed is a renewal as the page sees it.
type renewed struct {
	ID, State, Order string
	Prompt           *struct{ State string }
	Successor        *struct{ ID string }
	History          []struct{ Act string }
}

// bindsFresh gives the phone a certificate and binds it; "" where a lost answer or a
// kill came between, and it is begun anew.
func (w *worker) bindsFresh(ctx context.Context) string {
	w.unbind(ctx)
	var s *programtest.Session
	if w.try("start", func() (err error) {
		s, err = w.portal.Start(ctx, map[string]string{"purpose": "enroll", "product": "demo-p256"})
		return err
	}) != nil {
		return ""
	}
	key, err := w.phone.Enroll(ctx, s.Code, func(claimed *phone.Session) error {
		return w.portal.Match(ctx, s.ID, claimed.Match.Digits)
	})
	if err != nil || key.Certificate == nil {
		return ""
	}
	w.key = key
	if w.try("start", func() (err error) {
		s, err = w.portal.Start(ctx, map[string]string{"purpose": "bind", "provider": "huixin"})
		return err
	}) != nil {
		return ""
	}
	claimed, err := w.phone.Scan(ctx, s.Code)
	if err != nil {
		return ""
	}
	jws, err := w.phone.Sign(claimed, key)
	if err != nil {
		w.t.Errorf("%s: %v", w.login, err)
		return ""
	}
	if w.try("confirm", func() error { return w.phone.Send(ctx, claimed, jws) }) != nil {
		return ""
	}
	if b := w.active(ctx); b != nil && len(b.Items) == 1 {
		return b.Items[0].ID
	}
	return ""
}

// certificate is the id of the one that is bound.
func (w *worker) certificate(ctx context.Context) string {
	var c struct {
		Items []struct {
			Binding     string
			Certificate struct{ ID, Fingerprint string }
		}
	}
	w.try("candidates", func() error { return w.portal.Call(ctx, "GET", "/v1/renewals/candidates", nil, &c) })
	for _, x := range c.Items {
		if x.Certificate.Fingerprint == w.key.Certificate.Fingerprint() {
			return x.Certificate.ID
		}
	}
	w.t.Errorf("%s: the certificate is no candidate: %+v", w.login, c)
	return ""
}

// pays pays an order at the sandbox.
func (w *worker) pays(ctx context.Context, order string) bool {
	var o struct {
		State   string
		Attempt struct{ Code string }
	}
	// A try to pay that a kill has cut off before there was a code is given up by the
	// sweeper; then it can be paid anew.
	for deadline := time.Now().Add(2 * time.Minute); o.Attempt.Code == ""; time.Sleep(200 * time.Millisecond) {
		if w.try("pay", func() error {
			return w.portal.Call(ctx, "POST", "/v1/orders/"+order+"/pay", map[string]string{"provider": "sandbox"}, &o)
		}) != nil || time.Now().After(deadline) {
			w.t.Errorf("%s: the order cannot be paid: %+v", w.login, o)
			return false
		}
	}
	trade := o.Attempt.Code
	return w.try("bank", func() error {
		req, err := http.NewRequestWithContext(ctx, "POST", trade, strings.NewReader(url.Values{"act": {"pay"}}.Encode()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", w.portal.Origin)
		resp, err := w.portal.HTTP.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		if resp.StatusCode >= 500 {
			return fmt.Errorf("the bank's page: %d", resp.StatusCode)
		}
		return nil // paid, or paid already
	}) == nil
}

// answers confirms what the phone is asked, if it is asked anything.
func (w *worker) answers(ctx context.Context) {
	list, err := w.phone.Inbox(ctx)
	if err != nil {
		return // it is asked again
	}
	for _, s := range list {
		if s.Purpose != "extend" || s.State != phone.Open && s.State != phone.Accepted {
			continue
		}
		made, err := w.phone.MakeKey(ctx, s)
		if err != nil || s.Statement == nil {
			return
		}
		jws, err := w.phone.Sign(s, w.key)
		if err != nil {
			w.t.Errorf("%s: %v", w.login, err)
			return
		}
		if err := w.phone.Send(ctx, s, jws); err == nil && made.Certificate != nil {
			w.key = made
		}
	}
}

// extendedOnce looks at what came of it.
func (w *worker) extendedOnce(ctx context.Context, n renewed, binding string, old *phone.Key) {
	times := 0
	for _, e := range n.History {
		if e.Act == "renewal.extended" {
			times++
		}
	}
	var b struct {
		Items []struct {
			ID          string
			Certificate struct{ Fingerprint string }
		}
	}
	w.try("bindings", func() error {
		return w.portal.Call(ctx, "GET", "/v1/bindings?scope=mine&state=active", nil, &b)
	})
	var held []phone.Certificate
	w.try("certificates", func() (err error) {
		held, err = w.phone.Certificates(ctx)
		return err
	})
	active := slices.DeleteFunc(slices.Clone(held), func(c phone.Certificate) bool { return c.State != "active" })
	switch {
	case times != 1:
		w.t.Errorf("%s: extended %d times: %+v", w.login, times, n.History)
	case len(b.Items) != 1 || b.Items[0].ID != binding || b.Items[0].Certificate.Fingerprint == old.Certificate.Fingerprint():
		w.t.Errorf("%s: the binding %s did not move: %+v", w.login, binding, b)
	case !slices.ContainsFunc(active, func(c phone.Certificate) bool { return c.ID == b.Items[0].Certificate.Fingerprint }):
		w.t.Errorf("%s: what is bound is not on the phone: %+v", w.login, active)
	case slices.ContainsFunc(active, func(c phone.Certificate) bool { return c.ID == old.Certificate.Fingerprint() }):
		w.t.Errorf("%s: the old certificate still stands", w.login)
	}
}

// await waits until each of them was told. A message whose answer a kill has cut off
// may come again, as the same; another one would be a second reminder.
func (g *texting) await(t *testing.T, people map[string]string) {
	t.Helper()
	missing := func() (n int) {
		g.mu.Lock()
		defer g.mu.Unlock()
		for number := range people {
			if len(g.told[number]) == 0 {
				n++
			}
		}
		return n
	}
	for deadline := time.Now().Add(4 * time.Minute); missing() > 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d were never reminded", missing(), len(people))
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for number := range people {
		if ids := g.told[number]; len(ids) != 1 {
			t.Errorf("%s was reminded %d times", number, len(ids))
		}
	}
}

// loaded has an integrator load n people, and gives their numbers and accounts.
func loaded(t *testing.T, ctx context.Context, origin string, n int) map[string]string {
	t.Helper()
	operator, err := programtest.SignIn(ctx, origin, "operator", account.DemoPassword)
	if err != nil {
		t.Fatal(err)
	}
	var in []map[string]any
	for i := range n {
		in = append(in, map[string]any{"login": fmt.Sprintf("reminded%d", i), "name": "李一", "roles": []string{"employee"},
			"organisation_code": "91330100MA2B1C3D43", "organisation_name": "甲公司", "mobile": fmt.Sprintf("137%08d", i)})
	}
	var out struct {
		Items []struct {
			ID string `json:"account_id"`
		}
	}
	if err := operator.Call(ctx, "POST", "/v1/accounts/bulk", map[string]any{"items": in}, &out); err != nil || len(out.Items) != n {
		t.Fatalf("%d rows, %v", len(out.Items), err)
	}
	people := map[string]string{}
	for i, x := range out.Items {
		people[in[i]["mobile"].(string)] = x.ID
	}
	return people
}

// ending gives each of them a certificate that ends in six days.
func ending(t *testing.T, data string, people map[string]string) {
	t.Helper()
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(data, "store"), program.Schema())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := mobilecert.Collections()
	kept := all[slices.IndexFunc(all, func(c store.Collection) bool { return c.Name == "certificates" })]
	for number, id := range people {
		at := time.Now()
		c := &mobilecert.Certificate{ID: "ends" + number, State: mobilecert.Issued, Account: confirm.Party{ID: id, Name: "李一"}, Key: "key" + number, Content: "content" + number,
			Serial: number, NotAfter: at.Add(time.Duration(push.Marks[2]-1) * 24 * time.Hour), CreatedAt: at}
		body, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		doc := store.Doc{ID: c.ID, Body: body}
		if doc.Index, err = kept.Derive(doc); err != nil {
			t.Fatal(err)
		}
		if err := db.Create(ctx, "certificates", doc); err != nil {
			t.Fatal(err)
		}
	}
}
