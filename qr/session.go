// Package qr is the QR session: a code on a screen that changes every second,
// claimed by one phone, confirmed by it once.
package qr

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/store"
)

// State of a session. The order of protocol.md; end states are final.
type State string

const (
	Created   State = "created"   // the code is on the screen; the phone acts next
	Scanned   State = "scanned"   // one phone has claimed it; its holder acts next
	Accepted  State = "accepted"  // the signature is stored; the server owes the act
	Confirmed State = "confirmed" // done
	Failed    State = "failed"    // not done, with a code that says why
	Rejected  State = "rejected"  // the holder said no
	Cancelled State = "cancelled" // the page that began it gave up
	Expired   State = "expired"   // nobody did anything in time
)

// next lists every transition there is.
var next = map[State][]State{
	Created:  {Scanned, Cancelled, Expired},
	Scanned:  {Accepted, Rejected, Cancelled, Expired, Failed},
	Accepted: {Confirmed, Failed},
}

// Over reports whether the state is final.
func (s State) Over() bool { return next[s] == nil }

// Session is the aggregate: everything about one code lies in one document.
type Session struct {
	ID      string `json:"id"` // 128 random bits; the token in the code
	State   State  `json:"state"`
	Seq     int64  `json:"seq"`    // rises with every change the owner can see
	Letter  string `json:"letter"` // the purpose in the code
	Secret  []byte `json:"secret"` // MAC key of the codes; never leaves the server
	Browser string `json:"browser"`
	Account string `json:"account"` // who began it

	Confirmation confirm.Confirmation `json:"confirmation"`

	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"` // of the present state
	ScannedAt *time.Time `json:"scanned_at,omitempty"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	// RetryAt is when the sweeper tries an owed act again.
	RetryAt *time.Time `json:"retry_at,omitempty"`
	Tries   int        `json:"tries,omitempty"`

	Device     string `json:"device,omitempty"` // thumbprint of the phone that claimed it
	DeviceName string `json:"device_name,omitempty"`
	Hints      []Hint `json:"hints,omitempty"`

	Match Match  `json:"match"`
	Typed *Typed `json:"typed,omitempty"`
	Link  *Link  `json:"link,omitempty"`

	Result  *confirm.Result `json:"result,omitempty"`
	Failure *Failure        `json:"failure,omitempty"`
	Reason  *Reason         `json:"reason,omitempty"`

	effect.Owing
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

// move is the one transition function.
func (s *Session) move(to State, now time.Time, t Times) error {
	allowed := false
	for _, n := range next[s.State] {
		allowed = allowed || n == to
	}
	if !allowed {
		return ErrOver.With("state", string(s.State)).Becausef("%s → %s", s.State, to)
	}
	s.State = to
	s.Seq++
	switch {
	case to == Scanned:
		s.ScannedAt = &now
		s.ExpiresAt = now.Add(t.Scanned)
		s.Typed, s.Link = nil, nil // a claimed session can be claimed no other way
	case to == Accepted:
		retry := now.Add(t.Retry)
		s.RetryAt = &retry
	case to.Over():
		s.EndedAt, s.RetryAt = &now, nil
		s.Typed, s.Link = nil, nil
	}
	return nil
}

// settle moves a session whose time is over to expired.
func (s *Session) settle(now time.Time, t Times) bool {
	if (s.State == Created || s.State == Scanned) && !now.Before(s.ExpiresAt) {
		return s.move(Expired, now, t) == nil
	}
	return false
}

// due is when the sweeper must look at the session next.
func (s *Session) due(t Times) time.Time {
	switch {
	case s.EndedAt != nil:
		return s.EndedAt.Add(t.Keep)
	case s.RetryAt != nil:
		return *s.RetryAt
	}
	return s.ExpiresAt
}

// claim is the secret of the phone that scanned. It is derived, not stored, so
// that the same phone asking again gets the same answer.
func (s *Session) claim(device string) string {
	m := hmac.New(sha256.New, s.Secret)
	fmt.Fprintf(m, "claim\x00%s\x00%s", s.ID, device)
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
		{Name: collection, Feed: true, Indexes: []store.Index{
			{Name: "due"},
			{Name: "open"},                // account, while open: bounds how many
			{Name: "device"},              // device and time: its history
			{Name: "typed", Unique: true}, // while a typed code lives
			{Name: effect.Index},
		}},
		{Name: pairCollection, Indexes: []store.Index{{Name: "due"}}},
	}
}

func sessionRecord(s store.Store, t Times) store.Record[Session] {
	return store.Record[Session]{Store: s, Collection: collection, Memo: store.NewMemo(sessionMemo, (*Session).clone).Written(),
		ID: func(v *Session) string { return v.ID },
		Index: func(v *Session) map[string]string {
			ix := map[string]string{"due": store.TimeKey(v.due(t))}
			if !v.State.Over() {
				ix["open"] = v.Account
			}
			if v.Device != "" {
				ix["device"] = store.Key(v.Device, store.TimeKey(v.CreatedAt))
			}
			if v.Typed != nil {
				ix["typed"] = v.Typed.Name
			}
			if len(v.Pending) > 0 {
				ix[effect.Index] = store.TimeKey(v.Pending[0].At)
			}
			return ix
		}}
}
