package skf_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"math/big"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"certlink/internal/fault"
	"certlink/trust"
	"certlink/trust/trusttest"
	"certlink/ukey"
	"certlink/ukey/skf"
	"certlink/ukey/ukeytest"
)

var ctx = context.Background()

func TestSoftSKF(t *testing.T) {
	soft := ukeytest.NewSoftSKF(t)
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := trusttest.Root(t, trust.SM2SM3, "SM2 CA")
	holder := ca.Leaf(t, trust.SM2SM3)
	signer := holder.Key.(*sm2.PrivateKey)
	soft.Put("sign", &signer.PrivateKey, holder.Cert.Raw)
	soft.Put("encrypt", &key.PrivateKey, ca.Leaf(t, trust.SM2SM3).Cert.Raw)
	m, err := skf.Open(soft.Library, skf.Quirks{Codes: map[uint32]string{0x0A0000F7: ukey.ErrPINLocked.Code}})
	if err != nil {
		t.Fatal(err)
	}
	inventory := func() *ukey.Inventory {
		t.Helper()
		inv, err := m.Inventory(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return inv
	}
	inv := inventory()
	if len(inv.Readers) != 1 || len(inv.Tokens) != 1 {
		t.Fatalf("%+v", inv)
	}
	token := inv.Tokens[0]
	if token.Label != "测试 U-Key" || token.Serial != "20261125001" || token.PIN.Left != 3 || len(token.Certificates) != 2 ||
		token.Certificates[0].Use != ukey.Sign || token.Certificates[1].Use != ukey.Encrypt || token.Applications[0] != "CERTLINK" {
		t.Fatalf("%+v", token)
	}
	message := []byte("statement")
	digest, err := sm2.CalculateSM2Hash(holder.Key.Public().(*ecdsa.PublicKey), message, []byte(trust.SM2Identifier))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(pin string) ([]byte, error) {
		return m.Sign(ctx, ukey.SignRequest{Token: token.ID, Certificate: token.Certificates[0].ID, PIN: ukey.PIN(pin), Algorithm: trust.SM2SM3, Digest: digest})
	}
	for range 3 {
		sig, err := sign(soft.PIN)
		if err != nil || len(sig) != 64 {
			t.Fatalf("%x, %v", sig, err)
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{num(sig[:32]), num(sig[32:])})
		if err != nil || !sm2.VerifyASN1WithSM2(holder.Key.Public().(*ecdsa.PublicKey), []byte(trust.SM2Identifier), message, der) {
			t.Fatal("the signature is wrong")
		}
	}
	refused := func(err error, want *fault.Error, left any) {
		t.Helper()
		if !errors.Is(err, want) || fault.Of(err).Extra["tries_left"] != left {
			t.Errorf("got %v with %v left, want %s with %v", err, fault.Of(err).Extra["tries_left"], want.Code, left)
		}
	}
	_, err = sign("1")
	refused(err, ukey.ErrPINLength, nil)
	_, err = sign("000000")
	refused(err, ukey.ErrPINWrong, 2)
	_, err = sign("000000")
	refused(err, ukey.ErrPINWrong, 1)
	if pin := inventory().Tokens[0].PIN; pin.Left != 1 || !pin.Final {
		t.Errorf("%+v", pin)
	}
	if _, err = sign(soft.PIN); err != nil { // the right one gives all tries back
		t.Error(err)
	}
	for want := range 2 {
		_, err = sign("000000")
		refused(err, ukey.ErrPINWrong, 2-want)
	}
	_, err = sign("000000")
	refused(err, ukey.ErrPINLocked, nil)
	_, err = sign(soft.PIN)
	refused(err, ukey.ErrPINLocked, nil)
	if pin := inventory().Tokens[0].PIN; !pin.Locked {
		t.Errorf("%+v", pin)
	}
	soft.Left(3)
	if err := m.VerifyPIN(ctx, token.ID, ukey.PIN(soft.PIN)); err != nil {
		t.Error(err)
	}
	_, err = m.Sign(ctx, ukey.SignRequest{Token: token.ID, Certificate: token.Certificates[1].ID, PIN: ukey.PIN(soft.PIN), Algorithm: trust.SM2SM3, Digest: digest})
	refused(err, ukey.ErrUse, nil)
	_, err = m.Sign(ctx, ukey.SignRequest{Token: token.ID, Certificate: token.Certificates[0].ID, PIN: ukey.PIN(soft.PIN), Algorithm: trust.RS256, Digest: digest})
	refused(err, ukey.ErrUnsupported, nil)
	_, err = m.Sign(ctx, ukey.SignRequest{Token: token.ID, Certificate: token.Certificates[0].ID, Algorithm: trust.SM2SM3, Digest: digest})
	refused(err, ukey.ErrFailed, nil) // not logged in: a library with its own dialog would ask

	secret, err := sm2.EncryptASN1(rand.Reader, &key.PublicKey, []byte("投标文件密钥"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := m.Decrypt(ctx, ukey.DecryptRequest{Token: token.ID, Certificate: token.Certificates[1].ID, PIN: ukey.PIN(soft.PIN), Data: secret})
	if err != nil || string(plain) != "投标文件密钥" {
		t.Errorf("%q, %v", plain, err)
	}

	soft.Misbehave("SKF_ECCSignData A0000F7") // a vendor's own code
	_, err = sign(soft.PIN)
	refused(err, ukey.ErrPINLocked, nil)
	soft.Misbehave("SKF_ECCSignData remove")
	_, err = sign(soft.PIN)
	refused(err, ukey.ErrRemoved, nil)
	if inv := inventory(); len(inv.Tokens) != 0 || len(inv.Readers) != 1 {
		t.Errorf("%+v", inv)
	}
	_, err = sign(soft.PIN)
	refused(err, ukey.ErrRemoved, nil)
	soft.Misbehave("")
	soft.Plug()
	if _, err = sign(soft.PIN); err != nil {
		t.Error(err)
	}
	if only, err := skf.Open(soft.Library, skf.Quirks{Applications: []string{"another"}}); err != nil {
		t.Error(err)
	} else if inv, err := only.Inventory(ctx); err != nil || len(inv.Tokens[0].Certificates) != 0 {
		t.Errorf("%+v, %v", inv, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := skf.Open(filepath.Join(t.TempDir(), "no.so"), skf.Quirks{}); !errors.Is(err, ukey.ErrLibraryMissing) {
		t.Error(err)
	}
	hsm := ukeytest.NewSoftHSM(t)
	if _, err := skf.Open(hsm.Library, skf.Quirks{}); !errors.Is(err, ukey.ErrLibraryBroken) { // another interface
		t.Error(err)
	}
}

func num(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
