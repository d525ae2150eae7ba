// Package skf speaks to tokens by SKF, the smart token interface of GM/T 0016, which
// is what Chinese U-Keys come with.
package skf

import (
	"context"
	"os"
	"strings"
	"sync"

	"certlink/trust"
	"certlink/ukey"
	"certlink/ukey/internal/native"
)

// Quirks are where vendors leave the standard, or it leaves them the choice.
type Quirks struct {
	// ULong is the size of ULONG inside structures: 4 bytes by the standard; some
	// libraries on 64-bit Unix have the 8 of a C long.
	ULong int
	// Applications are the only ones to be opened; empty: all.
	Applications []string
	// ECCDecrypt is the name of the function that decrypts with a container's key,
	// which came into the standard late.
	ECCDecrypt string
	// Codes makes refusals of a vendor's own return values, by the codes of package ukey.
	Codes map[uint32]string
}

// Module is a loaded library.
type Module struct {
	mu     sync.Mutex
	fn     map[string]uintptr
	quirks Quirks
}

var _ ukey.Module = (*Module)(nil)

// needed are the functions without which nothing goes.
var needed = []string{"SKF_EnumDev", "SKF_ConnectDev", "SKF_DisConnectDev", "SKF_GetDevInfo", "SKF_EnumApplication", "SKF_OpenApplication",
	"SKF_CloseApplication", "SKF_GetPINInfo", "SKF_VerifyPIN", "SKF_ClearSecureState", "SKF_EnumContainer", "SKF_OpenContainer", "SKF_CloseContainer",
	"SKF_ExportCertificate", "SKF_ECCSignData"}

// Open loads a library.
func Open(path string, q Quirks) (*Module, error) {
	lib, err := native.Load(path)
	if err != nil {
		if _, missing := os.Stat(path); missing != nil {
			return nil, ukey.ErrLibraryMissing.Because(missing)
		}
		return nil, ukey.ErrLibraryBroken.Because(err)
	}
	if q.ECCDecrypt == "" {
		q.ECCDecrypt = "SKF_ECCDecrypt"
	}
	if q.ULong == 0 {
		q.ULong = 4
	}
	m := &Module{fn: map[string]uintptr{}, quirks: q}
	for _, name := range needed {
		if m.fn[name], err = lib.Symbol(name); err != nil {
			return nil, ukey.ErrLibraryBroken.Because(err)
		}
	}
	if at, err := lib.Symbol(q.ECCDecrypt); err == nil { // not there everywhere
		m.fn[q.ECCDecrypt] = at
	}
	return m, nil
}

// call calls a function and makes a refusal of what is not SAR_OK.
func (m *Module) call(name string, args ...uintptr) error {
	if sar := uint32(native.Call(m.fn[name], args...)); sar != 0 {
		return m.refusal(name, sar)
	}
	return nil
}

// Close does nothing: the interface has no way to end its work but the process's end.
func (m *Module) Close() error { return nil }

// names asks twice for a list of names that end with NUL, the whole ending with
// another: first for its size.
func (m *Module) names(function string, args ...uintptr) ([]string, error) {
	size := native.NewNumber(0)
	if err := m.call(function, append(args, 0, size.At())...); err != nil {
		return nil, err
	}
	if size.Number() == 0 || size.Number() > 1<<20 {
		return nil, nil
	}
	list := native.NewBuffer(int(size.Number()) + 2)
	defer list.Release()
	if err := m.call(function, append(args, list.At(), size.At())...); err != nil {
		return nil, err
	}
	return splitNames(list), nil
}

func splitNames(list []byte) []string {
	var out []string
	for name := range strings.SplitSeq(string(list), "\x00") {
		if name == "" {
			break
		}
		out = append(out, name)
	}
	return out
}

// cString is a name as C wants it.
func cString(s string) native.Buffer { return native.Copy(append([]byte(s), 0)) }

// Inventory looks at what is plugged in. A device that cannot be read is left out:
// it has just been pulled out, or is none of this library's.
func (m *Module) Inventory(context.Context) (*ukey.Inventory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := &ukey.Inventory{}
	var err error
	if out.Readers, err = m.names("SKF_EnumDev", 0); err != nil {
		return nil, err
	}
	present, err := m.names("SKF_EnumDev", 1)
	if err != nil {
		return nil, err
	}
	for _, name := range present {
		if t, err := m.token(name); err == nil {
			out.Tokens = append(out.Tokens, *t)
		}
	}
	return out, nil
}

func (m *Module) token(name string) (*ukey.Token, error) {
	dev, err := m.connect(name)
	if err != nil {
		return nil, err
	}
	defer m.call("SKF_DisConnectDev", dev)
	info := native.NewBuffer(1024)
	defer info.Release()
	if err := m.call("SKF_GetDevInfo", dev, info.At()); err != nil {
		return nil, err
	}
	t := describe(info)
	t.ID, t.Reader = name, name
	t.PIN = ukey.PINState{Left: -1}
	if t.Applications, err = m.names("SKF_EnumApplication", dev); err != nil {
		return nil, err
	}
	for _, app := range t.Applications {
		if !m.wanted(app) {
			continue
		}
		if err := m.application(t, dev, app); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (m *Module) wanted(app string) bool {
	for _, only := range m.quirks.Applications {
		if only == app {
			return true
		}
	}
	return len(m.quirks.Applications) == 0
}

// DEVINFO (GM/T 0016 §6.4.2) begins with a version and texts of fixed lengths; what
// follows, where packing matters, is not needed.
func describe(info []byte) *ukey.Token {
	text := func(from, to int) string {
		s, _, _ := strings.Cut(string(info[from:to]), "\x00")
		return strings.TrimSpace(strings.ToValidUTF8(s, "?"))
	}
	return &ukey.Token{Manufacturer: text(2, 66), Model: text(66, 130), Label: text(130, 162), Serial: text(162, 194)}
}

func (m *Module) connect(name string) (uintptr, error) {
	h, n := native.NewNumber(0), cString(name)
	defer n.Release()
	if err := m.call("SKF_ConnectDev", n.At(), h.At()); err != nil {
		return 0, err
	}
	return uintptr(h.Number()), nil
}

// open opens an application or a container by name.
func (m *Module) open(function string, parent uintptr, name string) (uintptr, error) {
	h, n := native.NewNumber(0), cString(name)
	defer n.Release()
	if err := m.call(function, parent, n.At(), h.At()); err != nil {
		return 0, err
	}
	return uintptr(h.Number()), nil
}

const userPIN = 1 // USER_TYPE

// application reads the certificates and the PIN's state of one application. What a
// token shows as its own is the worst of its applications.
func (m *Module) application(t *ukey.Token, dev uintptr, name string) error {
	app, err := m.open("SKF_OpenApplication", dev, name)
	if err != nil {
		return err
	}
	defer m.call("SKF_CloseApplication", app)
	if pin, err := m.pin(app); err == nil && (t.PIN.Left < 0 || pin.Left < t.PIN.Left) {
		t.PIN = pin
	}
	containers, err := m.names("SKF_EnumContainer", app)
	if err != nil {
		return err
	}
	for _, container := range containers {
		c, err := m.open("SKF_OpenContainer", app, container)
		if err != nil {
			return err
		}
		for _, use := range []ukey.Use{ukey.Sign, ukey.Encrypt} {
			if der := m.certificate(c, use); der != nil {
				t.Certificates = append(t.Certificates, ukey.Certificate{ID: join(name, container, use), Application: name, Container: container, Use: use, DER: der})
			}
		}
		m.call("SKF_CloseContainer", c)
	}
	return nil
}

func (m *Module) pin(app uintptr) (ukey.PINState, error) {
	most, left, initial := native.NewNumber(0), native.NewNumber(0), native.NewNumber(0)
	defer most.Release()
	defer initial.Release()
	if err := m.call("SKF_GetPINInfo", app, userPIN, most.At(), left.At(), initial.At()); err != nil {
		return ukey.PINState{}, err
	}
	n := int(uint32(left.Number()))
	return ukey.PINState{Left: n, Final: n == 1, Locked: n == 0}, nil
}

const maxCertificate = 16 << 10

// certificate reads one of a container's two certificates, nil where it has none or
// what it has is no certificate.
func (m *Module) certificate(container uintptr, use ukey.Use) []byte {
	flag := uintptr(0)
	if use == ukey.Sign {
		flag = 1
	}
	size := native.NewNumber(0)
	if m.call("SKF_ExportCertificate", container, flag, 0, size.At()) != nil || size.Number() == 0 || size.Number() > maxCertificate {
		return nil
	}
	der := native.NewBuffer(int(size.Number()))
	defer der.Release()
	if m.call("SKF_ExportCertificate", container, flag, der.At(), size.At()) != nil || size.Number() > uint64(len(der)) {
		return nil
	}
	der = der[:size.Number()]
	if _, err := trust.ParseCertificate(der); err != nil {
		return nil
	}
	return der
}

// Certificates are named by application, container and use, of which only the last
// is ours: names of others may hold any character.
const separator = "\x1f"

func join(app, container string, use ukey.Use) string {
	return app + separator + container + separator + string(use)
}

func split(id string) (app, container string, use ukey.Use, ok bool) {
	parts := strings.Split(id, separator)
	if len(parts) != 3 {
		return "", "", "", false
	}
	return parts[0], parts[1], ukey.Use(parts[2]), true
}
