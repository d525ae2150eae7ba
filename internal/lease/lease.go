// Package lease makes background work run on one server at a time, and go on
// on another one when that server dies.
package lease

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"certlink/internal/clock"
	"certlink/internal/id"
	"certlink/store"
)

// Lease is the stored form: who may work until when.
type Lease struct {
	Name   string    `json:"name"`
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"`
}

// Collections declares what the package stores.
func Collections() []store.Collection { return []store.Collection{{Name: "leases"}} }

// Skew is how far the clocks of two servers may be apart: a lease of another
// server is only taken when it has been over for this long.
const Skew = 3 * time.Second

// Keeper takes leases for one server.
type Keeper struct {
	leases store.Record[Lease]
	clock  clock.Clock
	me     string
	term   time.Duration
}

// NewKeeper makes a keeper with a name of its own. term is how long a killed
// server's work waits, at most, besides Skew.
func NewKeeper(s store.Store, c clock.Clock, term time.Duration) *Keeper {
	return &Keeper{
		leases: store.Record[Lease]{Store: s, Collection: "leases", ID: func(l *Lease) string { return l.Name }},
		clock:  c, me: id.New(), term: term,
	}
}

// Hold tries to take or prolong the lease. Work done under it must be harmless
// if done twice all the same: a server that was stopped in the middle does not
// know that its lease has run out.
func (k *Keeper) Hold(ctx context.Context, name string) (bool, error) {
	now := k.clock()
	l, rev, err := k.leases.Get(ctx, name)
	fresh := &Lease{Name: name, Holder: k.me, Until: now.Add(k.term)}
	if errors.Is(err, store.ErrNotFound) {
		err = k.leases.Create(ctx, fresh)
		if errors.Is(err, store.ErrExists) {
			return false, nil
		}
		return err == nil, err
	}
	if err != nil {
		return false, err
	}
	if l.Holder != k.me && now.Before(l.Until.Add(Skew)) {
		return false, nil
	}
	if l.Holder == k.me && l.Until.Sub(now) > k.term/2 {
		return true, nil // held long enough; no write
	}
	err = k.leases.Replace(ctx, fresh, rev)
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// Release gives the lease up, so that another server need not wait for its end.
func (k *Keeper) Release(ctx context.Context, name string) {
	_, _ = k.leases.Update(ctx, name, func(l *Lease) error {
		if l.Holder != k.me {
			return store.ErrUnchanged
		}
		l.Until = k.clock().Add(-Skew)
		return nil
	})
}

// Every runs work about every interval on the one server that holds the lease,
// until ctx ends; then it gives the lease up.
func (k *Keeper) Every(ctx context.Context, name string, interval time.Duration, work func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		k.Release(end, name)
	}()
	failing := false
	for {
		mine, err := k.Hold(ctx, name)
		if err == nil && mine {
			bounded, cancel := context.WithTimeout(ctx, k.term)
			err = work(bounded)
			cancel()
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			slog.Warn("background work failed; it will be tried again", "work", name, "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
