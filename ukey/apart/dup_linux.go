package apart

import "golang.org/x/sys/unix"

// dup2 is not there on every Linux.
func dup2(from, to int) error { return unix.Dup3(from, to, 0) }
