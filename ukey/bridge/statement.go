package bridge

import (
	"time"

	"certlink/phone"
)

// clockError is how far a desktop's clock may be off; the server decides by its own.
const clockError = 5 * time.Minute

// read takes a statement apart, and refuses whatever is none, is for another site, or
// is of yesterday. What passes has exactly one spelling, and that is what is signed.
func (s *Service) read(origin, text string) (*phone.Statement, error) {
	st, err := phone.ParseStatement(text)
	if err != nil {
		return nil, ErrStatement.Because(err)
	}
	switch {
	case st.Get("audience") != origin:
		return nil, ErrAudience
	case st.Get("version") != "1":
		return nil, ErrStatement.Becausef("of version %q", st.Get("version"))
	case st.Get("id") == "", len(st.Get("nonce")) != 43, st.Get("purpose") == "", st.Get("actor.id") == "":
		return nil, ErrStatement.Becausef("id, nonce, purpose or actor is missing")
	case st.Get("details.public_key_sha256") != "":
		return nil, ErrStatement.Becausef("it asks for a new key, which U-Keys are not made for")
	}
	expires, err := time.Parse(time.RFC3339, st.Get("expires_at"))
	if err != nil {
		return nil, ErrStatement.Becausef("expires_at is no time")
	}
	if s.Clock().After(expires.Add(clockError)) {
		return nil, ErrExpired
	}
	return st, nil
}
