package mobilecert

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/confirm"
	"certlink/internal/seal"
	"certlink/trust"
)

// Maker says who makes a key pair for encryption.
type Maker string

// The makers.
const (
	// ByAuthority: the authority makes the pair and hands the private key to the
	// holder in an envelope (GM/T 0009 SM2EnvelopedKey, as GM/T 0092 asks of dual
	// certificates). It may keep a copy; see PairTerms.
	ByAuthority Maker = "authority"
	// ByHolder: the phone makes the pair, and the private key never leaves it.
	ByHolder Maker = "holder"
)

// PairTerms say that a product has an encryption certificate beside the signing one,
// and what becomes of its key. They are told before anybody signs.
type PairTerms struct {
	Maker Maker
	// Escrowed: the authority keeps a copy of the private key.
	Escrowed bool
}

// Twin is the encryption certificate of a pair. It ends with the signing one.
type Twin struct {
	Key    string `json:"key"`    // SHA-256 of the public key, base64url
	Public []byte `json:"public"` // SubjectPublicKeyInfo
	Serial string `json:"serial"`
	Maker  Maker  `json:"maker"`
	// Sealed is the private key: while the certificate is being made, and for good
	// where a copy is kept.
	Sealed   string `json:"sealed,omitempty"`
	Escrowed bool   `json:"escrowed,omitempty"`

	DER         []byte `json:"der,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Content     string `json:"content,omitempty"`
	// Envelope holds the private key for the holder of the signing key alone.
	Envelope []byte `json:"envelope,omitempty"`
}

// twinField holds a private key from the intent until it lies in its envelope.
var twinField = seal.In("certificates", "encryption key")

// twin makes what the intent says of the encryption pair, nil where there will be
// none: the product has none, or the phone has made no second key.
func (v *Certificates) twin(id string, p *Product, csr *trust.CSR) (*Twin, error) {
	if p.Pair == nil {
		return nil, nil
	}
	t := &Twin{Serial: newSerial(), Maker: p.Pair.Maker, Escrowed: p.Pair.Escrowed}
	public := csr.Encryption
	if t.Maker == ByAuthority {
		key, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		public, t.Sealed = key.Public(), v.cfg.Seal.Seal(twinField.Of(id), key.D.FillBytes(make([]byte, 32)))
	}
	if public == nil {
		return nil, nil
	}
	var err error
	if t.Public, err = smx509.MarshalPKIXPublicKey(public); err != nil {
		return nil, err
	}
	t.Key, err = trust.PublicKeySHA256(public)
	return t, err
}

// public is the key to be certified.
func (t *Twin) public() (crypto.PublicKey, error) { return smx509.ParsePKIXPublicKey(t.Public) }

// take puts the encryption certificate into the pair, and the private key into the
// envelope for the signing key.
func (v *Certificates) takeTwin(c *Certificate, der []byte, signing *trust.Certificate) error {
	t := c.Twin
	cert, err := trust.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("mobilecert: the issuer answered with what is no encryption certificate: %w", err)
	}
	if cert.PublicKeySHA256() != t.Key || cert.SerialHex() != t.Serial || !cert.CanEncrypt() {
		return errors.New("mobilecert: the issuer made another encryption certificate than was asked for")
	}
	t.DER, t.Fingerprint, t.Content = cert.Raw, cert.Fingerprint(), cert.ContentID()
	if t.Maker != ByAuthority {
		return nil
	}
	secret, err := v.cfg.Seal.Open(twinField.Of(c.ID), t.Sealed)
	if err != nil {
		return err
	}
	key, err := sm2.NewPrivateKey(secret)
	if err != nil {
		return err
	}
	to, ok := signing.PublicKey().(*ecdsa.PublicKey)
	if !ok || !sm2.IsSM2PublicKey(to) {
		return errors.New("mobilecert: an envelope is for SM2 keys")
	}
	if t.Envelope, err = sm2.MarshalEnvelopedPrivateKey(rand.Reader, to, key); err != nil {
		return err
	}
	if !t.Escrowed {
		t.Sealed = ""
	}
	return nil
}

// bound describes the twin as a binding remembers it.
func (t *Twin) bound(c *Certificate) (*Bound, error) {
	cert, err := trust.ParseCertificate(t.DER)
	if err != nil {
		return nil, err
	}
	alg, err := cert.Algorithm()
	return &Bound{
		Fingerprint: t.Fingerprint, Content: t.Content, Serial: t.Serial, Subject: maskName(cert.Subject(), trust.Identity{}),
		HolderName: c.Subject.CommonName, OrganisationName: c.Subject.Organisation, Algorithm: alg,
		NotBefore: cert.NotBefore().UTC(), NotAfter: cert.NotAfter().UTC(),
	}, err
}

// about tells a binding what is known here of its certificate: whether it was issued
// here, and then its encryption twin, where there is one. That both have one holder is
// what this record of their making proves.
func (v *Certificates) about(ctx context.Context, b *Binding, cert *trust.Certificate) error {
	c, err := v.Of(ctx, cert)
	if errors.Is(err, ErrCertificateUnknown) {
		b.Elsewhere = true
		return nil
	}
	if err != nil || c.Twin == nil || len(c.Twin.DER) == 0 {
		return err
	}
	b.Pair, err = c.Twin.bound(c)
	return err
}

// TwinOf is the encryption certificate beside one issued here, nil where there is none.
func (v *Certificates) TwinOf(ctx context.Context, cert *trust.Certificate) (*trust.Certificate, error) {
	c, err := v.Of(ctx, cert)
	if errors.Is(err, ErrCertificateUnknown) || err == nil && (c.Twin == nil || len(c.Twin.DER) == 0) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return trust.ParseCertificate(c.Twin.DER)
}

// pairDetails are the fields of a statement that tell what becomes of the encryption
// key, so that the holder signs having read it.
func (p *Product) pairDetails(details map[string]string) {
	if p.Pair == nil {
		return
	}
	details["encryption_key_maker"] = string(p.Pair.Maker)
	details["encryption_key_escrowed"] = "no"
	if p.Pair.Escrowed {
		details["encryption_key_escrowed"] = "yes"
	}
}

// waitingResult is what the phone gets for having handed in a request that people
// will see to.
type waitingResult struct {
	Kind string `json:"kind"` // "request"
	ID   string `json:"id"`
}

// collected is what has come of an enrolment.
func collected(c *Certificate) (*confirm.Result, error) {
	var shown any = resultOfCertificate(c)
	kind := "certificate"
	if c.State == Waiting {
		kind, shown = "request", waitingResult{"request", c.ID}
	}
	view, err := json.Marshal(shown)
	if err != nil {
		return nil, err
	}
	return &confirm.Result{Kind: kind, ID: c.ID, View: view}, nil
}

// keyRequest is what a phone is asked for.
func (p *Product) keyRequest() *confirm.KeyRequest {
	return &confirm.KeyRequest{Algorithm: p.Algorithm, Encryption: p.Pair != nil && p.Pair.Maker == ByHolder}
}

// signedKeys reads the phone's request, if both keys in it are those of the signed
// statement.
func signedKeys(a *confirm.Accepted) (*trust.CSR, error) {
	csr, err := trust.ParseCSR(a.Signer.CSR)
	if err != nil {
		return nil, err
	}
	second := ""
	if csr.Encryption != nil {
		if second, err = trust.PublicKeySHA256(csr.Encryption); err != nil {
			return nil, err
		}
	}
	if csr.PublicKeySHA256() != a.Statement.Details["public_key_sha256"] || second != a.Statement.Details["encryption_key_sha256"] {
		return nil, confirm.ErrKeyMismatch
	}
	return csr, nil
}
