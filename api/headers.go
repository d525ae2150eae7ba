package api

import (
	"strings"

	"github.com/gofiber/fiber/v2"
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

// headers go with every answer. What a handler sets later stands.
func (s *Server) headers(c *call) {
	h := &c.f.Response().Header
	h.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if s.secure {
		h.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000")
	}
	if c.page == nil {
		h.Set(fiber.HeaderContentSecurityPolicy, apiPolicy)
		h.Set(fiber.HeaderCacheControl, "no-store")
		return
	}
	h.Set(fiber.HeaderContentSecurityPolicy, s.policy)
	// Not "no-referrer": with it browsers say "Origin: null" when a form is sent.
	h.Set(fiber.HeaderReferrerPolicy, "same-origin")
	h.Set("Permissions-Policy", permissions)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set(fiber.HeaderXFrameOptions, "DENY")
}
