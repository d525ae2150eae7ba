package skf

import (
	"context"
	"errors"
	"unicode/utf8"

	"certlink/internal/fault"
	"certlink/trust"
	"certlink/ukey"
	"certlink/ukey/internal/native"
)

// VerifyPIN checks the PIN of every application that is used.
func (m *Module) VerifyPIN(_ context.Context, token string, pin ukey.PIN) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dev, err := m.connect(token)
	if err != nil {
		return err
	}
	defer m.call("SKF_DisConnectDev", dev)
	apps, err := m.names("SKF_EnumApplication", dev)
	if err != nil {
		return err
	}
	for _, name := range apps {
		if !m.wanted(name) {
			continue
		}
		app, err := m.open("SKF_OpenApplication", dev, name)
		if err != nil {
			return err
		}
		err = m.login(app, pin)
		m.call("SKF_ClearSecureState", app)
		m.call("SKF_CloseApplication", app)
		if err != nil {
			return err
		}
	}
	return nil
}

// login checks a PIN. The library tells how many wrong ones it takes still.
func (m *Module) login(app uintptr, pin ukey.PIN) error {
	if len(pin) == 0 || !utf8.Valid(pin) {
		return ukey.ErrPINLength
	}
	text, left := native.Copy(append(append([]byte{}, pin...), 0)), native.NewNumber(0)
	err := m.call("SKF_VerifyPIN", app, userPIN, text.At(), left.At())
	clear(text)
	text.Release()
	f := fault.Of(err)
	switch {
	case f == nil, f.Extra["vendor_code"] == int(sarLoggedIn):
		return nil
	case errors.Is(f, ukey.ErrPINWrong) && left.Number() == 0:
		return ukey.ErrPINLocked
	case errors.Is(f, ukey.ErrPINWrong):
		return f.With("tries_left", int(uint32(left.Number())))
	}
	return err
}

// within runs use on the container of a certificate, with the PIN checked before
// and the login ended after. An empty PIN is left to the library's own dialog.
func (m *Module) within(token, certificate string, pin ukey.PIN, use func(container uintptr) error) error {
	name, container, _, ok := split(certificate)
	if !ok {
		return ukey.ErrCertificate
	}
	dev, err := m.connect(token)
	if err != nil {
		return err
	}
	defer m.call("SKF_DisConnectDev", dev)
	app, err := m.open("SKF_OpenApplication", dev, name)
	if err != nil {
		return err
	}
	defer m.call("SKF_CloseApplication", app)
	if len(pin) > 0 {
		if err := m.login(app, pin); err != nil {
			return err
		}
	}
	defer m.call("SKF_ClearSecureState", app)
	c, err := m.open("SKF_OpenContainer", app, container)
	if err != nil {
		return err
	}
	defer m.call("SKF_CloseContainer", c)
	return use(c)
}

// Sign signs a digest by SM2. The interface takes the digest, Z and all.
func (m *Module) Sign(_ context.Context, r ukey.SignRequest) (out []byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Algorithm != trust.SM2SM3 || len(r.Digest) != 32 {
		return nil, ukey.ErrUnsupported.Becausef("SKF signs here by SM2 only, not by %s", r.Algorithm)
	}
	if _, _, use, _ := split(r.Certificate); use != ukey.Sign {
		return nil, ukey.ErrUse
	}
	err = m.within(r.Token, r.Certificate, r.PIN, func(container uintptr) error {
		digest, blob := native.Copy(r.Digest), native.NewBuffer(signBlob)
		defer digest.Release()
		defer blob.Release()
		if err := m.call("SKF_ECCSignData", container, digest.At(), uintptr(len(digest)), blob.At()); err != nil {
			return err
		}
		var err error
		if out, err = signature(blob); err != nil {
			return ukey.ErrFailed.Because(err)
		}
		return nil
	})
	return out, err
}

// Decrypt decrypts by SM2, where the library can.
func (m *Module) Decrypt(_ context.Context, r ukey.DecryptRequest) (out []byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fn[m.quirks.ECCDecrypt] == 0 {
		return nil, ukey.ErrUnsupported.Becausef("the library has no %s", m.quirks.ECCDecrypt)
	}
	raw, err := cipherBlob(r.Data, m.quirks.ULong)
	if err != nil {
		return nil, ukey.ErrFailed.Because(err)
	}
	err = m.within(r.Token, r.Certificate, r.PIN, func(container uintptr) error {
		blob, plain, n := native.Copy(raw), native.NewBuffer(len(r.Data)), native.NewNumber(uint64(len(r.Data)))
		defer blob.Release()
		defer plain.Release()
		if err := m.call(m.quirks.ECCDecrypt, container, blob.At(), plain.At(), n.At()); err != nil {
			return err
		}
		out = plain[:min(n.Number(), uint64(len(plain)))]
		return nil
	})
	return out, err
}
