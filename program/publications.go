package program

import (
	"context"

	"certlink/api"
	"certlink/mobilecert"
	"certlink/trust/authority"
)

// publications are what the built-in authority lets everybody fetch: its
// certificates, and from the records of what it has issued, revocation lists and
// answers by OCSP.
func (p *Program) publications(c *mobilecert.Certificates) *api.Publications {
	a := p.Authority
	if a == nil {
		return nil
	}
	known := records{c, a}
	lists := &listPublisher{known, p.Store, p.Clock}
	out := &api.Publications{OCSP: func(ctx context.Context, der []byte) []byte { return a.Respond(ctx, der, known.state) }}
	for _, line := range authority.Lines {
		issuer := a.Issuer(line).Raw
		out.Files = append(out.Files, api.Publication{
			Path: "/ca" + authority.IssuerPath(line), Type: "application/pkix-cert",
			Get: func(context.Context) ([]byte, error) { return issuer, nil },
		}, api.Publication{
			Path: "/ca" + authority.CRLPath(line), Type: "application/pkix-crl",
			Get: func(ctx context.Context) ([]byte, error) { return lists.get(ctx, line) },
		})
	}
	return out
}
