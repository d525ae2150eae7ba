package trust

import (
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
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
// what a person reads must be what stands in the certificate. parts are what the
// library has read from raw; which of them stand in one set only raw tells.
func nameString(raw []byte, parts []pkix.AttributeTypeAndValue) string {
	sizes, ok := setSizes(raw)
	if !ok {
		return "#" + hex.EncodeToString(raw)
	}
	var b strings.Builder
	for _, size := range slices.Backward(sizes) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		begin := len(parts) - size
		for i, a := range parts[begin:] {
			if i > 0 {
				b.WriteByte('+')
			}
			oid := a.Type.String()
			if short, ok := shortNames[oid]; ok {
				oid = short
			}
			b.WriteString(oid)
			b.WriteByte('=')
			escape(&b, attribute(a))
		}
		parts = parts[:begin]
	}
	return b.String()
}

// setSizes counts the attributes in each set of a distinguished name.
func setSizes(raw []byte) (sizes []int, ok bool) {
	in := cryptobyte.String(raw)
	var sets, set cryptobyte.String
	if !in.ReadASN1(&sets, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, false
	}
	for !sets.Empty() {
		if !sets.ReadASN1(&set, cbasn1.SET) {
			return nil, false
		}
		n := 0
		for ; !set.Empty(); n++ {
			if !set.SkipASN1(cbasn1.SEQUENCE) {
				return nil, false
			}
		}
		sizes = append(sizes, n)
	}
	return sizes, true
}

func attribute(a pkix.AttributeTypeAndValue) string {
	s, _ := a.Value.(string) // all are: no certificate is read that has other values
	return s
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
