package authority

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Check says what is wrong with a form, at the start and not at the first certificate.
func (f Form) Check() error {
	if _, err := f.policies(); err != nil {
		return err
	}
	_, err := identifiers(f.Usages)
	return err
}

func identifiers(texts []string) ([]asn1.ObjectIdentifier, error) {
	var out []asn1.ObjectIdentifier
	for _, text := range texts {
		oid, err := identifier(text)
		if err != nil {
			return nil, err
		}
		out = append(out, oid)
	}
	return out, nil
}

// identifier reads an object identifier in dots.
func identifier(text string) (asn1.ObjectIdentifier, error) {
	var oid asn1.ObjectIdentifier
	for _, part := range strings.Split(text, ".") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || part != strconv.FormatUint(n, 10) {
			return nil, fmt.Errorf("%q is no object identifier", text)
		}
		oid = append(oid, int(n))
	}
	if len(oid) < 3 || oid[0] > 2 || oid[0] < 2 && oid[1] > 39 {
		return nil, fmt.Errorf("%q is no object identifier", text)
	}
	return oid, nil
}

var (
	oidPolicies = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidCPS      = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 2, 1}
)

// policies makes the extension of RFC 5280 §4.2.1.4, none without policies. It is
// written here since the library knows no qualifiers.
func (f Form) policies() ([]pkix.Extension, error) {
	oids, err := identifiers(f.Policies)
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(f.CPS); f.CPS != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(oids) == 0 || strings.ContainsFunc(f.CPS, func(r rune) bool { return r < 33 || r > 126 })) {
		return nil, fmt.Errorf("%q is no address of a practice statement, or no policy goes with it", f.CPS)
	}
	if len(oids) == 0 {
		return nil, nil
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for i, oid := range oids {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oid)
				if i > 0 || f.CPS == "" {
					return
				}
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidCPS)
						b.AddASN1(cbasn1.IA5String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(f.CPS)) })
					})
				})
			})
		}
	})
	der, err := b.Bytes()
	return []pkix.Extension{{Id: oidPolicies, Value: der}}, err
}
