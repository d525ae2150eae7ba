package api

import (
	"bytes"
	"context"
	"errors"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/internal/fault"
	"certlink/store"
)

type accountView struct {
	ID           string         `json:"id"`
	Login        string         `json:"login"`
	Name         string         `json:"name"`
	Roles        []account.Role `json:"roles"`
	MobileMasked string         `json:"mobile_masked"`
	State        account.State  `json:"state"`
	Bindings     *int           `json:"bindings,omitempty"`
}

func showAccount(a *account.Account) accountView {
	return accountView{ID: a.ID, Login: a.Login, Name: a.Name, Roles: a.Roles, MobileMasked: a.MaskedMobile(), State: a.State}
}

// page is one page of a list.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// paging reads the parameters that all lists have.
func (c *call) paging() (after store.Cursor, limit int, err error) {
	n, err := c.number("limit", 1, 100, 20)
	if err != nil {
		return "", 0, err
	}
	cursor, err := c.query("cursor", 512)
	return store.Cursor(cursor), int(n), err
}

// getAccounts lists whom the caller can mean: an admin its organisation, an
// employee itself, those who serve all organisations the one they name.
func (s *Server) getAccounts(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	name, err := c.query("name", 64)
	if err != nil {
		return err
	}
	organisation, err := c.query("organisation", 64)
	if err != nil {
		return err
	}
	own := c.who.Account.OrganisationID
	everywhere := c.who.Require(account.Operator, account.Integrator, account.Reviewer) == nil
	switch {
	case organisation == "":
		organisation = own
	case organisation != own && !everywhere:
		return account.ErrRole
	}
	if !everywhere && !c.who.Has(account.Admin) {
		v, err := s.withBindings(c, c.who.Account)
		if err != nil {
			return err
		}
		return c.ok(page[accountView]{Items: []accountView{v}})
	}
	found, next, err := s.Accounts.SearchAccounts(c.ctx, organisation, name, after, limit)
	if err != nil {
		return err
	}
	out := page[accountView]{Items: []accountView{}, Next: string(next)}
	for _, a := range found {
		if a.State == account.Closed && !everywhere {
			continue // nothing can be done for them
		}
		v, err := s.withBindings(c, a)
		if err != nil {
			return err
		}
		out.Items = append(out.Items, v)
	}
	return c.ok(out)
}

func (s *Server) withBindings(c *call, a *account.Account) (accountView, error) {
	v := showAccount(a)
	active, err := s.Bindings.Active(c.ctx, a.ID)
	n := len(active)
	v.Bindings = &n
	return v, err
}

func (s *Server) postOrganisation(c *call) error {
	var in account.OrganisationInput
	if err := c.read(object{{"name", &in.Name, true}, {"credit_code", &in.CreditCode, true}}); err != nil {
		return err
	}
	status := fiber.StatusCreated
	o, err := s.Accounts.CreateOrganisation(c.ctx, c.who, in)
	if errors.Is(err, account.ErrOrganisationExists) {
		// Asked again after a lost reply, it is the same answer; under another name
		// it is a conflict, which says which one there is.
		there, e := s.Accounts.OrganisationByCode(c.ctx, in.CreditCode)
		switch {
		case e != nil:
			return e
		case there.Name != in.Name:
			return fault.Of(err).With("id", there.ID)
		}
		o, err, status = there, nil, fiber.StatusOK
	}
	if err != nil {
		return err
	}
	return c.json(status, showOrganisation(o))
}

func showOrganisation(o *account.Organisation) organisationView {
	return organisationView{ID: o.ID, Name: o.Name, CreditCode: o.CreditCode, Doubtful: o.CreditCodeDoubtful()}
}

// getOrganisations lists them by name, for those who serve them all.
func (s *Server) getOrganisations(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	var find account.Find
	if find.Name, err = c.query("name", 128); err != nil {
		return err
	}
	if find.CreditCode, err = c.query("credit_code", 18); err != nil {
		return err
	}
	found, next, err := s.Accounts.ListOrganisations(c.ctx, c.who, find, after, limit)
	if err != nil {
		return err
	}
	out := page[organisationView]{Items: []organisationView{}, Next: string(next)}
	for _, o := range found {
		out.Items = append(out.Items, showOrganisation(o))
	}
	return c.ok(out)
}

// rowFault is why one row of many was refused.
type rowFault struct {
	Code    string         `json:"code"`
	Title   string         `json:"title"`
	TitleZH string         `json:"title_zh"`
	TitleEN string         `json:"title_en"`
	Errors  []problemField `json:"errors,omitempty"`
}

type rowView struct {
	Line      int             `json:"line,omitempty"`
	Login     string          `json:"login,omitempty"`
	Outcome   account.Outcome `json:"outcome"`
	AccountID string          `json:"account_id,omitempty"`
	Doubtful  bool            `json:"credit_code_doubtful,omitempty"`
	Error     *rowFault       `json:"error,omitempty"`
}

func (c *call) row(r account.Row) rowView {
	v := rowView{Outcome: r.Outcome, AccountID: r.AccountID, Doubtful: r.Doubtful}
	if f := r.Fault; f != nil {
		lang := c.language()
		v.Error = &rowFault{Code: f.Code, Title: lang.of(f.ZH, f.EN), TitleZH: f.ZH, TitleEN: f.EN}
		for _, field := range f.Fields {
			v.Error.Errors = append(v.Error.Errors, problemField{field.Pointer, lang.of(field.ZH, field.EN)})
		}
	}
	return v
}

// maxBulk bounds the rows of one bulk call before they are read; the account
// service has its own word on how many it takes.
const maxBulk = 5000

func (s *Server) postAccountsBulk(c *call) error {
	var people []account.Person
	var roles [][]string
	err := c.read(object{{"items", items(func(i int) (object, error) {
		if i >= maxBulk {
			return nil, account.ErrImportLarge.At("/items", "行数过多", "too many rows")
		}
		people, roles = append(people, account.Person{}), append(roles, nil)
		p := &people[i]
		return object{
			{"organisation_id", &p.OrganisationID, false}, {"organisation_code", &p.OrganisationCode, false},
			{"organisation_name", &p.OrganisationName, false}, {"login", &p.Login, false}, {"issuer", &p.Issuer, false},
			{"external_id", &p.ExternalID, false}, {"name", &p.Name, false}, {"roles", &roles[i], false},
			{"id_number", &p.IDNumber, false}, {"email", &p.Email, false}, {"mobile", &p.Mobile, false},
		}, nil
	}), true}})
	if err != nil {
		return err
	}
	for i := range people {
		for _, r := range roles[i] {
			people[i].Roles = append(people[i].Roles, account.Role(r))
		}
	}
	rows, err := s.Accounts.BulkUpsert(c.ctx, c.who, people)
	if err != nil {
		return err
	}
	out := struct {
		Items []rowView `json:"items"`
	}{[]rowView{}}
	for _, r := range rows {
		out.Items = append(out.Items, c.row(r))
	}
	return c.ok(out)
}

func (s *Server) postAccountsImport(c *call) error {
	if err := c.media("text/csv"); err != nil {
		return err
	}
	rep, err := s.Accounts.ImportCSV(c.ctx, c.who, bytes.NewReader(c.f.Request().Body()))
	if err != nil {
		return err
	}
	out := struct {
		ID        string    `json:"id"`
		Rows      int       `json:"rows"`
		Created   int       `json:"created"`
		Updated   int       `json:"updated"`
		Unchanged int       `json:"unchanged"`
		Failed    int       `json:"failed"`
		Items     []rowView `json:"items"`
	}{rep.ID, rep.Rows, rep.Created, rep.Updated, rep.Unchanged, rep.Failed, []rowView{}}
	for _, r := range rep.Results {
		v := c.row(r.Row)
		v.Line, v.Login = r.Line, r.Login
		out.Items = append(out.Items, v)
	}
	return c.ok(out)
}

// getImportTemplate is an empty table to fill in, with the byte-order mark that
// spreadsheets need to read Chinese.
func (s *Server) getImportTemplate(c *call) error {
	c.f.Response().Header.SetContentType("text/csv; charset=utf-8")
	c.f.Set(fiber.HeaderContentDisposition, `attachment; filename="accounts.csv"`)
	line := "\ufeff"
	for i, h := range account.ImportHeader[c.language().of("zh", "en")] {
		if i > 0 {
			line += ","
		}
		line += h
	}
	c.f.Response().SetBodyString(line + "\r\n")
	return nil
}

func (s *Server) postLock(c *call) error   { return s.turn(c, s.Accounts.Lock) }
func (s *Server) postUnlock(c *call) error { return s.turn(c, s.Accounts.Unlock) }

func (s *Server) turn(c *call, change func(ctx context.Context, by *account.Principal, id, reason string) (*account.Account, error)) error {
	who, err := c.id("id", account.ErrUnknown)
	if err != nil {
		return err
	}
	var reason string
	if err := c.read(object{{"reason", &reason, false}}); err != nil {
		return err
	}
	a, err := change(c.ctx, c.who, who, reason)
	if err != nil {
		return err
	}
	return c.ok(showAccount(a))
}

type auditView struct {
	ID           string            `json:"id"`
	At           string            `json:"at"`
	Act          string            `json:"act"`
	Organisation string            `json:"organisation,omitempty"`
	Account      string            `json:"account,omitempty"`
	Data         map[string]string `json:"data"`
}

func (s *Server) getAudit(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	organisation, err := c.query("organisation", 64)
	if err != nil {
		return err
	}
	list, next, err := s.Audit.List(c.ctx, organisation, after, limit)
	if err != nil {
		return err
	}
	out := page[auditView]{Items: []auditView{}, Next: string(next)}
	for _, e := range list {
		v := auditView{ID: e.ID, At: stamp(e.At), Act: e.Act, Organisation: e.Organisation, Account: e.Account, Data: e.Data}
		if v.Data == nil {
			v.Data = map[string]string{}
		}
		out.Items = append(out.Items, v)
	}
	return c.ok(out)
}
