package trust

import (
	"strings"
	"time"
)

var (
	idWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	idChecks  = "10X98765432"
)

// CheckIDNumber checks an ID number by GB 11643: 18 characters, a date of birth that
// exists, and the check digit (ISO 7064 MOD 11-2). The X is a capital one.
func CheckIDNumber(s string) error {
	if len(s) != 18 {
		return ErrIDNumber.Becausef("%d characters", len(s))
	}
	sum := 0
	for i, w := range idWeights {
		if s[i] < '0' || s[i] > '9' {
			return ErrIDNumber.Becausef("character %d is no digit", i+1)
		}
		sum += w * int(s[i]-'0')
	}
	if s[0] == '0' {
		return ErrIDNumber.Becausef("no region begins with 0")
	}
	if birth, err := time.Parse("20060102", s[6:14]); err != nil || birth.Year() < 1850 {
		return ErrIDNumber.Becausef("the date of birth does not exist")
	}
	if s[17] != idChecks[sum%11] {
		return ErrIDNumber.Becausef("the check digit is wrong")
	}
	return nil
}

// creditAlphabet leaves out I, O, S, V and Z (GB 32100).
const creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// CreditCodeWarning says whether a unified social credit code has the check character
// that GB 32100 computes. It is for a warning only: some codes were issued that fail
// (91350100M0001TGQXM is one), and their companies exist.
func CreditCodeWarning(s string) (ok bool) {
	if len(s) != 18 {
		return false
	}
	sum, weight := 0, 1
	for i := range 17 {
		v := strings.IndexByte(creditAlphabet, s[i])
		if v < 0 {
			return false
		}
		sum += v * weight
		weight = weight * 3 % 31
	}
	return s[17] == creditAlphabet[(31-sum%31)%31]
}

// MaskID hides the middle of a number: 330***********1234. Of a short one only the
// last character is shown.
func MaskID(s string) string {
	r := []rune(s)
	head, tail := 3, 4
	switch {
	case len(r) < 2:
		return strings.Repeat("*", len(r))
	case len(r) < 12: // showing seven would leave too little to guess
		head, tail = 0, 1
	}
	return string(r[:head]) + strings.Repeat("*", len(r)-head-tail) + string(r[len(r)-tail:])
}
