package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/feed"
	"certlink/internal/seal"
	"certlink/push"
	"certlink/push/gateway"
	"certlink/store"
	"certlink/store/sqlite"
)

// The jobs "reminders" and "push" measure what leaves the house: a scheduler that
// finds so many reminders due, or that many notices waiting already, and how fast they
// drain through a signed gateway on this machine, while a confirmation is asked for
// ten times a second. It runs in this process, over the embedded engine.
var drains = []string{"reminders", "push"}

const drainSecret = "0123456789abcdef"

// draining is one run.
type draining struct {
	n    int
	db   store.Store
	box  *push.Outbox
	told *push.Notices

	mu   sync.Mutex
	came map[string]int       // messages at the gateway
	at   map[string]time.Time // and when
}

// Phones says that each account has one phone, Contact that it has nothing else.
func (d *draining) Phones(_ context.Context, account string) ([]string, error) {
	return []string{"phone-" + account}, nil
}

func (d *draining) Contact(context.Context, string) (*push.Contact, error) {
	return &push.Contact{}, nil
}

// Due lists a page of certificates that end in a month, one for each account.
func (d *draining) Due(_ context.Context, _ time.Time, after store.Cursor) ([]push.Due, store.Cursor, error) {
	from, _ := strconv.Atoi(string(after))
	var list []push.Due
	for i := from; i < min(from+200, d.n); i++ {
		list = append(list, push.Due{Subject: fmt.Sprintf("certificate-%d", i), Mark: "30", Account: strconv.Itoa(i), Key: "certificate_expires"})
	}
	if from+200 >= d.n {
		return list, "", nil
	}
	return list, store.Cursor(strconv.Itoa(from + 200)), nil
}

// drain runs the job and prints its figures.
func (o *options) drain(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "certlink-drain-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(ctx, dir, push.Collections())
	if err != nil {
		return err
	}
	defer db.Close()
	d := &draining{n: o.flows, db: db, came: map[string]int{}, at: map[string]time.Time{}}
	srv := httptest.NewServer(http.HandlerFunc(d.receive))
	defer srv.Close()
	if err := d.wire(ctx, srv.URL); err != nil {
		return err
	}
	began := time.Now()
	if o.job == "push" {
		if err := d.backlog(ctx); err != nil {
			return err
		}
	}
	prepared := time.Since(began)
	began = time.Now()
	peak, waits, err := d.run(ctx, o.job == "reminders")
	if err != nil {
		return err
	}
	took := time.Since(began)
	d.mu.Lock()
	defer d.mu.Unlock()
	doubled := 0
	for _, n := range d.came {
		if n > 1 {
			doubled++
		}
	}
	slices.Sort(waits)
	fmt.Fprintf(out, "%s: %d messages in %.1f s, %.0f a second (the gate lets %.0f pass); %d of them twice\n",
		o.job, d.n, took.Seconds(), float64(d.n)/took.Seconds(), push.DefaultRate.PerSecond, doubled)
	if o.job == "push" {
		fmt.Fprintf(out, "the backlog was written in %.1f s\n", prepared.Seconds())
	}
	fmt.Fprintf(out, "confirmations meanwhile: %d, p50 %d ms, p99 %d ms, worst %d ms from asking to the gateway\n",
		len(waits), waits[len(waits)/2].Milliseconds(), waits[len(waits)*99/100].Milliseconds(), waits[len(waits)-1].Milliseconds())
	fmt.Fprintf(out, "heap: %d MB at most\n", peak>>20)
	return nil
}

func (d *draining) receive(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var id string
	if at := slices.Index(body, ':'); at > 0 { // {"id":"…": the gateway writes it first
		rest := body[at+2:]
		id = string(rest[:slices.Index(rest, '"')])
	}
	d.mu.Lock()
	d.came[id]++
	d.at[id] = time.Now()
	d.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (d *draining) wire(ctx context.Context, url string) error {
	ring, err := seal.Parse("k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		return err
	}
	g, err := gateway.New("hms", url, []byte(drainSecret), clock.System)
	if err != nil {
		return err
	}
	phones := push.NewPhones(d.db, clock.System, feed.NewHub(d.db), ring, "hms")
	d.box = push.NewOutbox(d.db, clock.System, map[string]push.Channel{push.PhoneChannelName: &push.Ladder{
		Phones: phones, Transports: map[string]push.Transport{"hms": g},
		Obsolete: func(context.Context, string) (bool, error) { return false, nil },
	}})
	d.told = &push.Notices{Outbox: d.box, Phones: phones, People: d}
	// Phones register their tokens before the clock starts.
	return d.each(ctx, func(i int) error {
		return phones.SetChannels(ctx, "phone-"+strconv.Itoa(i), []push.PhoneChannel{{Kind: "hms", Token: "token-" + strconv.Itoa(i), On: true}})
	})
}

// each does something for every account, so many at once that commits are shared.
func (d *draining) each(ctx context.Context, do func(i int) error) error {
	return shared(ctx, d.n, 64, do)
}

func (d *draining) backlog(ctx context.Context) error {
	return d.each(ctx, func(i int) error {
		e := effect.New(effect.Push, time.Now(), map[string]string{"key": "certificate_expires", "account": strconv.Itoa(i)})
		return d.told.Carry(ctx, e)
	})
}

// run schedules, relays and delivers as the server does, until all have come.
func (d *draining) run(ctx context.Context, schedule bool) (peak uint64, waits []time.Duration, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var g sync.WaitGroup
	failed := make(chan error, 16)
	every := func(interval time.Duration, work func(context.Context) error) {
		g.Go(func() {
			for tick := time.NewTicker(interval); ctx.Err() == nil; {
				bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
				if err := work(bounded); err != nil && ctx.Err() == nil && bounded.Err() == nil {
					failed <- err
				}
				cancel()
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
	}
	if schedule {
		reminders := push.NewReminders(d.db, clock.System, push.Hours{}, d)
		every(200*time.Millisecond, reminders.Run)
		every(300*time.Millisecond, push.NewRelay(d.db, push.Collections(), map[string]push.Handler{effect.Push: d.told.Carry}).Run)
	}
	for _, q := range d.box.Queues() {
		every(500*time.Millisecond, func(ctx context.Context) error { return d.box.Empty(ctx, q) })
	}
	asked := map[string]time.Time{}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		d.mu.Lock()
		done := len(d.came) - d.confirmed(asked)
		d.mu.Unlock()
		if done >= d.n {
			break
		}
		id := fmt.Sprintf("prompt-%d", i)
		asked[id] = time.Now()
		m := &push.Message{ID: id, Channel: push.PhoneChannelName, Lane: push.LaneNow, At: time.Now(), Device: "phone-0",
			Data: map[string]string{"key": push.KeyPrompt, "prompt": id}}
		if err := d.box.Put(ctx, m); err != nil {
			return 0, nil, err
		}
		var mem runtime.MemStats
		if runtime.ReadMemStats(&mem); mem.HeapAlloc > peak {
			peak = mem.HeapAlloc
		}
		select {
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		case err := <-failed:
			return 0, nil, err
		case <-tick.C:
		}
	}
	stop()
	g.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, from := range asked {
		if to, came := d.at[id]; came {
			waits = append(waits, to.Sub(from))
		}
	}
	return peak, waits, nil
}

// confirmed counts the confirmations that have come; the caller holds the lock.
func (d *draining) confirmed(asked map[string]time.Time) (n int) {
	for id := range asked {
		if d.came[id] > 0 {
			n++
		}
	}
	return n
}

func shared(ctx context.Context, n, width int, do func(i int) error) error {
	var g sync.WaitGroup
	next, failed := make(chan int), make(chan error, width)
	for range width {
		g.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	g.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return ctx.Err()
	}
}
