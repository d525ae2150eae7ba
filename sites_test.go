package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/mobilecert/renewal"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/trusttest"
)

// Every mistake in what names the authority's site is told at the start.
func TestMistakesInSiteSettings(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("0123456789abcdef\n")
	for name, c := range map[string]struct {
		s     siteSettings
		names string
	}{
		"none":           {siteSettings{}, ""},
		"both":           {siteSettings{"https://ca.example.cn", good}, ""},
		"no secret":      {siteSettings{"https://ca.example.cn", ""}, "CERTLINK_EXTENSION_SITE_SECRET_FILE"},
		"no address":     {siteSettings{"", good}, "CERTLINK_EXTENSION_SITE_URL"},
		"plain HTTP":     {siteSettings{"http://ca.example.cn", good}, "CERTLINK_EXTENSION_SITE_URL"},
		"no file":        {siteSettings{"https://ca.example.cn", "/nowhere"}, "CERTLINK_EXTENSION_SITE_SECRET_FILE"},
		"a short secret": {siteSettings{"https://ca.example.cn", file("short")}, "CERTLINK_EXTENSION_SITE_SECRET_FILE"},
	} {
		s := settings{Addr: "127.0.0.1:8080", Store: "embedded", siteSettings: c.s}
		err := s.check()
		if err == nil {
			t.Fatal("a setting out of its bounds is taken")
		}
		named := slices.ContainsFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return strings.HasPrefix(line, "CERTLINK_EXTENSION_SITE") })
		if named != (c.names != "") || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s:\n%v", name, err)
		}
	}
}

// Demo mode's site as main wires it: begun over loopback, gone through on its page,
// called back, and the new certificate is there.
func TestTheSiteOfDemoMode(t *testing.T) {
	t.Parallel()
	p, origin := serveProgram(t)
	ctx := context.Background()
	a, err := p.accounts.ByLogin(ctx, "lina")
	if err != nil {
		t.Fatal(err)
	}
	who, err := people{p.accounts}.Person(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	from := p.clock().UTC().Truncate(time.Second)
	old, err := p.authority.Issue(ctx, authority.Request{Key: trusttest.Key(t, trust.SM2SM3).Public(), Subject: authority.Subject{CommonName: who.Name, Organisation: who.Organisation},
		Person: who.IDNumber, Organisation: who.CreditCode, NotBefore: from, NotAfter: from.AddDate(0, 0, 30), Profile: authority.Sign, Serial: authority.NewSerial()})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := p.certificates.Import(ctx, mobilecert.Import{ID: "token", DER: old.Raw, Provider: builtinProvider, Product: "huixin-ukey", Medium: mobilecert.UKey,
		Account: confirm.Party{ID: who.ID, Name: who.Name, OrganisationID: who.OrganisationID, Organisation: who.Organisation},
		Person:  who.IDNumber, CreditCode: who.CreditCode, By: mobilecert.Actor{ID: "r"}})
	if err != nil {
		t.Fatal(err)
	}
	by := mobilecert.Who{Account: who.ID, Name: who.Name, Organisation: who.OrganisationID}
	n, err := p.renewals.Start(ctx, by, doc.ID, confirm.Requester{IP: "192.0.2.7", Browser: "Edge"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.orders.Received(ctx, "reviewer", n.Order, "statement"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); n.State == renewal.Payment; {
		if time.Now().After(deadline) {
			t.Fatal("the payment was not told")
		}
		if err := p.relay.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err = p.renewals.Get(ctx, n.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n, err = p.renewals.Leave(ctx, by, n.ID, "http://127.0.0.1/portal/"); err != nil {
		t.Fatal(err)
	}
	for _, act := range []string{"signin", "material", "pass", "extend"} {
		req, err := http.NewRequest(http.MethodPost, n.Course.URL, strings.NewReader("act="+act))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin) // as the page's own form has it
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK { // of the page that it leads back to
			t.Fatalf("%s: %d", act, resp.StatusCode)
		}
	}
	if n, err = p.renewals.Get(ctx, n.ID); err != nil || n.State != renewal.Extended || n.Course.Proved {
		t.Fatalf("%+v, %v", n, err)
	}
}
