package bridge

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certlink/internal/id"
)

func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"type":"sign","token":"a","certificate":"b","statement":"e30","language":"en"}`))
	f.Add([]byte(`{"type":"hello","type":"sign"}`))
	f.Add([]byte(`{"type":"hello"}{}`))
	s := New(Config{Origins: []string{"https://a.cn"}})
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := ParseMessage(body)
		if err != nil {
			return
		}
		if m.Type == "" {
			t.Errorf("%q has no type", body)
		}
		if st, err := s.read("https://a.cn", m.Statement); err == nil && st.Get("audience") != "https://a.cn" {
			t.Errorf("%q came through", m.Statement)
		}
	})
}

func TestPairs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x", "pairs.json")
	p, err := OpenPairs(file)
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.Add("https://a.cn", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for range maxPairs {
		if _, err := p.Add("https://a.cn", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	other, err := p.Add("https://b.cn", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if p.Known("https://a.cn", first) || p.Known("https://a.cn", other) || p.Known("https://b.cn", id.Hash(other)) || !p.Known("https://b.cn", other) {
		t.Error("the wrong pages are known")
	}
	if p, err = OpenPairs(file); err != nil || !p.Known("https://b.cn", other) {
		t.Error("a pairing is forgotten", err)
	}
	if err := p.Remove("https://b.cn"); err != nil || p.Known("https://b.cn", other) {
		t.Error("a pairing stays", err)
	}
}

func TestAuditIsBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	a, err := OpenAudit(file)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	now := time.Now()
	for range 2 * maxRefused {
		if err := a.Write(Entry{Act: "refused", At: now, Origin: strings.Repeat("x", 5000)}); err != nil {
			t.Fatal(err)
		}
	}
	if a.size > maxRefused*400 {
		t.Errorf("%d bytes", a.size)
	}
	a.size = maxAudit + 1
	if err := a.Write(Entry{Act: "sign", At: now}); err != nil || a.size > 400 {
		t.Errorf("%d bytes, %v", a.size, err)
	}
}
