package cashier

import (
	"context"
	"errors"

	"certlink/store"
)

// Who asks.
type Who struct {
	Account      string
	Organisation string
	Admin        bool // of the organisation
	// Staff are reviewers and operators.
	Staff bool
}

// may says whether an order is theirs to pay and to see. To everybody else it does
// not exist.
func (w Who) may(o *Order) bool {
	return w.Account != "" && w.Account == o.Account || w.Admin && w.Organisation != "" && w.Organisation == o.Organisation
}

// Get reads an order, whoever asks.
func (s *Service) Get(ctx context.Context, id string) (*Order, error) {
	o, _, err := s.docs.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	return o, err
}

// Read reads an order for somebody who may see it.
func (s *Service) Read(ctx context.Context, by Who, id string) (*Order, error) {
	o, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !by.Staff && !by.may(o) {
		return nil, ErrUnknown
	}
	return o, nil
}

// List reads one's own orders, or those of one's organisation for its admin, the
// newest first.
func (s *Service) List(ctx context.Context, by Who, organisation bool, after store.Cursor, limit int) ([]*Order, store.Cursor, error) {
	q := store.Query{Index: "account", Prefix: store.KeyPrefix(by.Account), Desc: true, After: after, Limit: limit}
	if organisation && by.Admin && by.Organisation != "" {
		q.Index, q.Prefix = "organisation", store.KeyPrefix(by.Organisation)
	}
	return s.docs.Query(ctx, q)
}
