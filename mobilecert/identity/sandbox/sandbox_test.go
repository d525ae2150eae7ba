package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/mobilecert/identity"
)

// The whole wire: asked, decided on the page, called back; and what is not signed,
// or signed for another thing, is refused by either end.
func TestWire(t *testing.T) {
	ctx, c := context.Background(), clock.NewManual(time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC))
	var checker *Checker
	var told []string
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		ref, err := checker.Notice(r.Header.Get, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		told = append(told, ref)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer ours.Close()
	s := New(Config{NoticeURL: ours.URL, PageURL: "https://ca.example/sandbox/face/", Clock: c.Now})
	theirs := httptest.NewServer(s)
	defer theirs.Close()
	checker = s.Checker(theirs.URL)
	for act, want := range map[Act]identity.State{Pass: identity.Passed, Mismatch: identity.Mismatched} {
		id := "check-" + string(act)
		started, err := checker.Begin(ctx, id, identity.Person{Name: "李娜", IDNumber: "339900199506090037"}, "https://ca.example/back")
		if err != nil || started.Ref != id || started.URL != "https://ca.example/sandbox/face/"+id {
			t.Fatalf("%+v, %v", started, err)
		}
		if f, err := s.Look(id); err != nil || strings.Contains(f.Number, "1995") || f.Name != "李娜" {
			t.Errorf("the page shows %+v, %v", f, err)
		}
		if r, err := checker.Ask(ctx, id); err != nil || r.State != identity.Pending {
			t.Errorf("%+v, %v", r, err)
		}
		if err := s.Do(ctx, id, act); err != nil {
			t.Fatal(err)
		}
		if r, err := checker.Ask(ctx, id); err != nil || r.State != want {
			t.Errorf("%+v, %v", r, err)
		}
		if len(told) == 0 || told[len(told)-1] != id {
			t.Errorf("told %v", told)
		}
		if err := s.Do(ctx, id, act); !errors.Is(err, identity.ErrCheckOver) {
			t.Errorf("decided twice: %v", err)
		}
	}
	if _, err := checker.Ask(ctx, "nothing"); err == nil {
		t.Error("an unknown check is known")
	}
	if err := s.Do(ctx, "nothing", Pass); !errors.Is(err, identity.ErrCheckUnknown) {
		t.Errorf("%v", err)
	}

	// It is down for a while, and then up again.
	if _, err := checker.Begin(ctx, "third", identity.Person{}, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Do(ctx, "third", Down); err != nil {
		t.Fatal(err)
	}
	if _, err := checker.Ask(ctx, "third"); err == nil {
		t.Error("it is not down")
	}
	c.Advance(downTime)
	if r, err := checker.Ask(ctx, "third"); err != nil || r.State != identity.Pending {
		t.Errorf("%+v, %v", r, err)
	}

	// Another's key, another moment, a signature for something else.
	stranger := New(Config{Clock: c.Now}).Checker(theirs.URL)
	if _, err := stranger.Ask(ctx, "third"); err == nil {
		t.Error("a stranger was answered")
	}
	unix := "1764057600"
	for name, h := range map[string]map[string]string{
		"another time":    {headerTime: "1", headerSignature: sign(s.key, "1", "notice", []byte("x"))},
		"another purpose": {headerTime: unix, headerSignature: sign(s.key, unix, "/ask", []byte("x"))},
		"nothing":         {},
	} {
		if _, err := checker.Notice(func(n string) string { return h[n] }, []byte("x")); !errors.Is(err, identity.ErrNotice) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
