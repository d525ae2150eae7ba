package api

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"certlink/internal/clock"
	"certlink/internal/fault"
)

func TestPreferred(t *testing.T) {
	for header, want := range map[string]language{
		"": zh, "zh-CN": zh, "en": en, "en-GB,en;q=0.9": en, "fr": zh, "fr, en;q=0.5": en, "en;q=0.2, zh;q=0.3": zh, "zh;q=0, en": en,
		"EN-us": en, "*": zh, ";;;,,q=": zh, "en;q=x": zh, "en;q=9": zh, strings.Repeat("fr,", 30) + "en": zh,
	} {
		if got := preferred(header); got != want {
			t.Errorf("%.40q: %v", header, got)
		}
	}
}

// FuzzPreferred: whatever the header says, one of the two languages comes of it, and
// the same with the same words again behind it.
func FuzzPreferred(f *testing.F) {
	for _, header := range []string{"en-GB,en;q=0.9", "zh;q=0, en", ";;;,,q=", "en;q=NaN", "en;q=-0"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		l := preferred(header)
		if l != zh && l != en {
			t.Fatalf("%v", l)
		}
		if strings.Count(header, ",") < 9 && preferred(header+","+header) != l {
			t.Fatalf("%q said twice is another language", header)
		}
	})
}

func TestClientIP(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range [][3]string{
		{"192.0.2.1", "", "192.0.2.1"},
		{"192.0.2.1", "198.51.100.1", "192.0.2.1"}, // not from a proxy of ours
		{"10.0.0.1", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1", "6.6.6.6, 198.51.100.1, 10.2.3.4", "198.51.100.1"},
		{"10.0.0.1", "10.9.9.9", "10.9.9.9"},
		{"10.0.0.1", "", "10.0.0.1"},
		{"10.0.0.1", "garbage", "10.0.0.1"},
		{"10.0.0.1", "198.51.100.1, garbage", "10.0.0.1"},
		{"::1", "[2001:db8::1]:443", "2001:db8::1"},
		{"::ffff:10.0.0.1", "198.51.100.1:1234", "198.51.100.1"},
		{"10.0.0.1", "fe80::1%eth0", "fe80::1"},
	} {
		if got := clientIP(netip.MustParseAddr(c[0]), c[1], trusted); got.String() != c[2] {
			t.Errorf("%v: %s", c, got)
		}
	}
}

func TestBrowserName(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36":                                                             "Chrome 142 · Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":                                               "Edge 142 · Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15":                                                       "Safari 18 · macOS",
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                                                                      "Firefox 128 · Linux",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50(0x1800323d) NetType/WIFI Language/zh_CN": "WeChat 8 · iPhone",
		"Mozilla/5.0 (Linux; Android 14; ALN-AL00 Build/HUAWEI; HarmonyOS) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0 HuaweiBrowser/15.0 Mobile Safari/537.36":               "Huawei Browser 15 · HarmonyOS",
		"curl/8.5.0": "curl 8", "Go-http-client/2.0": "Go-http-client 2", "": "unknown", "Mozilla/5.0": "unknown", "\u202eevil": "unknown", "<script>": "unknown",
	} {
		if got := browserName(agent); got != want {
			t.Errorf("%.60q: %q", agent, got)
		}
	}
}

// FuzzBrowserName: whatever is sent, what enters the statement is short and plain.
func FuzzBrowserName(f *testing.F) {
	for _, s := range []string{"Mozilla/5.0 (Windows NT 10.0) Chrome/1", "curl/8", "a/\x00", strings.Repeat("Edg/", 400)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		name := browserName(agent)
		if name == "" || len(name) > 60 || !utf8.ValidString(name) {
			t.Fatalf("%q", name)
		}
		for _, r := range name {
			if r < 0x20 || r > 0x7e && r != '·' {
				t.Fatalf("%q", name)
			}
		}
	})
}

// FuzzForwarded: no header makes clientIP name something that is no address.
func FuzzForwarded(f *testing.F) {
	f.Add("1.2.3.4, 10.0.0.1")
	f.Add("[::1]:80,,,")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, header string) {
		got := clientIP(netip.MustParseAddr("10.0.0.1"), header, trusted)
		if !got.IsValid() || got.Zone() != "" {
			t.Fatalf("%v", got)
		}
	})
}

func TestMeterForgets(t *testing.T) {
	c := clock.NewManual(time.Unix(1, 0))
	m := newMeter(Rate{1, 1}, 2, c.Now)
	for _, key := range []string{"a", "b"} {
		if m.allow(key) != nil || m.allow(key) == nil {
			t.Errorf("%s", key)
		}
	}
	if m.allow("c") != nil || m.order.Len() != 2 || m.allow("b") == nil { // a is forgotten, b not
		t.Errorf("%d", m.order.Len())
	}
	if f := fault.Of(m.allow("b")); f.Retry != time.Second {
		t.Errorf("%v", f.Retry)
	}
	c.Advance(time.Second)
	if err := m.allow("b"); err != nil {
		t.Error(err)
	}
	if newMeter(Unbounded, 1, c.Now).allow("x") != nil {
		t.Error("there is a bound")
	}
}

func TestRetryAfter(t *testing.T) {
	if n := retryAfter(ErrRate.After(1100 * time.Millisecond)); n != 2 {
		t.Errorf("%d", n)
	}
	if n := retryAfter(ErrRoute); n != 0 {
		t.Errorf("%d", n)
	}
	seen := map[int]bool{}
	for range 200 {
		seen[retryAfter(ErrUnavailable.After(4*time.Second))] = true
	}
	if len(seen) < 3 || seen[4] && len(seen) == 1 {
		t.Errorf("everybody comes back at once: %v", seen)
	}
}
