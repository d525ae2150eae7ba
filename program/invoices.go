package program

import (
	"context"

	"certlink/cashier/invoice"
	"certlink/cashier/invoice/sample"
	"certlink/push"
)

// openInvoices wires what follows a paid order. Outside demo mode reviewers bring the
// files: an issuer of the operator's is another invoice.Issuer.
func (p *Program) openInvoices() {
	c := invoice.Config{Store: p.Store, Clock: p.Clock, Seal: p.Ring, Orders: p.Orders, Uploads: p.uploads,
		Days: p.Settings.Cashier.InvoiceDays, Log: p.Log}
	if p.Settings.Demo {
		c.Issuer = sample.Issuer{}
	}
	p.invoices = invoice.New(c)
	p.uploads.Owners("invoice", func(ctx context.Context, owner, file string) (bool, error) {
		return p.invoices.Names(ctx, owner[len("invoice:"):], file)
	})
}

// InvoiceLetter is the letter that brings an invoice.
func (p *Program) InvoiceLetter(ctx context.Context, m *push.Message) (*push.Mail, error) {
	v, to, f, content, err := p.invoices.Letter(ctx, m.Data["invoice"])
	if err != nil {
		return nil, err
	}
	mark, markEN := "", ""
	if v.Sandbox {
		mark, markEN = "【样张】", "[Sample] "
	}
	return &push.Mail{
		To:      to.Email,
		Subject: mark + "您的电子发票 / " + markEN + "Your invoice " + v.Number,
		Text: "您好：\n\n订单 " + v.OrderNumber + " 的电子发票（号码 " + v.Number + "）见附件。请核对抬头与金额；如有误，请回复开票方或致电 CA 公司。\n\n" +
			"The invoice " + v.Number + " for order " + v.OrderNumber + " is attached. Check the title and the amount, and call the certificate authority if something is wrong.\n",
		Attachments: []push.Attachment{{Name: f.Name, Type: string(f.Kind), Data: content}},
	}, nil
}
