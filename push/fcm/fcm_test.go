package fcm_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"certlink/push"
	"certlink/push/fcm"
	"certlink/push/fcm/fcmtest"
)

func sender(t *testing.T, s *fcmtest.Server) *fcm.Sender {
	t.Helper()
	v, err := fcm.New(t.Context(), s.Credentials(t), s.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestANoteHoldsAnIDAndAKeyOnly(t *testing.T) {
	s := fcmtest.New(t)
	if err := sender(t, s).Push(within(t, 5*time.Second), "token-1", push.Note{ID: "p1", Key: "prompt"}); err != nil {
		t.Fatal(err)
	}
	sent := s.Sent()
	if len(sent) != 1 || sent[0].Token != "token-1" || len(sent[0].Data) != 2 || sent[0].Data["id"] != "p1" || sent[0].Data["key"] != "prompt" {
		t.Fatalf("%+v", sent)
	}
	for _, word := range []string{`"body":`, `"title":`, "王", "http"} {
		if strings.Contains(sent[0].Raw, word) {
			t.Errorf("the push holds %s: %s", word, sent[0].Raw)
		}
	}
	if !strings.Contains(sent[0].Raw, `"body_loc_key":"certlink_prompt"`) || !strings.Contains(sent[0].Raw, `"collapse_key":"p1"`) {
		t.Errorf("%s", sent[0].Raw)
	}
}

func TestWhatGoogleSaysIsHeard(t *testing.T) {
	s := fcmtest.New(t)
	v := sender(t, s)
	answer := func(status int, code string, header http.Header) {
		s.Answer(func(string, int) (int, string, http.Header) { return status, code, header })
	}
	note := push.Note{ID: "p1", Key: "prompt"}
	answer(404, "UNREGISTERED", nil)
	if err := v.Push(within(t, 5*time.Second), "gone", note); !errors.Is(err, push.ErrTokenGone) {
		t.Errorf("unregistered: %v", err)
	}
	answer(400, "INVALID_ARGUMENT", nil)
	var permanent *push.PermanentError
	if err := v.Push(within(t, 5*time.Second), "bad", note); !errors.As(err, &permanent) {
		t.Errorf("invalid: %v", err)
	}
	var later *push.RetryAfterError
	answer(429, "QUOTA_EXCEEDED", http.Header{"Retry-After": {"77"}})
	if err := v.Push(within(t, 5*time.Second), "t", note); !errors.As(err, &later) || later.After != 77*time.Second {
		t.Errorf("quota: %v", err)
	}
	answer(429, "QUOTA_EXCEEDED", nil)
	if err := v.Push(within(t, 5*time.Second), "t", note); !errors.As(err, &later) || later.After < 30*time.Second {
		t.Errorf("quota without a time: %v", err)
	}
}

// The SDK repeats a 503 by itself for many seconds; the deadline ends that.
func TestEachSendEndsInItsTime(t *testing.T) {
	s := fcmtest.New(t)
	v := sender(t, s)
	s.Answer(func(string, int) (int, string, http.Header) {
		return 503, "UNAVAILABLE", http.Header{"Retry-After": {"33"}}
	})
	begun := time.Now()
	var later *push.RetryAfterError
	if err := v.Push(within(t, 1500*time.Millisecond), "t", push.Note{ID: "p1", Key: "prompt"}); !errors.As(err, &later) || later.After != 33*time.Second {
		t.Fatalf("what the server said is lost: %v", err)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Fatalf("it took %s", took)
	}
}
