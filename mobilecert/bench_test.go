package mobilecert

import (
	"fmt"
	"sync/atomic"
	"testing"

	"certlink/confirm"
	"certlink/trust"
)

var next atomic.Int64

// What the package adds to every confirmation: the standing of the certificate
// (unknown here) and the check of the purpose.
func BenchmarkStandingOfUnknown(b *testing.B) {
	w := newWorld(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := w.certs.Standing(ctx, fmt.Sprintf("%064d", i)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStandingOfIssued(b *testing.B) {
	w := newWorld(b)
	h, _ := w.collected("li", "demo-p256", newHandset(b))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.certs.Standing(ctx, h.Cert.ContentID()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckOfBind(b *testing.B) {
	w := newWorld(b)
	h := w.leaf(idLi, code1)
	s, err := w.asked("li", "li", "ca2").Parsed()
	check(b, err)
	policy, err := w.cat.Policy("ca2")
	check(b, err)
	checked, err := policy.Check(ctx, h.Cert, nil, w.clock.Now(), nil)
	check(b, err)
	signer := confirm.Signer{Certificate: h.Cert, Identity: checked.Identity}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.bind.Check(ctx, s, signer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBindingCreated(b *testing.B) {
	w := newWorld(b)
	w.slots = 1 << 30
	w.server = w.start(w.store)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			w.put(int(next.Add(1)))
		}
	})
}

func BenchmarkMaskName(b *testing.B) {
	const subject = "CN=张三,O=某某有限公司,C=CN"
	for name, x := range map[string]struct {
		subject string
		id      trust.Identity
	}{
		"without": {subject, trust.Identity{Person: idLi}},
		"with":    {"serialNumber=" + idLi + "," + subject, trust.Identity{Person: idLi}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				maskName(x.subject, x.id)
			}
		})
	}
}
