package account

import (
	"context"
	"errors"
	"sync"
	"time"

	"certlink/store"
)

// quota counts the new devices of one hour over all servers. Registration is
// anonymous, so without it a botnet with an address for every key could fill
// the store.
type quota struct {
	ID    string    `json:"id"` // the hour
	Taken int       `json:"taken"`
	Until time.Time `json:"until"`
}

func quotaRecord(s store.Store) store.Record[quota] {
	return store.Record[quota]{Store: s, Collection: quotas,
		ID:    func(q *quota) string { return q.ID },
		Index: func(q *quota) map[string]string { return map[string]string{"until": store.TimeKey(q.Until)} }}
}

// quotaBlock is what this server has taken of the hour's quota and not yet used.
// Servers take it in blocks, so that the count is not a write per phone.
type quotaBlock struct {
	mu   sync.Mutex
	hour string
	left int
	gone bool // the hour's quota is used up: no need to ask again
}

const quotaStep = 100

// admitDevice lets one new device in, by this server's bucket and by the
// installation's hour.
func (s *Service) admitDevice(ctx context.Context) error {
	if !s.newDevices.AllowN(s.now(), 1) {
		return ErrDevicesLimited.After(time.Second)
	}
	now := s.now()
	hour := now.UTC().Format("2006010215")
	q := &s.quota
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.hour != hour || q.left == 0 && !q.gone {
		n, err := s.takeQuota(ctx, hour, now)
		if err != nil {
			return err
		}
		q.hour, q.left, q.gone = hour, n, n == 0
	}
	if q.left == 0 {
		return ErrDevicesLimited.After(now.Truncate(time.Hour).Add(time.Hour).Sub(now))
	}
	q.left--
	return nil
}

// takeQuota takes up to quotaStep, 0 when the hour's are gone.
func (s *Service) takeQuota(ctx context.Context, hour string, now time.Time) (int, error) {
	for {
		n := 0
		_, err := s.quotas.Update(ctx, hour, func(q *quota) error {
			if n = min(quotaStep, s.limits.DevicesPerHour-q.Taken); n <= 0 {
				n = 0
				return store.ErrUnchanged
			}
			q.Taken += n
			return nil
		})
		if !errors.Is(err, store.ErrNotFound) {
			return n, err
		}
		err = s.quotas.Create(ctx, &quota{ID: hour, Until: now.Add(2 * time.Hour)})
		if err != nil && !errors.Is(err, store.ErrExists) {
			return 0, err
		}
	}
}
