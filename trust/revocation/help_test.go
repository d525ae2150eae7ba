package revocation_test

import (
	"bytes"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

func bigInt(n int64) *big.Int { return big.NewInt(n) }

func pemCRL(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// indexOf finds part in data; it must be there.
func indexOf(data, part []byte) int {
	i := bytes.Index(data, part)
	if i < 0 {
		panic("not there")
	}
	return i
}

// waitFor waits until something comes true that happens by itself.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came true")
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
