package account

import (
	"context"
	"errors"
	"slices"

	"certlink/internal/fault"
	"certlink/store"
)

// UpsertAccount makes the account or corrects it. Repeating it changes nothing.
// It never unlocks, reopens or moves an account and never sets a password.
func (s *Service) UpsertAccount(ctx context.Context, by *Principal, p Person) (*Account, Outcome, error) {
	p, err := p.clean()
	if err != nil {
		return nil, "", err
	}
	p.Password = ""
	a, outcome, err := s.upsert(ctx, by, p)
	if err != nil {
		return nil, "", err
	}
	out, err := s.opened(a)
	return out, outcome, err
}

// upsert takes a clean Person. All that can refuse it is asked before the first
// write, so a refused row leaves nothing behind.
func (s *Service) upsert(ctx context.Context, by *Principal, p Person) (*stored, Outcome, error) {
	if err := by.Require(Operator, Integrator, Admin); err != nil {
		return nil, "", err
	}
	for range 8 {
		old, err := s.find(ctx, by, p)
		if errors.Is(err, ErrExists) {
			// Another caller may have made this very account between find's two
			// looks, by external id and by login. It is whole by now, so a second
			// refusal is a real one.
			old, err = s.find(ctx, by, p)
		}
		if err != nil {
			return nil, "", err
		}
		if old != nil {
			return s.correct(ctx, by, old.ID, p)
		}
		// Before the organisation may be made: would the account be refused? That
		// the login is free, find has seen.
		roles := p.Roles
		if len(roles) == 0 {
			roles = []Role{Employee}
		}
		if p.Name == "" {
			return nil, "", ErrName.At("/name", "请填写姓名", "the name is missing")
		}
		if !ordinary(roles) && !by.Has(Operator) {
			return nil, "", ErrRole
		}
		if err := s.mayLink(by, p.Issuer); err != nil {
			return nil, "", err
		}
		o, err := s.organisationOf(ctx, by, p)
		if err != nil {
			return nil, "", err
		}
		a, err := s.make(ctx, by, o.ID, p, false)
		if errors.Is(err, ErrExists) {
			continue // another caller made it since; correct what it made
		}
		return a, Created, err
	}
	return nil, "", ErrExists
}

// find is the account that the Person names, or nil. An external id decides;
// an account with that login and no external id of its own is adopted.
func (s *Service) find(ctx context.Context, by *Principal, p Person) (*stored, error) {
	orgID := p.OrganisationID
	if p.OrganisationCode != "" {
		o, err := s.OrganisationByCode(ctx, p.OrganisationCode)
		if err != nil && !errors.Is(err, ErrOrganisationUnknown) {
			return nil, err
		}
		if o != nil {
			orgID = o.ID
		}
	} else if orgID == "" && by.Organisation != nil && by.Has(Admin) {
		orgID = by.Organisation.ID
	}
	if p.ExternalID != "" && (p.Issuer != "" || orgID != "") {
		a, _, err := s.accounts.First(ctx, store.Equal("external", externalKey(p.Issuer, orgID, p.ExternalID)))
		if err == nil {
			return a, s.sameOrganisation(a, orgID)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	if p.Login == "" {
		return nil, nil
	}
	a, _, err := s.accounts.First(ctx, store.Equal("login", p.Login))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if a.OrganisationID != orgID && (orgID != "" || p.OrganisationCode != "") || p.ExternalID != "" && a.ExternalID != "" {
		return nil, ErrExists.At("/login", "此登录名已被另一个账号使用", "this login belongs to another account")
	}
	return a, nil
}

func (s *Service) sameOrganisation(a *stored, orgID string) error {
	if orgID != "" && a.OrganisationID != orgID {
		return ErrOrganisationChanged
	}
	return nil
}

func (s *Service) correct(ctx context.Context, by *Principal, accountID string, p Person) (*stored, Outcome, error) {
	outcome := Unchanged
	a, err := s.accounts.Update(ctx, accountID, func(a *stored) error {
		outcome = Unchanged
		if err := by.mayManage(&a.Account); err != nil {
			return err
		}
		if a.State == Closed {
			return ErrClosed
		}
		changed, err := s.apply(a, by, p)
		if err != nil {
			return err
		}
		if !changed {
			return store.ErrUnchanged
		}
		outcome = Updated
		return nil
	})
	switch {
	case store.IsDuplicate(err, "login"):
		err = ErrExists.At("/login", "此登录名已被使用", "this login is taken")
	case store.IsDuplicate(err, "external"):
		err = ErrExists.At("/external_id", "此外部编号已被使用", "this external id is taken")
	}
	return a, outcome, err
}

// apply writes the Person's fields that differ. Which person an account is
// matters to the certificates bound to it, so that has an act of its own.
func (s *Service) apply(a *stored, by *Principal, p Person) (bool, error) {
	if len(p.Roles) > 0 && !slices.Equal(p.Roles, a.Roles) {
		if err := by.mayMake(a.OrganisationID, p.Roles); err != nil {
			return false, err
		}
	}
	now, changed := s.now(), false
	set := func(field *string, v string) bool {
		if v == "" || *field == v {
			return false
		}
		*field = v
		return true
	}
	was, err := s.openIDNumber(a)
	if err != nil {
		return false, err
	}
	name := set(&a.Name, p.Name)
	number := set(&was, p.IDNumber)
	if number {
		s.sealIDNumber(a, p.IDNumber)
	}
	if name || number {
		a.happened(now, by, "account.identity_changed", "", nil)
		changed = true
	}
	details := set(&a.Login, p.Login)
	details = set(&a.Email, p.Email) || details
	details = set(&a.Mobile, p.Mobile) || details
	if p.ExternalID != "" && a.ExternalID == "" {
		if err := s.mayLink(by, p.Issuer); err != nil {
			return false, err
		}
		a.ExternalID, a.Issuer, details = p.ExternalID, p.Issuer, true
	}
	if details {
		a.happened(now, by, "account.updated", "", nil)
		changed = true
	}
	if len(p.Roles) > 0 && !slices.Equal(p.Roles, a.Roles) {
		data := map[string]string{"roles": joinRoles(p.Roles), "roles_before": joinRoles(a.Roles)}
		a.Roles = p.Roles
		a.happened(now, by, "account.roles_changed", data["roles_before"]+" → "+data["roles"], data)
		changed = true
	}
	return changed, nil
}

// Row is the result of one row of many.
type Row struct {
	Outcome   Outcome      `json:"outcome"`
	AccountID string       `json:"account_id,omitempty"`
	Fault     *fault.Error `json:"-"`
	// Doubtful: the credit code fails GB 32100's check character; look at it.
	Doubtful bool `json:"credit_code_doubtful,omitempty"`
}

// BulkUpsert handles each row by itself: a bad one spoils no other. An error of
// the call as a whole (no right, too many rows) leaves nothing written.
func (s *Service) BulkUpsert(ctx context.Context, by *Principal, people []Person) ([]Row, error) {
	if err := by.Require(Operator, Integrator, Admin); err != nil {
		return nil, err
	}
	if len(people) > s.limits.BulkRows {
		return nil, ErrImportLarge.With("rows_most", s.limits.BulkRows)
	}
	rows := make([]Row, len(people))
	for i, p := range people {
		row, err := s.row(ctx, by, p)
		if err != nil {
			return rows[:i], err
		}
		rows[i] = row
	}
	return rows, nil
}

// row upserts one of many. The error is one that would meet every further row,
// such as a store that cannot be reached.
func (s *Service) row(ctx context.Context, by *Principal, p Person) (Row, error) {
	a, outcome, err := s.UpsertAccount(ctx, by, p)
	if f := fault.Of(err); f != nil && f.Kind != fault.Internal && f.Kind != fault.Unavailable {
		return Row{Outcome: Failed, Fault: f}, nil
	}
	if err != nil {
		return Row{}, err
	}
	row := Row{Outcome: outcome, AccountID: a.ID}
	if p.OrganisationCode != "" {
		code, _ := cleanCreditCode(p.OrganisationCode)
		row.Doubtful = (&Organisation{CreditCode: code}).CreditCodeDoubtful()
	}
	return row, nil
}
