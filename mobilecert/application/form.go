package application

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"certlink/account"
	"certlink/internal/fault"
	"certlink/internal/seal"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/trust"
)

// Form is what an applicant fills in. While it is a draft anything may stand in it;
// check says what is wrong when it is handed in.
type Form struct {
	Organisation string `json:"organisation"`
	CreditCode   string `json:"credit_code"`
	Holder       string `json:"holder"`
	Document     string `json:"document"` // one of Documents
	IDNumber     string `json:"id_number"`
	Mobile       string `json:"mobile"`
	Email        string `json:"email"`
	// Where a U-Key goes to.
	Recipient       string `json:"recipient"`
	RecipientMobile string `json:"recipient_mobile"`
	Address         string `json:"address"`
}

// Documents are the kinds of identity document. Only the first can be checked
// against the national register.
var Documents = []string{"id_card", "passport", "hk_macao_permit", "taiwan_permit", "residence_permit"}

// Fields are the names of the form, in its order; reasons and changes name them.
var Fields = []string{"organisation", "credit_code", "holder", "document", "id_number", "mobile", "email", "recipient", "recipient_mobile", "address"}

// field finds a member by its name.
func (f *Form) field(name string) *string {
	switch name {
	case "organisation":
		return &f.Organisation
	case "credit_code":
		return &f.CreditCode
	case "holder":
		return &f.Holder
	case "document":
		return &f.Document
	case "id_number":
		return &f.IDNumber
	case "mobile":
		return &f.Mobile
	case "email":
		return &f.Email
	case "recipient":
		return &f.Recipient
	case "recipient_mobile":
		return &f.RecipientMobile
	case "address":
		return &f.Address
	}
	return nil
}

// Get reads a member by its name.
func (f *Form) Get(name string) string {
	if p := f.field(name); p != nil {
		return *p
	}
	return ""
}

const maxField = 200

// take puts what was typed into the form, as it is but for what no form may hold.
func (f *Form) take(typed map[string]string) error {
	var wrong *fault.Error
	for name, v := range typed {
		to := f.field(name)
		if to == nil || !utf8.ValidString(v) || utf8.RuneCountInString(v) > maxField || strings.ContainsFunc(v, hidden) {
			if wrong == nil {
				wrong = ErrText
			}
			wrong = wrong.At("/"+name, "最多 200 个字，不能含有换行或不可见字符", "at most 200 characters, no line breaks, nothing invisible")
			continue
		}
		*to = norm.NFC.String(v)
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}

var (
	mobileForm  = regexp.MustCompile(`^1[3-9][0-9]{9}$`)
	codeForm    = regexp.MustCompile(`^[0-9A-Z]{18}$`)
	foreignForm = regexp.MustCompile(`^[0-9A-Z()-]{5,24}$`)
)

// clean writes numbers in one way, and checks everything that this medium needs.
// The refusal points at every field that is wrong.
func (f *Form) clean(medium mobilecert.Medium) error {
	for _, name := range Fields {
		p := f.field(name)
		*p = strings.TrimSpace(*p)
	}
	fold := func(s string) string { return strings.ToUpper(norm.NFKC.String(strings.Join(strings.Fields(s), ""))) }
	f.CreditCode, f.IDNumber = fold(f.CreditCode), fold(f.IDNumber)
	f.Mobile, f.RecipientMobile = phone(f.Mobile), phone(f.RecipientMobile)

	var wrong *fault.Error
	bad := func(name, zh, en string) {
		if wrong == nil {
			wrong = ErrForm
		}
		wrong = wrong.At("/"+name, zh, en)
	}
	if _, err := account.CleanName(f.Organisation, 128); err != nil {
		bad("organisation", "请填写机构全称，与营业执照一致", "the organisation's full name, as on its licence")
	}
	if !codeForm.MatchString(f.CreditCode) {
		bad("credit_code", "应为 18 位数字或大写字母", "18 digits or capital letters")
	}
	if _, err := account.CleanName(f.Holder, 64); err != nil {
		bad("holder", "请填写持有人姓名，与证件一致", "the holder's name, as on the document")
	}
	f.checkNumber(bad)
	if !mobileForm.MatchString(f.Mobile) {
		bad("mobile", "应为 11 位手机号码", "a mobile number of 11 digits")
	}
	if a, err := mail.ParseAddress(f.Email); err != nil || a.Address != f.Email || len(f.Email) > 254 || !strings.Contains(f.Email[strings.LastIndexByte(f.Email, '@'):], ".") {
		bad("email", "邮箱地址不正确", "not an e-mail address")
	}
	if medium == mobilecert.UKey {
		f.checkDelivery(bad)
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

func (f *Form) checkNumber(bad func(name, zh, en string)) {
	switch {
	case f.Document == Documents[0]:
		if trust.CheckIDNumber(f.IDNumber) != nil {
			bad("id_number", "身份证号码不正确，请核对 18 位号码", "not a right ID number; compare its 18 characters")
		}
	case !known(f.Document):
		bad("document", "请选择证件类型", "choose the kind of document")
	case !foreignForm.MatchString(f.IDNumber):
		bad("id_number", "请填写证件号码", "the number of the document")
	}
}

func known(document string) bool {
	for _, d := range Documents {
		if d == document {
			return true
		}
	}
	return false
}

func (f *Form) checkDelivery(bad func(name, zh, en string)) {
	if _, err := account.CleanName(f.Recipient, 64); err != nil {
		bad("recipient", "请填写收件人", "the recipient's name")
	}
	if !mobileForm.MatchString(f.RecipientMobile) {
		bad("recipient_mobile", "应为 11 位手机号码", "a mobile number of 11 digits")
	}
	if utf8.RuneCountInString(f.Address) < 6 {
		bad("address", "请填写省、市、区和详细地址", "province, city, district and the address in full")
	}
}

func phone(s string) string {
	s = strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(norm.NFKC.String(s))
	return strings.TrimPrefix(s, "+86")
}

// Doubtful says that the credit code fails GB 32100's check character: worth a look,
// and never a refusal.
func (f *Form) Doubtful() bool { return f.CreditCode != "" && !trust.CreditCodeWarning(f.CreditCode) }

// Masked hides what somebody other than the applicant need not read in full.
func (f Form) Masked() Form {
	f.IDNumber, f.Mobile, f.RecipientMobile = trust.MaskID(f.IDNumber), trust.MaskID(f.Mobile), trust.MaskID(f.RecipientMobile)
	if name, host, ok := strings.Cut(f.Email, "@"); ok {
		f.Email = trust.MaskID(name) + "@" + host
	}
	if r := []rune(f.Address); len(r) > 6 {
		f.Address = string(r[:6]) + strings.Repeat("*", len(r)-6)
	}
	return f
}

// changes names the fields that differ.
func (f *Form) changes(before *Form) []string {
	var out []string
	for _, name := range Fields {
		if f.Get(name) != before.Get(name) {
			out = append(out, name)
		}
	}
	return out
}

// What this package keeps under seal: what was typed, and whose identity the proof is
// about.
var (
	formField   = seal.In("applications", "application form")
	holderField = seal.In("applications", "application holder")
)

// Sealed lists it.
func Sealed(s store.Store, r *seal.Ring) []seal.Stock {
	return []seal.Stock{seal.StockOf(r, record(s), places)}
}

var places seal.Places[Application] = func(a *Application, visit func(seal.Purpose, *string) error) error {
	if err := visit(formField.Of(a.ID), &a.Sealed); err != nil {
		return err
	}
	for i := range a.Submissions {
		if err := visit(formField.Of(a.ID), &a.Submissions[i].Sealed); err != nil {
			return err
		}
	}
	return visit(holderField.Of(a.ID), &a.Proof.Holder)
}

func sealForm(ring *seal.Ring, application string, f *Form) (string, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	return ring.Seal(formField.Of(application), plain), nil
}

func openForm(ring *seal.Ring, application, sealed string) (*Form, error) {
	if sealed == "" {
		return new(Form), nil // it was erased
	}
	plain, err := ring.Open(formField.Of(application), sealed)
	if err != nil {
		return nil, fmt.Errorf("application %s: %w", application, err)
	}
	f := new(Form)
	return f, json.Unmarshal(plain, f)
}

// holder names the natural person that a form is about.
func (f *Form) holder() string { return store.Key(f.Holder, f.Document, f.IDNumber) }

// proves seals who a proof is about.
func (s *Service) proves(a string, f *Form) string {
	return s.cfg.Seal.Seal(holderField.Of(a), []byte(f.holder()))
}

// proved says whether the application's proof is about the person of the form.
func (s *Service) proved(a *Application, f *Form) (bool, error) {
	plain, err := s.cfg.Seal.Open(holderField.Of(a.ID), a.Proof.Holder)
	if err != nil {
		return false, fmt.Errorf("application %s: whom its proof is about: %w", a.ID, err)
	}
	return string(plain) == f.holder(), nil
}
