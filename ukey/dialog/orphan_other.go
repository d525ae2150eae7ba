//go:build !linux

package dialog

import "syscall"

// orphaned: only Linux tells a window that the bridge has died; elsewhere the person
// closes it.
func orphaned() *syscall.SysProcAttr { return nil }
