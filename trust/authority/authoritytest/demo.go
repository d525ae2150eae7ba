// Package authoritytest lends tests a demo authority.
package authoritytest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"certlink/trust/authority"
	"certlink/trust/trusttest"
)

var demo = sync.OnceValues(func() (*authority.Authority, error) {
	dir, err := os.MkdirTemp("", "certlink-demo-ca")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	at := func() time.Time { return trusttest.Start }
	return authority.OpenDemo(filepath.Join(dir, "ca"), authority.Options{BaseURL: "https://ca.example.cn/ca", Clock: at})
})

// Demo is the same for all tests of a program: RSA keys take long to find, so it is
// made once.
func Demo(t testing.TB) *authority.Authority {
	t.Helper()
	ca, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}
