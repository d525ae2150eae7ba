package sqlite

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync makes what was written to the file durable. It leaves out the file's
// times, which would go through the journal of the file system; its length, where
// that has changed, is included.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}
