package native

import "syscall"

func open(path string) (uintptr, error) {
	h, err := syscall.LoadLibrary(path)
	return uintptr(h), err
}

func symbol(handle uintptr, name string) (uintptr, error) {
	return syscall.GetProcAddress(syscall.Handle(handle), name)
}

// Call calls a function with whole numbers and addresses, and gives back what it
// returns. What addresses point to must be a Buffer that is released afterwards.
// The stack pointer is put back afterwards, so both calling conventions of 32-bit
// libraries (cdecl for PKCS#11, stdcall for SKF) are fine.
//
//go:uintptrescapes
func Call(fn uintptr, args ...uintptr) uintptr {
	r, _, _ := syscall.SyscallN(fn, args...)
	return r
}
