package invoice

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"certlink/internal/fault"
)

// Title is whom an invoice is made out to (发票抬头).
type Title struct {
	ID        string `json:"id"`
	Name      string `json:"name"`       // 发票抬头（企业名称）
	TaxNumber string `json:"tax_number"` // 企业税号
	// Optional: 注册地址, 注册电话, 开户银行, 开户账户.
	Address string `json:"address,omitempty"`
	Phone   string `json:"phone,omitempty"`
	Bank    string `json:"bank,omitempty"`
	Account string `json:"account,omitempty"`
}

// Recipient is who gets the invoice.
type Recipient struct {
	Phone string `json:"phone"`
	Email string `json:"email"`
	// Of a paper invoice.
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
}

// Form is what an applicant sends.
type Form struct {
	Title   string // the id of a saved one
	Content string
	Medium  string
	Recipient
	Proof string // an upload; where the payment has to be proved
}

// sealed is what an invoice keeps under seal.
type sealed struct {
	Title     Title     `json:"title"`
	Recipient Recipient `json:"recipient"`
}

var (
	// 15 to 20 figures and letters: registrations before 2015, and credit codes.
	taxPattern     = regexp.MustCompile(`^[0-9A-Z]{15,20}$`)
	phonePattern   = regexp.MustCompile(`^\+?[0-9][0-9 -]{5,18}[0-9]$`)
	accountPattern = regexp.MustCompile(`^[0-9]{6,32}$`)
	emailPattern   = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$`)
	// 20 figures of a fully digital invoice, or 8 to 12 of those before it.
	numberPattern = regexp.MustCompile(`^([0-9]{20}|[0-9]{8,12})$`)
)

// tidy takes away what a person does not see, and the wide forms of digits and
// letters that an input method leaves behind.
func tidy(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\u3000':
			return ' '
		case r >= '！' && r <= '～' && (unicode.IsDigit(r-0xfee0) || unicode.IsLetter(r-0xfee0) || r == '＠' || r == '．' || r == '－'):
			return r - 0xfee0
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s))
}

// fields collects what is wrong, each at its place.
type fields struct{ err *fault.Error }

func (f *fields) bad(pointer, zh, en string) {
	if f.err == nil {
		f.err = ErrForm
	}
	f.err = f.err.At(pointer, zh, en)
}

func (f *fields) done() error {
	if f.err == nil {
		return nil // not a nil *fault.Error in an error
	}
	return f.err
}

// text wants between least and most characters.
func (f *fields) text(pointer, s string, least, most int) {
	switch n := utf8.RuneCountInString(s); {
	case n < least:
		f.bad(pointer, "请填写", "is missing")
	case n > most:
		f.bad(pointer, "内容过长", "is too long")
	}
}

func (f *fields) pattern(pointer, s string, p *regexp.Regexp, need bool, zh, en string) {
	switch {
	case s == "" && need:
		f.bad(pointer, "请填写", "is missing")
	case s != "" && !p.MatchString(s):
		f.bad(pointer, zh, en)
	}
}

// check cleans a title and finds every mistake in it.
func (t *Title) check() error {
	for _, s := range []*string{&t.Name, &t.TaxNumber, &t.Address, &t.Phone, &t.Bank, &t.Account} {
		*s = tidy(*s)
	}
	t.TaxNumber = strings.ToUpper(strings.ReplaceAll(t.TaxNumber, " ", ""))
	t.Account = strings.NewReplacer(" ", "", "-", "").Replace(t.Account)
	var f fields
	f.text("/name", t.Name, 2, 100)
	f.pattern("/tax_number", t.TaxNumber, taxPattern, true, "应为 15 至 20 位数字或大写字母", "must be 15 to 20 figures and capital letters")
	f.text("/address", t.Address, 0, 120)
	f.pattern("/phone", t.Phone, phonePattern, false, "应为电话号码", "must be a telephone number")
	f.text("/bank", t.Bank, 0, 100)
	f.pattern("/account", t.Account, accountPattern, false, "应为 6 至 32 位数字", "must be 6 to 32 figures")
	return f.done()
}

// check cleans a form and finds every mistake in it.
func (m *Form) check() error {
	for _, s := range []*string{&m.Phone, &m.Email, &m.Name, &m.Address} {
		*s = tidy(*s)
	}
	var f fields
	if m.Title == "" {
		f.bad("/title", "请选择发票抬头", "choose a title")
	}
	if m.Content != Detail && m.Content != Category {
		f.bad("/content", "可选：detail, category", "must be detail or category")
	}
	if m.Medium != Electronic && m.Medium != Paper {
		f.bad("/medium", "可选：electronic, paper", "must be electronic or paper")
	}
	f.pattern("/phone", m.Phone, phonePattern, true, "应为电话号码", "must be a telephone number")
	f.pattern("/email", m.Email, emailPattern, true, "应为邮箱地址", "must be an e-mail address")
	if m.Medium == Paper {
		f.text("/recipient", m.Name, 1, 50)
		f.text("/address", m.Address, 5, 200)
	}
	return f.done()
}

// seal closes the title and recipient so that only this invoice opens them.
func (s *Service) seal(id string, v sealed) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return s.cfg.Seal.Seal(invoiceField.Of(id), raw), nil
}

func (s *Service) open(v *Invoice) (out sealed, err error) {
	if v.Sealed == "" {
		return out, nil // it was erased
	}
	raw, err := s.cfg.Seal.Open(invoiceField.Of(v.ID), v.Sealed)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(raw, &out)
}
