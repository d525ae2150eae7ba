package phone

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/gowebpki/jcs"
)

func TestCanonicalOnly(t *testing.T) {
	good := `{"a":{"b":"x","c.d":"y"},"e":"\"\\\n\u0001é€😀"}`
	fields, err := parseCanonical([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := []Field{{"a.b", "x"}, {`a.c\.d`, "y"}, {"e", "\"\\\n\x01é€😀"}}
	if len(fields) != 3 || fields[0] != want[0] || fields[1] != want[1] || fields[2] != want[2] {
		t.Errorf("%q", fields)
	}
	for _, bad := range []string{
		``, `{`, `[]`, `"x"`, `{} `, ` {}`, `{}{}`, `{"a": "x"}`, `{"a":"x" }`, `{"a":"x",}`, `{"a"}`, `{"a":}`,
		`{"a":1}`, `{"a":true}`, `{"a":null}`, `{"a":[]}`, `{"a":["x"]}`,
		`{"b":"x","a":"x"}`, `{"a":"x","a":"x"}`,
		`{"a":"\u0041"}`, `{"a":"\u00E9"}`, `{"a":"\u001F"}`, `{"a":"\u000a"}`, `{"a":"\/"}`, `{"a":"\x"}`, `{"a":"\"}`, `{"a":"\u00"}`, `{"a":"\`, `{"a":"\u001`,
		"{\"a\":\"\n\"}", "{\"a\":\"\\\"\n\"}", "{\"a\":\"\xff\"}", "\xef\xbb\xbf{}",
		`{"a":{"a":{"a":{"a":{"a":{"a":"x"}}}}}}`,
	} {
		if f, err := parseCanonical([]byte(bad)); err == nil {
			t.Errorf("%s was read as %q", bad, f)
		}
	}
	// By UTF-16 units the emoji (a surrogate pair) stands before the private-use U+FF00.
	if _, err := parseCanonical([]byte("{\"\U0001F600\":\"x\",\"\uff00\":\"y\"}")); err != nil {
		t.Error(err)
	}
	if _, err := parseCanonical([]byte("{\"\uff00\":\"y\",\"\U0001F600\":\"x\"}")); err == nil {
		t.Error("the order of bytes was taken")
	}
	if _, err := parseCanonical([]byte(`{"é":"x","z":"y"}`)); err == nil {
		t.Error("é stands before z")
	}
}

// What the parser takes is exactly what an independent implementation of RFC 8785
// leaves as it is, among objects of strings.
func FuzzParseCanonical(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":"b"}`, `{"a":{"b":"\u001f\n\"\\"}}`, `{"b":"","a":""}`, `{"a":"\u0041"}`, `{"a":1}`, `{"a":"/"}`,
		"{\"\U0001F600\":\"x\",\"\uff00\":\"y\"}", "{\"a\":\"\u2028\u007f\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		fields, err := parseCanonical(raw)
		if err != nil {
			return
		}
		if !json.Valid(raw) {
			t.Fatalf("%q is no JSON", raw)
		}
		again, err := jcs.Transform(raw)
		if err != nil || !bytes.Equal(raw, again) {
			t.Fatalf("%q is written canonically as %q, %v", raw, again, err)
		}
		var tree map[string]any
		if err := json.Unmarshal(raw, &tree); err != nil {
			t.Fatal(err)
		}
		if n := leaves(tree); n != len(fields) {
			t.Fatalf("%q has %d leaves, %d were read", raw, n, len(fields))
		}
		seen := map[string]bool{}
		for _, f := range fields {
			if seen[f.Path] {
				t.Fatalf("%q: two fields have the path %q", raw, f.Path)
			}
			seen[f.Path] = true
		}
	})
}

func leaves(tree map[string]any) (n int) {
	for _, v := range tree {
		if sub, ok := v.(map[string]any); ok && len(sub) > 0 {
			n += leaves(sub)
		} else {
			n++
		}
	}
	return n
}

func FuzzParseStatement(f *testing.F) {
	f.Add(b64.EncodeToString([]byte(`{"version":"1","details":{"a":"b"}}`)))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStatement(text)
		if err == nil && b64.EncodeToString(s.Bytes) != text {
			t.Fatalf("%q has another spelling", text)
		}
	})
}

func FuzzTypedCode(f *testing.F) {
	f.Add("7k3qx m2p9t")
	f.Add("oil00—OIL00")
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := TypedCode(typed)
		if err != nil {
			return
		}
		if again, err := TypedCode(code); err != nil || again != code {
			t.Fatalf("%q became %q became %q, %v", typed, code, again, err)
		}
	})
}
