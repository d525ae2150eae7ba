package account

import (
	"context"
	"errors"
	"fmt"

	"certlink/store"
)

// DemoPassword is every demo account's. It is public, which is why demo accounts
// are refused outside demo mode.
const DemoPassword = "certlink-demo-2026"

// DemoLogin is a demo account as the sign-in page offers it.
type DemoLogin struct {
	Login        string `json:"login"`
	Name         string `json:"name"`
	Role         Role   `json:"role"`
	Organisation string `json:"organisation"`
	Password     string `json:"password"`
}

// The demo organisations. Region 339900 is given to no place, so the codes and
// ID numbers are nobody's, while their check characters are right.
var demoOrganisations = []OrganisationInput{
	{Name: "杭州联链示范科技有限公司", CreditCode: "91339900MADEM0A15M"},
	{Name: "宁波甬江示范采购中心", CreditCode: "12339900MADEM0B2XU"},
	{Name: "联链示范运营有限公司", CreditCode: "91339900MADEM0C340"},
}

var demoPeople = []struct {
	organisation int
	Person
}{
	{0, Person{Login: "admin", Name: "王敏", Roles: []Role{Admin}, IDNumber: "339900198504120023", Mobile: "13900000001", Email: "wangmin@example.com"}},
	{0, Person{Login: "zhangwei", Name: "张伟", Roles: []Role{Employee}, IDNumber: "339900199001010011", Mobile: "13900000002", Email: "zhangwei@example.com"}},
	{0, Person{Login: "zhangwei2", Name: "张伟", Roles: []Role{Employee}, IDNumber: "339900199308150043", Mobile: "13900000003", Email: "zhangwei2@example.com"}},
	{0, Person{Login: "lina", Name: "李娜", Roles: []Role{Employee}, IDNumber: "339900199506090037", Mobile: "13900000004", Email: "lina@example.com"}},
	{1, Person{Login: "admin2", Name: "陈静", Roles: []Role{Admin}, IDNumber: "339900198203230069", Mobile: "13900000005", Email: "chenjing@example.com"}},
	{1, Person{Login: "zhoutao", Name: "周涛", Roles: []Role{Employee}, IDNumber: "339900198807300056", Mobile: "13900000006", Email: "zhoutao@example.com"}},
	{2, Person{Login: "reviewer", Name: "赵审", Roles: []Role{Reviewer}, IDNumber: "339900197909140079", Mobile: "13900000007", Email: "reviewer@example.com"}},
	{2, Person{Login: "operator", Name: "孙运", Roles: []Role{Operator}, IDNumber: "339900199102260095", Mobile: "13900000008", Email: "operator@example.com"}},
	{2, Person{Login: "integrator", Name: "集成方", Roles: []Role{Integrator}, Mobile: "13900000009", Email: "integrator@example.com"}},
}

// DemoLogins lists the demo accounts, nobody outside demo mode.
func (s *Service) DemoLogins() []DemoLogin {
	if !s.demo {
		return nil
	}
	out := make([]DemoLogin, len(demoPeople))
	for i, p := range demoPeople {
		out[i] = DemoLogin{Login: p.Login, Name: p.Name, Role: p.Roles[0], Organisation: demoOrganisations[p.organisation].Name, Password: DemoPassword}
	}
	return out
}

// EnsureDemo makes the demo people that are missing. Several servers may do it
// at once, and it changes nothing that is there.
func (s *Service) EnsureDemo(ctx context.Context) error {
	if !s.demo {
		return errors.New("account: demo people exist in demo mode only")
	}
	by := System("demo")
	orgs := make([]*Organisation, len(demoOrganisations))
	for i, in := range demoOrganisations {
		o, err := s.OrganisationByCode(ctx, in.CreditCode)
		if errors.Is(err, ErrOrganisationUnknown) {
			if o, err = s.makeOrganisation(ctx, by, in, "", true); errors.Is(err, ErrOrganisationExists) {
				o, err = s.OrganisationByCode(ctx, in.CreditCode)
			}
		}
		if err != nil {
			return err
		}
		orgs[i] = o
	}
	for _, d := range demoPeople {
		a, _, err := s.accounts.First(ctx, store.Equal("login", d.Login))
		switch {
		case err == nil && !a.Demo:
			return fmt.Errorf("account: the login %s belongs to a real account; start demo mode in a data directory of its own", d.Login)
		case err == nil:
			continue
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		p := d.Person
		p.Password = DemoPassword
		if _, err := s.make(ctx, by, orgs[d.organisation].ID, p, true); err != nil && !errors.Is(err, ErrExists) {
			return err
		}
	}
	return nil
}
