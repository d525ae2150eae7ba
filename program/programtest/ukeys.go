package programtest

import (
	"context"
	"crypto"
	"crypto/rand"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/account"
	"certlink/ukey/ukeytest"
)

// Certified has the demo authority certify a key for a demo person.
func Certified(t *testing.T, origin, login string, key crypto.Signer) []byte {
	t.Helper()
	der, _ := CertifiedPair(t, origin, login, key, nil)
	return der
}

// CertifiedPair has a second key certified too, for encryption.
func CertifiedPair(t *testing.T, origin, login string, key, second crypto.Signer) (signing, encryption []byte) {
	t.Helper()
	ctx := context.Background()
	p, err := SignIn(ctx, origin, login, account.DemoPassword)
	if err != nil {
		t.Fatal(err)
	}
	requests := map[string][]byte{}
	for name, k := range map[string]crypto.Signer{"csr": key, "encryption_csr": second} {
		if k == nil {
			continue
		}
		if requests[name], err = smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{}, k); err != nil {
			t.Fatal(err)
		}
	}
	var made struct {
		Certificate []byte
		Encryption  []byte `json:"encryption_certificate"`
	}
	if err := p.Call(ctx, "POST", "/v1/demo/ukey-certificates", requests, &made); err != nil {
		t.Fatal(err)
	}
	return made.Certificate, made.Encryption
}

// PutPair puts an SM2 pair of somebody's onto a token.
func PutPair(t *testing.T, skf *ukeytest.SoftSKF, origin, login string) {
	t.Helper()
	var keys [2]*sm2.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = sm2.GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	signing, encryption := CertifiedPair(t, origin, login, keys[0], keys[1])
	skf.Put("sign", &keys[0].PrivateKey, signing)
	skf.Put("encrypt", &keys[1].PrivateKey, encryption)
}

// UKeySession is a session with a U-Key as its page sees it.
type UKeySession struct {
	Session
	Statement string `json:"statement"`
}
