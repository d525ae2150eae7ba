package mobilecert

import (
	"strconv"
	"sync/atomic"
	"testing"

	"certlink/trust"
	"certlink/trust/trusttest"
)

// What one certificate costs from the request to the record, without HTTP.
func BenchmarkIssueDirect(b *testing.B) {
	w := newWorld(b)
	who, err := w.people.Person(ctx, "li")
	check(b, err)
	csrs := make([][]byte, b.N)
	for i := range csrs {
		csrs[i] = trusttest.CSR(b, trusttest.Key(b, trust.ES256))
	}
	var n atomic.Int64
	b.ResetTimer()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(n.Add(1)) - 1
			if _, err := w.certs.IssueDirect(ctx, Direct{Request: strconv.Itoa(i), By: Actor{ID: "program"}, Product: "demo-p256", Person: who, CSR: csrs[i]}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
