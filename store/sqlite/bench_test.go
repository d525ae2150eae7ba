package sqlite

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"certlink/internal/id"
	"certlink/store"
)

var benchSchema = []store.Collection{{Name: "sessions", Feed: true, Indexes: []store.Index{
	{Name: "code", Unique: true}, {Name: "owner"}, {Name: "due"},
}}}

// benchDoc is about what a confirmation session looks like: 1.5 kB, one random
// unique value, one repeated and one in time order.
func benchDoc(n int64) store.Doc {
	return store.Doc{ID: id.New(), Body: []byte(`{"pad":"` + strings.Repeat("x", 1500) + `"}`), Index: map[string]string{
		"code": rand.Text(), "owner": fmt.Sprint("account", n%500), "due": store.TimeKey(time.Unix(n, 0)),
	}}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// parallel runs f from 32 callers and reports operations a second and processor
// time an operation: on a shared machine only the latter means much.
func parallel(b *testing.B, f func(i int64) error) {
	b.SetParallelism(16) // times GOMAXPROCS
	b.ReportAllocs()
	var n atomic.Int64
	b.ResetTimer()
	before := processorTime()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f(n.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	b.ReportMetric(float64((processorTime()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func BenchmarkCreate(b *testing.B) {
	db := open(b, b.TempDir(), benchSchema)
	docs := make([]store.Doc, b.N)
	for i := range docs {
		docs[i] = benchDoc(int64(i))
	}
	parallel(b, func(i int64) error { return db.Create(b.Context(), "sessions", docs[i-1]) })
}

// filled is a store with some documents, as they were created.
func filled(b *testing.B, n int, opts ...Option) (*DB, []store.Doc) {
	db := open(b, b.TempDir(), benchSchema, opts...)
	docs := make([]store.Doc, n)
	next := make(chan int, n)
	for i := range docs {
		docs[i] = benchDoc(int64(i))
		docs[i].Rev = 1
		next <- i
	}
	close(next)
	done := make(chan error)
	defer foldAll(b, db)
	for range 32 {
		go func() {
			for i := range next {
				if err := db.Create(b.Context(), "sessions", docs[i]); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 32 {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	return db, docs
}

// BenchmarkReplace swaps the body and one value of documents in turn.
func BenchmarkReplace(b *testing.B) {
	db, docs := filled(b, 2000)
	var taken [2000]atomic.Bool
	parallel(b, func(i int64) error {
		n := i % 2000
		for !taken[n].CompareAndSwap(false, true) {
			n = (n + 1) % 2000
		}
		defer taken[n].Store(false)
		d := docs[n]
		d.Index = map[string]string{"code": d.Index["code"], "owner": d.Index["owner"], "due": store.TimeKey(time.Unix(i, 0))}
		err := db.Replace(b.Context(), "sessions", d)
		docs[n].Rev++
		return err
	})
}

func BenchmarkGet(b *testing.B) {
	db, docs := filled(b, 2000)
	parallel(b, func(i int64) error {
		_, err := db.Get(b.Context(), "sessions", docs[i%2000].ID)
		return err
	})
}

func BenchmarkGetFromFile(b *testing.B) {
	db, docs := filled(b, 2000, WithCache(0))
	parallel(b, func(i int64) error {
		_, err := db.Get(b.Context(), "sessions", docs[i%2000].ID)
		return err
	})
}

func BenchmarkQueryOne(b *testing.B) {
	db, docs := filled(b, 2000)
	parallel(b, func(i int64) error {
		found, _, err := db.Query(b.Context(), "sessions", store.Equal("code", docs[i%2000].Index["code"]))
		if err == nil && len(found) != 1 {
			return fmt.Errorf("found %d", len(found))
		}
		return err
	})
}

// BenchmarkMixed is the mix of a confirmation: eight writes to ten reads, two of
// them queries.
func BenchmarkMixed(b *testing.B) {
	db, docs := filled(b, 2000)
	var taken [2000]atomic.Bool
	parallel(b, func(i int64) error {
		n := i * 7 % 2000
		for !taken[n].CompareAndSwap(false, true) {
			n = (n + 1) % 2000
		}
		defer taken[n].Store(false)
		switch k := i % 18; {
		case k < 2:
			return db.Create(b.Context(), "sessions", benchDoc(i))
		case k < 8:
			err := db.Replace(b.Context(), "sessions", docs[n])
			docs[n].Rev++
			return err
		case k < 10:
			_, _, err := db.Query(b.Context(), "sessions", store.Equal("code", docs[n].Index["code"]))
			return err
		default:
			_, err := db.Get(b.Context(), "sessions", docs[n].ID)
			return err
		}
	})
}
