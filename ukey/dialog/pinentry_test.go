package dialog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"certlink/ukey"
)

func TestEscapes(t *testing.T) {
	text := "第一行\n100% \r\x00末"
	if line := escape(text); strings.ContainsAny(line, "\n\r\x00") || string(unescape(line)) != text {
		t.Errorf("%q", line)
	}
	for in, want := range map[string]string{"12%2534": "12%34", "%zz": "%zz", "1%": "1%", "%4": "%4", "%0A": "\n"} {
		if got := string(unescape(in)); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// However long a text is, all of it is shown, in windows that take it.
func TestPages(t *testing.T) {
	long := strings.Repeat("投标文件", 400)
	for _, text := range []string{"", "一行", "a\nb\n\nc", strings.Repeat("第一行 100%\n", 200), long, "a\n" + long + "\nb", strings.Repeat("%", 5000)} {
		all := pages(text, maxText, escaped)
		for _, page := range all {
			if escaped(page) > maxText || page == "" && text != "" || !utf8.ValidString(page) {
				t.Errorf("%.20q: a page of %d bytes", text, escaped(page))
			}
		}
		if strings.Join(all, "") != text {
			t.Errorf("%.20q: not all of it is shown", text)
		}
	}
}

func FuzzPages(f *testing.F) {
	f.Add("a\nb", 3)
	f.Fuzz(func(t *testing.T, text string, most int) {
		if most < 12 { // the longest rune, escaped
			return
		}
		if all := pages(text, most, escaped); strings.Join(all, "") != text {
			t.Errorf("%q is %q", text, all)
		}
	})
}

func TestNoPinentry(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is none on Windows")
	}
	dir := t.TempDir()
	silent := filepath.Join(dir, "silent")
	if err := os.WriteFile(silent, []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	rude := filepath.Join(dir, "rude")
	if err := os.WriteFile(rude, []byte("#!/bin/sh\necho hello; sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none"), silent, rude} {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if _, err := (Pinentry{Path: path}).PIN(ctx, Question{}); !errors.Is(err, ErrNone) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A PIN shows in no message, whatever the verb.
func TestPINsDoNotPrint(t *testing.T) {
	pin := ukey.PIN("314159")
	for _, verb := range []string{"%v", "%s", "%x", "%q", "%#v", "%+v", "%d"} {
		for _, v := range []any{pin, ukey.SignRequest{PIN: pin}, &ukey.DecryptRequest{PIN: pin}} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, "314159") || strings.Contains(out, "333134") || strings.Contains(out, "51 49 52") {
				t.Errorf("%s: %s", verb, out)
			}
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("OK ready\n"))
	f.Add([]byte("D 12%25\nD 34\nOK\n"))
	f.Add([]byte("ERR 83886179 cancelled\n"))
	f.Add([]byte("S STATUS\n# x\n\nOK\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := session{new(bytes.Buffer), bufio.NewReaderSize(bytes.NewReader(raw), 4096)}
		if data, err := s.answer(); err == nil && len(data) > maxData || err != nil && data != nil {
			t.Errorf("%q, %v", data, err)
		}
	})
}
