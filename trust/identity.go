package trust

import (
	"encoding/asn1"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Identity is whom a certificate names. A field that the certificate does not have is
// empty; who compares must not compare that one.
type Identity struct {
	Person           string // ID number
	PersonName       string
	Organisation     string // unified social credit code
	OrganisationName string
}

// The fields that an IdentifierRule fills.
const (
	FieldPerson           = "person"
	FieldPersonName       = "personName"
	FieldOrganisation     = "organisation"
	FieldOrganisationName = "organisationName"
)

// Identity extensions of GM/T 0015 and GB/T 20518.
const (
	OIDPerson       = "1.2.156.10260.4.1.1"
	OIDRegistration = "1.2.156.10260.4.1.3"
	OIDOrganisation = "1.2.156.10260.4.1.4"
)

// IdentifierRule says where in a provider's certificates an identifier stands. Each
// authority has its own habits, so this is configuration. Several rules may fill one
// field: the first that finds something counts.
type IdentifierRule struct {
	// Field is person, personName, organisation or organisationName.
	Field string `json:"field"`
	// From is "subject.CN" (or O, OU, L, ST, C, SN, GN, serialNumber, UID, title,
	// organizationIdentifier, emailAddress), "subject.<object identifier>", or
	// "oid:<object identifier>" for an extension.
	From string `json:"from"`
	// Prefix must stand before the value and is cut off; without it the rule finds
	// nothing.
	Prefix string `json:"prefix,omitempty"`
	// Separator, where set, cuts the value (after Prefix) into parts, and Part counts
	// from 0 which of them is meant: "051@张三@Z330…@1" with "@" and 1 is 张三.
	Separator string `json:"separator,omitempty"`
	Part      int    `json:"part,omitempty"`
}

// DefaultIdentifiers are the rules for certificates that follow GM/T 0015, those of
// the built-in authority among them.
func DefaultIdentifiers() []IdentifierRule {
	return []IdentifierRule{
		{Field: FieldPerson, From: "oid:" + OIDPerson},
		{Field: FieldPersonName, From: "subject.CN"},
		{Field: FieldOrganisation, From: "oid:" + OIDOrganisation},
		{Field: FieldOrganisation, From: "oid:" + OIDRegistration},
		{Field: FieldOrganisationName, From: "subject.O"},
	}
}

// CheckIdentifierRules names every mistake in the rules at once.
func CheckIdentifierRules(rules []IdentifierRule) error {
	refusal := ErrIdentifierRule
	for i, r := range rules {
		at := func(part, zh, en string) { refusal = refusal.At(fmt.Sprintf("/%d/%s", i, part), zh, en) }
		switch r.Field {
		case FieldPerson, FieldPersonName, FieldOrganisation, FieldOrganisationName:
		default:
			at("field", "字段须为 person、personName、organisation 或 organisationName", "field must be person, personName, organisation or organisationName")
		}
		if oid, _ := r.source(); !validOID(oid) {
			at("from", "来源须形如 subject.CN 或 oid:1.2.3", "from must look like subject.CN or oid:1.2.3")
		}
		if r.Part < 0 || r.Part > 32 || (r.Separator == "" && r.Part != 0) {
			at("part", "part 须为 0 到 32，且仅在设置了 separator 时使用", "part must be 0 to 32, and only where a separator is set")
		}
	}
	if len(refusal.Fields) > 0 {
		return refusal
	}
	return nil
}

// source reads From: an object identifier, if it is right, and whether it is of an
// extension.
func (r IdentifierRule) source() (oid string, extension bool) {
	if rest, found := strings.CutPrefix(r.From, "oid:"); found {
		return rest, true
	}
	rest, found := strings.CutPrefix(r.From, "subject.")
	if !found {
		return "", false
	}
	if long, short := longNames[rest]; short {
		return long, false
	}
	return rest, false
}

func validOID(s string) bool {
	arcs := strings.Split(s, ".")
	for _, a := range arcs {
		if _, err := strconv.ParseUint(a, 10, 31); err != nil || (len(a) > 1 && a[0] == '0') {
			return false
		}
	}
	return len(arcs) >= 3
}

// Identify reads the identity out of the certificate by the provider's rules.
func Identify(c *Certificate, rules []IdentifierRule) Identity {
	var id Identity
	for _, r := range rules {
		var to *string
		switch r.Field {
		case FieldPerson:
			to = &id.Person
		case FieldPersonName:
			to = &id.PersonName
		case FieldOrganisation:
			to = &id.Organisation
		case FieldOrganisationName:
			to = &id.OrganisationName
		default:
			continue
		}
		if *to != "" {
			continue
		}
		value := r.find(c)
		if r.Field == FieldPerson || r.Field == FieldOrganisation {
			value = strings.ToUpper(value) // the check character X is written both ways
		}
		*to = value
	}
	return id
}

func (r IdentifierRule) find(c *Certificate) string {
	oid, extension := r.source()
	if extension {
		for _, e := range c.X.Extensions {
			if spelt(e.Id, oid) {
				return r.cut(extensionText(e.Value))
			}
		}
		return ""
	}
	for _, a := range c.X.Subject.Names {
		if spelt(a.Type, oid) {
			if v := r.cut(attribute(a)); v != "" {
				return v // of several OU, the first that fits the rule
			}
		}
	}
	return ""
}

// spelt says whether text is how oid is written.
func spelt(oid asn1.ObjectIdentifier, text string) bool {
	for i, arc := range oid {
		digits, rest, more := strings.Cut(text, ".")
		if n, err := strconv.Atoi(digits); err != nil || n != arc || more == (i == len(oid)-1) {
			return false
		}
		text = rest
	}
	return len(oid) > 0
}

func (r IdentifierRule) cut(v string) string {
	v, ok := strings.CutPrefix(strings.TrimSpace(v), r.Prefix)
	if !ok {
		return ""
	}
	if r.Separator != "" {
		parts := strings.Split(v, r.Separator)
		if r.Part >= len(parts) {
			return ""
		}
		v = parts[r.Part]
	}
	return strings.TrimSpace(v)
}

// extensionText reads the text in an identity extension. GM/T 0015 defines tagged
// choices without saying whether the tags are explicit or implicit, and authorities
// also write a bare string, a SEQUENCE around it, or the characters with no DER at
// all. All of these are read; whatever else it is reads as "".
func extensionText(value []byte) string {
	if s, ok := derText(value, 4); ok {
		return s
	}
	return printable(value)
}

func derText(der []byte, depth int) (string, bool) {
	s := cryptobyte.String(der)
	var content cryptobyte.String
	var tag cbasn1.Tag
	if depth == 0 || !s.ReadAnyASN1(&content, &tag) || !s.Empty() {
		return "", false
	}
	switch tag {
	case cbasn1.UTF8String, cbasn1.PrintableString, cbasn1.IA5String, cbasn1.Tag(18): // 18: NumericString
		return printable(content), true
	case cbasn1.OCTET_STRING:
		if s, ok := derText(content, depth-1); ok {
			return s, true
		}
		return printable(content), true
	case cbasn1.SEQUENCE, cbasn1.SET:
		return derText(content, depth-1) // one element only
	}
	if tag&0xc0 == 0x80 { // context-specific: explicit if it is constructed
		if tag&0x20 != 0 {
			return derText(content, depth-1)
		}
		return printable(content), true
	}
	return "", false
}

func printable(b []byte) string {
	s := string(b)
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return s
}
