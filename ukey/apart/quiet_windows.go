package apart

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// quiet keeps the pipes to the parent for us and gives the library's own standard
// streams to nobody: vendors print, and what they print may hold anything.
func quiet() (in io.Reader, out io.Writer, err error) {
	in, out = os.Stdin, os.Stdout // they keep their handles
	null, err := os.OpenFile("NUL", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, which := range []uint32{windows.STD_INPUT_HANDLE, windows.STD_OUTPUT_HANDLE, windows.STD_ERROR_HANDLE} {
		if err := windows.SetStdHandle(which, windows.Handle(null.Fd())); err != nil {
			return nil, nil, err
		}
	}
	return in, out, nil
}
