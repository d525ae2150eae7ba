package phone

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// A stolen phone has the wrapped keys and not the pepper, which the server releases to
// the proven device for the right PIN only, five times wrong at most. A stolen server has
// the pepper and the hash of the verifier, and not the wrapped keys. Neither can sign.
//
//	stretched = PBKDF2-HMAC-SHA256(PIN, salt, 600 000 rounds, 32 bytes)
//	verifier  = HKDF-SHA256(stretched,          info "certlink pin verifier v1",     32 bytes)
//	wrapping  = HKDF-SHA256(stretched ‖ pepper, info "certlink pin wrapping key v1", 32 bytes)
//	wrapped   = nonce ‖ AES-256-GCM(wrapping, nonce, PKCS#8, additional data)
//	additional data = "certlink key v1" NUL algorithm NUL the key's id
//
// The web app derives in the same way.
const (
	pinRounds     = 600_000
	labelVerifier = "certlink pin verifier v1"
	labelWrapping = "certlink pin wrapping key v1"
	labelKey      = "certlink key v1"
)

// ErrPINForm: what a PIN looks like.
var ErrPINForm = errors.New("a PIN has six digits")

// unlocked is the wrapping key of the PIN that was given, in memory only.
type unlocked struct{ aead cipher.AEAD }

// What the key is stands under the seal, so that no wrapped key can pass for another.
func sealed(k *keptKey) []byte {
	return []byte(labelKey + "\x00" + string(k.Algorithm) + "\x00" + k.ID)
}

func (u *unlocked) wrap(k *keptKey, pkcs8 []byte) []byte {
	return u.aead.Seal(nil, nil, pkcs8, sealed(k))
}

func (u *unlocked) unwrap(k *keptKey) []byte {
	for _, w := range k.Wrapped {
		if plain, err := u.aead.Open(nil, nil, w, sealed(k)); err == nil {
			return plain
		}
	}
	return nil
}

type stretched []byte

func stretch(pin string, salt []byte, rounds int) (stretched, error) {
	if len(pin) != 6 || bytes.ContainsFunc([]byte(pin), func(r rune) bool { return r < '0' || r > '9' }) {
		return nil, ErrPINForm
	}
	return pbkdf2.Key(sha256.New, pin, salt, rounds, 32)
}

func (s stretched) verifier() (string, error) {
	v, err := hkdf.Key(sha256.New, s, nil, labelVerifier, 32)
	return b64.EncodeToString(v), err
}

func (s stretched) unlock(pepper string) (*unlocked, error) {
	raw, err := b64.DecodeString(pepper)
	if err != nil || len(raw) != 32 {
		return nil, errors.New("the server's pepper is malformed")
	}
	key, err := hkdf.Key(sha256.New, slices.Concat(s, raw), nil, labelWrapping, 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &unlocked{aead}, nil
}

type pepper struct {
	Pepper string `json:"pepper"`
}

// HasPIN says whether this phone's keys are wrapped under a PIN.
func (p *Phone) HasPIN() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.profile.Salt != nil
}

// SetPIN sets the first PIN and wraps the keys that are on the phone. From then on the
// phone signs only after UnlockPIN.
func (p *Phone) SetPIN(ctx context.Context, pin string) error {
	p.mu.Lock()
	salt := p.profile.Salt
	p.mu.Unlock()
	if salt == nil {
		salt = make([]byte, 32)
		rand.Read(salt)
	}
	s, err := stretch(pin, salt, p.rounds)
	if err != nil {
		return err
	}
	defer clear(s)
	v, err := s.verifier()
	if err != nil {
		return err
	}
	// The salt is kept first: when the reply is lost, UnlockPIN with the same PIN
	// finishes what was begun here.
	if err := p.keepSalt(salt); err != nil {
		return err
	}
	var answer pepper
	if err := p.call(ctx, "POST", "/v1/phone/pin", "", map[string]string{"verifier": v}, &answer); err != nil {
		return err
	}
	return p.unlockWith(s, answer.Pepper)
}

// UnlockPIN gives the PIN: the server counts the attempt and releases the pepper. A
// wrong one is a *Problem with code pin_wrong and TriesLeft.
func (p *Phone) UnlockPIN(ctx context.Context, pin string) error {
	s, v, err := p.stretched(pin)
	if err != nil {
		return err
	}
	defer clear(s)
	var answer pepper
	if err := p.call(ctx, "POST", "/v1/phone/pin/unlock", "", map[string]string{"verifier": v}, &answer); err != nil {
		return err
	}
	return p.unlockWith(s, answer.Pepper)
}

// Lock forgets the PIN. Keys loaded before stay usable until they are let go.
func (p *Phone) Lock() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pin = nil
}

// ChangePIN replaces the PIN; the keys stay. It can be cut short anywhere: until the
// server has taken the new PIN the keys are wrapped under both.
func (p *Phone) ChangePIN(ctx context.Context, old, new string) error {
	before, oldVerifier, err := p.stretched(old)
	if err != nil {
		return err
	}
	defer clear(before)
	after, newVerifier, err := p.stretched(new)
	if err != nil {
		return err
	}
	defer clear(after)
	var now, then pepper
	if err := p.call(ctx, "POST", "/v1/phone/pin/unlock", "", map[string]string{"verifier": oldVerifier}, &now); err != nil {
		return err
	}
	if err := p.unlockWith(before, now.Pepper); err != nil {
		return err
	}
	next, err := after.unlock(now.Pepper)
	if err != nil {
		return err
	}
	if err := p.rewrap(next, true); err != nil {
		return err
	}
	if err := p.call(ctx, "POST", "/v1/phone/pin/change", "", map[string]string{"verifier": oldVerifier, "new_verifier": newVerifier}, &then); err != nil {
		return err
	}
	return p.unlockWith(after, then.Pepper)
}

// ResetPIN gives up a forgotten or locked PIN, and with it every key that is wrapped
// under it: the certificates must be got anew. The next SetPIN starts afresh. While
// bids wait for these keys it is refused with bids_need_keys, which lists them;
// acknowledged is the name of that list, "" at first.
func (p *Phone) ResetPIN(ctx context.Context, acknowledged string) error {
	body := map[string]string{}
	if acknowledged != "" {
		body["acknowledge"] = acknowledged
	}
	if err := p.call(ctx, "POST", "/v1/phone/pin/reset", "", body, nil); err != nil {
		return err
	}
	names, err := p.keep.List(keyPrefix)
	if err != nil {
		return err
	}
	for _, n := range names {
		var kept keptKey
		if _, err := p.read(n, &kept); err != nil {
			return err
		}
		if kept.Plain == nil {
			if err := p.keep.Remove(n); err != nil {
				return err
			}
		}
	}
	p.Lock()
	return p.keepSalt(nil)
}

// stretched does the slow part of a PIN and answers with its verifier.
func (p *Phone) stretched(pin string) (stretched, string, error) {
	p.mu.Lock()
	salt := p.profile.Salt
	p.mu.Unlock()
	if salt == nil {
		return nil, "", errors.New("this phone has no PIN yet")
	}
	s, err := stretch(pin, salt, p.rounds)
	if err != nil {
		return nil, "", err
	}
	v, err := s.verifier()
	return s, v, err
}

func (p *Phone) keepSalt(salt []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.profile
	next.Salt = salt
	if err := p.write(profileName, next); err != nil {
		return err
	}
	p.profile = next
	return nil
}

// unlockWith makes the wrapping key and wraps under it, and nothing else, what is not
// yet: keys from before the PIN, keys of an interrupted change.
func (p *Phone) unlockWith(s stretched, pepper string) error {
	u, err := s.unlock(pepper)
	if err != nil {
		return err
	}
	p.mu.Lock()
	previous := p.pin
	p.mu.Unlock()
	if previous == nil {
		p.mu.Lock()
		p.pin = u
		p.mu.Unlock()
		return p.rewrap(u, false)
	}
	// The keys are still open under the previous PIN while they are wrapped anew.
	if err := p.rewrap(u, false); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pin = u
	return nil
}

// rewrap wraps every key that can be opened under u as well (beside) or under u alone.
// Keys that cannot be opened are left as they are.
func (p *Phone) rewrap(u *unlocked, beside bool) error {
	names, err := p.keep.List(keyPrefix)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := p.rewrapOne(n, u, beside); err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
	}
	return nil
}

func (p *Phone) rewrapOne(name string, u *unlocked, beside bool) error {
	var kept keptKey
	if _, err := p.read(name, &kept); err != nil {
		return err
	}
	plain := u.unwrap(&kept)
	if plain != nil && (beside || len(kept.Wrapped) == 1) && kept.Plain == nil {
		clear(plain)
		return nil
	}
	if plain == nil {
		plain = bytes.Clone(kept.Plain)
	}
	p.mu.Lock()
	if plain == nil && p.pin != nil {
		plain = p.pin.unwrap(&kept)
	}
	p.mu.Unlock()
	if plain == nil {
		return nil
	}
	defer clear(plain)
	fresh := u.wrap(&kept, plain)
	if beside {
		kept.Wrapped = append(kept.Wrapped, fresh)
	} else {
		kept.Wrapped, kept.Plain = [][]byte{fresh}, nil
	}
	return p.write(name, kept)
}
