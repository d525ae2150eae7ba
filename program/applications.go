package program

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"certlink/internal/audit"
	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/mobilecert/application"
	"certlink/mobilecert/identity"
	"certlink/mobilecert/identity/sandbox"
	"certlink/mobilecert/renewal"
	"certlink/push"
)

// applying is what people apply for certificates with.
type applying struct {
	Applications *application.Service
	faces        *identity.Service
	// faceSandbox stands for a face check service, in demo mode.
	faceSandbox *sandbox.Service
	faceHTTP    *http.Server
}

// openApplications wires 申领 and the face checks that it asks for.
func (p *Program) openApplications(origin string, people mobilecert.People, certificates *mobilecert.Certificates) error {
	checker, err := p.checker(origin)
	if err != nil {
		return err
	}
	p.faces = identity.New(identity.Config{Store: p.Store, Clock: p.Clock, Seal: p.Ring, Checker: checker, Log: p.Log})
	p.Applications = application.New(application.Config{
		Store: p.Store, Clock: p.Clock, Seal: p.Ring, Catalogue: p.Catalogue, People: people,
		Uploads: p.uploads, Faces: p.faces, Orders: p.Orders, Certificates: certificates, Log: audit.New(p.Store).Carry,
	})
	p.Told(application.SubjectKind, p.Applications.CarryOrder)
	return nil
}

// checker is the service that checks faces: in demo mode the sandbox, on a port of its
// own on loopback, so that it is asked over HTTP as a real one is; else the one that
// the settings name, if any.
func (p *Program) checker(origin string) (identity.Checker, error) {
	if !p.Settings.Demo {
		return p.Settings.Faces.checker(), nil
	}
	p.faceSandbox = sandbox.New(sandbox.Config{
		NoticeURL: origin + "/v1/identity/" + sandbox.Name + "/notice", PageURL: origin + "/sandbox/face/", Clock: p.Clock,
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.faceHTTP = &http.Server{Handler: p.faceSandbox, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	go p.faceHTTP.Serve(ln)
	return p.faceSandbox.Checker("http://" + ln.Addr().String()), nil
}

// closeFaces ends the sandbox.
func (p *Program) closeFaces() {
	if p.faceHTTP != nil {
		p.faceHTTP.Close()
	}
}

// applicationHandlers are the effects that applications are told by.
func (p *Program) applicationHandlers() map[string]push.Handler {
	return map[string]push.Handler{
		identity.EffectChecked:   p.carryChecked,
		application.EffectErased: p.Applications.CarryErased,
		mobilecert.EffectIssued:  p.carryIssued,
	}
}

// carryChecked tells the renewal or the application that a face check was for.
func (p *Program) carryChecked(ctx context.Context, e effect.Effect) error {
	switch kind := e.Data["subject_kind"]; kind {
	case application.SubjectKind:
		return p.Applications.CarryChecked(ctx, e)
	case renewal.SubjectKind:
		return p.Renewals.CarryChecked(ctx, e)
	default:
		return fmt.Errorf("the face check %s is for a %q, of which nobody knows", e.Data["check"], kind)
	}
}

// carryIssued tells the renewal or the application by which a certificate was granted.
func (p *Program) carryIssued(ctx context.Context, e effect.Effect) error {
	switch kind := e.Data["grant_kind"]; kind {
	case application.SubjectKind:
		return p.Applications.CarryIssued(ctx, e)
	case renewal.SubjectKind:
		return p.Renewals.CarryIssued(ctx, e)
	default:
		return fmt.Errorf("the certificate %s was granted by a %q, of which nobody knows", e.Data["certificate"], kind)
	}
}
