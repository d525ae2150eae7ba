package phone

import (
	"fmt"
	"strings"
	"unicode"
)

// labels are the words for the fields of a statement. A field without words is shown
// by its path.
var labels = map[string][2]string{
	"version":                   {"版本", "Version"},
	"id":                        {"声明编号", "Statement"},
	"purpose":                   {"用途", "Purpose"},
	"audience":                  {"平台", "Service"},
	"nonce":                     {"随机数", "Nonce"},
	"issued_at":                 {"发出时间", "Issued at"},
	"expires_at":                {"有效至", "Confirm before"},
	"actor.id":                  {"发起账号编号", "Account asking (id)"},
	"actor.name":                {"发起人", "Asked by"},
	"actor.organisation":        {"发起机构", "Organisation asking"},
	"actor.organisation_id":     {"发起机构编号", "Organisation asking (id)"},
	"subject.id":                {"目标账号编号", "For account (id)"},
	"subject.name":              {"目标账号", "For"},
	"subject.organisation":      {"目标机构", "For organisation"},
	"subject.organisation_id":   {"目标机构编号", "For organisation (id)"},
	"details.provider":          {"CA 服务商编号", "Provider (id)"},
	"details.provider_name":     {"CA 服务商", "Provider"},
	"details.medium":            {"介质", "Medium"},
	"details.product":           {"产品编号", "Product (id)"},
	"details.product_name":      {"产品", "Product"},
	"details.applicant":         {"申领人", "Applicant"},
	"details.organisation":      {"证书机构", "Organisation in the certificate"},
	"details.algorithm":         {"算法", "Algorithm"},
	"details.public_key_sha256": {"新密钥指纹", "New key (SHA-256)"},

	"details.encryption_certificate":    {"加密证书指纹", "Encryption certificate (SHA-256)"},
	"details.encryption_serial":         {"加密证书序列号", "Encryption certificate's serial number"},
	"details.encryption_subject_sha256": {"加密证书主体摘要", "Encryption certificate's subject (SHA-256)"},
	"details.holder_name":               {"持有人", "Holder"},
	"details.renewal":                   {"续费编号", "Renewal"},
	"details.certificate":               {"证书指纹", "Certificate (SHA-256)"},
	"details.certificate_id":            {"证书编号", "Certificate (id)"},
	"details.certificate_serial":        {"证书序列号", "Serial number"},
	"details.previous_certificate":      {"原证书指纹", "Previous certificate (SHA-256)"},
	"details.previous_serial":           {"原证书序列号", "Previous serial number"},
	"details.not_after":                 {"有效期至", "Valid until"},
	"details.bids":                      {"项目与开标时间", "Tenders and openings"},
	"details.bids_count":                {"未开标的投标文件", "Bids not opened yet"},
	"details.bids_first_opening":        {"最早开标", "First opening"},
	"details.bids_last_opening":         {"最晚开标", "Last opening"},
	"details.bids_sha256":               {"清单摘要", "Digest of the list"},
	"details.advice":                    {"请注意", "Note (Chinese)"},
	"details.advice_en":                 {"请注意（英文）", "Note"},
	"details.phone":                     {"CA 服务商电话", "Phone of the authority"},
	"details.challenge_sha256":          {"密文摘要", "Challenge (SHA-256)"},

	"requester.ip":         {"发起地址", "From address"},
	"requester.place":      {"大致位置", "Near"},
	"requester.browser":    {"浏览器", "Browser"},
	"requester.started_at": {"发起时间", "Started at"},
}

var headlines = map[string][2]string{
	"bind":        {"绑定证书到账号", "Bind a certificate to an account"},
	"enroll":      {"领取手机证书", "Collect a certificate on this phone"},
	"extend":      {"延期证书", "Extend a certificate"},
	"acknowledge": {"知悉并继续", "Acknowledge and go on"},
	"replace":     {"用新证书接替原证书", "Put the new certificate in the old one's place"},
	"rehearse":    {"解密演练", "Decryption rehearsal"},
	"login":       {"登录", "Sign in"},
	"sign":        {"签署文件", "Sign a document"},
	"decrypt":     {"解密", "Decrypt"},
}

func in(language string, words [2]string) string {
	if language == "en" {
		return words[1]
	}
	return words[0]
}

// Label is what a field is called, in "zh-CN" or "en".
func (f Field) Label(language string) string {
	if words, ok := labels[f.Path]; ok {
		return in(language, words)
	}
	return Visible(f.Path)
}

// Headline says what a purpose is about.
func Headline(purpose, language string) string {
	if words, ok := headlines[purpose]; ok {
		return in(language, words)
	}
	return Visible(purpose)
}

// Visible shows what would otherwise work on the text unseen: controls, marks that
// turn the direction of writing, characters without width. A terminal obeys some of
// them, a person sees none.
func Visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r != ' ' && (!unicode.IsGraphic(r) || unicode.Is(unicode.Zs, r) || unicode.Is(unicode.Variation_Selector, r) || hidden[r]) {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// hidden are letters and marks by their class, and yet nothing to be seen.
var hidden = map[rune]bool{0x034f: true, 0x115f: true, 0x1160: true, 0x17b4: true, 0x17b5: true, 0x3164: true, 0xffa0: true}
