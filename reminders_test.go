package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"certlink/mobilecert"
	"certlink/push"
	"certlink/store"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// A bound certificate of another authority is reminded of like one of ours; the letter
// says whom to call.
func TestCertificatesFromElsewhereAreRemindedOf(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p, _ := serveProgram(t)
	lina, err := p.accounts.ByLogin(ctx, "lina")
	if err != nil {
		t.Fatal(err)
	}
	cert := trusttest.Root(t, trust.ES256, "Another CA").Leaf(t, trust.ES256).Cert
	now := p.clock()
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
		if err := p.store.Create(ctx, "bindings", doc); err != nil {
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
