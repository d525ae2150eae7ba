package account

import (
	"slices"
	"time"
)

// Principal is who makes a request, and how that is known.
type Principal struct {
	Account      *Account
	Organisation *Organisation
	// Via is "session", "token", "jwt" or, for the command line, "system".
	Via string
	// SessionID names the web session; it is no secret and opens nothing.
	SessionID string
	// ExpiresAt is when a session ends if nothing more is done, or the token's end.
	ExpiresAt time.Time
}

// System is the principal of the command line and of the server itself. It may
// do all that an operator may.
func System(name string) *Principal {
	return &Principal{
		Account: &Account{ID: "system:" + name, Name: name, Roles: []Role{Operator}, State: Active},
		Via:     "system",
	}
}

// ID is how the audit log names the principal.
func (p *Principal) ID() string {
	if p == nil || p.Account == nil {
		return ""
	}
	return p.Account.ID
}

// Has says whether the principal has the role.
func (p *Principal) Has(r Role) bool { return p != nil && p.Account != nil && p.Account.Has(r) }

// Require refuses whoever has none of the roles.
func (p *Principal) Require(roles ...Role) error {
	if p == nil || p.Account == nil {
		return ErrSignInRequired
	}
	if slices.ContainsFunc(roles, p.Has) {
		return nil
	}
	return ErrRole
}

// ordinary are the roles that integrators and admins may give, and whose holders
// they may manage: nobody climbs above an organisation through them.
func ordinary(roles []Role) bool {
	return !slices.ContainsFunc(roles, func(r Role) bool { return r != Admin && r != Employee })
}

// MaySee says whether the principal may know that the account exists.
func (p *Principal) MaySee(a *Account) bool {
	switch {
	case p == nil || p.Account == nil:
		return false
	case p.Has(Operator), p.Has(Reviewer), p.Has(Integrator), p.Account.ID == a.ID:
		return true
	}
	return p.Has(Admin) && p.Account.OrganisationID == a.OrganisationID
}

// mayManage says why the principal may not change the account. To whom it may
// not be known, it does not exist.
func (p *Principal) mayManage(a *Account) error {
	switch {
	case p == nil || p.Account == nil:
		return ErrSignInRequired
	case p.Has(Operator):
		return nil
	case !p.MaySee(a):
		return ErrUnknown
	case (p.Has(Integrator) || p.Has(Admin) && p.Account.OrganisationID == a.OrganisationID) && ordinary(a.Roles):
		return nil
	}
	return ErrRole
}

// mayMake says why the principal may not make or keep an account with these
// roles in this organisation.
func (p *Principal) mayMake(organisation string, roles []Role) error {
	switch {
	case p == nil || p.Account == nil:
		return ErrSignInRequired
	case p.Has(Operator):
		return nil
	case p.Has(Integrator) && ordinary(roles):
		return nil
	case p.Has(Admin) && p.Account.OrganisationID == organisation && ordinary(roles):
		return nil
	}
	return ErrRole
}
