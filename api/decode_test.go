package api

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"certlink/internal/fault"
)

type sample struct {
	Name  string
	Flag  bool
	N     int
	List  []string
	Items []struct{ A, B string }
}

func (s *sample) object() object {
	return object{
		{"name", &s.Name, false}, {"flag", &s.Flag, false}, {"n", &s.N, false}, {"list", &s.List, false},
		{"items", items(func(i int) (object, error) {
			if i >= 3 {
				return nil, ErrRequest.At("/items", "过多", "too many")
			}
			s.Items = append(s.Items, struct{ A, B string }{})
			it := &s.Items[i]
			return object{{"a", &it.A, true}, {"b", &it.B, false}}, nil
		}), false},
	}
}

func TestDecode(t *testing.T) {
	var s sample
	body := ` { "name" : "张\u4f1f \ud83d\ude00\n\"\\\/" , "flag":true,"n":-12,"list":["a","b"],"items":[{"a":"1"},{"b":"","a":"2"}] }` + "\n"
	if err := decode([]byte(body), s.object()); err != nil {
		t.Fatal(err)
	}
	want := sample{Name: "张伟 😀\n\"\\/", Flag: true, N: -12, List: []string{"a", "b"}, Items: []struct{ A, B string }{{"1", ""}, {"2", ""}}}
	if !reflect.DeepEqual(s, want) {
		t.Fatalf("got %+v", s)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		body    string
		code    *fault.Error
		pointer string
	}{
		{``, ErrJSON, ""},
		{`null`, ErrRequest, ""},
		{`[]`, ErrRequest, ""},
		{`"x"`, ErrRequest, ""},
		{`{`, ErrJSON, ""},
		{`{}{}`, ErrJSON, ""},
		{`{} x`, ErrJSON, ""},
		{`{"name":"a",}`, ErrJSON, ""},
		{`{,}`, ErrJSON, ""},
		{`{"name":}`, ErrJSON, "/name"},
		{`{"name" "a"}`, ErrJSON, ""},
		{`{name:"a"}`, ErrJSON, ""},
		{`{'name':"a"}`, ErrJSON, ""},
		{`{"name":"a" "flag":true}`, ErrJSON, ""},
		{`{"Name":"a"}`, ErrRequest, "/Name"},
		{`{"nam\u0065":"a","name":"b"}`, ErrJSON, "/name"},
		{`{"name":"a","name":"a"}`, ErrJSON, "/name"},
		{`{"name":1}`, ErrRequest, "/name"},
		{`{"name":null}`, ErrRequest, "/name"},
		{`{"name":nul}`, ErrJSON, "/name"},
		{`{"name":["a"]}`, ErrRequest, "/name"},
		{`{"flag":"true"}`, ErrRequest, "/flag"},
		{`{"flag":1}`, ErrRequest, "/flag"},
		{`{"n":"1"}`, ErrRequest, "/n"},
		{`{"n":1.5}`, ErrRequest, "/n"},
		{`{"n":1e3}`, ErrRequest, "/n"},
		{`{"n":01}`, ErrJSON, "/n"},
		{`{"n":-}`, ErrRequest, "/n"},
		{`{"n":99999999999999999999}`, ErrRequest, "/n"},
		{`{"list":"a"}`, ErrRequest, "/list"},
		{`{"list":["a",1]}`, ErrRequest, "/list/1"},
		{`{"list":["a",]}`, ErrJSON, "/list/1"},
		{`{"list":[` + strings.Repeat(`"a",`, maxStrings) + `"a"]}`, ErrRequest, "/list/64"},
		{`{"items":[{"a":"1"},{}]}`, ErrRequest, "/items/1/a"},
		{`{"items":[{"a":"1","c":"2"}]}`, ErrRequest, "/items/0/c"},
		{`{"items":[[]]}`, ErrRequest, "/items/0"},
		{`{"items":[{"a":"1"},{"a":"1"},{"a":"1"},{"a":"1"}]}`, ErrRequest, "/items"},
		{`{"a/b~c":1}`, ErrRequest, "/a~1b~0c"},
		{"{\"name\":\"a\x00\"}", ErrJSON, "/name"},
		{"{\"name\":\"a\nb\"}", ErrJSON, "/name"},
		{`{"name":"a\u0000"}`, ErrJSON, "/name"},
		{`{"name":"a\u001f"}`, ErrJSON, "/name"},
		{`{"name":"a\b"}`, ErrJSON, "/name"},
		{`{"name":"\ud800"}`, ErrJSON, "/name"},
		{`{"name":"\ud800\u0041"}`, ErrJSON, "/name"},
		{`{"name":"\udc00\ud800"}`, ErrJSON, "/name"},
		{`{"name":"\u+123"}`, ErrJSON, "/name"},
		{`{"name":"\x41"}`, ErrJSON, "/name"},
		{`{"name":"a`, ErrJSON, "/name"},
		{`{"name":"a\`, ErrJSON, "/name"},
		{"{\"name\":\"\xff\"}", ErrJSON, ""},
		{"\xef\xbb\xbf{}", ErrJSON, ""},
		{strings.Repeat(`{"name":`, 1000), ErrRequest, "/name"},
		{strings.Repeat(`[`, 100000), ErrRequest, ""},
	} {
		err := decode([]byte(c.body), new(sample).object())
		f := fault.Of(err)
		short := c.body[:min(len(c.body), 60)]
		if !errors.Is(err, c.code) {
			t.Errorf("%q: got %v, want %s", short, err, c.code.Code)
			continue
		}
		if len(f.Fields) != 1 || f.Fields[0].Pointer != c.pointer {
			t.Errorf("%q: points at %v, want %q", short, f.Fields, c.pointer)
		}
	}
}

// FuzzDecode: what decode takes, encoding/json reads in the same way; what
// encoding/json refuses, decode refuses.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"name":"a","flag":true,"n":12,"list":["x"],"items":[{"a":"1","b":"2"}]}`,
		`{"name":"\u4f60\ud83d\ude00\\\"\/\n\t"}`, `{"n":-0}`, `{"n":2147483647}`, ` {} `, `{"items":[]}`, `{"name":"a","name":"b"}`, `{"list":[[]]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var s sample
		if err := decode(body, s.object()); err != nil {
			if fault.Of(err) == nil {
				t.Fatalf("refused without a code: %v", err)
			}
			return
		}
		var std struct {
			Name  string                  `json:"name"`
			Flag  bool                    `json:"flag"`
			N     int                     `json:"n"`
			List  []string                `json:"list"`
			Items []struct{ A, B string } `json:"items"`
		}
		if err := json.Unmarshal(body, &std); err != nil {
			t.Fatalf("taken, though encoding/json says %v", err)
		}
		if std.Name != s.Name || std.Flag != s.Flag || std.N != s.N || len(std.List) != len(s.List) || len(std.Items) != len(s.Items) {
			t.Fatalf("read as %+v, by encoding/json as %+v", s, std)
		}
		for i := range std.List {
			if std.List[i] != s.List[i] {
				t.Fatalf("item %d differs", i)
			}
		}
		for i := range std.Items {
			if std.Items[i] != s.Items[i] {
				t.Fatalf("item %d differs", i)
			}
		}
	})
}

func TestPatternsOfBodies(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		fits          bool
	}{
		{"/v1/a/:id/files/:slot", "/v1/a/1/files/licence", true}, {"/v1/a/:id", "/v1/a/1/files", false},
		{"/v1/a/:id", "/v1/a/", false}, {"/v1/a/:id", "/v1/b/1", false}, {"/v1/a", "/v1/a", true}, {"/v1/a/:id/x", "/v1/a/1", false},
	} {
		if fits(c.pattern, c.path) != c.fits {
			t.Errorf("%s, %s", c.pattern, c.path)
		}
	}
}
