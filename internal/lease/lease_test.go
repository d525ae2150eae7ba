package lease_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/internal/lease"
	"certlink/store/sqlite"
)

func TestOneHolderAndTakingOver(t *testing.T) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, t.TempDir(), lease.Collections())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := clock.NewManual(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	keepers := make([]*lease.Keeper, 20)
	for i := range keepers {
		keepers[i] = lease.NewKeeper(db, c.Now, 10*time.Second)
	}
	hold := func() (holders []int) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i, k := range keepers {
			if k == nil {
				continue
			}
			wg.Go(func() {
				ok, err := k.Hold(ctx, "sweep")
				if err != nil {
					t.Error(err)
				}
				if ok {
					mu.Lock()
					holders = append(holders, i)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return holders
	}
	first := hold()
	if len(first) != 1 {
		t.Fatalf("%d servers hold the lease", len(first))
	}
	for range 5 {
		c.Advance(4 * time.Second)
		if again := hold(); len(again) != 1 || again[0] != first[0] {
			t.Fatalf("the living holder %v lost it to %v", first, again)
		}
	}
	keepers[first[0]] = nil // killed
	// It prolonged the lease when half of it was over: five seconds are left at least.
	c.Advance(5*time.Second + lease.Skew - time.Second)
	if early := hold(); len(early) != 0 {
		t.Fatal("taken while the dead server's clock may still say that it holds")
	}
	c.Advance(6 * time.Second)
	second := hold()
	if len(second) != 1 {
		t.Fatalf("%d servers took over", len(second))
	}
	keepers[second[0]].Release(ctx, "sweep")
	keepers[second[0]] = nil
	if third := hold(); len(third) != 1 {
		t.Fatal("a released lease is not free at once")
	}
}

func TestEveryRunsAndGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	db, err := sqlite.Open(ctx, t.TempDir(), lease.Collections())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	k := lease.NewKeeper(db, clock.System, 10*time.Second)
	var runs atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Every(ctx, "work", time.Millisecond, func(context.Context) error {
			if runs.Add(1) == 3 {
				cancel()
			}
			return nil
		})
	}()
	<-done
	if ok, err := lease.NewKeeper(db, clock.System, time.Second).Hold(context.Background(), "work"); !ok || err != nil {
		t.Fatalf("the lease was not given up: %v %v", ok, err)
	}
}
