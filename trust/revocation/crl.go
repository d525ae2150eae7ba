package revocation

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certlink/trust"
	"certlink/trust/internal/signed"
)

// crl is a parsed revocation list (RFC 5280 §5). It keeps of each entry only serial
// number and time: lists of a few hundred thousand entries are ordinary.
type crl struct {
	raw                    []byte
	issuer, authorityKey   []byte
	thisUpdate, nextUpdate time.Time
	revoked                map[string]int64 // Unix time, by the bytes of the serial number
	scope                  scope
	object                 signed.Object
}

// scope is the issuing distribution point (§5.2.5): which certificates the list is of.
type scope struct {
	usersOnly, authoritiesOnly bool
	addresses                  []string // if any, the certificate must name one of them
}

var (
	oidAuthorityKey = []byte{0x55, 0x1d, 0x23}
	oidScope        = []byte{0x55, 0x1d, 0x1c}
	tag0            = asn1.Tag(0).Constructed().ContextSpecific()
)

func malformed(what string) error { return ErrCRLMalformed.Becausef("%s", what) }

func parseCRL(der []byte) (*crl, error) {
	object, err := signed.Split(der)
	if err != nil {
		return nil, ErrCRLMalformed.Because(err)
	}
	c := &crl{raw: der, object: object}
	tbs := cryptobyte.String(object.TBS)
	var s, inner cryptobyte.String
	var version int64
	if !tbs.ReadASN1(&s, asn1.SEQUENCE) {
		return nil, malformed("no TBSCertList")
	}
	if s.PeekASN1Tag(asn1.INTEGER) && (!s.ReadASN1Integer(&version) || version != 1) {
		return nil, malformed("the version is not 2")
	}
	if !s.ReadASN1Element(&inner, asn1.SEQUENCE) || !bytes.Equal(inner, object.Algorithm) {
		return nil, malformed("the two signature algorithms differ")
	}
	if !s.ReadASN1Element(&inner, asn1.SEQUENCE) {
		return nil, malformed("no issuer")
	}
	c.issuer = inner
	var ok bool
	if c.thisUpdate, ok = readTime(&s); !ok {
		return nil, malformed("thisUpdate")
	}
	// §5.1.2.5: it must be there. Without it nobody could say when the list is too old.
	if c.nextUpdate, ok = readTime(&s); !ok || c.nextUpdate.Before(c.thisUpdate) {
		return nil, malformed("nextUpdate")
	}
	c.revoked = map[string]int64{}
	if s.PeekASN1Tag(asn1.SEQUENCE) {
		if !s.ReadASN1(&inner, asn1.SEQUENCE) || !c.readEntries(inner) {
			return nil, malformed("an entry")
		}
	}
	var extensions cryptobyte.String
	var present bool
	if !s.ReadOptionalASN1(&extensions, &present, tag0) || !s.Empty() {
		return nil, malformed("something after the entries")
	}
	if present {
		if !extensions.ReadASN1(&inner, asn1.SEQUENCE) || !extensions.Empty() {
			return nil, malformed("the extensions")
		}
		if err := eachExtension(inner, c.readExtension); err != nil {
			return nil, ErrCRLMalformed.Because(err)
		}
	}
	return c, nil
}

func readTime(s *cryptobyte.String) (t time.Time, ok bool) {
	if s.PeekASN1Tag(asn1.UTCTime) {
		return t, s.ReadASN1UTCTime(&t)
	}
	return t, s.ReadASN1GeneralizedTime(&t)
}

func (c *crl) readEntries(s cryptobyte.String) bool {
	for !s.Empty() {
		var entry, extensions cryptobyte.String
		var serial []byte
		if !s.ReadASN1(&entry, asn1.SEQUENCE) || !entry.ReadASN1Integer(&serial) || len(serial) > 32 {
			return false
		}
		at, ok := readTime(&entry)
		if !ok {
			return false
		}
		if !entry.Empty() {
			if !entry.ReadASN1(&extensions, asn1.SEQUENCE) || !entry.Empty() ||
				eachExtension(extensions, func(_, _ []byte, critical bool) error {
					// §5.3: a list with a critical entry extension that is not understood must not
					// be used. The only standard one belongs to indirect lists.
					if critical {
						return errors.New("critical entry extension")
					}
					return nil
				}) != nil {
				return false
			}
		}
		c.revoked[string(serial)] = at.Unix()
	}
	return true
}

// eachExtension reads an Extensions' content.
func eachExtension(s cryptobyte.String, use func(oid, value []byte, critical bool) error) error {
	for !s.Empty() {
		var ext, oid, value cryptobyte.String
		var critical bool
		if !s.ReadASN1(&ext, asn1.SEQUENCE) || !ext.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			(ext.PeekASN1Tag(asn1.BOOLEAN) && !ext.ReadASN1Boolean(&critical)) ||
			!ext.ReadASN1(&value, asn1.OCTET_STRING) || !ext.Empty() {
			return errors.New("an extension does not parse")
		}
		if err := use(oid, value, critical); err != nil {
			return err
		}
	}
	return nil
}

func (c *crl) readExtension(oid, value []byte, critical bool) error {
	switch {
	case bytes.Equal(oid, oidAuthorityKey):
		v := cryptobyte.String(value)
		var inner, id cryptobyte.String
		var present bool
		if !v.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadOptionalASN1(&id, &present, asn1.Tag(0).ContextSpecific()) {
			return errors.New("the authority key identifier does not parse")
		}
		c.authorityKey = id
	case bytes.Equal(oid, oidScope):
		return c.readScope(value)
	case critical: // a delta list (§5.2.4) among others
		return errors.New("a critical extension that is not understood")
	}
	return nil
}

func (c *crl) readScope(value cryptobyte.String) error {
	var s, point, names cryptobyte.String
	var present bool
	if !value.ReadASN1(&s, asn1.SEQUENCE) || !s.ReadOptionalASN1(&point, &present, tag0) {
		return errors.New("the issuing distribution point does not parse")
	}
	if present {
		if !point.ReadASN1(&names, tag0) { // the other choice is relative to an indirect issuer
			return errors.New("a distribution point of an unsupported kind")
		}
		for !names.Empty() {
			var name cryptobyte.String
			var tag asn1.Tag
			if !names.ReadAnyASN1(&name, &tag) {
				return errors.New("the distribution point's names do not parse")
			}
			if tag == asn1.Tag(6).ContextSpecific() {
				c.scope.addresses = append(c.scope.addresses, string(name))
			}
		}
		if len(c.scope.addresses) == 0 {
			return errors.New("a distribution point without an address")
		}
	}
	for !s.Empty() {
		var flag cryptobyte.String
		var tag asn1.Tag
		if !s.ReadAnyASN1(&flag, &tag) {
			return errors.New("the issuing distribution point does not parse")
		}
		set := len(flag) != 1 || flag[0] != 0
		switch {
		case tag == asn1.Tag(1).ContextSpecific():
			c.scope.usersOnly = set
		case tag == asn1.Tag(2).ContextSpecific():
			c.scope.authoritiesOnly = set
		case set: // some reasons only, indirect, attribute certificates
			return errors.New("a list of an unsupported kind")
		}
	}
	return nil
}

// signedBy checks that the certificates' issuer itself signed the list.
func (c *crl) signedBy(issuer *trust.Certificate) error {
	x := issuer.X
	switch {
	case !bytes.Equal(c.issuer, x.RawSubject):
		return ErrCRLSignature.Becausef("the list is not %s's", issuer.Subject())
	case len(c.authorityKey) > 0 && len(x.SubjectKeyId) > 0 && !bytes.Equal(c.authorityKey, x.SubjectKeyId):
		return ErrCRLSignature.Becausef("the list was signed with another key of %s", issuer.Subject())
	case x.KeyUsage != 0 && x.KeyUsage&smx509.KeyUsageCRLSign == 0:
		return ErrCRLSignature.Becausef("%s may not sign lists", issuer.Subject())
	}
	if err := c.object.Verify(issuer.PublicKey()); err != nil {
		return ErrCRLSignature.Because(err)
	}
	return nil
}

// covers checks that a certificate that is not on the list would be on it if it were
// revoked (§6.3.3 (b)): large authorities cut their lists into parts.
func (c *crl) covers(leaf *trust.Certificate, address string) error {
	s := c.scope
	if (s.usersOnly && leaf.X.IsCA) || (s.authoritiesOnly && !leaf.X.IsCA) {
		return malformed("the list is not of this kind of certificate")
	}
	if len(s.addresses) == 0 || slices.Contains(s.addresses, address) {
		return nil
	}
	for _, a := range leaf.X.CRLDistributionPoints {
		if slices.Contains(s.addresses, a) {
			return nil
		}
	}
	return malformed("the list is another part of the authority's lists")
}
