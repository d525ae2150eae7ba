package storetest

import (
	"strings"
	"testing"

	"certlink/store"
)

func testDocuments(t *testing.T, open Open) {
	s := open(t, schema)
	_, err := s.Get(ctx(t), "things", "a")
	wantErr(t, err, store.ErrNotFound)
	wantErr(t, s.Replace(ctx(t), "things", store.Doc{ID: "a", Rev: 1, Body: []byte("{}")}), store.ErrNotFound)
	wantErr(t, s.Delete(ctx(t), "things", "a", 0), store.ErrNotFound)
	wantErr(t, s.Delete(ctx(t), "things", "a", 1), store.ErrNotFound)

	d := thing("a", `{"n":1}`, values{"owner": "o1", "due": ""})
	d.Rev = 77 // means nothing in Create
	create(t, s, "things", d)
	want(t, s, "things", "a", 1, `{"n":1}`, values{"owner": "o1"})
	wantErr(t, s.Create(ctx(t), "things", thing("a", `{"n":2}`, nil)), store.ErrExists)
	want(t, s, "things", "a", 1, `{"n":1}`, values{"owner": "o1"})

	// The same id in another collection is another document.
	create(t, s, "bare", thing("a", `{"bare":true}`, nil))
	want(t, s, "bare", "a", 1, `{"bare":true}`, nil)

	// Replace needs the revision that is stored, and nothing else will do.
	d = store.Doc{ID: "a", Body: []byte(`{"n":3}`), Index: values{"due": "d1", "slot": "s1"}}
	for _, rev := range []int64{0, 2, -1, 1 << 40} {
		d.Rev = rev
		wantErr(t, s.Replace(ctx(t), "things", d), store.ErrConflict)
	}
	want(t, s, "things", "a", 1, `{"n":1}`, values{"owner": "o1"})
	d.Rev = 1
	if err := s.Replace(ctx(t), "things", d); err != nil {
		t.Fatal(err)
	}
	wantErr(t, s.Replace(ctx(t), "things", d), store.ErrConflict)
	want(t, s, "things", "a", 2, `{"n":3}`, values{"due": "d1", "slot": "s1"})
	if got := found(t, s, "things", store.Equal("owner", "o1")); len(got) != 0 {
		t.Fatalf("a value that was replaced still finds %v", got)
	}
	if got := found(t, s, "things", store.Equal("due", "d1")); len(got) != 1 {
		t.Fatalf("the new value finds %v", got)
	}
	want(t, s, "bare", "a", 1, `{"bare":true}`, nil)

	// Delete, too.
	wantErr(t, s.Delete(ctx(t), "things", "a", 1), store.ErrConflict)
	if err := s.Delete(ctx(t), "things", "a", 2); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(ctx(t), "things", "a")
	wantErr(t, err, store.ErrNotFound)
	if got := found(t, s, "things", store.Equal("due", "d1")); len(got) != 0 {
		t.Fatalf("a deleted document is still found: %v", got)
	}
	want(t, s, "bare", "a", 1, `{"bare":true}`, nil)

	// What is created again begins anew.
	create(t, s, "things", thing("a", `{"n":4}`, nil))
	want(t, s, "things", "a", 1, `{"n":4}`, nil)
	if err := s.Delete(ctx(t), "things", "a", 0); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(ctx(t), "things", "a")
	wantErr(t, err, store.ErrNotFound)

	wantErr(t, s.Ping(ctx(t)), nil)
}

func testBodies(t *testing.T, open Open) {
	s := open(t, schema)
	for id, body := range map[string]string{
		"empty object":                  `{}`,
		"white space":                   "\n{ \"b\" : 1,\t\"a\": 2 }\r\n",
		"key order and repeats":         `{"b":1,"a":2,"b":3}`,
		"numbers":                       `{"n":1e400,"m":0.10,"big":123456789012345678901234567890}`,
		"escapes":                       `{"s":"\u4e2d\/\u0000\ud83d"}`,
		"统一社会信用代码":                      `{"名":"汇信CA（移动证书）","e":"🔑","z":"\u2028` + "\u2028" + `"}`,
		`quotes ' " \ $ . % _ / ? #`:    `{"$set":{"a.b":1}}`,
		"scalar":                        `null`,
		"large":                         `"` + strings.Repeat("0123456789abcdef", 1<<16) + `"`,
		strings.Repeat("long id ", 100): `{"long":true}`,
	} {
		v := values{"owner": id, "due": strings.Repeat(id, 3)}
		create(t, s, "things", thing(id, body, v))
		want(t, s, "things", id, 1, body, v)
		if got := found(t, s, "things", store.Equal("owner", id)); len(got) != 1 || got[0] != id {
			t.Fatalf("%q finds %q", id, got)
		}
		docs, _, err := s.Query(ctx(t), "things", store.Equal("due", strings.Repeat(id, 3)))
		if err != nil || len(docs) != 1 {
			t.Fatalf("query: %d documents, %v", len(docs), err)
		}
		if err := differs(docs[0], id, 1, body, v); err != nil {
			t.Fatal(err)
		}
		replaced := store.Doc{ID: id, Rev: 1, Body: []byte(body + " "), Index: v}
		if err := s.Replace(ctx(t), "things", replaced); err != nil {
			t.Fatal(err)
		}
		want(t, s, "things", id, 2, body+" ", v)
	}
	for name, d := range map[string]store.Doc{
		"no id":           thing("", "{}", nil),
		"id not UTF-8":    thing("\xff", "{}", nil),
		"value not UTF-8": thing("x", "{}", values{"owner": "\xff"}),
		"too large":       thing("x", strings.Repeat(" ", 13<<20), nil),
	} {
		if err := s.Create(ctx(t), "things", d); err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
}

// testOwnCopies: what goes in and what comes out is the caller's to change.
func testOwnCopies(t *testing.T, open Open) {
	s := open(t, schema)
	d := thing("a", `{"n":1}`, values{"owner": "o1"})
	create(t, s, "things", d)
	for range 3 {
		copy(d.Body, "xxxxxxx")
		d.Index["owner"] = "someone else"
		d = get(t, s, "things", "a")
		if err := differs(d, "a", 1, `{"n":1}`, values{"owner": "o1"}); err != nil {
			t.Fatal(err)
		}
		docs, _, err := s.Query(ctx(t), "things", store.Query{})
		if err != nil || len(docs) != 1 {
			t.Fatal(docs, err)
		}
		copy(docs[0].Body, "yyyyyyy")
	}
	d.Body = []byte(`{"n":2}`)
	if err := s.Replace(ctx(t), "things", d); err != nil {
		t.Fatal(err)
	}
	copy(d.Body, "zzzzzzz")
	d.Index["owner"] = "someone else"
	want(t, s, "things", "a", 2, `{"n":2}`, values{"owner": "o1"})
}

func testUndeclared(t *testing.T, open Open) {
	s := open(t, schema)
	c := ctx(t)
	for name, f := range map[string]func(){
		"get":           func() { s.Get(c, "others", "a") },
		"create":        func() { s.Create(c, "others", thing("a", "{}", nil)) },
		"replace":       func() { s.Replace(c, "others", thing("a", "{}", nil)) },
		"delete":        func() { s.Delete(c, "others", "a", 0) },
		"query":         func() { s.Query(c, "others", store.Query{}) },
		"index":         func() { s.Query(c, "things", store.Query{Index: "others"}) },
		"value":         func() { s.Create(c, "things", thing("a", "{}", values{"others": "x"})) },
		"other's index": func() { s.Create(c, "quiet_things", thing("a", "{}", values{"slot": "x"})) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: what was not declared was accepted", name)
				}
			}()
			f()
		}()
	}
}
