package store_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"certlink/internal/form"
	"certlink/store"
)

// keeper holds the last document that was written.
type keeper struct {
	store.Store
	doc store.Doc
}

func (k *keeper) Create(_ context.Context, _ string, d store.Doc) error {
	k.doc = d
	return nil
}

func (k *keeper) Get(context.Context, string, string) (store.Doc, error) { return k.doc, nil }

// TestStoredForm: a record writes and reads in the form of stored values.
func TestStoredForm(t *testing.T) {
	type stored struct {
		ID   string        `json:"id"`
		None []string      `json:"none"`
		For  time.Duration `json:"for"`
	}
	k, v := &keeper{}, &stored{ID: "<1>", For: 90 * time.Second}
	r := store.Record[stored]{Store: k, Collection: "things", ID: func(v *stored) string { return v.ID }}
	if err := r.Create(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(v, form.Stored)
	if err != nil {
		t.Fatal(err)
	}
	if string(k.doc.Body) != string(want) {
		t.Errorf("%s instead of %s", k.doc.Body, want)
	}
	if back, _, err := r.Get(t.Context(), v.ID); err != nil || !reflect.DeepEqual(v, back) {
		t.Errorf("written %+v, read %+v, %v", v, back, err)
	}
}
