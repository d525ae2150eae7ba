package push_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certlink/internal/audit"
	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/push"
	"certlink/store"
	"certlink/store/sqlite"
)

var ctx = context.Background()

// thing is a document that owes effects.
type thing struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	effect.Owing
}

type house struct {
	db     store.Store
	schema []store.Collection
	things store.Record[thing]
	clock  *clock.Manual
	log    *audit.Log
}

func newHouse(t *testing.T) *house {
	h := &house{clock: clock.NewManual(time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC))}
	h.schema = append(push.Collections(), audit.Collections()...)
	h.schema = append(h.schema, store.Collection{Name: "things", Indexes: []store.Index{{Name: effect.Index}}})
	db, err := sqlite.Open(ctx, t.TempDir(), h.schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h.db, h.log = db, audit.New(db)
	h.things = store.Record[thing]{Store: db, Collection: "things", ID: func(v *thing) string { return v.ID },
		Index: func(v *thing) map[string]string {
			if len(v.Pending) == 0 {
				return nil
			}
			return map[string]string{effect.Index: store.TimeKey(v.Pending[0].At)}
		}}
	return h
}

func (h *house) owe(t *testing.T, id string, kinds ...string) {
	t.Helper()
	v := &thing{ID: id, Name: "<名>"}
	for _, k := range kinds {
		v.Owe(effect.New(k, h.clock.Now(), map[string]string{"act": "thing.made", "organisation": "org1", "id": id}))
	}
	if err := h.things.Create(ctx, v); err != nil {
		t.Fatal(err)
	}
}

func TestEffectsAreCarriedOutOnceAndStruck(t *testing.T) {
	h := newHouse(t)
	for i := range 300 {
		h.owe(t, "t"+strconv.Itoa(i), effect.Audit)
	}
	r := push.NewRelay(h.db, h.schema, map[string]push.Handler{effect.Audit: h.log.Carry})
	for range 2 {
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	var at store.Cursor
	for {
		list, next, err := h.log.List(ctx, "org1", at, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			seen[e.Data["id"]]++
		}
		if next == "" {
			break
		}
		at = next
	}
	if len(seen) != 300 {
		t.Fatalf("%d of 300 acts are in the log", len(seen))
	}
	v, _, err := h.things.Get(ctx, "t7")
	if err != nil || len(v.Pending) != 0 || v.Name != "<名>" {
		t.Fatalf("%+v, %v", v, err)
	}
}

func TestACrashBetweenActAndStrikeRepeatsHarmlessly(t *testing.T) {
	h := newHouse(t)
	h.owe(t, "t", effect.Audit)
	crash := errors.New("crash")
	first := true
	r := push.NewRelay(h.db, h.schema, map[string]push.Handler{effect.Audit: func(ctx context.Context, e effect.Effect) error {
		if err := h.log.Carry(ctx, e); err != nil {
			return err
		}
		if first {
			first = false
			return crash // done, but not struck
		}
		return nil
	}})
	if err := r.Run(ctx); !errors.Is(err, crash) {
		t.Fatal(err)
	}
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	list, _, err := h.log.List(ctx, "", "", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
}

func TestAChangeDuringTheRelayIsNotLost(t *testing.T) {
	h := newHouse(t)
	h.owe(t, "t", effect.Audit)
	r := push.NewRelay(h.db, h.schema, map[string]push.Handler{effect.Audit: func(ctx context.Context, e effect.Effect) error {
		_, err := h.things.Update(ctx, "t", func(v *thing) error {
			if v.Name == "changed" {
				return store.ErrUnchanged
			}
			v.Name = "changed"
			v.Owe(effect.New(effect.Audit, h.clock.Now(), map[string]string{"act": "thing.changed"}))
			return nil
		})
		if err != nil {
			return err
		}
		return h.log.Carry(ctx, e)
	}})
	for range 3 {
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
	v, _, err := h.things.Get(ctx, "t")
	if err != nil || v.Name != "changed" || len(v.Pending) != 0 {
		t.Fatalf("%+v, %v", v, err)
	}
	list, _, _ := h.log.List(ctx, "", "", 10)
	if len(list) != 2 {
		t.Fatalf("%d entries of 2", len(list))
	}
}

func TestWebhookIsSignedRetriedAndDeliveredOnce(t *testing.T) {
	h := newHouse(t)
	secret := []byte("0123456789abcdef")
	var down atomic.Bool
	var mu sync.Mutex
	got := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(503)
			return
		}
		body, _ := io.ReadAll(r.Body)
		unix, mac, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Certlink-Signature"), "t="), ",v1=")
		if hex.EncodeToString(push.Sign(secret, unix, body)) != mac {
			w.WriteHeader(400)
			return
		}
		var e struct{ ID, Type string }
		json.Unmarshal(body, &e)
		mu.Lock()
		got[e.ID+" "+e.Type]++
		mu.Unlock()
	}))
	defer srv.Close()
	hook, err := push.NewWebhook(srv.URL, secret, h.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	box := push.NewOutbox(h.db, h.clock.Now, map[string]push.Channel{effect.Webhook: hook})
	r := push.NewRelay(h.db, h.schema, map[string]push.Handler{effect.Audit: h.log.Carry, effect.Webhook: box.Carry(effect.Webhook)})
	h.owe(t, "a", effect.Audit, effect.Webhook)
	h.owe(t, "b", effect.Webhook)
	down.Store(true)
	for range 3 {
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if err := box.Deliver(ctx); err != nil {
			t.Fatal(err)
		}
	}
	down.Store(false)
	h.clock.Advance(6 * time.Second)
	if err := box.Deliver(ctx); err != nil {
		t.Fatal(err)
	}
	if len(got) != 0 {
		t.Fatal("the receiver said seven seconds, and was not heard")
	}
	h.clock.Advance(4 * time.Second) // and a fifth more, so that not all come back at once
	for range 2 {
		if err := box.Deliver(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 2 {
		t.Fatalf("%d of 2 events arrived: %v", len(got), got)
	}
	for e, n := range got {
		if n != 1 || !strings.HasSuffix(e, " thing.made") {
			t.Fatalf("%s came %d times", e, n)
		}
	}
}

func TestGivenUpIsKeptForTheOperator(t *testing.T) {
	h := newHouse(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(410) }))
	defer srv.Close()
	hook, err := push.NewWebhook(srv.URL, []byte("0123456789abcdef"), h.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	box := push.NewOutbox(h.db, h.clock.Now, map[string]push.Channel{effect.Webhook: hook})
	if err := box.Carry(effect.Webhook)(ctx, effect.New(effect.Webhook, h.clock.Now(), nil)); err != nil {
		t.Fatal(err)
	}
	if err := box.Deliver(ctx); err != nil {
		t.Fatal(err)
	}
	dead, _, err := box.DeadLetters(ctx, "", 10)
	if err != nil || len(dead) != 1 || !strings.Contains(dead[0].Error, "410") {
		t.Fatalf("%+v, %v", dead, err)
	}
}

// What is refused for good lies among the dead letters; an operator has it done again.
func TestWorkGivenUpIsDoneAgain(t *testing.T) {
	h := newHouse(t)
	refusal := fault.Of(push.ErrChannel)
	var got []effect.Effect
	work := func(_ context.Context, e effect.Effect) error {
		if refusal != nil {
			return refusal
		}
		got = append(got, e)
		return nil
	}
	handlers := map[string]push.Handler{"order.refund": work, effect.Audit: h.log.Carry}
	box := push.NewOutbox(h.db, h.clock.Now, map[string]push.Channel{push.WorkChannel: &push.Work{Handlers: handlers}})
	r := push.NewRelay(h.db, h.schema, handlers)
	r.GivenUp = box.TakeOver
	h.owe(t, "t", "order.refund", effect.Audit)
	owed, _, err := h.things.Get(ctx, "t")
	must(t, err)
	for range 2 {
		must(t, r.Run(ctx))
		must(t, box.Deliver(ctx))
	}
	if v, _, _ := h.things.Get(ctx, "t"); len(v.Pending) != 0 {
		t.Fatalf("what was refused stands in the way: %+v", v.Pending)
	}
	again := func(want int) string {
		t.Helper()
		dead, _, err := box.DeadLetters(ctx, "", 10)
		must(t, err)
		if len(dead) != want || want > 0 && (dead[0].Error != push.ErrChannel.Code || dead[0].Work.Kind != "order.refund") {
			t.Fatalf("dead letters: %+v", dead)
		}
		if want == 0 {
			return ""
		}
		return dead[0].ID
	}
	id := again(1)
	_, err = box.Resend(ctx, id)
	must(t, err)
	must(t, box.Deliver(ctx))
	again(1) // refused again
	refusal = nil
	_, err = box.Resend(ctx, id)
	must(t, err)
	for range 2 {
		must(t, box.Deliver(ctx))
	}
	again(0)
	if len(got) != 1 || got[0].ID != owed.Pending[0].ID || got[0].Data["id"] != "t" || !got[0].At.Equal(owed.Pending[0].At) {
		t.Fatalf("done: %+v", got)
	}
}

// One document whose effect fails keeps nothing from the others, and what is refused
// only for now stays owed.
func TestAFailureStaysWhereItIs(t *testing.T) {
	h := newHouse(t)
	busy := true
	handlers := map[string]push.Handler{effect.Audit: h.log.Carry, "prompt": func(context.Context, effect.Effect) error {
		if busy {
			return push.ErrPromptsMany
		}
		return nil
	}}
	r := push.NewRelay(h.db, h.schema, handlers)
	r.GivenUp = func(_ context.Context, e effect.Effect, err error) error {
		t.Errorf("given up: %+v, %v", e, err)
		return nil
	}
	h.owe(t, "a", effect.Audit, "prompt", effect.Audit)
	for i := range 200 {
		h.owe(t, "b"+strconv.Itoa(i), effect.Audit)
	}
	if err := r.Run(ctx); !errors.Is(err, push.ErrPromptsMany) {
		t.Fatal(err)
	}
	list, _, err := h.log.List(ctx, "", "", 1000)
	must(t, err)
	if a, _, _ := h.things.Get(ctx, "a"); len(list) != 201 || len(a.Pending) != 2 {
		t.Fatalf("%d of 201 carried out, %d of 2 left", len(list), len(a.Pending))
	}
	busy = false
	must(t, r.Run(ctx))
	if a, _, _ := h.things.Get(ctx, "a"); len(a.Pending) != 0 {
		t.Fatalf("still owed: %+v", a.Pending)
	}
}

func TestNobodyListensNothingIsOwed(t *testing.T) {
	h := newHouse(t)
	box := push.NewOutbox(h.db, h.clock.Now, nil)
	r := push.NewRelay(h.db, h.schema, map[string]push.Handler{effect.Webhook: box.Carry(effect.Webhook)})
	h.owe(t, "a", effect.Webhook)
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if v, _, _ := h.things.Get(ctx, "a"); len(v.Pending) != 0 {
		t.Fatal("still owed")
	}
}
