package servers

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/mobilecert/renewal"
	"certlink/program"
	"certlink/program/programtest"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/trusttest"
)

// Demo mode's site as main wires it: begun over loopback, gone through on its page,
// called back, and the new certificate is there.
func TestTheSiteOfDemoMode(t *testing.T) {
	t.Parallel()
	p, origin := programtest.Serve(t)
	ctx := context.Background()
	who := programtest.Person(t, p, "lina")
	from := p.Clock().UTC().Truncate(time.Second)
	old, err := p.Authority.Issue(ctx, authority.Request{Key: trusttest.Key(t, trust.SM2SM3).Public(), Subject: authority.Subject{CommonName: who.Name, Organisation: who.Organisation},
		Person: who.IDNumber, Organisation: who.CreditCode, NotBefore: from, NotAfter: from.AddDate(0, 0, 30), Profile: authority.Sign, Serial: authority.NewSerial()})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := p.Certificates.Import(ctx, mobilecert.Import{ID: "token", DER: old.Raw, Provider: program.BuiltinProvider, Product: "huixin-ukey", Medium: mobilecert.UKey,
		Account: confirm.Party{ID: who.ID, Name: who.Name, OrganisationID: who.OrganisationID, Organisation: who.Organisation},
		Person:  who.IDNumber, CreditCode: who.CreditCode, By: mobilecert.Actor{ID: "r"}})
	if err != nil {
		t.Fatal(err)
	}
	by := mobilecert.Who{Account: who.ID, Name: who.Name, Organisation: who.OrganisationID}
	n, err := p.Renewals.Start(ctx, by, doc.ID, confirm.Requester{IP: "192.0.2.7", Browser: "Edge"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Orders.Received(ctx, "reviewer", n.Order, "statement"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); n.State == renewal.Payment; {
		if time.Now().After(deadline) {
			t.Fatal("the payment was not told")
		}
		time.Sleep(20 * time.Millisecond)
		if n, err = p.Renewals.Get(ctx, n.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n, err = p.Renewals.Leave(ctx, by, n.ID, "http://127.0.0.1/portal/"); err != nil {
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
	if n, err = p.Renewals.Get(ctx, n.ID); err != nil || n.State != renewal.Extended || n.Course.Proved {
		t.Fatalf("%+v, %v", n, err)
	}
}
