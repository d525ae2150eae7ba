package mobilecert

import (
	"context"
	"crypto"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/internal/seal"
	"certlink/store"
	"certlink/store/sqlite"
	"certlink/trust"
	"certlink/trust/authority/authoritytest"
	"certlink/trust/trusttest"
)

var ctx = context.Background()

var errNobody = fault.New(fault.NotFound, "test_account_unknown", "没有", "none")

// people is the directory of a test.
type people struct {
	mu  sync.Mutex
	all map[string]Person
}

func (p *people) Person(_ context.Context, id string) (*Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	who, ok := p.all[id]
	if !ok {
		return nil, errNobody
	}
	return &who, nil
}

func (p *people) set(who Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[who.ID] = who
}

func (p *people) Standing(context.Context, string) error { return nil }

// The numbers are made up, with right check characters.
const (
	idWang = "330102199003070019"
	idLi   = "330102198811230020"
	code1  = "91330100MA2B1C3D43"
	code2  = "91330200MA2E4F5G64"
)

// world is the package on a real store under a real confirmation engine.
type world struct {
	t      testing.TB
	clock  *clock.Manual
	store  store.Store
	people *people
	cat    *Catalogue
	slots  int
	issuer Issuer
	// products and grants are for the servers started from then on.
	products []*Product
	grants   *grants
	ca       *trusttest.Authority // of provider ca2
	loose    *trusttest.Authority // of provider loose
	*server
}

// server is what one process has.
type server struct {
	cfg      Config
	certs    *Certificates
	bindings *Bindings
	bind     *Bind
	enroll   *Enroll
	engine   *confirm.Engine
}

const worldCatalogue = `{"version": 1, "providers": [
 {"id": "huixin", "name_zh": "汇信CA", "name_en": "Huixin CA", "phones": [{"label_zh": "服务热线", "label_en": "Line", "number": "400-888-4636"}],
  "media": {"mobile": {"zh": "汇信CA（移动证书）", "en": "Huixin"}}},
 {"id": "ca2", "name_zh": "乙CA", "name_en": "CA Two", "phones": [{"label_zh": "热线", "label_en": "Line", "number": "12345678"}],
  "media": {"mobile": {"zh": "乙", "en": "Two"}}, "revocation": "none", "anchors": ["ca2"]},
 {"id": "loose", "name_zh": "丙CA", "name_en": "CA Three", "phones": [{"label_zh": "热线", "label_en": "Line", "number": "12345678"}],
  "media": {"mobile": {"zh": "丙", "en": "Three"}}, "revocation": "none", "identity_check": false, "anchors": ["loose"]},
 {"id": "token", "name_zh": "丁CA", "name_en": "CA Four", "phones": [{"label_zh": "热线", "label_en": "Line", "number": "12345678"}],
  "media": {"ukey": {"zh": "丁", "en": "Four"}}, "anchors": ["ca2"]},
 {"id": "bare", "name_zh": "戊CA", "name_en": "CA Five", "phones": [{"label_zh": "热线", "label_en": "Line", "number": "87654321"}],
  "media": {"mobile": {"zh": "戊", "en": "Five"}}},
 {"id": "shut", "name_zh": "己CA", "name_en": "CA Six", "phones": [{"label_zh": "热线", "label_en": "Line", "number": "87654321"}],
  "media": {"mobile": {"zh": "己", "en": "Six"}}, "bindable": false, "anchors": ["ca2"]}
]}`

// schema is all that a test stores.
func schema() []store.Collection { return append(Collections(), confirm.Collections()...) }

func newWorld(t testing.TB) *world {
	t.Helper()
	db, err := sqlite.Open(ctx, t.TempDir(), schema())
	check(t, err)
	t.Cleanup(func() { db.Close() })
	w := &world{t: t, clock: clock.NewManual(trusttest.Now), store: db, slots: 1, people: &people{all: map[string]Person{}}}
	w.ca, w.loose = trusttest.Root(t, trust.ES256, "乙根"), trusttest.Root(t, trust.SM2SM3, "丙根")
	files := map[string][]byte{"ca2": trusttest.PEM(w.ca.Cert), "loose": trusttest.PEM(w.loose.Cert)}
	w.cat, err = readCatalogue("test", []byte(worldCatalogue), func(n string) ([]byte, error) { return files[n], nil },
		[]Builtin{{Provider: "huixin", Anchors: authoritytest.Demo(t).Anchors(), Revocation: trust.RevocationNone}})
	check(t, err)
	w.issuer = BuiltinIssuer{authoritytest.Demo(t)}
	for _, p := range []Person{
		{ID: "admin", Login: "admin", Name: "王敏", IDNumber: idWang, OrganisationID: "org1", Organisation: "甲公司", CreditCode: code1, Admin: true},
		{ID: "li", Login: "lina", Name: "李娜", IDNumber: idLi, OrganisationID: "org1", Organisation: "甲公司", CreditCode: code1},
		{ID: "zhou", Login: "zhoutao", Name: "周涛", OrganisationID: "org2", Organisation: "乙中心", CreditCode: code2},
	} {
		w.people.set(p)
	}
	w.server = w.start(db)
	return w
}

// start makes another process on the same data.
func (w *world) start(s store.Store) *server {
	w.t.Helper()
	ring, err := seal.Parse("k1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	check(w.t, err)
	cfg := Config{Store: s, Clock: w.clock.Now, Seal: ring, Catalogue: w.cat, People: w.people, BindingsPerAccount: w.slots}
	cfg.Products, err = NewProducts(w.cat, true, append(DemoProducts("huixin", w.issuer), w.products...)...)
	check(w.t, err)
	if w.grants != nil {
		cfg.Grants = map[string]Grants{"application": w.grants}
	}
	v := &server{cfg: cfg, certs: NewCertificates(cfg), bindings: NewBindings(cfg)}
	v.bind = NewBind(cfg, v.bindings)
	v.enroll = NewEnroll(cfg, v.certs)
	v.engine, err = confirm.New(confirm.Config{
		Store: s, Clock: w.clock.Now, Audience: "https://ca.example.cn", Directory: w.people, Certificates: v.certs,
		Policy: w.cat.Policy, Purposes: []confirm.Purpose{v.bind, v.enroll},
	})
	check(w.t, err)
	return v
}

func (w *world) party(id string) confirm.Party {
	p, err := w.people.Person(ctx, id)
	check(w.t, err)
	return confirm.Party{ID: p.ID, Name: p.Name, OrganisationID: p.OrganisationID, Organisation: p.Organisation}
}

func (w *world) who(id string) Who {
	p, err := w.people.Person(ctx, id)
	check(w.t, err)
	return Who{Account: p.ID, Name: p.Name, Organisation: p.OrganisationID, Admin: p.Admin}
}

// ask begins a confirmation; params are "provider" or "product".
func (w *world) ask(purpose, actor, subject string, params map[string]string) (*confirm.Confirmation, error) {
	return w.engine.Begin(ctx, confirm.Request{
		Purpose: purpose, Actor: w.party(actor), Subject: w.party(subject), Admin: w.who(actor).Admin, Params: params,
		Requester: confirm.Requester{IP: "192.0.2.1", Browser: "Chromium"},
	})
}

// statement begins and makes the statement; csr for enroll only.
func (w *world) statement(c *confirm.Confirmation, csr []byte) *confirm.Confirmation {
	w.t.Helper()
	check(w.t, w.engine.Issue(ctx, c, csr, w.clock.Now(), w.clock.Now().Add(3*time.Minute)))
	return c
}

// asked is ask and statement for a bind that must be allowed.
func (w *world) asked(actor, subject, provider string) *confirm.Confirmation {
	w.t.Helper()
	c, err := w.ask("bind", actor, subject, map[string]string{"provider": provider})
	check(w.t, err)
	return w.statement(c, nil)
}

// confirms verifies, accepts and acts, as the QR session does.
func (v *server) confirms(c *confirm.Confirmation, device, jws string, at time.Time) (*confirm.Result, error) {
	verified, err := v.engine.Verify(ctx, c, device, jws)
	if err != nil {
		return nil, err
	}
	c.Accept(verified, at)
	return v.engine.Act(ctx, c, device, verified)
}

// bound binds h to an account of its own, or fails.
func (w *world) bound(h *trusttest.Holder, actor, subject, provider string) *Binding {
	w.t.Helper()
	c := w.asked(actor, subject, provider)
	r, err := w.confirms(c, "device-"+subject, h.JWS(w.t, string(c.Statement)), w.clock.Now())
	check(w.t, err)
	b, err := w.bindings.Get(ctx, r.ID)
	check(w.t, err)
	return b
}

// leaf makes a holder of provider ca2 with identity numbers as GM/T 0015 puts them.
func (w *world) leaf(person, code string, change ...func(*trusttest.Template)) *trusttest.Holder {
	return w.ca.Identified(w.t, trust.ES256, person, code, change...)
}

// forged is the same certificate with another, equally valid signature: (r, n-s).
func forged(t testing.TB, h *trusttest.Holder) *trusttest.Holder {
	t.Helper()
	var outer struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	_, err := asn1.Unmarshal(h.Cert.Raw, &outer)
	check(t, err)
	var rs struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(outer.Signature.Bytes, &rs)
	check(t, err)
	order, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	rs.S.Sub(order, rs.S)
	sig, err := asn1.Marshal(rs)
	check(t, err)
	outer.Signature = asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}
	der, err := asn1.Marshal(outer)
	check(t, err)
	cert, err := trust.ParseCertificate(der)
	check(t, err)
	if cert.Fingerprint() == h.Cert.Fingerprint() {
		t.Fatal("nothing was forged")
	}
	return &trusttest.Holder{Cert: cert, Key: h.Key, Alg: h.Alg, Chain: append([][]byte{der}, h.Chain[1:]...)}
}

// handset is a phone: its device key and its name.
type handset struct {
	key crypto.Signer
	id  string
}

func newHandset(t testing.TB) handset {
	t.Helper()
	k := trusttest.Key(t, trust.ES256)
	id, err := trust.Thumbprint(k.Public())
	check(t, err)
	return handset{k, id}
}

func (h handset) sign(t testing.TB, c *confirm.Confirmation) string {
	t.Helper()
	s, err := trust.SignJWS(h.key, trust.ES256, nil, true, c.Statement)
	check(t, err)
	return s
}

// collecting is an enrolment with its statement made.
func (w *world) collecting(account, product string, key crypto.Signer) *confirm.Confirmation {
	w.t.Helper()
	c, err := w.ask("enroll", account, account, map[string]string{"product": product})
	check(w.t, err)
	return w.statement(c, trusttest.CSR(w.t, key))
}

// collected enrols, and gives the holder of what came of it.
func (w *world) collected(account, product string, phone handset) (*trusttest.Holder, *Certificate) {
	w.t.Helper()
	alg := w.cfg.Products.find(product).Algorithm
	key := trusttest.Key(w.t, alg)
	c := w.collecting(account, product, key)
	r, err := w.confirms(c, phone.id, phone.sign(w.t, c), w.clock.Now())
	check(w.t, err)
	var view CertificateResult
	check(w.t, json.Unmarshal(r.View, &view))
	cert, err := trust.ParseCertificate(view.Certificate)
	check(w.t, err)
	doc, err := w.certs.Get(ctx, r.ID)
	check(w.t, err)
	return &trusttest.Holder{Cert: cert, Key: key, Alg: alg, Chain: append([][]byte{view.Certificate}, view.Chain...)}, doc
}

// crowd runs f in n goroutines at once.
func crowd(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() { <-start; f(i) })
	}
	close(start)
	wg.Wait()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, err error, want *fault.Error) *fault.Error {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %s", err, want.Code)
	}
	return fault.Of(err)
}

func person(i int) Person {
	return Person{ID: fmt.Sprintf("p%03d", i), Login: fmt.Sprintf("login%03d", i), Name: fmt.Sprintf("员工%03d", i),
		OrganisationID: "org1", Organisation: "甲公司", CreditCode: code1}
}
