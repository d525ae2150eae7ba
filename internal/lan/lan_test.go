package lan

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAPhoneWithTheRootInstalledReachesTheServer(t *testing.T) {
	dir := t.TempDir()
	root, err := OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Certificate().Equal(root.Certificate()) {
		t.Fatal("a second start made another root: the phone would have to install it again")
	}

	// The phone fetches the root in plain HTTP.
	plain := httptest.NewServer(root.RootHandler())
	defer plain.Close()
	resp, err := http.Get(plain.URL + "/root.crt")
	if err != nil {
		t.Fatal(err)
	}
	der, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	installed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if resp, _ := http.Get(plain.URL + "/lan-root.key"); resp.StatusCode != 404 {
		t.Fatalf("the key is served: %d", resp.StatusCode)
	}

	leaf, err := again.Leaf([]net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{leaf}}
	srv.StartTLS()
	defer srv.Close()
	pool := x509.NewCertPool()
	pool.AddCert(installed)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	resp, err = client.Get("https://" + srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestTheRootIsWorthlessOutsideTheLocalNetwork(t *testing.T) {
	root, err := OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := root.Leaf([]net.IP{net.IPv4(8, 8, 8, 8)})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(leaf.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root.Certificate())
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool}); err == nil {
		t.Fatal("a certificate for a public address verifies under the local root")
	}
}
