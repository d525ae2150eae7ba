package bridge

import (
	"strconv"
	"strings"
	"time"

	"certlink/phone"
	"certlink/ukey/dialog"
)

// in chooses the language; Chinese is the one that people here have first.
func in(language, zh, en string) string {
	if strings.HasPrefix(strings.ToLower(language), "en") {
		return en
	}
	return zh
}

func pairQuestion(origin, language string) dialog.Question {
	return dialog.Question{
		Title: in(language, "允许网站使用 U-Key？", "Let a site use U-Keys?"),
		Text: in(language,
			"网站 "+phone.Visible(origin)+"\n请求读取这台电脑上的 U-Key 证书，并请您用 U-Key 签名。\n\n每次签名都会另外弹出窗口请您确认，PIN 码不会交给网站。\n如果您没有正在使用这个网站，请拒绝。",
			"The site "+phone.Visible(origin)+"\nasks to see the certificates on U-Keys of this computer, and to ask you for signatures.\n\nA window like this will ask you each time; the PIN is never given to the site.\nIf you are not using this site just now, refuse."),
		Yes: in(language, "允许", "Allow"), No: in(language, "拒绝", "Refuse"),
	}
}

// signText is what the person reads before typing the PIN: what for, for whom, by
// whom, from where; then everything else, fields without words too.
func signText(st *phone.Statement, holder, language string) string {
	var b strings.Builder
	line := func(label, value string) {
		if value != "" {
			b.WriteString(label + in(language, "：", ": ") + phone.Visible(value) + "\n")
		}
	}
	b.WriteString(phone.Headline(st.Get("purpose"), language) + "\n\n")
	line(in(language, "网站", "Site"), st.Get("audience"))
	line(in(language, "证书", "Certificate"), holder)
	first := []string{"subject.name", "subject.organisation", "actor.name", "actor.organisation", "details.provider_name"}
	last := map[string]bool{"version": true, "id": true, "purpose": true, "audience": true, "nonce": true, "issued_at": true, "details.provider": true, "details.medium": true,
		"actor.id": true, "actor.organisation_id": true, "subject.id": true, "subject.organisation_id": true}
	shown := map[string]bool{}
	for _, path := range first {
		shown[path] = true
		line(phone.Field{Path: path}.Label(language), st.Get(path))
	}
	for _, f := range st.Fields() {
		if !shown[f.Path] && !last[f.Path] {
			line(f.Label(language), local(f.Value))
		}
	}
	b.WriteString("\n")
	for _, f := range st.Fields() {
		if last[f.Path] && f.Path != "purpose" && f.Path != "audience" {
			line(f.Label(language), f.Value)
		}
	}
	return strings.TrimSpace(b.String())
}

// local shows a moment by the clock on the wall.
func local(v string) string {
	if t, err := time.Parse(time.RFC3339, v); err == nil {
		return t.Local().Format("2006-01-02 15:04:05")
	}
	return v
}

func pinQuestion(st *phone.Statement, holder, language string, wrong bool, left int) dialog.Question {
	title, yes := in(language, "用 U-Key 签名", "Sign with the U-Key"), in(language, "签名", "Sign")
	if st.Get("purpose") == purposeRehearse {
		title, yes = in(language, "用 U-Key 做解密演练", "Rehearse decryption with the U-Key"), in(language, "解密", "Decrypt")
	}
	q := dialog.Question{
		Title: title, Text: signText(st, holder, language),
		Prompt: in(language, "PIN 码：", "PIN:"), Yes: yes, No: in(language, "取消", "Cancel"), More: in(language, "下一页", "Next page"),
	}
	if wrong {
		q.Mistake = in(language, "PIN 码不正确。", "The PIN is wrong.")
	}
	if left > 0 && (wrong || left <= 3) {
		n := strconv.Itoa(left)
		q.Mistake += in(language, "还可以尝试 "+n+" 次，之后 U-Key 会锁定。", " "+n+" left before the U-Key locks.")
	}
	return q
}

func lastQuestion(language string) dialog.Question {
	return dialog.Question{
		Title: in(language, "只剩最后一次机会", "Only one try is left"),
		Text: in(language, "再输错一次 PIN 码，U-Key 就会锁定，只能由证书服务商解锁。\n\n确定要用掉最后一次机会吗？如果不确定 PIN 码，请选择“不再尝试”。",
			"One more wrong PIN locks the U-Key, and only the certificate's provider can unlock it.\n\nUse the last try? If you are not sure of the PIN, do not."),
		Yes: in(language, "使用最后一次机会", "Use the last try"), No: in(language, "不再尝试", "Do not try"),
	}
}

func ownQuestion(st *phone.Statement, holder, language string) dialog.Question {
	q := pinQuestion(st, holder, language, false, -1)
	q.Text += "\n\n" + in(language, "点击“"+q.Yes+"”后，请在 U-Key 自己的窗口或按键上输入 PIN 码。", "After pressing "+q.Yes+", type the PIN where the U-Key itself asks for it.")
	return q
}
