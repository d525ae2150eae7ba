package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// Nonces are stateless (RFC 9449 §8): a stretch of time and its MAC under a key
// that all servers of the installation derive alike, so any of them accepts any
// other's. All proofs made within a stretch carry the same nonce; jti tells
// them apart.
const (
	nonceStep = 30 * time.Second
	nonceMAC  = 16
)

type nonces struct {
	key  []byte
	life int64 // in stretches
	last atomic.Pointer[nonceAt]
}

type nonceAt struct {
	stretch int64
	text    string
}

func stretchOf(t time.Time) int64 { return t.Unix() / int64(nonceStep/time.Second) }

func (n *nonces) raw(stretch int64) []byte {
	out := binary.BigEndian.AppendUint64(make([]byte, 0, 8+sha256.Size), uint64(stretch))
	m := hmac.New(sha256.New, n.key)
	m.Write(out)
	return m.Sum(out)[:8+nonceMAC]
}

func (n *nonces) current(now time.Time) string {
	stretch := stretchOf(now)
	if l := n.last.Load(); l != nil && l.stretch == stretch {
		return l.text
	}
	l := &nonceAt{stretch, base64.RawURLEncoding.EncodeToString(n.raw(stretch))}
	n.last.Store(l)
	return l.text
}

// check returns the stretch of a nonce that is good now. One stretch ahead is
// allowed for another server's clock.
func (n *nonces) check(nonce string, now time.Time) (int64, bool) {
	if l := n.last.Load(); l != nil && l.text == nonce && l.stretch == stretchOf(now) {
		return l.stretch, true // no secret: it was given out
	}
	raw, err := b64url.DecodeString(nonce)
	if err != nil || len(raw) != 8+nonceMAC {
		return 0, false
	}
	stretch, here := int64(binary.BigEndian.Uint64(raw)), stretchOf(now)
	if stretch > here+1 || stretch <= here-n.life {
		return 0, false
	}
	return stretch, subtle.ConstantTimeCompare(raw, n.raw(stretch)) == 1
}

// Nonce is what a proof must carry now.
func (s *Service) Nonce() string { return s.proofs.nonces.current(s.now()) }

// NextNonce is what goes into the DPoP-Nonce header of every answer to a phone,
// so that its next proof is made with a nonce that has its whole life before it.
func (s *Service) NextNonce() string { return s.Nonce() }
