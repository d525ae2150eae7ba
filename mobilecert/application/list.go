package application

import (
	"context"
	"strings"

	"certlink/mobilecert"
	"certlink/store"
)

// List reads one's own applications, or those of one's organisation for its admin,
// newest first.
func (s *Service) List(ctx context.Context, by mobilecert.Who, organisation bool, after store.Cursor, limit int) ([]*Application, store.Cursor, error) {
	q := store.Query{Index: "account", Prefix: store.KeyPrefix(by.Account), Desc: true, After: after, Limit: limit}
	if organisation {
		if !by.Admin || by.Organisation == "" {
			return nil, "", mobilecert.ErrNotYourAccount
		}
		q.Index, q.Prefix = "organisation", store.KeyPrefix(by.Organisation)
	}
	return s.docs.Query(ctx, q)
}

// QueueQuery asks for a page of what reviewers see.
type QueueQuery struct {
	State   State // Review where ""
	Product string
	Waits   string // who is waited for
	Q       string
	After   store.Cursor
	Limit   int
}

// queueScan bounds what one call looks at: a search that finds little comes back
// with few, and a cursor to go on with.
const queueScan = 1000

// Queue reads one page of a state, those first that have waited longest.
func (s *Service) Queue(ctx context.Context, q QueueQuery) ([]*Application, store.Cursor, error) {
	if q.State == "" {
		q.State = Review
	}
	words := strings.ToLower(strings.TrimSpace(q.Q))
	out, at := []*Application{}, q.After
	for seen := 0; seen < queueScan; {
		page := q.Limit - len(out)
		seen += page
		list, next, err := s.docs.Query(ctx, store.Query{Index: "queue", Prefix: store.KeyPrefix(string(q.State)), After: at, Limit: page})
		if err != nil {
			return nil, "", err
		}
		for _, a := range list {
			if a.fits(&q, words) {
				out = append(out, a)
			}
		}
		if at = next; at == "" || len(out) >= q.Limit {
			break
		}
	}
	return out, at, nil
}

func (a *Application) fits(q *QueueQuery, words string) bool {
	if q.Product != "" && a.Product != q.Product || q.Waits != "" && a.WaitsFor() != q.Waits {
		return false
	}
	for _, s := range []string{a.Number, a.Holder, a.Organisation, a.Account.Name} {
		if strings.Contains(strings.ToLower(s), words) {
			return true
		}
	}
	return false
}

// Counts is how many wait in each state, up to a bound.
func (s *Service) Counts(ctx context.Context) (map[State]int, error) {
	out := map[State]int{}
	for _, st := range []State{Review, Making} {
		list, _, err := s.cfg.Store.Query(ctx, collection.Name, store.Query{Index: "queue", Prefix: store.KeyPrefix(string(st)), Limit: 100})
		if err != nil {
			return nil, err
		}
		out[st] = len(list)
	}
	return out, nil
}
