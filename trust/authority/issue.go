package authority

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"certlink/trust"
)

// Profile says what a certificate is for.
type Profile string

const (
	Sign    Profile = "sign"
	Encrypt Profile = "encrypt"
)

// Subject is the holder's name as it will stand in the certificate.
type Subject struct {
	CommonName         string // required: the person
	Organisation       string
	OrganisationalUnit string
	Locality           string
	Province           string
	Country            string // two letters; CN where empty
	SerialNumber       string // tells namesakes apart; not the certificate's serial number
	Email              string // goes into the alternative name
}

// Form is what stands in the certificates of a product besides the holder. The zero
// Form is a good one.
type Form struct {
	// Policies are the certificate policies (object identifiers), CPS the address of
	// the practice statement that goes with the first of them.
	Policies []string
	CPS      string
	// Usages are the extended key usages of signing certificates (object identifiers);
	// without any it is document signing (RFC 9336).
	Usages []string
	// Registration writes the credit code also as the registration number
	// (1.2.156.10260.4.1.3), for programs that know only that.
	Registration bool
}

// Request is one certificate to be issued. The caller records all of it before asking,
// so that a repeat is the same request and gets the same certificate.
type Request struct {
	CSR *trust.CSR
	// Key is certified where there is no CSR: of an encryption pair, whose holder
	// cannot sign with it.
	Key     crypto.PublicKey
	Form    Form
	Subject Subject
	// Person is the ID number (or a passport number), Organisation the unified social
	// credit code; they become the identity extensions of GM/T 0015.
	Person, Organisation string
	NotBefore, NotAfter  time.Time // whole seconds; NotAfter is the last one of the term
	Profile              Profile
	Serial               string // from NewSerial
}

// oidDocumentSigning is id-kp-documentSigning of RFC 9336.
var oidDocumentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36}

// maxName is the bound of RFC 5280 on most parts of a name, in characters.
const maxName = 64

// NewSerial makes a serial number: 127 random bits, in hex, positive and never short.
func NewSerial() string {
	var b [16]byte
	rand.Read(b[:])
	b[0] = b[0]&0x7f | 0x40
	return hex.EncodeToString(b[:])
}

func mustSerial(s string) *big.Int {
	n, ok := parseSerial(s)
	if !ok {
		panic("authority: NewSerial made " + s)
	}
	return n
}

// parseSerial accepts 64 to 159 bits: enough to be unpredictable, and at most the 20
// octets of RFC 5280 §4.1.2.2.
func parseSerial(s string) (*big.Int, bool) {
	b, err := hex.DecodeString(s)
	if err != nil || s != strings.ToLower(s) {
		return nil, false
	}
	n := new(big.Int).SetBytes(b)
	return n, trust.SerialHex(n) == s && n.BitLen() > 63 && n.BitLen() < 160
}

// Issue makes the certificate. The same request always makes the same bytes.
func (a *Authority) Issue(ctx context.Context, r Request) (*trust.Certificate, error) {
	if err := ctx.Err(); err != nil {
		return nil, ErrIssuing.Because(err)
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	key, alg, err := r.key()
	if err != nil {
		return nil, ErrRequest.Because(err)
	}
	l := a.lines[LineFor(alg)]
	from, until := r.NotBefore.UTC().Truncate(time.Second), r.NotAfter.UTC().Truncate(time.Second)
	if from.Before(l.issuing.NotBefore()) || until.After(l.issuing.NotAfter()) || !until.After(from) {
		return nil, ErrTerm.With("not_after", l.issuing.NotAfter().UTC().Format(time.RFC3339))
	}
	serial, _ := parseSerial(r.Serial)
	extensions, err := r.identity()
	if err != nil {
		return nil, ErrIssuing.Because(err)
	}
	policies, err := r.Form.policies()
	if err != nil {
		return nil, ErrRequest.Because(err)
	}
	extensions = append(policies, extensions...)
	tmpl := &smx509.Certificate{
		SerialNumber: serial, Subject: r.Subject.name(), NotBefore: from, NotAfter: until,
		KeyUsage: r.usage(alg), BasicConstraintsValid: true,
		CRLDistributionPoints: []string{a.url(CRLPath(l.name))},
		OCSPServer:            []string{a.url(OCSPPath)},
		IssuingCertificateURL: []string{a.url(IssuerPath(l.name))},
		ExtraExtensions:       extensions,
	}
	if r.Profile == Sign {
		// A statement is a document. Client authentication would contradict
		// contentCommitment (RFC 5280 §4.2.1.12).
		tmpl.UnknownExtKeyUsage = []asn1.ObjectIdentifier{oidDocumentSigning}
		if len(r.Form.Usages) > 0 {
			if tmpl.UnknownExtKeyUsage, err = identifiers(r.Form.Usages); err != nil {
				return nil, ErrRequest.Because(err)
			}
		}
	}
	if r.Subject.Email != "" {
		tmpl.EmailAddresses = []string{r.Subject.Email}
	}
	c, err := sign(tmpl, l.issuing.X, key, l.key)
	if err != nil {
		return nil, ErrIssuing.Because(err)
	}
	return c, nil
}

// key is what is certified, and its kind.
func (r Request) key() (crypto.PublicKey, trust.Algorithm, error) {
	if r.CSR != nil {
		return r.CSR.Public, r.CSR.Algorithm(), nil
	}
	alg, err := trust.AlgorithmOf(r.Key)
	return r.Key, alg, err
}

// usage is the key usage of the profile. For the elliptic curves of the P-256 line an
// encryption key agrees on a key (RFC 5480 §3, RFC 8813); SM2 encrypts by itself, and
// GM/T 0015 names all three for it.
func (r Request) usage(alg trust.Algorithm) smx509.KeyUsage {
	if r.Profile == Sign {
		return smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment
	}
	switch alg {
	case trust.SM2SM3:
		return smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment | smx509.KeyUsageKeyAgreement
	case trust.RS256:
		return smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment
	}
	return smx509.KeyUsageKeyAgreement
}

func (s Subject) name() pkix.Name {
	n := pkix.Name{Country: []string{"CN"}, CommonName: s.CommonName, SerialNumber: s.SerialNumber}
	if s.Country != "" {
		n.Country[0] = s.Country
	}
	for _, part := range []struct {
		value string
		to    *[]string
	}{{s.Organisation, &n.Organization}, {s.OrganisationalUnit, &n.OrganizationalUnit}, {s.Locality, &n.Locality}, {s.Province, &n.Province}} {
		if part.value != "" {
			*part.to = []string{part.value}
		}
	}
	return n
}

// identity makes the extensions of GM/T 0015: for a person a CHOICE, [0] the ID card
// and [2] the passport, tagged explicitly; for an organisation a bare string.
func (r Request) identity() ([]pkix.Extension, error) {
	var out []pkix.Extension
	add := func(last int, build func(*cryptobyte.Builder)) error {
		var b cryptobyte.Builder
		build(&b)
		der, err := b.Bytes()
		out = append(out, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 156, 10260, 4, 1, last}, Value: der})
		return err
	}
	text := func(s string) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.PrintableString, func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
		}
	}
	if r.Person != "" {
		kind := uint8(0)
		if trust.CheckIDNumber(r.Person) != nil {
			kind = 2
		}
		if err := add(1, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.Tag(kind).Constructed().ContextSpecific(), text(r.Person))
		}); err != nil {
			return nil, err
		}
	}
	for _, last := range []int{3, 4} {
		if r.Organisation == "" || last == 3 && !r.Form.Registration {
			continue
		}
		if err := add(last, text(r.Organisation)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// check names every mistake in the request at once.
func (r Request) check() error {
	refusal := ErrRequest
	bad := func(pointer, zh, en string) { refusal = refusal.At(pointer, zh, en) }
	if r.CSR == nil && r.Key == nil {
		bad("/csr", "缺少证书申请", "there is no certificate request")
	}
	if r.Profile != Sign && r.Profile != Encrypt {
		bad("/profile", "用途须为 sign 或 encrypt", "the profile must be sign or encrypt")
	}
	if _, ok := parseSerial(r.Serial); !ok {
		bad("/serial", "序列号须为 64 至 159 位的正整数（小写十六进制）", "the serial number must be a positive one of 64 to 159 bits, in lower-case hex")
	}
	if r.Subject.CommonName == "" {
		bad("/subject/commonName", "缺少持有人姓名", "the holder's name is missing")
	}
	type part struct{ pointer, value string }
	for _, v := range []part{
		{"/subject/commonName", r.Subject.CommonName}, {"/subject/organisation", r.Subject.Organisation},
		{"/subject/organisationalUnit", r.Subject.OrganisationalUnit}, {"/subject/locality", r.Subject.Locality},
		{"/subject/province", r.Subject.Province},
	} {
		if !nameText(v.value) {
			bad(v.pointer, "最多 64 个字符，不能含控制字符或首尾空格", "at most 64 characters, no control characters, no space at either end")
		}
	}
	if c := r.Subject.Country; c != "" && (len(c) != 2 || strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		bad("/subject/country", "国家须为两位大写字母", "the country must be two capital letters")
	}
	for _, v := range []part{{"/subject/serialNumber", r.Subject.SerialNumber}, {"/person", r.Person}, {"/organisation", r.Organisation}} {
		if len(v.value) > maxName || strings.Trim(v.value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			bad(v.pointer, "只能含字母、数字和连字符，最多 64 个字符", "letters, digits and hyphens only, 64 at most")
		}
	}
	if e := r.Subject.Email; e != "" {
		if at, err := mail.ParseAddress(e); err != nil || at.Address != e || len(e) > 254 || strings.ContainsFunc(e, func(r rune) bool { return r > 126 }) {
			bad("/subject/email", "邮箱地址不正确", "this is no e-mail address")
		}
	}
	if len(refusal.Fields) > 0 {
		return refusal
	}
	return nil
}

// nameText says whether v may stand in a name. What does not print, or turns the text
// around, could make one name look like another.
func nameText(v string) bool {
	return len([]rune(v)) <= maxName && strings.TrimSpace(v) == v && strings.ToValidUTF8(v, "") == v &&
		!strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) })
}
