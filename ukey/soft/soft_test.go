package soft_test

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	"certlink/ukey"
	"certlink/ukey/soft"
)

func TestSoftToken(t *testing.T) {
	ctx := context.Background()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tokens.json")
	m := soft.Open(file)
	if inv, err := m.Inventory(ctx); err != nil || len(inv.Tokens) != 0 {
		t.Fatalf("%+v, %v", inv, err)
	}
	if err := soft.Write(file, []soft.Token{soft.NewToken("t1", "演示", soft.Key{ID: "k", Use: ukey.Sign, PKCS8: pkcs8})}); err != nil {
		t.Fatal(err)
	}
	sign := func(pin string, alg trust.Algorithm) error {
		sig, err := m.Sign(ctx, ukey.SignRequest{Token: "t1", Certificate: "k", PIN: ukey.PIN(pin), Algorithm: alg, Digest: make([]byte, 32)})
		if err == nil && len(sig) != 64 {
			t.Errorf("%x", sig)
		}
		return err
	}
	if err := sign(soft.PIN, trust.SM2SM3); err != nil {
		t.Fatal(err)
	}
	if err := sign(soft.PIN, trust.ES256); !errors.Is(err, ukey.ErrUnsupported) {
		t.Error(err)
	}
	for range 5 {
		if err := sign("000000", trust.SM2SM3); !errors.Is(err, ukey.ErrPINWrong) {
			t.Error(err)
		}
	}
	if err := sign("000000", trust.SM2SM3); !errors.Is(err, ukey.ErrPINLocked) {
		t.Error(err)
	}
	if err := sign(soft.PIN, trust.SM2SM3); !errors.Is(err, ukey.ErrPINLocked) {
		t.Error(err)
	}
	if inv, err := m.Inventory(ctx); err != nil || !inv.Tokens[0].PIN.Locked {
		t.Errorf("%+v, %v", inv, err)
	}
}
