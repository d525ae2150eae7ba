package trust_test

import (
	"errors"
	"testing"

	"certlink/trust"
)

func TestIDNumber(t *testing.T) {
	for _, good := range []string{"11010519491231002X", "440524188001010014"} { // the standard's own examples
		if err := trust.CheckIDNumber(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "11010519491231002x", "110105194912310021", "11010519491331002X", "1101051949123100", "010105194912310028",
		"11010519491231002X ", "１1010519491231002X", "A1010519491231002X", "11010519490229002X"} {
		if err := trust.CheckIDNumber(bad); !errors.Is(err, trust.ErrIDNumber) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// Each single digit changed, and each pair of neighbours exchanged, is noticed.
	good := "440524188001010014"
	for i := range 17 {
		for d := byte('0'); d <= '9'; d++ {
			if changed := good[:i] + string(d) + good[i+1:]; d != good[i] && trust.CheckIDNumber(changed) == nil {
				t.Errorf("%s passes", changed)
			}
		}
		if good[i] != good[i+1] {
			if swapped := good[:i] + good[i+1:i+2] + good[i:i+1] + good[i+2:]; trust.CheckIDNumber(swapped) == nil {
				t.Errorf("%s passes", swapped)
			}
		}
	}
}

func TestCreditCode(t *testing.T) {
	for code, want := range map[string]bool{
		"91350100M000100Y43": true, // the standard's own example
		"91350100M000100Y44": false,
		"91350100M0001TGQXM": false, // issued, and fails: hence only a warning
		"91350100M000100I43": false, "": false, "9135": false,
	} {
		if got := trust.CreditCodeWarning(code); got != want {
			t.Errorf("%q: %v", code, got)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"330106199001011234": "330***********1234", "91350100M000100Y43": "913***********0Y43",
		"": "", "A": "*", "E12345678": "********8", "护照号码": "***码",
	} {
		if got := trust.MaskID(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
