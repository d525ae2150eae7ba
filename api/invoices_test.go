package api_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"certlink/cashier"
	"certlink/internal/effect"
)

// completed is an order that was paid, online or without a proof, and delivered.
func (w *world) completed(login, subject string, online bool) *cashier.Order {
	w.t.Helper()
	o := w.order(login, subject, 20000)
	if online {
		_, a, err := w.orders.Pay(ctx, cashier.Who{Account: o.Account}, o.ID, "sandbox")
		check(w.t, err)
		check(w.t, w.box.Do(ctx, a.ID, "pay"))
	} else {
		w.browser("reviewer").post("/v1/review/payments/"+o.ID+"/received", map[string]string{"note": "对账单 11-25"}).ok(200)
	}
	check(w.t, w.orders.CarryCompleted(ctx, effect.New(cashier.EffectCompleted, w.clock.Now(), map[string]string{"order": o.ID})))
	return o
}

type caseView struct {
	Standing string
	Prove    bool
	Invoice  struct{ State, Number, Reason string }
	Title    struct {
		TaxNumber string `json:"tax_number"`
	}
	Recipient struct{ Phone, Email string }
}

func asking(title string) map[string]any {
	return map[string]any{"title": title, "content": "detail", "medium": "electronic", "phone": "13900000002", "email": "zhangwei@example.com"}
}

func (c *client) savedTitle() string {
	c.w.t.Helper()
	var t struct{ ID string }
	c.post("/v1/invoice-titles", map[string]string{"name": "杭州联链示范科技有限公司", "tax_number": "91330100MA27XXXX0X"}).ok(201, &t)
	return t.ID
}

func TestInvoiceOverHTTP(t *testing.T) {
	w := newWorld(t)
	page, reviewer := w.browser("zhangwei"), w.browser("reviewer")
	title := page.savedTitle()
	o := w.completed("zhangwei", "a1", true)
	path := "/v1/orders/" + o.ID + "/invoice"
	var v caseView
	page.get(path).ok(200, &v)
	if v.Standing != "available" || v.Prove {
		t.Fatalf("%+v", v)
	}
	page.get(path+"/file").refused(404, "file_unknown")
	page.uploaded(path+"/proof", picture(t)).refused(422, "invoice_proof_wrong") // paid online
	reviewer.get("/v1/review/invoices/"+o.ID).refused(404, "invoice_unknown")
	bad := asking(title)
	bad["email"] = "nobody"
	if a := page.post(path, bad).refused(422, "invoice_form_invalid"); !bytes.Contains(a.Body, []byte(`"/email"`)) {
		t.Errorf("%s", a.Body)
	}
	page.post(path, asking("nothing")).refused(404, "invoice_title_unknown")
	reviewer.post(path, asking(title)).refused(404, "order_unknown")
	page.post(path, asking(title)).ok(200, &v)
	if v.Standing != "issuing" || v.Title.TaxNumber != "91330100MA27XXXX0X" || v.Recipient.Email != "zhangwei@example.com" {
		t.Fatalf("%+v", v)
	}
	page.post(path, asking(title)).refused(409, "invoice_state_wrong")
	// Staff sees the rest only where it is written down that it did.
	if a := reviewer.get(path).ok(200); bytes.Contains(a.Body, []byte("zhangwei@example.com")) {
		t.Error("a reviewer reads the address unseen")
	}
	if a := reviewer.get("/v1/review/invoices/" + o.ID).ok(200); !bytes.Contains(a.Body, []byte("zhangwei@example.com")) {
		t.Errorf("%s", a.Body)
	}
	w.settle()
	if n := w.audited("invoice.read"); n != 1 {
		t.Errorf("%d readings in the audit log", n)
	}
	check(t, w.bills.Sweep(ctx))
	page.get(path).ok(200, &v)
	if v.Standing != "issued" || len(v.Invoice.Number) != 20 {
		t.Fatalf("%+v", v)
	}
	if a := page.get(path + "/file").ok(200); !bytes.HasPrefix(a.Body, []byte("%PDF-")) || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Error(a.Header)
	}
	var queue struct {
		Items []struct{ ID, Account string }
	}
	reviewer.get("/v1/review/invoices?state=issued").ok(200, &queue)
	if len(queue.Items) != 1 || queue.Items[0].Account == "" {
		t.Fatalf("%+v", queue)
	}
	reviewer.get("/v1/review/invoices?cursor=x").refused(400, "cursor_invalid")
}

func TestInvoiceByHand(t *testing.T) {
	w := newWorld(t)
	page, reviewer := w.browser("zhangwei"), w.browser("reviewer")
	title := page.savedTitle()
	// Paid outside the cashier: the proof first.
	o := w.completed("zhangwei", "a1", false)
	path, review := "/v1/orders/"+o.ID+"/invoice", "/v1/review/invoices/"+o.ID
	page.post(path, asking(title)).refused(422, "invoice_proof_wrong")
	var f struct{ ID string }
	page.uploaded(path+"/proof", picture(t)).ok(200, &f)
	ask := asking(title)
	ask["proof"] = f.ID
	page.post(path, ask).ok(200)
	reviewer.get(path + "/proof").ok(200)
	for range 2 {
		reviewer.post(review+"/decide", map[string]any{"accept": false, "reason": "看不清"}).ok(200)
		reviewer.post(review+"/undo", map[string]any{}).ok(200)
	}
	reviewer.post(review+"/undo", map[string]any{}).refused(409, "payment_decision_final")
	reviewer.post(review+"/decide", map[string]any{"accept": false, "reason": "看不清"}).ok(200)
	w.effective()
	var v caseView
	page.get(path).ok(200, &v)
	if v.Standing != "rejected" || v.Invoice.Reason != "看不清" {
		t.Fatalf("%+v", v)
	}
	page.post(path, ask).ok(200)
	reviewer.post(review+"/decide", map[string]any{"accept": true}).ok(200)
	reviewer.post(review+"/decide", map[string]any{"accept": true}).refused(409, "invoice_state_wrong")
	w.effective()
	reviewer.uploaded(review+"/issue?number=1", []byte("<i/>")).refused(422, "invoice_form_invalid")
	reviewer.post(review+"/post", map[string]string{"number": "12345678", "carrier": "a", "tracking": "b"}).refused(409, "invoice_state_wrong")
	reviewer.uploaded(review+"/issue?number=25332000000123456789&name=i.xml", []byte("<i/>")).ok(200)
	page.get(path + "/file").ok(200)
	// On paper.
	p := w.completed("zhangwei", "a2", true)
	ask = asking(title)
	ask["medium"], ask["recipient"], ask["address"] = "paper", "张伟", "杭州市西湖区某某路 1 号"
	page.post("/v1/orders/"+p.ID+"/invoice", ask).ok(200)
	reviewer.post("/v1/review/invoices/"+p.ID+"/post", map[string]string{"number": "12345678", "carrier": "顺丰", "tracking": "SF1"}).ok(200)
	reviewer.post("/v1/review/payments/"+p.ID+"/received", map[string]string{"note": "x"}).refused(409, "order_state_wrong")
}

func TestInvoiceRefusals(t *testing.T) {
	w := newWorld(t)
	page := w.browser("zhangwei")
	title := page.savedTitle()
	early := w.order("zhangwei", "a1", 0)
	_, err := w.orders.Complete(ctx, cashier.Who{Account: early.Account}, early.ID)
	check(t, err)
	page.post("/v1/orders/"+early.ID+"/invoice", asking(title)).refused(409, "invoice_not_paid")
	paid := w.order("zhangwei", "a2", 100)
	w.browser("operator").post("/v1/review/payments/"+paid.ID+"/received", map[string]string{"note": "x"}).ok(200)
	page.post("/v1/orders/"+paid.ID+"/invoice", asking(title)).refused(409, "invoice_too_early")
	late := w.completed("zhangwei", "a3", true)
	other := w.browser("zhoutao")
	for _, p := range []string{"", "/file", "/proof"} {
		other.get("/v1/orders/"+late.ID+"/invoice"+p).refused(404, "order_unknown")
	}
	other.post("/v1/orders/"+late.ID+"/invoice", asking(title)).refused(404, "order_unknown")
	other.uploaded("/v1/orders/"+late.ID+"/invoice/proof", picture(t)).refused(404, "order_unknown")
	// Titles are the organisation's.
	other.do("PUT", "/v1/invoice-titles/"+title, map[string]string{"name": "公司", "tax_number": "91330100MA27XXXX0X"}).refused(404, "invoice_title_unknown")
	other.do("DELETE", "/v1/invoice-titles/"+title, nil).refused(404, "invoice_title_unknown")
	for i := range 4 {
		w.browser("admin").post("/v1/invoice-titles", map[string]string{"name": fmt.Sprintf("公司 %d", i), "tax_number": "91330100MA27XXXX0X"}).ok(201)
	}
	page.post("/v1/invoice-titles", map[string]string{"name": "第六家公司", "tax_number": "91330100MA27XXXX0X"}).refused(409, "invoice_titles_full")
	page.post("/v1/invoice-titles", map[string]string{"name": "x", "tax_number": "1"}).refused(422, "invoice_form_invalid")
	page.do("PUT", "/v1/invoice-titles/"+title, map[string]string{"name": "改名公司", "tax_number": "91330100MA27XXXX0X", "bank": "某某银行"}).ok(200)
	page.do("DELETE", "/v1/invoice-titles/"+title, nil).ok(204)
	var list struct{ Items []struct{ ID string } }
	page.get("/v1/invoice-titles").ok(200, &list)
	if len(list.Items) != 4 {
		t.Fatalf("%+v", list)
	}
	page.get("/v1/review/invoices").refused(403, "role_missing")
	w.clock.Advance(62 * 24 * time.Hour)
	fresh := w.signedInAnew("zhangwei")
	fresh.post("/v1/orders/"+late.ID+"/invoice", asking(list.Items[0].ID)).refused(409, "invoice_expired")
}
