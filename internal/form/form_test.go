package form

import (
	stdjson "encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

type text []byte

func (t text) MarshalText() ([]byte, error) { return append([]byte("<"), t...), nil }
func (t *text) UnmarshalText(b []byte) error {
	*t = append(text(nil), b[1:]...)
	return nil
}

type inner struct {
	Deep string `json:"deep,omitempty"`
	Not  *int   `json:"not,omitempty"`
}

type whole struct {
	ID    string `json:"id"`
	inner `json:",inline"`

	Text     text               `json:"text"`
	Empty    string             `json:"empty,omitempty"`
	Zero     int                `json:"zero,omitempty"`
	No       bool               `json:"no,omitempty"`
	Never    time.Time          `json:"never,omitzero"`
	Absent   *inner             `json:"absent,omitempty"`
	None     []string           `json:"none"`
	NoMap    map[string]string  `json:"no_map"`
	Few      []string           `json:"few,omitempty"`
	Bytes    []byte             `json:"bytes,omitempty"`
	NoBytes  []byte             `json:"no_bytes"`
	At       time.Time          `json:"at"`
	For      time.Duration      `json:"for"`
	Names    map[string]string  `json:"names"`
	Extra    map[string]any     `json:"extra"`
	Raw      stdjson.RawMessage `json:"raw"`
	Much     int64              `json:"much"`
	Share    float64            `json:"share"`
	Pointed  *inner             `json:"pointed"`
	Many     []inner            `json:"many"`
	Pointers []*inner           `json:"pointers"`
	Unwanted string             `json:"-"`
}

// sample has a value of every kind that is stored or sent.
func sample() *whole {
	one := 1
	return &whole{
		ID: "</script>&一\"\\\n\u0001\u2028", inner: inner{Deep: "d", Not: &one}, Text: text("a"), Bytes: []byte{0, 1, 254}, For: 90 * time.Second,
		At:    time.Date(2026, 11, 26, 8, 0, 0, 120, time.FixedZone("", 8*3600)),
		Names: map[string]string{"z": "1", "a": "2", "m": "3"}, Extra: map[string]any{"n": 1.5, "much": 1e21, "list": []any{"x", nil, true}},
		Raw: stdjson.RawMessage(`{"a":[1,"<"]}`), Much: 1 << 60, Share: 0.1, Pointed: &inner{}, Many: []inner{{Deep: "x"}, {}}, Pointers: []*inner{nil, {}},
	}
}

// written is the sample as encoding/json writes it, and with some options.
func written(t *testing.T, options json.Options) (want, got []byte) {
	t.Helper()
	want, err := stdjson.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	if got, err = json.Marshal(sample(), options); err != nil {
		t.Fatal(err)
	}
	return want, got
}

// TestStored: stored values are what encoding/json writes, and are read back.
func TestStored(t *testing.T) {
	want, got := written(t, Stored)
	// Some characters are escaped by one only: both forms are JSON for the same.
	var a, b any
	if err := errors.Join(stdjson.Unmarshal(got, &a), stdjson.Unmarshal(want, &b)); err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("stored:        %s\nencoding/json: %s\n%v", got, want, err)
	}
	v, back := sample(), new(whole)
	if err := json.Unmarshal(got, back, Stored); err != nil {
		t.Fatal(err)
	}
	v.At, back.At = v.At.UTC(), back.At.UTC()
	if !reflect.DeepEqual(v, back) {
		t.Errorf("written %+v\nread    %+v", v, back)
	}
	for range 20 {
		if _, again := written(t, Stored); string(again) != string(got) {
			t.Fatalf("the same value is stored as\n%s\nand as\n%s", got, again)
		}
	}
}

// TestAnswer: an answer is, byte by byte, what encoding/json writes, which every client
// can read and a page may carry in its HTML.
func TestAnswer(t *testing.T) {
	if want, got := written(t, Answer); string(got) != string(want) {
		t.Errorf("answer:        %s\nencoding/json: %s", got, want)
	}
}
