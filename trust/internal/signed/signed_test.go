package signed

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"

	"github.com/emmansun/gmsm/sm2"
)

func keys(t *testing.T) (rs *rsa.PrivateKey, ec *ecdsa.PrivateKey, sm *sm2.PrivateKey) {
	t.Helper()
	var err [3]error
	rs, err[0] = rsa.GenerateKey(rand.Reader, 2048)
	ec, err[1] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	sm, err[2] = sm2.GenerateKey(rand.Reader)
	if e := errors.Join(err[:]...); e != nil {
		t.Fatal(e)
	}
	return
}

var tbs = []byte{0x30, 3, 2, 1, 7}

func TestSignedByEachAndReadBack(t *testing.T) {
	rs, ec, sm := keys(t)
	all := []crypto.Signer{rs, ec, sm}
	for i, key := range all {
		o, err := Sign(key, tbs)
		if err != nil {
			t.Fatal(err)
		}
		der, err := o.DER()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Split(der)
		if err != nil || !bytes.Equal(back.TBS, tbs) {
			t.Fatalf("%T: %v", key, err)
		}
		if err := back.Verify(key.Public()); err != nil {
			t.Errorf("%T: %v", key, err)
		}
		for j, other := range all {
			if err := back.Verify(other.Public()); (err == nil) != (i == j) {
				t.Errorf("%T with %T: %v", key, other, err)
			}
		}
		back.TBS = []byte{0x30, 3, 2, 1, 8}
		if err := back.Verify(key.Public()); !errors.Is(err, ErrSignature) {
			t.Errorf("%T, content changed: %v", key, err)
		}
	}
}

// Everything the standard library signs certificates with, and what it makes of it.
func TestAlgorithmsOfTheStandardLibrary(t *testing.T) {
	rs, ec, _ := keys(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for alg, tc := range map[x509.SignatureAlgorithm]struct {
		key  crypto.Signer
		want error
	}{
		x509.SHA256WithRSA: {rs, nil}, x509.SHA384WithRSA: {rs, nil}, x509.SHA512WithRSA: {rs, nil},
		x509.SHA256WithRSAPSS: {rs, nil}, x509.SHA384WithRSAPSS: {rs, nil}, x509.SHA512WithRSAPSS: {rs, nil},
		x509.ECDSAWithSHA256: {ec, nil}, x509.ECDSAWithSHA384: {p384, nil}, x509.ECDSAWithSHA512: {p384, nil},
		x509.PureEd25519: {ed, nil}, x509.SHA1WithRSA: {rs, ErrWeak}, x509.ECDSAWithSHA1: {ec, ErrWeak},
	} {
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, SignatureAlgorithm: alg}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, tc.key.Public(), tc.key)
		if err != nil {
			t.Fatal(err)
		}
		o, err := Split(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Verify(tc.key.Public()); !errors.Is(err, tc.want) || !errors.Is(o.Weak(), tc.want) {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func TestParametersThatDoNotCount(t *testing.T) {
	sha1 := asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	sha256 := asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	pss := func(hash, mask asn1.ObjectIdentifier, salt int) []byte {
		inner, _ := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: mask})
		params, err := asn1.Marshal(struct {
			Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
			MGF  pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
			Salt int                      `asn1:"explicit,tag:2"`
		}{pkix.AlgorithmIdentifier{Algorithm: hash}, pkix.AlgorithmIdentifier{Algorithm: oidMGF1, Parameters: asn1.RawValue{FullBytes: inner}}, salt})
		if err != nil {
			t.Fatal(err)
		}
		der, err := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: oidPSS, Parameters: asn1.RawValue{FullBytes: params}})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	for name, tc := range map[string]struct {
		der  []byte
		want error
	}{
		"PSS":                   {pss(sha256, sha256, 32), nil},
		"PSS, short salt":       {pss(sha256, sha256, 20), ErrWeak},
		"PSS, SHA-1":            {pss(sha1, sha1, 20), ErrWeak},
		"PSS, two hashes":       {pss(sha256, sha1, 32), ErrUnknown},
		"PSS, default":          {append([]byte{0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10}, 0x30, 0), ErrWeak},
		"ECDSA with parameters": {[]byte{0x30, 0x0d, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2, 2, 1, 1}, ErrUnknown},
		"unknown":               {[]byte{0x30, 4, 6, 2, 0x2a, 3}, ErrUnknown},
		"no identifier":         {[]byte{0x30, 0}, ErrShape},
	} {
		if err := (Object{Algorithm: tc.der}).Weak(); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte{0x30, 12, 0x30, 0, 0x30, 4, 6, 2, 0x2a, 3, 3, 2, 0, 1})
	f.Fuzz(func(t *testing.T, der []byte) {
		o, err := Split(der)
		if err != nil {
			return
		}
		again, err := o.DER()
		if err != nil || !bytes.Equal(again, der) {
			t.Errorf("one object has two spellings: %x and %x", der, again)
		}
		o.Weak()
	})
}
