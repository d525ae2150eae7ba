package phone

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
)

// Key is a signing key that the phone holds, with its certificate once there is one.
type Key struct {
	ID          string // SHA-256 of the public key, base64url, as statements name it
	Algorithm   trust.Algorithm
	Provider    string             // the authority's id, where the phone knows it
	Certificate *trust.Certificate // nil while the key waits for it
	Chain       []*trust.Certificate

	signer crypto.Signer // nil while the PIN is not given
	header string
	kept   keptKey
}

// Unlocked says whether the key can sign now.
func (k *Key) Unlocked() bool { return k.signer != nil }

// keptKey is the stored form. One of Plain and Wrapped holds the private key as
// PKCS#8; Wrapped has two entries only while a PIN is being changed.
type keptKey struct {
	ID          string          `json:"id"`
	Algorithm   trust.Algorithm `json:"algorithm"`
	Provider    string          `json:"provider,omitempty"`
	Certificate []byte          `json:"certificate,omitempty"`
	Chain       [][]byte        `json:"chain,omitempty"`
	Plain       []byte          `json:"plain,omitempty"`
	Wrapped     [][]byte        `json:"wrapped,omitempty"`
	// Session and CSR stay until the certificate is there: the same session must be
	// given the same request again.
	Session string    `json:"session,omitempty"`
	CSR     []byte    `json:"csr,omitempty"`
	MadeAt  time.Time `json:"made_at"`
}

const keyPrefix = "key-"

var (
	// ErrLocked: the key is wrapped under the PIN, which has not been given.
	ErrLocked = errors.New("the key is locked: give the PIN first")
	// ErrNotOurs: a certificate that does not belong to the key.
	ErrNotOurs = errors.New("the certificate does not belong to this key, so it was not taken")
	// ErrNoCertificate: the key has no certificate yet.
	ErrNoCertificate = errors.New("the key has no certificate yet, so it cannot sign")
)

// MakePrivateKey makes a key pair of the kind asked for.
func MakePrivateKey(alg trust.Algorithm) (crypto.Signer, error) {
	switch alg {
	case trust.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case trust.SM2SM3:
		return sm2.GenerateKey(rand.Reader)
	case trust.RS256:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("the server asks for a key for %q, which this phone cannot make; update it", alg)
}

// MakeCSR makes the certificate request (PKCS#10) for a key. The server takes only the
// key from it; the name is for the eyes of whoever looks at the request.
func MakeCSR(key crypto.Signer, commonName string) ([]byte, error) {
	return smx509.CreateCertificateRequest(rand.Reader,
		&smx509.CertificateRequest{Subject: pkix.Name{CommonName: commonName}}, key)
}

// newKey makes the Key of a private key and keeps it, wrapped if there is a PIN.
func (p *Phone) newKey(signer crypto.Signer, kept keptKey) (*Key, error) {
	alg, err := algorithmOf(signer)
	if err != nil {
		return nil, err
	}
	id, err := sum(signer.Public())
	if err != nil {
		return nil, err
	}
	pkcs8, err := smx509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return nil, err
	}
	defer clear(pkcs8)
	kept.ID, kept.Algorithm, kept.MadeAt = id, alg, p.clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.pin != nil:
		kept.Wrapped = [][]byte{p.pin.wrap(&kept, pkcs8)}
	case p.profile.Salt != nil:
		return nil, ErrLocked
	default:
		kept.Plain = bytes.Clone(pkcs8)
	}
	if err := p.write(keyPrefix+id, kept); err != nil {
		return nil, err
	}
	return keyOf(kept, signer)
}

// keyOf makes the Key of what was kept.
func keyOf(kept keptKey, signer crypto.Signer) (*Key, error) {
	k := &Key{ID: kept.ID, Algorithm: kept.Algorithm, Provider: kept.Provider, signer: signer, kept: kept}
	if kept.Certificate == nil {
		return k, nil
	}
	var err error
	if k.Certificate, err = trust.ParseCertificate(kept.Certificate); err != nil {
		return nil, err
	}
	if k.Certificate.PublicKeySHA256() != k.ID {
		return nil, ErrNotOurs
	}
	sent := [][]byte{k.Certificate.Raw}
	for _, der := range kept.Chain {
		c, err := trust.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		k.Chain = append(k.Chain, c)
		// The root need not be sent (RFC 7515 §4.1.6): the server has its own.
		if !c.SelfIssued() {
			sent = append(sent, der)
		}
	}
	k.header = signerHeader(k.Algorithm, "", sent)
	return k, nil
}

// certify stores the certificate that a key has got, after checking that it is the
// key's own.
func (p *Phone) certify(k *Key, der []byte, chain [][]byte, provider string) error {
	kept := k.kept
	kept.Certificate, kept.Chain, kept.Provider, kept.Session, kept.CSR = der, nil, provider, "", nil
	for _, c := range chain {
		if !bytes.Equal(c, der) {
			kept.Chain = append(kept.Chain, c)
		}
	}
	full, err := keyOf(kept, k.signer)
	if err != nil {
		return err
	}
	if err := p.write(keyPrefix+kept.ID, kept); err != nil {
		return err
	}
	*k = *full
	return nil
}

// AddCertificate takes a key and a certificate that were got elsewhere. provider is the
// authority's id at the server, such as "huixin".
func (p *Phone) AddCertificate(key crypto.Signer, der []byte, chain [][]byte, provider string) (*Key, error) {
	c, err := trust.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	id, err := sum(key.Public())
	if err != nil {
		return nil, err
	}
	if id != c.PublicKeySHA256() {
		return nil, ErrNotOurs
	}
	k, err := p.newKey(key, keptKey{Provider: provider, Certificate: der, Chain: chain})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Keys are the keys on this phone, those without a certificate included.
func (p *Phone) Keys() ([]*Key, error) {
	names, err := p.keep.List(keyPrefix)
	if err != nil {
		return nil, err
	}
	var keys []*Key
	for _, n := range names {
		k, err := p.loadKey(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Key finds a key by its id or by its certificate's fingerprint, or by the beginning
// of either where only one key begins so.
func (p *Phone) Key(id string) (*Key, error) {
	keys, err := p.Keys()
	if err != nil {
		return nil, err
	}
	var found *Key
	for _, k := range keys {
		match := hasPrefix(k.ID, id) || k.Certificate != nil && hasPrefix(k.Certificate.Fingerprint(), id)
		if match && found != nil {
			return nil, fmt.Errorf("%q is the beginning of several keys on this phone", id)
		}
		if match {
			found = k
		}
	}
	if found == nil {
		return nil, fmt.Errorf("there is no key %q on this phone", id)
	}
	return found, nil
}

func hasPrefix(s, prefix string) bool {
	return prefix != "" && len(s) >= len(prefix) && s[:len(prefix)] == prefix
}

func (p *Phone) loadKey(name string) (*Key, error) {
	var kept keptKey
	if _, err := p.read(name, &kept); err != nil {
		return nil, err
	}
	signer, err := p.open(&kept)
	if err != nil && !errors.Is(err, ErrLocked) {
		return nil, err
	}
	return keyOf(kept, signer)
}

// open reads the private key, if it is not wrapped or the PIN was given.
func (p *Phone) open(kept *keptKey) (crypto.Signer, error) {
	pkcs8 := kept.Plain
	if pkcs8 == nil {
		p.mu.Lock()
		pin := p.pin
		p.mu.Unlock()
		if pin == nil {
			return nil, ErrLocked
		}
		if pkcs8 = pin.unwrap(kept); pkcs8 == nil {
			return nil, fmt.Errorf("%w: it was wrapped under a PIN that is no more", ErrLocked)
		}
		defer clear(pkcs8)
	}
	k, err := smx509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, err
	}
	signer, ok := k.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of kind %T cannot sign", k)
	}
	return signer, nil
}

// DropKey removes a key and its certificate from the phone. There is no way back.
func (p *Phone) DropKey(k *Key) error { return p.keep.Remove(keyPrefix + k.ID) }

// belongs says whether a certificate is for the key.
func belongs(k *Key, der []byte) bool {
	c, err := trust.ParseCertificate(der)
	return err == nil && c.PublicKeySHA256() == k.ID
}
