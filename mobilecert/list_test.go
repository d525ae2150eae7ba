package mobilecert

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"certlink/store"
)

// stocked is a world with n bindings of org1, made a minute apart, in which
// every third one has ended again. It gives their ids, newest first.
func stocked(t *testing.T, n int) (w *world, all, active []string) {
	w = newWorld(t)
	for i := range n {
		b := w.put(i)
		all = append(all, b.ID)
		if i%3 == 0 {
			_, err := w.bindings.Unbind(ctx, w.who("admin"), b.ID)
			check(t, err)
		} else {
			active = append(active, b.ID)
		}
		if i%4 != 3 { // now and then two at one moment
			w.clock.Advance(time.Minute)
		}
	}
	slices.Reverse(all)
	slices.Reverse(active)
	return w, all, active
}

// put writes a binding of account i past the engine.
func (w *world) put(i int) *Binding {
	w.t.Helper()
	p := person(i)
	w.people.set(p)
	b := &Binding{
		ID: fmt.Sprintf("b%05d", i), State: Active, Medium: Mobile, Provider: "ca2", ProviderName: Name{"乙CA", "CA Two"},
		Certificate: Bound{Content: fmt.Sprintf("content%d", i), Serial: fmt.Sprintf("5eed%08x", i), HolderName: fmt.Sprintf("持有人%d", i), OrganisationName: "某公司"},
		Account:     BoundAccount{p.ID, p.Login, p.Name, p.OrganisationID, p.Organisation},
		BoundAt:     w.clock.Now(), BoundBy: Actor{ID: "admin"},
	}
	b.happened("binding.created", b.BoundAt, b.BoundBy, b.ID)
	b, err := w.bindings.create(ctx, b)
	check(w.t, err)
	return b
}

// pages walks a list to its end.
func (w *world) pages(by Who, q ListQuery) (ids []string) {
	w.t.Helper()
	for range 1000 {
		list, next, err := w.bindings.List(ctx, by, q)
		check(w.t, err)
		for _, b := range list {
			ids = append(ids, b.ID)
		}
		if next == "" {
			return ids
		}
		q.After = next
	}
	w.t.Fatal("the list does not end")
	return nil
}

func TestListOfOrganisation(t *testing.T) {
	w, all, active := stocked(t, 50)
	by := w.who("admin")
	for _, limit := range []int{1, 7, 100} {
		if got := w.pages(by, ListQuery{Organisation: true, Limit: limit}); !slices.Equal(got, active) {
			t.Errorf("pages of %d, active: %v\nwant %v", limit, got, active)
		}
		if got := w.pages(by, ListQuery{Organisation: true, Past: true, Limit: limit}); !slices.Equal(got, all) {
			t.Errorf("pages of %d, all: %v\nwant %v", limit, got, all)
		}
	}
	// The last page knows that it is the last.
	if list, next, err := w.bindings.List(ctx, by, ListQuery{Organisation: true, Limit: len(active)}); err != nil || next != "" || len(list) != len(active) {
		t.Errorf("exactly one page: %d, %q, %v", len(list), next, err)
	}
	if got := w.pages(Who{Account: "x", Organisation: "org2", Admin: true}, ListQuery{Organisation: true, Past: true}); len(got) != 0 {
		t.Errorf("another organisation sees %v", got)
	}
	for _, who := range []Who{w.who("li"), {Account: "x", Admin: true}, {}} {
		_, _, err := w.bindings.List(ctx, who, ListQuery{Organisation: true})
		refused(t, err, ErrNotYourAccount)
	}
}

// A page keeps its place while bindings come, go and end.
func TestListUnderChange(t *testing.T) {
	w, all, _ := stocked(t, 30)
	by, q := w.who("admin"), ListQuery{Organisation: true, Past: true, Limit: 4}
	var seen []string
	for i := 0; ; i++ {
		list, next, err := w.bindings.List(ctx, by, q)
		check(t, err)
		for _, b := range list {
			seen = append(seen, b.ID)
			if b.State == Active { // what was seen ends
				_, err := w.bindings.Unbind(ctx, by, b.ID)
				check(t, err)
			}
		}
		w.put(1000 + i) // and new ones come
		w.clock.Advance(time.Second)
		if q.After = next; next == "" {
			break
		}
	}
	if !slices.Equal(seen, all) {
		t.Errorf("saw %v\nwant %v", seen, all)
	}
}

func TestListOfAccount(t *testing.T) {
	w := newWorld(t)
	w.slots = 3
	w.server = w.start(w.store)
	var all, active []string
	for i := range 9 {
		b := w.bound(w.leaf("", code1), "li", "li", "ca2")
		w.clock.Advance(time.Minute)
		all = append(all, b.ID)
		if i < 7 {
			_, err := w.bindings.Unbind(ctx, w.who("li"), b.ID)
			check(t, err)
		} else {
			active = append(active, b.ID)
		}
	}
	w.bound(w.leaf("", code1), "admin", "admin", "ca2")
	slices.Reverse(all)
	slices.Reverse(active)
	for _, limit := range []int{1, 2, 0} {
		if got := w.pages(w.who("li"), ListQuery{Past: true, Limit: limit}); !slices.Equal(got, all) {
			t.Errorf("pages of %d: %v, want %v", limit, got, all)
		}
		if got := w.pages(w.who("li"), ListQuery{Limit: limit}); !slices.Equal(got, active) {
			t.Errorf("pages of %d: %v, want %v", limit, got, active)
		}
	}
}

func TestListSearch(t *testing.T) {
	w, _, _ := stocked(t, 40)
	by := w.who("admin")
	for q, want := range map[string]int{
		"乙CA": 40, "ca two": 40, "持有人17": 1, "员工017": 1, "LOGIN01": 10, "0000000A": 1, "0000000": 1, "nothing": 0, "  ": 40, "某公司": 40,
	} {
		if got := w.pages(by, ListQuery{Organisation: true, Past: true, Q: q, Limit: 3}); len(got) != want {
			t.Errorf("%q finds %d, want %d", q, len(got), want)
		}
	}
}

// A search in a long list comes back after a bounded look, with a place to go on.
func TestListSearchIsBounded(t *testing.T) {
	w := newWorld(t)
	crowd(8, func(g int) {
		for i := range (listScan + 400) / 8 {
			w.put(g*1000 + i)
		}
	})
	by := w.who("admin")
	list, next, err := w.bindings.List(ctx, by, ListQuery{Organisation: true, Q: "nothing"})
	if err != nil || len(list) != 0 || next == "" {
		t.Fatalf("%d found, next %q, %v", len(list), next, err)
	}
	list, next, err = w.bindings.List(ctx, by, ListQuery{Organisation: true, Q: "nothing", After: next})
	if err != nil || len(list) != 0 || next != "" {
		t.Fatalf("then %d found, next %q, %v", len(list), next, err)
	}
}

func TestListCursorFromOutside(t *testing.T) {
	w, _, _ := stocked(t, 3)
	for _, c := range []store.Cursor{"!", "AA", "HwAf", store.Cursor(make([]byte, 200)), "5L2g"} {
		if _, _, err := w.bindings.List(ctx, w.who("admin"), ListQuery{Organisation: true, After: c}); !errors.Is(err, store.ErrCursor) {
			t.Errorf("%q: %v", c, err)
		}
	}
}

// FuzzListCursor: what comes back from outside is refused, or is harmless text
// that no index value's separator hides in.
func FuzzListCursor(f *testing.F) {
	f.Add("MjAyNjA3MDFUMDAwMDAwLjAwMDAwMFpiMDAwMDE")
	f.Add("")
	f.Add("Hw")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := readPlace(store.Cursor(s))
		if err != nil {
			if !errors.Is(err, store.ErrCursor) {
				t.Fatal(err)
			}
			return
		}
		for _, r := range p {
			if r <= ' ' || r > '~' {
				t.Fatalf("accepted %q", p)
			}
		}
	})
}
