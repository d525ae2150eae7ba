package confirm

import (
	"maps"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// Canonical writes the statement by RFC 8785: members in the order of their names, no
// white space, and of the ways to write a text the shortest. All leaves are texts, so
// that there is nothing else to it. The result is made once, stored, and from then on
// only copied: nothing ever signs or checks a second rendering.
func (s *Statement) Canonical() []byte {
	b := make([]byte, 0, 1024)
	b = s.Actor.canonical(append(b, `{"actor":`...))
	b = canonicalText(append(b, `,"audience":`...), s.Audience)
	b = append(b, `,"details":`...)
	if s.Details == nil {
		b = append(b, "null"...)
	} else {
		b = canonicalMap(b, s.Details)
	}
	b = canonicalText(append(b, `,"expires_at":`...), s.ExpiresAt)
	b = canonicalText(append(b, `,"id":`...), s.ID)
	b = canonicalText(append(b, `,"issued_at":`...), s.IssuedAt)
	b = canonicalText(append(b, `,"nonce":`...), s.Nonce)
	b = canonicalText(append(b, `,"purpose":`...), s.Purpose)
	b = canonicalText(append(b, `,"requester":{"browser":`...), s.Requester.Browser)
	b = canonicalText(append(b, `,"ip":`...), s.Requester.IP)
	if s.Requester.Place != "" {
		b = canonicalText(append(b, `,"place":`...), s.Requester.Place)
	}
	b = canonicalText(append(b, `,"started_at":`...), s.Requester.StartedAt)
	b = append(b, '}')
	if s.Subject != nil {
		b = s.Subject.canonical(append(b, `,"subject":`...))
	}
	b = canonicalText(append(b, `,"version":`...), s.Version)
	return append(b, '}')
}

func (p *Party) canonical(b []byte) []byte {
	b = canonicalText(append(b, `{"id":`...), p.ID)
	b = canonicalText(append(b, `,"name":`...), p.Name)
	b = canonicalText(append(b, `,"organisation":`...), p.Organisation)
	b = canonicalText(append(b, `,"organisation_id":`...), p.OrganisationID)
	return append(b, '}')
}

func canonicalMap(b []byte, m map[string]string) []byte {
	// RFC 8785 orders names by their UTF-16 code units, which is not the order of bytes.
	names := slices.SortedFunc(maps.Keys(m), byUTF16)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = canonicalText(b, name)
		b = canonicalText(append(b, ':'), m[name])
	}
	return append(b, '}')
}

func byUTF16(x, y string) int {
	for x != "" && y != "" {
		r, n := utf8.DecodeRuneInString(x)
		t, k := utf8.DecodeRuneInString(y)
		if r != t {
			var a, b [2]uint16
			return slices.Compare(utf16.AppendRune(a[:0], r), utf16.AppendRune(b[:0], t))
		}
		x, y = x[n:], y[k:]
	}
	return len(x) - len(y)
}

// canonicalText escapes what RFC 8785 §3.2.2.2 has escaped. Bytes that are no UTF-8
// stand as U+FFFD, as encoding/json has them.
func canonicalText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= 0x20:
			b = utf8.AppendRune(b, r)
		case short[r] != 0:
			b = append(b, '\\', short[r])
		default:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		}
	}
	return append(b, '"')
}

// short are the control characters that have an escape of two characters.
var short = [0x20]byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r'}
