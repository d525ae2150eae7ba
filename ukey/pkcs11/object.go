package pkcs11

import (
	"encoding/hex"

	"certlink/trust"
	"certlink/ukey"
	"certlink/ukey/internal/native"
)

// Attributes and classes of objects (PKCS#11 v2.40 §4).
const (
	attrClass        = 0x0
	attrToken        = 0x1
	attrLabel        = 0x3
	attrValue        = 0x11
	attrID           = 0x102
	attrAlwaysAuth   = 0x202
	classCertificate = 1
	classPrivateKey  = 3
)

// open opens a session for reading.
func (m *Module) open(slot uint64) (uintptr, error) {
	h := native.NewNumber(0)
	if rv := m.call(cOpenSession, uintptr(slot), 4 /* CKF_SERIAL_SESSION */, 0, 0, h.At()); rv != 0 {
		return 0, refusal("C_OpenSession", rv)
	}
	return uintptr(h.Number()), nil
}

// attribute is one line of a search.
type attribute struct {
	kind  uint64
	value native.Buffer
}

func (m *Module) number(kind, n uint64) attribute {
	v := native.NewNumber(n)
	return attribute{kind, v[:m.layout.ulong]}
}

// template writes attributes as the library reads them. The values must be released
// by the caller after the last use.
func (m *Module) template(list []attribute) native.Buffer {
	b := native.NewBuffer(len(list) * m.layout.attribute)
	for i, a := range list {
		at := i * m.layout.attribute
		b.Put(at, m.layout.ulong, a.kind)
		b.Put(at+m.layout.pointer, native.PointerSize, uint64(a.value.At()))
		b.Put(at+m.layout.length, m.layout.ulong, uint64(len(a.value)))
	}
	return b
}

// maxObjects bounds a search: a token holds a handful.
const maxObjects = 64

func (m *Module) search(session uintptr, want ...attribute) ([]uintptr, error) {
	t := m.template(want)
	rv := m.call(cFindObjectsInit, session, t.At(), uintptr(len(want)))
	t.Release()
	for _, a := range want {
		a.value.Release()
	}
	if rv != 0 {
		return nil, refusal("C_FindObjectsInit", rv)
	}
	defer m.call(cFindObjectsFinal, session)
	found, n := native.NewBuffer(maxObjects*m.layout.ulong), native.NewNumber(0)
	defer found.Release()
	if rv := m.call(cFindObjects, session, found.At(), maxObjects, n.At()); rv != 0 {
		return nil, refusal("C_FindObjects", rv)
	}
	out := make([]uintptr, min(n.Number(), maxObjects))
	for i := range out {
		out[i] = uintptr(found[i*m.layout.ulong:][:m.layout.ulong].Number())
	}
	return out, nil
}

// maxValue bounds an attribute; certificates have one to three kilobytes.
const maxValue = 64 << 10

// read reads one attribute of an object, nil where it has none.
func (m *Module) read(session, object uintptr, kind uint64) []byte {
	ask := m.template([]attribute{{kind, nil}})
	ask.Put(m.layout.pointer, native.PointerSize, 0)
	if rv := m.call(cGetAttributeValue, session, object, ask.At(), 1); rv != 0 {
		return nil
	}
	n := ask[m.layout.length:][:m.layout.ulong].Number()
	ask.Release()
	if n == 0 || n > maxValue {
		return nil
	}
	value := native.NewBuffer(int(n))
	ask = m.template([]attribute{{kind, value}})
	defer ask.Release()
	defer value.Release()
	if rv := m.call(cGetAttributeValue, session, object, ask.At(), 1); rv != 0 {
		return nil
	}
	return value
}

// certificates lists those whose key is on the token too. Private keys cannot be
// seen without the PIN everywhere, so a certificate whose key is missing shows only
// when it is to sign; authorities' certificates, which tokens carry along, are left
// out here.
func (m *Module) certificates(slot uint64) ([]ukey.Certificate, error) {
	session, err := m.open(slot)
	if err != nil {
		return nil, err
	}
	defer m.call(cCloseSession, session)
	objects, err := m.search(session, m.number(attrClass, classCertificate))
	if err != nil {
		return nil, err
	}
	var out []ukey.Certificate
	for _, object := range objects {
		der, id := m.read(session, object, attrValue), m.read(session, object, attrID)
		c, err := trust.ParseCertificate(der)
		if err != nil || c.X.IsCA || len(id) == 0 || len(id) > 64 {
			continue
		}
		use := ukey.Encrypt
		if c.CanSign() {
			use = ukey.Sign
		}
		out = append(out, ukey.Certificate{ID: hex.EncodeToString(id), Container: text(m.read(session, object, attrLabel)), Use: use, DER: der})
	}
	return out, nil
}
