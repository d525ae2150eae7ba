package api

import (
	"net/netip"
	"strings"
)

// clientIP is the address a request came from: the peer's, or, where the peer is a
// trusted proxy, the right-most address of X-Forwarded-For that is not one. What
// stands further left was written by whoever sent it.
func clientIP(peer netip.Addr, forwarded string, trusted []netip.Prefix) netip.Addr {
	at := peer.Unmap().WithZone("")
	for isTrusted(at, trusted) {
		var last string
		if i := strings.LastIndexByte(forwarded, ','); i >= 0 {
			forwarded, last = forwarded[:i], forwarded[i+1:]
		} else {
			forwarded, last = "", forwarded
		}
		next, ok := forwardedAddr(strings.TrimSpace(last))
		if !ok {
			return at // nothing more, or nothing readable: the last one known
		}
		at = next
	}
	return at
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// forwardedAddr reads an address as proxies write it, some with a port.
func forwardedAddr(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

// Browsers and systems by the marks in their User-Agent, the more particular first:
// nearly all of them call themselves Chrome and Safari as well.
var (
	browserMarks = [][2]string{
		{"MicroMessenger/", "WeChat"}, {"wxwork/", "WeCom"}, {"DingTalk/", "DingTalk"}, {"QQBrowser/", "QQ Browser"},
		{"UCBrowser/", "UC Browser"}, {"HuaweiBrowser/", "Huawei Browser"}, {"MiuiBrowser/", "Mi Browser"},
		{"SamsungBrowser/", "Samsung Internet"}, {"QIHU 360", "360"}, {"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
		{"OPR/", "Opera"}, {"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"}, {"HeadlessChrome/", "Chrome"},
		{"Chrome/", "Chrome"}, {"Version/", "Safari"}, {"Trident/", "Internet Explorer"},
	}
	systemMarks = [][2]string{
		{"OpenHarmony", "HarmonyOS"}, {"HarmonyOS", "HarmonyOS"}, {"Windows", "Windows"}, {"iPhone", "iPhone"}, {"iPad", "iPad"},
		{"Android", "Android"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	}
)

// unknownBrowser stands in a statement where nothing readable was said.
const unknownBrowser = "unknown"

// browserName makes the User-Agent short and readable: "Edge 142 · Windows". The
// holder of a certificate reads it, and signs it, so it is put together from words
// of ours and digits; of a program that is no browser, its first plain word.
func browserName(agent string) string {
	if len(agent) > 1024 {
		agent = agent[:1024]
	}
	if strings.HasPrefix(agent, "Mozilla/") {
		for _, b := range browserMarks {
			i := strings.Index(agent, b[0])
			if i < 0 {
				continue
			}
			name := b[1]
			if v := digits(agent[i+len(b[0]):]); v != "" && strings.HasSuffix(b[0], "/") {
				name += " " + v
			}
			for _, s := range systemMarks {
				if strings.Contains(agent, s[0]) {
					return name + " · " + s[1]
				}
			}
			return name
		}
		return unknownBrowser
	}
	word, rest, _ := strings.Cut(agent, "/")
	for i := range len(word) {
		c := word[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9' || i == 0) && (c != '-' && c != '.' && c != '_' || i == 0) {
			word = word[:i]
			break
		}
	}
	if word == "" || len(word) > 32 {
		return unknownBrowser
	}
	if v := digits(rest); v != "" {
		return word + " " + v
	}
	return word
}

// digits is the leading number, at most six figures of it.
func digits(s string) string {
	n := 0
	for n < len(s) && n < 6 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n]
}
