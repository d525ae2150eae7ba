//go:build linux && amd64

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"certlink/internal/fault"
	"certlink/trust"
	"certlink/trust/trusttest"
	"certlink/ukey"
	"certlink/ukey/apart"
	"certlink/ukey/bridge"
	"certlink/ukey/ukeytest"
)

// The program for 64-bit Windows, as the process that vendors' code runs in, with
// libraries that a compiler for Windows has made. What asks it is the parent's half
// on this system; the pipe between them is the same.
func TestWindows(t *testing.T) {
	w := ukeytest.NewWine(t)
	exe := w.Bridge()
	child := func() *exec.Cmd { return w.Command(exe, childArgument) }
	d := apart.Deadlines{Open: 30 * time.Second, Look: 10 * time.Second, Act: 10 * time.Second, OwnPIN: 10 * time.Second}
	t.Run("SKF", func(t *testing.T) {
		soft := w.SoftSKF(t)
		m := apart.New(child, w.Profile("skf", soft.Library), d)
		defer m.Close()
		windowsSKF(t, soft, m)
		d := d
		d.Act = 3 * time.Second
		impatient := apart.New(child, w.Profile("skf", soft.Library), d)
		defer impatient.Close()
		windowsMisbehaviour(t, soft, impatient)
	})
	t.Run("PKCS#11", func(t *testing.T) {
		holder := trusttest.Root(t, trust.RS256, "RSA CA").Leaf(t, trust.RS256)
		packed := w.Packed11(t, holder.Cert.Raw)
		m := apart.New(child, w.Profile("pkcs11", packed.Library), d)
		defer m.Close()
		windowsPKCS11(t, packed, holder, m)
	})
	t.Run("bridge", func(t *testing.T) { windowsBridge(t, w, exe) })
	t.Run("no library", func(t *testing.T) {
		for library, want := range map[string]error{"/nowhere/none.dll": ukey.ErrLibraryMissing, "/etc/passwd": ukey.ErrLibraryBroken} {
			m := apart.New(child, w.Profile("skf", library), d)
			if _, err := m.Inventory(t.Context()); !errors.Is(err, want) {
				t.Errorf("%s: %v", library, err)
			}
			m.Close()
		}
	})
}

// windowsBridge runs the whole program, which starts the library's process itself.
// There is no desktop: windows cannot be opened, and that is what pages are told.
func windowsBridge(t *testing.T, w *ukeytest.Wine, exe string) {
	soft, state := w.SoftSKF(t), t.TempDir()
	holder := trusttest.Root(t, trust.SM2SM3, "SM2 CA").Leaf(t, trust.SM2SM3)
	soft.Put("sign", &holder.Key.(*sm2.PrivateKey).PrivateKey, holder.Cert.Raw)
	pairs, err := bridge.OpenPairs(filepath.Join(state, "pairs.json"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := pairs.Add(portal, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p := newPage(t, w.StartBridge(t, exe, state, portal, w.Profile("skf", soft.Library)))
	if a := p.call(map[string]string{"type": "pair"}); a.code() != "bridge_no_dialog" {
		t.Errorf("%s", a.body)
	}
	p.secret = secret
	got := p.tokens()
	if len(got.Tokens) != 1 || got.Tokens[0].Label != "测试 U-Key" || got.Tokens[0].PIN.Left != 3 || len(got.Tokens[0].Certificates) != 1 {
		t.Fatalf("%+v", got)
	}
	if a := p.sign(got.Tokens[0].ID, got.Tokens[0].Certificates[0].ID, statement(t)); a.code() != "bridge_no_dialog" {
		t.Errorf("%s", a.body)
	}
	soft.Unplug()
	if got := p.tokens(); len(got.Tokens) != 0 {
		t.Errorf("%+v", got)
	}
	soft.Plug()
	stranger := newPage(t, p.bridge)
	stranger.origin, stranger.secret = []string{"https://evil.example"}, secret
	if a := stranger.call(map[string]string{"type": "tokens"}); a.code() != "bridge_not_for_you" {
		t.Errorf("%s", a.body)
	}
	p.call(map[string]string{"type": "unpair"}) // writes over the file of pairs
	if a := p.call(map[string]string{"type": "tokens"}); a.code() != "bridge_not_paired" {
		t.Errorf("%s", a.body)
	}
	if !strings.Contains(p.bridge.Audit(), "bridge_no_dialog") {
		t.Error("nothing of it is written down")
	}
}

// only is the one token of an inventory.
func only(t *testing.T, m ukey.Module) ukey.Token {
	t.Helper()
	inv, err := m.Inventory(t.Context())
	if err != nil || len(inv.Readers) != 1 || len(inv.Tokens) != 1 {
		t.Fatalf("%+v, %v", inv, err)
	}
	return inv.Tokens[0]
}

func windowsSKF(t *testing.T, soft *ukeytest.SoftSKF, m ukey.Module) {
	ca := trusttest.Root(t, trust.SM2SM3, "SM2 CA")
	signer, reader := ca.Leaf(t, trust.SM2SM3), ca.Leaf(t, trust.SM2SM3)
	soft.Put("sign", &signer.Key.(*sm2.PrivateKey).PrivateKey, signer.Cert.Raw)
	soft.Put("encrypt", &reader.Key.(*sm2.PrivateKey).PrivateKey, reader.Cert.Raw)
	token := only(t, m)
	if token.Label != "测试 U-Key" || token.Serial != "20261125001" || token.PIN.Left != 3 || len(token.Certificates) != 2 || !bytes.Equal(token.Certificates[0].DER, signer.Cert.Raw) {
		t.Fatalf("%+v", token)
	}
	message, public := []byte("statement"), signer.Key.Public().(*ecdsa.PublicKey)
	digest, err := sm2.CalculateSM2Hash(public, message, []byte(trust.SM2Identifier))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(pin string) ([]byte, error) {
		return m.Sign(t.Context(), ukey.SignRequest{Token: token.ID, Certificate: token.Certificates[0].ID, PIN: ukey.PIN(pin), Algorithm: trust.SM2SM3, Digest: digest})
	}
	for range 3 {
		sig, err := sign(soft.PIN)
		if err != nil || len(sig) != 64 {
			t.Fatalf("%x, %v", sig, err)
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
		if err != nil || !sm2.VerifyASN1WithSM2(public, []byte(trust.SM2Identifier), message, der) {
			t.Fatal("the signature is wrong")
		}
	}
	if _, err := sign("000000"); !errors.Is(err, ukey.ErrPINWrong) || fault.Of(err).Extra["tries_left"] == nil {
		t.Errorf("%v, %v", err, fault.Of(err).Extra)
	}
	if left := only(t, m).PIN.Left; left != 2 {
		t.Errorf("%d tries are left", left)
	}
	secret, err := sm2.EncryptASN1(rand.Reader, reader.Key.Public().(*ecdsa.PublicKey), []byte("投标文件密钥"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := m.Decrypt(t.Context(), ukey.DecryptRequest{Token: token.ID, Certificate: token.Certificates[1].ID, PIN: ukey.PIN(soft.PIN), Data: secret})
	if err != nil || string(plain) != "投标文件密钥" {
		t.Errorf("%q, %v", plain, err)
	}
}

// windowsMisbehaviour has the library hang, crash and lose its token while it works.
func windowsMisbehaviour(t *testing.T, soft *ukeytest.SoftSKF, m ukey.Module) {
	token, digest := only(t, m), make([]byte, 32)
	digest[31] = 1
	sign := func() error {
		_, err := m.Sign(t.Context(), ukey.SignRequest{Token: token.ID, Certificate: token.Certificates[0].ID, PIN: ukey.PIN(soft.PIN), Algorithm: trust.SM2SM3, Digest: digest})
		return err
	}
	for _, c := range []struct {
		mode string
		want error
	}{{"crash", ukey.ErrCrashed}, {"hang", ukey.ErrHung}, {"remove", ukey.ErrRemoved}} {
		soft.Misbehave("SKF_ECCSignData " + c.mode)
		if err := sign(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.mode, err)
		}
		soft.Misbehave("")
		soft.Plug()
		if err := sign(); err != nil {
			t.Errorf("after %s: %v", c.mode, err)
		}
	}
}

func windowsPKCS11(t *testing.T, packed *ukeytest.Packed11, holder *trusttest.Holder, m ukey.Module) {
	token := only(t, m)
	if token.Label != "packed" || token.Manufacturer != "certlink tests" || token.Model != "v2.40" || token.Serial != "20261125002" || token.Reader != "packed reader" ||
		token.PIN.Left != -1 || token.PIN.Final || token.PIN.Locked || token.PIN.Own || len(token.Certificates) != 1 {
		t.Fatalf("%+v", token)
	}
	c := token.Certificates[0]
	if c.ID != "01a7" || c.Container != "packed key" || !bytes.Equal(c.DER, holder.Cert.Raw) {
		t.Fatalf("%+v", c)
	}
	digest := sha256.Sum256([]byte("statement"))
	info, _ := hex.DecodeString("3031300d060960864801650304020105000420") // RFC 8017, note 1 to §9.2
	got, err := m.Sign(t.Context(), ukey.SignRequest{Token: token.ID, Certificate: c.ID, PIN: ukey.PIN(packed.PIN), Algorithm: trust.RS256, Digest: digest[:]})
	if err != nil || !bytes.Equal(got, append(info, digest[:]...)) {
		t.Errorf("%x, %v", got, err)
	}
	data := bytes.Repeat([]byte{0xA5}, 256)
	if got, err := m.Decrypt(t.Context(), ukey.DecryptRequest{Token: token.ID, Certificate: c.ID, PIN: ukey.PIN(packed.PIN), Data: data}); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%x, %v", got, err)
	}
	for i, want := range []*fault.Error{ukey.ErrPINWrong, ukey.ErrPINWrong, ukey.ErrPINLocked} {
		err := m.VerifyPIN(t.Context(), token.ID, ukey.PIN("000000"))
		if !errors.Is(err, want) || (i == 1) != (fault.Of(err).Extra["tries_left"] != nil) {
			t.Errorf("wrong PIN %d: %v", i+1, err)
		}
	}
	if pin := only(t, m).PIN; !pin.Locked {
		t.Errorf("%+v", pin)
	}
}
