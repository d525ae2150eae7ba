package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	"certlink/ukey"
	"certlink/ukey/profile"
	"certlink/ukey/soft"
)

var demoProfile = profile.Profile{ID: "demo", NameZH: "演示 U-Key", NameEN: "Demo U-Key", Providers: []string{"huixin"}, Kind: "soft", PIN: "bridge"}

// demoTokens makes software tokens for the first people of a demo server, with
// certificates of its demo authority; those made before are kept while it is the same.
func demoTokens(ctx context.Context, origin, dir string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	d := &demo{origin: origin}
	sum := sha256.Sum256([]byte(origin))
	file := filepath.Join(dir, hex.EncodeToString(sum[:8])+".json")
	issuer, err := d.get(ctx, "/ca/sm2.cer")
	if err != nil {
		return "", fmt.Errorf("no certlink demo server answers at %s; start it with make run: %w", origin, err)
	}
	if kept(file, issuer) {
		return file, nil
	}
	raw, err := d.get(ctx, "/v1/config")
	if err != nil {
		return "", err
	}
	var c struct {
		Logins []struct{ Login, Password, Name, Role string } `json:"demo_logins"`
	}
	if err := json.Unmarshal(raw, &c); err != nil || len(c.Logins) == 0 {
		return "", fmt.Errorf("the server at %s is not in demo mode", origin)
	}
	var tokens []soft.Token
	for _, who := range c.Logins {
		if len(tokens) == 3 || who.Role != "admin" && who.Role != "employee" {
			continue
		}
		t, err := d.token(ctx, who.Login, who.Password, who.Name, len(tokens) == 0)
		if err != nil {
			return "", fmt.Errorf("a demo token for %s: %w", who.Login, err)
		}
		tokens = append(tokens, *t)
	}
	return file, soft.Write(file, tokens)
}

// demoLook is the pause between two questions about new certificates.
const demoLook = 3 * time.Second

// renewed writes what the sandbox of the authority's site has issued to the demo tokens,
// as an authority's own tool does with real ones, until ctx ends. Keys stay as they are.
// The library's process writes the same file when a PIN is tried: whoever is later wins,
// and a certificate that got lost is fetched again.
func renewed(ctx context.Context, origin, file string, log *slog.Logger) {
	d := &demo{origin: origin}
	for tick := time.NewTicker(demoLook); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		tokens, err := soft.Read(file)
		if err != nil {
			continue
		}
		fresh := false
		for i := range tokens {
			got, err := d.newest(ctx, &tokens[i])
			if err != nil {
				break // the server is away, or has nothing new
			}
			fresh = fresh || got
		}
		if !fresh {
			continue
		}
		if err := soft.Write(file, tokens); err != nil {
			log.Error("the new certificate is not written to the demo token", "err", err)
			continue
		}
		log.Info("a new certificate is on a demo token")
	}
}

// newest puts the certificates that were issued for a token's keys in the place of the
// older ones, and says whether there were any.
func (d *demo) newest(ctx context.Context, t *soft.Token) (fresh bool, err error) {
	for _, k := range t.Keys {
		old, err := trust.ParseCertificate(k.Certificate)
		if err != nil || k.Use != ukey.Sign {
			continue
		}
		raw, err := d.get(ctx, "/v1/demo/ukey-certificates/"+old.PublicKeySHA256())
		if err != nil {
			if status := new(statusError); errors.As(err, &status) && status.code == http.StatusNotFound {
				continue
			}
			return fresh, err
		}
		var made certified
		if err := json.Unmarshal(raw, &made); err != nil {
			return fresh, err
		}
		for _, der := range [][]byte{made.Certificate, made.Encryption} {
			fresh = put(t, der) || fresh
		}
	}
	return fresh, nil
}

// put writes a certificate to the key that it is for, unless it is there already.
func put(t *soft.Token, der []byte) bool {
	c, err := trust.ParseCertificate(der)
	if err != nil {
		return false
	}
	for i := range t.Keys {
		old, err := trust.ParseCertificate(t.Keys[i].Certificate)
		if err == nil && old.PublicKeySHA256() == c.PublicKeySHA256() && c.NotAfter().After(old.NotAfter()) {
			t.Keys[i].Certificate = c.Raw
			return true
		}
	}
	return false
}

// kept says whether the tokens of an earlier start are still good.
func kept(file string, issuer []byte) bool {
	tokens, err := soft.Read(file)
	ca, caErr := trust.ParseCertificate(issuer)
	if err != nil || caErr != nil || len(tokens) == 0 {
		return false
	}
	for _, t := range tokens {
		for _, k := range t.Keys {
			c, err := trust.ParseCertificate(k.Certificate)
			if err != nil || time.Now().After(c.NotAfter()) {
				return false
			}
			if alg, err := c.Algorithm(); err == nil && alg == trust.SM2SM3 && c.IssuedBy(ca) != nil {
				return false
			}
		}
	}
	return true
}

type demo struct{ origin string }

func (d *demo) get(ctx context.Context, path string) ([]byte, error) {
	return d.call(ctx, http.DefaultClient, "GET", path, nil)
}

func (d *demo) call(ctx context.Context, client *http.Client, method, path string, in any) ([]byte, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.origin+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", d.origin)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode >= 300 {
		err = &statusError{resp.StatusCode, fmt.Sprintf("%s answers %d %.200s", path, resp.StatusCode, raw)}
	}
	return raw, err
}

type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

// token signs in as a demo person and has keys certified: an SM2 pair, and for one
// person P-256 too, so that there is something to choose.
func (d *demo) token(ctx context.Context, login, password, name string, both bool) (*soft.Token, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Jar: jar}
	if _, err := d.call(ctx, client, "POST", "/v1/session", map[string]string{"login": login, "password": password}); err != nil {
		return nil, err
	}
	first, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	second, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	made, err := d.certify(ctx, client, first, second)
	if err != nil {
		return nil, err
	}
	if both {
		third, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		more, err := d.certify(ctx, client, third, nil)
		if err != nil {
			return nil, err
		}
		made = append(made, more...)
	}
	for i := range made {
		made[i].ID = fmt.Sprint("key-", i+1)
	}
	t := soft.NewToken("DEMO-"+login, "演示 U-Key · "+name, made...)
	return &t, nil
}

type certified struct {
	Certificate []byte `json:"certificate"`
	Encryption  []byte `json:"encryption_certificate"`
}

// certify has a key certified, and a second one for encryption where there is one.
func (d *demo) certify(ctx context.Context, client *http.Client, key, second crypto.Signer) ([]soft.Key, error) {
	requests, keys := map[string][]byte{}, []crypto.Signer{key}
	if second != nil {
		keys = append(keys, second)
	}
	for i, name := range []string{"csr", "encryption_csr"}[:len(keys)] {
		csr, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{}, keys[i])
		if err != nil {
			return nil, err
		}
		requests[name] = csr
	}
	raw, err := d.call(ctx, client, "POST", "/v1/demo/ukey-certificates", requests)
	if err != nil {
		return nil, err
	}
	var answer certified
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, err
	}
	var out []soft.Key
	for i, der := range [][]byte{answer.Certificate, answer.Encryption}[:len(keys)] {
		if len(der) == 0 {
			return nil, errors.New("there is no certificate in the answer")
		}
		pkcs8, err := smx509.MarshalPKCS8PrivateKey(keys[i])
		if err != nil {
			return nil, err
		}
		out = append(out, soft.Key{Use: []ukey.Use{ukey.Sign, ukey.Encrypt}[i], PKCS8: pkcs8, Certificate: der})
	}
	return out, nil
}
