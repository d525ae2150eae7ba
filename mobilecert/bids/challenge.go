package bids

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"

	"certlink/confirm"
	"certlink/internal/id"
	"certlink/mobilecert"
	"certlink/trust"
	"certlink/trust/challenge"
)

// PurposeRehearse is the purpose of the statement beside a challenge. It is shown and
// never signed.
const PurposeRehearse = "rehearse"

// Challenge is what the page hands to the bridge.
type Challenge struct {
	Certificate string // fingerprint of the one that is encrypted to
	Revoked     bool   // it is known to be: its key decrypts what was, and no more is encrypted to it
	Statement   []byte // canonical; what the person reads
	Ciphertext  []byte
}

// tokenDevice stands for the phone in rehearsals of tokens.
func tokenDevice(binding string) string { return "binding:" + binding }

// RehearseToken makes a challenge for the key on a U-Key that data for the account of a
// binding is encrypted to.
func (l *Ledger) RehearseToken(ctx context.Context, b *mobilecert.Binding, audience string, by confirm.Party, from confirm.Requester) (*Rehearsal, *Challenge, error) {
	if b.State != mobilecert.Active || len(b.Encryption) == 0 {
		return nil, nil, ErrNoKey
	}
	cert, err := trust.ParseCertificate(b.Encryption)
	if err != nil {
		return nil, nil, err
	}
	alg, err := cert.Algorithm()
	if err != nil {
		return nil, nil, err
	}
	plain := challenge.New(audience)
	var sealed []byte
	switch key := cert.PublicKey().(type) {
	case *rsa.PublicKey:
		sealed, err = rsa.EncryptPKCS1v15(rand.Reader, key, plain) // what tokens do; see ukey.DecryptRequest
	default:
		if alg != trust.SM2SM3 { // tokens agree on no key with P-256
			return nil, nil, ErrNoKey
		}
		sealed, err = encryptTo(cert, plain)
	}
	if err != nil {
		return nil, nil, err
	}
	now := l.cfg.Clock()
	digest, sum := sha256.Sum256(plain), sha256.Sum256(sealed)
	r := &Rehearsal{ID: id.New(), State: Asked, Certificate: b.Certificate.Content, Account: b.Account.ID, Device: tokenDevice(b.ID), Algorithm: alg,
		Answer: answer(digest[:]), AskedAt: now}
	if from.StartedAt == "" {
		from.StartedAt = at(now)
	}
	statement := (&confirm.Statement{
		Version: "1", ID: r.ID, Purpose: PurposeRehearse, Audience: audience, Nonce: id.Secret(32),
		IssuedAt: at(now), ExpiresAt: at(now.Add(rehearsalLife)), Actor: by, Requester: from,
		Details: map[string]string{
			"provider": b.Provider, "provider_name": b.ProviderName.ZH, "encryption_certificate": cert.Fingerprint(), "encryption_serial": cert.SerialHex(),
			"challenge_sha256": base64.RawURLEncoding.EncodeToString(sum[:]),
		},
	}).Canonical()
	revoked, err := l.cfg.Certificates.PairRevoked(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	return r, &Challenge{cert.Fingerprint(), revoked, statement, sealed}, l.rehearsals.Create(ctx, r)
}

// AnswerToken takes what the bridge has answered.
func (l *Ledger) AnswerToken(ctx context.Context, b *mobilecert.Binding, rehearsal string, digest []byte) (*Rehearsal, error) {
	return l.Answer(ctx, tokenDevice(b.ID), rehearsal, digest)
}
