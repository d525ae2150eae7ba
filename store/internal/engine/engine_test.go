package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"certlink/store"
)

func TestSuccessorBoundsPrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"a": "b", "az": "a{", "a\x1f": "a ", "\U0010FFFF": "", "a\U0010FFFF": "b",
		"\uD7FF": "\uE000", "中": "丮", "\x7f": "\u0080", "\u07ff": "\u0800", "\uFFFF": "\U00010000",
	} {
		if got := successor(prefix); got != want {
			t.Errorf("successor(%q) = %q, want %q", prefix, got, want)
		}
	}
}

func TestPlanRefusesStrangeCursors(t *testing.T) {
	s, err := NewSchema([]store.Collection{{Name: "things"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []store.Cursor{"!", "AA==", "AA", "_w", "BWFi", "AYA"} {
		if _, err := s.Of("things").Plan(store.Query{After: c}); !errors.Is(err, store.ErrCursor) {
			t.Errorf("cursor %q: %v, want ErrCursor", c, err)
		}
	}
}

func TestSchemaMistakes(t *testing.T) {
	ix := func(names ...string) (out []store.Index) {
		for _, n := range names {
			out = append(out, store.Index{Name: n})
		}
		return out
	}
	for want, declared := range map[string][]store.Collection{
		`"Bad"`:            {{Name: "Bad"}},
		"engines' own":     {{Name: "certlink_feed"}},
		"declared twice":   {{Name: "a"}, {Name: "a"}},
		"x is declared tw": {{Name: "a", Indexes: ix("x", "x")}},
		`index "x y"`:      {{Name: "a", Indexes: ix("x y")}},
		"more than 32":     {{Name: "a", Indexes: make([]store.Index, 33)}},
	} {
		if _, err := NewSchema(declared); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func TestChangesRoundTrip(t *testing.T) {
	want := []store.Change{{Collection: "a", ID: "1", Rev: 1}, {Collection: "things", ID: "中\x00 ", Rev: 1 << 40}, {Collection: "b", ID: strings.Repeat("x", 300), Rev: 0}}
	if got := DecodeChanges(EncodeChanges(want)); !slices.Equal(got, want) {
		t.Fatalf("got %+v", got)
	}
}

// FuzzDecodeChanges: a damaged row gives fewer changes and nothing worse.
func FuzzDecodeChanges(f *testing.F) {
	f.Add(EncodeChanges([]store.Change{{Collection: "things", ID: "a", Rev: 7}, {Collection: "b", ID: "c", Rev: 1}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := DecodeChanges(b); len(got) > len(b) {
			t.Fatalf("%d changes from %d bytes", len(got), len(b))
		}
	})
}

// FuzzCursor: whatever comes back from outside either is refused or is a place
// whose cursor is the same again.
func FuzzCursor(f *testing.F) {
	f.Add(string(Place{"value", "id"}.Cursor()))
	f.Add(string(Place{"", "id"}.Cursor()))
	f.Add(string(Place{"值\x1f20260101", "编号"}.Cursor()))
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := decode(store.Cursor(s))
		if err != nil {
			return
		}
		if !utf8.ValidString(p.Value) || !utf8.ValidString(p.ID) || p.ID == "" {
			t.Fatalf("accepted %+v", p)
		}
		again, err := decode(p.Cursor())
		if err != nil || again != p {
			t.Fatalf("%+v came back as %+v, %v", p, again, err)
		}
	})
}

// FuzzSuccessor: no text with the prefix reaches the successor, and texts just
// below it have the prefix.
func FuzzSuccessor(f *testing.F) {
	f.Add("abc", "d")
	f.Add("\uD7FF", "\U0010FFFF")
	f.Fuzz(func(t *testing.T, prefix, rest string) {
		if prefix == "" || !utf8.ValidString(prefix) || !utf8.ValidString(rest) {
			return
		}
		next := successor(prefix)
		if next == "" {
			return
		}
		if !utf8.ValidString(next) || prefix+rest >= next {
			t.Fatalf("%q is not below %q", prefix+rest, next)
		}
	})
}
