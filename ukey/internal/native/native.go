// Package native calls functions of shared libraries that are found while the
// program runs, without cgo: the program is built for every system on any.
package native

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Library is a loaded one. It is never unloaded: vendors' libraries leave threads
// behind that would run into nothing. The process that loaded it ends instead.
type Library struct{ handle uintptr }

// Load loads the library of an absolute path.
func Load(path string) (*Library, error) {
	h, err := open(path)
	if err != nil {
		return nil, err
	}
	return &Library{h}, nil
}

// Symbol finds a function by name.
func (l *Library) Symbol(name string) (uintptr, error) {
	at, err := symbol(l.handle, name)
	if err != nil || at == 0 {
		return 0, fmt.Errorf("the library has no function %s", name)
	}
	return at, nil
}

// Buffer is memory handed to a library. It stays where it is and alive until
// Release, since its address is written into other memory, where the garbage
// collector does not look.
type Buffer []byte

// NewBuffer makes n zero bytes. It is never inlined: memory on a goroutine's stack
// would move while the library holds its address.
//
//go:noinline
func NewBuffer(n int) Buffer { return make(Buffer, max(n, 1)) }

// Copy is a buffer with the same bytes.
func Copy(b []byte) Buffer {
	c := NewBuffer(len(b))[:len(b)]
	copy(c, b)
	return c
}

// At is its address.
func (b Buffer) At() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// Release ends the buffer's use.
func (b Buffer) Release() { runtime.KeepAlive(b) }

// Number reads the first bytes as a number, little-endian as on every machine that
// drivers are made for. Numbers that a library writes in 4 bytes into 8 zero ones
// read alike.
func (b Buffer) Number() uint64 {
	var n uint64
	for i := min(len(b), 8) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}

// Put writes a number of size bytes at an offset.
func (b Buffer) Put(offset, size int, n uint64) {
	for i := range size {
		b[offset+i] = byte(n >> (8 * i))
	}
}

// NewNumber is room for a number that a library reads or writes, 4 bytes or 8.
func NewNumber(n uint64) Buffer {
	b := NewBuffer(8)
	b.Put(0, 8, n)
	return b
}

// PointerAt reads a pointer out of a library's own memory.
func PointerAt(address uintptr) uintptr {
	return **(**uintptr)(unsafe.Pointer(&address))
}

// UnalignedAt reads a pointer that lies at an odd address, as in structures that are
// packed by 1.
func UnalignedAt(address uintptr) uintptr {
	var out uintptr
	for i := range unsafe.Sizeof(out) {
		at := address + i
		out |= uintptr(**(**byte)(unsafe.Pointer(&at))) << (8 * i)
	}
	return out
}

// PointerSize is that of this program and so of every library it can load.
const PointerSize = int(unsafe.Sizeof(uintptr(0)))
