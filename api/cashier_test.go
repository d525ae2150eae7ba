package api_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"certlink/api"
	"certlink/cashier"
	"certlink/cashier/invoice"
	"certlink/cashier/invoice/sample"
	"certlink/cashier/sandbox"
	"certlink/internal/audit"
	"certlink/internal/effect"
	"certlink/internal/upload"
)

// money is what a world has of the cashier.
type money struct {
	orders  *cashier.Service
	box     *sandbox.Service
	uploads *upload.Store
	mood    *moody
	bills   *invoice.Service
	told    chan *answer // the answers to the sandbox's notices
}

// moody is the sandbox under another name, which fails where a test wants it to.
type moody struct {
	cashier.Provider
	err error
}

func (m *moody) Name() string { return "moody" }

func (m *moody) Start(ctx context.Context, c cashier.Charge) (string, error) {
	if m.err != nil {
		return "", m.err
	}
	return m.Provider.Start(ctx, c)
}

func (m *moody) Query(ctx context.Context, id string) (*cashier.Trade, error) {
	if m.err != nil {
		return nil, m.err
	}
	return m.Provider.Query(ctx, id)
}

func (m *moody) Refund(ctx context.Context, r cashier.RefundOrder) (*cashier.RefundReport, error) {
	if m.err != nil {
		return nil, m.err
	}
	return m.Provider.Refund(ctx, r)
}

// pays wires the cashier: a sandbox on a port of its own, and transfers.
func (w *world) pays(c *api.Config) {
	var err error
	w.told = make(chan *answer, 100)
	way := httptest.NewServer(http.HandlerFunc(w.tell))
	w.t.Cleanup(way.Close)
	w.box, err = sandbox.New(sandbox.Config{NoticeURL: way.URL, PageURL: w.origin + "/sandbox/pay/", Clock: w.clock.Now})
	check(w.t, err)
	bank := httptest.NewServer(w.box)
	w.t.Cleanup(bank.Close)
	box := w.box.Provider(bank.URL)
	w.mood = &moody{Provider: box}
	w.orders, err = cashier.New(cashier.Config{Store: w.store, Clock: w.clock.Now,
		Providers: []cashier.Provider{box, w.mood, cashier.Transfer{Payee: "证联", Bank: "银行", Account: "6222"}}})
	check(w.t, err)
	w.uploads = upload.New(w.store, w.clock.Now, w.ring)
	w.bills = invoice.New(invoice.Config{Store: w.store, Clock: w.clock.Now, Seal: w.ring, Orders: w.orders, Uploads: w.uploads, Issuer: sample.Issuer{}})
	c.Invoices = w.bills
	c.Orders, c.Sandbox, c.Uploads = w.orders, w.box, w.uploads
}

// tell sends the sandbox's notices on, so that their answers are held against the
// document as all others are.
func (w *world) tell(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	check(w.t, err)
	c := w.client()
	for k, v := range r.Header {
		if strings.HasPrefix(k, "Sandbox-") {
			c.header[k] = v
		}
	}
	a := c.post("/v1/payments/sandbox/notice", body)
	w.told <- a
	out.WriteHeader(a.Status)
}

// audited counts the entries of the audit log about an act.
func (w *world) audited(act string) (n int) {
	w.t.Helper()
	list, _, err := audit.New(w.store).List(ctx, "", "", 1000)
	check(w.t, err)
	for _, e := range list {
		if e.Act == act {
			n++
		}
	}
	return n
}

// order opens one for a demo account.
func (w *world) order(login, subject string, fen int64) *cashier.Order {
	w.t.Helper()
	p := w.person(login)
	o, err := w.orders.Open(ctx, cashier.OrderRequest{Subject: cashier.Subject{Kind: "application", ID: subject}, Account: p.ID, Organisation: p.OrganisationID,
		Lines: []cashier.Line{{Name: "CA介质", Category: "数字证书服务", Unit: "个", Quantity: 1, UnitFen: fen}}})
	check(w.t, err)
	return o
}

type orderView struct {
	ID, State string
	PaidWith  string `json:"paid_with"`
	Attempt   struct{ ID, State, Code, Proof, Reason, Note string }
	Refunds   []struct{ ID, State, Reason string }
}

// formed posts a form, as a page without script does.
func (c *client) formed(path, body string) *answer {
	c.w.t.Helper()
	return c.with("Content-Type", "application/x-www-form-urlencoded").post(path, body)
}

// uploaded posts a file.
func (c *client) uploaded(path string, content []byte) *answer {
	c.w.t.Helper()
	return c.with("Content-Type", "application/octet-stream").post(path, content)
}

func picture(t testing.TB) []byte {
	var b bytes.Buffer
	check(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))))
	return b.Bytes()
}

func TestPayingBySandbox(t *testing.T) {
	w := newWorld(t)
	page := w.browser("zhangwei")
	o := w.order("zhangwei", "a1", 20000)
	path := "/v1/orders/" + o.ID
	var v orderView
	page.get(path).ok(200, &v)
	if v.State != "open" {
		t.Fatal(v)
	}
	page.post(path+"/complete", map[string]string{}).refused(409, "order_not_free")
	page.post(path+"/pay", map[string]string{"provider": "cash"}).refused(422, "payment_method_unknown")
	page.post(path+"/pay", map[string]string{"provider": "sandbox"}).ok(200, &v)
	// The page of the sandbox: what the code leads to.
	at := strings.TrimPrefix(v.Attempt.Code, w.origin)
	if a := page.get(at); a.Status != 200 || !bytes.Contains(a.Body, []byte("¥200.00")) {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	page.formed(at, "act=fail").ok(303)
	page.get(path).ok(200, &v)
	if v.State != "open" || v.Attempt.State != "ended" {
		t.Fatalf("%+v", v)
	}
	page.formed(at, "act=pay").refused409(t, "sandbox_trade_over")
	page.get("/sandbox/pay/none").refused409(t, "sandbox_trade_over")
	page.post(path+"/pay", map[string]string{"provider": "sandbox"}).ok(200, &v)
	speaksBoth(page, strings.TrimPrefix(v.Attempt.Code, w.origin))
	page.formed(strings.TrimPrefix(v.Attempt.Code, w.origin), "act=twice").ok(303)
	page.get(path).ok(200, &v)
	if v.State != "paid" || v.PaidWith != "sandbox" {
		t.Fatalf("%+v", v)
	}
	page.post(path+"/pay", map[string]string{"provider": "sandbox"}).refused(409, "order_state_wrong")
	page.post(path+"/check", map[string]string{}).ok(200)
	var list struct{ Items []orderView }
	page.get("/v1/orders").ok(200, &list)
	if len(list.Items) != 1 || list.Items[0].ID != o.ID {
		t.Fatalf("%+v", list)
	}
	page.get("/v1/orders?cursor=x").refused(400, "cursor_invalid")
}

// refused409 is refused for pages: the code stands in the text.
func (a *answer) refused409(t *testing.T, code string) {
	t.Helper()
	if a.Status != 409 || !bytes.Contains(a.Body, []byte(code)) {
		t.Errorf("%d %.300s", a.Status, a.Body)
	}
	emitted.Store(code, true)
}

func TestProviderInTrouble(t *testing.T) {
	w := newWorld(t)
	page := w.browser("zhangwei")
	path := "/v1/orders/" + w.order("zhangwei", "a1", 100).ID
	w.mood.err = errors.New("the line is down")
	page.post(path+"/pay", map[string]string{"provider": "moody"}).refused(503, "payment_provider_unavailable")
	w.mood.err = &cashier.Refusal{Note: "blocked"}
	page.post(path+"/pay", map[string]string{"provider": "moody"}).refused(422, "payment_refused")
	w.mood.err = nil
	page.post(path+"/pay", map[string]string{"provider": "moody"}).ok(200)
	w.mood.err = errors.New("the line is down")
	w.clock.Advance(5 * time.Second)
	page.post(path+"/check", map[string]string{}).refused(503, "payment_provider_unavailable")
	w.mood.err = nil
	for range 7 {
		for _, p := range []string{"sandbox", "moody"} {
			page.post(path+"/pay", map[string]string{"provider": p})
		}
	}
	page.post(path+"/pay", map[string]string{"provider": "offline"}).refused(429, "payment_attempts_exceeded")
	free := "/v1/orders/" + w.order("zhangwei", "a2", 0).ID
	page.post(free+"/pay", map[string]string{"provider": "moody"}).refused(409, "order_free")
	page.post(free+"/complete", map[string]string{}).ok(200)
}

func TestNoticesOverHTTP(t *testing.T) {
	w := newWorld(t)
	anybody := w.client()
	anybody.post("/v1/payments/cash/notice", map[string]string{}).refused(422, "payment_method_unknown")
	anybody.post("/v1/payments/offline/notice", map[string]string{}).refused(422, "payment_method_unknown")
	anybody.post("/v1/payments/sandbox/notice", map[string]string{"ID": "x", "State": "paid"}).refused(400, "payment_notice_invalid")
	anybody.with("Content-Type", "application/x-www-form-urlencoded").post("/v1/payments/sandbox/notice", "a=b").refused(400, "payment_notice_invalid")
	anybody.post("/v1/payments/sandbox/notice", strings.Repeat("x", 70<<10)).refused(413, "body_too_large")
	// A genuine one about an order that is not here, as after a restored backup.
	o := w.order("zhangwei", "a1", 100)
	_, a, err := w.orders.Pay(ctx, cashier.Who{Account: o.Account}, o.ID, "sandbox")
	check(t, err)
	check(t, w.store.Delete(ctx, "orders", o.ID, 0))
	check(t, w.box.Do(ctx, a.ID, sandbox.Pay))
	(<-w.told).refused(404, "payment_unknown")
}

func TestTransferOverHTTP(t *testing.T) {
	w := newWorld(t)
	page, reviewer := w.browser("zhangwei"), w.browser("reviewer")
	o := w.order("zhangwei", "a1", 20000)
	path, review := "/v1/orders/"+o.ID, "/v1/review/payments/"+o.ID
	page.uploaded(path+"/proof", picture(t)).refused(409, "payment_proof_state_wrong")
	page.get(path+"/proof").refused(409, "payment_proof_state_wrong")
	page.post(path+"/pay", map[string]string{"provider": "offline"}).ok(200)
	page.uploaded(path+"/proof", []byte{}).refused(422, "file_empty")
	page.uploaded(path+"/proof", []byte("<html>")).refused(422, "file_type_not_accepted")
	var v orderView
	page.uploaded(path+"/proof?name=%E5%9B%9E%E5%8D%95.png", picture(t)).ok(200, &v)
	page.get(path + "/proof").ok(200)
	var queue struct {
		Items []struct{ ID, Account, Organisation string }
		Next  string
	}
	reviewer.get("/v1/review/payments").ok(200, &queue)
	if len(queue.Items) != 1 || queue.Items[0].ID != o.ID || queue.Items[0].Account == "" || queue.Items[0].Organisation == "" {
		t.Fatalf("%+v", queue)
	}
	reviewer.get("/v1/review/payments?cursor=x").refused(400, "cursor_invalid")
	for query, n := range map[string]int{"?list=transfers": 0, "?number=" + o.Number: 1, "?number=20261126": 0} {
		reviewer.get("/v1/review/payments"+query).ok(200, &queue)
		if len(queue.Items) != n {
			t.Fatalf("%s: %+v", query, queue)
		}
	}
	if a := reviewer.get(path + "/proof").ok(200); !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") || !bytes.Equal(a.Body, picture(t)) {
		t.Fatal(a.Header)
	}
	w.settle()
	if n := w.audited("order.proof_read"); n != 1 {
		t.Fatalf("%d readings in the audit log", n)
	}
	reviewer.post(review+"/decide", map[string]any{"proof": v.Attempt.Proof, "accept": false}).refused(400, "request_invalid")
	rejection := map[string]any{"proof": v.Attempt.Proof, "accept": false, "reason": "看不清金额"}
	var now struct {
		State    string
		Decision *struct{ Mine bool }
		Acts     []string
	}
	reviewer.post(review+"/decide", rejection).ok(200, &now)
	if now.State != "open" || now.Decision == nil || !now.Decision.Mine || !slices.Equal(now.Acts, []string{"undo"}) {
		t.Fatalf("%+v", now)
	}
	w.browser("operator").post(review+"/undo", map[string]any{}).refused(409, "payment_decision_final")
	reviewer.post(review+"/undo", map[string]any{}).ok(200)
	reviewer.post(review+"/undo", map[string]any{}).refused(409, "payment_decision_final")
	reviewer.post(review+"/decide", rejection).ok(200)
	w.effective()
	page.get(path).ok(200, &v)
	if v.Attempt.Note != "看不清金额" || v.Attempt.Reason != "rejected" || v.State != "open" {
		t.Fatalf("%+v", v)
	}
	page.post(path+"/pay", map[string]string{"provider": "offline"}).ok(200)
	page.uploaded(path+"/proof", picture(t)).ok(200, &v)
	proof := v.Attempt.Proof
	reviewer.post(review+"/decide", map[string]any{"proof": proof, "accept": true}).ok(200)
	reviewer.post(review+"/decide", map[string]any{"proof": proof, "accept": true}).refused(409, "payment_proof_state_wrong")
	w.effective()
	page.get(path).ok(200, &v)
	if v.State != "paid" || v.PaidWith != "offline" {
		t.Fatalf("%+v", v)
	}
	page.uploaded(path+"/proof", picture(t)).refused(409, "order_state_wrong")
	// Given up: the reviewer sends the money back, and says so.
	reviewer.post(review+"/refunded", map[string]any{"refund": "x"}).refused(409, "refund_state_wrong")
	check(t, w.orders.CarryRefund(ctx, effect.New(cashier.EffectRefund, w.clock.Now(), map[string]string{"order": o.ID, "reason": "withdrawn"})))
	check(t, w.orders.Sweep(ctx))
	page.get(path).ok(200, &v)
	reviewer.post(review+"/refunded", map[string]any{"refund": v.Refunds[0].ID, "note": "网银退回 11-26"}).ok(200, &v)
	if v.State != "refunded" {
		t.Fatalf("%+v", v)
	}
	check(t, w.uploads.Delete(ctx, proof))
	page.get(path+"/proof").refused(404, "file_unknown")
}

// To everybody but its payer, that organisation's admin and staff an order does not
// exist; and staff may look, and not pay.
func TestOrdersOfOthers(t *testing.T) {
	w := newWorld(t)
	o := w.order("zhangwei", "a1", 100)
	path := "/v1/orders/" + o.ID
	type ask struct {
		method, path string
		body         any
	}
	asks := []ask{{"GET", path, nil}, {"POST", path + "/complete", map[string]string{}}, {"POST", path + "/pay", map[string]string{"provider": "sandbox"}},
		{"POST", path + "/check", map[string]string{}}, {"GET", path + "/proof", nil}}
	other := w.browser("zhoutao")
	for _, a := range asks {
		other.do(a.method, a.path, a.body).refused(404, "order_unknown")
		w.client().do(a.method, a.path, a.body).refused(401, "sign_in_required")
		w.browser("zhangwei").do(a.method, strings.Replace(a.path, o.ID, "nothing", 1), a.body).refused(404, "order_unknown")
	}
	other.uploaded(path+"/proof", picture(t)).refused(404, "order_unknown")
	w.browser("reviewer").get(path).ok(200)
	w.browser("reviewer").post(path+"/pay", map[string]string{"provider": "sandbox"}).refused(404, "order_unknown")
	w.browser("admin").get(path).ok(200)
	for _, p := range []string{"/v1/review/payments"} {
		w.browser("admin").get(p).refused(403, "role_missing")
	}
	w.browser("admin").post("/v1/review/payments/"+o.ID+"/decide", map[string]any{"proof": "x", "accept": true}).refused(403, "role_missing")
	var list struct{ Items []orderView }
	w.browser("admin").get("/v1/orders?scope=organisation").ok(200, &list)
	if len(list.Items) != 1 {
		t.Fatalf("%+v", list)
	}
	other.get("/v1/orders?scope=organisation").ok(200, &list)
	if len(list.Items) != 0 {
		t.Fatalf("%+v", list)
	}
}
