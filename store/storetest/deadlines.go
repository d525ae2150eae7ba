package storetest

import (
	"context"
	"testing"
	"time"

	"certlink/store"
)

// everything calls each method once.
func everything(c context.Context, s store.Store) map[string]error {
	errs := map[string]error{}
	_, errs["get"] = s.Get(c, "things", "a")
	errs["create"] = s.Create(c, "things", thing("new", `{}`, nil))
	errs["replace"] = s.Replace(c, "things", store.Doc{ID: "a", Rev: 1, Body: []byte(`{}`)})
	errs["delete"] = s.Delete(c, "things", "a", 1)
	_, _, errs["query"] = s.Query(c, "things", store.Query{Index: "owner"})
	_, _, errs["changes"] = s.Changes(c, "", 0)
	errs["ping"] = s.Ping(c)
	return errs
}

func testEndedContext(t *testing.T, open Open) {
	s := open(t, schema)
	create(t, s, "things", thing("a", `{"n":1}`, nil))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, c := range []context.Context{cancelled, late} {
		for method, err := range everything(c, s) {
			if !is(store.ErrUnavailable)(err) {
				t.Errorf("%s after the context's end: %v, want ErrUnavailable", method, err)
			}
		}
	}
	want(t, s, "things", "a", 1, `{"n":1}`, nil)
	_, err := s.Get(ctx(t), "things", "new")
	wantErr(t, err, store.ErrNotFound)

	// A context without a deadline is as good as any.
	if _, err := s.Get(context.Background(), "things", "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(context.Background(), "things", thing("b", `{}`, nil)); err != nil {
		t.Fatal(err)
	}
}

func testClosed(t *testing.T, open Open) {
	s := open(t, schema)
	create(t, s, "things", thing("a", `{}`, nil))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for method, err := range everything(ctx(t), s) {
		if !is(store.ErrUnavailable)(err) {
			t.Errorf("%s on a closed store: %v, want ErrUnavailable", method, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}
