package gateway_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/push"
	"certlink/push/gateway"
)

var secret = []byte("0123456789abcdef")

// receiver checks the signature as docs/push.md tells operators to.
func receiver(t *testing.T, status int, header string) (string, *[]map[string]string) {
	var got []map[string]string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		unix, mac, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Certlink-Signature"), "t="), ",v1=")
		if at, err := strconv.ParseInt(unix, 10, 64); err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute || hex.EncodeToString(push.Sign(secret, unix, body)) != mac {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var m map[string]string
		if json.Unmarshal(body, &m) == nil {
			got = append(got, m)
		}
		if header != "" {
			w.Header().Set("Retry-After", header)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, &got
}

func open(t *testing.T, url string) *gateway.Gateway {
	t.Helper()
	g, err := gateway.New("hms", url, secret, clock.System)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNotesAndShortMessages(t *testing.T) {
	url, got := receiver(t, 204, "")
	g := open(t, url)
	if err := errors.Join(g.Push(t.Context(), "token", push.Note{ID: "p1", Key: "prompt"}), g.Text(t.Context(), "m1", "13800000000", "有证书即将到期")); err != nil {
		t.Fatal(err)
	}
	first, second := (*got)[0], (*got)[1]
	if len(first) != 5 || first["to"] != "token" || first["key"] != "prompt" || first["open"] != "p1" || first["kind"] != "hms" {
		t.Errorf("%v", first)
	}
	if len(second) != 4 || second["to"] != "13800000000" || second["text"] != "有证书即将到期" || second["id"] != "m1" {
		t.Errorf("%v", second)
	}
}

func TestAnswersOfTheGateway(t *testing.T) {
	for status, want := range map[int]func(error) bool{
		404: func(err error) bool { return errors.Is(err, push.ErrTokenGone) },
		410: func(err error) bool { return errors.Is(err, push.ErrTokenGone) },
		422: func(err error) bool { var p *push.PermanentError; return errors.As(err, &p) },
		500: func(err error) bool { var p *push.PermanentError; return err != nil && !errors.As(err, &p) },
	} {
		url, _ := receiver(t, status, "")
		if err := open(t, url).Push(t.Context(), "t", push.Note{ID: "p", Key: "k"}); !want(err) {
			t.Errorf("%d: %v", status, err)
		}
	}
	url, _ := receiver(t, 503, "21")
	var later *push.RetryAfterError
	if err := open(t, url).Push(t.Context(), "t", push.Note{ID: "p", Key: "k"}); !errors.As(err, &later) || later.After != 21*time.Second {
		t.Errorf("%v", err)
	}
}

func TestSettings(t *testing.T) {
	for _, url := range []string{"", "ftp://x", "push.example.cn"} {
		if _, err := gateway.New("hms", url, secret, clock.System); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
	if _, err := gateway.New("hms", "https://x", []byte("short"), clock.System); err == nil {
		t.Error("a short secret is taken")
	}
}
