package site

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/mobilecert/renewal"
)

var (
	ctx    = context.Background()
	secret = []byte("0123456789abcdef")
	start  = time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
)

// office is an authority's site: it answers what is signed for the question's path.
type office struct {
	*httptest.Server
	clock  *clock.Manual
	asked  []Question
	status int
	answer string
}

func newOffice(t *testing.T) (*office, *Client) {
	t.Helper()
	o := &office{clock: clock.NewManual(start), status: http.StatusOK}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	c, err := New(o.URL+"/", secret, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	return o, c
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var q Question
	if Verify(secret, o.clock.Now(), r.Header.Get(Header), r.URL.Path, body) != nil || json.Unmarshal(body, &q) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	o.asked = append(o.asked, q)
	if o.status/100 == 3 {
		w.Header().Set("Location", o.URL+"/elsewhere")
	}
	w.WriteHeader(o.status)
	io.WriteString(w, o.answer)
}

func TestBegin(t *testing.T) {
	o, c := newOffice(t)
	o.answer = `{"ref":"r-1","url":"https://ca.example.cn/extend/r-1"}`
	got, err := c.Begin(ctx, renewal.SiteRequest{Renewal: "n1", Certificate: []byte("der"), Until: "2027-11-25T08:00:00Z", Back: "https://x.example.cn/"})
	if err != nil || got.Ref != "r-1" || got.URL != "https://ca.example.cn/extend/r-1" {
		t.Fatalf("%+v, %v", got, err)
	}
	if q := o.asked[0]; q.Renewal != "n1" || string(q.Certificate) != "der" || q.Until != "2027-11-25T08:00:00Z" || q.Back != "https://x.example.cn/" {
		t.Errorf("asked %+v", q)
	}
	for name, answer := range map[string]string{
		"no answer": "", "nothing": "{}", "no reference": `{"url":"https://ca.example.cn"}`, "a script": `{"ref":"r","url":"javascript:alert(1)"}`,
		"plain HTTP": `{"ref":"r","url":"http://ca.example.cn/"}`, "a reference in lines": `{"ref":"r\n1","url":"https://ca.example.cn"}`,
		"too much": `{"ref":"r","url":"https://ca.example.cn"}` + strings.Repeat(" ", MaxBody),
	} {
		o.answer = answer
		if got, err := c.Begin(ctx, renewal.SiteRequest{Renewal: "n1"}); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	o.answer = `{"ref":"r","url":"https://ca.example.cn"}`
	for _, o.status = range []int{201, 307, 401, 503} {
		before := len(o.asked)
		if _, err := c.Begin(ctx, renewal.SiteRequest{Renewal: "n1"}); err == nil || len(o.asked) != before+1 {
			t.Errorf("%d: %v, asked %d times", o.status, err, len(o.asked)-before)
		}
	}
}

func TestStatus(t *testing.T) {
	o, c := newOffice(t)
	for _, step := range steps {
		o.answer = `{"step":"` + string(step) + `"}`
		if st, err := c.Status(ctx, "r-1"); err != nil || st.Step != step {
			t.Errorf("%s: %+v, %v", step, st, err)
		}
	}
	if o.asked[0].Ref != "r-1" {
		t.Errorf("asked %+v", o.asked[0])
	}
	o.answer = `{"step":"done","certificate":"ZGVy"}`
	if st, err := c.Status(ctx, "r-1"); err != nil || string(st.Certificate) != "der" {
		t.Errorf("%+v, %v", st, err)
	}
	o.answer = `{"step":"rejected","note":"不\u202e清晰` + strings.Repeat("长", 400) + `"}`
	if st, err := c.Status(ctx, "r-1"); err != nil || !strings.HasPrefix(st.Note, "不清晰长") || len([]rune(st.Note)) != maxNote {
		t.Errorf("%+v, %v", st, err)
	}
	o.answer = `{"step":"paid"}`
	if st, err := c.Status(ctx, "r-1"); err == nil {
		t.Errorf("a step that there is not: %+v", st)
	}
}

// A call-back that is forged, of another time, of another purpose or of no renewal is
// refused; a repeated one is taken, since it is a reason to ask and nothing else.
func TestNotices(t *testing.T) {
	o, c := newOffice(t)
	body := []byte(`{"renewal":"n1"}`)
	good := Sign(secret, start, SubjectNotice, body)
	read := func(header string, body []byte) (string, error) {
		return c.Notice(func(name string) string {
			if name != Header {
				t.Errorf("reads %s", name)
			}
			return header
		}, body)
	}
	for range 2 {
		if id, err := read(good, body); err != nil || id != "n1" {
			t.Fatalf("%q, %v", id, err)
		}
	}
	for name, m := range map[string]struct{ header, body string }{
		"none":             {"", string(body)},
		"another's":        {Sign([]byte("another's secret"), start, SubjectNotice, body), string(body)},
		"another body":     {good, `{"renewal":"n2"}`},
		"another purpose":  {Sign(secret, start, SubjectStatus, body), string(body)},
		"another time":     {strings.Replace(good, "t=1", "t=2", 1), string(body)},
		"no renewal":       {Sign(secret, start, SubjectNotice, []byte("{}")), "{}"},
		"no JSON":          {Sign(secret, start, SubjectNotice, []byte("n1")), "n1"},
		"a renewal's path": {Sign(secret, start, SubjectNotice, []byte(`{"renewal":"a b"}`)), `{"renewal":"a b"}`},
	} {
		if id, err := read(m.header, []byte(m.body)); !errors.Is(err, renewal.ErrNotice) {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
	o.clock.Advance(Window)
	if _, err := read(good, body); err != nil {
		t.Errorf("at the end of the window: %v", err)
	}
	o.clock.Advance(time.Second)
	if _, err := read(good, body); !errors.Is(err, renewal.ErrNotice) {
		t.Errorf("stale: %v", err)
	}
}

func TestSettings(t *testing.T) {
	for _, base := range []string{"", "ca.example.cn", "http://ca.example.cn", "ftp://ca.example.cn", "https://u:p@ca.example.cn", "https://ca.example.cn/?a=b", "https://"} {
		if _, err := New(base, secret, clock.System); err == nil {
			t.Errorf("%q is taken", base)
		}
	}
	if _, err := New("https://ca.example.cn/certlink", secret[1:], clock.System); err == nil {
		t.Error("a short secret is taken")
	}
}

func FuzzNotice(f *testing.F) {
	c, err := New("https://ca.example.cn", secret, func() time.Time { return start })
	if err != nil {
		f.Fatal(err)
	}
	body := []byte(`{"renewal":"n1"}`)
	f.Add(Sign(secret, start, SubjectNotice, body), body)
	f.Add("t=,v1=", []byte(`{"renewal":null}`))
	f.Add("v1=00,t=1", []byte(`{"renewal":"\u0000"}`))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		// What is not signed is refused, and what is says nothing but a name.
		id, err := c.Notice(func(string) string { return header }, body)
		unix, _, _ := strings.Cut(strings.TrimPrefix(header, "t="), ",")
		signed := strings.EqualFold(header, "t="+unix+",v1="+hex.EncodeToString(mac(secret, unix, SubjectNotice, body)))
		if err == nil && !signed || err != nil && id != "" {
			t.Fatalf("%q, %v", id, err)
		}
		id, err = c.Notice(func(string) string { return Sign(secret, start, SubjectNotice, body) }, body)
		if err == nil && !name(id) || err != nil && !errors.Is(err, renewal.ErrNotice) {
			t.Fatalf("%q, %v", id, err)
		}
	})
}
