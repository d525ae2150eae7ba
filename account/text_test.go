package account

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestNames(t *testing.T) {
	for in, out := range map[string]string{
		"张伟":                      "张伟",
		"  李娜\t":                  "李娜",
		"ＡＢＣ公司":                   "ＡＢＣ公司",
		"买买提·艾力":                  "买买提·艾力",
		"e\u0301cole":             "\u00e9cole",
		"张\u3000伟":                "张\u3000伟",
		"a\u00a0b":                "a b",
		"𠮷野家":                     "𠮷野家",
		"\ue000某":                 "\ue000某", // private use: rare characters of old registers
		strings.Repeat("长", 64):   strings.Repeat("长", 64),
		"O'Neil (华东) 1-2=3 @ a+b": "O'Neil (华东) 1-2=3 @ a+b",
	} {
		got, err := CleanName(in, 64)
		if err != nil || got != out {
			t.Errorf("CleanName(%q) = %q, %v; want %q", in, got, err, out)
		}
	}
	for _, bad := range []string{"", "   ", "a\x00b", "a\nb", "a\x1fb", "\u202e李娜", "李\u200b娜", "\u2066x", "x\u200f", "a\u2028b", "\ufeffx",
		"\xff\xfe", "\ufffd", "\U0001fffe", "\ufdd0", "=1+1", "+cmd", "-2", "@sum", "＝1", "\t=1", " =1", "\u3000@x",
		"a\u0301\u0301\u0301\u0301\u0301\u0301", strings.Repeat("长", 65), strings.Repeat("a", 5000)} {
		if got, err := CleanName(bad, 64); err == nil {
			t.Errorf("CleanName(%q) accepted as %q", bad, got)
		}
	}
}

func TestLogins(t *testing.T) {
	for in, out := range map[string]string{"Admin": "admin", " zhang.wei ": "zhang.wei", "ｌｉｎａ": "lina", "a@b.cn": "a@b.cn", "9x": "9x"} {
		if got, err := cleanLogin(in); err != nil || got != out {
			t.Errorf("cleanLogin(%q) = %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "a", "=ab", "-ab", "@ab", "a b", "张伟", "a/b", "a\x00b", strings.Repeat("a", 65), "a\u202eb"} {
		if got, err := cleanLogin(bad); err == nil {
			t.Errorf("cleanLogin(%q) accepted as %q", bad, got)
		}
	}
}

func TestOtherFields(t *testing.T) {
	for in, out := range map[string]string{"138 0000-1234": "13800001234", "+86 13800001234": "+8613800001234", "１３８０００００００１": "13800000001"} {
		if got, err := cleanMobile(in); err != nil || got != out {
			t.Errorf("cleanMobile(%q) = %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{"123", "=13800001234", "138000012341234567", "++138000", "1380000x234"} {
		if _, err := cleanMobile(bad); err == nil {
			t.Errorf("cleanMobile(%q) accepted", bad)
		}
	}
	for _, bad := range []string{"x", "a b@c.d", "=a@b.c", "Name <a@b.c>", "a@b.c\n", "a@b.c, d@e.f"} {
		if got, err := cleanEmail(bad); err == nil && got != strings.TrimSpace(bad) {
			t.Errorf("cleanEmail(%q) = %q", bad, got)
		} else if err == nil && bad != "a@b.c\n" {
			t.Errorf("cleanEmail(%q) accepted", bad)
		}
	}
	if got, err := cleanIDNumber(" 33990019900101001１"); err != nil || got != "339900199001010011" {
		t.Errorf("ID number: %q, %v", got, err)
	}
	if _, err := cleanIDNumber("339900199001010012"); err == nil {
		t.Error("a wrong check digit was accepted")
	}
	// The legal code that fails GB 32100's check: accepted, and marked.
	code, err := cleanCreditCode("91350100m0001tgqxm")
	if err != nil || !(&Organisation{CreditCode: code}).CreditCodeDoubtful() {
		t.Errorf("credit code: %q, %v", code, err)
	}
	if (&Organisation{CreditCode: "91339900MADEM0A15M"}).CreditCodeDoubtful() {
		t.Error("a right code is called doubtful")
	}
	for _, bad := range []string{"", "1234", "91350100M0001TGQX=", strings.Repeat("中", 18)} {
		if _, err := cleanCreditCode(bad); err == nil {
			t.Errorf("credit code %q accepted", bad)
		}
	}
	if m := (&Account{Mobile: "13812345678"}).MaskedMobile(); m != "138****5678" {
		t.Errorf("masked: %s", m)
	}
	if m := (&Account{Mobile: "12345"}).MaskedMobile(); m != "*****" {
		t.Errorf("masked: %s", m)
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"张伟", "e\u0301", "\u202ex", "=1", "ＡＢＣ", "a\u00a0", "\u1fef", "\u2000", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out, err := CleanName(in, 64)
		if err != nil {
			return
		}
		if again, err := CleanName(out, 64); err != nil || again != out {
			t.Fatalf("not stable: %q → %q → %q, %v", in, out, again, err)
		}
		if n := utf8.RuneCountInString(out); n == 0 || n > 64 || !utf8.ValidString(out) || !norm.NFC.IsNormalString(out) {
			t.Fatalf("%q → %q", in, out)
		}
		for _, r := range out {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Fatalf("%q → %q holds %U", in, out, r)
			}
		}
		if strings.ContainsAny(out[:1], "=+-@\t\r") {
			t.Fatalf("%q is a formula", out)
		}
	})
}
