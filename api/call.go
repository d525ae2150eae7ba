package api

import (
	"context"
	"encoding/base64"
	"mime"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"

	"certlink/account"
	"certlink/internal/fault"
	"certlink/internal/form"
	"certlink/internal/id"
)

// call is one request on its way through.
type call struct {
	s         *Server
	f         *fiber.Ctx
	ctx       context.Context // ends with the request's deadline
	requestID string
	pattern   string // the route's path, for logs and metrics
	code      string // of the refusal, "" while there is none
	// page shows a refusal to a person, on routes that are pages.
	page func(f *fault.Error, status int)

	who    *account.Principal // signed in, where the route asks for it
	cookie bool               // who is known by the cookie, so pages of other sites could use it
	device string             // the phone that proved itself
}

func (s *Server) newCall(f *fiber.Ctx, pattern string) *call {
	c := &call{s: s, f: f, pattern: pattern, requestID: s.requestID(f)}
	f.Set(fiber.HeaderXRequestID, c.requestID)
	return c
}

// requestID is taken over from a trusted proxy only; anybody else could make lines
// in the log look like another's.
func (s *Server) requestID(f *fiber.Ctx) string {
	if given := f.Request().Header.Peek(fiber.HeaderXRequestID); len(given) > 0 && isTrusted(peer(f), s.TrustedProxies) && plain(string(given)) {
		return string(given)
	}
	return id.New()
}

// plain reports whether s can be an id: letters, digits, - and _, not too many.
func plain(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// peer is the address at the other end of the connection.
func peer(f *fiber.Ctx) netip.Addr {
	a, _ := netip.AddrFromSlice(f.Context().RemoteIP())
	return a.Unmap()
}

func (c *call) ip() string { return c.address().String() }

// address is where the request comes from.
func (c *call) address() netip.Addr {
	return clientIP(peer(c.f), string(c.f.Request().Header.Peek(fiber.HeaderXForwardedFor)), c.s.TrustedProxies)
}

// header reads a request header as a copy that may be kept.
func (c *call) header(name string) string { return string(c.f.Request().Header.Peek(name)) }

// id is a path parameter that names something. What cannot be an id of ours names
// nothing, and is answered like any other id that does not exist.
func (c *call) id(name string, unknown *fault.Error) (string, error) {
	v := strings.Clone(c.f.Params(name))
	if !plain(v) {
		return "", unknown
	}
	return v, nil
}

// query reads a parameter of the address; texts obey the rules of decode.
func (c *call) query(name string, most int) (string, error) {
	v := strings.Clone(c.f.Query(name))
	switch {
	case !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return "", ErrRequest.At("?"+name, "含有不可接受的字符", "holds characters that are not accepted")
	case utf8.RuneCountInString(v) > most:
		return "", ErrRequest.At("?"+name, "内容过长", "is too long")
	}
	return v, nil
}

// number reads a whole number between least and most.
func (c *call) number(name string, least, most, otherwise int64) (int64, error) {
	v := c.f.Query(name)
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < least || n > most {
		span := strconv.FormatInt(least, 10) + "–" + strconv.FormatInt(most, 10)
		return 0, ErrRequest.At("?"+name, "应为 "+span+" 的整数", "must be a whole number, "+span)
	}
	return n, nil
}

// choice reads one of a few words.
func (c *call) choice(name string, allowed ...string) (string, error) {
	v := c.f.Query(name)
	if v == "" {
		return allowed[0], nil
	}
	for _, a := range allowed {
		if v == a {
			return a, nil
		}
	}
	list := strings.Join(allowed, ", ")
	return "", ErrRequest.At("?"+name, "可选："+list, "must be one of "+list)
}

// read decodes the body, which must be JSON.
func (c *call) read(o object) error {
	if err := c.media("application/json"); err != nil {
		return err
	}
	return decode(c.f.Request().Body(), o)
}

// media checks the Content-Type.
func (c *call) media(want string) error {
	got := c.f.Request().Header.ContentType()
	if string(got) == want {
		return nil
	}
	t, params, err := mime.ParseMediaType(string(got))
	if charset := strings.ToLower(params["charset"]); err != nil || t != want || charset != "" && charset != "utf-8" && want == "application/json" {
		return ErrMedia.With("accepted", want)
	}
	return nil
}

// json answers with v.
func (c *call) json(status int, v any) error {
	// Into the answer's own buffer, which the HTTP server uses again. A refusal begins it anew.
	if err := json.MarshalWrite(c.f.Response().BodyWriter(), v, form.Answer); err != nil {
		return err
	}
	c.f.Status(status)
	c.f.Response().Header.SetContentType("application/json")
	return nil
}

// base64url is text in an answer (RFC 4648 §5, without padding).
type base64url []byte

func (b base64url) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

func (c *call) ok(v any) error { return c.json(fiber.StatusOK, v) }

// nothing answers that it is done and there is no more to say.
func (c *call) nothing() error {
	c.f.Status(fiber.StatusNoContent)
	return nil
}
