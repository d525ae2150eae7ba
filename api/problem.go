package api

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"

	"certlink/internal/fault"
	"certlink/internal/form"
	"certlink/store"
)

// statusOf is what HTTP calls a refusal. Kinds map to one status each; the few
// codes that HTTP names more precisely stand by themselves.
func statusOf(f *fault.Error) int {
	switch f.Code {
	case ErrHeaders.Code:
		return fiber.StatusRequestHeaderFieldsTooLarge
	case ErrSlow.Code:
		return fiber.StatusRequestTimeout
	}
	switch f.Kind {
	case fault.Invalid:
		return fiber.StatusBadRequest
	case fault.Unauthorized:
		return fiber.StatusUnauthorized
	case fault.Forbidden:
		return fiber.StatusForbidden
	case fault.NotFound:
		return fiber.StatusNotFound
	case fault.NotAllowed:
		return fiber.StatusMethodNotAllowed
	case fault.Conflict:
		return fiber.StatusConflict
	case fault.Gone:
		return fiber.StatusGone
	case fault.TooLarge:
		return fiber.StatusRequestEntityTooLarge
	case fault.Unsupported:
		return fiber.StatusUnsupportedMediaType
	case fault.Unprocessable:
		return fiber.StatusUnprocessableEntity
	case fault.Limited:
		return fiber.StatusTooManyRequests
	case fault.Unavailable:
		return fiber.StatusServiceUnavailable
	}
	return fiber.StatusInternalServerError
}

// refusal finds the code of any error. What is no refusal of ours is either the
// store being away, Fiber's word on HTTP, or a defect; the last is logged and
// answered without its cause.
func refusal(err error) *fault.Error {
	var http *fiber.Error
	switch f := fault.Of(err); {
	case f != nil:
		return f
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ErrUnavailable.Because(err)
	case errors.Is(err, store.ErrCursor):
		return ErrCursor.Because(err)
	case errors.As(err, &http):
		switch http.Code {
		case fiber.StatusNotFound:
			return ErrRoute
		case fiber.StatusMethodNotAllowed:
			return ErrMethod
		case fiber.StatusRequestEntityTooLarge:
			return ErrBody
		case fiber.StatusRequestHeaderFieldsTooLarge:
			return ErrHeaders
		case fiber.StatusRequestTimeout, fiber.StatusBadGateway:
			return ErrSlow.Because(err)
		}
		if http.Code >= 400 && http.Code < 500 {
			return ErrHTTP.Because(err)
		}
	}
	return ErrInternal.Because(err)
}

// problem is RFC 9457, with our members; further ones follow by name.
type problem struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Code      string         `json:"code"`
	TitleZH   string         `json:"title_zh"`
	TitleEN   string         `json:"title_en"`
	RequestID string         `json:"request_id"`
	Errors    []problemField `json:"errors,omitempty"`
}

type problemField struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// fail answers with a refusal.
func (c *call) fail(err error) {
	f := refusal(err)
	code := statusOf(f)
	c.code = f.Code
	switch {
	case code == fiber.StatusInternalServerError:
		c.s.Log.Error("request failed", "request_id", c.requestID, "route", c.pattern, "err", err)
	case f.Kind == fault.Unavailable:
		c.s.Log.Warn("not available", "request_id", c.requestID, "route", c.pattern, "code", f.Code, "err", err)
	case c.s.Log.Enabled(context.Background(), slog.LevelDebug):
		c.s.Log.Debug("refused", "request_id", c.requestID, "route", c.pattern, "code", f.Code, "err", err)
	}
	if after := retryAfter(f); after > 0 {
		c.f.Set(fiber.HeaderRetryAfter, strconv.Itoa(after))
	}
	if code == fiber.StatusUnauthorized {
		c.challenge(f)
	}
	if c.page != nil && wantsPage(c.f) {
		c.page(f, code)
		return
	}
	c.f.Response().ResetBody()
	c.f.Status(code)
	body, err := c.problem(f, code)
	if err != nil {
		c.s.Log.Error("a refusal cannot be written", "request_id", c.requestID, "code", f.Code, "err", err)
	}
	c.f.Set(fiber.HeaderContentType, "application/problem+json")
	c.f.Set(fiber.HeaderCacheControl, "no-store")
	c.f.Set(fiber.HeaderContentLanguage, c.language().tag())
	c.f.Vary(fiber.HeaderAcceptLanguage)
	c.f.Response().SetBodyRaw(body)
}

func (c *call) problem(f *fault.Error, code int) ([]byte, error) {
	lang := c.language()
	p := problem{
		Type: "/docs/errors#" + f.Code, Title: lang.of(f.ZH, f.EN), Status: code, Code: f.Code,
		TitleZH: f.ZH, TitleEN: f.EN, RequestID: c.requestID,
	}
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, problemField{field.Pointer, lang.of(field.ZH, field.EN)})
	}
	body, err := json.Marshal(p, form.Answer)
	if err != nil || len(f.Extra) == 0 {
		return body, err
	}
	extra, err := json.Marshal(f.Extra, form.Answer)
	if err != nil || len(extra) < 3 {
		return body, err
	}
	// The extra members never take the name of one of ours: none is declared so,
	// and a test looks at every refusal.
	return append(append(body[:len(body)-1], ','), extra[1:]...), nil
}

// retryAfter is in whole seconds, rounded up. A server that is overloaded must not
// meet everybody again in the same second, so those are spread out.
func retryAfter(f *fault.Error) int {
	d := f.Retry
	switch f.Kind {
	case fault.Unavailable:
		d = max(d, time.Second)
		d += rand.N(d + time.Second)
	case fault.Limited:
		d = max(d, time.Second)
	}
	return int(math.Ceil(d.Seconds()))
}

// wantsPage tells a person's browser, on its way to a page, from a program.
func wantsPage(f *fiber.Ctx) bool {
	return strings.Contains(f.Get(fiber.HeaderAccept), "text/html")
}
