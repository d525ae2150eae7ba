package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/base64"

	"certlink/internal/fault"
	"certlink/trust"
	"certlink/trust/challenge"
	"certlink/ukey"
)

// purposeRehearse is the purpose of the statement that goes with a challenge. It is
// shown, and never signed.
const purposeRehearse = "rehearse"

// rehearse opens a challenge after the person has read what for and typed the PIN, and
// tells its digest. What is none gets one and the same answer, whether the token could
// decrypt it or not.
func (s *Service) rehearse(ctx context.Context, origin string, m *Message) (any, error) {
	return s.operate(ctx, origin, m, (*trust.Certificate).CanEncrypt, func(o *work) (any, error) {
		sealed, err := base64.StdEncoding.DecodeString(m.Challenge)
		sum := sha256.Sum256(sealed)
		switch {
		case err != nil, len(sealed) == 0:
			return nil, ErrRequest.Becausef("the challenge is no base64")
		case o.st.Get("purpose") != purposeRehearse:
			return nil, ErrStatement.Becausef("it is none of a rehearsal")
		case o.st.Get("details.challenge_sha256") != base64.RawURLEncoding.EncodeToString(sum[:]), o.st.Get("details.encryption_certificate") != m.Certificate:
			return nil, ErrStatement.Becausef("it is of another challenge, or another certificate")
		}
		plain, err := s.withPIN(ctx, o, func(pin ukey.PIN) ([]byte, error) {
			return o.library.Module.Decrypt(ctx, ukey.DecryptRequest{Token: o.token.ID, Certificate: o.onToken.ID, PIN: pin, Data: sealed})
		})
		defer clear(plain)
		if f := fault.Of(err); f != nil && f.Code == ukey.ErrFailed.Code {
			return nil, ErrChallenge.Because(err)
		}
		if err != nil {
			return nil, err
		}
		answer, ok := challenge.Answer(plain, origin)
		if !ok {
			return nil, ErrChallenge.Becausef("the plaintext is no challenge for the site")
		}
		return map[string]string{"answer": base64.StdEncoding.EncodeToString(answer)}, nil
	})
}
