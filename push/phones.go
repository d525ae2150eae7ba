package push

import (
	"context"
	"errors"
	"time"

	"certlink/internal/clock"
	"certlink/internal/feed"
	"certlink/store"
)

// phoneBox is what push keeps of a phone: how often it was rung. The phone's open
// stream watches it, on whichever server that is.
type phoneBox struct {
	ID     string    `json:"id"`
	Seq    int64     `json:"seq"`
	RungAt time.Time `json:"rung_at"`
}

const phoneCollection = "push_phones"

// Phones reaches the phones that hold a stream open.
type Phones struct {
	boxes store.Record[phoneBox]
	hub   *feed.Hub
	clock clock.Clock
}

// NewPhones makes the service.
func NewPhones(s store.Store, c clock.Clock, hub *feed.Hub) *Phones {
	return &Phones{hub: hub, clock: c, boxes: store.Record[phoneBox]{Store: s, Collection: phoneCollection,
		ID: func(b *phoneBox) string { return b.ID }}}
}

// Ring tells a phone to look into its inbox, if it listens. Ringing twice is
// harmless, and a phone that does not listen asks when it is looked at.
func (v *Phones) Ring(ctx context.Context, device string) error {
	now := v.clock()
	b, err := v.boxes.Update(ctx, device, func(b *phoneBox) error {
		b.Seq++
		b.RungAt = now
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		b = &phoneBox{ID: device, Seq: 1, RungAt: now}
		if err = v.boxes.Create(ctx, b); errors.Is(err, store.ErrExists) {
			return v.Ring(ctx, device)
		}
	}
	if err == nil {
		v.hub.Tell(phoneCollection, device, nil)
	}
	return err
}

// Rung is how often a phone was rung; 0 for one that never was.
func (v *Phones) Rung(ctx context.Context, device string) (int64, error) {
	b, _, err := v.boxes.Get(ctx, device)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return b.Seq, nil
}

// Watch subscribes to a phone's ringing.
func (v *Phones) Watch(device string) *feed.Sub { return v.hub.Subscribe(phoneCollection, device) }
