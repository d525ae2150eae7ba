package program

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/audit"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/mobilecert/renewal"
	"certlink/store"
)

// put stores a document as the newest version of its room would.
func put(t *testing.T, s store.Store, all []store.Collection, name, id string, v any) {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc := store.Doc{ID: id, Body: body}
	kept := all[slices.IndexFunc(all, func(c store.Collection) bool { return c.Name == name })]
	if doc.Index, err = kept.Derive(doc); err == nil {
		err = s.Create(context.Background(), name, doc)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// One sweep takes the personal data out of all rooms, and the relay what lies beside it.
func TestTheSweepErasesEveryRoom(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := opened(t)
	p.Settings.Retention = retentionSettings{Days: 1825, IdleDays: 365}
	ago := p.Clock().Add(-366 * 24 * time.Hour)
	li := confirm.Party{ID: "li", Name: "李娜", OrganisationID: "org1"}
	put(t, p.Store, renewal.Collections(), "renewals", "n", &renewal.Renewal{ID: "n", State: renewal.Cancelled, Account: li, CreatedAt: ago, EndedAt: &ago,
		Certificate: renewal.Subject{ID: "c", HolderName: "李娜"}})
	put(t, p.Store, identity.Collections(), "identity_checks", "f", &identity.Check{ID: "f", State: identity.Mismatched, Subject: identity.Subject{Kind: renewal.SubjectKind, ID: "n"}, At: ago})
	put(t, p.Store, mobilecert.Collections(), "certificates", "c", &mobilecert.Certificate{ID: "c", State: mobilecert.Declined, Account: li, Key: "k", CreatedAt: ago, EndedAt: &ago,
		Subject: mobilecert.Subject{CommonName: "李娜"}})
	if err := p.erase(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.relay.Run(ctx); err != nil {
		t.Fatal(err)
	}
	n, err := p.Renewals.Get(ctx, "n")
	if err != nil || n.Certificate.HolderName != "" || n.Account.Name != "" || len(n.Pending) != 0 {
		t.Errorf("%+v, %v", n, err)
	}
	c, err := p.Certificates.Get(ctx, "c")
	if err != nil || c.Subject.CommonName != "" || c.Account.Name != "" || len(c.Pending) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := p.faces.Get(ctx, "f"); !errors.Is(err, identity.ErrCheckUnknown) {
		t.Errorf("the face check: %v", err)
	}
	logged, _, err := audit.New(p.Store).List(ctx, "", "", 10)
	var acts []string
	for _, e := range logged {
		acts = append(acts, e.Act)
	}
	if slices.Sort(acts); err != nil || !slices.Equal(acts, []string{"certificate.erased", "renewal.erased"}) {
		t.Errorf("logged %v, %v", acts, err)
	}
}
