package bids

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"certlink/internal/effect"
	"certlink/internal/id"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/trust"
)

// RehearsalState is where a rehearsal stands.
type RehearsalState string

// The states.
const (
	Asked  RehearsalState = "asked"  // the challenge is out; the phone acts next
	Passed RehearsalState = "passed" // opened: bids encrypted to the key can be read
	Failed RehearsalState = "failed" // answered with something else
)

// rehearsing lists every transition there is.
var rehearsing = map[RehearsalState][]RehearsalState{Asked: {Passed, Failed}}

// Rehearsal is a challenge that only the holder of an encryption key can open: the
// proof, before the opening and without touching a bid, that bids encrypted to it can
// still be read. It goes by the key alone, so the certificate may have been extended.
type Rehearsal struct {
	ID          string          `json:"id"`
	State       RehearsalState  `json:"state"`
	Certificate string          `json:"certificate"` // ContentID of the signing certificate
	Account     string          `json:"account"`
	Device      string          `json:"device"`
	Algorithm   trust.Algorithm `json:"algorithm"`
	Answer      string          `json:"answer"` // hash of what was encrypted
	AskedAt     time.Time       `json:"asked_at"`
	EndedAt     *time.Time      `json:"ended_at,omitempty"`
	effect.Owing
}

// rehearsalLife is how long a challenge can be answered.
const rehearsalLife = 10 * time.Minute

var rehearsalCollection = store.Collection{Name: "rehearsals", Indexes: []store.Index{
	{Name: "passed"}, // certificate and time
	{Name: effect.Index},
}}

func rehearsalRecord(s store.Store) store.Record[Rehearsal] {
	return store.Record[Rehearsal]{Store: s, Collection: rehearsalCollection.Name,
		ID: func(r *Rehearsal) string { return r.ID },
		Index: func(r *Rehearsal) map[string]string {
			ix := map[string]string{effect.Index: r.Place()}
			if r.State == Passed {
				ix["passed"] = store.Key(r.Certificate, store.TimeKey(*r.EndedAt))
			}
			return ix
		}}
}

// Rehearse makes a challenge for the encryption key of a certificate on a phone.
func (l *Ledger) Rehearse(ctx context.Context, device string, c *mobilecert.Certificate) (*Rehearsal, []byte, error) {
	if c.Twin == nil || len(c.Twin.DER) == 0 {
		return nil, nil, ErrNoKey
	}
	cert, err := trust.ParseCertificate(c.Twin.DER)
	if err != nil {
		return nil, nil, err
	}
	alg, err := cert.Algorithm()
	if err != nil {
		return nil, nil, err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	sealed, err := encryptTo(cert, secret)
	if err != nil {
		return nil, nil, err
	}
	r := &Rehearsal{ID: id.New(), State: Asked, Certificate: c.Content, Account: c.Account.ID, Device: device, Algorithm: alg,
		Answer: answer(secret), AskedAt: l.cfg.Clock()}
	return r, sealed, l.rehearsals.Create(ctx, r)
}

func answer(secret []byte) string {
	sum := sha256.Sum256(secret)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Answer takes what the phone has opened. The first answer counts, and repeating it
// gives the same.
func (l *Ledger) Answer(ctx context.Context, device, rehearsal string, plain []byte) (*Rehearsal, error) {
	r, err := l.rehearsals.Update(ctx, rehearsal, func(r *Rehearsal) error {
		switch now := l.cfg.Clock(); {
		case r.Device != device:
			return ErrRehearsal
		case r.State != Asked:
			return store.ErrUnchanged
		case now.After(r.AskedAt.Add(rehearsalLife)):
			return ErrRehearsalLate
		case subtle.ConstantTimeCompare([]byte(answer(plain)), []byte(r.Answer)) == 1:
			return r.move(Passed, now)
		default:
			return r.move(Failed, now)
		}
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrRehearsal
	}
	return r, err
}

// move is the one transition function.
func (r *Rehearsal) move(to RehearsalState, at time.Time) error {
	for _, n := range rehearsing[r.State] {
		if n == to {
			r.State, r.EndedAt = to, &at
			r.Owe(effect.New(effect.Audit, at, map[string]string{"act": "rehearsal." + string(to), "object": "rehearsal", "id": r.ID,
				"account": r.Account, "by": r.Account}))
			return nil
		}
	}
	return ErrRehearsal.Becausef("%s → %s", r.State, to)
}

// Rehearsed is when the key of a certificate last opened a challenge, nil if it never
// did.
func (l *Ledger) Rehearsed(ctx context.Context, certificate string) (*time.Time, error) {
	r, _, err := l.rehearsals.Last(ctx, "passed", certificate)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.EndedAt, nil
}

// rehearsalInfo keeps keys that are derived here apart from all others.
const rehearsalInfo = "certlink rehearsal"

// encryptTo encrypts to the key of a certificate: by SM2 (GM/T 0009, SM2Cipher), or
// for P-256 by a key agreed with a fresh one: the fresh point, a nonce, and AES-256-GCM
// under HKDF-SHA256 of the agreed secret with that point as salt.
func encryptTo(cert *trust.Certificate, secret []byte) ([]byte, error) {
	key, ok := cert.PublicKey().(*ecdsa.PublicKey)
	if !ok {
		return nil, ErrNoKey
	}
	if sm2.IsSM2PublicKey(key) {
		return sm2.EncryptASN1(rand.Reader, key, secret)
	}
	to, err := key.ECDH()
	if err != nil {
		return nil, err
	}
	fresh, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	shared, err := fresh.ECDH(to)
	if err != nil {
		return nil, err
	}
	point := fresh.PublicKey().Bytes()
	derived, err := hkdf.Key(sha256.New, shared, point, rehearsalInfo, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, gcm.NonceSize())
	rand.Read(nonce)
	return gcm.Seal(append(point, nonce...), nonce, secret, nil), nil
}
