// Package soft is a token made of a file: for demonstrations with nothing plugged in,
// and never for real certificates. It counts wrong PINs and locks like a real one.
package soft

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"sync"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	"certlink/ukey"
)

// PIN is that of every software token: there is nothing to protect.
const PIN = "123456"

const tries = 6

// Token is one software token as it lies in the file.
type Token struct {
	ID    string `json:"id"`
	Label string `json:"label"`
	Left  int    `json:"left"`
	Keys  []Key  `json:"keys"`
}

// Key is a key with its certificate.
type Key struct {
	ID          string   `json:"id"`
	Use         ukey.Use `json:"use"`
	PKCS8       []byte   `json:"pkcs8"`
	Certificate []byte   `json:"certificate"`
}

// NewToken makes one with all its tries.
func NewToken(id, label string, keys ...Key) Token {
	return Token{ID: id, Label: label, Left: tries, Keys: keys}
}

// Write stores tokens.
func Write(file string, tokens []Token) error {
	raw, err := json.Marshal(tokens)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// Read reads them back.
func Read(file string) ([]Token, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var tokens []Token
	return tokens, json.Unmarshal(raw, &tokens)
}

// Module is a file of tokens. While the file is away nothing is plugged in.
type Module struct {
	mu   sync.Mutex
	file string
}

var _ ukey.Module = (*Module)(nil)

// Open names the file.
func Open(file string) *Module { return &Module{file: file} }

// Close does nothing.
func (*Module) Close() error { return nil }

// Inventory lists the tokens.
func (m *Module) Inventory(context.Context) (*ukey.Inventory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := &ukey.Inventory{Readers: []string{"demo"}}
	tokens, err := Read(m.file)
	if os.IsNotExist(err) {
		return out, nil
	}
	if err != nil {
		return nil, ukey.ErrFailed.Because(err)
	}
	for _, t := range tokens {
		shown := ukey.Token{ID: t.ID, Reader: "demo", Label: t.Label, Model: "demo", Serial: t.ID,
			PIN: ukey.PINState{Left: t.Left, Final: t.Left == 1, Locked: t.Left == 0}}
		for _, k := range t.Keys {
			shown.Certificates = append(shown.Certificates, ukey.Certificate{ID: k.ID, Use: k.Use, DER: k.Certificate})
		}
		out.Tokens = append(out.Tokens, shown)
	}
	return out, nil
}

// VerifyPIN checks a PIN, and counts a wrong one before it answers.
func (m *Module) VerifyPIN(_ context.Context, token string, pin ukey.PIN) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.login(token, pin)
	return err
}

func (m *Module) login(id string, pin ukey.PIN) (*Token, error) {
	tokens, err := Read(m.file)
	if err != nil {
		return nil, ukey.ErrRemoved.Because(err)
	}
	for i := range tokens {
		t := &tokens[i]
		if t.ID != id {
			continue
		}
		if t.Left <= 0 {
			return nil, ukey.ErrPINLocked
		}
		right := subtle.ConstantTimeCompare(pin, []byte(PIN)) == 1
		t.Left--
		if right {
			t.Left = tries
		}
		if err := Write(m.file, tokens); err != nil {
			return nil, ukey.ErrFailed.Because(err)
		}
		switch {
		case right:
			return t, nil
		case t.Left == 0:
			return nil, ukey.ErrPINLocked
		}
		return nil, ukey.ErrPINWrong.With("tries_left", t.Left)
	}
	return nil, ukey.ErrRemoved
}

func (m *Module) key(token, certificate string, pin ukey.PIN) (*Key, crypto.PrivateKey, error) {
	t, err := m.login(token, pin)
	if err != nil {
		return nil, nil, err
	}
	for i := range t.Keys {
		if k := &t.Keys[i]; k.ID == certificate {
			key, err := smx509.ParsePKCS8PrivateKey(k.PKCS8)
			if err != nil {
				return nil, nil, ukey.ErrFailed.Because(err)
			}
			return k, key, nil
		}
	}
	return nil, nil, ukey.ErrCertificate
}

// Sign signs a digest.
func (m *Module) Sign(_ context.Context, r ukey.SignRequest) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, key, err := m.key(r.Token, r.Certificate, r.PIN)
	if err != nil {
		return nil, err
	}
	if k.Use != ukey.Sign {
		return nil, ukey.ErrUse
	}
	var a, b *big.Int
	switch key := key.(type) {
	case *sm2.PrivateKey:
		if r.Algorithm != trust.SM2SM3 {
			return nil, ukey.ErrUnsupported
		}
		a, b, err = sm2.Sign(rand.Reader, &key.PrivateKey, r.Digest)
	case *ecdsa.PrivateKey:
		if r.Algorithm != trust.ES256 {
			return nil, ukey.ErrUnsupported
		}
		a, b, err = ecdsa.Sign(rand.Reader, key, r.Digest)
	case *rsa.PrivateKey:
		if r.Algorithm != trust.RS256 {
			return nil, ukey.ErrUnsupported
		}
		return rsa.SignPKCS1v15(nil, key, crypto.SHA256, r.Digest)
	default:
		return nil, ukey.ErrUnsupported
	}
	if err != nil {
		return nil, ukey.ErrFailed.Because(err)
	}
	out := make([]byte, 64)
	a.FillBytes(out[:32])
	b.FillBytes(out[32:])
	return out, nil
}

// Decrypt decrypts by SM2 or RSA.
func (m *Module) Decrypt(_ context.Context, r ukey.DecryptRequest) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, key, err := m.key(r.Token, r.Certificate, r.PIN)
	if err != nil {
		return nil, err
	}
	var plain []byte
	switch key := key.(type) {
	case *sm2.PrivateKey:
		plain, err = sm2.Decrypt(key, r.Data)
	case *rsa.PrivateKey:
		plain, err = rsa.DecryptPKCS1v15(nil, key, r.Data)
	default:
		return nil, ukey.ErrUnsupported
	}
	if err != nil {
		return nil, ukey.ErrFailed.Because(err)
	}
	return plain, nil
}
