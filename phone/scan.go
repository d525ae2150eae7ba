package phone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Why a phone does not even ask the server.
var (
	ErrElsewhere = errors.New("this code belongs to another service, so it was not used")
	ErrNotACode  = errors.New("this is not a code of this service: a link from the page's QR code, or ten letters and digits such as 7K3QX-M2P9T")
)

// purposes by their letter in the link.
var purposes = map[byte]string{'b': "bind", 'e': "enroll", 'x': "extend", 'a': "acknowledge", 'l': "login", 's': "sign", 'd': "decrypt"}

// Scan claims the session that a code shows: the link out of a QR code, or a typed
// code. The statement in the answer has been checked against this phone, this server
// and the code's purpose. Scanning again after a lost answer gives the same one.
func (p *Phone) Scan(ctx context.Context, code string) (*Session, error) {
	in, purpose, err := p.readCode(code)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	var answer json.RawMessage
	err = p.patiently(ctx, func() error {
		return p.callRaw(ctx, "POST", "/v1/phone/scans", "", "", body, &answer)
	})
	if err != nil {
		return nil, err
	}
	n, err := readSession(answer)
	if err != nil {
		return nil, err
	}
	if purpose != "" && n.Purpose != purpose {
		return nil, fmt.Errorf("%w (the code says %s, the server %q)", ErrPurpose, purpose, n.Purpose)
	}
	s := new(Session)
	if n.KeyRequest != nil {
		// A key made for this session in an earlier try is the one its statement names.
		if s.key, err = p.keyFor(n.ID); err != nil {
			return nil, err
		}
	}
	if err := p.accept(s, n); err != nil {
		return nil, err
	}
	if s.Claim == "" {
		return nil, errors.New("the server's answer holds no claim")
	}
	return s, nil
}

// readCode tells a link from a typed code and refuses what is neither.
func (p *Phone) readCode(code string) (map[string]string, string, error) {
	code = strings.TrimSpace(code)
	if strings.Contains(code, "://") {
		rest, ok := strings.CutPrefix(code, p.origin+"/q/")
		if !ok || rest == "" {
			return nil, "", ErrElsewhere
		}
		purpose, ok := purposes[rest[0]]
		if !ok {
			return nil, "", fmt.Errorf("%w; or this phone is older than the code: update it", ErrNotACode)
		}
		return map[string]string{"code": code}, purpose, nil
	}
	typed, err := TypedCode(code)
	if err != nil {
		return nil, "", err
	}
	return map[string]string{"typed_code": typed}, "", nil
}

// TypedCode reads what a person typed as Crockford's base 32: either case, O for 0, I
// and L for 1, hyphens and spaces anywhere.
func TypedCode(typed string) (string, error) {
	if len(typed) > 60 {
		return "", ErrNotACode
	}
	var b []byte
	for _, r := range strings.ToUpper(typed) {
		switch r {
		case '-', ' ', '\u00a0', '\u3000', '－', '—', '–':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if r > 'Z' || !strings.ContainsRune("0123456789ABCDEFGHJKMNPQRSTVWXYZ", r) {
			return "", ErrNotACode
		}
		b = append(b, byte(r))
	}
	if len(b) != 10 {
		return "", ErrNotACode
	}
	return string(b[:5]) + "-" + string(b[5:]), nil
}

// keyFor finds the key that was made for a session, or nil.
func (p *Phone) keyFor(session string) (*Key, error) {
	names, err := p.keep.List(keyPrefix)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		text, err := p.keep.Load(n)
		if err != nil || !bytes.Contains(text, []byte(session)) {
			continue
		}
		k, err := p.loadKey(n)
		if err != nil {
			return nil, err
		}
		if k.kept.Session == session {
			return k, nil
		}
	}
	return nil, nil
}
