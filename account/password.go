package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// What a stored hash may ask of us. A damaged or planted record must not be able
// to demand all the memory or all the time of the server.
const (
	maxArgonMemory  = 256 << 10 // KiB
	maxArgonTime    = 16
	maxArgonThreads = 8
	argonSalt       = 16
	argonKey        = 32
)

// encoded is a stored password: the PHC string format of argon2id, version 19.
type encoded struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

var b64strict = base64.RawStdEncoding.Strict()

func (e encoded) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, e.memory, e.time, e.threads,
		b64strict.EncodeToString(e.salt), b64strict.EncodeToString(e.key))
}

var errHash = errors.New("account: the stored password hash cannot be read")

func parseHash(s string) (encoded, error) {
	var e encoded
	if len(s) > 512 {
		return e, errHash
	}
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return e, errHash
	}
	params := strings.Split(parts[3], ",")
	if len(params) != 3 {
		return e, errHash
	}
	var n [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(params[i], name)
		v, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || strconv.FormatUint(v, 10) != digits {
			return e, errHash
		}
		n[i] = v
	}
	if n[0] > maxArgonMemory || n[1] < 1 || n[1] > maxArgonTime || n[2] < 1 || n[2] > maxArgonThreads || n[0] < 8*n[2] {
		return e, errHash
	}
	e.memory, e.time, e.threads = uint32(n[0]), uint32(n[1]), uint8(n[2])
	var err1, err2 error
	e.salt, err1 = b64strict.DecodeString(parts[4])
	e.key, err2 = b64strict.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(e.salt) < 8 || len(e.salt) > 64 || len(e.key) < 16 || len(e.key) > 64 {
		return e, errHash
	}
	return e, nil
}

func (e encoded) matches(password string) bool {
	key := argon2.IDKey(passwordBytes(password), e.salt, e.time, e.memory, e.threads, uint32(len(e.key)))
	return subtle.ConstantTimeCompare(key, e.key) == 1
}

// passwordBytes makes one password of the ways to type it (RFC 8265 §4.2).
func passwordBytes(p string) []byte { return norm.NFC.Bytes([]byte(p)) }

// hasher does the costly work, a few at a time: each takes tens of MiB. Beyond
// the slots a bounded number waits; further ones are refused at once, so a flood
// of sign-ins takes neither the memory nor all the processors.
type hasher struct {
	params encoded
	slots  chan struct{}
	queue  int64
	in     atomic.Int64
	// dummy is compared where there is no account, so that takes the same time.
	dummy encoded
}

func newHasher(l Limits) *hasher {
	h := &hasher{params: encoded{memory: l.PasswordMemoryKiB, time: l.PasswordTime, threads: 1},
		slots: make(chan struct{}, l.PasswordParallel), queue: int64(l.PasswordParallel + l.PasswordQueue)}
	h.dummy = h.params
	h.dummy.salt, h.dummy.key = make([]byte, argonSalt), make([]byte, argonKey)
	rand.Read(h.dummy.salt)
	rand.Read(h.dummy.key)
	return h
}

// admit takes a place in the queue, or refuses at once.
func (h *hasher) admit() (leave func(), err error) {
	if h.in.Add(1) > h.queue {
		h.in.Add(-1)
		return nil, ErrSignInBusy.After(3 * time.Second)
	}
	return func() { h.in.Add(-1) }, nil
}

// slot waits for one of the slots; for callers that were admitted.
func (h *hasher) slot(ctx context.Context) (leave func(), err error) {
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, ErrSignInBusy.After(3 * time.Second).Because(ctx.Err())
	}
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.admit()
	if err != nil {
		return "", err
	}
	defer leave()
	done, err := h.slot(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return h.hashNow(password), nil
}

// hashNow is for callers that hold a slot.
func (h *hasher) hashNow(password string) string {
	e := h.params
	e.salt = make([]byte, argonSalt)
	rand.Read(e.salt)
	e.key = argon2.IDKey(passwordBytes(password), e.salt, e.time, e.memory, e.threads, argonKey)
	return e.String()
}

// compare is for callers that hold a slot. A hash that is missing or damaged
// costs the same and never matches. stale says that the settings have changed
// since the hash was made.
func (h *hasher) compare(hash, password string) (right, stale bool) {
	if utf8.RuneCountInString(password) > maxPassword || len(password) > 4*maxPassword {
		password = ""
	}
	e, err := parseHash(hash)
	if err != nil {
		h.dummy.matches(password)
		return false, false
	}
	right = e.matches(password)
	return right, e.memory != h.params.memory || e.time != h.params.time || e.threads != h.params.threads
}

const (
	minPassword = 10
	maxPassword = 128
)

// common are passwords that every list of guesses begins with and that are long
// enough to pass otherwise.
var common = []string{"1234567890", "0123456789", "123456789a", "a123456789", "qwertyuiop", "1q2w3e4r5t", "1qaz2wsx3edc",
	"password123", "password1234", "passw0rd123", "admin123456", "administrator", "woaini1314", "5201314520", "iloveyou123",
	"qwerty123456", "abc1234567", "abcd123456", "aa12345678", "zxcvbnm123", "p@ssw0rd123", "welcome123", "changeme123"}

// checkPassword refuses what is guessed first. No rule about kinds of characters:
// length is what counts (NIST SP 800-63B §5.1.1.2).
func checkPassword(p, login string) error {
	n := utf8.RuneCountInString(p)
	if !utf8.ValidString(p) || n < minPassword || n > maxPassword || strings.ContainsRune(p, 0) {
		return ErrPasswordWeak
	}
	low := strings.ToLower(p)
	kinds := map[rune]bool{}
	for _, r := range low {
		kinds[r] = true
	}
	if len(kinds) < 5 || len(login) >= 4 && strings.Contains(low, login) {
		return ErrPasswordWeak
	}
	for _, c := range common {
		if low == c {
			return ErrPasswordWeak
		}
	}
	return nil
}
