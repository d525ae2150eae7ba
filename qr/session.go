// Package qr is the QR session: a code on a screen that changes every second,
// claimed by one phone, confirmed by it once.
package qr

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/store"
)

// The states before a signature is accepted; the others are those of all carriers.
const (
	Created confirm.State = "created" // the code is on the screen; the phone acts next
	Scanned confirm.State = "scanned" // one phone has claimed it; its holder acts next
)

var steps = confirm.Steps{
	Created: {Scanned, confirm.StateCancelled, confirm.StateExpired},
	Scanned: {confirm.StateAccepted, confirm.StateRejected, confirm.StateCancelled, confirm.StateExpired, confirm.StateFailed},
}

// Session is the aggregate: everything about one code lies in one document.
type Session struct {
	ID      string `json:"id"`     // 128 random bits; the token in the code
	Letter  string `json:"letter"` // the purpose in the code
	Secret  []byte `json:"secret"` // MAC key of the codes; never leaves the server
	Browser string `json:"browser"`
	Account string `json:"account"` // who began it

	CreatedAt time.Time  `json:"created_at"`
	ScannedAt *time.Time `json:"scanned_at,omitempty"`

	DeviceName string `json:"device_name,omitempty"` // of the phone that claimed it
	Hints      []Hint `json:"hints,omitempty"`

	Match Match  `json:"match"`
	Typed *Typed `json:"typed,omitempty"`
	Link  *Link  `json:"link,omitempty"`

	Reason *Reason `json:"reason,omitempty"`

	confirm.Course
}

// Match is the two digits that the phone shows and the browser types.
type Match struct {
	Required bool   `json:"required,omitempty"`
	Done     bool   `json:"done,omitempty"`
	Digits   string `json:"digits,omitempty"`
	Misses   int    `json:"misses,omitempty"`
}

// TriesLeft is how often the digits may still be missed.
func (m *Match) TriesLeft() int { return max(matchMisses-m.Misses, 0) }

// Typed is the code for phones without a camera: five characters that find
// the session, five that prove it.
type Typed struct {
	Name      string    `json:"name"`
	Hash      string    `json:"hash"`
	Code      string    `json:"code"` // sealed by nothing: it lives three minutes, and the page may ask for it again
	ExpiresAt time.Time `json:"expires_at"`
	Misses    int       `json:"misses,omitempty"`
}

// Link is the way to the app on the same device, good once.
type Link struct {
	Nonce     string    `json:"nonce"`
	ExpiresAt time.Time `json:"expires_at"`
}

// How a session ends is told in the words that all carriers share.
type (
	Failure = confirm.Failure
	Reason  = confirm.Reason
	Hint    = confirm.Hint
)

// moved changes and records what goes with a step.
func (s *Session) moved(now time.Time, t Times) {
	switch {
	case s.State == Scanned:
		s.ScannedAt = &now
		s.ExpiresAt = now.Add(t.Scanned)
		s.Typed, s.Link = nil, nil // a claimed session can be claimed no other way
	case s.State.Over():
		s.Typed, s.Link = nil, nil
	}
	if s.State == confirm.StateFailed && s.Confirmation.AcceptedAt != nil {
		e := s.audit(now, "session.failed")
		e.Data["code"] = s.Failure.Code
		s.Owe(e)
	}
}

// claim is the secret of the phone that scanned. It is derived, not stored, so
// that the same phone asking again gets the same answer.
func (s *Session) claim(device string) string {
	m := hmac.New(sha256.New, s.Secret)
	m.Write([]byte("claim\x00" + s.ID + "\x00" + device))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// sessionMemo is room for about a thousand sessions under way.
const sessionMemo = 4 << 20

// clone copies what is changed in place; all else in a session is replaced as a
// whole, never changed.
func (s *Session) clone() *Session {
	c := *s
	c.Pending = slices.Clone(s.Pending)
	if s.Typed != nil {
		typed := *s.Typed
		c.Typed = &typed
	}
	if s.Link != nil {
		link := *s.Link
		c.Link = &link
	}
	return &c
}

const collection = "qr_sessions"

// Collections declares what the package stores.
func Collections() []store.Collection {
	return []store.Collection{
		sessionRecord(nil, DefaultTimes()).Declare(store.Collection{Name: collection, Feed: true, Indexes: []store.Index{
			{Name: "due"},
			{Name: "open"},                // account, while open: bounds how many
			{Name: "device"},              // device and time: its history
			{Name: "typed", Unique: true}, // while a typed code lives
			{Name: effect.Index},
		}}),
		pairRecord(nil).Declare(store.Collection{Name: pairCollection, Indexes: []store.Index{{Name: "due"}}}),
	}
}

func sessionRecord(s store.Store, t Times) store.Record[Session] {
	return store.Record[Session]{Store: s, Collection: collection, Memo: store.NewMemo(sessionMemo, (*Session).clone).Written(),
		ID: func(v *Session) string { return v.ID },
		Index: func(v *Session) map[string]string {
			ix := v.Course.Index(t.Keep)
			if !v.State.Over() {
				ix["open"] = v.Account
			}
			if v.Device != "" {
				ix["device"] = store.Key(v.Device, store.TimeKey(v.CreatedAt))
			}
			if v.Typed != nil {
				ix["typed"] = v.Typed.Name
			}
			return ix
		}}
}
