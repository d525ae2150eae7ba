package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// harden keeps the PIN out of core files, and other programs of the same user from
// reading this one's memory.
func harden() {
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// terminal is where a pinentry without windows may ask.
func terminal() string {
	if _, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS); err != nil {
		return ""
	}
	path, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		return ""
	}
	return path
}
