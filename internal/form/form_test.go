package form

import (
	stdjson "encoding/json"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

type text []byte

func (t text) MarshalText() ([]byte, error) { return append([]byte("<"), t...), nil }

type inner struct {
	Deep string `json:"deep,omitempty"`
	Not  *int   `json:"not,omitempty"`
}

type whole struct {
	inner
	ID     string            `json:"id"`
	Text   text              `json:"text"`
	Bytes  []byte            `json:"bytes"`
	None   []string          `json:"none"`
	Empty  []string          `json:"empty,omitempty"`
	Zero   time.Time         `json:"zero,omitzero"`
	At     time.Time         `json:"at"`
	For    time.Duration     `json:"for"`
	Off    bool              `json:"off,omitempty"`
	Names  map[string]string `json:"names"`
	Nobody map[string]string `json:"nobody"`
	Any    any               `json:"any"`
	Raw    stdjson.RawMessage
	Share  float64  `json:"share"`
	Many   []*inner `json:"many"`
}

// TestAnswer: an answer is, byte by byte, what encoding/json writes, which every client
// can read and a page may carry in its HTML.
func TestAnswer(t *testing.T) {
	one := 1
	v := &whole{
		inner: inner{"d", &one}, ID: "</script>&\"\\\n\u0001\u2028证", Text: text("a"), Bytes: []byte{0, 255},
		Empty: []string{}, At: time.Date(2026, 11, 27, 8, 0, 0, 120, time.FixedZone("", 8*3600)), For: time.Minute,
		Names: map[string]string{"z": "1", "a": "2"}, Any: []any{1.5, nil, true, map[string]any{"k": 1e21}},
		Raw: stdjson.RawMessage(`{ "a" : [1, "<"] }`), Share: 0.1, Many: []*inner{nil, {}},
	}
	got, err := json.Marshal(v, Answer)
	if err != nil {
		t.Fatal(err)
	}
	want, err := stdjson.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("answer:        %s\nencoding/json: %s", got, want)
	}
}
