package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"certlink/internal/clock"
	"certlink/mobilecert/renewal"
)

// Client is the adapter.
type Client struct {
	base   string
	secret []byte
	clock  clock.Clock
	client *http.Client
}

var _ renewal.Site = (*Client)(nil)

// New checks the settings and makes the adapter.
func New(base string, secret []byte, c clock.Clock) (*Client, error) {
	if u := address(base); u == nil || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%q is not an https address such as https://ca.example.cn/certlink", base)
	}
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("the secret must have at least %d characters", MinSecret)
	}
	return &Client{strings.TrimRight(base, "/"), secret, c, &http.Client{
		Timeout: 10 * time.Second,
		// A redirect would carry signed questions to a place nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// address reads an address that may be asked, or that people may be led to: https, or
// plain HTTP on this machine.
func address(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || len(s) > 2048 {
		return nil
	}
	host, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && host.IsLoopback()) {
		return u
	}
	return nil
}

func (c *Client) ask(ctx context.Context, path string, q Question, answer any) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(Header, Sign(c.secret, c.clock(), path, body))
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the authority's site answered %d", resp.StatusCode)
	}
	if len(out) > MaxBody {
		return errors.New("the authority's site answered at too great a length")
	}
	return json.Unmarshal(out, answer)
}

// Begin opens an extension.
func (c *Client) Begin(ctx context.Context, r renewal.SiteRequest) (*renewal.SiteOrder, error) {
	var a Begun
	q := Question{Renewal: r.Renewal, Certificate: r.Certificate, Until: r.Until, Back: r.Back}
	if err := c.ask(ctx, SubjectBegin, q, &a); err != nil {
		return nil, err
	}
	if !name(a.Ref) || address(a.URL) == nil {
		return nil, errors.New("the authority's site answered without a reference or an address")
	}
	return &renewal.SiteOrder{Ref: a.Ref, URL: a.URL}, nil
}

var steps = []renewal.Step{renewal.StepMaterial, renewal.StepReview, renewal.StepApproved, renewal.StepRejected, renewal.StepDone}

// Status asks how an extension stands.
func (c *Client) Status(ctx context.Context, ref string) (*renewal.SiteStatus, error) {
	var a Stands
	if err := c.ask(ctx, SubjectStatus, Question{Ref: ref}, &a); err != nil {
		return nil, err
	}
	st := &renewal.SiteStatus{Step: renewal.Step(a.Step), Note: note(a.Note), Certificate: a.Certificate}
	if !slices.Contains(steps, st.Step) {
		return nil, fmt.Errorf("the authority's site tells of a step %.32q that there is not", a.Step)
	}
	return st, nil
}

// Notice reads a call-back.
func (c *Client) Notice(header func(string) string, body []byte) (string, error) {
	if len(body) > MaxBody {
		return "", renewal.ErrNotice
	}
	if err := Verify(c.secret, c.clock(), header(Header), SubjectNotice, body); err != nil {
		return "", renewal.ErrNotice.Because(err)
	}
	return notice(body)
}

// notice reads what a call-back is about.
func notice(body []byte) (string, error) {
	var n Notice
	if err := json.Unmarshal(body, &n); err != nil || !name(n.Renewal) {
		return "", renewal.ErrNotice.Becausef("it names no renewal")
	}
	return n.Renewal, nil
}

// name says whether s can be an id or a reference.
func name(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// maxNote bounds what people read of a site's note, in characters.
const maxNote = 300

// note keeps of a note what a page can show as it is.
func note(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > maxNote {
		s = string(runes[:maxNote])
	}
	return s
}
