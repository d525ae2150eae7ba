package mobilecert

import (
	"regexp"
	"strings"

	"certlink/internal/fault"
	"certlink/trust"
)

// agree compares a certificate's identity with the account's. What one of the
// two does not have is not compared (a certificate may name the organisation
// only); at least one number must be there in both, and none may differ.
func agree(cert trust.Identity, p *Person) error {
	matched := false
	for _, f := range []struct{ field, cert, account string }{
		{trust.FieldPerson, normal(cert.Person), normal(p.IDNumber)},
		{trust.FieldOrganisation, normal(cert.Organisation), normal(p.CreditCode)},
	} {
		switch {
		case f.cert == "" || f.account == "":
		case f.cert != f.account:
			return mismatch(f.field, f.cert, f.account)
		default:
			matched = true
		}
	}
	if !matched {
		return mismatch("none", "", "")
	}
	return nil
}

// mismatch names the field ("none": there was nothing to compare) and shows both
// values masked: enough to recognise one's own, too little to learn another's.
func mismatch(field, cert, account string) *fault.Error {
	return ErrIdentityMismatch.With("field", field).
		With("certificate_value", trust.MaskID(cert)).With("account_value", trust.MaskID(account))
}

// normal writes a number in one way: check characters come in both cases, and
// forms are filled in with spaces.
func normal(s string) string {
	return strings.ToUpper(strings.Join(strings.Fields(s), ""))
}

var idShape = regexp.MustCompile(`[0-9]{17}[0-9Xx]`)

// maskName hides ID numbers in a certificate's subject, where some authorities
// put them. The full name stays in the evidence.
func maskName(subject string, id trust.Identity) string {
	if len(id.Person) > 4 && strings.Contains(strings.ToUpper(subject), strings.ToUpper(id.Person)) {
		subject = regexp.MustCompile("(?i)"+regexp.QuoteMeta(id.Person)).ReplaceAllString(subject, trust.MaskID(id.Person))
	}
	if digits(subject) < 17 {
		return subject
	}
	return idShape.ReplaceAllStringFunc(subject, func(s string) string {
		if trust.CheckIDNumber(strings.ToUpper(s)) != nil {
			return s
		}
		return trust.MaskID(s)
	})
}

func digits(s string) (n int) {
	for _, c := range []byte(s) {
		if '0' <= c && c <= '9' {
			n++
		}
	}
	return n
}
