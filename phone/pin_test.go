package phone

import (
	"bytes"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"testing"

	"certlink/trust"
)

// The derivations written out once more, from the document and not from the code.
func TestPINDerivations(t *testing.T) {
	salt := bytes.Repeat([]byte{7}, 32)
	s, err := stretch("480913", salt, pinRounds)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := pbkdf2.Key(sha256.New, "480913", salt, 600000, 32)
	if !bytes.Equal(s, want) {
		t.Errorf("stretched %s", hex.EncodeToString(s))
	}
	v, err := s.verifier()
	if err != nil {
		t.Fatal(err)
	}
	wantV, _ := hkdf.Key(sha256.New, want, nil, "certlink pin verifier v1", 32)
	if v != b64.EncodeToString(wantV) {
		t.Errorf("verifier %s", v)
	}
	for _, bad := range []string{"", "12345", "1234567", "12345a", "１２３４５６"} {
		if _, err := stretch(bad, salt, pinRounds); !errors.Is(err, ErrPINForm) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestKeysLieWrappedUnderThePIN(t *testing.T) {
	s := newServer(t)
	dir := filepath.Join(t.TempDir(), "phone")
	p := newPhone(t, s, InDirectory(dir))
	before := certified(t, s, p, trust.ES256)
	if err := p.SetPIN(t.Context(), "480913"); err != nil {
		t.Fatal(err)
	}
	after := certified(t, s, p, trust.SM2SM3)
	for _, k := range []*Key{before, after} {
		var kept keptKey
		if ok, err := p.read(keyPrefix+k.ID, &kept); !ok || err != nil {
			t.Fatal(err)
		}
		if kept.Plain != nil || len(kept.Wrapped) != 1 {
			t.Errorf("%s: plain %v, %d wrapped", k.Algorithm, kept.Plain != nil, len(kept.Wrapped))
		}
	}

	// Another run: locked until the PIN is given.
	q, err := New("", InDirectory(dir), quick)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := q.Keys()
	if err != nil || len(keys) != 2 || keys[0].Unlocked() || keys[1].Unlocked() || !q.HasPIN() {
		t.Fatalf("%v, %v", keys, err)
	}
	n, err := q.Scan(t.Context(), s.bind(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Confirm(t.Context(), n, keys[0]); !errors.Is(err, ErrLocked) {
		t.Errorf("%v", err)
	}
	if _, err := q.AddCertificate(before.signer, before.Certificate.Raw, nil, "huixin"); !errors.Is(err, ErrLocked) {
		t.Errorf("a key was kept bare although there is a PIN: %v", err)
	}

	err = q.UnlockPIN(t.Context(), "000000")
	var refused *Problem
	if !errors.As(err, &refused) || refused.Code != "pin_wrong" || refused.TriesLeft == nil || *refused.TriesLeft != 4 {
		t.Fatalf("%v", err)
	}
	if err := q.UnlockPIN(t.Context(), "480913"); err != nil {
		t.Fatal(err)
	}
	if keys, err = q.Keys(); err != nil || !keys[0].Unlocked() || !keys[1].Unlocked() {
		t.Fatalf("%v, %v", keys, err)
	}
	for _, k := range keys {
		if n, err = q.Scan(t.Context(), s.bind(nil)); err != nil {
			t.Fatal(err)
		}
		if err := q.Confirm(t.Context(), n, k); err != nil {
			t.Errorf("%s: %v", k.Algorithm, err)
		}
	}
	q.Lock()
	if k, err := q.Key(before.ID); err != nil || k.Unlocked() {
		t.Errorf("%v, %v", k, err)
	}
}

func TestChangePIN(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	k := certified(t, s, p, trust.ES256)
	if err := p.SetPIN(t.Context(), "480913"); err != nil {
		t.Fatal(err)
	}
	if err := p.ChangePIN(t.Context(), "000000", "111111"); Code(err) != "pin_wrong" {
		t.Fatalf("%v", err)
	}
	if err := p.ChangePIN(t.Context(), "480913", "271828"); err != nil {
		t.Fatal(err)
	}
	p.Lock()
	if err := p.UnlockPIN(t.Context(), "271828"); err != nil {
		t.Fatal(err)
	}
	got, err := p.Key(k.ID)
	if err != nil || !got.Unlocked() || len(got.kept.Wrapped) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
}

// The program ends while the PIN is being changed: before the server knew, the old PIN
// opens the keys, afterwards the new one.
func TestChangePINCutShort(t *testing.T) {
	for _, serverKnows := range []bool{false, true} {
		s := newServer(t)
		k := Memory()
		p := newPhone(t, s, With(k))
		key := certified(t, s, p, trust.ES256)
		if err := p.SetPIN(t.Context(), "480913"); err != nil {
			t.Fatal(err)
		}
		// What ChangePIN does up to its last call.
		after, verifier, err := p.stretched("271828")
		if err != nil {
			t.Fatal(err)
		}
		next, err := after.unlock(b64.EncodeToString(s.pepper))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.rewrap(next, true); err != nil {
			t.Fatal(err)
		}
		pin := "480913"
		if serverKnows {
			s.pinHash, pin = verifier, "271828"
		}
		q, err := New(s.url, With(k), quick)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.UnlockPIN(t.Context(), pin); err != nil {
			t.Fatal(err)
		}
		got, err := q.Key(key.ID)
		if err != nil || !got.Unlocked() {
			t.Fatalf("server knows %v: %+v, %v", serverKnows, got, err)
		}
		if len(got.kept.Wrapped) != 1 {
			t.Errorf("still wrapped under %d PINs", len(got.kept.Wrapped))
		}
	}
}

func TestPINSetButTheAnswerLost(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	k := certified(t, s, p, trust.ES256)
	s.lose = 1
	var silent *Unreachable
	if err := p.SetPIN(t.Context(), "480913"); !errors.As(err, &silent) {
		t.Fatalf("%v", err)
	}
	if err := p.UnlockPIN(t.Context(), "480913"); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Key(k.ID); err != nil || got.kept.Plain != nil || !got.Unlocked() {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFiveWrongPINsThenReset(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	k := certified(t, s, p, trust.ES256)
	if err := p.SetPIN(t.Context(), "480913"); err != nil {
		t.Fatal(err)
	}
	p.Lock()
	for range 5 {
		if err := p.UnlockPIN(t.Context(), "000000"); Code(err) != "pin_wrong" {
			t.Fatalf("%v", err)
		}
	}
	if err := p.UnlockPIN(t.Context(), "480913"); Code(err) != "pin_locked" {
		t.Fatalf("%v", err)
	}
	if err := p.ResetPIN(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Key(k.ID); err == nil {
		t.Error("a key that nobody can open is still listed")
	}
	if err := p.SetPIN(t.Context(), "271828"); err != nil {
		t.Fatal(err)
	}
}
