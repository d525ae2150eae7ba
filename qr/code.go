package qr

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The code on the screen is an https link:
//
//	ORIGIN/q/PTTTTTTTTTTTTTTTTTTTTTT.COUNTER.MMMMMMMMMMMMMMMMMMMMMM
//
// P is the purpose's letter, T the token (128 bits, base64url), COUNTER the
// session's second in decimal, M the first 128 bits of HMAC-SHA256 under the
// session's secret over everything before it, origin included. For the link
// that opens the app on the same device, COUNTER is L and a nonce.

// MaxLink keeps the code at QR version 9 or below at level L.
const MaxLink = 150

// macSize is 128 bits: a guess is hopeless within a session's minute.
const macSize = 16

// Code is a parsed link.
type Code struct {
	Letter  byte
	Token   string
	Counter int64
	Nonce   string // of a same-device link, instead of Counter
	signed  string
	mac     []byte
}

// ParseCode reads a link that a phone scanned. It checks the form only.
func ParseCode(origin, link string) (*Code, error) {
	if len(link) > MaxLink {
		return nil, ErrCodeMalformed
	}
	rest, ok := strings.CutPrefix(link, origin+"/q/")
	if !ok {
		// Another installation's code, told apart from garbage for the person's sake.
		if u, err := url.Parse(link); err == nil && u.Host != "" && strings.HasPrefix(u.Path, "/q/") {
			return nil, ErrCodeElsewhere
		}
		return nil, ErrCodeMalformed
	}
	parts := strings.Split(rest, ".")
	if len(parts) != 3 || len(parts[0]) != 23 || len(parts[1]) == 0 || len(parts[2]) != 22 {
		return nil, ErrCodeMalformed
	}
	c := &Code{Letter: parts[0][0], Token: parts[0][1:], signed: link[:len(link)-23]}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(c.Token); err != nil {
		return nil, ErrCodeMalformed
	}
	var err error
	if c.mac, err = base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil {
		return nil, ErrCodeMalformed
	}
	if nonce, ok := strings.CutPrefix(parts[1], "L"); ok {
		if len(nonce) != 22 {
			return nil, ErrCodeMalformed
		}
		c.Nonce = nonce
		return c, nil
	}
	c.Counter, err = strconv.ParseInt(parts[1], 10, 32)
	if err != nil || c.Counter < 0 || strconv.FormatInt(c.Counter, 10) != parts[1] {
		return nil, ErrCodeMalformed
	}
	return c, nil
}

func mac(secret []byte, signed string) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(signed))
	return m.Sum(nil)[:macSize]
}

func link(origin, letter, token, middle string, secret []byte) string {
	signed := origin + "/q/" + letter + token + "." + middle
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac(secret, signed))
}

// counter is the session's second at now.
func (s *Session) counter(now time.Time) int64 {
	return max(0, int64(now.Sub(s.CreatedAt)/time.Second))
}

// codeAt is the code of this second.
func (s *Session) codeAt(origin string, now time.Time) (string, int64) {
	n := s.counter(now)
	return link(origin, s.Letter, s.ID, strconv.FormatInt(n, 10), s.Secret), n
}

// check decides whether a code may claim the session now. The MAC comes first:
// without it, nothing is told about the session.
func (s *Session) check(c *Code, now time.Time, t Times) error {
	if !hmac.Equal(c.mac, mac(s.Secret, c.signed)) {
		return ErrCodeInvalid
	}
	if string(c.Letter) != s.Letter {
		return ErrCodeInvalid
	}
	if c.Nonce != "" {
		if s.Link == nil || s.Link.Nonce != c.Nonce || !now.Before(s.Link.ExpiresAt) {
			return ErrCodeStale
		}
		return nil
	}
	switch age := now.Sub(s.CreatedAt.Add(time.Duration(c.Counter) * time.Second)); {
	case age > t.CodeAge:
		return ErrCodeStale
	case age < -t.CodeAhead:
		return ErrCodeAhead
	}
	return nil
}
