// Package pkcs11 speaks to tokens by PKCS#11 (OASIS, v2.40), through whatever
// library a vendor gives.
package pkcs11

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"

	"certlink/ukey"
	"certlink/ukey/internal/native"
)

// Module is a loaded library. All calls are made one after the other, as the library
// is told by being initialised without locking functions.
type Module struct {
	mu     sync.Mutex
	table  [last + 1]uintptr
	layout layout
}

var _ ukey.Module = (*Module)(nil)

// Functions by their place in CK_FUNCTION_LIST (PKCS#11 v2.40 §3.6).
const (
	cInitialize        = 0
	cFinalize          = 1
	cGetSlotList       = 4
	cGetSlotInfo       = 5
	cGetTokenInfo      = 6
	cOpenSession       = 12
	cCloseSession      = 13
	cLogin             = 18
	cLogout            = 19
	cGetAttributeValue = 24
	cFindObjectsInit   = 26
	cFindObjects       = 27
	cFindObjectsFinal  = 28
	cDecryptInit       = 33
	cDecrypt           = 34
	cSignInit          = 42
	cSign              = 43
	last               = cSign
)

// Open loads and initialises a library. packed says that its structures lie without
// gaps, as all do on Windows.
func Open(path string, packed bool) (*Module, error) {
	lib, err := native.Load(path)
	if err != nil {
		if _, missing := os.Stat(path); missing != nil {
			return nil, ukey.ErrLibraryMissing.Because(missing)
		}
		return nil, ukey.ErrLibraryBroken.Because(err)
	}
	get, err := lib.Symbol("C_GetFunctionList")
	if err != nil {
		return nil, ukey.ErrLibraryBroken.Because(err)
	}
	m := &Module{layout: platform(packed)}
	at := native.NewNumber(0)
	rv := native.Call(get, at.At())
	list := uintptr(at.Number())
	if rv != 0 || list == 0 {
		return nil, ukey.ErrLibraryBroken.Becausef("C_GetFunctionList answers %#x", rv)
	}
	for i := range m.table {
		m.table[i] = native.UnalignedAt(list + uintptr(m.layout.functions+i*native.PointerSize))
	}
	if rv := m.call(cInitialize, 0); rv != 0 && rv != rvAlreadyInitialized {
		return nil, refusal("C_Initialize", rv)
	}
	return m, nil
}

// layout is how structures lie in memory. CK_ULONG is a C long: 4 bytes on Windows
// and on 32-bit systems, 8 elsewhere.
type layout struct {
	ulong     int // bytes of a CK_ULONG
	functions int // where the functions begin in CK_FUNCTION_LIST, after its version
	pointer   int // where the pointer lies in CK_ATTRIBUTE and CK_MECHANISM
	length    int // and the length
	attribute int // bytes of one
}

func platform(packed bool) layout {
	if runtime.GOOS == "windows" {
		return layoutOf(4, native.PointerSize, packed)
	}
	return layoutOf(native.PointerSize, native.PointerSize, packed)
}

func layoutOf(ulong, pointer int, packed bool) layout {
	l := layout{ulong: ulong, functions: pointer, pointer: pointer}
	if packed {
		l.functions, l.pointer = 2, ulong
	}
	l.length = l.pointer + pointer
	l.attribute = l.length + ulong
	if !packed {
		l.attribute = (l.attribute + pointer - 1) / pointer * pointer
	}
	return l
}

func (m *Module) call(function int, args ...uintptr) uint32 {
	return uint32(native.Call(m.table[function], args...))
}

// Close ends the library's work.
func (m *Module) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.call(cFinalize, 0)
	return nil
}

// slots lists slots, with a token in them or all.
func (m *Module) slots(present bool) ([]uint64, error) {
	flag := uintptr(0)
	if present {
		flag = 1
	}
	for range 4 { // it may grow in between
		n := native.NewNumber(0)
		if rv := m.call(cGetSlotList, flag, 0, n.At()); rv != 0 {
			return nil, refusal("C_GetSlotList", rv)
		}
		if n.Number() == 0 || n.Number() > 256 {
			return nil, nil
		}
		list := native.NewBuffer(int(n.Number()) * m.layout.ulong)
		rv := m.call(cGetSlotList, flag, list.At(), n.At())
		list.Release()
		if rv == rvBufferTooSmall {
			continue
		}
		if rv != 0 {
			return nil, refusal("C_GetSlotList", rv)
		}
		out := make([]uint64, min(int(n.Number()), len(list)/m.layout.ulong))
		for i := range out {
			out[i] = list[i*m.layout.ulong:][:m.layout.ulong].Number()
		}
		return out, nil
	}
	return nil, ukey.ErrFailed.Becausef("the list of slots keeps growing")
}

// Flags of CK_TOKEN_INFO.
const (
	flagLoginRequired = 1 << 2
	flagPINSet        = 1 << 3
	flagOwnPath       = 1 << 8 // protected authentication path: the token has keys of its own
	flagInitialized   = 1 << 10
	flagPINFinal      = 1 << 17
	flagPINLocked     = 1 << 18
)

// Inventory looks at what is plugged in.
func (m *Module) Inventory(context.Context) (*ukey.Inventory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := &ukey.Inventory{}
	all, err := m.slots(false)
	if err != nil {
		return nil, err
	}
	for _, slot := range all {
		info := native.NewBuffer(256)
		if rv := m.call(cGetSlotInfo, uintptr(slot), info.At()); rv == 0 {
			out.Readers = append(out.Readers, text(info[:64]))
		}
		info.Release()
	}
	present, err := m.slots(true)
	if err != nil {
		return nil, err
	}
	for _, slot := range present {
		t, _, err := m.token(slot)
		if err != nil || t == nil {
			continue // pulled out meanwhile, or never made ready
		}
		if t.Certificates, err = m.certificates(slot); err != nil {
			continue
		}
		out.Tokens = append(out.Tokens, *t)
	}
	return out, nil
}

// token describes the token in a slot, nil for one that holds nothing yet.
func (m *Module) token(slot uint64) (*ukey.Token, uint64, error) {
	info := native.NewBuffer(512)
	defer info.Release()
	if rv := m.call(cGetTokenInfo, uintptr(slot), info.At()); rv != 0 {
		return nil, 0, refusal("C_GetTokenInfo", rv)
	}
	flags := info[96 : 96+m.layout.ulong].Number()
	if flags&flagInitialized == 0 {
		return nil, flags, nil
	}
	t := &ukey.Token{Label: text(info[:32]), Manufacturer: text(info[32:64]), Model: text(info[64:80]), Serial: text(info[80:96]),
		PIN: ukey.PINState{Own: flags&flagOwnPath != 0, Left: -1, Final: flags&flagPINFinal != 0, Locked: flags&flagPINLocked != 0}}
	if t.PIN.Final {
		t.PIN.Left = 1
	}
	if t.PIN.Locked {
		t.PIN.Left = 0
	}
	slotInfo := native.NewBuffer(256)
	defer slotInfo.Release()
	if rv := m.call(cGetSlotInfo, uintptr(slot), slotInfo.At()); rv == 0 {
		t.Reader = text(slotInfo[:64])
	}
	// Serial numbers are not always there, labels not always different: the slot
	// tells apart what is plugged in at one time.
	t.ID = fmt.Sprintf("%s.%s", hex.EncodeToString([]byte(t.Serial+"/"+t.Label)), fmt.Sprint(slot))
	return t, flags, nil
}

// find opens the slot of a token that Inventory named.
func (m *Module) find(id string) (slot, flags uint64, err error) {
	present, err := m.slots(true)
	if err != nil {
		return 0, 0, err
	}
	for _, slot := range present {
		if t, flags, err := m.token(slot); err == nil && t != nil && t.ID == id {
			return slot, flags, nil
		}
	}
	return 0, 0, ukey.ErrRemoved
}

// text reads a field of a fixed length that is filled up with spaces.
func text(b []byte) string {
	return strings.TrimRight(strings.ToValidUTF8(string(b), "?"), " \x00")
}
