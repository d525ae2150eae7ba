package feed_test

import (
	"context"
	"testing"
	"time"

	"certlink/internal/feed"
	"certlink/store"
	"certlink/store/sqlite"
)

func TestOtherServersChangesArrive(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	db, err := sqlite.Open(ctx, t.TempDir(), []store.Collection{{Name: "things", Feed: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h := feed.NewHub(db)
	stopped := make(chan struct{})
	go func() { defer close(stopped); h.Run(ctx) }()
	sub, other := h.Subscribe("things", "a"), h.Subscribe("things", "b")
	defer other.Close()
	time.Sleep(2 * feed.Poll) // so that Run has its place in the feed
	if err := db.Create(ctx, "things", store.Doc{ID: "a", Body: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	select {
	case v := <-sub.C:
		if v != nil {
			t.Fatalf("a change of another server came with a value: %v", v)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the change never came")
	}
	select {
	case <-other.C:
		t.Fatal("somebody else was woken")
	default:
	}
	sub.Close()
	cancel()
	<-stopped
}

func TestASlowWaiterGetsTheNewest(t *testing.T) {
	h := feed.NewHub(nil)
	sub := h.Subscribe("things", "a")
	for i := range 100 {
		h.Tell("things", "a", i)
	}
	if v := <-sub.C; v != 99 {
		t.Fatalf("got %v", v)
	}
	sub.Close()
	h.Tell("things", "a", 100) // nobody waits: must not block
}
