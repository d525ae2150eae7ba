package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certlink/store"
)

// races checks that of many callers, on one server or on several, one wins.
func races(t *testing.T, open func(*testing.T, []store.Collection) []store.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, []store.Store)
	}{
		{"CreateSameID", raceCreate},
		{"CreateSameValue", raceValue},
		{"ReplaceToSameValue", raceTake},
		{"CompareAndSwap", raceSwap},
		{"ReplaceOrDelete", raceDelete},
		{"Counter", raceCounter},
		{"ReadsNeverGoBack", raceReads},
		{"ValueIsPassedOn", racePass},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t, schema)) })
	}
}

// together runs f n times at once, on the servers in turn, and returns the
// errors.
func together(servers []store.Store, n int, f func(s store.Store, i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(servers[i%len(servers)], i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// oneWon: exactly one error is nil, and the others are as told.
func oneWon(t *testing.T, errs []error, lost func(error) bool) (winner int) {
	t.Helper()
	winner = -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("both %d and %d have won", winner, i)
		case err == nil:
			winner = i
		case !lost(err):
			t.Fatalf("%d: %v", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("nobody has won")
	}
	return winner
}

func is(want ...error) func(error) bool {
	return func(err error) bool {
		for _, w := range want {
			if errors.Is(err, w) {
				return true
			}
		}
		return false
	}
}

func raceCreate(t *testing.T, servers []store.Store) {
	for round := range 5 {
		id := fmt.Sprint("same", round)
		winner := oneWon(t, together(servers, 50, func(s store.Store, i int) error {
			return s.Create(ctx(t), "things", thing(id, fmt.Sprint(i), values{"owner": fmt.Sprint(i)}))
		}), is(store.ErrExists))
		want(t, servers[0], "things", id, 1, fmt.Sprint(winner), values{"owner": fmt.Sprint(winner)})
	}
}

func raceValue(t *testing.T, servers []store.Store) {
	for round := range 5 {
		v := fmt.Sprint("same", round)
		winner := oneWon(t, together(servers, 50, func(s store.Store, i int) error {
			return s.Create(ctx(t), "things", thing(fmt.Sprintf("%d-%d", round, i), `{}`, values{"slot": v}))
		}), func(err error) bool { return store.IsDuplicate(err, "slot") })
		check(t, "the holder", found(t, servers[0], "things", store.Equal("slot", v)), []string{fmt.Sprintf("%d-%d", round, winner)})
	}
}

func raceTake(t *testing.T, servers []store.Store) {
	const n = 20
	for i := range n {
		create(t, servers[0], "things", thing(fmt.Sprint("t", i), `{}`, nil))
	}
	for round := range 5 {
		winner := oneWon(t, together(servers, n, func(s store.Store, i int) error {
			d, err := s.Get(ctx(t), "things", fmt.Sprint("t", i))
			if err != nil {
				return err
			}
			d.Index = values{"slot": "wanted"}
			return s.Replace(ctx(t), "things", d)
		}), func(err error) bool { return store.IsDuplicate(err, "slot") })
		id := fmt.Sprint("t", winner)
		check(t, fmt.Sprint("round ", round), found(t, servers[0], "things", store.Equal("slot", "wanted")), []string{id})
		d := get(t, servers[0], "things", id)
		d.Index = nil
		if err := servers[0].Replace(ctx(t), "things", d); err != nil {
			t.Fatal(err)
		}
	}
}

func raceSwap(t *testing.T, servers []store.Store) {
	create(t, servers[0], "things", thing("a", `{}`, nil))
	for rev := int64(1); rev <= 400; rev++ {
		winner := oneWon(t, together(servers, 4, func(s store.Store, i int) error {
			return s.Replace(ctx(t), "things", store.Doc{ID: "a", Rev: rev, Body: fmt.Append(nil, i), Index: values{"owner": fmt.Sprint(i)}})
		}), is(store.ErrConflict))
		want(t, servers[rev%int64(len(servers))], "things", "a", rev+1, fmt.Sprint(winner), values{"owner": fmt.Sprint(winner)})
	}
}

func raceDelete(t *testing.T, servers []store.Store) {
	for range 50 {
		create(t, servers[0], "things", thing("a", `{}`, nil))
		winner := oneWon(t, together(servers, 4, func(s store.Store, i int) error {
			if i < 2 {
				return s.Delete(ctx(t), "things", "a", 1)
			}
			return s.Replace(ctx(t), "things", store.Doc{ID: "a", Rev: 1, Body: []byte(`{}`)})
		}), is(store.ErrConflict, store.ErrNotFound))
		err := servers[0].Delete(ctx(t), "things", "a", 2)
		if winner < 2 {
			wantErr(t, err, store.ErrNotFound)
		} else {
			wantErr(t, err, nil)
		}
	}
}

type counter struct {
	ID string `json:"id"`
	N  int    `json:"n"`
}

func raceCounter(t *testing.T, servers []store.Store) {
	record := func(s store.Store) store.Record[counter] {
		return store.Record[counter]{Store: s, Collection: "things", ID: func(c *counter) string { return c.ID }}
	}
	if err := record(servers[0]).Create(ctx(t), &counter{ID: "c"}); err != nil {
		t.Fatal(err)
	}
	const callers, each = 12, 20
	for i, err := range together(servers, callers, func(s store.Store, _ int) error {
		for range each {
			if _, err := record(s).Update(ctx(t), "c", func(c *counter) error { c.N++; return nil }); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Fatalf("caller %d: %v", i, err)
		}
	}
	var c counter
	d := get(t, servers[0], "things", "c")
	if err := json.Unmarshal(d.Body, &c); err != nil || c.N != callers*each || d.Rev != callers*each+1 {
		t.Fatalf("counted %d at revision %d, want %d; %v", c.N, d.Rev, callers*each, err)
	}
}

// raceReads: once a revision was answered to anybody, by a write or a read, no
// read that begins later gives an older one; nor does a query.
func raceReads(t *testing.T, servers []store.Store) {
	const docs, writes = 3, 120
	var seen [docs]atomic.Int64
	saw := func(i int, rev int64) {
		for old := seen[i].Load(); old < rev && !seen[i].CompareAndSwap(old, rev); old = seen[i].Load() {
		}
	}
	name := func(i int) string { return fmt.Sprint("d", i) }
	for i := range docs {
		create(t, servers[0], "things", thing(name(i), `1`, nil))
		saw(i, 1)
	}
	var done atomic.Bool
	var readers sync.WaitGroup
	for r := range 6 {
		readers.Go(func() {
			s := servers[r%len(servers)]
			for !done.Load() && !t.Failed() {
				i := rand.IntN(docs)
				floor := seen[i].Load()
				var d store.Doc
				var err error
				if r == 0 {
					var page []store.Doc
					page, _, err = s.Query(ctx(t), "things", store.Query{From: name(i), Limit: 1})
					if len(page) == 1 {
						d = page[0]
					}
				} else {
					d, err = s.Get(ctx(t), "things", name(i))
				}
				if err != nil || d.Rev < floor || string(d.Body) != fmt.Sprint(d.Rev) {
					t.Errorf("%s: read revision %d with body %s after revision %d was answered; %v", name(i), d.Rev, d.Body, floor, err)
				}
				saw(i, d.Rev)
			}
		})
	}
	errs := together(servers, docs, func(s store.Store, i int) error {
		for rev := int64(1); rev <= writes && !t.Failed(); rev++ {
			if err := s.Replace(ctx(t), "things", store.Doc{ID: name(i), Rev: rev, Body: fmt.Append(nil, rev+1)}); err != nil {
				return err
			}
			saw(i, rev+1)
		}
		return nil
	})
	done.Store(true)
	readers.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// racePass: documents pass a unique value on, one step after the other. A query for it
// finds its holder of a moment while the query ran, or nobody if then it was free.
func racePass(t *testing.T, servers []store.Store) {
	const docs, steps = 3, 150
	// An odd step gives a document the value, the next one takes it away.
	doc := func(step int64) int64 { return (step - 1) / 2 % docs }
	name := func(step int64) string { return fmt.Sprint("d", doc(step)) }
	for i := range int64(docs) {
		create(t, servers[0], "things", thing(name(2*i+1), `0`, nil))
	}
	var begun, done atomic.Int64
	var readers sync.WaitGroup
	for r := range 3 {
		readers.Go(func() {
			for s := servers[r%len(servers)]; done.Load() < steps && !t.Failed(); time.Sleep(50 * time.Microsecond) {
				from := done.Load()
				page, _, err := s.Query(ctx(t), "things", store.Equal("slot", "passed on"))
				to := begun.Load()
				if err != nil || len(page) == 0 && from == to && from%2 == 1 {
					t.Errorf("nobody was found between the steps %d and %d: %v", from, to, err)
				}
				for _, d := range page {
					if step, err := strconv.ParseInt(string(d.Body), 10, 64); err != nil || step < from || step > to || d.ID != name(step) || d.Index["slot"] == "" {
						t.Errorf("between the steps %d and %d: found %s of step %s", from, to, d.ID, d.Body)
					}
				}
			}
		})
	}
	var revs [docs]int64
	for step := int64(1); step <= steps && !t.Failed(); step++ {
		rev := &revs[doc(step)]
		*rev++
		d := store.Doc{ID: name(step), Rev: *rev, Body: fmt.Append(nil, step)}
		if step%2 == 1 {
			d.Index = values{"slot": "passed on"}
		}
		begun.Store(step)
		if err := servers[step%int64(len(servers))].Replace(ctx(t), "things", d); err != nil {
			t.Error(err)
		}
		done.Store(step)
	}
	done.Store(steps)
	readers.Wait()
}

// each runs f(0) to f(n-1), some at once.
func each(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	var next atomic.Int64
	for _, err := range together(make([]store.Store, 1), 16, func(store.Store, int) error {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func shuffled(n int) []int { return rand.Perm(n) }
