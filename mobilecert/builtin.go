package mobilecert

import (
	"context"

	"certlink/trust/authority"
)

// BuiltinIssuer has the installation's own authority sign.
type BuiltinIssuer struct{ Authority *authority.Authority }

// Issue makes a signing certificate and, where asked, its encryption twin.
func (b BuiltinIssuer) Issue(ctx context.Context, o Order) (*Signed, error) {
	r := authority.Request{
		CSR: o.CSR, Serial: o.Serial, NotBefore: o.NotBefore, NotAfter: o.NotAfter, Profile: authority.Sign,
		Subject: authority.Subject{CommonName: o.Subject.CommonName, Organisation: o.Subject.Organisation},
		Person:  o.Person, Organisation: o.CreditCode, Form: o.Form,
	}
	c, err := b.Authority.Issue(ctx, r)
	if err != nil {
		return nil, err
	}
	signed := &Signed{Certificate: c.Raw, Chain: b.Authority.Chain(c)[1:]}
	if o.EncryptionKey != nil {
		r.CSR, r.Key, r.Serial, r.Profile = nil, o.EncryptionKey, o.EncryptionSerial, authority.Encrypt
		twin, err := b.Authority.Issue(ctx, r)
		if err != nil {
			return nil, err
		}
		signed.Encryption = twin.Raw
	}
	return signed, nil
}
