package api

import (
	"github.com/gofiber/fiber/v2"

	"certlink/mobilecert/application"
	"certlink/mobilecert/identity"
)

// applicationRoutes are 申领, as the applicant sees it.
func (s *Server) applicationRoutes() {
	signedIn := (*call).signedIn
	s.add("GET", "/v1/applications", signedIn, s.getApplications)
	s.add("POST", "/v1/applications", signedIn, s.postApplication)
	s.add("GET", "/v1/applications/:id", signedIn, s.getApplication)
	s.add("PUT", "/v1/applications/:id/form", signedIn, s.putForm)
	s.add("POST", "/v1/applications/:id/terms", signedIn, s.postTerms)
	s.add("GET", "/v1/applications/:id/files/:slot", signedIn, s.getPaper)
	s.addUpload("PUT", "/v1/applications/:id/files/:slot", signedIn, s.putPaper)
	s.add("DELETE", "/v1/applications/:id/files/:slot", signedIn, s.deletePaper)
	s.add("POST", "/v1/applications/:id/submit", signedIn, s.postSubmit)
	s.add("POST", "/v1/applications/:id/reopen", signedIn, s.postReopen)
	s.add("POST", "/v1/applications/:id/withdraw", signedIn, s.postWithdraw)
	s.add("POST", "/v1/applications/:id/replace", signedIn, s.postReplace)
	s.add("GET", "/v1/applications/:id/identity", signedIn, s.getIdentity)
	s.add("POST", "/v1/applications/:id/identity", signedIn, s.postIdentity)
	s.add("POST", "/v1/applications/:id/identity/look", signedIn, s.postLook)
	s.add("POST", "/v1/applications/:id/order", signedIn, s.postOrder)
	s.add("POST", "/v1/identity/:service/notice", s.postIdentityNotice)
	if s.FaceSandbox != nil {
		s.addPage("GET", "/sandbox/face/:id", (*call).publicHost, s.facePage)
		s.addPage("POST", "/sandbox/face/:id", sentForm, s.faceAct)
	}
	s.reviewRoutes()
}

// showApplication answers with an application as the applicant or its admin sees it.
func (s *Server) showApplication(c *call, status int, a *application.Application, err error) error {
	if err != nil {
		return err
	}
	reader := application.Applicant
	if a.Account.ID != c.who.ID() {
		reader = application.OrgAdmin
	}
	v, err := s.Applications.View(c.ctx, a, reader)
	if err != nil {
		return err
	}
	return c.json(status, v)
}

func (s *Server) getApplications(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	scope, err := c.choice("scope", "mine", "organisation")
	if err != nil {
		return err
	}
	list, next, err := s.Applications.List(c.ctx, c.asks(), scope == "organisation", after, limit)
	if err != nil {
		return err
	}
	out := page[application.Summary]{Items: []application.Summary{}, Next: string(next)}
	for _, a := range list {
		reader := application.Applicant
		if a.Account.ID != c.who.ID() {
			reader = application.OrgAdmin
		}
		out.Items = append(out.Items, s.Applications.Summary(a, reader))
	}
	return c.ok(out)
}

func (s *Server) postApplication(c *call) error {
	var product, terms string
	if err := c.read(object{{"product", &product, true}, {"terms_version", &terms, true}}); err != nil {
		return err
	}
	who := c.who.Account
	a, err := s.Applications.Create(c.ctx, c.asks(), product, terms, application.Form{Mobile: who.Mobile, Email: who.Email})
	return s.showApplication(c, fiber.StatusCreated, a, err)
}

func (s *Server) readApplication(c *call) (*application.Application, error) {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return nil, err
	}
	return s.Applications.Read(c.ctx, c.asks(), id)
}

func (s *Server) getApplication(c *call) error {
	a, err := s.readApplication(c)
	return s.showApplication(c, fiber.StatusOK, a, err)
}

func (s *Server) putForm(c *call) error {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return err
	}
	// What is left out stays as it is. No text that is sent can hold a control
	// character, so one stands for what was not sent.
	const unsent = "\x00"
	edit := 0
	members, values := object{{"edit", &edit, true}}, map[string]*string{}
	for _, name := range application.Fields {
		v := unsent
		values[name] = &v
		members = append(members, member{name, &v, false})
	}
	if err := c.read(members); err != nil {
		return err
	}
	typed := map[string]string{}
	for name, v := range values {
		if *v != unsent {
			typed[name] = *v
		}
	}
	a, err := s.Applications.Save(c.ctx, c.asks(), id, edit, typed)
	return s.showApplication(c, fiber.StatusOK, a, err)
}

func (s *Server) postTerms(c *call) error {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return err
	}
	var version string
	if err := c.read(object{{"version", &version, true}}); err != nil {
		return err
	}
	a, err := s.Applications.AcceptTerms(c.ctx, c.asks(), id, version)
	return s.showApplication(c, fiber.StatusOK, a, err)
}

// slot reads which paper the address names.
func (c *call) slot() (application.Slot, error) {
	v, err := c.id("slot", application.ErrSlot)
	return application.Slot(v), err
}

func (s *Server) getPaper(c *call) error {
	a, err := s.readApplication(c)
	if err != nil {
		return err
	}
	slot, err := c.slot()
	if err != nil {
		return err
	}
	if a.Account.ID != c.who.ID() {
		return application.ErrSlot // an admin sees that there is one, and not what is on it
	}
	f, content, err := s.Applications.OpenFile(c.ctx, a, slot, false)
	if err != nil {
		return err
	}
	return c.sendFile(f, content)
}

func (s *Server) putPaper(c *call) error {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return err
	}
	slot, err := c.slot()
	if err != nil {
		return err
	}
	name, content, err := c.file()
	if err != nil {
		return err
	}
	a, err := s.Applications.Attach(c.ctx, c.asks(), id, slot, name, content)
	return s.showApplication(c, fiber.StatusOK, a, err)
}

func (s *Server) deletePaper(c *call) error {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return err
	}
	slot, err := c.slot()
	if err != nil {
		return err
	}
	a, err := s.Applications.Detach(c.ctx, c.asks(), id, slot)
	return s.showApplication(c, fiber.StatusOK, a, err)
}

func (s *Server) postSubmit(c *call) error {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return err
	}
	edit := 0
	if err := c.read(object{{"edit", &edit, true}}); err != nil {
		return err
	}
	a, err := s.Applications.Submit(c.ctx, c.asks(), id, edit)
	return s.showApplication(c, fiber.StatusOK, a, err)
}

// plainAct reads an empty body and does something to the application named.
func (s *Server) plainAct(c *call, do func(id string) (*application.Application, error)) error {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	a, err := do(id)
	return s.showApplication(c, fiber.StatusOK, a, err)
}

func (s *Server) postReopen(c *call) error {
	return s.plainAct(c, func(id string) (*application.Application, error) { return s.Applications.Reopen(c.ctx, c.asks(), id) })
}

func (s *Server) postWithdraw(c *call) error {
	return s.plainAct(c, func(id string) (*application.Application, error) {
		return s.Applications.Withdraw(c.ctx, c.asks(), id)
	})
}

func (s *Server) postReplace(c *call) error {
	return s.plainAct(c, func(id string) (*application.Application, error) {
		return s.Applications.Replace(c.ctx, c.asks(), id)
	})
}

// identityView is how the identity can be verified, and an open face check.
type identityView struct {
	Face    bool           `json:"face"`    // checks are offered
	Sandbox bool           `json:"sandbox"` // by what only stands for a service
	Left    int            `json:"left"`    // today, of this holder
	State   identity.State `json:"state,omitempty"`
	URL     string         `json:"url,omitempty"` // where an open one is done
	Until   string         `json:"until,omitempty"`
}

func (s *Server) showIdentity(c *call, a *application.Application, check *identity.Check) error {
	left, err := s.Applications.FacesLeft(c.ctx, a)
	if err != nil {
		return err
	}
	return c.ok(s.identityOf(left, check))
}

func (s *Server) identityOf(left int, check *identity.Check) *identityView {
	v := &identityView{Face: s.Faces.Available(), Sandbox: s.Faces.Sandbox(), Left: left}
	if check != nil {
		v.State, v.URL = check.State, check.URL
		if check.URL != "" {
			v.Until = stamp(check.Until)
		}
	}
	return v
}

// ownApplication is one that the caller has made; to others it does not exist.
func (s *Server) ownApplication(c *call) (*application.Application, error) {
	a, err := s.readApplication(c)
	if err == nil && a.Account.ID != c.who.ID() {
		err = application.ErrUnknown
	}
	return a, err
}

func (s *Server) getIdentity(c *call) error {
	a, err := s.ownApplication(c)
	if err != nil {
		return err
	}
	var check *identity.Check
	if a.Proof.Check != "" {
		if check, err = s.Faces.Get(c.ctx, a.Proof.Check); err != nil {
			return err
		}
	}
	return s.showIdentity(c, a, check)
}

func (s *Server) postIdentity(c *call) error {
	var way string
	if err := c.read(object{{"way", &way, true}}); err != nil {
		return err
	}
	a, err := s.ownApplication(c)
	if err != nil {
		return err
	}
	switch application.Way(way) {
	case application.Face:
		check, err := s.Applications.StartFace(c.ctx, c.asks(), a.ID, s.Origin+"/portal/#/ca/apply/"+a.ID)
		if err != nil {
			return err
		}
		return s.showIdentity(c, a, check)
	case application.Mail, application.OnSite:
		if a, err = s.Applications.ChooseWay(c.ctx, c.asks(), a.ID, application.Way(way)); err != nil {
			return err
		}
		return s.showIdentity(c, a, nil)
	}
	return ErrRequest.At("/way", "可选：face, mail, onsite", "must be one of face, mail, onsite")
}

// postLook asks the service how the open check stands, for a page that has come back
// from it.
func (s *Server) postLook(c *call) error {
	if err := c.read(object{}); err != nil {
		return err
	}
	a, err := s.ownApplication(c)
	if err != nil {
		return err
	}
	if err := s.Applications.LookFace(c.ctx, a); err != nil {
		return err
	}
	a, err = s.Applications.Get(c.ctx, a.ID)
	return s.showApplication(c, fiber.StatusOK, a, err)
}

type orderedView struct {
	Application *application.View `json:"application"`
	Order       string            `json:"order"`
	AmountFen   int64             `json:"amount_fen"`
}

// postOrder is 去支付, and 确定 where nothing is to be paid.
func (s *Server) postOrder(c *call) error {
	id, err := c.id("id", application.ErrUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	a, order, err := s.Applications.OpenOrder(c.ctx, c.asks(), id)
	if err != nil {
		return err
	}
	v, err := s.Applications.View(c.ctx, a, application.Applicant)
	if err != nil {
		return err
	}
	return c.ok(orderedView{v, order.ID, order.AmountFen})
}

// postIdentityNotice takes the call-back of a face check service. The signature is
// in headers and body, as the service makes them.
func (s *Server) postIdentityNotice(c *call) error {
	service, err := c.id("service", identity.ErrNotice)
	if err != nil {
		return err
	}
	if err := s.Faces.Notice(c.ctx, service, c.header, c.f.Request().Body()); err != nil {
		return err
	}
	return c.nothing()
}
