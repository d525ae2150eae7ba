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
		err = fmt.Errorf("%s answers %d %.200s", path, resp.StatusCode, raw)
	}
	return raw, err
}

// token signs in as a demo person and has keys certified: SM2, and for one person
// P-256 too, so that there is something to choose.
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
	keys := []crypto.Signer{first}
	if both {
		second, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		keys = append(keys, second)
	}
	var made []soft.Key
	for i, key := range keys {
		cert, err := d.certify(ctx, client, key)
		if err != nil {
			return nil, err
		}
		pkcs8, err := smx509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		made = append(made, soft.Key{ID: fmt.Sprint("key-", i+1), Use: ukey.Sign, PKCS8: pkcs8, Certificate: cert})
	}
	t := soft.NewToken("DEMO-"+login, "演示 U-Key · "+name, made...)
	return &t, nil
}

func (d *demo) certify(ctx context.Context, client *http.Client, key crypto.Signer) ([]byte, error) {
	csr, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{}, key)
	if err != nil {
		return nil, err
	}
	raw, err := d.call(ctx, client, "POST", "/v1/demo/ukey-certificates", map[string][]byte{"csr": csr})
	if err != nil {
		return nil, err
	}
	var answer struct{ Certificate []byte }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, err
	}
	if len(answer.Certificate) == 0 {
		return nil, errors.New("there is no certificate in the answer")
	}
	return answer.Certificate, nil
}
