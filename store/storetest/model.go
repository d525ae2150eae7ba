package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"certlink/store"
)

// model is the plain meaning of a collection.
type model map[string]store.Doc

// holder tells who holds a value of an index.
func (m model) holder(index, value string) string {
	for id, d := range m {
		if value != "" && d.Index[index] == value {
			return id
		}
	}
	return ""
}

func (m model) duplicate(d store.Doc) bool {
	for _, index := range []string{"slot", "serial"} {
		if h := m.holder(index, d.Index[index]); h != "" && h != d.ID {
			return true
		}
	}
	return false
}

func (m model) query(q store.Query) []string {
	type entry struct{ value, id string }
	var in []entry
	for id, d := range m {
		v := id
		if q.Index != "" {
			v = d.Index[q.Index]
		}
		if v != "" && matches(v, q) {
			in = append(in, entry{v, id})
		}
	}
	slices.SortFunc(in, func(a, b entry) int {
		c := strings.Compare(a.value, b.value)
		if c == 0 {
			c = strings.Compare(a.id, b.id)
		}
		if q.Desc {
			c = -c
		}
		return c
	})
	out := []string{}
	for _, e := range in {
		out = append(out, e.id)
	}
	return out
}

func matches(v string, q store.Query) bool {
	return strings.HasPrefix(v, q.Prefix) && v >= q.From && (q.Below == "" || v < q.Below)
}

// testModel does a long run of arbitrary operations on the store and on the
// model, and compares each answer.
func testModel(t *testing.T, open Open) {
	s := open(t, schema)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	m := model{}
	pick := func(n int, prefix string) string { return fmt.Sprintf("%s%d", prefix, r.IntN(n)) }
	some := func() values {
		v := values{}
		for index, n := range map[string]int{"owner": 4, "slot": 12, "due": 20, "serial": 12} {
			if k := r.IntN(n + 3); k < n {
				v[index] = fmt.Sprintf("%c%d", 'a'+k%2, k)
			}
		}
		return v
	}
	for i := range 1500 {
		id := pick(15, "t")
		d := store.Doc{ID: id, Rev: m[id].Rev, Body: fmt.Appendf(nil, `{"i":%d}`, i), Index: some()}
		if r.IntN(8) == 0 {
			d.Rev += int64(r.IntN(5) - 2)
		}
		old, exists := m[id]
		var expect error
		switch r.IntN(4) {
		case 0:
			err := s.Create(ctx(t), "things", d)
			switch {
			case exists:
				expect = store.ErrExists
			case m.duplicate(d):
				expect = &store.DuplicateError{}
			default:
				d.Rev = 1
				m[id] = d
			}
			agree(t, i, err, expect)
		case 1, 2:
			err := s.Replace(ctx(t), "things", d)
			switch {
			case !exists:
				expect = store.ErrNotFound
			case old.Rev != d.Rev:
				expect = store.ErrConflict
			case m.duplicate(d):
				expect = &store.DuplicateError{}
			default:
				d.Rev++
				m[id] = d
			}
			agree(t, i, err, expect)
		case 3:
			err := s.Delete(ctx(t), "things", id, d.Rev)
			switch {
			case !exists:
				expect = store.ErrNotFound
			case d.Rev != 0 && old.Rev != d.Rev:
				expect = store.ErrConflict
			default:
				delete(m, id)
			}
			agree(t, i, err, expect)
		}
		if got, err := s.Get(ctx(t), "things", id); err == nil {
			now, ok := m[id]
			if !ok {
				t.Fatalf("step %d: %s is there and should not", i, id)
			}
			v := maps.Clone(now.Index)
			maps.DeleteFunc(v, func(_, x string) bool { return x == "" })
			if err := differs(got, id, now.Rev, string(now.Body), v); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		} else if _, ok := m[id]; ok || !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("step %d: get %s: %v", i, id, err)
		}
		if i%5 == 0 {
			q := store.Query{Index: []string{"", "owner", "slot", "due"}[r.IntN(4)], Desc: r.IntN(2) == 0}
			q.Prefix = []string{"", "", "a", "a1", "t1"}[r.IntN(5)]
			q.From = []string{"", "a1", "b"}[r.IntN(3)]
			q.Below = []string{"", "b2", "t5"}[r.IntN(3)]
			check(t, fmt.Sprintf("step %d: %+v", i, q), ids(walk(t, s, "things", q, 1+r.IntN(6))), m.query(q))
		}
	}
}

func agree(t *testing.T, step int, got, want error) {
	t.Helper()
	var d *store.DuplicateError
	if errors.As(want, &d) && errors.As(got, &d) {
		return
	}
	if !errors.Is(got, want) {
		t.Fatalf("step %d: got %v, want %v", step, got, want)
	}
}
