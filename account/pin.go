package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"certlink/internal/effect"
	"certlink/internal/fault"
)

// pin guards the pepper without which the keys wrapped on the phone cannot be
// unwrapped. The server never sees the PIN: the phone derives the verifier from
// it, and the wrapping key from it and the pepper.
type pin struct {
	// Sealed holds the verifier's SHA-256 and the pepper, 32 bytes each. The hash
	// is sealed too: of a six-digit PIN, a bare one in a stolen copy of the store
	// could be guessed.
	Sealed string `json:"sealed,omitempty"`
	tries
	LockedAt *time.Time `json:"locked_at,omitempty"`
}

func (p *pin) set() bool { return p.Sealed != "" }

func (s *Service) pinState(d *storedDevice) PINState {
	p := &d.Secret
	st := PINState{Set: p.set(), TriesLeft: max(s.limits.PINTries-p.Wrong-len(p.Open), 0), Locked: p.LockedAt != nil}
	if st.Locked {
		st.TriesLeft = 0
	}
	return st
}

func (s *Service) sealPIN(deviceID string, hash [32]byte, pepper []byte) string {
	return s.seal.Seal(pinField.Of(deviceID), append(hash[:], pepper...))
}

// verifierHash checks the verifier's shape and hashes it.
func verifierHash(verifier string) ([32]byte, error) {
	raw, err := b64url.DecodeString(verifier)
	if err != nil || len(raw) != 32 {
		return [32]byte{}, ErrInput.At("/verifier", "应为 32 字节的 base64url", "32 bytes in base64url are expected")
	}
	return sha256.Sum256(raw), nil
}

// SetPIN sets the first PIN of a phone and returns the new pepper, 32 bytes in
// base64url. It is done once: who lost the answer unlocks with the same verifier.
func (s *Service) SetPIN(ctx context.Context, deviceID, verifier string) (pepper string, err error) {
	hash, err := verifierHash(verifier)
	if err != nil {
		return "", err
	}
	raw := make([]byte, 32)
	rand.Read(raw)
	sealed := s.sealPIN(deviceID, hash, raw)
	_, err = s.updateDevice(ctx, deviceID, func(d *storedDevice) error {
		if d.Secret.set() {
			return ErrPINSet
		}
		d.Secret = pin{Sealed: sealed}
		d.happened(s.now(), d.ID, "pin.set", nil)
		return nil
	})
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// UnlockPIN returns the pepper for the right verifier.
func (s *Service) UnlockPIN(ctx context.Context, deviceID, verifier string) (pepper string, err error) {
	hash, err := verifierHash(verifier)
	if err != nil {
		return "", err
	}
	return s.guessPIN(ctx, deviceID, hash, nil)
}

// ChangePIN replaces the verifier. The pepper stays: if the answer is lost, the
// keys wrapped under either PIN can still be unwrapped.
func (s *Service) ChangePIN(ctx context.Context, deviceID, old, new string) (pepper string, err error) {
	hash, err := verifierHash(old)
	if err != nil {
		return "", err
	}
	next, err := verifierHash(new)
	if err != nil {
		return "", ErrInput.At("/new_verifier", "应为 32 字节的 base64url", "32 bytes in base64url are expected")
	}
	return s.guessPIN(ctx, deviceID, hash, &next)
}

// ResetPIN forgets PIN and pepper. Keys wrapped with them are lost, which is why
// a phone may ask for it without the PIN: a thief gains nothing. note is what the log
// keeps beside it.
func (s *Service) ResetPIN(ctx context.Context, deviceID, by string, note map[string]string) (*Device, error) {
	d, err := s.updateDevice(ctx, deviceID, func(d *storedDevice) error {
		if !d.Secret.set() {
			return ErrPINNotSet
		}
		d.Secret = pin{}
		d.happened(s.now(), by, "pin.reset", note)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.device(d), nil
}

// guessPIN counts the guess, compares, and closes it. A server that dies in
// between has spent the guess.
func (s *Service) guessPIN(ctx context.Context, deviceID string, hash [32]byte, next *[32]byte) (string, error) {
	at := s.now().Truncate(time.Microsecond)
	// Refusals that must be written down come out beside the write.
	var refused *fault.Error
	d, err := s.updateDevice(ctx, deviceID, func(d *storedDevice) error {
		p := &d.Secret
		refused = nil
		switch {
		case !p.set():
			return ErrPINNotSet
		case p.LockedAt != nil:
			return ErrPINLocked
		}
		p.settle(at)
		switch {
		case p.room(s.limits.PINTries):
			p.open(at)
		case p.Wrong >= s.limits.PINTries:
			s.lockPIN(d, at)
			refused = ErrPINLocked
		default: // all the tries left are being compared
			return ErrPINBusy.After(time.Second)
		}
		return nil
	})
	if err == nil && refused != nil {
		err = refused
	}
	if err != nil {
		return "", err
	}
	// From here on the guess is counted, whatever becomes of this request.
	plain, err := s.seal.Open(pinField.Of(deviceID), d.Secret.Sealed)
	if err != nil || len(plain) != 64 {
		return "", fmt.Errorf("account: the PIN of %s: %w", deviceID, errors.Join(err, errors.New("cannot be read")))
	}
	right := subtle.ConstantTimeCompare(plain[:32], hash[:]) == 1
	sealed := d.Secret.Sealed
	if err := s.closeGuess(ctx, deviceID, sealed, at, right, func(d *storedDevice) {
		if next != nil {
			d.Secret.Sealed = s.sealPIN(deviceID, *next, plain[32:])
			d.happened(s.now(), d.ID, "pin.changed", nil)
		}
	}); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(plain[32:]), nil
}

// closeGuess writes down what came of a guess and answers a wrong one. sealed is
// the PIN that was compared: if it was reset or changed meanwhile, the guess was
// at something that is gone.
func (s *Service) closeGuess(ctx context.Context, deviceID, sealed string, at time.Time, right bool, do func(*storedDevice)) error {
	// A phone that goes away does not take its guess back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var refused *fault.Error
	_, err := s.updateDevice(ctx, deviceID, func(d *storedDevice) error {
		p := &d.Secret
		refused = nil
		switch {
		case !p.set():
			return ErrPINNotSet
		case p.LockedAt != nil:
			return ErrPINLocked
		}
		open := p.close(at)
		switch {
		case p.Sealed != sealed:
			refused = ErrPINWrong.With("tries_left", s.pinState(d).TriesLeft)
		case right:
			// The others that are open stay counted; they are somebody's guesses.
			p.Wrong = 0
			do(d)
		default:
			if open { // else settled as wrong already
				p.Wrong++
			}
			if p.Wrong >= s.limits.PINTries {
				s.lockPIN(d, s.now())
				refused = ErrPINLocked
			} else {
				refused = ErrPINWrong.With("tries_left", s.pinState(d).TriesLeft)
			}
		}
		return nil
	})
	if err == nil && refused != nil {
		return refused
	}
	return err
}

func (s *Service) lockPIN(d *storedDevice, at time.Time) {
	d.Secret.LockedAt = &at
	d.happened(at, d.ID, "pin.locked", nil)
	d.Owe(effect.New(effect.Webhook, at, map[string]string{"act": "pin.locked", "object": "device", "id": d.ID}))
}
