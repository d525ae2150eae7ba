package phone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"certlink/trust"
)

// Confirm signs exactly the statement that was shown and sends the signature. key is
// the certificate's; nil where the device key signs (enrolment). It sets s to the
// server's answer; s.Result says what happened. A lost answer is asked for again.
//
// A session that ended without the act is an error: a *Problem with the server's code.
// While the digits are missing it is one with the code match_pending; see AwaitMatch. A
// server that cannot act just now leaves s.State at Accepted: it will, without the
// phone; see Refresh.
func (p *Phone) Confirm(ctx context.Context, s *Session, key *Key) error {
	jws, err := p.Sign(s, key)
	if err != nil {
		return err
	}
	return p.Send(ctx, s, jws)
}

// Sign makes the signature, after checking the statement once more, and sends nothing.
func (p *Phone) Sign(s *Session, key *Key) (jws string, err error) {
	if s.Statement == nil {
		return "", errors.New("there is no statement yet: the server waits for a new key (MakeKey)")
	}
	if err := p.check(s.Statement, s.Purpose, s.key); err != nil {
		return "", err
	}
	return p.sign(s, key)
}

// Send confirms with a signature that Sign has made.
func (p *Phone) Send(ctx context.Context, s *Session, jws string) error {
	// Base64url and dots need no escaping.
	body := make([]byte, 0, len(jws)+10)
	body = append(body, `{"jws":"`...)
	body = append(body, jws...)
	body = append(body, `"}`...)
	var answer json.RawMessage
	err := p.patiently(ctx, func() error {
		return p.callRaw(ctx, "POST", s.path()+"/confirm", "", s.Claim, body, &answer)
	})
	if err != nil {
		return err
	}
	if err := p.take(s, answer); err != nil {
		return err
	}
	if err := s.ended(); err != nil {
		return err
	}
	return p.collect(s)
}

// ErrWrongKey: the key cannot sign this statement.
var ErrWrongKey = errors.New("this key cannot sign this statement")

func (p *Phone) sign(s *Session, key *Key) (string, error) {
	switch s.SignedBy {
	case "device":
		return signJWS(p.device.key, trust.ES256, signerHeader(trust.ES256, p.device.jwk, nil), s.Statement.text)
	case "certificate":
		switch {
		case key == nil:
			return "", fmt.Errorf("%w: a certificate must sign it", ErrWrongKey)
		case key.Certificate == nil:
			return "", ErrNoCertificate
		case !key.Unlocked():
			return "", ErrLocked
		case s.Provider != nil && key.Provider != "" && key.Provider != s.Provider.ID:
			return "", fmt.Errorf("%w: it asks for a certificate of %s (%s), this one is of %s", ErrWrongKey, s.Provider.NameZH, s.Provider.ID, key.Provider)
		}
		return signJWS(key.signer, key.Algorithm, key.header, s.Statement.text)
	}
	return "", fmt.Errorf("%w: this phone does not know how to sign by %q; update it", ErrWrongKey, s.SignedBy)
}

// Fitting are the keys on this phone that could sign s, the newest last.
func (p *Phone) Fitting(s *Session) ([]*Key, error) {
	keys, err := p.Keys()
	if err != nil {
		return nil, err
	}
	now := p.clock()
	var fit []*Key
	for _, k := range keys {
		if k.Certificate == nil || !k.Certificate.CanSign() || now.Before(k.Certificate.NotBefore()) || now.After(k.Certificate.NotAfter()) {
			continue
		}
		if s.Provider == nil || k.Provider == "" || k.Provider == s.Provider.ID {
			fit = append(fit, k)
		}
	}
	return fit, nil
}

// MakeKey makes the key pair that the server asks for, keeps it, and hands in the
// request; then s.Statement is there, naming this key. Repeated, after a crash too, it
// hands in the same request.
func (p *Phone) MakeKey(ctx context.Context, s *Session) (*Key, error) {
	if s.KeyRequest == nil {
		return nil, errors.New("the server asks for no key here")
	}
	if s.key == nil && s.KeyRequest.Keep != "" {
		k, err := p.keepKey(s)
		if err != nil {
			return nil, err
		}
		s.key = k
	}
	if s.key == nil {
		signer, err := MakePrivateKey(trust.Algorithm(s.KeyRequest.Algorithm))
		if err != nil {
			return nil, err
		}
		csr, err := MakeCSR(signer, commonName(s.KeyRequest.Subject))
		if err != nil {
			return nil, err
		}
		k, err := p.newKey(signer, keptKey{Session: s.ID, CSR: csr})
		if err != nil {
			return nil, err
		}
		s.key = k
	}
	if s.Statement != nil {
		return s.key, nil
	}
	return s.key, p.patiently(ctx, func() error {
		return p.session(ctx, s, "PUT", "/key", map[string][]byte{"csr": s.key.kept.CSR})
	})
}

// keepKey makes the request of a session for the key that it names.
func (p *Phone) keepKey(s *Session) (*Key, error) {
	k, err := p.loadKey(keyPrefix + s.KeyRequest.Keep)
	switch {
	case err != nil:
		return nil, err
	case k.ID != s.KeyRequest.Keep:
		return nil, fmt.Errorf("%w: the key %q is not on this phone", ErrWrongKey, s.KeyRequest.Keep)
	case !k.Unlocked():
		return nil, ErrLocked
	}
	if k.kept.CSR, err = MakeCSR(k.signer, commonName(s.KeyRequest.Subject)); err != nil {
		return nil, err
	}
	k.kept.Session = s.ID
	return k, p.write(keyPrefix+k.ID, k.kept)
}

// commonName reads "CN=…", all that is used of the subject.
func commonName(subject string) string {
	name, ok := strings.CutPrefix(subject, "CN=")
	if !ok || name == "" {
		return "certlink phone"
	}
	return name
}

// collect takes the certificate out of a confirmed enrolment.
func (p *Phone) collect(s *Session) error {
	if s.State != Confirmed || s.key == nil || s.Result == nil || s.Result.Certificate == nil {
		return nil
	}
	provider := s.Statement.provider()
	if s.Provider != nil {
		provider = s.Provider.ID
	}
	return p.certify(s.key, s.Result.Certificate, s.Result.Chain, provider)
}

// Made is the key that was made for this session, or nil.
func (s *Session) Made() *Key { return s.key }

// Enroll collects a certificate: it scans, makes the key, lets decide look at the
// session (its statement and, where asked for, the digits to type into the page), waits
// for the digits, and confirms. decide returns an error to stop; the session is then
// rejected.
func (p *Phone) Enroll(ctx context.Context, code string, decide func(*Session) error) (*Key, error) {
	s, err := p.Scan(ctx, code)
	if err != nil {
		return nil, err
	}
	if s.Purpose != "enroll" {
		return nil, fmt.Errorf("this code is not for collecting a certificate but for %q", s.Purpose)
	}
	key, err := p.MakeKey(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := decide(s); err != nil {
		return nil, errors.Join(err, p.Reject(ctx, s, NotNow, ""))
	}
	if err := p.AwaitMatch(ctx, s); err != nil {
		return nil, err
	}
	if err := p.Confirm(ctx, s, nil); err != nil {
		return nil, err
	}
	for s.State == Accepted {
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
		if err := p.patiently(ctx, func() error { return p.Refresh(ctx, s) }); err != nil {
			return nil, err
		}
		if err := errors.Join(s.ended(), p.collect(s)); err != nil {
			return nil, err
		}
	}
	if key.Certificate == nil {
		return nil, errors.New("the server confirmed, and sent no certificate; ask again with Certificates")
	}
	return key, nil
}
