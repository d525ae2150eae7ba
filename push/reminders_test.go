package push_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/push"
	"certlink/store"
	"certlink/store/sqlite"
)

// calendar is a source: n certificates, so many to an account, in pages.
type calendar struct {
	n, each int
	key     string
	left    func(now time.Time) time.Duration
	cut     int // asks after which it fails once
	asks    int
}

func (c *calendar) Due(_ context.Context, now time.Time, after store.Cursor) ([]push.Due, store.Cursor, error) {
	if c.asks++; c.cut > 0 && c.asks == c.cut {
		return nil, "", store.ErrUnavailable
	}
	from, _ := strconv.Atoi(string(after))
	var list []push.Due
	for i := from; i < min(from+200, c.n); i++ {
		if mark := push.MarkOf(c.left(now)); mark != "" {
			list = append(list, push.Due{Subject: fmt.Sprint(c.key, i), Mark: mark, Account: fmt.Sprint("acc", i/c.each), Key: c.key})
		}
	}
	if from+200 >= c.n {
		return list, "", nil
	}
	return list, store.Cursor(strconv.Itoa(from + 200)), nil
}

type reminding struct {
	t      *testing.T
	clock  *clock.Manual
	db     store.Store
	told   map[string][]string // account → keys and days
	ids    map[string]int
	schema []store.Collection
}

func newReminding(t *testing.T) *reminding {
	// 10:00 in Shanghai.
	w := &reminding{t: t, clock: clock.NewManual(time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)), told: map[string][]string{}, ids: map[string]int{}, schema: push.Collections()}
	db, err := sqlite.Open(ctx, t.TempDir(), w.schema)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	w.db = db
	return w
}

func (w *reminding) reminders(sources ...push.Source) *push.Reminders {
	return push.NewReminders(w.db, w.clock.Now, push.Hours{From: 21, To: 8}, sources...)
}

func (w *reminding) relay() {
	w.t.Helper()
	var mu sync.Mutex
	must(w.t, push.NewRelay(w.db, w.schema, map[string]push.Handler{effect.Push: func(_ context.Context, e effect.Effect) error {
		mu.Lock()
		defer mu.Unlock()
		w.ids[e.ID]++
		if w.ids[e.ID] == 1 {
			a := e.Data["account"]
			w.told[a] = append(w.told[a], e.Data["key"]+" "+w.clock.Now().Format("0102"))
		}
		return nil
	}}).Run(ctx))
}

func expiring(w *reminding, in time.Duration) func(time.Time) time.Duration {
	end := w.clock.Now().Add(in)
	return func(now time.Time) time.Duration { return end.Sub(now) }
}

const aDay = 24 * time.Hour

func TestEachReminderOnceThroughTheYear(t *testing.T) {
	w := newReminding(t)
	source := &calendar{n: 3, each: 1, key: "certificate_expires", left: expiring(w, 95*aDay)}
	for range 97 * 4 { // every six hours
		must(t, w.reminders(source).Run(ctx)) // a server that remembers nothing
		w.relay()
		w.clock.Advance(6 * time.Hour)
	}
	for i := range 3 {
		if got := w.told[fmt.Sprint("acc", i)]; len(got) != 4 {
			t.Fatalf("account %d was told %v", i, got)
		}
	}
}

func TestOneMessageADay(t *testing.T) {
	w := newReminding(t)
	expires := &calendar{n: 3, each: 3, key: "certificate_expires", left: expiring(w, 7*aDay)}
	unextended := &calendar{n: 1, each: 3, key: "renewal_unextended", left: expiring(w, 7*aDay)}
	r := w.reminders(unextended, expires)
	for range 3 {
		must(t, r.Run(ctx))
		w.relay()
		w.clock.Advance(2 * time.Hour)
	}
	if got := w.told["acc0"]; len(got) != 1 || got[0] != "renewal_unextended 1123" {
		t.Fatalf("the first day: %v", got)
	}
	w.clock.Advance(20 * time.Hour)
	must(t, r.Run(ctx))
	w.relay()
	// The three certificates are one message, the next day.
	if got := w.told["acc0"]; len(got) != 2 || got[1] != "certificate_expires 1124" {
		t.Fatalf("the second day: %v", got)
	}
}

func TestPeopleSleep(t *testing.T) {
	w := newReminding(t)
	r := w.reminders(&calendar{n: 1, each: 1, key: "certificate_expires", left: expiring(w, 7*aDay)})
	w.clock.Advance(12 * time.Hour) // 22:00
	must(t, r.Run(ctx))
	w.relay()
	if len(w.told) != 0 {
		t.Fatal("told at night")
	}
	w.clock.Advance(10*time.Hour + time.Minute) // 08:01
	must(t, r.Run(ctx))
	w.relay()
	if len(w.told) != 1 {
		t.Fatal("not told in the morning")
	}
}

// Thousands are due at once (cmd/bench does ten thousand); rounds are cut off, another server takes over, and
// each is told once, while the memory stays what it was.
func TestThousandsOfReminders(t *testing.T) {
	w := newReminding(t)
	const n = 3000
	source := &calendar{n: n, each: 1, key: "certificate_expires", left: expiring(w, 30*aDay), cut: 8}
	first := w.reminders(source)
	if err := first.Run(ctx); err == nil {
		t.Fatal("the round was not cut off")
	}
	w.relay()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	second := w.reminders(source)
	must(t, second.Run(ctx))
	runtime.GC()
	runtime.ReadMemStats(&after)
	must(t, first.Run(ctx)) // the first comes back and goes on where it was
	w.relay()
	if len(w.told) != n {
		t.Fatalf("%d of %d were told", len(w.told), n)
	}
	for id, times := range w.ids {
		if times != 1 {
			t.Fatalf("%s was carried out %d times", id, times)
		}
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
}

func TestMarks(t *testing.T) {
	for left, want := range map[time.Duration]string{91 * aDay: "", 90 * aDay: "90", 31 * aDay: "90", 30 * aDay: "30", 8 * aDay: "30", 7 * aDay: "7", 2 * aDay: "7", aDay: "1", time.Hour: "1", 0: "", -aDay: ""} {
		if got := push.MarkOf(left); got != want {
			t.Errorf("%s: %q, want %q", left, got, want)
		}
	}
}
