package program

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"certlink/account"
	"certlink/mobilecert"
	"certlink/push"
	"certlink/store"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// opened is a program that is wired and does not run.
func opened(t *testing.T) *Program {
	t.Helper()
	s := Settings{Addr: "127.0.0.1:0", Data: t.TempDir(), Demo: true, Store: "embedded", BindingsEach: 1, StartsPerMin: 30, RequestsPerSec: 1000,
		renewalSettings: renewalSettings{RenewDaysBefore: 90, RenewDaysAfter: 30, BidGraceDays: 7}}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	p := &Program{Settings: s, Log: slog.New(slog.DiscardHandler)}
	if err := p.Open(context.Background(), "http://127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// A bound certificate of another authority is reminded of like one of ours; the letter
// says whom to call.
func TestCertificatesFromElsewhereAreRemindedOf(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := opened(t)
	lina, err := p.Accounts.CreateAccount(ctx, account.System("test"), account.Person{Login: "lina", Name: "李娜", Email: "lina@example.com", OrganisationName: "某某有限公司",
		OrganisationCode: "91330100MA2B1C3D43", Roles: []account.Role{account.Employee}, Password: "correct-horse-battery-7"})
	if err != nil {
		t.Fatal(err)
	}
	cert := trusttest.Root(t, trust.ES256, "Another CA").Leaf(t, trust.ES256).Cert
	now := p.Clock()
	all := mobilecert.Collections()
	kept := all[slices.IndexFunc(all, func(c store.Collection) bool { return c.Name == "bindings" })]
	for i, left := range []time.Duration{20 * 24 * time.Hour, 200 * 24 * time.Hour} {
		b := &mobilecert.Binding{ID: "b" + string(rune('0'+i)), State: mobilecert.Active, Provider: "xibu", ProviderName: mobilecert.Name{ZH: "西部CA", EN: "Western CA"}, Elsewhere: true,
			Certificate: mobilecert.Bound{Content: "c" + string(rune('0'+i)), Serial: cert.SerialHex(), NotAfter: now.Add(left)},
			Account:     mobilecert.BoundAccount{ID: lina.ID}, Slot: i + 1, BoundAt: now}
		body, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		doc := store.Doc{ID: b.ID, Body: body}
		if doc.Index, err = kept.Derive(doc); err != nil {
			t.Fatal(err)
		}
		if err := p.Store.Create(ctx, "bindings", doc); err != nil {
			t.Fatal(err)
		}
	}
	due, next, err := elsewhere{p}.Due(ctx, now, "")
	if err != nil || next != "" || len(due) != 1 || due[0].Mark != "30" || due[0].Account != lina.ID || due[0].Key != boundExpires {
		t.Fatalf("%+v, %q, %v", due, next, err)
	}
	m, err := p.notices.Letter("https://ca.example.cn")(ctx, &push.Message{Data: map[string]string{"key": boundExpires, "account": lina.ID}})
	if err != nil || m == nil || !strings.Contains(m.Text, "西部CA") || !strings.Contains(m.Text, "400-860-0271") || !strings.Contains(m.HTML, "Western CA") {
		t.Fatalf("%+v, %v", m, err)
	}
}

func TestPaidMarks(t *testing.T) {
	for days, want := range map[int]string{0: "", 1: "paid1", 2: "paid1", 3: "paid3", 13: "paid7", 14: "paid14", 20: "paid14", 21: "paid21", 29: "paid28"} {
		if got := paidMark(time.Duration(days)*24*time.Hour + time.Hour); got != want {
			t.Errorf("after %d days: %q, want %q", days, got, want)
		}
	}
}
