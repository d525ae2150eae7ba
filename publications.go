package main

import (
	"context"

	"certlink/api"
	"certlink/trust/authority"
)

// publications are what the built-in authority lets everybody fetch. Revocation
// lists and OCSP are made from the records of certificates.
func publications(a *authority.Authority) *api.Publications {
	if a == nil {
		return nil
	}
	out := &api.Publications{}
	for _, line := range authority.Lines {
		issuer := a.Issuer(line).Raw
		out.Files = append(out.Files, api.Publication{
			Path: "/ca" + authority.IssuerPath(line), Type: "application/pkix-cert",
			Get: func(context.Context) ([]byte, error) { return issuer, nil },
		})
	}
	return out
}
