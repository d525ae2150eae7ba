package account

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"certlink/trust"
)

// The longest texts, in characters as a person counts them.
const (
	maxPersonName = 64
	maxOrgName    = 128
	maxDeviceName = 40
	maxExternalID = 255
	maxNote       = 500
)

// CleanName makes a name comparable and safe to show: NFC, without spaces at the
// ends. Refused are control and format characters (NUL, bidi overrides and
// zero-width ones, by which one name passes for another), what is no character
// at all, and a first character that a spreadsheet takes for a formula, so that
// every export is safe. Full-width and private-use characters are names' own.
func CleanName(s string, max int) (string, error) {
	s, ok := cleanText(s, max)
	if !ok || s == "" || strings.ContainsAny(firstRune(s), "=+-@＝＋－＠") {
		return "", ErrName
	}
	return s, nil
}

// cleanText is CleanName for any line of text; it may be empty.
func cleanText(s string, max int) (string, bool) {
	if len(s) > 16*max || !utf8.ValidString(s) {
		return "", false
	}
	s = norm.NFC.String(strings.TrimSpace(s))
	marks := 0
	for _, r := range s {
		switch {
		case r == utf8.RuneError, r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef,
			unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return "", false
		case unicode.Is(unicode.M, r):
			if marks++; marks > 4 { // no writing stacks more; what does hides its neighbours
				return "", false
			}
		default:
			marks = 0
		}
	}
	// All spaces but the ideographic one become the plain one.
	s = strings.Map(func(r rune) rune {
		if r != '\u3000' && unicode.Is(unicode.Zs, r) {
			return ' '
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	return s, utf8.RuneCountInString(s) <= max
}

func firstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// note shortens what a person or a browser says to one harmless line.
func note(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > max {
		s = string(r[:max])
	}
	return strings.TrimSpace(s)
}

// searchName is how names are found: full-width and half-width, upper and lower
// case are one.
func searchName(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

// foldLogin is the one spelling of a login; input methods give full-width letters.
func foldLogin(s string) string {
	if len(s) > 512 {
		return ""
	}
	return strings.ToLower(norm.NFKC.String(strings.TrimSpace(s)))
}

// cleanLogin checks the login of an account that signs in here.
func cleanLogin(s string) (string, error) {
	s = foldLogin(s)
	if len(s) < 2 || len(s) > 64 {
		return "", ErrLogin
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && strings.IndexByte("._-@", c) >= 0 {
			continue
		}
		return "", ErrLogin
	}
	return s, nil
}

var withoutGaps = strings.NewReplacer(" ", "", "-", "", "\u00a0", "")

func cleanMobile(s string) (string, error) {
	s = withoutGaps.Replace(norm.NFKC.String(s))
	digits := strings.TrimPrefix(s, "+")
	if len(digits) < 5 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return "", ErrMobile
	}
	return s, nil
}

func cleanEmail(s string) (string, error) {
	s = strings.TrimSpace(s)
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 || strings.ContainsAny(s[:1], "=+-@\"") {
		return "", ErrEmail
	}
	if _, ok := cleanText(s, 254); !ok {
		return "", ErrEmail
	}
	return s, nil
}

// cleanIDNumber checks by GB 11643.
func cleanIDNumber(s string) (string, error) {
	s = strings.ToUpper(norm.NFKC.String(strings.TrimSpace(s)))
	return s, trust.CheckIDNumber(s)
}

// cleanCreditCode checks the shape only; whether GB 32100's check character is
// right is a warning (CreditCodeDoubtful), since legal codes exist that fail it.
func cleanCreditCode(s string) (string, error) {
	s = strings.ToUpper(norm.NFKC.String(strings.TrimSpace(s)))
	if len(s) != 18 || strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", ErrCreditCode
	}
	return s, nil
}

// cleanExternalID keeps another system's id as it is, if it can be kept safely.
func cleanExternalID(s string) (string, error) {
	clean, ok := cleanText(s, maxExternalID)
	if !ok || clean != s || s == "" {
		return "", ErrInput.At("/external_id", "外部编号为空、过长或含有不可见字符", "the external id is empty, too long or holds invisible characters")
	}
	return s, nil
}
