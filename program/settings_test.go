package program

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every mistake in what says how to be paid is named at the start, at once.
func TestMistakesInPaymentSettings(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := Settings{Addr: "127.0.0.1:8080", Store: "embedded", BindingsEach: 1, StartsPerMin: 1, RequestsPerSec: 1, Cashier: cashierSettings{
		OrderDays: 99, WechatMerchant: "x", WechatPrivateKey: empty, AlipayApp: "x", AlipayPublicKey: "/nowhere", TransferPayee: "x",
	}}
	err := s.Check()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, name := range []string{
		"CERTLINK_ORDER_DAYS", "CERTLINK_WECHATPAY_MERCHANT_ID", "CERTLINK_WECHATPAY_APP_ID", "CERTLINK_WECHATPAY_CERT_SERIAL", "CERTLINK_WECHATPAY_PRIVATE_KEY_FILE",
		"CERTLINK_WECHATPAY_API_V3_KEY_FILE", "CERTLINK_WECHATPAY_PUBLIC_KEY_FILE", "CERTLINK_ALIPAY_APP_ID", "CERTLINK_ALIPAY_SELLER_ID",
		"CERTLINK_ALIPAY_PRIVATE_KEY_FILE", "CERTLINK_ALIPAY_PUBLIC_KEY_FILE", "CERTLINK_TRANSFER_PAYEE",
	} {
		if !slices.ContainsFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return strings.HasPrefix(line, name) }) {
			t.Errorf("%s is not named:\n%v", name, err)
		}
	}
}

// Every mistake in what names the authority's site is told at the start.
func TestMistakesInSiteSettings(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("0123456789abcdef\n")
	for name, c := range map[string]struct {
		s     siteSettings
		names string
	}{
		"none":           {siteSettings{}, ""},
		"both":           {siteSettings{"https://ca.example.cn", good}, ""},
		"no secret":      {siteSettings{"https://ca.example.cn", ""}, "CERTLINK_EXTENSION_SITE_SECRET_FILE"},
		"no address":     {siteSettings{"", good}, "CERTLINK_EXTENSION_SITE_URL"},
		"plain HTTP":     {siteSettings{"http://ca.example.cn", good}, "CERTLINK_EXTENSION_SITE_URL"},
		"no file":        {siteSettings{"https://ca.example.cn", "/nowhere"}, "CERTLINK_EXTENSION_SITE_SECRET_FILE"},
		"a short secret": {siteSettings{"https://ca.example.cn", file("short")}, "CERTLINK_EXTENSION_SITE_SECRET_FILE"},
	} {
		s := Settings{Addr: "127.0.0.1:8080", Store: "embedded", siteSettings: c.s}
		err := s.Check()
		if err == nil {
			t.Fatal("a setting out of its bounds is taken")
		}
		named := slices.ContainsFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return strings.HasPrefix(line, "CERTLINK_EXTENSION_SITE") })
		if named != (c.names != "") || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s:\n%v", name, err)
		}
	}
}
