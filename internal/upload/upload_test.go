package upload

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/internal/seal"
	"certlink/store"
	"certlink/store/sqlite"
)

var ctx = context.Background()

const testKey = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func open(t *testing.T) (*Store, *clock.Manual) {
	t.Helper()
	db, err := sqlite.Open(ctx, t.TempDir(), Collections())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	ring, err := seal.Parse(testKey)
	if err != nil {
		t.Fatal(err)
	}
	c := clock.NewManual(time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC))
	return New(db, c.Now, ring), c
}

func pictureOf(t testing.TB, format string) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 8, 8))
	m.Set(3, 3, color.White)
	var b bytes.Buffer
	var err error
	if format == "png" {
		err = png.Encode(&b, m)
	} else {
		err = jpeg.Encode(&b, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		if _, err := z.Create(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pdf(n int) []byte {
	noise := make([]byte, n)
	for i := range noise {
		noise[i] = byte(rand.IntN(256))
	}
	return append(append([]byte("%PDF-1.7\n"), noise...), "\n%%EOF\n"...)
}

func TestPutAndOpen(t *testing.T) {
	s, _ := open(t)
	for _, size := range []int{1, chunk, 3*chunk + 17} {
		want := pdf(size)
		put, err := s.Put(ctx, "application:1", `C:\scans\张三 营业执照.PDF`, bytes.NewReader(want), Papers...)
		if err != nil {
			t.Fatal(err)
		}
		if put.Name != "张三 营业执照.pdf" || put.Kind != PDF || put.Size != len(want) {
			t.Errorf("put %+v", put)
		}
		f, r, err := s.Open(ctx, put.ID)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) || f.Name != put.Name {
			t.Errorf("read back %d of %d bytes, name %q: %v", len(got), len(want), f.Name, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.Read(make([]byte, 1)); err == nil {
			t.Error("a closed file could be read")
		}
	}
}

// Nothing of a file, its name included, can be read in the database.
func TestSealedAtRest(t *testing.T) {
	s, _ := open(t)
	body := append(pdf(10), "机密内容 plain words\n%%EOF"...)
	f, err := s.Put(ctx, "application:1", "张三的授权书.pdf", bytes.NewReader(body), PDF)
	if err != nil {
		t.Fatal(err)
	}
	for collection, id := range map[string]string{files: f.ID, pieces: place(f.ID, 0)} {
		d, err := s.files.Store.Get(ctx, collection, id)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(d.Body, []byte("张三")) || bytes.Contains(d.Body, []byte("plain words")) {
			t.Errorf("%s holds it in the clear: %.200s", collection, d.Body)
		}
	}
	// A piece in another's place does not open.
	other, err := s.Put(ctx, "application:2", "b.pdf", bytes.NewReader(pdf(5)), PDF)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := s.pieces.Get(ctx, place(other.ID, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.pieces.Update(ctx, place(f.ID, 0), func(mine *piece) error { mine.Data = p.Data; return nil }); err != nil {
		t.Fatal(err)
	}
	_, r, err := s.Open(ctx, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("an exchanged piece was read: %v", err)
	}
}

func TestKinds(t *testing.T) {
	s, _ := open(t)
	all := []Kind{PDF, JPEG, PNG, OFD, XML}
	for _, c := range []struct {
		what string
		data []byte
		want Kind
	}{
		{"a PDF", pdf(3), PDF},
		{"a JPEG", pictureOf(t, "jpeg"), JPEG},
		{"a PNG", pictureOf(t, "png"), PNG},
		{"an OFD", zipOf(t, "OFD.xml", "Doc_0/Document.xml"), OFD},
		{"an XML", []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<EInvoice><a/></EInvoice>"), XML},
		{"a page", []byte("<html><script>alert(1)</script></html>"), ""},
		{"a page with a doctype", []byte("<!DOCTYPE html><html></html>"), ""},
		{"an SVG", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), ""},
		{"entities", []byte(`<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`), ""},
		{"another ZIP", zipOf(t, "word/document.xml"), ""},
		{"half a PDF", []byte("%PDF-1.7\nnothing more"), ""},
		{"a JPEG's first bytes", []byte("\xff\xd8\xff\xe0<script>"), ""},
		{"a PNG's first bytes", []byte("\x89PNG\r\n\x1a\n<script>"), ""},
		{"a huge PNG", hugePNG(t), ""},
		{"two roots", []byte("<a/><b/>"), ""},
		{"text", []byte("hello"), ""},
		{"an executable", []byte("MZ\x90\x00"), ""},
	} {
		f, err := s.Put(ctx, "test:1", "innocent.pdf", bytes.NewReader(c.data), all...)
		switch {
		case c.want == "" && !errors.Is(err, ErrKind):
			t.Errorf("%s was taken as %v: %v", c.what, f, err)
		case c.want != "" && (err != nil || f.Kind != c.want || !strings.HasSuffix(f.Name, c.want.Ending())):
			t.Errorf("%s: %+v, %v", c.what, f, err)
		}
	}
	if _, err := s.Put(ctx, "test:1", "a.xml", strings.NewReader("<a/>"), Papers...); !errors.Is(err, ErrKind) {
		t.Errorf("a kind that is not wanted here: %v", err)
	}
}

// hugePNG says of itself that it is 60000 pixels square.
func hugePNG(t testing.TB) []byte {
	b := bytes.Clone(pictureOf(t, "png"))
	copy(b[16:24], []byte{0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60})
	return b
}

func TestSizes(t *testing.T) {
	s, _ := open(t)
	if _, err := s.Put(ctx, "test:1", "a.pdf", strings.NewReader(""), PDF); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if _, err := s.Put(ctx, "test:1", "a.pdf", bytes.NewReader(pdf(MaxSize)), PDF); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := s.Put(ctx, "test:1", "a.pdf", bytes.NewReader(pdf(MaxSize-100)), PDF); err != nil {
		t.Errorf("just small enough: %v", err)
	}
}

func TestDelete(t *testing.T) {
	s, _ := open(t)
	f, err := s.Put(ctx, "test:1", "a.pdf", bytes.NewReader(pdf(2*chunk)), PDF)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Delete(ctx, f.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Open(ctx, f.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("after its end: %v", err)
	}
	left, _, err := s.pieces.Query(ctx, store.Query{})
	if err != nil || len(left) != 0 {
		t.Errorf("%d pieces are left: %v", len(left), err)
	}
}

// What a crash has left, and what its owner does not name, goes; the rest stays.
func TestSweep(t *testing.T) {
	s, c := open(t)
	named := map[string]bool{}
	s.Owners("application", func(_ context.Context, owner, file string) (bool, error) { return named[owner+file], nil })
	put := func(owner string) *File {
		f, err := s.Put(ctx, owner, "a.pdf", bytes.NewReader(pdf(10)), PDF)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	kept, lost, foreign := put("application:1"), put("application:1"), put("order:1")
	named["application:1"+kept.ID] = true
	half := &File{ID: "half", Owner: "order:1", Chunks: 2, Doubt: kept.Doubt}
	if err := s.files.Create(ctx, half); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, "half"); !errors.Is(err, ErrUnknown) {
		t.Errorf("half a file could be read: %v", err)
	}
	sweep := func() {
		if err := s.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	if _, err := s.Get(ctx, lost.ID); err != nil {
		t.Errorf("swept before its time: %v", err)
	}
	c.Advance(doubtAfter + time.Second)
	sweep()
	for what, id := range map[string]string{"unnamed": lost.ID, "half": "half"} {
		if _, err := s.files.Store.Get(ctx, files, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s is still there: %v", what, err)
		}
	}
	named = nil // asked once only
	sweep()
	for what, f := range map[string]*File{"named": kept, "of an owner that nobody speaks for": foreign} {
		if _, err := s.Get(ctx, f.ID); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// After the keys were changed, and the sweep has run, the old key opens nothing that
// is still needed.
func TestReseal(t *testing.T) {
	s, _ := open(t)
	want := pdf(2 * chunk)
	f, err := s.Put(ctx, "test:1", "甲.pdf", bytes.NewReader(want), PDF)
	if err != nil {
		t.Fatal(err)
	}
	const newer = "k2 ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"
	if s.ring, err = seal.Parse(newer + testKey); err != nil {
		t.Fatal(err)
	}
	for _, stock := range Sealed(s.files.Store, s.ring) {
		if n, err := stock.Reseal(ctx); err != nil || n == 0 {
			t.Fatalf("%s: %d sealed anew, %v", stock.Collection, n, err)
		}
	}
	if s.ring, err = seal.Parse(newer); err != nil {
		t.Fatal(err)
	}
	found, r, err := s.Open(ctx, f.ID)
	if err != nil || found.Name != "甲.pdf" {
		t.Fatal(found, err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"a.pdf": "a.png", "../../etc/passwd": "passwd.png", `C:\x\y.JPG`: "y.png", "": "file.png", "...": "file.png",
		"a\r\nSet-Cookie: x=1.png": "aSet-Cookie x=1.png", "\u202egnp.exe": "gnp.png", "nul\x00.png": "nul.png",
		strings.Repeat("长", 300) + ".png": strings.Repeat("长", 100) + ".png",
	} {
		if got := cleanName(in, PNG); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
}

func FuzzDetect(f *testing.F) {
	f.Add(pdf(3))
	f.Add(pictureOf(f, "jpeg"))
	f.Add(pictureOf(f, "png"))
	f.Add(zipOf(f, "OFD.xml"))
	f.Add([]byte("<a><b/></a>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, ok := detect(data)
		if ok && kind == XML && (bytes.Contains(bytes.ToLower(data), []byte("<!doctype")) && !bytes.Contains(data, []byte("<!--")) && !bytes.Contains(data, []byte("CDATA")) && !bytes.Contains(data, []byte("<?"))) {
			t.Errorf("a document type was taken: %q", data)
		}
		name := cleanName(string(data), kind)
		if strings.ContainsAny(name, "/\\\"\r\n\x00") || len([]rune(name)) > 104 {
			t.Errorf("%q became %q", data, name)
		}
	})
}
