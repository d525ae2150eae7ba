package account

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/unicode/norm"

	"certlink/internal/effect"
	"certlink/internal/id"
	"certlink/store"
)

// Report is what an import did, row by row.
type Report struct {
	ID        string      `json:"id"`
	Rows      int         `json:"rows"`
	Created   int         `json:"created"`
	Updated   int         `json:"updated"`
	Unchanged int         `json:"unchanged"`
	Failed    int         `json:"failed"`
	Results   []ImportRow `json:"results"`
}

// ImportRow is the result of one row. Line is what a spreadsheet shows beside
// it: the header is line 1 unless cells hold line breaks.
type ImportRow struct {
	Line  int    `json:"line"`
	Login string `json:"login,omitempty"`
	Row
}

// importRecord keeps that an import happened and owes it to the audit log.
type importRecord struct {
	ID      string    `json:"id"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Rows    int       `json:"rows"`
	Created int       `json:"created"`
	Updated int       `json:"updated"`
	Failed  int       `json:"failed"`
	Broken  bool      `json:"broken,omitempty"` // ended by a fault, not by the file's end
	effect.Owing
}

func importsRecord(s store.Store) store.Record[importRecord] {
	return store.Record[importRecord]{Store: s, Collection: imports,
		ID:    func(r *importRecord) string { return r.ID },
		Index: func(r *importRecord) map[string]string { return map[string]string{effect.Index: r.Place()} }}
}

// columns maps the headers people write, folded, to the fields of a Person.
var columns = map[string]func(*Person) *string{}

// ImportHeader is the header of the template, in Chinese and in English.
var ImportHeader = map[string][]string{
	"zh": {"统一社会信用代码", "机构名称", "登录名", "姓名", "身份证号", "手机", "邮箱", "角色", "外部编号"},
	"en": {"credit_code", "organisation", "login", "name", "id_number", "mobile", "email", "roles", "external_id"},
}

func init() {
	add := func(f func(*Person) *string, headers ...string) {
		for _, h := range headers {
			columns[h] = f
		}
	}
	add(func(p *Person) *string { return &p.OrganisationCode }, "统一社会信用代码", "信用代码", "机构代码", "creditcode", "organisationcode", "organizationcode")
	add(func(p *Person) *string { return &p.OrganisationName }, "机构名称", "机构", "单位名称", "单位", "公司名称", "organisation", "organization", "organisationname", "organizationname", "company")
	add(func(p *Person) *string { return &p.Login }, "登录名", "账号", "帐号", "用户名", "login", "username", "account")
	add(func(p *Person) *string { return &p.Name }, "姓名", "名字", "name", "fullname")
	add(func(p *Person) *string { return &p.IDNumber }, "身份证号", "身份证号码", "身份证", "证件号码", "idnumber")
	add(func(p *Person) *string { return &p.Mobile }, "手机", "手机号", "手机号码", "mobile", "phone")
	add(func(p *Person) *string { return &p.Email }, "邮箱", "电子邮箱", "电子邮件", "email", "mail")
	add(func(p *Person) *string { return &p.ExternalID }, "外部编号", "工号", "externalid", "employeeno")
	add(nil, "角色", "role", "roles")
}

// ImportCSV upserts one account per row. A file that cannot be read as a whole
// changes nothing; a bad row is named and spoils no other; the same file again
// changes nothing. The error of a store that fails in between comes with the
// report of the rows before it, and the import can simply be repeated.
func (s *Service) ImportCSV(ctx context.Context, by *Principal, r io.Reader) (Report, error) {
	rep := Report{ID: id.New(), Results: []ImportRow{}}
	if err := by.Require(Operator, Integrator, Admin); err != nil {
		return rep, err
	}
	text, err := s.readImport(r)
	if err != nil {
		return rep, err
	}
	people, err := s.parseImport(text)
	if err != nil {
		return rep, err
	}
	rep.Rows = len(people)
	seen := map[string]bool{}
	for _, p := range people {
		row := ImportRow{Line: p.line, Login: note(p.Login, 64)}
		// Two rows of one account would make the result depend on their order.
		key := store.Key(strings.ToUpper(p.OrganisationCode), p.ExternalID)
		if p.ExternalID == "" {
			key = foldLogin(p.Login)
		}
		switch {
		case p.bad != nil:
			row.Row = Row{Outcome: Failed, Fault: p.bad}
		case seen[key]:
			row.Row = Row{Outcome: Failed, Fault: ErrRowTwice}
		default:
			seen[key] = true
			if row.Row, err = s.row(ctx, by, p.Person); err != nil {
				return rep, errors.Join(err, s.recordImport(ctx, by, rep, true))
			}
		}
		rep.count(row)
	}
	return rep, s.recordImport(ctx, by, rep, false)
}

func (r *Report) count(row ImportRow) {
	switch row.Outcome {
	case Created:
		r.Created++
	case Updated:
		r.Updated++
	case Unchanged:
		r.Unchanged++
	default:
		r.Failed++
	}
	r.Results = append(r.Results, row)
}

func (s *Service) recordImport(ctx context.Context, by *Principal, rep Report, broken bool) error {
	rec := &importRecord{ID: rep.ID, By: by.ID(), At: s.now(), Rows: rep.Rows, Created: rep.Created, Updated: rep.Updated, Failed: rep.Failed, Broken: broken}
	data := map[string]string{"act": "accounts.imported", "object": "import", "id": rec.ID, "by": rec.By}
	if by.Organisation != nil {
		data["organisation"] = by.Organisation.ID
	}
	rec.Owe(effect.New(effect.Audit, rec.At, data))
	return s.imports.Create(ctx, rec)
}

// readImport reads UTF-8, with or without a byte-order mark, or GB18030, which
// spreadsheets in China write. Either must be right throughout.
func (s *Service) readImport(r io.Reader) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, int64(s.limits.ImportBytes)+1))
	if err != nil {
		return "", ErrImport.Because(err)
	}
	if len(raw) > s.limits.ImportBytes {
		return "", ErrImportLarge.With("bytes_most", s.limits.ImportBytes)
	}
	if bytes.HasPrefix(raw, []byte("PK\x03\x04")) || bytes.HasPrefix(raw, []byte{0xd0, 0xcf, 0x11, 0xe0}) {
		return "", ErrImport.At("", "这是 Excel 工作簿，请另存为 CSV", "this is an Excel workbook; save it as CSV")
	}
	if bytes.HasPrefix(raw, []byte{0xff, 0xfe}) || bytes.HasPrefix(raw, []byte{0xfe, 0xff}) {
		return "", ErrImport.At("", "文件是 UTF-16 编码，请另存为 CSV UTF-8", "the file is UTF-16; save it as CSV UTF-8")
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(raw) {
		if raw, err = simplifiedchinese.GB18030.NewDecoder().Bytes(raw); err != nil || bytes.ContainsRune(raw, utf8.RuneError) {
			return "", ErrImport.At("", "既不是 UTF-8 也不是 GB18030 编码", "it is neither UTF-8 nor GB18030")
		}
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return "", ErrImport.At("", "文件含有空字符，不是文本文件", "it holds NUL bytes, so it is no text")
	}
	return string(raw), nil
}

// foldHeader makes one of "ID Number", "id_number" and full-width letters.
func foldHeader(h string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "", "*", "", "\u3000", "").Replace(strings.ToLower(norm.NFKC.String(strings.TrimSpace(h))))
}

// separator is what stands in the header most: spreadsheets write what the
// country's settings say.
func separator(text string) rune {
	header, _, _ := strings.Cut(text, "\n")
	best, most := ',', 0
	for _, c := range ",;\t，" {
		if n := strings.Count(header, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

func newCSV(text string) *csv.Reader {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = separator(text)
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	return r
}
