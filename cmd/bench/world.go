package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"certlink/trust"
)

// world is what stands around the server: the authority whose certificates are bound,
// and the identity service that people sign in at. It is written into a directory, with
// the two files that a server is started with to believe in it.
type world struct {
	dir       string
	authority *authority
	signer    *rsa.PrivateKey // of the identity service
	jwks      *http.Server
}

const (
	provider         = "bench"
	issuerName       = "bench"
	issuerURL        = "https://id.bench.invalid"
	audience         = "certlink"
	kid              = "bench-1"
	creditCode       = "91350100M000100Y43"
	organisationName = "基准测试有限公司"
)

var algorithms = []trust.Algorithm{trust.ES256, trust.RS256, trust.SM2SM3}

// openWorld reads the world in dir, or makes one there. source is that of -revocation.
func openWorld(dir string, alg trust.Algorithm, source string) (*world, error) {
	if _, err := os.Stat(filepath.Join(dir, "catalogue.json")); errors.Is(err, fs.ErrNotExist) {
		if err := makeWorld(dir); err != nil {
			return nil, err
		}
	}
	w := &world{dir: dir}
	address, err := addressOf(dir)
	if err != nil {
		return nil, err
	}
	if err := demand(dir, source); err != nil {
		return nil, err
	}
	if w.authority, err = loadAuthority(dir, alg, "http://"+address, source); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "identity.pem"))
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(text)
	if b == nil {
		return nil, errors.New("identity.pem holds no PEM")
	}
	if w.signer, err = x509.ParsePKCS1PrivateKey(b.Bytes); err != nil {
		return nil, err
	}
	return w, w.serve(address)
}

func makeWorld(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// Keys and lists are served on a fixed port, which stands in the server's settings
	// and in certificates.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil {
		return err
	}
	var anchors []string
	for _, alg := range algorithms {
		a, err := newAuthority(alg, "http://"+address)
		if err != nil {
			return err
		}
		if err := a.save(dir); err != nil {
			return err
		}
		root, _, _ := a.files(dir)
		anchors = append(anchors, filepath.Base(root))
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(filepath.Join(dir, "identity.pem"), text, 0o600); err != nil {
		return err
	}
	if err := write(dir, "issuers.json", []any{map[string]any{
		"name": issuerName, "issuer": issuerURL, "audience": audience, "jwks": "http://" + address + "/jwks",
		"algorithms": []string{"RS256"}, "roles": map[string]string{"admin": "admin", "integrator": "integrator"},
	}}); err != nil {
		return err
	}
	// The second provider is that of the server's own authority, for job issue.
	own := map[string]any{
		"id": "huixin", "name_zh": "汇信CA", "name_en": "Huixin CA",
		"phones": []any{map[string]string{"label_zh": "热线", "label_en": "Line", "number": "000-000-0001"}},
		"media":  map[string]any{"mobile": map[string]string{"zh": "移动证书", "en": "Mobile certificate"}},
	}
	return write(dir, "catalogue.json", map[string]any{"version": 1, "providers": []any{own, map[string]any{
		"id": provider, "name_zh": "基准CA", "name_en": "Benchmark CA",
		"phones":  []any{map[string]string{"label_zh": "热线", "label_en": "Line", "number": "000-000-0000"}},
		"media":   map[string]any{"mobile": map[string]string{"zh": "移动证书", "en": "Mobile certificate"}},
		"anchors": anchors, "revocation": "none",
	}}})
}

func write(dir, name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), text, 0o600)
}

// addressOf is where the world in dir answers, as issuers.json says.
func addressOf(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "issuers.json"))
	if err != nil {
		return "", err
	}
	var list []struct{ JWKS string }
	if err := json.Unmarshal(text, &list); err != nil || len(list) != 1 {
		return "", fmt.Errorf("issuers.json: %v", err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(list[0].JWKS, "http://"), "/jwks"), nil
}

// serve publishes the identity service's key, and what the authority says about its
// certificates.
func (w *world) serve(address string) error {
	b64 := base64.RawURLEncoding
	keys, err := json.Marshal(map[string]any{"keys": []any{map[string]string{"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
		"n": b64.EncodeToString(w.signer.N.Bytes()), "e": b64.EncodeToString(big.NewInt(int64(w.signer.E)).Bytes())}}})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/jwks", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(keys)
	})
	if err := w.revocation(mux); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("the keys of the benchmark's identity service must be served at %s: %w", address, err)
	}
	w.jwks = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: mux}
	go w.jwks.Serve(ln)
	return nil
}

func (w *world) close() {
	if w.jwks != nil {
		w.jwks.Close()
	}
}

// token is what one person shows the server with every call.
func (w *world) token(subject, name string, roles ...string) (string, error) {
	now := time.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": issuerURL, "aud": audience, "sub": subject, "name": name, "roles": roles,
		"org_code": creditCode, "org_name": organisationName,
		"iat": now.Unix(), "exp": now.Add(12 * time.Hour).Unix(),
	})
	t.Header["kid"] = kid
	return t.SignedString(w.signer)
}
