package api

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"certlink/internal/fault"
	"certlink/qr"
)

// The few pages that work without script and without a build: where a code leads
// that an ordinary camera opens, the course for browsers without script, the list
// of refusals, and refusals themselves.

//go:embed pages
var pageFiles embed.FS

var pageStyle = must(pageFiles.ReadFile("pages/plain.css"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // a mistake in a file that is compiled in
	}
	return v
}

// pageTemplates hold each page in both languages: {{t "中文" "English"}}.
var pageTemplates = [2]*template.Template{zh: parsePages(zh), en: parsePages(en)}

func parsePages(l language) *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"t":    l.of,
		"lang": l.tag,
		"date": localTime,
		"yuan": yuan,
	}).ParseFS(pageFiles, "pages/*.html"))
}

// yuan writes an amount, 20000 as ¥200.00.
func yuan(fen int64) string { return fmt.Sprintf("¥%d.%02d", fen/100, fen%100) }

// show renders a page. Nothing of it may be kept by anybody in between.
func (c *call) show(status int, name string, data any) error {
	var b bytes.Buffer
	if err := pageTemplates[c.language()].ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	c.f.Response().ResetBody()
	c.f.Status(status)
	c.f.Response().Header.SetContentType("text/html; charset=utf-8")
	c.f.Set(fiber.HeaderCacheControl, "no-store")
	c.f.Set(fiber.HeaderContentLanguage, c.language().tag())
	c.f.Vary(fiber.HeaderAcceptLanguage, fiber.HeaderCookie)
	c.rememberLanguage()
	c.f.Response().SetBodyRaw(b.Bytes())
	return nil
}

// refusedPage is a refusal as a person reads it.
type refusedPage struct {
	Title, Code, RequestID string
	Back                   string
}

// failPage shows a refusal as a page, with the way on.
func (c *call) failPage(f *fault.Error, status int) {
	back := "/portal/"
	if strings.HasPrefix(c.f.Path(), "/plain/") {
		back = "/plain/"
	}
	p := refusedPage{c.language().of(f.ZH, f.EN), f.Code, c.requestID, back}
	if err := c.show(status, "refused.html", p); err != nil {
		c.s.Log.Error("a page cannot be written", "request_id", c.requestID, "err", err)
	}
}

func (s *Server) getStyle(c *call) error {
	c.f.Response().Header.SetContentType("text/css; charset=utf-8")
	c.f.Set(fiber.HeaderCacheControl, "max-age=3600")
	c.f.Response().SetBodyRaw(pageStyle)
	return nil
}

// landing is where a code leads that an ordinary camera opened. Whoever sees it has
// an address only: it says what this is, offers the app, and changes nothing. It
// does not say whether the code is good, which the app finds out.
type landing struct {
	Purpose, Open, Code string
	// SameDevice: the page that began it offered this link, no camera read it.
	SameDevice bool
}

func (s *Server) getLanding(c *call) error {
	c.f.Set(fiber.HeaderReferrerPolicy, "no-referrer") // the address is the code
	link := s.Origin + string(c.f.Request().URI().PathOriginal())
	code, err := qr.ParseCode(s.Origin, link)
	if err != nil {
		return err
	}
	return c.show(fiber.StatusOK, "landing.html", landing{
		Purpose: string(code.Letter), SameDevice: code.Nonce != "", Code: link, Open: "/phone/#/scan?code=" + url.QueryEscape(link),
	})
}

// getErrors lists every refusal there is: what a problem's "type" leads to.
func (s *Server) getErrors(c *call) error {
	type line struct {
		Code, ZH, EN string
		Status       int
	}
	var lines []line
	for _, f := range fault.All() {
		lines = append(lines, line{f.Code, f.ZH, f.EN, statusOf(f)})
	}
	return c.show(fiber.StatusOK, "errors.html", lines)
}

// form reads a field of a form; texts obey the rules of decode.
func (c *call) form(name string, most int) (string, error) {
	v := c.f.Request().PostArgs().Peek(name)
	s := string(v)
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > most || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return "", ErrRequest.At("/"+name, "内容过长或含有不可接受的字符", "is too long, or holds characters that are not accepted")
	}
	return s, nil
}
