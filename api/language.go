package api

import (
	"strconv"
	"strings"
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
