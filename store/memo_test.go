package store

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

type thing struct {
	ID   string   `json:"id"`
	List []string `json:"list"`
}

func newThings(limit int) (*Memo[thing], Record[thing]) {
	m := NewMemo(limit, func(t *thing) *thing {
		c := *t
		c.List = slices.Clone(t.List)
		return &c
	})
	return m, Record[thing]{Collection: "things", ID: func(t *thing) string { return t.ID }, Memo: m}
}

func (r Record[T]) mustRead(t *testing.T, id, body string) *T {
	t.Helper()
	v, err := r.read(Doc{ID: id, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestMemoGoesByTheBody: another body under the same id is another value, also
// at the same revision, as after a delete and a new create.
func TestMemoGoesByTheBody(t *testing.T) {
	m, r := newThings(1 << 16)
	a, b := `{"id":"x","list":["a"]}`, `{"id":"x","list":["b"]}`
	for range 3 {
		if v := r.mustRead(t, "x", a); v.List[0] != "a" {
			t.Fatal(v)
		}
		if m.get("x", []byte(b)) != nil || m.get("y", []byte(a)) != nil {
			t.Fatal("found by another body or id")
		}
		if v := r.mustRead(t, "x", b); v.List[0] != "b" {
			t.Fatal(v)
		}
	}
	if _, err := r.read(Doc{ID: "x", Body: []byte(`{"id":1}`)}); err == nil {
		t.Fatal("a body that does not decode was read")
	}
}

// TestMemoIsNobodys: what a caller does to its value is seen by no other.
func TestMemoIsNobodys(t *testing.T) {
	m, r := newThings(1 << 16)
	body := `{"id":"x","list":["a"]}`
	for range 3 {
		v := r.mustRead(t, "x", body)
		if len(v.List) != 1 || v.List[0] != "a" {
			t.Fatalf("another caller's change: %v", v.List)
		}
		v.List[0] = "changed"
		v.List = append(v.List, "more")
	}
	m.Written()
	w := &thing{ID: "w", List: []string{"a"}}
	d, err := r.encode(w, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.List[0] = "changed"
	if v := m.get("w", d.Body); v == nil || v.List[0] != "a" {
		t.Fatalf("the writer's later change: %v", v)
	}
}

// TestMemoWhileWriting: a reader of the stored version does not push out the one that
// is being written; one that was never stored does not stay.
func TestMemoWhileWriting(t *testing.T) {
	m, r := newThings(1 << 16)
	m.Written()
	stored := `{"id":"x","list":["stored"]}`
	d, err := r.encode(&thing{ID: "x", List: []string{"written"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if v := r.mustRead(t, "x", stored); v.List[0] != "stored" {
		t.Fatal(v)
	}
	if m.get("x", d.Body) == nil {
		t.Fatal("what is being written was pushed out")
	}
	r.mustRead(t, "x", stored)
	if m.get("x", []byte(stored)) == nil {
		t.Fatal("what was never stored stays")
	}
}

func TestMemoIsBounded(t *testing.T) {
	m, r := newThings(1 << 12)
	used := `{"id":"used","list":[]}`
	for i := range 10_000 {
		r.mustRead(t, fmt.Sprint(i), `{"id":"x","list":["a"]}`)
		if r.mustRead(t, "used", used); i > 0 && m.get("used", []byte(used)) == nil {
			t.Fatal("what is in use was forgotten")
		}
		if n := len(m.young) + len(m.old); n > 2*(1<<12)/len(used)+2 {
			t.Fatalf("%d documents are kept", n)
		}
	}
	large := `{"id":"l","list":["` + fmt.Sprintf("%01000d", 0) + `"]}`
	r.mustRead(t, "l", large)
	if m.get("l", []byte(large)) != nil {
		t.Fatal("a document that fills the memo was kept")
	}
}

func TestMemoAtOnce(t *testing.T) {
	_, r := newThings(1 << 10)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				id := fmt.Sprint((g + i) % 20)
				v, err := r.read(Doc{ID: id, Body: []byte(`{"id":"` + id + `","list":["a"]}`)})
				if err != nil || v.ID != id || v.List[0] != "a" {
					t.Error(v, err)
					return
				}
				v.List[0] = "mine"
			}
		})
	}
	wg.Wait()
}
