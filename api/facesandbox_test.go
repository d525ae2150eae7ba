package api_test

import (
	"net/http/httptest"
	"testing"

	"certlink/mobilecert/identity"
	"certlink/mobilecert/identity/sandbox"
)

// The page on which whoever tries certlink decides what the service finds.
func TestFaceSandboxPage(t *testing.T) {
	box := new(sandbox.Service)
	w := newWorld(t, func(s *settings) {
		box = sandbox.New(sandbox.Config{NoticeURL: s.api.Origin + "/v1/identity/test/notice", PageURL: s.api.Origin + "/sandbox/face/", Clock: s.api.Clock})
		s.api.FaceSandbox = box
	})
	srv := httptest.NewServer(box)
	defer srv.Close()
	checker := box.Checker(srv.URL)
	started, err := checker.Begin(ctx, "check-1", identity.Person{Name: "李娜", IDNumber: "339900199506090037"}, w.origin+"/portal/")
	check(t, err)
	page := w.browser("lina")
	at := started.URL[len(w.origin):]
	speaksBoth(page, at)
	page.formed(at, "act=mismatch").ok(303)
	r, err := checker.Ask(ctx, "check-1")
	check(t, err)
	if r.State != identity.Mismatched {
		t.Errorf("%+v", r)
	}
	page.formed(at, "act=pass").refused409(t, "check_over")
	if a := page.get("/sandbox/face/none"); a.Status != 404 {
		t.Errorf("%d", a.Status)
	}
}
