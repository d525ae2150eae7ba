package main

import (
	"context"

	"certlink/internal/audit"
	"certlink/internal/effect"
	"certlink/mobilecert"
	"certlink/mobilecert/application"
	"certlink/mobilecert/identity"
	"certlink/push"
)

// applying is what people apply for certificates with.
type applying struct {
	applications *application.Service
	faces        *identity.Service
}

// openApplications wires 申领 and the face checks that it asks for.
func (p *program) openApplications(people mobilecert.People, certificates *mobilecert.Certificates) error {
	p.faces = identity.New(identity.Config{Store: p.store, Clock: p.clock, Hub: p.hub, Seal: p.ring, Log: p.log})
	p.applications = application.New(application.Config{
		Store: p.store, Clock: p.clock, Hub: p.hub, Seal: p.ring, Catalogue: p.catalogue, People: people,
		Uploads: p.uploads, Faces: p.faces, Orders: p.orders, Certificates: certificates, Log: audit.New(p.store).Carry,
	})
	p.told(application.SubjectKind, p.applications.CarryOrder)
	return nil
}

// applicationHandlers are the effects that applications are told by.
func (p *program) applicationHandlers() map[string]push.Handler {
	return map[string]push.Handler{
		identity.EffectChecked:  p.applications.CarryChecked,
		mobilecert.EffectIssued: p.carryIssued,
	}
}

// carryIssued tells the application by which a certificate was granted.
func (p *program) carryIssued(ctx context.Context, e effect.Effect) error {
	if e.Data["grant"] == "" {
		return nil
	}
	return p.applications.CarryIssued(ctx, e)
}
