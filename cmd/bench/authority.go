package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
)

// authority is the benchmark's own CA, so that every flow brings a certificate that
// the server has never seen: a root that the server is given, and the issuing
// certificate below it that goes along with each leaf, as real ones do.
type authority struct {
	alg     trust.Algorithm
	base    string // where its sources of revocation are
	source  string // which of them its certificates name
	root    []byte // DER
	rootCRL []byte // of one that was just made
	issuing *trust.Certificate
	key     crypto.Signer
	rsa     []*rsa.PrivateKey // leaf keys, used in turn: each costs a tenth of a second
	mu      sync.Mutex
	serial  int64
}

// rsaKeys is how many different RSA keys the leaves share. The certificates differ.
const rsaKeys = 16

func makeKey(alg trust.Algorithm) (crypto.Signer, error) {
	switch alg {
	case trust.SM2SM3:
		return sm2.GenerateKey(rand.Reader)
	case trust.RS256:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func newAuthority(alg trust.Algorithm, base string) (*authority, error) {
	a := &authority{alg: alg, base: base, serial: time.Now().UnixNano()}
	rootKey, err := makeKey(alg)
	if err != nil {
		return nil, err
	}
	if a.key, err = makeKey(alg); err != nil {
		return nil, err
	}
	root := caTemplate("Benchmark Root", 1)
	if a.root, err = smx509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey); err != nil {
		return nil, err
	}
	parent, err := smx509.ParseCertificate(a.root)
	if err != nil {
		return nil, err
	}
	if a.rootCRL, err = a.rootList(parent, rootKey); err != nil {
		return nil, err
	}
	issuing := caTemplate("Benchmark Issuing", 2)
	issuing.CRLDistributionPoints = []string{a.address("root.crl")}
	der, err := smx509.CreateCertificate(rand.Reader, issuing, parent, a.key.Public(), rootKey)
	if err != nil {
		return nil, err
	}
	if a.issuing, err = trust.ParseCertificate(der); err != nil {
		return nil, err
	}
	return a, a.makeRSA()
}

func (a *authority) makeRSA() error {
	for a.alg == trust.RS256 && len(a.rsa) < rsaKeys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return err
		}
		a.rsa = append(a.rsa, k)
	}
	return nil
}

func caTemplate(name string, serial int64) *smx509.Certificate {
	return &smx509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name, Country: []string{"CN"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0),
		KeyUsage: smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
}

// organisationOID holds the credit code in certificates (GM/T 0015).
var organisationOID = asn1.ObjectIdentifier{1, 2, 156, 10260, 4, 1, 4}

// leafTemplate is a holder's signing certificate of the benchmark's organisation.
func leafTemplate(name string, serial int64) (*smx509.Certificate, error) {
	code, err := asn1.MarshalWithParams(creditCode, "utf8")
	if err != nil {
		return nil, err
	}
	return &smx509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name, Organization: []string{organisationName}, Country: []string{"CN"}},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment, BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{{Id: organisationOID, Value: code}},
	}, nil
}

// leaf makes a key and a certificate nobody has seen.
func (a *authority) leaf(name string) (crypto.Signer, []byte, error) {
	a.mu.Lock()
	a.serial++
	serial := a.serial
	a.mu.Unlock()
	var key crypto.Signer
	var err error
	if a.alg == trust.RS256 {
		key = a.rsa[serial%rsaKeys]
	} else if key, err = makeKey(a.alg); err != nil {
		return nil, nil, err
	}
	der, err := a.sign(name, serial, key.Public())
	return key, der, err
}

func (a *authority) sign(name string, serial int64, pub crypto.PublicKey) ([]byte, error) {
	t, err := leafTemplate(name, serial)
	if err != nil {
		return nil, err
	}
	if a.source != noSource {
		t.CRLDistributionPoints = []string{a.address("issuing.crl")}
	}
	if a.source == askSource {
		t.OCSPServer = []string{a.address("ocsp")}
	}
	return smx509.CreateCertificate(rand.Reader, t, a.issuing.X, pub, a.key)
}

// The files of an authority in a world's directory.
func (a *authority) files(dir string) (root, issuing, key string) {
	at := func(kind string) string { return filepath.Join(dir, "authority-"+string(a.alg)+"-"+kind+".pem") }
	return at("root"), at("issuing"), at("key")
}

func (a *authority) save(dir string) error {
	root, issuing, keyFile := a.files(dir)
	key, err := smx509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return err
	}
	for file, b := range map[string]*pem.Block{
		root: {Type: "CERTIFICATE", Bytes: a.root}, issuing: {Type: "CERTIFICATE", Bytes: a.issuing.Raw},
		keyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(strings.TrimSuffix(keyFile, "key.pem")+"root.crl", a.rootCRL, 0o600)
}

func loadAuthority(dir string, alg trust.Algorithm, base, source string) (*authority, error) {
	a := &authority{alg: alg, base: base, source: source, serial: time.Now().UnixNano()}
	root, issuing, keyFile := a.files(dir)
	var ders [3][]byte
	for i, file := range []string{root, issuing, keyFile} {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		b, _ := pem.Decode(text)
		if b == nil {
			return nil, fmt.Errorf("%s holds no PEM", file)
		}
		ders[i] = b.Bytes
	}
	key, err := smx509.ParsePKCS8PrivateKey(ders[2])
	if err != nil {
		return nil, err
	}
	a.root, a.key = ders[0], key.(crypto.Signer)
	if a.issuing, err = trust.ParseCertificate(ders[1]); err != nil {
		return nil, err
	}
	return a, a.makeRSA()
}
