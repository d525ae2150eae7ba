// Package lan makes certlink reachable from a phone on the same network. A
// browser gives a plain-HTTP page neither camera nor cryptography, so the
// server needs HTTPS, and for that a root certificate that the phone installs.
package lan

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Root is the local root: made once in the data directory, so that the phone
// installs it once.
type Root struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// OpenRoot reads the root from dir, or makes it.
func OpenRoot(dir string) (*Root, error) {
	certPath, keyPath := filepath.Join(dir, "lan-root.crt"), filepath.Join(dir, "lan-root.key")
	keyPEM, err := os.ReadFile(keyPath)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeRoot(certPath, keyPath); err != nil {
			return nil, err
		}
		keyPEM, err = os.ReadFile(keyPath)
	}
	if err != nil {
		return nil, err
	}
	certPEM, err := os.ReadFile(certPath)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s and %s do not belong together: %w", certPath, keyPath, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no ECDSA key", keyPath)
	}
	return &Root{pair.Leaf, key, certPEM}, nil
}

func makeRoot(certPath, keyPath string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "certlink local network root (" + host + ")"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(2, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		// Installed on a phone, the root must be worthless for anything but this network.
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"localhost", "local"},
		PermittedIPRanges: privateRanges(),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The certificate first: a key without its certificate would be kept for good.
	if err := os.WriteFile(certPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return err
	}
	return os.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600)
}

func privateRanges() (out []*net.IPNet) {
	for _, s := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128"} {
		_, n, _ := net.ParseCIDR(s)
		out = append(out, n)
	}
	return out
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err)
	}
	return n.Add(n, big.NewInt(1))
}

// Leaf makes a server certificate for the addresses, fresh at each start.
func (r *Root) Leaf(addresses []net.IP) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "certlink"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 3, 0), // phones refuse long-lived ones
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, r.cert, &key.PublicKey, r.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der, r.cert.Raw}, PrivateKey: key}, nil
}

// Address is this machine's first private IPv4 address.
func Address() (net.IP, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsPrivate() {
			return n.IP, nil
		}
	}
	return nil, errors.New("this machine has no private IPv4 address; connect it to the phone's network, or set CERTLINK_ADDR and CERTLINK_PUBLIC_ORIGIN yourself")
}

// RootHandler serves the root certificate for installing, and nothing else.
// It is plain HTTP, since the phone does not trust our HTTPS yet; compare the
// fingerprint with the one printed at start.
func (r *Root) RootHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/root.crt" || req.Method != http.MethodGet {
			http.NotFound(w, req)
			return
		}
		w.Header().Set("Content-Type", "application/x-x509-ca-cert")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		block, _ := pem.Decode(r.pem)
		w.Write(block.Bytes)
	})
}

// Certificate is the root itself.
func (r *Root) Certificate() *x509.Certificate { return r.cert }
