package api

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// language is one of the two that certlink speaks.
type language int

const (
	zh language = iota
	en
)

func (l language) tag() string { return l.of("zh-CN", "en") }

func (l language) of(zhText, enText string) string {
	if l == en {
		return enText
	}
	return zhText
}

// languageCookie is the language chosen on the portal or in the phone app, which
// write it: pages of ours in the same browser speak the same one. It decides
// nothing else, so it needs no protection.
const languageCookie = "certlink_lang"

// tagged reads a language's tag as we write it.
func tagged(tag string) (language, bool) {
	switch tag {
	case zh.tag():
		return zh, true
	case en.tag():
		return en, true
	}
	return zh, false
}

// language is the one to answer in: of pages the chosen one, if any was; else what
// the request prefers.
func (c *call) language() language {
	if c.page != nil {
		if l, ok := tagged(c.f.Query("lang")); ok {
			return l
		}
		if l, ok := tagged(string(c.f.Request().Header.Cookie(languageCookie))); ok {
			return l
		}
	}
	return preferred(string(c.f.Request().Header.Peek(fiber.HeaderAcceptLanguage)))
}

// rememberLanguage keeps what ?lang= chose, for the pages after this one.
func (c *call) rememberLanguage() {
	l, ok := tagged(c.f.Query("lang"))
	if !ok {
		return
	}
	text := languageCookie + "=" + l.tag() + "; Path=/; Max-Age=31536000; SameSite=Lax"
	if c.s.secure {
		text += "; Secure"
	}
	c.f.Response().Header.Add(fiber.HeaderSetCookie, text)
}

// preferred reads Accept-Language (RFC 9110 §12.5.4): the language of ours with
// the highest weight, Chinese where nothing is said.
func preferred(header string) language {
	best, weight := zh, 0.0
	for n := 0; header != "" && n < 20; n++ {
		var item string
		item, header, _ = strings.Cut(header, ",")
		tag, params, _ := strings.Cut(item, ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(v, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		var l language
		switch primary {
		case "zh":
			l = zh
		case "en":
			l = en
		default:
			continue
		}
		if q > weight {
			best, weight = l, q
		}
	}
	return best
}
