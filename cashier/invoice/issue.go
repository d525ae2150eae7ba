package invoice

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"certlink/cashier"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/internal/upload"
	"certlink/store"
)

// Kinds are the files that an invoice comes as.
var Kinds = []upload.Kind{upload.PDF, upload.OFD, upload.XML}

// Sweep lets decisions take effect, and asks the issuer for what is due. It runs under
// a lease; asking twice is harmless, since an issuer finds what it has made.
func (s *Service) Sweep(ctx context.Context) error {
	due, _, err := s.docs.Query(ctx, store.Query{Index: "due", Below: store.TimeKey(s.cfg.Clock().Add(time.Microsecond)), Limit: 32})
	if err != nil {
		return err
	}
	var failed error
	for _, v := range due {
		if v.Decision != nil {
			_, err = s.change(ctx, v.ID, func(*Invoice) error { return store.ErrUnchanged })
			failed = errors.Join(failed, err)
		} else if s.cfg.Issuer != nil {
			failed = errors.Join(failed, s.issue(ctx, v))
		}
	}
	return failed
}

func (s *Service) issue(ctx context.Context, v *Invoice) error {
	kept, err := s.open(v)
	if err != nil {
		return err
	}
	doc, err := s.cfg.Issuer.Issue(ctx, Request{ID: v.ID, Order: v.OrderNumber, Title: kept.Title, Content: v.Content, Lines: v.Lines, AmountFen: v.AmountFen, At: s.cfg.Clock()})
	if err == nil {
		_, err = s.issued(ctx, v.ID, "", doc, s.cfg.Issuer.Sandbox())
		if errors.Is(err, ErrState) {
			return nil // a reviewer was faster
		}
	}
	if err == nil {
		return nil
	}
	_, late := s.change(ctx, v.ID, func(v *Invoice) error {
		if v.State != Issuing || v.Decision != nil {
			return store.ErrUnchanged
		}
		v.Due, v.Tries = s.cfg.Clock().Add(min(time.Minute<<min(v.Tries, 10), 6*time.Hour)), v.Tries+1
		return nil
	})
	return errors.Join(err, late)
}

// issued keeps the file and closes the case. A crash between the two leaves a file
// that nobody names, which the sweep of uploads removes.
func (s *Service) issued(ctx context.Context, id, by string, d *Document, sandbox bool) (*Invoice, error) {
	f, err := s.cfg.Uploads.Put(ctx, owner(id), d.Name, bytes.NewReader(d.File), Kinds...)
	if err != nil {
		return nil, err
	}
	v, err := s.change(ctx, id, func(v *Invoice) error {
		if v.Decision != nil {
			return ErrState.With("state", string(v.State))
		}
		v.File, v.FileKind, v.Number, v.Sandbox = f.ID, string(f.Kind), d.Number, sandbox
		return v.move(Issued, s.cfg.Clock(), by, "")
	})
	// Only a refusal says for certain that the file is not named: an answer that was
	// lost may belong to a write that was done.
	if fault.Of(err) != nil {
		err = errors.Join(err, s.cfg.Uploads.Delete(ctx, f.ID))
	}
	return v, err
}

// Bring is a reviewer's way to issue: the file as the tax authority's platform made
// it, with its number; of a paper invoice, who carries it, and the file may be
// missing.
type Bring struct {
	Number            string
	Name              string
	Content           io.Reader // nil for none
	Carrier, Tracking string
}

// Issue takes what a reviewer brings.
func (s *Service) Issue(ctx context.Context, reviewer, id string, b Bring) (*Invoice, error) {
	v, _, err := s.docs.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	b.Number, b.Carrier, b.Tracking = tidy(b.Number), tidy(b.Carrier), tidy(b.Tracking)
	var f fields
	f.pattern("/number", b.Number, numberPattern, true, "应为 20 位（数电发票）或 8 至 12 位数字", "must be 20 figures (fully digital), or 8 to 12")
	if v.Medium == Paper {
		f.text("/carrier", b.Carrier, 1, 40)
		f.text("/tracking", b.Tracking, 1, 40)
	}
	if err := f.done(); err != nil {
		return nil, err
	}
	if v.State != Issuing || v.Decision != nil || (v.Medium == Paper) != (b.Content == nil) {
		return nil, ErrState.With("state", string(v.State))
	}
	if v.Medium == Paper {
		return s.change(ctx, id, func(v *Invoice) error {
			if v.Decision != nil {
				return ErrState.With("state", string(v.State))
			}
			v.Number, v.Carrier, v.Tracking = b.Number, b.Carrier, b.Tracking
			return v.move(Issued, s.cfg.Clock(), reviewer, "")
		})
	}
	raw, err := io.ReadAll(b.Content)
	if err != nil {
		return nil, err
	}
	return s.issued(ctx, id, reviewer, &Document{Number: b.Number, Name: b.Name, File: raw}, false)
}

// Decide accepts a proof of payment, or rejects an application that waits. It takes
// effect when it can no longer be undone.
func (s *Service) Decide(ctx context.Context, reviewer, id string, accept bool, reason string) (*Invoice, error) {
	return s.change(ctx, id, func(v *Invoice) error {
		to := Rejected
		if accept {
			to = Issuing
		}
		if v.Decision != nil || v.State == to || !slices.Contains(next[v.State], to) {
			return ErrState.With("state", string(v.State))
		}
		v.Decision = cashier.Decide(reviewer, accept, reason, s.cfg.Clock())
		return nil
	})
}

// Undo takes one's decision back, in time.
func (s *Service) Undo(ctx context.Context, reviewer, id string) (*Invoice, error) {
	return s.change(ctx, id, func(v *Invoice) error {
		now := s.cfg.Clock()
		if !v.Decision.Mine(reviewer, now) {
			return cashier.ErrUndo
		}
		v.Decision = nil
		v.happened("invoice.decision_undone", now, reviewer, "")
		return nil
	})
}

// Queue lists the invoices of a state, the longest waiting first.
func (s *Service) Queue(ctx context.Context, state State, after store.Cursor, limit int) ([]*Invoice, store.Cursor, error) {
	return s.docs.Query(ctx, store.Query{Index: "queue", Prefix: store.KeyPrefix(string(state)), After: after, Limit: limit, Desc: state == Issued})
}

// Details are an invoice's title and recipient, in clear. That staff reads them is in
// the audit log.
func (s *Service) Details(ctx context.Context, by cashier.Who, id string) (*Invoice, Title, Recipient, error) {
	if _, err := s.cfg.Orders.Read(ctx, by, id); err != nil {
		return nil, Title{}, Recipient{}, err
	}
	v, _, err := s.docs.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, Title{}, Recipient{}, ErrUnknown
	}
	if err == nil && by.Staff {
		v, err = s.change(ctx, id, func(v *Invoice) error {
			data := v.told("invoice.read")
			data["by"], data["account"] = by.Account, by.Account
			v.Owe(effect.New(effect.Audit, s.cfg.Clock(), data))
			return nil
		})
	}
	if err != nil {
		return nil, Title{}, Recipient{}, err
	}
	kept, err := s.open(v)
	return v, kept.Title, kept.Recipient, err
}

// Letter is what the letter that brings an invoice needs: to whom, and the file.
func (s *Service) Letter(ctx context.Context, id string) (v *Invoice, to Recipient, f *upload.File, content []byte, err error) {
	v, _, err = s.docs.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrUnknown
	}
	if err != nil {
		return nil, to, nil, nil, err
	}
	kept, err := s.open(v)
	if err != nil {
		return nil, to, nil, nil, err
	}
	f, r, err := s.cfg.Uploads.Open(ctx, v.File)
	if err != nil {
		return nil, to, nil, nil, err
	}
	defer r.Close()
	content, err = io.ReadAll(r)
	return v, kept.Recipient, f, content, err
}

// File opens the invoice's file for whoever may see the order.
func (s *Service) File(ctx context.Context, by cashier.Who, id string, proof bool) (*upload.File, io.ReadCloser, error) {
	c, err := s.Look(ctx, by, id)
	if err != nil {
		return nil, nil, err
	}
	file := ""
	if c.Invoice != nil {
		file = c.Invoice.File
		if proof {
			file = c.Invoice.Proof
		}
	}
	if file == "" {
		return nil, nil, upload.ErrUnknown
	}
	return s.cfg.Uploads.Open(ctx, file)
}
