package programtest

import (
	"os"
	"os/exec"
	"testing"
)

// Tool finds a program that a test needs. In CI its absence is an error;
// elsewhere the test says how to get it.
func Tool(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing: apt-get install %s", name, debian)
		}
		t.Skipf("%s is not installed; to run this test: apt-get install %s", name, debian)
	}
	return path
}
