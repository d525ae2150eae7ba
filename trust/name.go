package trust

import (
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"

	"crypto/x509/pkix"
)

var shortNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L",
	"2.5.4.8": "ST", "2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title",
	"2.5.4.17": "postalCode", "2.5.4.20": "telephoneNumber", "2.5.4.42": "GN", "2.5.4.97": "organizationIdentifier",
	"1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
}

var longNames = func() map[string]string {
	out := map[string]string{}
	for long, short := range shortNames {
		out[short] = long
	}
	return out
}()

// nameString writes a distinguished name as RFC 4514 does: last part first, UTF-8 as
// it is. Characters that would not show, or would turn the text around, are escaped:
// what a person reads must be what stands in the certificate.
func nameString(raw []byte) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(raw, &rdns); err != nil || len(rest) != 0 {
		return "#" + hex.EncodeToString(raw)
	}
	var b strings.Builder
	for i := len(rdns) - 1; i >= 0; i-- {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		for j, a := range rdns[i] {
			if j > 0 {
				b.WriteByte('+')
			}
			oid := a.Type.String()
			if short, ok := shortNames[oid]; ok {
				b.WriteString(short)
			} else {
				b.WriteString(oid)
			}
			b.WriteByte('=')
			escape(&b, attribute(a))
		}
	}
	return b.String()
}

func attribute(a pkix.AttributeTypeAndValue) string {
	if s, ok := a.Value.(string); ok {
		return s
	}
	return fmt.Sprint(a.Value)
}

func escape(b *strings.Builder, s string) {
	for i, r := range s {
		switch {
		case strings.ContainsRune(`,+"\<>;=`, r), i == 0 && (r == '#' || r == ' '), i == len(s)-1 && r == ' ':
			b.WriteByte('\\')
			b.WriteRune(r)
		case !unicode.IsPrint(r):
			for _, octet := range []byte(string(r)) {
				fmt.Fprintf(b, "\\%02X", octet)
			}
		default:
			b.WriteRune(r)
		}
	}
}
