package program

import (
	"context"
	"fmt"
	"os"

	"certlink/account"
	"certlink/mobilecert"
)

// People shows accounts to mobilecert as far as it needs them.
type People struct{ Accounts *account.Service }

func (p People) Person(ctx context.Context, id string) (*mobilecert.Person, error) {
	a, err := p.Accounts.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	o, err := p.Accounts.GetOrganisation(ctx, a.OrganisationID)
	if err != nil {
		return nil, err
	}
	return &mobilecert.Person{ID: a.ID, Login: a.Login, Name: a.Name, IDNumber: a.IDNumber, OrganisationID: o.ID,
		Organisation: o.Name, CreditCode: o.CreditCode, Admin: a.Has(account.Admin)}, nil
}

// loadIssuers reads the external issuers from a JSON file, none for "".
func loadIssuers(path string) ([]account.IssuerConfig, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("CERTLINK_ISSUERS: %w", err)
	}
	list, err := account.ParseIssuers(raw)
	if err != nil {
		return nil, fmt.Errorf("CERTLINK_ISSUERS: %s: %w", path, err)
	}
	return list, nil
}
