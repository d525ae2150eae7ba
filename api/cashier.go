package api

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/cashier"
	"certlink/cashier/sandbox"
	"certlink/internal/fault"
	"certlink/internal/upload"
	"certlink/store"
)

// cashierRoutes are the 收银台: orders, notices of providers, and what reviewers decide.
func (s *Server) cashierRoutes() {
	if s.Orders == nil {
		return
	}
	signedIn, staff := (*call).signedIn, role(account.Reviewer, account.Operator)
	s.add("GET", "/v1/orders", signedIn, s.getOrders)
	s.add("GET", "/v1/orders/:id", signedIn, s.getOrder)
	s.add("POST", "/v1/orders/:id/complete", signedIn, s.postComplete)
	s.add("POST", "/v1/orders/:id/pay", signedIn, s.postPay)
	s.add("POST", "/v1/orders/:id/check", signedIn, s.postCheck)
	s.addUpload("POST", "/v1/orders/:id/proof", signedIn, s.postProof)
	s.add("GET", "/v1/orders/:id/proof", signedIn, s.getProof)
	s.add("POST", "/v1/payments/:provider/notice", s.postNotice)
	s.add("GET", "/v1/review/payments", signedIn, staff, s.getPaymentQueue)
	s.add("POST", "/v1/review/payments/:id/decide", signedIn, staff, s.postDecideProof)
	s.add("POST", "/v1/review/payments/:id/undo", signedIn, staff, s.postUndoProof)
	s.add("POST", "/v1/review/payments/:id/refunded", signedIn, staff, s.postSentBack)
	if s.Sandbox != nil {
		s.addPage("GET", "/sandbox/pay/:id", (*call).publicHost, s.sandboxPage)
		s.addPage("POST", "/sandbox/pay/:id", sentForm, s.sandboxAct)
	}
}

// pays is the caller as package cashier knows people.
func (c *call) pays() cashier.Who {
	a := c.who.Account
	return cashier.Who{Account: a.ID, Organisation: a.OrganisationID, Admin: a.Has(account.Admin), Staff: a.Has(account.Reviewer) || a.Has(account.Operator)}
}

// order answers with an order, or with why not.
func (s *Server) order(c *call, o *cashier.Order, err error) error {
	if err != nil {
		return err
	}
	return c.ok(s.Orders.View(o))
}

func (s *Server) getOrders(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	scope, err := c.choice("scope", "mine", "organisation")
	if err != nil {
		return err
	}
	list, next, err := s.Orders.List(c.ctx, c.pays(), scope == "organisation", after, limit)
	if err != nil {
		return err
	}
	out := page[cashier.View]{Items: []cashier.View{}, Next: string(next)}
	for _, o := range list {
		out.Items = append(out.Items, s.Orders.View(o))
	}
	return c.ok(out)
}

func (s *Server) getOrder(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	o, err := s.Orders.Read(c.ctx, c.pays(), id)
	return s.order(c, o, err)
}

func (s *Server) postComplete(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	o, err := s.Orders.Complete(c.ctx, c.pays(), id)
	return s.order(c, o, err)
}

func (s *Server) postPay(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	var provider string
	if err := c.read(object{{"provider", &provider, true}}); err != nil {
		return err
	}
	o, _, err := s.Orders.Pay(c.ctx, c.pays(), id, provider)
	return s.order(c, o, err)
}

// postCheck is 我已完成支付: the provider is asked at once.
func (s *Server) postCheck(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	o, err := s.Orders.Check(c.ctx, c.pays(), id)
	return s.order(c, o, err)
}

// postProof takes the proof of a transfer. The order is looked at first, so that
// nobody fills the store with files for what is not theirs.
func (s *Server) postProof(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	if err := s.Orders.Awaits(c.ctx, c.pays(), id); err != nil {
		return err
	}
	name, content, err := c.file()
	if err != nil {
		return err
	}
	f, err := s.Uploads.Put(c.ctx, "order:"+id, name, content, upload.Papers...)
	if err != nil {
		return err
	}
	o, err := s.Orders.Prove(c.ctx, c.pays(), id, f.ID)
	if fault.Of(err) != nil {
		err = errors.Join(err, s.Uploads.Delete(c.ctx, f.ID))
	}
	return s.order(c, o, err)
}

func (s *Server) getProof(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	file, err := s.Orders.ProofOf(c.ctx, c.pays(), id)
	if err != nil {
		return err
	}
	f, content, err := s.Uploads.Open(c.ctx, file)
	if err != nil {
		return err
	}
	return c.sendFile(f, content)
}

// postNotice takes a provider's notice as it was sent: what is signed are its bytes.
func (s *Server) postNotice(c *call) error {
	provider, err := c.id("provider", cashier.ErrMethod)
	if err != nil {
		return err
	}
	media, answer, err := s.Orders.Notice(c.ctx, provider, c.header, c.f.Request().Body())
	if err != nil {
		return err
	}
	c.f.Response().Header.SetContentType(media)
	c.f.Response().SetBodyString(answer)
	return nil
}

// queuedPayment is an order as reviewers see it: whose it is, since when they are waited
// for, and what they can do.
type queuedPayment struct {
	cashier.View
	Since        string        `json:"since"`
	Account      string        `json:"account"`
	Organisation string        `json:"organisation"`
	Decision     *decisionView `json:"decision,omitempty"`
	Acts         []string      `json:"acts"`
}

// decisionView is a decision until it takes effect.
type decisionView struct {
	Accept bool   `json:"accept"`
	Reason string `json:"reason,omitempty"`
	Due    string `json:"due"`
	Mine   bool   `json:"mine"` // the reader can take it back
}

func (s *Server) showDecision(c *call, d *cashier.Decision) *decisionView {
	if d == nil {
		return nil
	}
	return &decisionView{d.Accept, d.Reason, stamp(d.Due), d.Mine(c.who.ID(), s.Clock())}
}

func (s *Server) showQueued(c *call, o *cashier.Order) queuedPayment {
	since := o.WaitsSince()
	if since.IsZero() {
		since = o.CreatedAt
	}
	q := queuedPayment{View: s.Orders.View(o), Since: stamp(since), Decision: s.showDecision(c, o.Decision()), Acts: o.Acts(c.who.ID(), s.Clock())}
	q.Account, q.Organisation = s.namesOf(c, o.Account)
	return q
}

func (s *Server) getPaymentQueue(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	which, err := c.choice("list", "waiting", "transfers")
	if err != nil {
		return err
	}
	number, err := c.query("number", 32)
	if err != nil {
		return err
	}
	var list []*cashier.Order
	var next store.Cursor
	switch {
	case number != "":
		list, err = s.Orders.Numbered(c.ctx, number)
	case which == "transfers":
		list, next, err = s.Orders.Transfers(c.ctx, after, limit)
	default:
		list, next, err = s.Orders.Queue(c.ctx, after, limit)
	}
	if err != nil {
		return err
	}
	out := page[queuedPayment]{Items: []queuedPayment{}, Next: string(next)}
	for _, o := range list {
		out.Items = append(out.Items, s.showQueued(c, o))
	}
	return c.ok(out)
}

// queued answers with an order as reviewers see it, or with why not.
func (s *Server) queued(c *call, o *cashier.Order, err error) error {
	if err != nil {
		return err
	}
	return c.ok(s.showQueued(c, o))
}

// namesOf tells an account's and its organisation's name; "" for one that is gone.
func (s *Server) namesOf(c *call, id string) (person, organisation string) {
	a, err := s.Accounts.Get(c.ctx, id)
	if err != nil {
		return "", ""
	}
	if o, err := s.Accounts.GetOrganisation(c.ctx, a.OrganisationID); err == nil {
		organisation = o.Name
	}
	return a.Name, organisation
}

func (s *Server) postDecideProof(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	var proof, reason string
	var accept bool
	if err := c.read(object{{"proof", &proof, true}, {"accept", &accept, true}, {"reason", &reason, false}}); err != nil {
		return err
	}
	if err := reasoned(reason, !accept); err != nil {
		return err
	}
	o, err := s.Orders.Decide(c.ctx, c.who.ID(), id, proof, accept, reason)
	return s.queued(c, o, err)
}

func (s *Server) postUndoProof(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	o, err := s.Orders.Undo(c.ctx, c.who.ID(), id)
	return s.queued(c, o, err)
}

// reasoned wants the reason of a rejection in words, and not too many of them.
func reasoned(reason string, need bool) error {
	switch n := len([]rune(reason)); {
	case need && n == 0:
		return ErrRequest.At("/reason", "请填写原因，申请人会看到", "say why; the person concerned reads it")
	case n > 500:
		return ErrRequest.At("/reason", "最多 500 个字", "is longer than 500 characters")
	}
	return nil
}

func (s *Server) postSentBack(c *call) error {
	id, err := c.id("id", cashier.ErrUnknown)
	if err != nil {
		return err
	}
	var refund, note string
	if err := c.read(object{{"refund", &refund, true}, {"note", &note, false}}); err != nil {
		return err
	}
	if err := reasoned(note, false); err != nil {
		return err
	}
	o, err := s.Orders.SentBack(c.ctx, c.who.ID(), id, refund, note)
	return s.queued(c, o, err)
}

type sandboxPage struct {
	Trade       sandbox.Trade
	Order, Here string
}

// sandboxPage is where the code of the payment sandbox leads: whoever tries certlink
// decides there what the payer's bank says.
func (s *Server) sandboxPage(c *call) error {
	id, err := c.id("id", sandbox.ErrTrade)
	if err != nil {
		return err
	}
	t, err := s.Sandbox.Look(id)
	if err != nil {
		return err
	}
	return c.show(fiber.StatusOK, "sandboxpay.html", sandboxPage{t, cashier.OrderOf(id), "/sandbox/pay/" + t.ID})
}

func (s *Server) sandboxAct(c *call) error {
	id, err := c.id("id", sandbox.ErrTrade)
	if err != nil {
		return err
	}
	act, err := c.form("act", 16)
	if err != nil {
		return err
	}
	if err := s.Sandbox.Do(c.ctx, id, sandbox.Act(act)); err != nil {
		return err
	}
	return c.redirect(fiber.StatusSeeOther, "/sandbox/pay/"+id)
}
