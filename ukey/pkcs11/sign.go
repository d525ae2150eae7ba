package pkcs11

import (
	"context"
	"encoding/hex"

	"certlink/trust"
	"certlink/ukey"
	"certlink/ukey/internal/native"
)

// Mechanisms.
const (
	mechRSA   = 0x1    // CKM_RSA_PKCS
	mechECDSA = 0x1041 // CKM_ECDSA: over a digest, answers r‖s
)

const (
	userNormal  = 1
	userContext = 2 // CKU_CONTEXT_SPECIFIC: for keys that ask each time
)

// sha256Info is the DigestInfo of SHA-256 before its digest (RFC 8017 §9.2).
var sha256Info = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// VerifyPIN checks a PIN.
func (m *Module) VerifyPIN(_ context.Context, token string, pin ukey.PIN) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.within(token, pin, func(uintptr) error { return nil })
}

// within runs use in a session with the PIN given, and ends it.
func (m *Module) within(token string, pin ukey.PIN, use func(session uintptr) error) error {
	slot, flags, err := m.find(token)
	if err != nil {
		return err
	}
	if flags&flagPINLocked != 0 {
		return ukey.ErrPINLocked
	}
	session, err := m.open(slot)
	if err != nil {
		return err
	}
	defer m.call(cCloseSession, session)
	if flags&flagLoginRequired != 0 {
		if err := m.login(session, userNormal, pin, flags); err != nil {
			return m.pinLeft(slot, err)
		}
		defer m.call(cLogout, session)
	}
	return use(session)
}

func (m *Module) login(session uintptr, user uintptr, pin ukey.PIN, flags uint64) error {
	var rv uint32
	if flags&flagOwnPath != 0 {
		rv = m.call(cLogin, session, user, 0, 0)
	} else {
		b := native.Copy(pin)
		rv = m.call(cLogin, session, user, b.At(), uintptr(len(b)))
		clear(b)
		b.Release()
	}
	if rv != 0 && rv != rvAlreadyLoggedIn {
		return refusal("C_Login", rv)
	}
	return nil
}

// pinLeft adds what the token tells of the tries left: whether one is, or none.
func (m *Module) pinLeft(slot uint64, err error) error {
	if r := ukey.Refuse(err); r.Code != ukey.ErrPINWrong.Code {
		return err
	}
	t, _, infoErr := m.token(slot)
	switch {
	case infoErr != nil || t == nil:
	case t.PIN.Locked:
		return ukey.ErrPINLocked
	case t.PIN.Final:
		return ukey.ErrPINWrong.With("tries_left", 1)
	}
	return ukey.ErrPINWrong
}

// key finds the private key of a certificate.
func (m *Module) key(session uintptr, certificate string) (uintptr, error) {
	id, err := hex.DecodeString(certificate)
	if err != nil || len(id) == 0 {
		return 0, ukey.ErrCertificate
	}
	found, err := m.search(session, m.number(attrClass, classPrivateKey), attribute{attrID, native.Copy(id)})
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		return 0, ukey.ErrCertificate
	}
	return found[0], nil
}

// Sign signs a digest.
func (m *Module) Sign(_ context.Context, r ukey.SignRequest) ([]byte, error) {
	mechanism, input := uint64(mechECDSA), r.Digest
	switch r.Algorithm {
	case trust.ES256:
	case trust.RS256:
		mechanism, input = mechRSA, append(append([]byte{}, sha256Info...), r.Digest...)
	default:
		return nil, ukey.ErrUnsupported.Becausef("PKCS#11 has no mechanism for %s", r.Algorithm)
	}
	if len(r.Digest) != 32 {
		return nil, ukey.ErrUnsupported.Becausef("a digest of %d bytes", len(r.Digest))
	}
	return m.operate(r.Token, r.Certificate, r.PIN, mechanism, cSignInit, cSign, input)
}

// Decrypt decrypts by RSA.
func (m *Module) Decrypt(_ context.Context, r ukey.DecryptRequest) ([]byte, error) {
	return m.operate(r.Token, r.Certificate, r.PIN, mechRSA, cDecryptInit, cDecrypt, r.Data)
}

func (m *Module) operate(token, certificate string, pin ukey.PIN, mechanism uint64, begin, run int, input []byte) (out []byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err = m.within(token, pin, func(session uintptr) error {
		key, err := m.key(session, certificate)
		if err != nil {
			return err
		}
		always := m.read(session, key, attrAlwaysAuth)
		mech := m.template([]attribute{{mechanism, nil}})
		mech.Put(m.layout.pointer, native.PointerSize, 0)
		rv := m.call(begin, session, mech.At(), key)
		mech.Release()
		if rv != 0 {
			return refusal("C_SignInit or C_DecryptInit", rv)
		}
		if len(always) > 0 && always[0] == 1 {
			if err := m.login(session, userContext, pin, 0); err != nil {
				return err
			}
		}
		in := native.Copy(input)
		answer, n := native.NewBuffer(1024), native.NewNumber(1024)
		rv = m.call(run, session, in.At(), uintptr(len(in)), answer.At(), n.At())
		in.Release()
		answer.Release()
		if rv != 0 {
			return refusal("C_Sign or C_Decrypt", rv)
		}
		out = answer[:min(n.Number(), 1024)]
		return nil
	})
	return out, err
}
