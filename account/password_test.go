package account

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
)

// The vectors of the reference implementation (phc-winner-argon2, test.c, version 0x13).
func TestArgon2Vectors(t *testing.T) {
	for _, v := range []struct {
		time, memory uint32
		threads      uint8
		password     string
		salt, key    string
	}{
		{2, 65536, 1, "password", "somesalt", "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"},
		{2, 256, 1, "password", "somesalt", "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"},
		{2, 256, 2, "password", "somesalt", "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"},
	} {
		got := hex.EncodeToString(argon2.IDKey([]byte(v.password), []byte(v.salt), v.time, v.memory, v.threads, 32))
		if got != v.key {
			t.Errorf("argon2id(%+v) = %s", v, got)
		}
	}
	// The same, in the form in which it is stored.
	const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	e, err := parseHash(phc)
	if err != nil || !e.matches("password") || e.matches("Password") || e.String() != phc {
		t.Errorf("PHC string: %+v, %v", e, err)
	}
}

func TestPasswordRules(t *testing.T) {
	for _, weak := range []string{"", "short1!", "aaaaaaaaaaaa", "abababababab", "1234567890", "Password123", "my-zhangwei-1", strings.Repeat("x1y2z", 40), "nul\x00nul\x00nul1", "\xff\xfe\xfd\xfc1234567890"} {
		if err := checkPassword(weak, "zhangwei"); !errors.Is(err, ErrPasswordWeak) {
			t.Errorf("%q: %v", weak, err)
		}
	}
	for _, good := range []string{goodPassword, DemoPassword, "我的密码是一句很长的话", "Tr0ub4dor&3x"} {
		if err := checkPassword(good, "zhangwei"); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestHashIsSaltedAndNormalised(t *testing.T) {
	h := newHasher(cheap().withDefaults())
	a, b := h.hashNow("caf\u00e9 caf\u00e9 1"), h.hashNow("caf\u00e9 caf\u00e9 1")
	if a == b {
		t.Error("two hashes of one password are equal")
	}
	if right, stale := h.compare(a, "cafe\u0301 cafe\u0301 1"); !right || stale {
		t.Errorf("composed and decomposed differ: %v %v", right, stale)
	}
	if right, _ := h.compare(a, "caf\u00e9 caf\u00e9 2"); right {
		t.Error("a wrong password matches")
	}
	for _, broken := range []string{"", "x", a[:len(a)-1], a + "A", strings.Replace(a, "t=1", "t=99", 1), strings.Replace(a, "v=19", "v=16", 1), strings.Replace(a, "argon2id", "argon2i", 1)} {
		if right, _ := h.compare(broken, "caf\u00e9 caf\u00e9 1"); right {
			t.Errorf("%q matches", broken)
		}
	}
}

// A full queue answers at once; a waiter leaves when its time is over.
func TestHasherIsBounded(t *testing.T) {
	l := cheap().withDefaults()
	l.PasswordParallel, l.PasswordQueue = 1, 1
	h := newHasher(l)
	var leaves []func()
	for range 2 {
		leave, err := h.admit()
		want(t, err, nil)
		leaves = append(leaves, leave)
	}
	_, err := h.admit()
	want(t, err, ErrSignInBusy)
	done, err := h.slot(t.Context())
	want(t, err, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = h.slot(ctx)
	want(t, err, ErrSignInBusy)
	done()
	for _, leave := range leaves {
		leave()
	}
	if _, err := h.hash(t.Context(), goodPassword); err != nil {
		t.Fatal(err)
	}
	if h.in.Load() != 0 || len(h.slots) != 0 {
		t.Errorf("places are lost: %d in, %d slots", h.in.Load(), len(h.slots))
	}
}

func TestUnsafeLimitsAreNamedAllAtOnce(t *testing.T) {
	err := Limits{PasswordMemoryKiB: 1024, PINTries: 1000, SignInTries: 50, SessionIdle: time.Hour, SessionAbsolute: time.Minute}.withDefaults().check()
	for _, name := range []string{"PasswordMemoryKiB", "PINTries", "SignInTries", "SessionAbsolute"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	if err := (Limits{}).withDefaults().check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func FuzzStoredHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=08,t=+1,p=1$$")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseHash(s)
		if err != nil {
			return
		}
		if e.String() != s {
			t.Fatalf("%q is read as %q", s, e)
		}
		if e.memory > maxArgonMemory || e.time > maxArgonTime || e.threads > maxArgonThreads || e.time == 0 || e.threads == 0 || len(e.key) < 16 {
			t.Fatalf("%q asks for %+v", s, e)
		}
	})
}
