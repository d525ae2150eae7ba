package account

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"certlink/store"
)

const roster = `统一社会信用代码,机构名称,登录名,姓名,身份证号,手机,邮箱,角色,外部编号
12339900MADEM0B2XU,乙中心,chenjing,陈静,339900198203230069,13900000005,chenjing@example.com,机构管理员,E1
12339900MADEM0B2XU,乙中心,zhoutao,周涛,'339900198807300056,139 0000 0006,,其他员工,E2
,,,,,,,,
12339900MADEM0B2XU,乙中心,both,"两,者",,,,管理员；员工,E3
`

func (w *world) load(by *Principal, text string) (Report, error) {
	w.t.Helper()
	return w.ImportCSV(w.ctx(), by, strings.NewReader(text))
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	by := w.as(w.person("portal", Integrator))
	rep, err := w.load(by, "\ufeff"+strings.ReplaceAll(roster, "\n", "\r\n"))
	want(t, err, nil)
	if rep.Rows != 3 || rep.Created != 3 || rep.Failed != 0 {
		t.Fatalf("%+v", rep)
	}
	if rep.Results[2].Line != 5 {
		t.Errorf("line %d, a spreadsheet shows 5", rep.Results[2].Line)
	}
	a, err := w.Get(t.Context(), rep.Results[1].AccountID)
	if err != nil || a.Name != "周涛" || a.IDNumber != "339900198807300056" || a.Mobile != "13900000006" || !a.Has(Employee) {
		t.Errorf("%+v, %v", a, err)
	}
	b, err := w.Get(t.Context(), rep.Results[2].AccountID)
	if err != nil || b.Name != "两,者" || !b.Has(Employee) || !b.Has(Admin) {
		t.Errorf("%+v, %v", b, err)
	}
	wantOwed(t, w.owed(imports, rep.ID), "accounts.imported")

	// The same again changes nothing; as GB18030 it is the same.
	before := w.body(accounts, a.ID)
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(roster)
	want(t, err, nil)
	rep, err = w.load(by, gb)
	if err != nil || rep.Unchanged != 3 || w.body(accounts, a.ID) != before {
		t.Errorf("%+v, %v", rep, err)
	}
}

func TestImportHeaders(t *testing.T) {
	w := newWorld(t)
	for i, header := range []string{"credit_code,organisation,login,name", "Credit Code;Organization;User Name;Full Name", "信用代码\t单位\t账号\t姓名 *", "统一社会信用代码，机构名称，登录名，姓名",
		"ｃｒｅｄｉｔ＿ｃｏｄｅ,organisation,login,name,"} {
		sep := string(separator(header))
		text := header + "\n" + strings.Join([]string{w.org.CreditCode, w.org.Name, fmt.Sprintf("user%d", i), "某人"}, sep) + "\n"
		rep, err := w.load(w.root, text)
		if err != nil || rep.Created != 1 {
			t.Errorf("%s: %+v, %v", header, rep, err)
		}
	}
	// The templates' own headers are known.
	for lang, names := range ImportHeader {
		if _, _, err := mapHeader(names); err != nil {
			t.Errorf("%s: %v", lang, err)
		}
	}
}

func TestEveryBadRowIsNamed(t *testing.T) {
	w := newWorld(t)
	w.person("op", Operator)
	by := w.as(w.person("portal", Integrator))
	head := "credit_code,organisation,login,name,id_number,mobile,email,roles\n"
	rows := []struct{ row, code string }{
		{"91339900MADEM0A15M,甲公司,good1,某人,,,,", ""},
		{"91339900MADEM0A15M,甲公司,formula,=HYPERLINK(1),,,,", "name_invalid"},
		{"91339900MADEM0A15M,甲公司,@sum,某人,,,,", "login_invalid"},
		{"91339900MADEM0A15M,甲公司,check,某人,339900198807300057,,,", "id_number_invalid"},
		{"91339900MADEM0A15M,甲公司,sci,某人,3.39900E+17,,,", "id_number_invalid"},
		{"91339900MADEM0A15M,甲公司,climber,某人,,,,operator", "role_missing"},
		{"91339900MADEM0A15M,甲公司,king,某人,,,,king", "role_unknown"},
		{"91339900MADEM0A15M,甲公司,op,Mallory,,,,", "role_missing"},
		{"12339900MADEM0B2XU,,nowhere,某人,,,,", "organisation_unknown"},
		{"123,某机构,badcode,某人,,,,", "credit_code_invalid"},
		{"91339900MADEM0A15M,甲公司,GOOD1,又一人,,,,", "import_row_twice"},
		{"91339900MADEM0A15M,甲公司,,某人,,,,", "account_input_invalid"},
		{"91339900MADEM0A15M,甲公司,more,某人,,,,,surplus", "account_input_invalid"},
		{"91339900MADEM0A15M,甲公司,noname", "name_invalid"},
		{"91339900MADEM0A15M,甲公司,good2,某人,,,,", ""},
	}
	text := head
	for _, r := range rows {
		text += r.row + "\n"
	}
	rep, err := w.load(by, text)
	want(t, err, nil)
	if len(rep.Results) != len(rows) || rep.Created != 2 || rep.Failed != len(rows)-2 {
		t.Fatalf("%+v", rep)
	}
	for i, r := range rep.Results {
		got := ""
		if r.Fault != nil {
			got = r.Fault.Code
			if r.Fault.ZH == "" || r.Fault.EN == "" {
				t.Errorf("line %d has no sentence", r.Line)
			}
		}
		if got != rows[i].code || r.Line != i+2 {
			t.Errorf("line %d: %q, want %q (%s)", r.Line, got, rows[i].code, rows[i].row)
		}
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.ImportBytes, c.Limits.ImportRows = 2000, 3 })
	good := "login,name\n"
	for name, c := range map[string]struct{ text, code string }{
		"empty":        {"", "import_malformed"},
		"unknown":      {"login,name,salery\nx1,y,1\n", "import_malformed"},
		"no login":     {"name,mobile\nx,1\n", "import_malformed"},
		"twice":        {"login,name,用户名\nx1,y,x2\n", "import_malformed"},
		"roles twice":  {"login,roles,角色\nx1,y,x2\n", "import_malformed"},
		"quote":        {good + "a1,\"open\nb1,x\n", "import_malformed"},
		"NUL":          {good + "a1,\x00\n", "import_malformed"},
		"UTF-16":       {"\xff\xfel\x00o\x00", "import_malformed"},
		"workbook":     {"PK\x03\x04xxxx", "import_malformed"},
		"old workbook": {"\xd0\xcf\x11\xe0xxxx", "import_malformed"},
		"latin1":       {good + "a1,caf\xe9\n", "import_malformed"},
		"large":        {good + strings.Repeat("x", 2000), "import_too_large"},
		"many":         {good + "a1,x\nb1,x\nc1,x\nd1,x\n", "import_too_large"},
	} {
		before := w.count(accounts)
		rep, err := w.load(w.root, c.text)
		if faultOf(err).Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if len(rep.Results) != 0 || w.count(accounts) != before {
			t.Errorf("%s: something was imported", name)
		}
	}
}

func (w *world) count(collection string) int {
	w.t.Helper()
	docs, _, err := w.db.Query(w.ctx(), collection, store.Query{})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(docs)
}

// An admin's file needs no organisation, and reaches no other one.
func TestImportByAnAdmin(t *testing.T) {
	w := newWorld(t)
	other := w.secondOrg()
	foreign := w.personOf(other, "zhoutao", Employee)
	boss := w.as(w.person("boss", Admin))
	rep, err := w.load(boss, "登录名,姓名,角色\nlina,李娜,员工\nzhoutao,冒名,管理员\n")
	want(t, err, nil)
	if rep.Created != 1 || rep.Failed != 1 || rep.Results[1].Fault.Code != "account_exists" {
		t.Errorf("%+v", rep)
	}
	rep, err = w.load(boss, "信用代码,机构,登录名,姓名\n"+other.CreditCode+",乙中心,zhoutao,冒名\n"+other.CreditCode+",乙中心,spy,间谍\n91339900MADEM0C340,新公司,founder,某人\n")
	want(t, err, nil)
	for i, code := range []string{"account_unknown", "role_missing", "organisation_unknown"} {
		if rep.Results[i].Fault == nil || rep.Results[i].Fault.Code != code {
			t.Errorf("row %d: %+v", i, rep.Results[i].Fault)
		}
	}
	if a, err := w.Get(t.Context(), foreign.ID); err != nil || a.Name != foreign.Name || a.Has(Admin) {
		t.Errorf("changed from outside: %+v, %v", a, err)
	}
	_, err = w.load(w.as(w.person("zhangwei", Employee)), roster)
	want(t, err, ErrRole)
	_, err = w.load(nil, roster)
	want(t, err, ErrSignInRequired)
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(roster))
	f.Add([]byte("\xef\xbb\xbflogin;name\nx1;\"a\nb\"\n"))
	f.Add([]byte("login\tname\troles\nab\tx\tadmin|employee\n"))
	gb, _ := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(roster))
	f.Add(gb)
	f.Add([]byte("login,name\n\"\xff"))
	s := &Service{limits: Limits{ImportBytes: 1 << 16, ImportRows: 100}.withDefaults()}
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, err := s.readImport(bytes.NewReader(raw))
		if err != nil {
			return
		}
		people, err := s.parseImport(text)
		if err != nil {
			return
		}
		for _, p := range people {
			if p.line < 2 {
				t.Fatalf("row on line %d", p.line)
			}
			clean, err := p.Person.clean()
			if err != nil || p.bad != nil {
				continue
			}
			for _, v := range []string{clean.Name, clean.Login, clean.OrganisationName, clean.Email, clean.IDNumber} {
				if v != "" && strings.ContainsAny(v[:1], "=+-@\t\r") {
					t.Fatalf("%q would be a formula", v)
				}
				if strings.ContainsAny(v, "\x00\x1f\u202e\n") {
					t.Fatalf("%q holds a control character", v)
				}
			}
		}
	})
}
