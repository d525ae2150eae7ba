package pkcs11

import "testing"

// The sizes that C compilers give CK_ATTRIBUTE, and where the first function lies.
func TestLayout(t *testing.T) {
	for name, c := range map[string]struct {
		ulong, pointer int
		packed         bool
		want           layout
	}{
		"Linux and macOS, 64 bits": {8, 8, false, layout{8, 8, 8, 16, 24}},
		"Linux, 32 bits":           {4, 4, false, layout{4, 4, 4, 8, 12}},
		"Windows, 64 bits":         {4, 8, true, layout{4, 2, 4, 12, 16}},
		"Windows, 32 bits":         {4, 4, true, layout{4, 2, 4, 8, 12}},
	} {
		if got := layoutOf(c.ulong, c.pointer, c.packed); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
