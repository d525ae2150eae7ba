package bridge

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"certlink/internal/fault"
	"certlink/phone"
	"certlink/trust"
	"certlink/ukey"
	"certlink/ukey/dialog"
)

// maxTries bounds one operation where a token does not say how many PINs it takes.
const maxTries = 5

// sign signs a statement after the person has read it and typed the PIN.
func (s *Service) sign(ctx context.Context, origin string, m *Message) (any, error) {
	return s.operate(ctx, origin, m, (*trust.Certificate).CanSign, func(o *work) (any, error) {
		if o.st.Get("purpose") == purposeRehearse {
			return nil, ErrStatement.Becausef("it goes with a challenge")
		}
		alg, err := o.cert.Algorithm()
		if err != nil {
			return nil, ukey.ErrUnsupported.Because(err)
		}
		key := &signer{pub: o.cert.PublicKey(), alg: alg, sign: func(digest []byte) ([]byte, error) {
			return s.withPIN(ctx, o, func(pin ukey.PIN) ([]byte, error) {
				return o.library.Module.Sign(ctx, ukey.SignRequest{Token: o.token.ID, Certificate: o.onToken.ID, PIN: pin, Algorithm: alg, Digest: digest})
			})
		}}
		jws, err := trust.SignJWS(key, alg, [][]byte{o.onToken.DER}, false, o.st.Bytes)
		if err != nil {
			return nil, err
		}
		// A library that signs with another key, or badly, is found out here.
		if parsed, err := trust.ParseJWS(jws); err != nil || parsed.Verify(o.cert.PublicKey()) != nil {
			return nil, ukey.ErrFailed.Becausef("the signature does not fit the certificate")
		}
		return map[string]string{"jws": jws}, nil
	})
}

// work is one operation: what the person is asked about, with which certificate.
type work struct {
	*found
	st       *phone.Statement
	cert     *trust.Certificate
	onToken  *ukey.Certificate
	language string
}

func (o *work) holder() string { return o.cert.X.Subject.CommonName }

// operate does one thing with one certificate, the only one at the time, and writes down
// what came of it.
func (s *Service) operate(ctx context.Context, origin string, m *Message, fits func(*trust.Certificate) bool, do func(*work) (any, error)) (out any, err error) {
	if !s.operation.TryLock() {
		return nil, ErrBusy
	}
	defer s.operation.Unlock()
	st, err := s.read(origin, m.Statement)
	if err != nil {
		return nil, err
	}
	entry := Entry{Act: m.Type, Origin: origin, Statement: st.Get("id"), Purpose: st.Get("purpose"), Certificate: m.Certificate}
	defer func() {
		err = answered(err)
		if f := fault.Of(err); f != nil {
			entry.Code, entry.Vendor = f.Code, f.Extra["vendor_code"]
		}
		s.record(entry)
		s.watch.tell("operation", Operation{State: "over", Statement: st.Get("id")})
	}()
	f, cert, onToken, err := s.find(ctx, m.Token, m.Certificate)
	if err != nil {
		return nil, err
	}
	if !fits(cert) {
		return nil, ukey.ErrUse
	}
	entry.Token = tail(f.token.Serial)
	if f.token.PIN.Locked {
		return nil, ukey.ErrPINLocked
	}
	return do(&work{f, st, cert, onToken, m.Language})
}

// Operation is what watching pages are told of the window on the desktop.
type Operation struct {
	State     string `json:"state"` // last_try, pin, own, signing, over
	Statement string `json:"statement"`
	Wrong     bool   `json:"wrong,omitempty"`
	Left      *int   `json:"tries_left,omitempty"`
}

// withPIN asks for the PIN as often as it is wrong, and acts.
func (s *Service) withPIN(ctx context.Context, w *work, act func(ukey.PIN) ([]byte, error)) ([]byte, error) {
	f, st, holder, language := w.found, w.st, w.holder(), w.language
	tell := func(state string, wrong bool, left int) {
		o := Operation{State: state, Statement: st.Get("id"), Wrong: wrong}
		if left >= 0 {
			o.Left = &left
		}
		s.watch.tell("operation", o)
	}
	if f.token.PIN.Own {
		tell("own", false, f.token.PIN.Left)
		yes, err := s.Ask.Confirm(ctx, ownQuestion(st, holder, language))
		if err != nil {
			return nil, err
		}
		if !yes {
			return nil, dialog.ErrCancelled
		}
		return act(nil)
	}
	left, wrong := f.token.PIN.Left, false
	if f.token.PIN.Final {
		left = 1
	}
	for range maxTries {
		if left == 1 {
			tell("last_try", wrong, left)
			yes, err := present(ctx, s, f, func(ctx context.Context) (bool, error) { return s.Ask.Confirm(ctx, lastQuestion(language)) })
			if err != nil {
				return nil, err
			}
			if !yes {
				return nil, ErrLastTry
			}
		}
		tell("pin", wrong, left)
		pin, err := present(ctx, s, f, func(ctx context.Context) (ukey.PIN, error) {
			return s.Ask.PIN(ctx, pinQuestion(st, holder, language, wrong, left))
		})
		if err != nil {
			return nil, err
		}
		tell("signing", false, left)
		out, err := act(pin)
		pin.Wipe()
		refusal := fault.Of(err)
		switch {
		case errors.Is(err, ukey.ErrPINWrong):
			wrong, left = true, -1
			if n, ok := refusal.Extra["tries_left"].(int); ok {
				left = n
			}
			e := Entry{Act: "pin_wrong", Statement: st.Get("id"), Token: tail(f.token.Serial)}
			if left >= 0 {
				e.Left = &left
			}
			s.record(e)
			continue
		case errors.Is(err, ukey.ErrPINLength):
			wrong = true // it was not tried, so nothing is used up
			continue
		}
		return out, err
	}
	return nil, ukey.ErrPINWrong
}

// present keeps a window open while the token is plugged in. It is closed when the
// token is pulled out: what would be typed then would be for nothing.
func present[T any](ctx context.Context, s *Service, f *found, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		tick := time.NewTicker(s.Look)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := s.still(ctx, f); err != nil && ctx.Err() == nil {
					cancel(err)
				}
			}
		}
	}()
	answer, err := ask(ctx)
	if cause := context.Cause(ctx); err != nil && fault.Of(cause) != nil {
		err = cause
	}
	return answer, err
}

// signer makes a key of a token, as package trust wants one.
type signer struct {
	pub  crypto.PublicKey
	alg  trust.Algorithm
	sign func(digest []byte) ([]byte, error)
}

func (k *signer) Public() crypto.PublicKey { return k.pub }

// Sign gets the digest or, for SM2, the message, whose digest begins with Z.
func (k *signer) Sign(_ io.Reader, input []byte, _ crypto.SignerOpts) ([]byte, error) {
	if k.alg == trust.SM2SM3 {
		pub, ok := k.pub.(*ecdsa.PublicKey)
		if !ok {
			return nil, ukey.ErrUnsupported
		}
		digest, err := sm2.CalculateSM2Hash(pub, input, []byte(trust.SM2Identifier))
		if err != nil {
			return nil, ukey.ErrUnsupported.Because(err)
		}
		input = digest
	}
	raw, err := k.sign(input)
	if err != nil || k.alg == trust.RS256 {
		return raw, err
	}
	if len(raw) != 64 {
		return nil, ukey.ErrFailed.Becausef("a signature of %d bytes", len(raw))
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
}
