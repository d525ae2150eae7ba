package mobilecert

import (
	"context"

	"certlink/confirm"
)

// Person is an account as far as certificates and bindings need to know it.
type Person struct {
	ID             string
	Login          string
	Name           string
	IDNumber       string // of the person; "" where it is not on record
	OrganisationID string
	Organisation   string
	CreditCode     string // of the organisation; "" where it is not on record
	Admin          bool   // of its organisation
}

// People finds accounts. Its refusals (no such account) are passed on.
type People interface {
	Person(ctx context.Context, account string) (*Person, error)
}

// Who does something without a signature: the person signed in.
type Who struct {
	Account      string
	Name         string
	Organisation string
	Admin        bool
	// Staff are reviewers and operators: they see and revoke certificates of all
	// organisations, and act for no account.
	Staff bool
	// Operator: those of the staff who run the installation take any phone out of use.
	Operator bool
}

// mayRevoke says why who may not revoke a certificate.
func (w Who) mayRevoke(c *Certificate) error {
	if w.Staff {
		return nil
	}
	return w.may(c.Account.ID, c.Account.OrganisationID)
}

// may says why who may not act for an account of that organisation.
func (w Who) may(account, organisation string) error {
	switch {
	case w.Account == account && account != "":
		return nil
	case w.Organisation != organisation || organisation == "":
		return ErrNotYourOrganisation
	case !w.Admin:
		return ErrNotYourAccount
	}
	return nil
}

func whoAsks(r confirm.Request) Who {
	return Who{Account: r.Actor.ID, Name: r.Actor.Name, Organisation: r.Actor.OrganisationID, Admin: r.Admin}
}
