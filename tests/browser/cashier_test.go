package browser

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-rod/rod"

	"certlink/cashier"
	"certlink/cashier/invoice"
	"certlink/internal/effect"
	"certlink/program"
	"certlink/program/programtest"
	"certlink/push"
)

// heard is a room that is told of its orders, and nothing else: what is bought is
// another test's business.
func heard(p *program.Program) {
	p.Told("application", func(context.Context, effect.Effect) error { return nil })
}

// owes opens an order for a demo account, as an application does.
func owes(t *testing.T, p *program.Program, login, subject string, fen int64) *cashier.Order {
	t.Helper()
	ctx := context.Background()
	a, err := p.Accounts.ByLogin(ctx, login)
	if err != nil {
		t.Fatal(err)
	}
	o, err := p.Orders.Open(ctx, cashier.OrderRequest{Subject: cashier.Subject{Kind: "application", ID: subject}, Account: a.ID, Organisation: a.OrganisationID,
		Lines: []cashier.Line{{Name: "CA介质", Category: "数字证书服务", Unit: "个", Quantity: 1, UnitFen: fen}}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// proof is a file that somebody hands in.
func proof(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "回单.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 80, 60))); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPayingInABrowser(t *testing.T) {
	t.Parallel()
	p, origin := programtest.Serve(t)
	heard(p)
	o := owes(t, p, "zhangwei", "a1", 20000)
	clerk := atPortal(t, browser(t, nil), origin, "zhangwei")
	to := func(place string) { clerk.must(clerk.page.Navigate(origin + "/portal/#" + place)) }
	to("/ca/cashier/" + o.ID)
	clerk.click("method-sandbox")
	clerk.click("pay")
	clerk.attribute("pay-code", "data-state", "live")
	clerk.see("sandbox-mark")
	clerk.shot("cashier-sandbox")

	// The bank refuses first; then the payer pays, and the page follows by itself.
	clerk.sandbox("open-sandbox", "fail", "closed")
	clerk.see("attempt-ended")
	clerk.click("pay")
	clerk.attribute("pay-code", "data-state", "live")
	clerk.sandbox("open-sandbox", "twice", "paid")
	clerk.see("paid")
	clerk.shot("cashier-paid")

	// By transfer: the proof is rejected once, then accepted.
	o = owes(t, p, "zhangwei", "a2", 5000)
	to("/ca/cashier/" + o.ID)
	reviewer := atPortal(t, browser(t, nil), origin, "reviewer")
	for _, accepted := range []bool{false, true} {
		clerk.click("method-offline")
		clerk.click("pay")
		clerk.choose("proof-file", proof(t))
		clerk.click("proof-send")
		clerk.see("proof-review")
		reviewer.click("nav-reviewPayments")
		reviewer.must(reviewer.page.Reload())
		if accepted {
			reviewer.click("proof-accept")
		} else {
			reviewer.click("proof-reject")
			reviewer.write("reason", "金额看不清")
			reviewer.shot("payment-reject")
		}
		reviewer.click("payment-go")
		reviewer.see("decided")
		if !accepted { // thought better of, and decided again
			reviewer.shot("payment-decided")
			reviewer.click("undo")
			reviewer.click("proof-reject")
			reviewer.write("reason", "金额看不清")
			reviewer.click("payment-go")
			reviewer.see("decided")
		}
		reviewer.see("empty") // it counts now
		if !accepted {
			clerk.see("proof-rejected")
			clerk.reads("金额看不清")
		}
	}
	clerk.see("paid")

	// Seen on the bank's statement, without a proof.
	o = owes(t, p, "zhangwei", "a4", 8800)
	to("/ca/cashier/" + o.ID)
	clerk.click("method-offline")
	clerk.click("pay")
	clerk.see("proof-send")
	reviewer.picks("payments-list", "transfers")
	reviewer.click("payment-received")
	reviewer.click("payment-go")
	reviewer.see("error-summary")
	reviewer.write("reason", "流水 20261126-0017")
	reviewer.shot("payment-received")
	reviewer.click("payment-go")
	reviewer.see("empty")
	clerk.see("paid")
	reviewer.write("payments-number", o.Number)
	reviewer.click("find")
	reviewer.attribute("payment-row", "data-state", "paid")
	reviewer.shot("payment-found")

	o = owes(t, p, "zhangwei", "a3", 0)
	to("/ca/cashier/" + o.ID)
	clerk.click("complete")
	clerk.see("paid")
	clerk.click("nav-cashier")
	clerk.see("order-row")
	clerk.shot("orders")
}

// From an order that is paid and completed to the invoice in the mailbox's way: the
// sample that demo mode makes, and one that a reviewer brings.
func TestInvoiceInABrowser(t *testing.T) {
	t.Parallel()
	p, origin := programtest.Serve(t)
	heard(p)
	orders := []*cashier.Order{owes(t, p, "zhangwei", "i1", 20000), owes(t, p, "zhangwei", "i2", 8800)}
	for _, o := range orders {
		if _, err := p.Orders.Received(t.Context(), "reviewer", o.ID, "statement"); err != nil {
			t.Fatal(err)
		}
		if err := p.Orders.CarryCompleted(t.Context(), effect.New(cashier.EffectCompleted, p.Clock(), map[string]string{"order": o.ID})); err != nil {
			t.Fatal(err)
		}
	}
	clerk := atPortal(t, browser(t, nil), origin, "zhangwei")
	clerk.click("nav-cashier")
	clerk.see("order-invoice")
	clerk.must(clerk.page.Navigate(origin + "/portal/#/ca/invoice/" + orders[0].ID))

	// Nothing is there yet: what is missing is named, then filled in.
	clerk.click("invoice-apply")
	clerk.see("error-summary")
	clerk.click("title-add")
	clerk.write("title-name", "杭州联链示范科技有限公司")
	clerk.write("title-tax_number", "91330100ma27xxxx0x")
	clerk.click("title-save")
	clerk.see("title-row")
	clerk.choose("invoice-proof", proof(t))
	clerk.write("invoice-phone", "13900000002")
	clerk.write("invoice-email", "zhangwei@example.com")
	clerk.shot("invoice-form")
	clerk.click("invoice-apply")
	clerk.see("invoice-reviewing")

	reviewer := atPortal(t, browser(t, nil), origin, "reviewer")
	reviewer.click("nav-reviewInvoices")
	state := func(s string) {
		reviewer.must(reviewer.see("invoice-state").Select([]string{s}, true, rod.SelectorTypeText))
	}
	state("凭证待审核")
	reviewer.click("invoice-open")
	reviewer.see("case-facts")
	reviewer.shot("invoice-case")
	reviewer.click("case-accept")
	reviewer.see("empty")
	clerk.see("invoice-issued") // by the issuer of samples, and the page follows
	clerk.see("invoice-download")
	clerk.reads("样张")
	clerk.shot("invoice-issued")
	letter, err := p.InvoiceLetter(t.Context(), &push.Message{Data: map[string]string{"template": invoice.MailIssued, "invoice": orders[0].ID}})
	if err != nil || letter.To != "zhangwei@example.com" || !strings.Contains(letter.Subject, "样张") || len(letter.Attachments) != 1 ||
		!bytes.HasPrefix(letter.Attachments[0].Data, []byte("%PDF-")) || !strings.HasSuffix(letter.Attachments[0].Name, ".pdf") {
		t.Errorf("%+v, %v", letter, err)
	}

	// The second one finds title and recipient filled in. A reviewer sends it back.
	clerk.must(clerk.page.Navigate(origin + "/portal/#/ca/invoice/" + orders[1].ID))
	clerk.see("title-row")
	clerk.choose("invoice-proof", proof(t))
	clerk.click("invoice-apply")
	clerk.see("invoice-reviewing")
	state("待开票")
	state("凭证待审核")
	reviewer.click("invoice-open")
	reviewer.click("case-reject")
	reviewer.write("case-reason", "抬头与税号不符")
	reviewer.click("case-reject-go")
	reviewer.see("empty")
	clerk.see("invoice-rejected")
	clerk.reads("抬头与税号不符")
}
