package account

import (
	"strings"
	"sync"
	"testing"

	"certlink/store"
)

func (w *world) secondOrg() *Organisation {
	w.t.Helper()
	o, err := w.CreateOrganisation(w.ctx(), w.root, OrganisationInput{Name: "乙中心", CreditCode: "12339900MADEM0B2XU"})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func TestOrganisations(t *testing.T) {
	w := newWorld(t)
	_, err := w.CreateOrganisation(t.Context(), w.root, OrganisationInput{Name: "别名", CreditCode: "91339900madem0a15m"})
	want(t, err, ErrOrganisationExists)
	_, err = w.CreateOrganisation(t.Context(), w.root, OrganisationInput{Name: "", CreditCode: "12339900MADEM0B2XU"})
	want(t, err, ErrName)
	_, err = w.CreateOrganisation(t.Context(), w.root, OrganisationInput{Name: "x", CreditCode: "123"})
	want(t, err, ErrCreditCode)
	_, err = w.CreateOrganisation(t.Context(), w.as(w.person("boss", Admin)), OrganisationInput{Name: "x", CreditCode: "12339900MADEM0B2XU"})
	want(t, err, ErrRole)

	o, out, err := w.UpsertOrganisation(t.Context(), w.root, OrganisationInput{Name: "甲公司", CreditCode: w.org.CreditCode})
	if err != nil || out != Unchanged || o.ID != w.org.ID {
		t.Errorf("%v %v %v", o, out, err)
	}
	o, out, err = w.UpsertOrganisation(t.Context(), w.root, OrganisationInput{Name: "甲股份公司", CreditCode: w.org.CreditCode})
	if err != nil || out != Updated || o.Name != "甲股份公司" {
		t.Errorf("%v %v %v", o, out, err)
	}
	wantOwed(t, w.owed(organisations, w.org.ID), "organisation.renamed")

	// Twenty at once make one.
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]int{}
	for range 20 {
		wg.Go(func() {
			o, _, err := w.UpsertOrganisation(t.Context(), w.root, OrganisationInput{Name: "乙中心", CreditCode: "12339900MADEM0B2XU"})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			ids[o.ID]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("made %d organisations", len(ids))
	}
	_, err = w.GetOrganisation(t.Context(), "nobody")
	want(t, err, ErrOrganisationUnknown)
}

func TestEveryWrongFieldIsNamed(t *testing.T) {
	w := newWorld(t)
	_, err := w.CreateAccount(t.Context(), w.root, Person{OrganisationID: w.org.ID, Login: "=x", Name: "\u202ex", IDNumber: "123", Mobile: "abc", Email: "x", Roles: []Role{"king"}})
	f := faultOf(err)
	var at []string
	for _, field := range f.Fields {
		at = append(at, field.Pointer)
		if field.ZH == "" || field.EN == "" {
			t.Errorf("%s has no sentence", field.Pointer)
		}
	}
	if got := strings.Join(at, " "); got != "/name /login /id_number /email /mobile /roles" {
		t.Errorf("named: %s", got)
	}
	_, err = w.CreateAccount(t.Context(), w.root, Person{OrganisationID: w.org.ID, Name: "x"})
	want(t, err, ErrInput)
	_, err = w.CreateAccount(t.Context(), w.root, Person{OrganisationID: w.org.ID, Login: "xy"})
	want(t, err, ErrName)
	_, err = w.CreateAccount(t.Context(), w.root, Person{OrganisationID: w.org.ID, Login: "xy", Name: "x", Password: "weak"})
	want(t, err, ErrPasswordWeak)
	_, err = w.CreateAccount(t.Context(), w.root, Person{OrganisationID: "nobody", Login: "xy", Name: "x"})
	want(t, err, ErrOrganisationUnknown)
	_, err = w.CreateAccount(t.Context(), w.root, Person{Login: "xy", Name: "x"})
	want(t, err, ErrOrganisationUnknown)
	_, err = w.CreateAccount(t.Context(), w.root, Person{OrganisationID: w.org.ID, ExternalID: "7", Issuer: "nowhere", Name: "x"})
	want(t, err, ErrInput)
}

func TestTheIDNumberIsSealed(t *testing.T) {
	w := newWorld(t)
	const number = "339900199001010011"
	a, err := w.CreateAccount(t.Context(), w.root, Person{OrganisationID: w.org.ID, Login: "zhangwei", Name: "张伟", IDNumber: number})
	want(t, err, nil)
	if strings.Contains(w.body(accounts, a.ID), number) {
		t.Error("the ID number lies open in the store")
	}
	got, err := w.Get(t.Context(), a.ID)
	if err != nil || got.IDNumber != number {
		t.Errorf("%q, %v", got.IDNumber, err)
	}
	// Moved to another account's document it does not open.
	b := w.person("lina")
	rec, rev, err := w.accounts.Get(t.Context(), b.ID)
	want(t, err, nil)
	mine, _, err := w.accounts.Get(t.Context(), a.ID)
	want(t, err, nil)
	rec.SealedIDNumber = mine.SealedIDNumber
	want(t, w.accounts.Replace(t.Context(), rec, rev), nil)
	if got, err := w.Get(t.Context(), b.ID); err == nil {
		t.Errorf("opened for another account: %q", got.IDNumber)
	}
	// What is asked at every confirmation needs no key.
	want(t, w.Standing(t.Context(), b.ID), nil)
}

func TestLoginsAreUnique(t *testing.T) {
	w := newWorld(t)
	w.person("zhangwei")
	_, err := w.CreateAccount(t.Context(), w.root, Person{OrganisationID: w.secondOrg().ID, Login: "ZHANGWEI", Name: "x"})
	want(t, err, ErrExists)
}

// Who may do what to whom. Rows are the actors, columns the targets.
func TestRights(t *testing.T) {
	w := newWorld(t)
	other := w.secondOrg()
	targets := []*Account{w.person("t-employee", Employee), w.person("t-admin", Admin), w.personOf(other, "t-foreign", Employee),
		w.person("t-reviewer", Reviewer), w.person("t-integrator", Integrator), w.person("t-operator", Operator), w.person("t-both", Employee, Operator)}
	for _, row := range []struct {
		actor *Principal
		lock  string // o allowed, r role_missing, u account_unknown, s sign_in_required
	}{
		{nil, "sssssss"},
		{w.as(w.person("a-employee", Employee)), "uuuuuuu"},
		{w.as(w.person("a-admin", Admin)), "oourrrr"},
		{w.as(w.person("a-reviewer", Reviewer)), "rrrrrrr"},
		{w.as(w.person("a-integrator", Integrator)), "ooorrrr"},
		{w.as(w.person("a-operator", Operator)), "ooooooo"},
		{System("cli"), "ooooooo"},
	} {
		name := row.actor.ID()
		if row.actor != nil {
			name = row.actor.Account.Login + name
		}
		for i, target := range targets {
			_, err := w.Lock(t.Context(), row.actor, target.ID, "x")
			got := "?"
			switch {
			case err == nil:
				got = "o"
				if _, err := w.Unlock(t.Context(), w.root, target.ID, ""); err != nil {
					t.Fatal(err)
				}
			case faultOf(err).Code == "role_missing":
				got = "r"
			case faultOf(err).Code == "account_unknown":
				got = "u"
			case faultOf(err).Code == "sign_in_required":
				got = "s"
			}
			if expect := row.lock[i : i+1]; got != expect {
				t.Errorf("%s locks %s: %s (%v), want %s", name, target.Login, got, err, expect)
			}
		}
	}
}

func TestNobodyClimbs(t *testing.T) {
	w := newWorld(t)
	employee := w.person("zhangwei", Employee)
	admin, integrator := w.as(w.person("boss", Admin)), w.as(w.person("portal", Integrator))
	for _, by := range []*Principal{admin, integrator} {
		for _, r := range []Role{Operator, Reviewer, Integrator} {
			_, err := w.SetRoles(t.Context(), by, employee.ID, []Role{Employee, r})
			want(t, err, ErrRole)
			_, err = w.SetRoles(t.Context(), by, by.Account.ID, []Role{r})
			if err == nil && !by.Has(r) {
				t.Errorf("%s gave itself %s", by.Account.Login, r)
			}
			_, _, err = w.UpsertAccount(t.Context(), by, Person{OrganisationID: w.org.ID, Login: "fresh" + string(r), Name: "x", Roles: []Role{r}})
			want(t, err, ErrRole)
			_, err = w.CreateAccount(t.Context(), by, Person{OrganisationID: w.org.ID, Login: "fresh" + string(r), Name: "x", Roles: []Role{r}})
			want(t, err, ErrRole)
		}
	}
	// Nor does anyone take over one who stands above.
	w.person("root-op", Operator)
	for _, by := range []*Principal{admin, integrator} {
		_, _, err := w.UpsertAccount(t.Context(), by, Person{OrganisationID: w.org.ID, Login: "root-op", Name: "Mallory"})
		want(t, err, ErrRole)
	}
	want(t, w.SetPassword(t.Context(), integrator, employee.ID, "another good one"), ErrRole)
	// A role change is in force with the next request.
	token, p := w.signIn("zhangwei")
	if p.Has(Admin) {
		t.Fatal("already an admin")
	}
	_, err := w.SetRoles(t.Context(), admin, employee.ID, []Role{Admin})
	want(t, err, nil)
	p, err = w.Session(t.Context(), token)
	if err != nil || !p.Has(Admin) {
		t.Errorf("%v %v", p, err)
	}
	wantOwed(t, w.owed(accounts, employee.ID), "account.roles_changed")
	_, err = w.SetRoles(t.Context(), admin, employee.ID, nil)
	want(t, err, ErrRoleUnknown)
	_, err = w.SetRoles(t.Context(), admin, employee.ID, []Role{"king"})
	want(t, err, ErrRoleUnknown)
}

func TestVisibility(t *testing.T) {
	w := newWorld(t)
	a, foreign := w.person("zhangwei", Employee), w.personOf(w.secondOrg(), "zhoutao", Admin)
	for _, c := range []struct {
		by  *Principal
		see bool
	}{{nil, false}, {w.as(a), true}, {w.as(w.person("lina", Employee)), false}, {w.as(w.person("boss", Admin)), true}, {w.as(foreign), false}, {w.root, true}} {
		_, err := w.GetAccount(t.Context(), c.by, a.ID)
		_, errH := w.History(t.Context(), c.by, a.ID)
		if (err == nil) != c.see || (errH == nil) != c.see {
			t.Errorf("%s: %v, %v", c.by.ID(), err, errH)
		}
	}
	_, err := w.Get(t.Context(), "nobody")
	want(t, err, ErrUnknown)
}

func TestFindByName(t *testing.T) {
	w := newWorld(t)
	other := w.secondOrg()
	add := func(o *Organisation, login, name string) *Account {
		a, err := w.CreateAccount(t.Context(), w.root, Person{OrganisationID: o.ID, Login: login, Name: name, Mobile: "13812345678"})
		want(t, err, nil)
		return a
	}
	add(w.org, "zhangwei", "张伟")
	add(w.org, "zhangwei2", "张伟")
	add(w.org, "zhangwl", "张伟丽")
	gone := add(w.org, "zhangwei3", "张伟")
	add(w.org, "abc", "ＡＢＣ")
	add(other, "zhangwei4", "张伟")
	_, err := w.CloseAccount(t.Context(), w.root, gone.ID, "")
	want(t, err, nil)

	logins := func(name string) string {
		found, err := w.FindByName(t.Context(), w.org.ID, name)
		want(t, err, nil)
		var out []string
		for _, a := range found {
			out = append(out, a.Login)
		}
		return strings.Join(out, " ")
	}
	for name, expect := range map[string]string{"张伟": "zhangwei zhangwei2 zhangwl", "张伟丽": "zhangwl", "abc": "abc", "": "", "伟": "", "张伟\x1f": "", "\x00": ""} {
		if got := logins(name); got != expect {
			t.Errorf("%q finds %q, want %q", name, got, expect)
		}
	}
	// The list has all of the organisation, page by page, and nobody else's.
	var all []string
	var after store.Cursor
	for {
		page, next, err := w.ListAccounts(t.Context(), w.org.ID, after, 2)
		want(t, err, nil)
		for _, a := range page {
			all = append(all, a.Login)
		}
		if after = next; next == "" {
			break
		}
	}
	if len(all) != 5 || strings.Contains(strings.Join(all, " "), "zhangwei4") {
		t.Errorf("listed %v", all)
	}
}

func TestUpsert(t *testing.T) {
	w := newWorld(t)
	by := w.as(w.person("portal", Integrator))
	p := Person{OrganisationCode: "12339900MADEM0B2XU", OrganisationName: "乙中心", Login: "zhoutao", ExternalID: "U-7", Name: "周涛",
		IDNumber: "339900198807300056", Mobile: "13812345678", Email: "z@example.com"}
	up := func(p Person) (*Account, Outcome, error) { return w.UpsertAccount(t.Context(), by, p) }
	a, out, err := up(p)
	want(t, err, nil)
	if out != Created || !a.Has(Employee) {
		t.Errorf("%s %v", out, a.Roles)
	}
	before := w.body(accounts, a.ID)
	if _, out, err = up(p); err != nil || out != Unchanged || w.body(accounts, a.ID) != before {
		t.Errorf("the same again: %s, %v", out, err)
	}
	// Found by its external id although the login has changed; what is empty stays.
	b, out, err := up(Person{OrganisationCode: p.OrganisationCode, ExternalID: "U-7", Login: "zhou.tao", Name: "周韬"})
	if err != nil || out != Updated || b.ID != a.ID || b.Login != "zhou.tao" || b.IDNumber != p.IDNumber || b.Mobile != p.Mobile {
		t.Errorf("%s %+v %v", out, b, err)
	}
	wantOwed(t, w.owed(accounts, a.ID), "account.identity_changed")
	// Organisations' own ids are their own.
	c, out, err := up(Person{OrganisationID: w.org.ID, ExternalID: "U-7", Login: "other", Name: "别人"})
	if err != nil || out != Created || c.ID == a.ID {
		t.Errorf("%s %v", out, err)
	}
	// A login elsewhere, or with another external id, is somebody else.
	_, _, err = up(Person{OrganisationID: w.org.ID, Login: "zhou.tao", Name: "x"})
	want(t, err, ErrExists)
	_, _, err = up(Person{OrganisationCode: p.OrganisationCode, ExternalID: "U-8", Login: "zhou.tao", Name: "x"})
	want(t, err, ErrExists)
	_, _, err = up(Person{OrganisationCode: p.OrganisationCode, ExternalID: "U-7", Login: "other"})
	want(t, err, ErrExists)
	// An account without an external id is adopted.
	lina := w.person("lina", Employee)
	d, out, err := up(Person{OrganisationID: w.org.ID, ExternalID: "U-9", Login: "lina"})
	if err != nil || out != Updated || d.ID != lina.ID || d.ExternalID != "U-9" {
		t.Errorf("%s %+v %v", out, d, err)
	}
	// Locked stays locked, closed stays closed.
	_, err = w.Lock(t.Context(), w.root, a.ID, "")
	want(t, err, nil)
	b, _, err = up(Person{OrganisationCode: p.OrganisationCode, ExternalID: "U-7", Name: "周涛"})
	if err != nil || b.State != Locked {
		t.Errorf("%v %v", b, err)
	}
	_, err = w.CloseAccount(t.Context(), w.root, a.ID, "")
	want(t, err, nil)
	_, _, err = up(Person{OrganisationCode: p.OrganisationCode, ExternalID: "U-7", Name: "周涛"})
	want(t, err, ErrClosed)
}

// A refused row leaves nothing behind, not even its organisation.
func TestARefusedRowLeavesNothing(t *testing.T) {
	w := newWorld(t)
	by := w.as(w.person("portal", Integrator))
	w.person("taken")
	const code = "12339900MADEM0B2XU"
	for _, p := range []Person{
		{OrganisationCode: code, OrganisationName: "乙中心", Login: "taken", Name: "x"},
		{OrganisationCode: code, OrganisationName: "乙中心", Login: "fresh"},
		{OrganisationCode: code, OrganisationName: "乙中心", Login: "fresh", Name: "x", Roles: []Role{Operator}},
		{OrganisationCode: code, OrganisationName: "乙中心", ExternalID: "7", Issuer: "nowhere", Name: "x"},
		{OrganisationCode: code, OrganisationName: "乙中心", Login: "fresh", Name: "x", Mobile: "?"},
	} {
		if _, _, err := w.UpsertAccount(t.Context(), by, p); err == nil {
			t.Errorf("accepted %+v", p)
		}
		if _, err := w.OrganisationByCode(t.Context(), code); faultOf(err).Code != "organisation_unknown" {
			t.Fatalf("%+v left its organisation behind: %v", p, err)
		}
	}
}

func TestParallelUpsertsMakeOne(t *testing.T) {
	w := newWorld(t)
	by := w.as(w.person("portal", Integrator))
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for range 20 {
		wg.Go(func() {
			a, _, err := w.UpsertAccount(t.Context(), by, Person{OrganisationCode: "12339900MADEM0B2XU", OrganisationName: "乙中心", Login: "zhoutao", ExternalID: "7", Name: "周涛"})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			ids[a.ID] = true
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("made %d accounts", len(ids))
	}
}

func TestBulk(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.BulkRows = 3 })
	by := w.as(w.person("portal", Integrator))
	rows, err := w.BulkUpsert(t.Context(), by, []Person{
		{OrganisationCode: "91350100M0001TGQXM", OrganisationName: "丙", Login: "first", Name: "甲"},
		{OrganisationID: w.org.ID, Login: "=bad", Name: "乙"},
		{OrganisationID: w.org.ID, Login: "third", Name: "丙", Password: "ignored password"},
	})
	want(t, err, nil)
	if rows[0].Outcome != Created || !rows[0].Doubtful || rows[1].Outcome != Failed || rows[1].Fault.Code != "login_invalid" || rows[2].Outcome != Created {
		t.Errorf("%+v", rows)
	}
	_, _, err = w.SignIn(t.Context(), SignIn{Login: "third", Password: "ignored password"})
	want(t, err, ErrCredentials)
	_, err = w.BulkUpsert(t.Context(), by, make([]Person, 4))
	want(t, err, ErrImportLarge)
	_, err = w.BulkUpsert(t.Context(), w.as(w.person("zhangwei", Employee)), nil)
	want(t, err, ErrRole)
	_, err = w.BulkUpsert(t.Context(), nil, nil)
	want(t, err, ErrSignInRequired)
}

func TestErase(t *testing.T) {
	w := newWorld(t)
	a, err := w.CreateAccount(t.Context(), w.root, Person{OrganisationID: w.org.ID, Login: "zhangwei", ExternalID: "E7", Name: "张伟", IDNumber: "339900199001010011",
		Mobile: "13812345678", Email: "zw@example.com", Password: goodPassword})
	want(t, err, nil)
	_, err = w.Erase(t.Context(), w.root, a.ID)
	want(t, err, ErrStateWrong)
	_, err = w.CloseAccount(t.Context(), w.root, a.ID, "张伟离职")
	want(t, err, nil)
	_, err = w.Erase(t.Context(), w.as(w.person("boss", Admin)), a.ID)
	want(t, err, ErrRole)
	for range 2 {
		_, err = w.Erase(t.Context(), w.root, a.ID)
		want(t, err, nil)
	}
	body := w.body(accounts, a.ID)
	for _, personal := range []string{"张伟", "zhangwei", "E7", "13812345678", "zw@", "argon2id"} {
		if strings.Contains(body, personal) {
			t.Errorf("%s is still there: %s", personal, body)
		}
	}
	h, err := w.History(t.Context(), w.root, a.ID)
	if err != nil || len(h) != 3 {
		t.Errorf("the acts must stay: %v, %v", h, err)
	}
	w.person("zhangwei") // the login is free again
}

func TestHistoryIsBounded(t *testing.T) {
	w := newWorld(t)
	a := w.person("zhangwei")
	for i := range 2 * keepHistory {
		role := []Role{Employee, Admin}[i%2]
		if _, err := w.SetRoles(t.Context(), w.root, a.ID, []Role{role}); err != nil {
			t.Fatal(err)
		}
	}
	h, err := w.History(t.Context(), w.root, a.ID)
	if err != nil || len(h) != keepHistory {
		t.Errorf("%d lines, %v", len(h), err)
	}
	// The audit log is owed every one of them.
	if n := len(w.owed(accounts, a.ID)); n != 2*keepHistory {
		t.Errorf("%d effects owed", n)
	}
}
