package trust_test

import (
	"testing"

	"certlink/trust"
	tt "certlink/trust/trusttest"
)

// One confirmation: read the JWS, verify it, check the certificate's chain. "known"
// has seen the certificate before (the usual case: it was there at the scan), "new"
// never.
func BenchmarkConfirm(b *testing.B) {
	for _, alg := range tt.Algorithms {
		root := tt.Root(b, alg, "root")
		sub := root.Sub(b, alg, "sub")
		policy := trust.Policy{Anchors: tt.Pool(b, root.Cert, sub.Cert), Revocation: offline, Identifiers: trust.DefaultIdentifiers()}
		one := func(b *testing.B, compact string) {
			j, err := trust.ParseJWS(compact)
			must(b, err)
			must(b, j.Verify(j.Leaf().PublicKey()))
			_, err = policy.Check(b.Context(), j.Leaf(), j.Chain[1:], tt.Now, nil)
			must(b, err)
		}
		b.Run(string(alg)+"/known", func(b *testing.B) {
			compact := sub.Leaf(b, alg).JWS(b, statement)
			b.ReportAllocs()
			for b.Loop() {
				one(b, compact)
			}
		})
		b.Run(string(alg)+"/new", func(b *testing.B) {
			b.ReportAllocs()
			b.StopTimer()
			for range b.N {
				compact := sub.Leaf(b, alg).JWS(b, statement)
				b.StartTimer()
				one(b, compact)
				b.StopTimer()
			}
		})
	}
}

// A certificate that has never been seen, before its chain is looked for.
func BenchmarkParseCertificate(b *testing.B) {
	for _, alg := range tt.Algorithms {
		b.Run(string(alg), func(b *testing.B) {
			c := tt.Root(b, alg, "root").Identified(b, alg, "11010519491231002X", "91350100M000100Y43").Cert
			b.ReportAllocs()
			for b.Loop() {
				_, err := trust.ParseAnew(c.Raw)
				must(b, err)
			}
		})
	}
}
