package dialog

import "syscall"

// orphaned closes the window when the bridge dies: nobody would read what is typed.
func orphaned() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
