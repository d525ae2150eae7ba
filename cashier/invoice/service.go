package invoice

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"certlink/cashier"
	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/retain"
	"certlink/internal/seal"
	"certlink/internal/upload"
	"certlink/store"
)

// Orders is what is asked of the cashier.
type Orders interface {
	Read(ctx context.Context, by cashier.Who, id string) (*cashier.Order, error)
}

// Request is what an issuer is asked for.
type Request struct {
	ID        string // of the order; the same id is never invoiced twice
	Order     string // its number
	Title     Title
	Content   string
	Lines     []cashier.Line
	AmountFen int64
	At        time.Time
}

// Document is an invoice that was made.
type Document struct {
	Number string
	Name   string
	File   []byte
}

// Issuer makes invoices at the tax authority's platform or a service before it.
type Issuer interface {
	// Sandbox marks one whose invoices are samples.
	Sandbox() bool
	// Issue makes the invoice or finds it made. An error means that nothing is known,
	// and that it will be asked again.
	Issue(ctx context.Context, r Request) (*Document, error)
}

// Config is what the service is made of.
type Config struct {
	Store   store.Store
	Clock   clock.Clock
	Seal    *seal.Ring
	Orders  Orders
	Uploads *upload.Store
	// Issuer makes electronic invoices; nil where reviewers upload them.
	Issuer Issuer
	// Days after an order's completion in which an invoice can be asked for; 0 means 60.
	Days int
	Log  *slog.Logger
}

// Service knows invoices.
type Service struct {
	cfg    Config
	docs   store.Record[Invoice]
	titles store.Record[titles]
}

// New makes the service.
func New(c Config) *Service {
	if c.Days == 0 {
		c.Days = 60
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Service{cfg: c, docs: record(c.Store), titles: titlesRecord(c.Store)}
}

var (
	collection = store.Collection{Name: "invoices", Indexes: []store.Index{
		{Name: "queue"}, // of reviewers: state, and since when
		{Name: "due"},   // when the issuer is asked, or a decision takes effect
		{Name: seal.StaleIndex},
		{Name: retain.Index},
		{Name: effect.Index},
	}}
	titlesCollection = store.Collection{Name: "invoice_titles", Indexes: []store.Index{{Name: seal.StaleIndex}, {Name: retain.Index}, {Name: effect.Index}}}
)

// Collections declares what the package stores.
func Collections() []store.Collection {
	return []store.Collection{record(nil).Declare(collection), titlesRecord(nil).Declare(titlesCollection)}
}

func record(s store.Store) store.Record[Invoice] {
	return store.Record[Invoice]{Store: s, Collection: collection.Name,
		ID: func(v *Invoice) string { return v.ID },
		Index: func(v *Invoice) map[string]string {
			ix := map[string]string{"queue": store.Key(string(v.State), store.TimeKey(v.AppliedAt)), seal.StaleIndex: invoicePlaces.Keys(v), retain.Index: v.waits()}
			if t := v.due(); !t.IsZero() {
				ix["due"] = store.TimeKey(t)
			}
			ix[effect.Index] = v.Place()
			return ix
		}}
}

// china is where the days of the limit are counted.
var china = time.FixedZone("CST", 8*3600)

// Deadline is the last moment in which an invoice can be asked for: the end of the
// day that is so many days after the one of completion, in Asia/Shanghai.
func (s *Service) Deadline(completed time.Time) time.Time {
	c := completed.In(china)
	return time.Date(c.Year(), c.Month(), c.Day()+s.cfg.Days+1, 0, 0, 0, 0, china).Add(-time.Second)
}

// Days is how many days there are to ask for an invoice.
func (s *Service) Days() int { return s.cfg.Days }

// again is how long a rejected application can be handed in anew, at least.
const again = 7 * 24 * time.Hour

// Standing is how an order stands for an invoice.
type Standing string

// The standings besides the states of an invoice.
const (
	Available    Standing = "available"     // 可申请
	Expired      Standing = "expired"       // 已过期
	NotCompleted Standing = "not_completed" // paid, and not issued or extended yet
	NotPaid      Standing = "not_paid"      // never paid, free, or refunded
)

// Case is an order with its invoice.
type Case struct {
	Order    *cashier.Order
	Invoice  *Invoice // nil without one
	Standing Standing
	Deadline time.Time // zero before completion
	// Prove says that the payment has to be proved first: it was made outside the
	// online cashier, and no proof of it has been seen.
	Prove bool
}

// Look reads how an order of one's own stands.
func (s *Service) Look(ctx context.Context, by cashier.Who, order string) (*Case, error) {
	o, err := s.cfg.Orders.Read(ctx, by, order)
	if err != nil {
		return nil, err
	}
	v, _, err := s.docs.Get(ctx, order)
	if errors.Is(err, store.ErrNotFound) {
		v, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &Case{Order: o, Invoice: v}
	if p := o.Payment(); p != nil && p.Provider == cashier.Offline && p.Proof == "" {
		c.Prove = true
	}
	now := s.cfg.Clock()
	if o.CompletedAt != nil {
		c.Deadline = s.Deadline(*o.CompletedAt)
	}
	switch {
	case v != nil && v.State != Rejected:
		c.Standing = Standing(v.State)
	case o.State != cashier.Paid || o.AmountFen == 0:
		c.Standing = NotPaid
	case o.CompletedAt == nil:
		c.Standing = NotCompleted
	case v != nil && now.Before(v.Rejected.Add(again)), !now.After(c.Deadline):
		c.Standing = Available
		if v != nil {
			c.Standing = Standing(Rejected)
		}
	default:
		c.Standing = Expired
	}
	return c, nil
}

// Apply asks for an invoice, once for each order.
func (s *Service) Apply(ctx context.Context, by cashier.Who, order string, f Form) (*Invoice, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	c, err := s.Look(ctx, by, order)
	if err != nil {
		return nil, err
	}
	if c.Standing != Available && c.Standing != Standing(Rejected) {
		return nil, refusalOf(c.Standing)
	}
	title, err := s.title(ctx, c.Order.Organisation, f.Title)
	if err != nil {
		return nil, err
	}
	v, err := s.filled(ctx, c, by, f, title)
	if err != nil {
		return nil, err
	}
	if c.Invoice == nil {
		if err = s.docs.Create(ctx, v); errors.Is(err, store.ErrExists) {
			return nil, ErrState.With("state", string(Issuing)) // two presses at once: the first counts
		}
	} else {
		v, err = s.change(ctx, order, func(old *Invoice) error { return old.anew(v, by.Account) })
	}
	if err != nil {
		return nil, err
	}
	return v, s.remember(ctx, c.Order.Organisation, by.Account, f.Title, f.Recipient)
}

func refusalOf(s Standing) error {
	switch s {
	case Expired:
		return ErrExpired
	case NotCompleted:
		return ErrNotCompleted
	case NotPaid:
		return ErrNotPaid
	}
	return ErrState.With("state", string(s))
}

// filled makes the invoice that a form asks for.
func (s *Service) filled(ctx context.Context, c *Case, by cashier.Who, f Form, title Title) (*Invoice, error) {
	now := s.cfg.Clock()
	o := c.Order
	v := &Invoice{ID: o.ID, OrderNumber: o.Number, Account: o.Account, Organisation: o.Organisation, AmountFen: o.AmountFen, Lines: o.Lines,
		Content: f.Content, Medium: f.Medium, TitleType: TitleType, InvoiceType: InvoiceType, AppliedAt: now, AppliedBy: by.Account, State: Issuing}
	if f.Medium == Electronic && s.cfg.Issuer != nil {
		v.Due = now
	}
	if c.Prove {
		file, err := s.cfg.Uploads.Get(ctx, f.Proof)
		if err != nil || file.Owner != owner(o.ID) {
			return nil, ErrProof
		}
		v.State, v.Proof = Reviewing, f.Proof
	}
	var err error
	if v.Sealed, err = s.seal(o.ID, sealed{title, f.Recipient}); err != nil {
		return nil, err
	}
	v.happened("invoice.applied", now, by.Account, "")
	return v, nil
}

// anew hands a rejected application in again.
func (v *Invoice) anew(n *Invoice, by string) error {
	if err := v.move(n.State, n.AppliedAt, by, ""); err != nil {
		return err
	}
	v.Content, v.Medium, v.Sealed, v.Proof, v.Due, v.Tries, v.ErasedAt = n.Content, n.Medium, n.Sealed, n.Proof, n.Due, 0, nil
	v.AppliedAt, v.AppliedBy = n.AppliedAt, n.AppliedBy
	return nil
}

// owner is whom uploads about an invoice belong to.
func owner(order string) string { return "invoice:" + order }

// Prove keeps the proof of a payment that was made outside the online cashier; the
// application names it then.
func (s *Service) Prove(ctx context.Context, by cashier.Who, order, name string, content io.Reader) (*upload.File, error) {
	c, err := s.Look(ctx, by, order)
	if err != nil {
		return nil, err
	}
	if !c.Prove || c.Standing != Available && c.Standing != Standing(Rejected) {
		return nil, ErrProof
	}
	return s.cfg.Uploads.Put(ctx, owner(order), name, content, upload.Papers...)
}

// Names says whether an invoice names an upload.
func (s *Service) Names(ctx context.Context, order, file string) (bool, error) {
	v, _, err := s.docs.Get(ctx, order)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && (v.File == file || v.Proof == file), err
}

// change is the one way an invoice is written: what is due of a reviewer's decision is
// done first.
func (s *Service) change(ctx context.Context, id string, decide func(*Invoice) error) (*Invoice, error) {
	v, err := s.docs.Update(ctx, id, func(v *Invoice) error {
		settled := v.settle(s.cfg.Clock())
		err := decide(v)
		if settled && errors.Is(err, store.ErrUnchanged) {
			return nil
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}
