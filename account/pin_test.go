package account

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certlink/internal/fault"
)

// verifier stands for what a phone derives from a PIN.
func verifier(pin string) string {
	sum := sha256.Sum256([]byte("verifier " + pin))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestPIN(t *testing.T) {
	w := newWorld(t)
	d, _ := w.phone()
	_, err := w.UnlockPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, ErrPINNotSet)
	pepper, err := w.SetPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, nil)
	if raw, err := base64.RawURLEncoding.DecodeString(pepper); err != nil || len(raw) != 32 {
		t.Errorf("pepper %q", pepper)
	}
	_, err = w.SetPIN(t.Context(), d.ID, verifier("2"))
	want(t, err, ErrPINSet)
	for i := range 4 {
		_, err := w.UnlockPIN(t.Context(), d.ID, verifier("wrong"))
		want(t, err, ErrPINWrong)
		if left := faultOf(err).Extra["tries_left"]; left != 4-i {
			t.Errorf("tries left %v after %d", left, i+1)
		}
	}
	if got, _ := w.Device(t.Context(), d.ID); got.PIN != (PINState{Set: true, TriesLeft: 1}) {
		t.Errorf("%+v", got.PIN)
	}
	got, err := w.UnlockPIN(t.Context(), d.ID, verifier("1"))
	if err != nil || got != pepper {
		t.Errorf("%q, %v", got, err)
	}
	if got, _ := w.Device(t.Context(), d.ID); got.PIN != (PINState{Set: true, TriesLeft: 5}) {
		t.Errorf("%+v", got.PIN)
	}

	// Neither pepper nor hash lies open in the store.
	body := w.body(devices, d.ID)
	raw, _ := base64.RawURLEncoding.DecodeString(verifier("1"))
	hash := sha256.Sum256(raw)
	for _, secret := range []string{pepper, verifier("1"), base64.RawURLEncoding.EncodeToString(hash[:]), base64.StdEncoding.EncodeToString(hash[:])} {
		if strings.Contains(body, secret) {
			t.Errorf("%s lies in the store", secret)
		}
	}
	for _, bad := range []string{"", "x", verifier("1") + "=", base64.RawURLEncoding.EncodeToString(make([]byte, 31))} {
		_, err := w.UnlockPIN(t.Context(), d.ID, bad)
		want(t, err, ErrInput)
	}
	_, err = w.UnlockPIN(t.Context(), "nobody", verifier("1"))
	want(t, err, ErrDeviceUnknown)
}

func TestChangePIN(t *testing.T) {
	w := newWorld(t)
	d, _ := w.phone()
	_, err := w.ChangePIN(t.Context(), d.ID, verifier("1"), verifier("2"))
	want(t, err, ErrPINNotSet)
	pepper, err := w.SetPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, nil)
	_, err = w.ChangePIN(t.Context(), d.ID, verifier("wrong"), verifier("2"))
	want(t, err, ErrPINWrong)
	_, err = w.ChangePIN(t.Context(), d.ID, verifier("1"), "x")
	want(t, err, ErrInput)
	got, err := w.ChangePIN(t.Context(), d.ID, verifier("1"), verifier("2"))
	if err != nil || got != pepper {
		t.Errorf("the pepper must stay: %v", err)
	}
	_, err = w.UnlockPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, ErrPINWrong)
	_, err = w.UnlockPIN(t.Context(), d.ID, verifier("2"))
	want(t, err, nil)
	wantOwed(t, w.owed(devices, d.ID), "pin.changed")
}

func TestLockedPINAndReset(t *testing.T) {
	w := newWorld(t)
	d, _ := w.phone()
	_, err := w.ResetPIN(t.Context(), d.ID, d.ID, nil)
	want(t, err, ErrPINNotSet)
	old, err := w.SetPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, nil)
	for i := range 5 {
		_, err := w.UnlockPIN(t.Context(), d.ID, verifier("wrong"))
		want(t, err, map[bool]*fault.Error{true: ErrPINWrong, false: ErrPINLocked}[i < 4])
	}
	w.clock.Advance(1000 * 24 * time.Hour) // no time heals it
	_, err = w.UnlockPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, ErrPINLocked)
	_, err = w.ChangePIN(t.Context(), d.ID, verifier("1"), verifier("2"))
	want(t, err, ErrPINLocked)
	_, err = w.SetPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, ErrPINSet)
	if got, _ := w.Device(t.Context(), d.ID); got.PIN != (PINState{Set: true, Locked: true}) {
		t.Errorf("%+v", got.PIN)
	}
	wantOwed(t, w.owed(devices, d.ID), "pin.locked")
	got, err := w.ResetPIN(t.Context(), d.ID, d.ID, nil)
	if err != nil || got.PIN != (PINState{TriesLeft: 5}) {
		t.Errorf("%+v, %v", got, err)
	}
	fresh, err := w.SetPIN(t.Context(), d.ID, verifier("1"))
	if err != nil || fresh == old {
		t.Errorf("the new pepper must not open what the old one closed: %v", err)
	}
}

// Fifty guesses at once, over two servers, buy no more than five.
func TestParallelPINGuesses(t *testing.T) {
	w := newWorld(t)
	d, _ := w.phone()
	_, err := w.SetPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, nil)
	servers := []*Service{w.Service, w.server()}
	var compared, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			_, err := servers[i%2].UnlockPIN(t.Context(), d.ID, verifier("wrong"))
			switch {
			case errors.Is(err, ErrPINWrong):
				compared.Add(1)
			case errors.Is(err, ErrPINLocked), errors.Is(err, ErrPINBusy):
				refused.Add(1)
			default:
				t.Errorf("unexpected: %v", err)
			}
		})
	}
	wg.Wait()
	// The fifth wrong one answers that it is locked.
	if compared.Load() != 4 || refused.Load() != 46 {
		t.Errorf("%d answered as wrong, %d refused", compared.Load(), refused.Load())
	}
	_, err = w.UnlockPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, ErrPINLocked)
	rec, _, err := w.devices.Get(t.Context(), d.ID)
	if err != nil || rec.Secret.Wrong != 5 || len(rec.Secret.Open) != 0 {
		t.Errorf("%+v, %v", rec.Secret, err)
	}
}

// However wrong guesses mix with right ones, no pepper leaves for a wrong one,
// and what is left open is nothing.
func TestParallelRightAndWrong(t *testing.T) {
	w := newWorld(t)
	d, _ := w.phone()
	pepper, err := w.SetPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, nil)
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			v := verifier("1")
			if i%10 == 0 {
				v = verifier("wrong")
			}
			got, err := w.UnlockPIN(t.Context(), d.ID, v)
			if err == nil && (i%10 == 0 || got != pepper) {
				t.Error("a wrong guess was paid, or a right one with another pepper")
			}
		})
	}
	wg.Wait()
	rec, _, err := w.devices.Get(t.Context(), d.ID)
	if err != nil || len(rec.Secret.Open) != 0 || rec.Secret.Wrong > 3 {
		t.Errorf("%+v, %v", rec.Secret, err)
	}
}

// A server that dies between counting and comparing has spent the guess.
func TestPINGuessesOfADeadServer(t *testing.T) {
	w := newWorld(t)
	d, _ := w.phone()
	_, err := w.SetPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, nil)
	crash := func(n int) {
		_, err := w.devices.Update(t.Context(), d.ID, func(d *storedDevice) error {
			for range n {
				d.Secret.open(w.clock.Now())
			}
			return nil
		})
		want(t, err, nil)
	}
	crash(4)
	_, err = w.UnlockPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, nil) // the fifth, and right
	w.clock.Advance(openFor)
	_, err = w.UnlockPIN(t.Context(), d.ID, verifier("wrong"))
	want(t, err, ErrPINLocked) // four dead ones and this
	_, err = w.ResetPIN(t.Context(), d.ID, d.ID, nil)
	want(t, err, nil)

	_, err = w.SetPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, nil)
	crash(5)
	_, err = w.UnlockPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, ErrPINBusy)
	w.clock.Advance(openFor)
	_, err = w.UnlockPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, ErrPINLocked)
	wantOwed(t, w.owed(devices, d.ID), "pin.locked")
	rec, _, err := w.devices.Get(t.Context(), d.ID)
	if err != nil || rec.Secret.LockedAt == nil {
		t.Errorf("the lock is not written down: %+v, %v", rec, err)
	}
}

// A guess at a PIN that was reset meanwhile unlocks nothing.
func TestResetWhileGuessing(t *testing.T) {
	w := newWorld(t)
	d, _ := w.phone()
	old, err := w.SetPIN(t.Context(), d.ID, verifier("1"))
	want(t, err, nil)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			switch i % 4 {
			case 0:
				w.ResetPIN(t.Context(), d.ID, d.ID, nil)
			case 1:
				w.SetPIN(t.Context(), d.ID, verifier("2"))
			default:
				got, err := w.UnlockPIN(t.Context(), d.ID, verifier("1"))
				if err == nil && got != old {
					t.Error("the old PIN gave the new pepper")
				}
			}
		})
	}
	wg.Wait()
}
