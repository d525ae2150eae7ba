package api

import (
	"errors"

	"certlink/account"
	"certlink/cashier"
	"certlink/cashier/invoice"
)

// invoiceRoutes are 申请发票, and the queue of those who make invoices.
func (s *Server) invoiceRoutes() {
	if s.Invoices == nil {
		return
	}
	signedIn, staff := (*call).signedIn, role(account.Reviewer, account.Operator)
	s.add("GET", "/v1/orders/:id/invoice", signedIn, s.getInvoice)
	s.add("POST", "/v1/orders/:id/invoice", signedIn, s.postInvoice)
	s.addUpload("POST", "/v1/orders/:id/invoice/proof", signedIn, s.postInvoiceProof)
	s.add("GET", "/v1/orders/:id/invoice/proof", signedIn, s.getInvoiceProof)
	s.add("GET", "/v1/orders/:id/invoice/file", signedIn, s.getInvoiceFile)
	s.add("GET", "/v1/invoice-titles", signedIn, s.getTitles)
	s.add("POST", "/v1/invoice-titles", signedIn, s.postTitle)
	s.add("PUT", "/v1/invoice-titles/:id", signedIn, s.putTitle)
	s.add("DELETE", "/v1/invoice-titles/:id", signedIn, s.deleteTitle)
	s.add("GET", "/v1/review/invoices", signedIn, staff, s.getInvoiceQueue)
	s.add("GET", "/v1/review/invoices/:id", signedIn, staff, s.getInvoiceDetails)
	s.add("POST", "/v1/review/invoices/:id/decide", signedIn, staff, s.postDecideInvoice)
	s.add("POST", "/v1/review/invoices/:id/undo", signedIn, staff, s.postUndoInvoice)
	s.addUpload("POST", "/v1/review/invoices/:id/issue", signedIn, staff, s.postIssueInvoice)
	s.add("POST", "/v1/review/invoices/:id/post", signedIn, staff, s.postPostInvoice)
	s.add("POST", "/v1/review/payments/:id/received", signedIn, staff, s.postReceived)
}

// invoiceView is an invoice without what is under seal.
type invoiceView struct {
	ID          string        `json:"id"`
	State       invoice.State `json:"state"`
	OrderNumber string        `json:"order_number"`
	AmountFen   int64         `json:"amount_fen"`
	Content     string        `json:"content"`
	Medium      string        `json:"medium"`
	TitleType   string        `json:"title_type"`
	InvoiceType string        `json:"invoice_type"`
	AppliedAt   string        `json:"applied_at"`
	Reason      string        `json:"reason,omitempty"`
	Number      string        `json:"number,omitempty"`
	FileKind    string        `json:"file_kind,omitempty"`
	IssuedAt    string        `json:"issued_at,omitempty"`
	Sandbox     bool          `json:"sandbox"`
	Carrier     string        `json:"carrier,omitempty"`
	Tracking    string        `json:"tracking,omitempty"`
	Proof       bool          `json:"proof"` // there is one to look at
}

func showInvoice(v *invoice.Invoice) *invoiceView {
	return &invoiceView{ID: v.ID, State: v.State, OrderNumber: v.OrderNumber, AmountFen: v.AmountFen, Content: v.Content, Medium: v.Medium,
		TitleType: v.TitleType, InvoiceType: v.InvoiceType, AppliedAt: stamp(v.AppliedAt), Reason: v.Reason, Number: v.Number, FileKind: v.FileKind,
		IssuedAt: stampOr(v.IssuedAt), Sandbox: v.Sandbox, Carrier: v.Carrier, Tracking: v.Tracking, Proof: v.Proof != ""}
}

type caseView struct {
	Standing invoice.Standing `json:"standing"`
	// Deadline is the last moment in which an invoice can be asked for.
	Deadline string `json:"deadline,omitempty"`
	Days     int    `json:"days"`
	// Prove asks for a proof of payment first.
	Prove     bool              `json:"prove"`
	Order     cashier.View      `json:"order"`
	Invoice   *invoiceView      `json:"invoice,omitempty"`
	Title     *invoice.Title    `json:"title,omitempty"`
	Recipient invoice.Recipient `json:"recipient"`
}

// showInvoiceCase adds, for the applicant's side, what was applied with, or what was given
// last time.
func (s *Server) showInvoiceCase(c *call, k *invoice.Case) error {
	v := caseView{Standing: k.Standing, Prove: k.Prove, Order: s.Orders.View(k.Order), Days: s.Invoices.Days(), Deadline: stampIf(k.Deadline)}
	by := c.pays()
	if k.Invoice != nil {
		v.Invoice = showInvoice(k.Invoice)
	}
	if by.Staff {
		return c.ok(v) // staff reads the rest through its own address, into the audit log
	}
	var err error
	if k.Invoice != nil {
		var title invoice.Title
		if _, title, v.Recipient, err = s.Invoices.Details(c.ctx, by, k.Order.ID); err == nil {
			v.Title = &title
		}
	} else {
		v.Recipient, err = s.Invoices.Remembered(c.ctx, k.Order.Organisation, by.Account)
	}
	if err != nil {
		return err
	}
	return c.ok(v)
}

func (s *Server) getInvoice(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	k, err := s.Invoices.Look(c.ctx, c.pays(), id)
	if err != nil {
		return err
	}
	return s.showInvoiceCase(c, k)
}

func (s *Server) postInvoice(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	var f invoice.Form
	if err := c.read(object{{"title", &f.Title, true}, {"content", &f.Content, true}, {"medium", &f.Medium, true}, {"phone", &f.Phone, true}, {"email", &f.Email, true},
		{"recipient", &f.Name, false}, {"address", &f.Address, false}, {"proof", &f.Proof, false}}); err != nil {
		return err
	}
	by := c.pays()
	by.Staff = false // only the payer's side applies
	if _, err := s.Invoices.Apply(c.ctx, by, id, f); err != nil {
		return err
	}
	k, err := s.Invoices.Look(c.ctx, by, id)
	if err != nil {
		return err
	}
	return s.showInvoiceCase(c, k)
}

func (s *Server) postInvoiceProof(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	name, content, err := c.file()
	if err != nil {
		return err
	}
	by := c.pays()
	by.Staff = false
	f, err := s.Invoices.Prove(c.ctx, by, id, name, content)
	if err != nil {
		return err
	}
	return c.ok(showFile(f))
}

func (s *Server) getInvoiceProof(c *call) error { return s.invoiceFile(c, true) }
func (s *Server) getInvoiceFile(c *call) error  { return s.invoiceFile(c, false) }

func (s *Server) invoiceFile(c *call, proof bool) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	f, content, err := s.Invoices.File(c.ctx, c.pays(), id, proof)
	if err != nil {
		return err
	}
	return c.sendFile(f, content)
}

func (s *Server) getTitles(c *call) error {
	list, err := s.Invoices.Titles(c.ctx, c.who.Account.OrganisationID)
	if err != nil {
		return err
	}
	return c.ok(map[string]any{"items": list, "most": invoice.TitlesMost})
}

// readTitle reads the members of a title.
func (c *call) readTitle() (t invoice.Title, err error) {
	err = c.read(object{{"name", &t.Name, true}, {"tax_number", &t.TaxNumber, true}, {"address", &t.Address, false}, {"phone", &t.Phone, false},
		{"bank", &t.Bank, false}, {"account", &t.Account, false}})
	return t, err
}

func (s *Server) postTitle(c *call) error {
	t, err := c.readTitle()
	if err != nil {
		return err
	}
	if t, err = s.Invoices.AddTitle(c.ctx, c.who.Account.OrganisationID, t); err != nil {
		return err
	}
	return c.json(201, t)
}

func (s *Server) putTitle(c *call) error {
	id, err := c.id("id", invoice.ErrTitleUnknown)
	if err != nil {
		return err
	}
	t, err := c.readTitle()
	if err != nil {
		return err
	}
	t.ID = id
	if t, err = s.Invoices.EditTitle(c.ctx, c.who.Account.OrganisationID, t); err != nil {
		return err
	}
	return c.ok(t)
}

func (s *Server) deleteTitle(c *call) error {
	id, err := c.id("id", invoice.ErrTitleUnknown)
	if err != nil {
		return err
	}
	if err := s.Invoices.RemoveTitle(c.ctx, c.who.Account.OrganisationID, id); err != nil {
		return err
	}
	return c.nothing()
}

// queuedInvoice is an invoice as reviewers see it.
type queuedInvoice struct {
	*invoiceView
	Account      string        `json:"account"`
	Organisation string        `json:"organisation"`
	Decision     *decisionView `json:"decision,omitempty"`
}

func (s *Server) showQueuedInvoice(c *call, v *invoice.Invoice) queuedInvoice {
	q := queuedInvoice{invoiceView: showInvoice(v), Decision: s.showDecision(c, v.Decision)}
	q.Account, q.Organisation = s.namesOf(c, v.Account)
	return q
}

func (s *Server) getInvoiceQueue(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	state, err := c.choice("state", string(invoice.Issuing), string(invoice.Reviewing), string(invoice.Issued), string(invoice.Rejected))
	if err != nil {
		return err
	}
	list, next, err := s.Invoices.Queue(c.ctx, invoice.State(state), after, limit)
	if err != nil {
		return err
	}
	out := page[queuedInvoice]{Items: []queuedInvoice{}, Next: string(next)}
	for _, v := range list {
		out.Items = append(out.Items, s.showQueuedInvoice(c, v))
	}
	return c.ok(out)
}

func (s *Server) getInvoiceDetails(c *call) error {
	id, err := c.id("id", invoice.ErrUnknown)
	if err != nil {
		return err
	}
	v, title, recipient, err := s.Invoices.Details(c.ctx, c.pays(), id)
	if errors.Is(err, cashier.ErrUnknown) {
		return invoice.ErrUnknown
	}
	if err != nil {
		return err
	}
	return c.ok(map[string]any{"invoice": showInvoice(v), "title": title, "recipient": recipient, "lines": v.Lines})
}

// decided answers with the invoice as it stands after a reviewer's act.
func (s *Server) decided(c *call, v *invoice.Invoice, err error) error {
	if err != nil {
		return err
	}
	return c.ok(s.showQueuedInvoice(c, v))
}

func (s *Server) postDecideInvoice(c *call) error {
	id, err := c.id("id", invoice.ErrUnknown)
	if err != nil {
		return err
	}
	var accept bool
	var reason string
	if err := c.read(object{{"accept", &accept, true}, {"reason", &reason, false}}); err != nil {
		return err
	}
	if err := reasoned(reason, !accept); err != nil {
		return err
	}
	v, err := s.Invoices.Decide(c.ctx, c.who.ID(), id, accept, reason)
	return s.decided(c, v, err)
}

func (s *Server) postUndoInvoice(c *call) error {
	id, err := c.id("id", invoice.ErrUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	v, err := s.Invoices.Undo(c.ctx, c.who.ID(), id)
	return s.decided(c, v, err)
}

// postIssueInvoice takes the file of an electronic invoice, with its number.
func (s *Server) postIssueInvoice(c *call) error {
	id, err := c.id("id", invoice.ErrUnknown)
	if err != nil {
		return err
	}
	number, err := c.query("number", 32)
	if err != nil {
		return err
	}
	name, content, err := c.file()
	if err != nil {
		return err
	}
	v, err := s.Invoices.Issue(c.ctx, c.who.ID(), id, invoice.Bring{Number: number, Name: name, Content: content})
	return s.decided(c, v, err)
}

// postPostInvoice says that a paper invoice is on its way.
func (s *Server) postPostInvoice(c *call) error {
	id, err := c.id("id", invoice.ErrUnknown)
	if err != nil {
		return err
	}
	var b invoice.Bring
	if err := c.read(object{{"number", &b.Number, true}, {"carrier", &b.Carrier, true}, {"tracking", &b.Tracking, true}}); err != nil {
		return err
	}
	v, err := s.Invoices.Issue(c.ctx, c.who.ID(), id, b)
	return s.decided(c, v, err)
}

// postReceived says that the money of an order has arrived, without a proof of it.
func (s *Server) postReceived(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	var note string
	if err := c.read(object{{"note", &note, true}}); err != nil {
		return err
	}
	if err := reasoned(note, true); err != nil {
		return err
	}
	o, err := s.Orders.Received(c.ctx, c.who.ID(), id, note)
	return s.queued(c, o, err)
}
