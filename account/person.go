package account

import (
	"context"
	"errors"
	"slices"

	"certlink/internal/fault"
	"certlink/internal/id"
	"certlink/store"
)

// Outcome says what an upsert did.
type Outcome string

// What an upsert can do.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
	Failed    Outcome = "failed" // in reports of many rows
)

// Person is what makes or corrects an account. An account is found by its
// external id where one is given, else by its login. In a correction an empty
// field, and no roles, mean "leave it as it is".
type Person struct {
	// The organisation by id, or by credit code; with a name as well it is made if missing.
	OrganisationID   string `json:"organisation_id,omitempty"`
	OrganisationCode string `json:"organisation_code,omitempty"`
	OrganisationName string `json:"organisation_name,omitempty"`

	Login      string `json:"login,omitempty"`
	Issuer     string `json:"issuer,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
	Name       string `json:"name,omitempty"`
	Roles      []Role `json:"roles,omitempty"`
	IDNumber   string `json:"id_number,omitempty"`
	Email      string `json:"email,omitempty"`
	Mobile     string `json:"mobile,omitempty"`
	// Password is only for CreateAccount; bulk and import never set one.
	Password string `json:"password,omitempty"`
}

// clean checks all fields and names every wrong one.
func (p Person) clean() (Person, error) {
	var all *fault.Error
	check := func(v *string, pointer string, f func(string) (string, error)) {
		if *v == "" {
			return
		}
		clean, err := f(*v)
		if err != nil {
			e := fault.Of(err)
			if all == nil {
				all = e
			}
			if len(e.Fields) == 0 {
				all = all.At(pointer, e.ZH, e.EN)
			} else if all != e {
				all = all.At(pointer, e.Fields[0].ZH, e.Fields[0].EN)
			}
			return
		}
		*v = clean
	}
	check(&p.Name, "/name", func(s string) (string, error) { return CleanName(s, maxPersonName) })
	check(&p.OrganisationCode, "/organisation_code", cleanCreditCode)
	check(&p.OrganisationName, "/organisation_name", func(s string) (string, error) { return CleanName(s, maxOrgName) })
	check(&p.Login, "/login", cleanLogin)
	check(&p.ExternalID, "/external_id", cleanExternalID)
	check(&p.IDNumber, "/id_number", cleanIDNumber)
	check(&p.Email, "/email", cleanEmail)
	check(&p.Mobile, "/mobile", cleanMobile)
	for _, r := range p.Roles {
		if !slices.Contains(Roles, r) {
			if all == nil {
				all = ErrRoleUnknown
			}
			all = all.At("/roles", ErrRoleUnknown.ZH, ErrRoleUnknown.EN)
			break
		}
	}
	p.Roles = slices.Clone(p.Roles)
	slices.Sort(p.Roles)
	p.Roles = slices.Compact(p.Roles)
	if p.Login == "" && p.ExternalID == "" {
		if all == nil {
			all = ErrInput
		}
		all = all.At("/login", "登录名和外部编号至少填一项", "a login or an external id is needed")
	}
	if all != nil {
		return p, all
	}
	return p, nil
}

// CreateAccount makes an account whose login and external id are new.
func (s *Service) CreateAccount(ctx context.Context, by *Principal, p Person) (*Account, error) {
	p, err := p.clean()
	if err != nil {
		return nil, err
	}
	o, err := s.organisationOf(ctx, by, p)
	if err != nil {
		return nil, err
	}
	a, err := s.make(ctx, by, o.ID, p, false)
	if err != nil {
		return nil, err
	}
	return s.opened(a)
}

// make writes a new account from a clean Person.
func (s *Service) make(ctx context.Context, by *Principal, orgID string, p Person, demo bool) (*stored, error) {
	if len(p.Roles) == 0 {
		p.Roles = []Role{Employee}
	}
	if err := by.mayMake(orgID, p.Roles); err != nil {
		return nil, err
	}
	if err := s.mayLink(by, p.Issuer); err != nil {
		return nil, err
	}
	if p.Name == "" {
		return nil, ErrName.At("/name", "请填写姓名", "the name is missing")
	}
	a := &stored{Account: Account{ID: id.New(), OrganisationID: orgID, Login: p.Login, Issuer: p.Issuer, ExternalID: p.ExternalID,
		Name: p.Name, Roles: p.Roles, Email: p.Email, Mobile: p.Mobile, State: Active, Demo: demo, CreatedAt: s.now()}}
	if a.Login == "" {
		// The slash keeps it apart from every login that cleanLogin lets through.
		a.Login = or(p.Issuer, orgID) + "/" + p.ExternalID
	}
	s.sealIDNumber(a, p.IDNumber)
	if p.Password != "" {
		if err := checkPassword(p.Password, p.Login); err != nil {
			return nil, err
		}
		var err error
		if a.Password, err = s.passwords.hash(ctx, p.Password); err != nil {
			return nil, err
		}
	}
	a.happened(s.now(), by, "account.created", "", map[string]string{"roles": joinRoles(a.Roles)})
	err := s.accounts.Create(ctx, a)
	if store.IsDuplicate(err, "login") {
		return nil, ErrExists.At("/login", "此登录名已被使用", "this login is taken")
	}
	if store.IsDuplicate(err, "external") {
		return nil, ErrExists.At("/external_id", "此外部编号已被使用", "this external id is taken")
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// organisationOf finds the organisation a Person names: an admin's own if none
// is named, a new one if code and name are given and by may make one.
func (s *Service) organisationOf(ctx context.Context, by *Principal, p Person) (*Organisation, error) {
	switch {
	case p.OrganisationID != "":
		return s.GetOrganisation(ctx, p.OrganisationID)
	case p.OrganisationCode != "":
		o, err := s.OrganisationByCode(ctx, p.OrganisationCode)
		if errors.Is(err, ErrOrganisationUnknown) && p.OrganisationName != "" && by.Require(Operator, Integrator) == nil {
			o, _, err = s.upsertOrganisation(ctx, by, OrganisationInput{Name: p.OrganisationName, CreditCode: p.OrganisationCode}, "")
		}
		return o, err
	case by != nil && by.Organisation != nil && by.Has(Admin):
		return by.Organisation, nil
	}
	return nil, ErrOrganisationUnknown.At("/organisation_code", "请填写统一社会信用代码", "the organisation's credit code is missing")
}

// mayLink refuses accounts of an issuer that is not configured: nobody could
// ever sign in to them, and a later issuer of that name would inherit them. An
// admin may not name an issuer's subject, or could take a stranger's away.
func (s *Service) mayLink(by *Principal, name string) error {
	if name == "" {
		return nil
	}
	if err := by.Require(Operator, Integrator); err != nil {
		return err
	}
	for _, i := range s.issuers {
		if i.config.Name == name {
			return nil
		}
	}
	return ErrInput.At("/issuer", "没有配置此身份服务", "no identity service of this name is configured")
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func joinRoles(roles []Role) string {
	out := ""
	for i, r := range roles {
		if i > 0 {
			out += " "
		}
		out += string(r)
	}
	return out
}
