package processor

import (
	"runtime"
	"testing"
)

func TestSpare(t *testing.T) {
	had := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(had)

	t.Setenv("GOMAXPROCS", "7")
	if Spare(); runtime.GOMAXPROCS(0) != had {
		t.Errorf("with GOMAXPROCS set by the operator: %d, want %d as before", runtime.GOMAXPROCS(0), had)
	}
	t.Setenv("GOMAXPROCS", "")
	if Spare(); runtime.GOMAXPROCS(0) != had+1 {
		t.Errorf("%d, want one more than %d", runtime.GOMAXPROCS(0), had)
	}
}
