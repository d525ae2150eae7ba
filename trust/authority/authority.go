// Package authority is the built-in certificate authority: a private one, for
// installations that issue mobile certificates themselves and for demonstrations. It
// has two lines, one of P-256 keys and one of SM2 keys, each a root and an issuing
// authority under it.
//
// It signs what it is told to sign; who may have a certificate, and that the intent
// was recorded first, is its caller's business. What it signs is a function of the
// request alone (signatures are deterministic, RFC 6979), so a repeat after a crash
// makes the same bytes again and never a second certificate.
package authority

import (
	"crypto"
	"fmt"
	"strings"
	"sync"
	"time"

	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/trust"
)

// Line names one of the two hierarchies; it also stands in file names and addresses.
type Line string

const (
	P256 Line = "p256"
	SM2  Line = "sm2"
)

// Lines lists them.
var Lines = []Line{P256, SM2}

// LineFor says which line certifies keys of an algorithm: SM2 keys the SM2 line,
// P-256 and RSA keys the P-256 line.
func LineFor(alg trust.Algorithm) Line {
	if alg == trust.SM2SM3 {
		return SM2
	}
	return P256
}

// Refusals of the authority.
var (
	ErrRequest = fault.New(fault.Unprocessable, "issue_request_invalid",
		"无法按此内容签发证书，请按提示修正。",
		"No certificate can be issued with this content; correct it as shown.")
	ErrTerm = fault.New(fault.Unprocessable, "issue_term_refused",
		"证书有效期不可行：超出了颁发机构自身的有效期，或起止时间颠倒。请缩短期限，或联系运营人员更新颁发机构证书。",
		"The term is not possible: it goes beyond the authority's own, or ends before it begins. Choose a shorter one, or ask the operator to renew the authority.")
	ErrIssuing = fault.New(fault.Unavailable, "authority_unavailable",
		"内置颁发机构暂时无法签名。请稍后重试；若持续出现，请联系运营人员。",
		"The built-in authority cannot sign just now. Try again later; if it goes on, tell the operator.").After(5 * time.Second)
)

// Options say how a loaded authority behaves.
type Options struct {
	// BaseURL is where its revocation lists, certificates and OCSP are served; it stands
	// in every certificate that is issued. See CRLPath and the like.
	BaseURL string
	// Demo must be set to load a demonstration authority, and only then.
	Demo  bool
	Clock clock.Clock
}

// Paths under Options.BaseURL.
const OCSPPath = "/ocsp"

// CRLPath is where a line's revocation list (DER) is served.
func CRLPath(l Line) string { return "/" + string(l) + ".crl" }

// IssuerPath is where a line's issuing certificate (DER) is served.
func IssuerPath(l Line) string { return "/" + string(l) + ".cer" }

// Authority is a loaded authority. It is safe for concurrent use.
type Authority struct {
	options Options
	lines   map[Line]*line
}

// line is one hierarchy with the private keys that are needed every day; the root's is
// not among them.
type line struct {
	name    Line
	root    *trust.Certificate
	issuing *trust.Certificate
	key     crypto.Signer

	mu        sync.Mutex // guards responder
	responder *responder
}

// Anchors are the certificates a provider record needs to accept what this authority
// issues: roots and issuing authorities, in PEM.
func (a *Authority) Anchors() []byte {
	var out []byte
	for _, name := range Lines {
		l := a.lines[name]
		out = append(out, certificatePEM(l.root)...)
		out = append(out, certificatePEM(l.issuing)...)
	}
	return out
}

// Issuer is the certificate that signs for a line.
func (a *Authority) Issuer(l Line) *trust.Certificate { return a.lines[l].issuing }

// Root is the self-signed certificate of a line.
func (a *Authority) Root(l Line) *trust.Certificate { return a.lines[l].root }

// Issued says which line issued c, if this authority did.
func (a *Authority) Issued(c *trust.Certificate) (Line, bool) {
	for _, name := range Lines {
		if c.IssuedBy(a.lines[name].issuing) == nil {
			return name, true
		}
	}
	return "", false
}

// Chain is what goes into x5c and to the phone: the certificate and its issuer.
func (a *Authority) Chain(c *trust.Certificate) [][]byte {
	for _, name := range Lines {
		if l := a.lines[name]; string(c.X.RawIssuer) == string(l.issuing.X.RawSubject) {
			return [][]byte{c.Raw, l.issuing.Raw}
		}
	}
	return [][]byte{c.Raw}
}

// Demo says whether this is a demonstration authority.
func (a *Authority) Demo() bool { return IsDemo(a.lines[P256].root) }

// demoOrganisation stands in every name of a demonstration authority, and so in the
// issuer of every certificate it ever issues.
const demoOrganisation = "DEMO 演示机构（不具法律效力）"

// IsDemo says whether a certificate belongs to a demonstration authority or was issued
// by one: such a certificate proves nothing about anybody.
func IsDemo(c *trust.Certificate) bool {
	for _, o := range c.X.Issuer.Organization {
		if o == demoOrganisation {
			return true
		}
	}
	return false
}

func (a *Authority) url(path string) string {
	return strings.TrimSuffix(a.options.BaseURL, "/") + path
}

func (a *Authority) now() time.Time { return a.options.Clock() }

func (a *Authority) line(name Line) (*line, error) {
	l, ok := a.lines[name]
	if !ok {
		return nil, fmt.Errorf("the authority has no line %q", name)
	}
	return l, nil
}
