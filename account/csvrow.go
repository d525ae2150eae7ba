package account

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"certlink/internal/fault"
	"certlink/trust"
)

// importPerson is one row as read; bad says why it cannot be used.
type importPerson struct {
	Person
	line int
	bad  *fault.Error
}

// roleNames are the ways people write a role.
var roleNames = map[string]Role{
	"admin": Admin, "管理员": Admin, "机构管理员": Admin,
	"employee": Employee, "员工": Employee, "其他员工": Employee,
	"reviewer": Reviewer, "审核员": Reviewer, "ca审核员": Reviewer,
	"operator": Operator, "运营": Operator,
	"integrator": Integrator, "集成方": Integrator,
}

// parseImport reads the whole file before the first row is acted on.
func (s *Service) parseImport(text string) ([]importPerson, error) {
	r := newCSV(text)
	header, err := r.Read()
	if err != nil {
		return nil, ErrImport.At("", "文件是空的，或第一行不是表头", "the file is empty, or its first line is no header").Because(err)
	}
	fields, rolesAt, err := mapHeader(header)
	if err != nil {
		return nil, err
	}
	var out []importPerson
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			var pe *csv.ParseError
			line := 0
			if errors.As(err, &pe) {
				line = pe.StartLine
			}
			return nil, ErrImport.At("", fmt.Sprintf("第 %d 行的引号不配对，无法读取", line), fmt.Sprintf("line %d has quotation marks that do not match", line)).Because(err)
		}
		if blank(cells) {
			continue
		}
		if len(out) >= s.limits.ImportRows {
			return nil, ErrImportLarge.With("rows_most", s.limits.ImportRows)
		}
		line, _ := r.FieldPos(0)
		out = append(out, parseRow(cells, fields, rolesAt, line))
	}
}

// mapHeader finds the column of each field. An unknown header is an error: a
// misspelt one would silently import people without that field.
func mapHeader(header []string) ([]func(*Person) *string, int, error) {
	fields, rolesAt, seen := make([]func(*Person) *string, len(header)), -1, map[string]bool{}
	var wrong []string
	known := false
	for i, h := range header {
		folded := foldHeader(h)
		f, ok := columns[folded]
		switch {
		case folded == "":
			continue
		case !ok:
			wrong = append(wrong, note(h, 40))
			continue
		case f == nil:
			if rolesAt >= 0 {
				return nil, 0, twice(h)
			}
			rolesAt = i
			continue
		}
		// Two headers can mean one field: compare where they write to.
		var probe Person
		*f(&probe) = "x"
		which := fmt.Sprint(probe)
		if seen[which] {
			return nil, 0, twice(h)
		}
		seen[which], fields[i] = true, f
		known = known || probe.Login != "" || probe.ExternalID != ""
	}
	if len(wrong) > 0 {
		list := strings.Join(wrong, ", ")
		return nil, 0, ErrImport.At("", "不认识的列："+list+"。可用的列："+strings.Join(ImportHeader["zh"], "、"),
			"unknown columns: "+list+". There are: "+strings.Join(ImportHeader["en"], ", "))
	}
	if !known {
		return nil, 0, ErrImport.At("", "缺少“登录名”或“外部编号”列", "a column login or external_id is needed")
	}
	return fields, rolesAt, nil
}

func twice(h string) error {
	h = note(h, 40)
	return ErrImport.At("", "列重复："+h, "a column stands twice: "+h)
}

func blank(cells []string) bool {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

func parseRow(cells []string, fields []func(*Person) *string, rolesAt, line int) importPerson {
	p := importPerson{line: line}
	for i, c := range cells {
		c = strings.TrimSpace(c)
		switch {
		case i >= len(fields):
			if c != "" {
				p.bad = ErrInput.At("", "此行的列数多于表头", "the row has more cells than the header")
			}
		case i == rolesAt:
			for _, name := range strings.FieldsFunc(c, func(r rune) bool { return strings.ContainsRune(";|/、，,； ", r) }) {
				r, ok := roleNames[strings.ToLower(name)]
				if !ok {
					p.bad = ErrRoleUnknown.At("/roles", "没有这种角色", "there is no such role")
				}
				p.Roles = append(p.Roles, r)
			}
		case fields[i] != nil:
			// Spreadsheets keep long numbers whole behind an apostrophe.
			*fields[i](&p.Person) = strings.TrimPrefix(c, "'")
		}
	}
	if strings.ContainsAny(p.IDNumber, "eE.+") {
		// 3.30E+17 cannot be made whole again.
		p.bad = trust.ErrIDNumber.At("/id_number", "表格软件已把号码变成科学计数，请将该列设为“文本”后重新填写",
			"a spreadsheet has turned the number into 3.3E+17; set the column to text and enter it again")
	}
	return p
}
