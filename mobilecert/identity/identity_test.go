package identity

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/internal/seal"
	"certlink/store"
	"certlink/store/sqlite"
)

var ctx = context.Background()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// service says what the test wants.
type service struct {
	mu    sync.Mutex
	state State
	begin func() error
	ask   error
	n     int
}

func (s *service) Name() string { return "test" }

func (s *service) Begin(_ context.Context, check string, _ Person, _ string) (*Started, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begin != nil {
		if err := s.begin(); err != nil {
			return nil, err
		}
	}
	s.n++
	return &Started{"ref-" + check, "https://face.example/" + check}, nil
}

func (s *service) Ask(context.Context, string) (*Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Result{State: s.state}, s.ask
}

func (s *service) say(state State, ask error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.ask = state, ask
}

func (s *service) Notice(header func(string) string, body []byte) (string, error) {
	if header("Signature") != "good" {
		return "", ErrNotice
	}
	return string(body), nil
}

func app(id string) Subject { return Subject{"application", id} }

func good(string) string { return "good" }

type world struct {
	t     *testing.T
	store store.Store
	clock *clock.Manual
	face  *service
	*Service
}

func newWorld(t *testing.T) *world {
	db, err := sqlite.Open(ctx, t.TempDir(), Collections())
	check(t, err)
	t.Cleanup(func() { db.Close() })
	w := &world{t: t, store: db, face: &service{state: Pending},
		clock: clock.NewManual(time.Date(2026, 11, 25, 15, 59, 0, 0, time.UTC))} // 23:59 in Shanghai
	w.Service = w.server()
	return w
}

// server is another process on the same data.
func (w *world) server() *Service {
	ring, err := seal.Parse("k1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	check(w.t, err)
	return New(Config{Store: w.store, Clock: w.clock.Now, Seal: ring, Checker: w.face})
}

var (
	li   = Person{"李娜", "339900199506090037"}
	wang = Person{"王敏", "339900198504120023"}
)

func (w *world) left(p Person, want int) {
	w.t.Helper()
	n, err := w.Left(ctx, p)
	check(w.t, err)
	if n != want {
		w.t.Errorf("%d checks are left, not %d", n, want)
	}
}

func (w *world) begin(p Person) *Check {
	w.t.Helper()
	c, err := w.Begin(ctx, app("app"), "account", p, "https://ca.example/")
	check(w.t, err)
	return c
}

// What is forgotten of a subject leaves the checks of others, whatever they are called.
func TestForget(t *testing.T) {
	w := newWorld(t)
	of := map[Subject]*Check{}
	for _, subject := range []Subject{{"application", "a"}, {"renewal", "a"}, {"renewal", "ab"}} {
		c, err := w.Begin(ctx, subject, "account", li, "")
		check(t, err)
		of[subject] = c
	}
	check(t, w.Forget(ctx, Subject{"renewal", "a"}))
	for subject, c := range of {
		if _, err := w.Get(ctx, c.ID); errors.Is(err, ErrCheckUnknown) != (subject == Subject{"renewal", "a"}) {
			t.Errorf("%v: %v", subject, err)
		}
	}
}

// Twenty at once, on two servers, when one is left: one happens.
func TestTenADay(t *testing.T) {
	w := newWorld(t)
	for range PerDay - 1 {
		w.begin(li)
	}
	w.left(li, 1)
	servers := []*Service{w.Service, w.server()}
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	for i := range 20 {
		wg.Go(func() {
			_, err := servers[i%2].Begin(ctx, app(fmt.Sprint("app", i)), "account", li, "")
			mu.Lock()
			defer mu.Unlock()
			if f := fault.Of(err); f != nil {
				codes[f.Code]++
			} else {
				codes["ok"]++
			}
		})
	}
	if wg.Wait(); codes["ok"] != 1 || codes["face_checks_exhausted"] != 19 || w.face.n != PerDay {
		t.Fatalf("%v, and the service was asked for %d", codes, w.face.n)
	}
	// It goes by the person, whoever applies, and by the day of Shanghai.
	w.begin(wang)
	_, err := w.Begin(ctx, app("another"), "another", li, "")
	if f := fault.Of(err); !errors.Is(err, ErrTooMany) || f.Retry != time.Minute {
		t.Fatalf("%v", err)
	}
	w.clock.Advance(time.Minute)
	w.left(li, PerDay)
	w.begin(li)
	w.left(li, PerDay-1)
	// Refused ones leave nothing behind.
	docs, _, err := w.store.Query(ctx, checks.Name, store.Query{})
	check(t, err)
	if len(docs) != PerDay+2 {
		t.Errorf("%d checks", len(docs))
	}
	w.clock.Advance(96 * time.Hour)
	check(t, w.Sweep(ctx))
	if docs, _, _ = w.store.Query(ctx, days.Name, store.Query{}); len(docs) != 0 {
		t.Errorf("%d days are kept", len(docs))
	}
}

// What the service could not carry out does not count.
func TestServiceErrors(t *testing.T) {
	w := newWorld(t)
	w.face.begin = func() error { return errors.New("503") }
	for range PerDay + 5 {
		_, err := w.Begin(ctx, app("app"), "account", li, "")
		if !errors.Is(err, ErrServiceDown) {
			t.Fatalf("%v", err)
		}
	}
	w.left(li, PerDay)
	w.face.begin = nil
	c := w.begin(li)
	w.left(li, PerDay-1)
	w.face.say(Failed, nil)
	check(t, w.Notice(ctx, "test", good, []byte(c.Ref)))
	w.left(li, PerDay)
	// It began, and then fell silent for good.
	w.face.say("", errors.New("504"))
	c = w.begin(li)
	if err := w.Look(ctx, c.ID); !errors.Is(err, ErrServiceDown) {
		t.Errorf("%v", err)
	}
	for range 4 {
		w.clock.Advance(lifetime / 3)
		check(t, w.Sweep(ctx))
	}
	if c, _ = w.Get(ctx, c.ID); c.State != Failed {
		t.Errorf("%s", c.State)
	}
	w.left(li, PerDay)
}

// A server that dies while it asks the service has used nothing up.
func TestKilledWhileBeginning(t *testing.T) {
	w := newWorld(t)
	died := errors.New("killed")
	dying, stop := context.WithCancel(ctx)
	w.face.begin = func() error { stop(); return died }
	if _, err := w.Begin(dying, app("app"), "account", li, ""); err == nil {
		t.Fatal("it did not die")
	}
	w.left(li, PerDay-1)
	w.face.begin = nil
	w.clock.Advance(2 * startTime)
	check(t, w.Sweep(ctx))
	w.left(li, PerDay)
}

func TestOutcomes(t *testing.T) {
	w := newWorld(t)
	for _, want := range []State{Passed, Mismatched} {
		c := w.begin(li)
		if c.State != Pending || c.URL == "" {
			t.Fatalf("%+v", c)
		}
		w.face.say(Pending, nil)
		check(t, w.Notice(ctx, "test", good, []byte(c.Ref))) // says nothing yet
		w.face.say(want, nil)
		for range 3 { // repeated
			check(t, w.Notice(ctx, "test", good, []byte(c.Ref)))
		}
		w.face.say(Mismatched, nil) // and later contradicted
		check(t, w.Look(ctx, c.ID))
		c, err := w.Get(ctx, c.ID)
		check(t, err)
		if c.State != want || c.URL != "" || len(c.Pending) != 2 || c.Pending[0].Kind != EffectChecked || c.Pending[0].Data["outcome"] != string(want) {
			t.Errorf("%+v", c)
		}
		if told := c.Pending[0].Data; told["subject_kind"] != "application" || told["subject"] != "app" || c.Pending[1].Kind != effect.Audit || c.Pending[1].Data["application"] != "app" {
			t.Errorf("owes %+v", c.Pending)
		}
	}
	w.left(li, PerDay-2)
	// Whom nobody calls back is asked; who does not do it in time has used it up.
	w.face.say(Passed, nil)
	c := w.begin(li)
	w.clock.Advance(askAfter + time.Second)
	check(t, w.Sweep(ctx))
	if c, _ = w.Get(ctx, c.ID); c.State != Passed {
		t.Errorf("%s", c.State)
	}
	w.face.say(Pending, nil)
	c = w.begin(wang)
	day := w.clock.Now()
	w.clock.Advance(lifetime)
	check(t, w.Sweep(ctx))
	if c, _ = w.Get(ctx, c.ID); c.State != Expired {
		t.Errorf("%s", c.State)
	}
	if d, _, err := w.days.Get(ctx, dayID(dayOf(day), c.Person)); err != nil || len(d.Checks) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestNoticesRefused(t *testing.T) {
	w := newWorld(t)
	c := w.begin(li)
	w.face.say(Passed, nil)
	for _, err := range []error{
		w.Notice(ctx, "test", func(string) string { return "bad" }, []byte(c.Ref)),
		w.Notice(ctx, "another", good, []byte(c.Ref)),
	} {
		if !errors.Is(err, ErrNotice) {
			t.Errorf("%v", err)
		}
	}
	if err := w.Notice(ctx, "test", good, []byte("nothing")); !errors.Is(err, ErrCheckUnknown) {
		t.Errorf("%v", err)
	}
	if c, _ = w.Get(ctx, c.ID); c.State != Pending {
		t.Errorf("%s", c.State)
	}
	if err := c.move(Starting, w.clock.Now(), ""); !errors.Is(err, ErrCheckOver) {
		t.Errorf("%v", err)
	}
	none := New(Config{Store: w.store, Clock: w.clock.Now})
	if _, err := none.Begin(ctx, app("a"), "b", li, ""); !errors.Is(err, ErrNoService) {
		t.Errorf("%v", err)
	}
}
