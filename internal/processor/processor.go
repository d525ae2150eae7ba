// Package processor sets how many of Go's processors the program has.
//
// The embedded engine makes writes durable by one goroutine, which a busy server leaves
// waiting in the disk's sync a third of the time. Go counts such a goroutine as running
// until it is seen to be stuck, so on two cores the server would do its work with one
// of them meanwhile, while everybody waits for that sync.
package processor

import (
	"os"
	"runtime"
)

// Spare gives the program one processor more than it has cores, for the goroutine that
// waits for the disk. An operator's own GOMAXPROCS stands. From here on the
// number no longer follows changes of a container's share.
func Spare() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
