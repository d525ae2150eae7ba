package pkcs11_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"path/filepath"
	"testing"

	"certlink/trust"
	"certlink/trust/trusttest"
	"certlink/ukey"
	"certlink/ukey/pkcs11"
	"certlink/ukey/ukeytest"
)

var ctx = context.Background()

func TestSoftHSM(t *testing.T) {
	hsm := ukeytest.NewSoftHSM(t)
	rsaHolder := trusttest.Root(t, trust.RS256, "RSA CA").Leaf(t, trust.RS256)
	ecHolder := trusttest.Root(t, trust.ES256, "P-256 CA").Leaf(t, trust.ES256)
	hsm.Put(t, "rsa", "01", rsaHolder.Key, rsaHolder.Cert.Raw)
	hsm.Put(t, "ec", "02", ecHolder.Key, ecHolder.Cert.Raw)
	m, err := pkcs11.Open(hsm.Library, false)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	inv, err := m.Inventory(ctx)
	if err != nil || len(inv.Tokens) != 1 || len(inv.Readers) < 2 {
		t.Fatalf("%+v, %v", inv, err)
	}
	token := inv.Tokens[0]
	if token.Label != "certlink" || len(token.Certificates) != 2 || token.PIN.Locked || token.PIN.Left != -1 {
		t.Fatalf("%+v", token)
	}
	digest := sha256.Sum256([]byte("statement"))
	sign := func(pin, certificate string, alg trust.Algorithm) ([]byte, error) {
		return m.Sign(ctx, ukey.SignRequest{Token: token.ID, Certificate: certificate, PIN: ukey.PIN(pin), Algorithm: alg, Digest: digest[:]})
	}
	for range 3 { // one after the other: every session is ended
		sig, err := sign(hsm.PIN, "01", trust.RS256)
		if err != nil || rsa.VerifyPKCS1v15(rsaHolder.Key.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], sig) != nil {
			t.Fatalf("RSA: %x, %v", sig, err)
		}
		sig, err = sign(hsm.PIN, "02", trust.ES256)
		if err != nil || len(sig) != 64 || !ecdsa.Verify(ecHolder.Key.Public().(*ecdsa.PublicKey), digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
			t.Fatalf("P-256: %x, %v", sig, err)
		}
	}
	for name, c := range map[string]struct {
		pin, certificate string
		alg              trust.Algorithm
		want             error
	}{
		"wrong PIN":         {"000000", "01", trust.RS256, ukey.ErrPINWrong},
		"no PIN":            {"", "01", trust.RS256, ukey.ErrPINWrong},
		"no such key":       {hsm.PIN, "77", trust.RS256, ukey.ErrCertificate},
		"no name of a key":  {hsm.PIN, "x", trust.RS256, ukey.ErrCertificate},
		"SM2 is not there":  {hsm.PIN, "02", trust.SM2SM3, ukey.ErrUnsupported},
		"the other key":     {hsm.PIN, "02", trust.RS256, nil},
		"without a key (2)": {hsm.PIN, "", trust.ES256, ukey.ErrCertificate},
	} {
		if _, err := sign(c.pin, c.certificate, c.alg); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := m.VerifyPIN(ctx, token.ID, ukey.PIN(hsm.PIN)); err != nil {
		t.Error(err)
	}
	if err := m.VerifyPIN(ctx, "gone", ukey.PIN(hsm.PIN)); !errors.Is(err, ukey.ErrRemoved) {
		t.Error(err)
	}
	secret, err := rsa.EncryptPKCS1v15(nil, rsaHolder.Key.Public().(*rsa.PublicKey), []byte("bid"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := m.Decrypt(ctx, ukey.DecryptRequest{Token: token.ID, Certificate: "01", PIN: ukey.PIN(hsm.PIN), Data: secret})
	if err != nil || string(plain) != "bid" {
		t.Errorf("%q, %v", plain, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := pkcs11.Open(filepath.Join(t.TempDir(), "no.so"), false); !errors.Is(err, ukey.ErrLibraryMissing) {
		t.Error(err)
	}
	if _, err := pkcs11.Open("/etc/passwd", false); !errors.Is(err, ukey.ErrLibraryBroken) {
		t.Error(err)
	}
}

// A library whose structures lie without gaps on a system where they have some.
func TestPacked(t *testing.T) {
	holder := trusttest.Root(t, trust.RS256, "RSA CA").Leaf(t, trust.RS256)
	packed := ukeytest.NewPacked11(t, holder.Cert.Raw)
	m, err := pkcs11.Open(packed.Library, true)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	inv, err := m.Inventory(ctx)
	if err != nil || len(inv.Tokens) != 1 || len(inv.Tokens[0].Certificates) != 1 || inv.Tokens[0].Serial != "20261125002" {
		t.Fatalf("%+v, %v", inv, err)
	}
	token, digest := inv.Tokens[0], sha256.Sum256([]byte("statement"))
	got, err := m.Sign(ctx, ukey.SignRequest{Token: token.ID, Certificate: token.Certificates[0].ID, PIN: ukey.PIN(packed.PIN), Algorithm: trust.RS256, Digest: digest[:]})
	if err != nil || !bytes.HasSuffix(got, digest[:]) || len(got) != 51 {
		t.Errorf("%x, %v", got, err)
	}
}
