package api_test

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"certlink/mobilecert/renewal"
	"certlink/mobilecert/renewal/site/sandbox"
	"certlink/store"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/trusttest"
)

// The page on which whoever tries certlink goes the course at the authority's site.
func TestSiteSandboxPage(t *testing.T) {
	box := new(sandbox.Service)
	m, err := template()
	check(t, err)
	w := newWorld(t, func(s *settings) {
		config := sandbox.Config{NoticeURL: s.api.Origin + "/v1/extension-site/notice", PageURL: s.api.Origin + "/sandbox/extension/", Clock: s.api.Clock, Authority: m.ca}
		s.api.SiteSandbox = box
		s.store = func(db store.Store) store.Store {
			config.Store = db
			*box = *sandbox.New(config)
			return db
		}
	})
	srv := httptest.NewServer(box)
	defer srv.Close()
	site, err := box.Site(srv.URL)
	check(t, err)
	from := w.clock.Now().UTC().Truncate(time.Second)
	old, err := m.ca.Issue(ctx, authority.Request{Key: trusttest.Key(t, trust.SM2SM3).Public(), Subject: authority.Subject{CommonName: "李娜"},
		NotBefore: from, NotAfter: from.AddDate(0, 0, 30), Profile: authority.Sign, Serial: authority.NewSerial()})
	check(t, err)
	begun, err := site.Begin(ctx, renewal.SiteRequest{Renewal: "n1", Certificate: old.Raw, Until: from.AddDate(1, 0, 0).Format(time.RFC3339), Back: w.origin + "/portal/"})
	check(t, err)
	page := w.browser("lina")
	at := begun.URL[len(w.origin):]
	for _, act := range []sandbox.Act{sandbox.SignIn, sandbox.Hand, sandbox.Pass, sandbox.Extend} {
		if body := string(page.get(at).ok(200).Body); !strings.Contains(body, "sandbox") || !strings.Contains(body, `value="`+string(act)+`"`) {
			t.Errorf("the page does not offer %s", act)
		}
		page.formed(at, "act="+string(act)).ok(303)
	}
	speaksBoth(page, at)
	page.formed(at, "act=extend").refused409(t, "renewal_state_wrong")
	st, err := site.Status(ctx, begun.Ref)
	check(t, err)
	var made struct{ Certificate []byte }
	w.client().get("/v1/demo/ukey-certificates/"+old.PublicKeySHA256()).ok(200, &made)
	if !bytes.Equal(made.Certificate, st.Certificate) {
		t.Error("the token is given another certificate")
	}
	if c, err := trust.ParseCertificate(st.Certificate); err != nil || st.Step != renewal.StepDone || !c.NotAfter().After(old.NotAfter()) {
		t.Errorf("%+v, %v", st, err)
	}
	if a := page.get("/sandbox/extension/none"); a.Status != 404 {
		t.Errorf("%d", a.Status)
	}
}
