package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// Keys that everybody can know get no certificate, whatever their length.
func TestKnownKeys(t *testing.T) {
	request := func(key crypto.Signer) []byte {
		t.Helper()
		der, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{}, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	p256 := func(d *big.Int) crypto.Signer {
		k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	sm := func(d *big.Int) crypto.Signer {
		k, err := sm2.NewPrivateKey(d.FillBytes(make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	number := func(s string) *big.Int { n, _ := new(big.Int).SetString(s, 16); return n }
	order := elliptic.P256().Params().N
	for name, key := range map[string]crypto.Signer{
		"1 on P-256":              p256(big.NewInt(1)),
		"256 on P-256":            p256(big.NewInt(256)),
		"the order less 3":        p256(new(big.Int).Sub(order, big.NewInt(3))),
		"the example of RFC 6979": p256(number(published[false][0])),
		"2 on SM2":                sm(big.NewInt(2)),
		"the example of GB/T":     sm(number(published[true][0])),
	} {
		if _, err := ParseCSR(request(key)); !errors.Is(err, ErrCSRWeak) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, good := range []crypto.Signer{p256(big.NewInt(257)), sm(big.NewInt(1000))} {
		if _, err := ParseCSR(request(good)); err != nil {
			t.Errorf("a key beyond the list: %v", err)
		}
	}
}

func TestKnownRSA(t *testing.T) {
	good, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if why := knownKey(&good.PublicKey); why != "" {
		t.Errorf("a good key: %s", why)
	}
	// Two primes next to each other.
	p, err := rand.Prime(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	q := new(big.Int).Add(p, big.NewInt(2))
	for !q.ProbablyPrime(20) {
		q.Add(q, big.NewInt(2))
	}
	// Modulo each small prime a power of 65537, as that generator makes them.
	flawed := new(big.Int).SetInt64(1)
	for _, m := range smallPrimes {
		flawed.Mul(flawed, big.NewInt(m))
	}
	power := new(big.Int).Exp(big.NewInt(65537), big.NewInt(123456789), flawed)
	roca := new(big.Int).Add(power, new(big.Int).Mul(flawed, new(big.Int).Lsh(big.NewInt(1), 1800)))
	for name, key := range map[string]*rsa.PublicKey{
		"primes next to each other": {N: new(big.Int).Mul(p, q), E: 65537},
		"one prime, squared":        {N: new(big.Int).Mul(p, p), E: 65537},
		"exponent 3":                {N: good.N, E: 3},
		"CVE-2017-15361":            {N: roca, E: 65537},
		"a small prime":             {N: new(big.Int).Mul(good.Primes[0], new(big.Int).Mul(big.NewInt(101), good.Primes[1])), E: 65537},
	} {
		if knownKey(key) == "" {
			t.Errorf("%s passes", name)
		}
	}
}

// TestEnvelopeEndsAsItWill: the last octet is of a ciphertext, and may be any.
func TestEnvelopeEndsAsItWill(t *testing.T) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := sm2.MarshalEnvelopedPrivateKey(rand.Reader, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, last := range []byte{'\n', ' ', '\t', 0, 0xff} {
		der[len(der)-1] = last
		text := []byte(base64.StdEncoding.EncodeToString(der))
		for form, in := range map[string][]byte{"DER": der, "base64": text, "base64 in lines": append(append(text[:8:8], "\r\n"...), append(text[8:], '\n')...)} {
			if got, err := ReadEnvelope(in, key.Public()); err != nil || !bytes.Equal(got, der) {
				t.Errorf("%s ending in %#x: %v", form, last, err)
			}
		}
	}
}

// Envelopes come from other authorities, and are read before they are stored.
func FuzzReadEnvelope(f *testing.F) {
	signing, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	good, err := sm2.MarshalEnvelopedPrivateKey(rand.Reader, &signing.PublicKey, key)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := ReadEnvelope(good, key.Public()); err != nil {
		f.Fatal(err)
	}
	if _, err := ReadEnvelope(good, signing.Public()); err == nil {
		f.Fatal("an envelope with another key passes")
	}
	f.Add(good)
	f.Add([]byte("MIHv"))
	f.Add([]byte{0x30, 0x80})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		der, err := ReadEnvelope(in, key.Public())
		if err == nil && (len(der) == 0 || len(der) > maxEnvelope || der[0] != 0x30) {
			t.Fatalf("%x passes as %x", in, der)
		}
	})
}
