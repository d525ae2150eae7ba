package bids

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"

	"certlink/trust"
	"certlink/trust/trusttest"
)

// The P-256 form, opened by its description in the API document and nothing of ours.
func TestAChallengeForP256(t *testing.T) {
	h := trusttest.Root(t, trust.ES256, "CA").Leaf(t, trust.ES256)
	secret := []byte("thirty-two bytes that are secret")
	sealed, err := encryptTo(h.Cert, secret)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := h.Key.(*ecdsa.PrivateKey).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	point, err := ecdh.P256().NewPublicKey(sealed[:65])
	if err != nil {
		t.Fatal(err)
	}
	shared, err := mine.ECDH(point)
	if err != nil {
		t.Fatal(err)
	}
	key, err := hkdf.Key(sha256.New, shared, sealed[:65], "certlink rehearsal", 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gcm.Open(nil, sealed[65:77], sealed[77:], nil)
	if err != nil || !bytes.Equal(plain, secret) {
		t.Fatalf("%q, %v", plain, err)
	}
	rsa := trusttest.Root(t, trust.RS256, "RSA").Leaf(t, trust.RS256)
	if _, err := encryptTo(rsa.Cert, secret); err == nil {
		t.Error("encrypted to an RSA key")
	}
}
