package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
)

// Terms of the authority's own certificates.
const (
	rootYears    = 20
	issuingYears = 10
)

// Naming is what stands in the names of a new authority.
type Naming struct {
	Organisation string // the body that runs it
	Country      string // two letters; CN where empty
}

// create makes keys and certificates of both lines.
func create(n Naming, demo bool, now time.Time) (map[Line]*made, error) {
	prefix := ""
	if demo {
		prefix, n.Organisation = "DEMO ", demoOrganisation
	}
	if n.Country == "" {
		n.Country = "CN"
	}
	out := map[Line]*made{}
	for _, name := range Lines {
		m, err := createLine(name, n, prefix, now)
		if err != nil {
			return nil, fmt.Errorf("making the %s line: %w", name, err)
		}
		out[name] = m
	}
	return out, nil
}

// made is a new line with all its keys.
type made struct {
	root, issuing       *trust.Certificate
	rootKey, issuingKey crypto.Signer
}

func createLine(name Line, n Naming, prefix string, now time.Time) (*made, error) {
	label := map[Line]string{P256: "P-256", SM2: "SM2"}[name]
	subject := func(role string) pkix.Name {
		return pkix.Name{Country: []string{n.Country}, Organization: []string{n.Organisation}, CommonName: prefix + "certlink " + role + " " + label}
	}
	// Certificates are dated back a little, for verifiers whose clocks are behind, and
	// must not begin before their authority.
	from := now.Add(-time.Hour).Truncate(time.Second).UTC()
	m := &made{}
	var err error
	if m.rootKey, err = newKey(name); err != nil {
		return nil, err
	}
	if m.issuingKey, err = newKey(name); err != nil {
		return nil, err
	}
	root := caTemplate(subject("Root"), from, from.AddDate(rootYears, 0, 0), 1)
	if m.root, err = sign(root, root, m.rootKey.Public(), m.rootKey); err != nil {
		return nil, err
	}
	issuing := caTemplate(subject("Issuing"), from, from.AddDate(issuingYears, 0, 0), 0)
	m.issuing, err = sign(issuing, m.root.X, m.issuingKey.Public(), m.rootKey)
	return m, err
}

func caTemplate(subject pkix.Name, from, until time.Time, below int) *smx509.Certificate {
	return &smx509.Certificate{
		SerialNumber: mustSerial(NewSerial()),
		Subject:      subject,
		NotBefore:    from, NotAfter: until.Add(-time.Second), // the last second counts (RFC 5280 §4.1.2.5)
		KeyUsage:              smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: below, MaxPathLenZero: below == 0,
	}
}

func newKey(name Line) (crypto.Signer, error) {
	if name == SM2 {
		return sm2.GenerateKey(rand.Reader)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// sign makes a certificate. The source of randomness is nil on purpose: the keys then
// sign deterministically (RFC 6979; for SM2 with HMAC-SM3), with the default SM2
// identifier. The library verifies what was signed before it returns it.
func sign(tmpl, parent *smx509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*trust.Certificate, error) {
	if len(tmpl.SubjectKeyId) == 0 {
		id, err := keyID(pub)
		if err != nil {
			return nil, err
		}
		tmpl.SubjectKeyId = id
	}
	der, err := smx509.CreateCertificate(nil, tmpl, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return trust.ParseCertificate(der)
}

// keyID is method 1 of RFC 7093 §2: the left 160 bits of the SHA-256 of the key's bits.
func keyID(pub crypto.PublicKey) ([]byte, error) {
	spki, err := smx509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	var parts struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &parts); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(parts.Key.Bytes)
	return sum[:20], nil
}
