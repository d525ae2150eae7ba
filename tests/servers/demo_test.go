package servers

import (
	"errors"
	"net/http"
	"testing"

	"certlink/account"
	"certlink/program/programtest"
	"certlink/trust/authority"
)

// A directory that served a demonstration serves for real afterwards: its accounts
// are refused, nothing of its authority is published, and no demo product is left.
func TestDemoIsOverOutsideDemoMode(t *testing.T) {
	t.Parallel()
	srv := newProcess(t)
	srv.start()
	if _, err := programtest.SignIn(t.Context(), srv.origin, "admin", account.DemoPassword); err != nil {
		t.Fatal(err)
	}
	published := srv.origin + "/ca" + authority.IssuerPath(authority.Lines[0])
	answers := func(want int) {
		t.Helper()
		resp, err := http.Get(published)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, not %d", published, resp.StatusCode, want)
		}
	}
	answers(http.StatusOK)
	srv.kill()
	srv.env = append(srv.env, "CERTLINK_DEMO=false")
	srv.start()
	_, err := programtest.SignIn(t.Context(), srv.origin, "admin", account.DemoPassword)
	var r *programtest.Refusal
	if !errors.As(err, &r) || r.Code != "demo_account_refused" {
		t.Errorf("a demo account is answered with %v", err)
	}
	var config struct {
		Demo     bool  `json:"demo"`
		Products []any `json:"products"`
		Logins   []any `json:"demo_logins"`
	}
	anybody := &programtest.Portal{Origin: srv.origin, HTTP: http.DefaultClient}
	if err := anybody.Call(t.Context(), "GET", "/v1/config", nil, &config); err != nil || config.Demo || len(config.Products)+len(config.Logins) > 0 {
		t.Errorf("%+v, %v", config, err)
	}
	answers(http.StatusNotFound)
}
