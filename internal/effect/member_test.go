package effect

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func FuzzStrip(f *testing.F) {
	two := `[{"id":"a","kind":"audit","at":"2026-01-01T00:00:00Z"},{"id":"b","kind":"push","at":"2026-01-01T00:00:00Z","data":{"x":"]}\\""}}]`
	for _, s := range []string{
		`{}`, `{"a":1}`, `{"pending":` + two + `}`, `{"a":1,"pending":` + two + `}`, `{"pending":` + two + `,"z":[{"pending":1}]}`,
		"{ \"a\" : [1, {\"pending\":[]}] ,\n \"pending\" : " + two + " ,\t\"z\":\"\\\"pending\\\":\" }", `{"a":"\\","pending":null}`, `{"pending":[]}`,
		`[]`, ``, `{`, `{"pending"`, `{"a":}`, `{"a":1,}`, `{"pending":[],}`, `{"a":"`, `{"a":[`, `{,"pending":[]}`, `{"a"1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var before map[string]json.RawMessage
		valid := json.Unmarshal(body, &before) == nil && before != nil
		for _, done := range []map[string]bool{nil, {"a": true}, {"a": true, "b": true}} {
			pending, err := Pending(body)
			out, rest := body, pending
			if err == nil {
				out, rest, err = Strip(body, pending, done)
			}
			if !valid {
				continue // the engines keep JSON only; it must end, that is all
			}
			if err != nil {
				var list []Effect
				if raw, has := before["pending"]; has && json.Unmarshal(raw, &list) == nil && !doubled(body) {
					t.Fatalf("%q: %v", body, err)
				}
				continue
			}
			if doubled(body) {
				continue // a member that stands there twice is never written
			}
			for _, e := range rest {
				if done[e.ID] {
					t.Fatalf("%q: %s is left", body, e.ID)
				}
			}
			var after map[string]json.RawMessage
			if err := json.Unmarshal(out, &after); err != nil {
				t.Fatalf("%q became %q: %v", body, out, err)
			}
			left := after["pending"]
			delete(after, "pending")
			others := map[string]json.RawMessage{}
			for k, v := range before {
				if k != "pending" {
					others[k] = v
				}
			}
			if !reflect.DeepEqual(others, after) {
				t.Fatalf("%q became %q", body, out)
			}
			var got []Effect
			if left != nil {
				if err := json.Unmarshal(left, &got); err != nil {
					t.Fatal(err)
				}
			}
			if len(got) != len(rest) || (len(rest) == 0) != (left == nil) {
				t.Fatalf("%q became %q, with %d left", body, out, len(rest))
			}
		}
	})
}

// doubled says whether an object may hold "pending" more than once, or in another spelling.
func doubled(body []byte) bool {
	if bytes.Contains(body, []byte(`\u`)) {
		return true
	}
	d := json.NewDecoder(bytes.NewReader(body))
	n, depth := 0, 0
	name := true
	for {
		t, err := d.Token()
		if err != nil {
			return n > 1
		}
		switch v := t.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			if depth == 1 {
				name = true
			}
			continue
		case string:
			if depth == 1 && name {
				if v == "pending" {
					n++
				}
				name = false
				continue
			}
		}
		if depth == 1 {
			name = true
		}
	}
}
