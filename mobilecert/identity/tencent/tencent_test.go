package tencent

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"certlink/mobilecert/identity"
)

const (
	testID  = "AKIDtest"
	testKey = "secret-key-of-the-test"
)

// cloud is the service as its documentation describes it: it verifies the signature
// TC3-HMAC-SHA256 of each request by itself.
type cloud struct {
	t    *testing.T
	code string // of the next result, as JSON
	fail string // an error's code
	seen []map[string]any
}

func mac(key []byte, s string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(s))
	return m.Sum(nil)
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// signature computes what the Authorization header must hold.
func signature(r *http.Request, body []byte) (string, error) {
	unix, err := strconv.ParseInt(r.Header.Get("X-TC-Timestamp"), 10, 64)
	if err != nil {
		return "", err
	}
	day := time.Unix(unix, 0).UTC().Format("2006-01-02")
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ := strings.Cut(rest, ",")
	var headers strings.Builder
	for _, n := range strings.Split(names, ";") {
		v := r.Header.Get(n)
		if n == "host" {
			v = r.Host
		}
		fmt.Fprintf(&headers, "%s:%s\n", n, strings.TrimSpace(v))
	}
	canonical := strings.Join([]string{r.Method, "/", r.URL.RawQuery, headers.String(), names, sum(body)}, "\n")
	scope := day + "/faceid/tc3_request"
	text := strings.Join([]string{"TC3-HMAC-SHA256", strconv.FormatInt(unix, 10), scope, sum([]byte(canonical))}, "\n")
	key := mac(mac(mac([]byte("TC3"+testKey), day), "faceid"), "tc3_request")
	return fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", testID, scope, names, hex.EncodeToString(mac(key, text))), nil
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	want, err := signature(r, body)
	answer := func(v string) { fmt.Fprintf(w, `{"Response":{%s,"RequestId":"r-1"}}`, v) }
	switch {
	case err != nil || r.Header.Get("Authorization") != want || !strings.Contains(want, "host"):
		answer(`"Error":{"Code":"AuthFailure.SignatureFailure","Message":"the signature is not good"}`)
		return
	case r.Header.Get("X-TC-Version") != "2018-03-01":
		answer(`"Error":{"Code":"InvalidParameter","Message":"version"}`)
		return
	case c.fail != "":
		answer(fmt.Sprintf(`"Error":{"Code":%q,"Message":"as the test says"}`, c.fail))
		return
	}
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		c.t.Error(err)
	}
	in["Action"] = r.Header.Get("X-TC-Action")
	c.seen = append(c.seen, in)
	switch in["Action"] {
	case "DetectAuth":
		answer(`"Url":"https://open.faceid.qq.com/v1/web?token=t1","BizToken":"biz-1"`)
	case "GetDetectInfoEnhanced":
		answer(fmt.Sprintf(`"Text":{"ErrCode":%s,"ErrMsg":"","IdCard":"x"}`, c.code))
	default:
		answer(`"Error":{"Code":"InvalidAction","Message":"no"}`)
	}
}

func start(t *testing.T) (*cloud, *Checker) {
	t.Helper()
	c := &cloud{t: t, code: "null"}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	return c, New(Config{SecretID: testID, SecretKey: testKey, Rule: "7", Region: "ap-guangzhou", Endpoint: strings.TrimPrefix(srv.URL, "http://"), Scheme: "HTTP"})
}

func TestSignedRequests(t *testing.T) {
	ctx := context.Background()
	c, checker := start(t)
	started, err := checker.Begin(ctx, "check-1", identity.Person{Name: "李娜", IDNumber: "339900199506090037"}, "https://ca.example/back")
	if err != nil || started.Ref != "biz-1" || started.URL != "https://open.faceid.qq.com/v1/web?token=t1" {
		t.Fatalf("%+v, %v", started, err)
	}
	if in := c.seen[0]; in["Name"] != "李娜" || in["IdCard"] != "339900199506090037" || in["RuleId"] != "7" || in["RedirectUrl"] != "https://ca.example/back" || in["Extra"] != "check-1" {
		t.Errorf("asked with %v", in)
	}
	for code, want := range map[string]identity.State{
		"null": identity.Pending, "17": identity.Pending, "0": identity.Passed,
		// It is not the person, or the person is not seen.
		"16": identity.Mismatched, "301": identity.Mismatched, "1002": identity.Mismatched, "1004": identity.Mismatched, "1202": identity.Mismatched,
		"2005": identity.Mismatched, "2006": identity.Mismatched, "2015": identity.Mismatched, "2016": identity.Mismatched, "77777": identity.Mismatched,
		// The service could not.
		"4": identity.Failed, "13": identity.Failed, "15": identity.Failed, "202": identity.Failed, "204": identity.Failed, "1001": identity.Failed,
		"1006": identity.Failed, "1008": identity.Failed, "2001": identity.Failed, "2017": identity.Failed,
	} {
		c.code = code
		r, err := checker.Ask(ctx, "biz-1")
		if err != nil || r.State != want {
			t.Errorf("%s: %+v, %v", code, r, err)
		}
	}
	if in := c.seen[len(c.seen)-1]; in["BizToken"] != "biz-1" || in["InfoType"] != "1" {
		t.Errorf("asked with %v", in)
	}
	if _, err := checker.Notice(nil, nil); !errors.Is(err, identity.ErrNotice) {
		t.Errorf("%v", err)
	}
}

// What the service refuses, and a wrong key, are errors: nothing is said of a person.
func TestErrors(t *testing.T) {
	ctx := context.Background()
	c, checker := start(t)
	c.fail = "RequestLimitExceeded.Test"
	if _, err := checker.Ask(ctx, "biz-1"); err == nil || !strings.Contains(err.Error(), "RequestLimitExceeded") {
		t.Errorf("%v", err)
	}
	if _, err := checker.Begin(ctx, "c", identity.Person{}, ""); err == nil {
		t.Error("began all the same")
	}
	c.fail = ""
	srv := httptest.NewServer(c)
	defer srv.Close()
	wrong := New(Config{SecretID: testID, SecretKey: "another", Rule: "7", Endpoint: strings.TrimPrefix(srv.URL, "http://"), Scheme: "HTTP"})
	if _, err := wrong.Ask(ctx, "biz-1"); err == nil || !strings.Contains(err.Error(), "SignatureFailure") {
		t.Errorf("a wrong key: %v", err)
	}
}
