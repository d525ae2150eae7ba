package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

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

type inner struct {
	Deep string `json:"deep,omitempty"`
}

type stored struct {
	ID    string `json:"id"`
	inner `json:",inline"`

	Empty    string            `json:"empty,omitempty"`
	Zero     int               `json:"zero,omitempty"`
	No       bool              `json:"no,omitempty"`
	Never    time.Time         `json:"never,omitzero"`
	Absent   *inner            `json:"absent,omitempty"`
	None     []string          `json:"none"`
	NoMap    map[string]string `json:"no_map"`
	Few      []string          `json:"few,omitempty"`
	Bytes    []byte            `json:"bytes,omitempty"`
	NoBytes  []byte            `json:"no_bytes"`
	At       time.Time         `json:"at"`
	For      time.Duration     `json:"for"`
	Names    map[string]string `json:"names"`
	Extra    map[string]any    `json:"extra"`
	Raw      json.RawMessage   `json:"raw"`
	Much     int64             `json:"much"`
	Share    float64           `json:"share"`
	Pointed  *inner            `json:"pointed"`
	Many     []inner           `json:"many"`
	Unwanted string            `json:"-"`
}

// TestStoredForm: stored values are what encoding/json writes, and are read back.
func TestStoredForm(t *testing.T) {
	v := &stored{
		ID: "一\"\\\n\u0001\u2028", inner: inner{Deep: "d"}, Bytes: []byte{0, 1, 254}, For: 90 * time.Second,
		At:    time.Date(2026, 11, 26, 8, 0, 0, 120, time.FixedZone("", 8*3600)),
		Names: map[string]string{"z": "1", "a": "2", "m": "3"}, Extra: map[string]any{"n": 1.5, "list": []any{"x", nil, true}},
		Raw: json.RawMessage(`{"a":[1,2]}`), Much: 1 << 60, Share: 0.1, Pointed: &inner{}, Many: []inner{{"x"}, {}},
	}
	k := &keeper{}
	r := store.Record[stored]{Store: k, Collection: "things", ID: func(v *stored) string { return v.ID }}
	if err := r.Create(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	// The line separator is escaped by one only: both forms are JSON for the same.
	var a, b any
	if err := errors.Join(json.Unmarshal(k.doc.Body, &a), json.Unmarshal(want, &b)); err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("stored:        %s\nencoding/json: %s\n%v", k.doc.Body, want, err)
	}
	back, _, err := r.Get(t.Context(), v.ID)
	if err != nil {
		t.Fatal(err)
	}
	v.At, back.At = v.At.UTC(), back.At.UTC()
	if !reflect.DeepEqual(v, back) {
		t.Errorf("written %+v\nread    %+v", v, back)
	}
	seen := map[string]bool{}
	for range 20 {
		if err := r.Create(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		seen[string(k.doc.Body)] = true
	}
	if len(seen) != 1 {
		t.Errorf("the same value is stored in %d ways", len(seen))
	}
}
