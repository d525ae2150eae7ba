package api

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"

	"certlink/account"
)

// routes is all that this server answers. The OpenAPI document says the same; a
// test holds the two together.
func (s *Server) routes() {
	signedIn, phone := (*call).signedIn, (*call).phone
	people := role(account.Operator, account.Integrator)
	loaders := role(account.Operator, account.Integrator, account.Admin)

	// The portal, and programs in its place.
	s.add("GET", "/v1/config", s.getConfig)
	s.add("POST", "/v1/session", s.postSession)
	s.add("GET", "/v1/session", signedIn, s.getSession)
	s.add("DELETE", "/v1/session", s.deleteSession)
	s.add("POST", "/v1/account/password", signedIn, ownPassword, s.postPassword)
	s.add("PUT", "/v1/account/letters", signedIn, ownPassword, s.putLetters)
	s.add("POST", "/v1/account/totp", signedIn, ownPassword, s.postTOTP)
	s.add("DELETE", "/v1/account/totp", signedIn, ownPassword, s.deleteTOTP)
	s.add("POST", "/v1/account/totp/confirm", signedIn, ownPassword, s.postTOTPConfirm)
	s.add("GET", "/v1/providers", signedIn, s.getProviders)
	s.add("GET", "/v1/products", signedIn, s.getProducts)
	s.add("GET", "/v1/products/:id", signedIn, s.getProduct)
	s.applicationRoutes()
	s.add("GET", "/v1/bindings", signedIn, s.getBindings)
	s.add("GET", "/v1/bindings/:id", signedIn, s.getBinding)
	s.add("POST", "/v1/bindings/:id/unbind", signedIn, s.postUnbind)
	s.add("GET", "/v1/bindings/:id/evidence", signedIn, s.getEvidence)

	s.certificateRoutes()
	s.issuingRoutes()

	// A QR session belongs to the page that holds its browser secret.
	s.add("POST", "/v1/qr-sessions", signedIn, s.postQRSession)
	for _, r := range []struct {
		method, tail string
		run          step
	}{
		{"GET", "", s.getQRSession}, {"GET", "/events", s.getEvents},
		{"GET", "/still.png", s.getStillPNG}, {"GET", "/still.svg", s.getStillSVG},
		{"POST", "/cancel", s.postCancel}, {"POST", "/match", s.postMatch},
		{"POST", "/typed-code", s.postTypedCode}, {"POST", "/same-device-link", s.postSameDeviceLink},
	} {
		s.add(r.method, "/v1/qr-sessions/:id"+r.tail, s.otherSites, r.run)
		if len(s.WidgetOrigins) > 0 {
			s.preflight("/v1/qr-sessions/:id" + r.tail)
		}
	}

	s.ukeyRoutes()

	// Phones prove their device key on each call.
	s.add("POST", "/v1/phone/devices", s.postDevice)
	s.add("GET", "/v1/phone/device", phone, s.getDevice)
	s.add("PATCH", "/v1/phone/device", phone, s.patchDevice)
	s.add("POST", "/v1/phone/pin", phone, s.postPIN)
	s.add("POST", "/v1/phone/pin/unlock", phone, s.postPINUnlock)
	s.add("POST", "/v1/phone/pin/change", phone, s.postPINChange)
	s.add("POST", "/v1/phone/pin/reset", phone, s.postPINReset)
	s.add("POST", "/v1/phone/scans", phone, s.postScan)
	s.add("GET", "/v1/phone/sessions", phone, s.getPhoneSessions)
	s.add("GET", "/v1/phone/sessions/:id", phone, s.getPhoneSession)
	s.add("PUT", "/v1/phone/sessions/:id/key", phone, s.putKey)
	s.add("POST", "/v1/phone/sessions/:id/confirm", phone, s.postConfirm)
	s.add("POST", "/v1/phone/sessions/:id/reject", phone, s.postReject)
	s.add("POST", "/v1/phone/sessions/:id/not-me", phone, s.postNotMe)
	s.add("GET", "/v1/phone/certificates", phone, s.getPhoneCertificates)
	s.phonePromptRoutes()
	s.promptRoutes()
	s.renewalRoutes()

	// Those who load people, and who run the installation.
	s.add("GET", "/v1/accounts", signedIn, s.getAccounts)
	s.add("GET", "/v1/organisations", signedIn, role(account.Operator, account.Integrator, account.Reviewer), s.getOrganisations)
	s.add("POST", "/v1/organisations", signedIn, people, s.postOrganisation)
	s.add("POST", "/v1/accounts/bulk", signedIn, loaders, s.postAccountsBulk)
	s.add("GET", "/v1/accounts/import", signedIn, loaders, s.getImportTemplate)
	s.add("POST", "/v1/accounts/import", signedIn, loaders, s.postAccountsImport)
	s.add("POST", "/v1/accounts/:id/lock", signedIn, loaders, s.postLock)
	s.add("POST", "/v1/accounts/:id/unlock", signedIn, loaders, s.postUnlock)
	s.add("GET", "/v1/audit", signedIn, role(account.Operator), s.getAudit)
	s.add("GET", "/v1/accounts/:id/devices", signedIn, s.getAccountDevices)
	s.add("DELETE", "/v1/devices/:id", signedIn, s.deleteDevice)
	s.bodies["/v1/accounts/bulk"], s.bodies["/v1/accounts/import"] = 4<<20, 5<<20

	s.cashierRoutes()
	s.invoiceRoutes()

	s.add("GET", "/healthz", s.getHealth)
	s.add("GET", "/readyz", s.getReady)
	s.add("GET", "/metrics", s.getMetrics)
	s.add("GET", "/openapi.json", s.getOpenAPI)
	s.publish()

	// Pages. They live at the public origin only.
	here := (*call).publicHost
	to := func(path string) step {
		return func(c *call) error { return c.redirect(fiber.StatusFound, path) }
	}
	s.addPage("GET", "/", here, to("/portal/"))
	s.addPage("GET", "/q/:code", here, s.getLanding)
	for _, app := range []string{"portal", "phone"} {
		s.addPage("GET", "/"+app, here, to("/"+app+"/"))
		s.addPage("GET", "/"+app+"/*", here, s.site(app))
	}
	s.addPage("GET", "/widget/*", forOtherSites, s.site("widget"))
	s.addPage("GET", "/docs", here, s.site("docs"))
	s.addPage("GET", "/docs/errors", here, s.getErrors)
	s.addPage("GET", "/docs/*", here, s.site("docs"))
	s.addPage("GET", "/plain", here, to("/plain/"))
	s.addPage("GET", "/plain/", here, (*call).plainSignedIn, s.plainHome)
	s.addPage("GET", "/plain/plain.css", s.getStyle)
	s.addPage("POST", "/plain/sign-in", sentForm, s.plainSignIn)
	s.addPage("POST", "/plain/sign-out", sentForm, s.plainSignOut)
	s.addPage("POST", "/plain/bind", sentForm, (*call).plainSignedIn, s.plainBind)
	s.addPage("GET", "/plain/code/:id", here, s.plainCode)
	s.addPage("POST", "/plain/code/:id/match", sentForm, s.plainMatch)
	s.addPage("POST", "/plain/code/:id/cancel", sentForm, s.plainCancel)
}

// step is one thing that happens to a call, in order: who is it, may it, do it.
// The first error ends it.
type step func(*call) error

// add registers a route of the API.
func (s *Server) add(method, path string, steps ...step) { s.route(method, path, false, steps) }

// addPage registers a route that people look at; refusals are pages there too.
func (s *Server) addPage(method, path string, steps ...step) { s.route(method, path, true, steps) }

func (s *Server) route(method, path string, page bool, steps []step) {
	m := s.metrics.of(method, path)
	s.table = append(s.table, routeKey{method, path, page})
	handle := func(f *fiber.Ctx) error {
		start := time.Now()
		c := s.newCall(f, path)
		if page {
			c.page = c.failPage
		}
		s.headers(c)
		if err := s.run(c, steps); err != nil {
			c.fail(err)
		}
		m.observe(c, start)
		return nil
	}
	s.app.Add(method, path, handle)
	if page && method == fiber.MethodGet {
		s.app.Add(fiber.MethodHead, path, handle) // the body is left out by the server
	}
}

// run takes the steps within the deadline. A panic is a defect: it is logged with
// its place, the caller is told no more than the request id, and the others go on.
func (s *Server) run(c *call, steps []step) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("panic", "request_id", c.requestID, "route", c.pattern, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = ErrInternal
		}
	}()
	if s.all != nil {
		if wait := s.Limits.Global.take(s.all, s.Clock()); wait > 0 {
			return ErrBusy.After(wait)
		}
	}
	ctx, cancel := context.WithTimeout(s.base, s.Limits.Timeout)
	defer cancel()
	c.ctx = ctx
	for _, step := range steps {
		if err := step(c); err == done {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}
