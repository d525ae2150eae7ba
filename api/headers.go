package api

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// pagePolicy allows what our own built pages need and nothing inline; apiPolicy
// nothing at all, since an answer of the API is never a page.
const (
	pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
		"worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
	apiPolicy = "default-src 'none'; frame-ancestors 'none'"
	// Only the phone app asks for anything: the camera.
	permissions = "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), serial=(), hid=(), display-capture=()"
)

// policyWith lets our pages talk to the desktop bridge too, where there is one.
func policyWith(bridge string) string {
	if bridge == "" {
		return pagePolicy
	}
	return strings.Replace(pagePolicy, "connect-src 'self'", "connect-src 'self' "+bridge, 1)
}

// field is a header of an answer, its name in the form in which it is sent.
type field struct{ name, value []byte }

func fields(pairs ...string) (out []field) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, field{fasthttp.AppendNormalizedHeaderKey(nil, pairs[i]), []byte(pairs[i+1])})
	}
	return out
}

// everyHeader is what goes with each answer of the API, and with each page.
func everyHeader(secure bool, policy string) (ofAPI, ofPages []field) {
	all := fields(fiber.HeaderXContentTypeOptions, "nosniff")
	if secure {
		all = append(all, fields(fiber.HeaderStrictTransportSecurity, "max-age=31536000")...)
	}
	return slices.Concat(all, fields(
			fiber.HeaderContentSecurityPolicy, apiPolicy,
			fiber.HeaderCacheControl, "no-store",
		)), slices.Concat(all, fields(
			fiber.HeaderContentSecurityPolicy, policy,
			// Not "no-referrer": with it browsers say "Origin: null" when a form is sent.
			fiber.HeaderReferrerPolicy, "same-origin",
			"Permissions-Policy", permissions,
			"Cross-Origin-Opener-Policy", "same-origin",
			"Cross-Origin-Resource-Policy", "same-origin",
			fiber.HeaderXFrameOptions, "DENY",
		))
}

// headers go with every answer. What a handler sets later stands.
func (s *Server) headers(c *call) {
	all := s.ofAPI
	if c.page != nil {
		all = s.ofPages
	}
	h := &c.f.Response().Header
	for _, f := range all {
		h.SetCanonical(f.name, f.value)
	}
}
