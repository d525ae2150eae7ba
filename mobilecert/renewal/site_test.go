package renewal_test

import (
	"crypto"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/fault"
	"certlink/mobilecert"
	"certlink/mobilecert/mobiletest"
	"certlink/mobilecert/renewal"
	"certlink/mobilecert/renewal/site"
	"certlink/mobilecert/renewal/site/sandbox"
	"certlink/trust"
	"certlink/trust/authority"
	"certlink/trust/trusttest"
)

// sited is a world with an authority's site on the wire; deaf, it takes no call-backs.
type sited struct {
	*world
	config  sandbox.Config
	box     *sandbox.Service
	deaf    bool
	notices int
}

func newSited(t *testing.T) *sited {
	s := new(sited)
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.notices++
		if s.deaf {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if err := s.renewals.Notice(r.Context(), r.Header.Get, body); err != nil {
			t.Errorf("the notice: %v", err)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(ours.Close)
	s.world = newWorld(t, func(w *world) {
		policy, err := w.Cat.Policy("huixin")
		check(t, err)
		s.config = sandbox.Config{NoticeURL: ours.URL, PageURL: "https://ca.example.cn/sandbox/extension/", Clock: w.Clock.Now, Store: w.World.Store, Authority: w.CA, Rules: policy.Identifiers}
		s.box = sandbox.New(s.config)
		theirs := httptest.NewServer(s.box)
		t.Cleanup(theirs.Close)
		w.site, err = s.box.Site(theirs.URL)
		check(t, err)
	})
	return s
}

// token is a U-Key of li's, bound, whose certificate the demo authority made.
func (s *sited) token(t *testing.T) (*mobiletest.Phone, *mobilecert.Binding) {
	t.Helper()
	key, who := trusttest.Key(t, trust.SM2SM3), s.People
	p, err := who.Person(ctx, "li")
	check(t, err)
	from := s.Clock.Now().UTC().Truncate(time.Second)
	cert, err := s.CA.Issue(ctx, authority.Request{Key: key.Public(), Subject: authority.Subject{CommonName: p.Name, Organisation: p.Organisation},
		Person: p.IDNumber, Organisation: p.CreditCode, NotBefore: from, NotAfter: from.AddDate(1, 0, 0), Profile: authority.Sign, Serial: authority.NewSerial()})
	check(t, err)
	doc, err := s.Certificates.Import(ctx, mobilecert.Import{ID: "token", DER: cert.Raw, Provider: "huixin", Product: "huixin-ukey", Medium: mobilecert.UKey,
		Account: s.Party("li"), Person: p.IDNumber, CreditCode: p.CreditCode, By: mobilecert.Actor{ID: "r"}})
	check(t, err)
	u := &mobiletest.Phone{Holder: s.holder(cert, key), Doc: doc}
	return u, s.Bound(u, "li")
}

func (s *sited) holder(cert *trust.Certificate, key crypto.Signer) *trusttest.Holder {
	return &trusttest.Holder{Cert: cert, Key: key, Alg: trust.SM2SM3, Chain: append([][]byte{cert.Raw}, s.CA.Chain(cert)...)}
}

// acts does things on the site's page.
func (s *sited) acts(t *testing.T, id string, acts ...sandbox.Act) {
	t.Helper()
	for _, a := range acts {
		check(t, s.box.Do(ctx, id, a))
	}
}

// The two clicks at the sandbox: material, turned down, begun again, passed, the
// second click, a new certificate, and the binding once its holder has signed with it.
func TestTheCourseAtTheSandbox(t *testing.T) {
	s := newSited(t)
	u, bound := s.token(t)
	s.due(u)
	n, err := s.renewals.Start(ctx, s.Who("li"), u.Doc.ID, confirm.Requester{IP: "192.0.2.7", Browser: "Edge"})
	check(t, err)
	check(t, s.pay(n))
	leave := func() {
		t.Helper()
		got, err := s.renewals.Leave(ctx, s.Who("li"), n.ID, "https://ca.example.cn/portal/")
		check(t, err)
		if got.State != renewal.Extending || got.Course.URL != "https://ca.example.cn/sandbox/extension/"+n.ID {
			t.Fatalf("%+v", got.Course)
		}
	}
	leave()
	refused(t, s.box.Do(ctx, n.ID, sandbox.Hand), renewal.ErrState) // nobody has signed in
	s.acts(t, n.ID, sandbox.SignIn)
	refused(t, s.box.Do(ctx, n.ID, sandbox.Extend), renewal.ErrState) // the review comes first
	s.acts(t, n.ID, sandbox.Hand, sandbox.Reject)
	if got := s.state(n.ID, renewal.Extension); !strings.Contains(got.Course.Note, "营业执照") {
		t.Fatalf("%+v", got.Course)
	}
	leave()
	s.acts(t, n.ID, sandbox.Hand)
	if got := s.state(n.ID, renewal.Extending); got.Course.Step != renewal.StepReview {
		t.Fatalf("%+v", got.Course)
	}

	// The call-backs are lost from here on: it is found by asking.
	s.deaf = true
	s.acts(t, n.ID, sandbox.Pass)
	if got := s.read(n.ID); got.Course.Step != renewal.StepReview {
		t.Fatalf("%+v", got.Course)
	}
	s.Clock.Advance(time.Minute)
	check(t, s.renewals.Sweep(ctx))
	if got := s.read(n.ID); got.Course.Step != renewal.StepApproved {
		t.Fatalf("%+v", got.Course)
	}
	s.acts(t, n.ID, sandbox.Extend)
	refused(t, s.box.Do(ctx, n.ID, sandbox.Extend), renewal.ErrState)
	s.Clock.Advance(time.Minute)
	check(t, s.renewals.Sweep(ctx))
	got := s.state(n.ID, renewal.Extended)
	fresh, err := s.Certificates.Get(ctx, got.Attempt.Successor)
	check(t, err)
	if !fresh.NotAfter.After(u.Doc.NotAfter) || s.notices != 5 {
		t.Errorf("until %v, %d notices", fresh.NotAfter, s.notices)
	}
	check(t, s.renewals.Sweep(ctx))
	check(t, s.renewals.Told(ctx, n.ID)) // late, and again

	// The binding waits for the holder's signature with the new certificate.
	if b, err := s.Bindings.Get(ctx, bound.ID); err != nil || b.Certificate.Content != u.Doc.Content {
		t.Fatalf("%+v, %v", b, err)
	}
	c, err := s.Ask("replace", "li", map[string]string{"renewal": n.ID})
	check(t, err)
	check(t, s.Statement(c, nil))
	if _, err := s.Confirm(c, "", u.Sign(t, c)); !errors.Is(err, confirm.ErrSignerMismatch) {
		t.Fatalf("the old certificate signs: %v", err)
	}
	cert, err := trust.ParseCertificate(fresh.DER)
	check(t, err)
	u.Holder = s.holder(cert, u.Holder.Key)
	_, err = s.Confirm(c, "", u.Sign(t, c))
	check(t, err)
	if b, err := s.Bindings.Get(ctx, bound.ID); err != nil || b.Certificate.Content != fresh.Content {
		t.Fatalf("%+v, %v", b, err)
	}
}

// The sandbox knows after a restart what it knew. Without a site no notice is taken.
func TestTheSandboxRemembers(t *testing.T) {
	s := newSited(t)
	if _, err := s.box.Look(ctx, "none"); !errors.Is(err, renewal.ErrUnknown) {
		t.Errorf("%v", err)
	}
	if st, err := s.site.Status(ctx, "none"); err == nil {
		t.Errorf("%+v", st)
	}
	u, _ := s.token(t)
	s.config.NoticeURL = "http://127.0.0.1:1" // nobody is there
	open := func() (*sandbox.Service, *site.Client) {
		box := sandbox.New(s.config)
		theirs := httptest.NewServer(box)
		t.Cleanup(theirs.Close)
		site, err := box.Site(theirs.URL)
		check(t, err)
		return box, site
	}
	box, first := open()
	for range 2 { // again finds it open
		_, err := first.Begin(ctx, renewal.SiteRequest{Renewal: "n1", Certificate: u.Doc.DER, Until: "2030-01-01T00:00:00Z"})
		check(t, err)
	}
	check(t, box.Do(ctx, "n1", sandbox.SignIn))
	check(t, box.Do(ctx, "n1", sandbox.Hand))
	again, second := open()
	if st, err := second.Status(ctx, "n1"); err != nil || st.Step != renewal.StepReview {
		t.Errorf("%+v, %v", st, err)
	}
	// What it issues is for the token's key, and can be fetched by it.
	if _, err := again.Newest(ctx, u.Doc.Key); !errors.Is(err, renewal.ErrUnknown) {
		t.Errorf("%v", err)
	}
	check(t, again.Do(ctx, "n1", sandbox.Pass))
	check(t, again.Do(ctx, "n1", sandbox.Extend))
	made, err := again.Newest(ctx, u.Doc.Key)
	check(t, err)
	if c, err := trust.ParseCertificate(made.Certificate); err != nil || c.PublicKeySHA256() != u.Doc.Key || made.Encryption != nil {
		t.Errorf("%v", err)
	}
	foreign := trusttest.Root(t, trust.ES256, "Another CA").Leaf(t, trust.ES256)
	if _, err := s.site.Begin(ctx, renewal.SiteRequest{Renewal: "n2", Certificate: foreign.Cert.Raw}); err == nil {
		t.Error("another authority's certificate is extended")
	}
	err = newWorld(t).renewals.Notice(ctx, func(string) string { return "" }, nil)
	if f := fault.Of(err); f == nil || f.Code != renewal.ErrNotice.Code {
		t.Errorf("%v", err)
	}
}
