package sqlite

import (
	"os"

	"golang.org/x/sys/windows"
)

// tryLock takes the lock that goes away with the process, however it ends.
func tryLock(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
}

// syncDir has no counterpart on Windows, which keeps directories by itself.
func syncDir(string) error { return nil }
