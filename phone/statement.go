package phone

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"certlink/trust"
)

// Statement is what would be signed: the canonical bytes, and what they say.
type Statement struct {
	Bytes  []byte
	fields []Field // in the order of the bytes
	text   string  // base64url, as it came: this is what goes under the signature
}

// Field is one leaf of a statement. Path joins the names of its objects with dots.
type Field struct{ Path, Value string }

// Fields are all fields, in the order in which they stand. A phone shows every one of
// them: one that it has no words for is shown as it is.
func (s *Statement) Fields() []Field { return slices.Clone(s.fields) }

// Get is the value of one field, or "".
func (s *Statement) Get(path string) string {
	for i := range s.fields {
		if s.fields[i].Path == path {
			return s.fields[i].Value
		}
	}
	return ""
}

// MaxStatement bounds a statement; real ones have one to two thousand bytes.
const MaxStatement = 16 << 10

// Why a phone does not sign. These are checks of the phone itself: a server that is not
// what it says must not get a signature out of it.
var (
	ErrStatement = errors.New("the server's statement is malformed, so it is not signed")
	ErrVersion   = errors.New("the statement is of a version that this phone does not know; update it")
	ErrAudience  = errors.New("the statement is meant for another server, so it is not signed")
	ErrPurpose   = errors.New("the statement is for another purpose than the code that was scanned, so it is not signed")
	ErrOtherKey  = errors.New("the statement names a key that this phone did not make, so it is not signed")
	ErrLate      = errors.New("the time to confirm is over")
)

// ParseStatement reads a statement in base64url and insists on the one canonical way of
// writing it (RFC 8785), so that what is shown is what is signed.
func ParseStatement(text string) (*Statement, error) {
	if len(text) > b64.EncodedLen(MaxStatement) || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%w: its length or its encoding is wrong", ErrStatement)
	}
	raw, err := b64.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	fields, err := parseCanonical(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	return &Statement{Bytes: raw, fields: fields, text: text}, nil
}

// check compares a statement with what this phone knows by itself.
func (p *Phone) check(s *Statement, purpose string, key *Key) error {
	switch {
	case s.Get("version") != "1":
		return ErrVersion
	case s.Get("audience") != p.origin:
		return fmt.Errorf("%w (it names %q)", ErrAudience, s.Get("audience"))
	case s.Get("purpose") != purpose:
		return fmt.Errorf("%w (it names %q)", ErrPurpose, s.Get("purpose"))
	case len(s.Get("nonce")) != 43 || s.Get("id") == "" || s.Get("actor.id") == "":
		return fmt.Errorf("%w: nonce, id or actor is missing", ErrStatement)
	}
	if named := s.Get("details.public_key_sha256"); (key == nil) != (named == "") || key != nil && named != key.ID {
		return ErrOtherKey
	}
	expires, err := time.Parse(time.RFC3339, s.Get("expires_at"))
	if err != nil {
		return fmt.Errorf("%w: expires_at is no time", ErrStatement)
	}
	// The server decides by its own clock. Phones' clocks are often minutes off; this
	// only keeps a statement of yesterday from being signed.
	if p.clock().After(expires.Add(clockError)) {
		return ErrLate
	}
	return nil
}

const clockError = 5 * time.Minute

// Expires is the end of the time to confirm.
func (s *Statement) Expires() time.Time {
	t, _ := time.Parse(time.RFC3339, s.Get("expires_at"))
	return t
}

// Who a certificate must come from to sign this, as the provider's id; "" where the
// device key signs.
func (s *Statement) provider() string { return s.Get("details.provider") }

// sum is how statements name a public key.
func sum(pub any) (string, error) { return trust.PublicKeySHA256(pub) }
