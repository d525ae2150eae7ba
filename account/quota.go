package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/netip"
	"sync"
	"time"

	"certlink/store"
)

// quota counts the new devices of one hour over all servers: of the installation, and
// of each place that they come from. Registration is anonymous, so without the first a
// botnet with an address for every key could fill the store, and without the second
// one machine could use it up for everybody.
type quota struct {
	ID    string    `json:"id"` // the hour, and the place
	Taken int       `json:"taken"`
	Until time.Time `json:"until"`
}

func quotaRecord(s store.Store) store.Record[quota] {
	return store.Record[quota]{Store: s, Collection: quotas,
		ID:    func(q *quota) string { return q.ID },
		Index: func(q *quota) map[string]string { return map[string]string{"until": store.TimeKey(q.Until)} }}
}

// quotaBlocks are what this server has taken of the hour's quotas and not yet used.
// Servers take them in blocks, so that the count is not a write per phone.
type quotaBlocks struct {
	mu   sync.Mutex
	hour string
	of   map[string]*quotaBlock // by the quota's id
}

type quotaBlock struct {
	mu   sync.Mutex
	left int
	gone bool // the hour's quota is used up: no need to ask again
}

// placesMost bounds the places that are remembered in one hour; past that they are
// forgotten together, with what is left of their blocks.
const placesMost = 50_000

func (b *quotaBlocks) block(hour, id string) *quotaBlock {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hour != hour || len(b.of) >= placesMost {
		b.hour, b.of = hour, map[string]*quotaBlock{}
	}
	if b.of[id] == nil {
		b.of[id] = new(quotaBlock)
	}
	return b.of[id]
}

// place is where a device comes from: an IPv4 address, or an IPv6 network as large as
// one customer may have. A whole office shares one. "" is this machine, where a proxy
// may stand that was not declared.
func place(from netip.Addr) string {
	from = from.Unmap()
	switch {
	case !from.IsValid() || from.IsLoopback():
		return ""
	case from.Is4():
		return from.String()
	}
	p, _ := from.WithZone("").Prefix(48)
	return p.String()
}

// admitDevice lets one new device in, by the hour of its place, by this server's
// bucket, and by the installation's hour. Its place comes first: what that refuses
// takes nothing from the others.
func (s *Service) admitDevice(ctx context.Context, from netip.Addr) error {
	now := s.now()
	hour := now.UTC().Format("2006010215")
	if p := place(from); p != "" {
		h := hmac.New(sha256.New, s.attemptKey) // addresses are nobody's business
		h.Write([]byte("place " + p))
		id := hour + "-" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
		if err := s.takeOne(ctx, hour, id, s.limits.DevicesPerPlace, 20, now); err != nil {
			return err
		}
	}
	if !s.newDevices.AllowN(now, 1) {
		return ErrDevicesLimited.After(time.Second)
	}
	return s.takeOne(ctx, hour, hour, s.limits.DevicesPerHour, 100, now)
}

// takeOne takes one of a quota, fetching step at a time.
func (s *Service) takeOne(ctx context.Context, hour, id string, most, step int, now time.Time) error {
	q := s.quota.block(hour, id)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left == 0 && !q.gone {
		n, err := s.takeQuota(ctx, id, most, step, now)
		if err != nil {
			return err
		}
		q.left, q.gone = n, n == 0
	}
	if q.left == 0 {
		return ErrDevicesLimited.After(now.Truncate(time.Hour).Add(time.Hour).Sub(now))
	}
	q.left--
	return nil
}

// takeQuota takes up to step, 0 when the hour's are gone.
func (s *Service) takeQuota(ctx context.Context, id string, most, step int, now time.Time) (int, error) {
	for {
		n := 0
		_, err := s.quotas.Update(ctx, id, func(q *quota) error {
			if n = min(step, most-q.Taken); n <= 0 {
				n = 0
				return store.ErrUnchanged
			}
			q.Taken += n
			return nil
		})
		if !errors.Is(err, store.ErrNotFound) {
			return n, err
		}
		err = s.quotas.Create(ctx, &quota{ID: id, Until: now.Add(2 * time.Hour)})
		if err != nil && !errors.Is(err, store.ErrExists) {
			return 0, err
		}
	}
}
