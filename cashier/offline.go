package cashier

import (
	"context"
	"errors"
	"slices"
	"time"

	"certlink/store"
)

// Offline is the provider for transfers between banks: what a machine does with the
// others, a reviewer does here.
const Offline = "offline"

// Transfer is the Provider of that name: the account that is paid into.
type Transfer struct {
	Payee   string `json:"payee"`
	Bank    string `json:"bank"`
	Account string `json:"account"`
}

// Name of the provider.
func (Transfer) Name() string { return Offline }

// CodeLife is 0: there is no code, and the order's own time is enough.
func (Transfer) CodeLife() time.Duration { return 0 }

func (Transfer) Start(context.Context, Charge) (string, error) { return "", nil }

func (Transfer) Query(_ context.Context, attempt string) (*Trade, error) {
	return &Trade{ID: attempt, State: TradeWaiting}, nil
}

func (Transfer) Close(_ context.Context, attempt string) (*Trade, error) {
	return &Trade{ID: attempt, State: TradeClosed}, nil
}

func (Transfer) Refund(_ context.Context, r RefundOrder) (*RefundReport, error) {
	return &RefundReport{ID: r.ID, State: RefundByHand}, nil
}

func (Transfer) Notice(context.Context, func(string) string, []byte) (*Notice, error) {
	return nil, ErrMethod
}

func (Transfer) Taken() (string, string) { return "text/plain", "" }

// Prove hands in the proof of a transfer; file is the upload's id. A better one takes
// the place of one nobody has decided on yet.
func (s *Service) Prove(ctx context.Context, by Who, id, file string) (*Order, error) {
	return s.change(ctx, id, func(o *Order) error {
		if !by.may(o) {
			return ErrUnknown
		}
		if o.State != Open {
			return ErrState.With("state", string(o.State))
		}
		a := o.offline()
		if a == nil {
			return ErrProof
		}
		now := s.cfg.Clock()
		a.State, a.Proof, a.ProofAt, a.Decision = Review, file, &now, nil // what was decided was about another
		o.happened("order.proof_submitted", now, by.Account, a.ID, "")
		return nil
	})
}

// Awaits says why a proof would not be taken, before it is uploaded.
func (s *Service) Awaits(ctx context.Context, by Who, id string) error {
	o, err := s.Get(ctx, id)
	switch {
	case err != nil:
		return err
	case !by.may(o):
		return ErrUnknown
	case o.State != Open:
		return ErrState.With("state", string(o.State))
	case o.offline() == nil:
		return ErrProof
	}
	return nil
}

// offline finds the transfer that is under way.
func (o *Order) offline() *Attempt {
	for i := range o.Attempts {
		if a := &o.Attempts[i]; a.Provider == Offline && (a.State == Waiting || a.State == Review) {
			return a
		}
	}
	return nil
}

// Decide is a reviewer's word on a proof. proof is the one that was looked at, so that
// nobody accepts what has been replaced; of two reviewers the first decides. It takes
// effect when it can no longer be undone.
func (s *Service) Decide(ctx context.Context, reviewer, id, proof string, accept bool, reason string) (*Order, error) {
	return s.change(ctx, id, func(o *Order) error {
		a := o.offline()
		if a == nil || a.State != Review || a.Proof != proof || a.Decision != nil {
			return ErrProof
		}
		a.Decision = Decide(reviewer, accept, reason, s.cfg.Clock())
		return nil
	})
}

// Undo takes one's decision back, in time.
func (s *Service) Undo(ctx context.Context, reviewer, id string) (*Order, error) {
	return s.change(ctx, id, func(o *Order) error {
		now := s.cfg.Clock()
		if !o.Decision().Mine(reviewer, now) {
			return ErrUndo
		}
		a := o.decided()
		a.Decision = nil
		o.happened("order.decision_undone", now, reviewer, a.ID, "")
		return nil
	})
}

// proofGrace is what is left of an order's time, at least, after a rejected proof.
const proofGrace = 3 * 24 * time.Hour

// Received is a reviewer's word that the money of an order has arrived without a
// proof from the payer: seen on the account's statement. An invoice for it asks for
// the proof, then.
func (s *Service) Received(ctx context.Context, reviewer, id, note string) (*Order, error) {
	return s.change(ctx, id, func(o *Order) error {
		switch {
		case o.State != Open:
			return ErrState.With("state", string(o.State))
		case o.AmountFen == 0:
			return ErrFree
		case o.InReview():
			return ErrProof // which is decided on instead
		}
		now := s.cfg.Clock()
		a := o.offline()
		if a == nil {
			o.Attempts = append(o.Attempts, Attempt{ID: attemptID(o.ID, len(o.Attempts)+1), Provider: Offline, State: Waiting, At: now, By: reviewer, ExpiresAt: o.ExpiresAt, Due: o.ExpiresAt})
			a = &o.Attempts[len(o.Attempts)-1]
		}
		o.happened("order.received", now, reviewer, a.ID, note)
		_, err := o.paid(a, Payment{Transaction: "statement", AmountFen: o.AmountFen, Currency: Currency, At: now}, reviewer, now)
		return err
	})
}

// SentBack is a reviewer's word that money was refunded by hand.
func (s *Service) SentBack(ctx context.Context, reviewer, id, refund, note string) (*Order, error) {
	return s.change(ctx, id, func(o *Order) error {
		a := o.owner(refund)
		if a == nil || a.Refund == nil || a.Refund.ID != refund || a.Refund.State != RefundByHand {
			return ErrNoRefund
		}
		now := s.cfg.Clock()
		o.happened("order.refunded_by_hand", now, reviewer, a.ID, note)
		_, err := o.refunded(&RefundReport{ID: refund, State: RefundDone}, reviewer, now)
		return err
	})
}

// ProofOf finds the upload that was handed in last, for whoever may see the order.
// That a reviewer reads it is in the audit log.
func (s *Service) ProofOf(ctx context.Context, by Who, id string) (file string, err error) {
	o, err := s.Read(ctx, by, id)
	if err != nil {
		return "", err
	}
	for i := range o.Attempts {
		if a := &o.Attempts[i]; a.Proof != "" {
			file = a.Proof
		}
	}
	if file == "" {
		return "", ErrProof
	}
	if !by.may(o) {
		_, err = s.change(ctx, id, func(o *Order) error {
			o.read("order.proof_read", by.Account, s.cfg.Clock())
			return nil
		})
	}
	return file, err
}

// Names says whether an order names an upload: those that none names are removed.
func (s *Service) Names(ctx context.Context, id, file string) (bool, error) {
	o, err := s.Get(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return false, nil
	}
	return err == nil && slices.ContainsFunc(o.Attempts, func(a Attempt) bool { return a.Proof == file }), err
}

// InReview says whether a proof waits for its reviewer.
func (o *Order) InReview() bool {
	return slices.ContainsFunc(o.Attempts, func(a Attempt) bool { return a.State == Review })
}

// WaitsSince is since when a reviewer is waited for; zero if none is.
func (o *Order) WaitsSince() time.Time { return o.byHand() }

// byHand is since when a reviewer is waited for; zero if none is.
func (o *Order) byHand() (since time.Time) {
	for i := range o.Attempts {
		a := &o.Attempts[i]
		switch {
		case a.State == Review && a.ProofAt != nil:
			since = *a.ProofAt
		case a.Refund != nil && a.Refund.State == RefundByHand:
			since = a.Refund.At
		}
		if !since.IsZero() {
			return since
		}
	}
	return since
}

// Queue lists the orders that wait for a reviewer, the longest waiting first.
func (s *Service) Queue(ctx context.Context, after store.Cursor, limit int) ([]*Order, store.Cursor, error) {
	return s.docs.Query(ctx, store.Query{Index: "hand", After: after, Limit: limit})
}

// Transfers lists the orders whose payer has chosen to pay by transfer and has handed in
// no proof: their money is looked for on the account's statement. The oldest first.
func (s *Service) Transfers(ctx context.Context, after store.Cursor, limit int) ([]*Order, store.Cursor, error) {
	return s.docs.Query(ctx, store.Query{Index: "transfer", After: after, Limit: limit})
}

// Numbered finds the order with a number, none or one.
func (s *Service) Numbered(ctx context.Context, number string) ([]*Order, error) {
	list, _, err := s.docs.Query(ctx, store.Query{Index: "number", Prefix: store.KeyPrefix(number), Limit: 2})
	return list, err
}

// Receivable says whether a reviewer may say that its money has arrived.
func (o *Order) Receivable() bool { return o.State == Open && o.AmountFen > 0 && !o.InReview() }

// OwesByHand says whether a person must send money back.
func (o *Order) OwesByHand() bool {
	return slices.ContainsFunc(o.Attempts, func(a Attempt) bool { return a.Refund != nil && a.Refund.State == RefundByHand })
}
