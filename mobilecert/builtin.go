package mobilecert

import (
	"context"

	"certlink/trust/authority"
)

// BuiltinIssuer has the installation's own authority sign.
type BuiltinIssuer struct{ Authority *authority.Authority }

// Issue makes a signing certificate.
func (b BuiltinIssuer) Issue(ctx context.Context, o Order) (*Signed, error) {
	c, err := b.Authority.Issue(ctx, authority.Request{
		CSR: o.CSR, Serial: o.Serial, NotBefore: o.NotBefore, NotAfter: o.NotAfter, Profile: authority.Sign,
		Subject: authority.Subject{CommonName: o.Subject.CommonName, Organisation: o.Subject.Organisation},
		Person:  o.Person, Organisation: o.CreditCode,
	})
	if err != nil {
		return nil, err
	}
	return &Signed{Certificate: c.Raw, Chain: b.Authority.Chain(c)[1:]}, nil
}
