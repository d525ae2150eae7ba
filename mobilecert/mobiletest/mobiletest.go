// Package mobiletest is a world for tests of the rooms within mobilecert: people,
// a demo authority, phones that enrol and bind, on a real store under a real
// confirmation engine.
package mobiletest

import (
	"context"
	"crypto"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/internal/seal"
	"certlink/mobilecert"
	"certlink/store"
	"certlink/store/sqlite"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/authority/authoritytest"
	"certlink/trust/trusttest"
)

var ctx = context.Background()

var errNobody = fault.New(fault.NotFound, "mobiletest_account_unknown", "没有", "none")

// People is the directory of a test: admin and li of org1, zhou of org2.
type People struct{ all map[string]mobilecert.Person }

// The numbers are made up, with right check characters.
const (
	IDWang = "330102199003070019"
	IDLi   = "330102198811230020"
	Code1  = "91330100MA2B1C3D43"
	Code2  = "91330200MA2E4F5G64"
)

// Person finds one.
func (p *People) Person(_ context.Context, id string) (*mobilecert.Person, error) {
	who, ok := p.all[id]
	if !ok {
		return nil, errNobody
	}
	return &who, nil
}

// Standing lets everybody act.
func (p *People) Standing(context.Context, string) error { return nil }

// World is what does not end with a process.
type World struct {
	T      testing.TB
	Clock  *clock.Manual
	Store  store.Store
	People *People
	Cat    *mobilecert.Catalogue
	CA     *authority.Authority
	// Issuer signs; the demo authority unless a test puts another in its place.
	Issuer mobilecert.Issuer
}

// New makes a world on an empty store that has these collections besides its own.
func New(t testing.TB, more ...store.Collection) *World {
	t.Helper()
	db, err := sqlite.Open(ctx, t.TempDir(), slices.Concat(mobilecert.Collections(), confirm.Collections(), more))
	Check(t, err)
	t.Cleanup(func() { db.Close() })
	w := &World{T: t, Clock: clock.NewManual(trusttest.Now), Store: db, People: &People{}, CA: authoritytest.Demo(t)}
	w.Issuer = mobilecert.BuiltinIssuer{Authority: w.CA}
	w.Cat, err = mobilecert.LoadCatalogue("", mobilecert.Builtin{Provider: "huixin", Anchors: w.CA.Anchors(), Revocation: trust.RevocationNone})
	Check(t, err)
	w.People.all = map[string]mobilecert.Person{
		"admin": {ID: "admin", Login: "admin", Name: "王敏", IDNumber: IDWang, OrganisationID: "org1", Organisation: "甲公司", CreditCode: Code1, Admin: true},
		"li":    {ID: "li", Login: "lina", Name: "李娜", IDNumber: IDLi, OrganisationID: "org1", Organisation: "甲公司", CreditCode: Code1},
		"zhou":  {ID: "zhou", Login: "zhoutao", Name: "周涛", OrganisationID: "org2", Organisation: "乙中心", CreditCode: Code2},
	}
	return w
}

// Server is what one process has.
type Server struct {
	*World
	Store        store.Store // as this process sees it
	Config       mobilecert.Config
	Certificates *mobilecert.Certificates
	Bindings     *mobilecert.Bindings
	Engine       *confirm.Engine
}

// Start makes a process on the store; more are its purposes besides bind and enroll. It
// may set the grants too.
func (w *World) Start(s store.Store, more func(*Server) []confirm.Purpose) *Server {
	w.T.Helper()
	ring, err := seal.Parse("k1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	Check(w.T, err)
	products, err := mobilecert.NewProducts(w.Cat, true, mobilecert.DemoProducts("huixin", w.Issuer)...)
	Check(w.T, err)
	cfg := mobilecert.Config{Store: s, Clock: w.Clock.Now, Seal: ring, Catalogue: w.Cat, People: w.People,
		Products: products, BindingsPerAccount: 3}
	v := &Server{World: w, Store: s, Config: cfg, Certificates: mobilecert.NewCertificates(cfg), Bindings: mobilecert.NewBindings(cfg)}
	purposes := append(more(v), mobilecert.NewBind(v.Config, v.Bindings), mobilecert.NewEnroll(v.Config, v.Certificates))
	v.Engine, err = confirm.New(confirm.Config{
		Store: s, Clock: w.Clock.Now, Audience: "https://ca.example.cn", Directory: w.People, Certificates: v.Certificates,
		Policy: w.Cat.Policy, Purposes: purposes,
	})
	Check(w.T, err)
	return v
}

// Party is somebody as requests name them.
func (w *World) Party(id string) confirm.Party {
	p, err := w.People.Person(ctx, id)
	Check(w.T, err)
	return confirm.Party{ID: p.ID, Name: p.Name, OrganisationID: p.OrganisationID, Organisation: p.Organisation}
}

// Who is somebody signed in.
func (w *World) Who(id string) mobilecert.Who {
	p, err := w.People.Person(ctx, id)
	Check(w.T, err)
	return mobilecert.Who{Account: p.ID, Name: p.Name, Organisation: p.OrganisationID, Admin: p.Admin}
}

// Ask begins a confirmation for an account that asks for itself.
func (v *Server) Ask(purpose, account string, params map[string]string) (*confirm.Confirmation, error) {
	return v.Engine.Begin(ctx, confirm.Request{Purpose: purpose, Actor: v.Party(account), Subject: v.Party(account),
		Admin: v.Who(account).Admin, Params: maps.Clone(params), Requester: confirm.Requester{IP: "192.0.2.1", Browser: "Chromium"}})
}

// Statement makes the statement.
func (v *Server) Statement(c *confirm.Confirmation, csr []byte) error {
	return v.Engine.Issue(ctx, c, csr, v.Clock.Now(), v.Clock.Now().Add(time.Hour))
}

// Confirm verifies, accepts and acts, as the carriers do.
func (v *Server) Confirm(c *confirm.Confirmation, device, jws string) (*confirm.Result, error) {
	verified, err := v.Engine.Verify(ctx, c, device, jws)
	if err != nil {
		return nil, err
	}
	c.Accept(verified, v.Clock.Now())
	return v.Engine.Act(ctx, c, device, verified)
}

// Phone is a phone: its device key, and the certificate that it holds.
type Phone struct {
	ID     string
	device crypto.Signer
	Holder *trusttest.Holder
	Doc    *mobilecert.Certificate
}

// Enrolled is a phone that has collected a certificate for an account.
func (v *Server) Enrolled(account, product string) *Phone {
	t := v.T
	t.Helper()
	alg := trust.ES256
	if product == "demo-sm2" {
		alg = trust.SM2SM3
	}
	p := &Phone{device: trusttest.Key(t, trust.ES256)}
	var err error
	p.ID, err = trust.Thumbprint(p.device.Public())
	Check(t, err)
	v.collect(p, account, alg, map[string]string{"product": product})
	return p
}

// Granted has the phone collect the certificate of a grant.
func (v *Server) Granted(p *Phone, account, kind, grant string) {
	v.T.Helper()
	v.collect(p, account, p.Holder.Alg, map[string]string{kind: grant})
}

func (v *Server) collect(p *Phone, account string, alg trust.Algorithm, params map[string]string) {
	t := v.T
	t.Helper()
	key := trusttest.Key(t, alg)
	c, err := v.Ask("enroll", account, params)
	Check(t, err)
	Check(t, v.Statement(c, trusttest.CSR(t, key)))
	jws, err := trust.SignJWS(p.device, trust.ES256, nil, true, c.Statement)
	Check(t, err)
	r, err := v.Confirm(c, p.ID, jws)
	Check(t, err)
	v.Take(p, r, key, alg)
}

// Take gives the phone the certificate of a result.
func (v *Server) Take(p *Phone, r *confirm.Result, key crypto.Signer, alg trust.Algorithm) {
	v.T.Helper()
	var view mobilecert.CertificateResult
	Check(v.T, json.Unmarshal(r.View, &view))
	cert, err := trust.ParseCertificate(view.Certificate)
	Check(v.T, err)
	p.Holder = &trusttest.Holder{Cert: cert, Key: key, Alg: alg, Chain: append([][]byte{view.Certificate}, view.Chain...)}
	p.Doc, err = v.Certificates.Get(ctx, r.ID)
	Check(v.T, err)
}

// Sign signs a statement with the phone's certificate.
func (p *Phone) Sign(t testing.TB, c *confirm.Confirmation) string {
	t.Helper()
	return p.Holder.JWS(t, string(c.Statement))
}

// Bound binds the phone's certificate to an account.
func (v *Server) Bound(p *Phone, account string) *mobilecert.Binding {
	v.T.Helper()
	c, err := v.Ask("bind", account, map[string]string{"provider": "huixin"})
	Check(v.T, err)
	Check(v.T, v.Statement(c, nil))
	r, err := v.Confirm(c, p.ID, p.Sign(v.T, c))
	Check(v.T, err)
	b, err := v.Bindings.Get(ctx, r.ID)
	Check(v.T, err)
	return b
}

// Check ends the test on an error.
func Check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
