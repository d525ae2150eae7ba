package servers

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/mobilecert"
	"certlink/phone"
	"certlink/program"
	"certlink/program/programtest"
	"certlink/store"
	"certlink/trust"
	"certlink/trust/ocsp"
	"certlink/trust/trusttest"
)

type holder = trusttest.Holder

// foreignProvider is the provider whose authority the tests play.
const foreignProvider = "sichuan"

// foreign is another authority, with a web server of its own.
type foreign struct {
	ca        *trusttest.Authority
	responder *holder
	url       string
	mu        sync.Mutex
	serve     map[string]http.HandlerFunc // by path
}

func newForeign(t *testing.T) *foreign {
	t.Helper()
	f := &foreign{serve: map[string]http.HandlerFunc{}, ca: trusttest.Root(t, trust.ES256, "Foreign Root", current(10))}
	f.responder = f.ca.Leaf(t, trust.ES256, current(1), func(c *trusttest.Template) {
		c.Subject, c.KeyUsage = pkix.Name{CommonName: "responder"}, smx509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []smx509.ExtKeyUsage{smx509.ExtKeyUsageOCSPSigning}
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		h := f.serve[r.URL.Path]
		f.mu.Unlock()
		if h == nil {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// current makes a certificate good for some years around now.
func current(years int) func(*trusttest.Template) {
	return func(c *trusttest.Template) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().AddDate(years, 0, 0)
	}
}

// leaf is a holder whose certificate says that OCSP is at a path, or a list if the
// path ends in .crl; nothing for "".
func (f *foreign) leaf(t *testing.T, path string) *holder {
	return f.ca.Leaf(t, trust.ES256, current(1), func(c *trusttest.Template) {
		switch {
		case path == "":
		case strings.HasSuffix(path, ".crl"):
			c.CRLDistributionPoints = []string{f.url + path}
		default:
			c.OCSPServer = []string{f.url + path}
		}
	})
}

// catalogue is the built-in one, with this authority as a provider's, and without
// the comparison of identities, since its holders are nobody in particular.
func (f *foreign) catalogue(t *testing.T, revocation string) string {
	t.Helper()
	raw, err := os.ReadFile("../../mobilecert/catalogue/default.json")
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, p := range file["providers"].([]any) {
		if p := p.(map[string]any); p["id"] == foreignProvider {
			p["media"].(map[string]any)["mobile"] = map[string]any{"zh": "移动证书", "en": "mobile certificate"}
			p["identity_check"], p["anchors"], p["revocation"] = false, []string{"root.pem"}, revocation
		}
	}
	raw, err = json.Marshal(file)
	err = errors.Join(err, os.WriteFile(filepath.Join(dir, "root.pem"), trusttest.PEM(f.ca.Cert), 0o600),
		os.WriteFile(filepath.Join(dir, "catalogue.json"), raw, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "catalogue.json")
}

func (f *foreign) at(path string, h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serve[path] = h
}

// answers is a responder that tells the truth, that all is good, but for a change.
func (f *foreign) answers(by *holder, change func(one *ocsp.Single, nonce *[]byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		req, err := ocsp.ParseRequest(body)
		if err != nil {
			http.Error(w, "no request", http.StatusBadRequest)
			return
		}
		now := time.Now().Truncate(time.Second)
		one := ocsp.Single{ID: req.IDs[0], ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour)}
		if change != nil {
			change(&one, &req.Nonce)
		}
		der, err := ocsp.Build(by.Key, by.Cert, true, []ocsp.Single{one}, req.Nonce, now)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Write(der)
	}
}

// list is a revocation list with so many entries.
func (f *foreign) list(t *testing.T, entries int, change func(*smx509.RevocationList)) []byte {
	t.Helper()
	l := &smx509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for i := range entries {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries,
			smx509.RevocationListEntry{SerialNumber: big.NewInt(int64(i) + 1), RevocationTime: time.Now().Add(-time.Hour)})
	}
	if change != nil {
		change(l)
	}
	der, err := smx509.CreateRevocationList(nil, l, f.ca.Cert.X, f.ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func bytesOf(der []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write(der) }
}

// Sources of revocation that are dead, slow, lie or say too much: each has its own
// code, no request waits for long, and nothing is bound.
func TestForeignRevocation(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := newForeign(t)
	in := newInstallation(t, embedded(t), func(s *program.Settings) {
		s.Catalogue, s.RevocationPrivate = f.catalogue(t, "hard"), []string{"127.0.0.0/8"}
	})
	r := in.add(0)
	page := in.signIn(r, "zhangwei")
	p := in.handset(r)
	in.must(p.SetPIN(ctx, programtest.DemoPIN))
	stranger := newForeign(t)
	quit := make(chan struct{})
	t.Cleanup(func() { close(quit) })
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	in.must(err)
	dead.Close()

	lists := map[string][]byte{
		"/good.crl":    f.list(t, 3, nil),
		"/large.crl":   f.list(t, 5000, nil),
		"/garbage.crl": []byte("<html>maintenance</html>"),
		"/stale.crl": f.list(t, 1, func(l *smx509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		}),
		"/forged.crl": stranger.list(t, 1, nil),
		"/huge.crl":   make([]byte, 17<<20),
	}
	for path, der := range lists {
		f.at(path, bytesOf(der))
	}
	for path, h := range map[string]http.HandlerFunc{
		"/good": f.answers(f.responder, nil),
		"/revoked": f.answers(f.responder, func(one *ocsp.Single, _ *[]byte) {
			one.Status, one.RevokedAt = ocsp.Revoked, time.Now().Add(-time.Hour)
		}),
		"/nonce": f.answers(f.responder, func(_ *ocsp.Single, nonce *[]byte) { *nonce = []byte("0123456789abcdef") }),
		"/stale": f.answers(f.responder, func(one *ocsp.Single, _ *[]byte) {
			one.ThisUpdate, one.NextUpdate = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		}),
		"/stranger": f.answers(stranger.responder, nil),
		"/garbage":  bytesOf([]byte("<html>maintenance</html>")),
		"/huge":     bytesOf(make([]byte, 4<<20)),
		"/broken":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", 500) },
		"/slow": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-quit:
			case <-r.Context().Done():
			}
		},
	} {
		f.at(path, h)
	}

	for _, c := range []struct{ path, want string }{
		{"/good", ""}, {"/good.crl", ""}, {"/large.crl", ""},
		{"/revoked", "certificate_revoked"}, {"/nonce", "ocsp_nonce_mismatch"}, {"/stale", "ocsp_stale"},
		{"/stranger", "ocsp_wrong_responder"}, {"/garbage", "ocsp_malformed"}, {"/huge", "ocsp_malformed"},
		{"/broken", "revocation_unavailable"}, {"/slow", "revocation_unavailable"}, {"/missing", "revocation_unavailable"},
		{"dead", "revocation_unavailable"}, {"", "revocation_unavailable"},
		{"/garbage.crl", "crl_malformed"}, {"/stale.crl", "crl_stale"}, {"/forged.crl", "crl_signature_invalid"}, {"/huge.crl", "crl_too_large"},
	} {
		h := f.leaf(t, c.path)
		if c.path == "dead" {
			h = f.ca.Leaf(t, trust.ES256, current(1), func(x *trusttest.Template) { x.OCSPServer = []string{"http://" + dead.Addr().String()} })
		}
		s, confirm := in.by(p, page, h)
		began := time.Now()
		err := confirm()
		if took := time.Since(began); took > 9*time.Second {
			t.Errorf("%s: the confirmation waited %s", c.path, took)
		}
		if got := phone.Code(err); got != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: %v; want %q", c.path, err, c.want)
		}
		list, err := page.Bindings(ctx)
		in.must(err)
		if (len(list.Items) == 1) != (c.want == "") {
			t.Fatalf("%s: the bindings are %+v", c.path, list)
		}
		if c.want != "" {
			in.must(page.Call(ctx, "POST", "/v1/qr-sessions/"+s+"/cancel", map[string]string{}, nil))
			continue
		}
		var evidence struct {
			Proofs []struct {
				Kind, Source string
				DER          []byte
			}
		}
		b := list.Items[0].ID
		in.must(page.Call(ctx, "GET", "/v1/bindings/"+b+"/evidence", nil, &evidence))
		kind, want := "ocsp", lists[c.path]
		if want != nil {
			kind = "crl"
		}
		if len(evidence.Proofs) != 1 || evidence.Proofs[0].Kind != kind || evidence.Proofs[0].Source != f.url+c.path ||
			(want != nil && string(evidence.Proofs[0].DER) != string(want)) {
			t.Errorf("%s: the evidence has %d proofs", c.path, len(evidence.Proofs))
		}
		in.must(page.Call(ctx, "POST", "/v1/bindings/"+b+"/unbind", map[string]string{}, nil))
	}

	// The same list proves for many and is kept once.
	for range 2 {
		_, confirm := in.by(p, page, f.leaf(t, "/large.crl"))
		in.must(confirm())
		in.unbind(page)
	}
	docs, _, err := r.life.Query(ctx, "proofs", store.Query{})
	in.must(err)
	if len(docs) != 2 { // the head and its one piece
		t.Errorf("%d documents hold the one large list", len(docs))
	}
}

// by brings a binding by the holder's certificate to where only the confirmation
// is missing, on a phone that there is already.
func (in *installation) by(p *phone.Phone, page *programtest.Portal, h *holder) (id string, confirm func() error) {
	in.t.Helper()
	ctx := context.Background()
	key, err := p.AddCertificate(h.Key, h.Cert.Raw, h.Chain[1:], foreignProvider)
	in.must(err)
	s, err := page.Start(ctx, map[string]string{"purpose": "bind", "provider": foreignProvider})
	in.must(err)
	claimed, err := p.Scan(ctx, s.Code)
	in.must(err)
	in.must(page.Match(ctx, s.ID, claimed.Match.Digits))
	return s.ID, func() error { return p.Confirm(ctx, claimed, key) }
}

// Without the setting, an address of a private network is not even connected to.
func TestPrivateSourcesAreNotAsked(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := newForeign(t)
	f.at("/good", func(http.ResponseWriter, *http.Request) { t.Error("this machine was asked") })
	in := newInstallation(t, embedded(t), func(s *program.Settings) { s.Catalogue = f.catalogue(t, "hard") })
	r := in.add(0)
	page, p := in.signIn(r, "zhangwei"), in.handset(r)
	in.must(p.SetPIN(ctx, programtest.DemoPIN))
	_, confirm := in.by(p, page, f.leaf(t, "/good"))
	if err := confirm(); phone.Code(err) != "revocation_unavailable" {
		t.Errorf("confirmed with %v", err)
	}
}

func (in *installation) revoke(page *programtest.Portal, id string) error {
	return page.Call(context.Background(), "POST", "/v1/certificates/"+id+"/revoke", map[string]string{"reason": "key_compromise"}, nil)
}

// Our own certificates: revoked after the scan, the confirmation is refused; revoked
// between its acceptance and the act, the session fails. Lists and OCSP say so at
// once, on every server, and OpenSSL agrees.
func TestOwnRevocation(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	in := newInstallation(t, embedded(t), nil)
	a, b := in.add(0), in.add(2*time.Second)
	page := in.signIn(a, "zhangwei")
	dir := t.TempDir()
	fetch := func(r *running, path string) []byte {
		t.Helper()
		resp, err := r.client(nil).Get(in.origin + path)
		in.must(err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		in.must(err)
		if resp.StatusCode != 200 {
			t.Fatalf("%s: %s", path, resp.Status)
		}
		return body
	}
	number := func(r *running) (int64, int) {
		t.Helper()
		l, err := smx509.ParseRevocationList(fetch(r, "/ca/p256.crl"))
		in.must(err)
		in.must(l.CheckSignatureFrom(a.program.Authority.Issuer("p256").X))
		return l.Number.Int64(), len(l.RevokedCertificateEntries)
	}
	if n, entries := number(a); n != 1 || entries != 0 {
		t.Errorf("the first list has the number %d and %d entries", n, entries)
	}
	if n, _ := number(b); n != 1 {
		t.Errorf("the other server publishes number %d", n)
	}

	// After the scan.
	handset, key := in.collected(b, page)
	good, _ := in.collected(a, page)
	s, err := page.Start(ctx, map[string]string{"purpose": "bind", "provider": program.BuiltinProvider})
	in.must(err)
	claimed, err := handset.Scan(ctx, s.Code)
	in.must(err)
	lost, err := mobilecert.NewCertificates(mobilecert.Config{Store: a.life}).BySerial(ctx, key.Certificate.SerialHex())
	in.must(err)
	in.must(in.revoke(b.same(page), lost.ID))
	if err := handset.Confirm(ctx, claimed, key); phone.Code(err) != "certificate_revoked" {
		t.Errorf("revoked after the scan, confirmed with %v", err)
	}
	for _, r := range []*running{a, b} {
		if n, entries := number(r); n != 2 || entries != 1 {
			t.Errorf("after a revocation: number %d, %d entries", n, entries)
		}
	}

	// OpenSSL asks, by POST, and looks at the list.
	issuer := filepath.Join(dir, "issuer.pem")
	anchors := filepath.Join(dir, "anchors.pem")
	list := filepath.Join(dir, "list.pem")
	in.must(os.WriteFile(issuer, trusttest.PEM(a.program.Authority.Issuer("p256")), 0o600))
	in.must(os.WriteFile(anchors, trusttest.PEM(a.program.Authority.Root("p256")), 0o600))
	raw := filepath.Join(dir, "list.der")
	in.must(os.WriteFile(raw, fetch(a, "/ca/p256.crl"), 0o600))
	trusttest.OpenSSL(t, "crl", "-inform", "DER", "-in", raw, "-out", list)
	goodKeys, err := good.Keys()
	in.must(err)
	for _, c := range []struct {
		cert *trust.Certificate
		want string
	}{{goodKeys[0].Certificate, "good"}, {key.Certificate, "revoked"}} {
		leaf := filepath.Join(dir, c.want+".pem")
		in.must(os.WriteFile(leaf, trusttest.PEM(c.cert), 0o600))
		for _, r := range []*running{a, b} {
			out := trusttest.OpenSSL(t, "ocsp", "-issuer", issuer, "-cert", leaf, "-url", "http://"+r.addr+"/ca/ocsp", "-CAfile", anchors, "-verify_other", issuer)
			if !strings.Contains(out, "Response verify OK") || !strings.Contains(out, ": "+c.want) {
				t.Errorf("openssl ocsp: %s", out)
			}
		}
		out, err := trusttest.TryOpenSSL(t, "verify", "-CAfile", anchors, "-untrusted", issuer, "-CRLfile", list, "-crl_check", leaf)
		if (err == nil) != (c.want == "good") || err != nil && !strings.Contains(out, "certificate revoked") {
			t.Errorf("openssl verify -crl_check of the %s one: %v %s", c.want, err, out)
		}
	}

	// By GET (RFC 6960 A.1), and what is no request.
	line := a.program.Authority.Issuer("p256")
	status := func(escaped string) *ocsp.Response {
		t.Helper()
		der := fetch(b, "/ca/ocsp/"+escaped)
		resp, err := ocsp.ParseResponse(der)
		if err != nil && !isErrorStatus(der) {
			t.Fatalf("%x: %v", der, err)
		}
		return resp
	}
	for range 20 { // with and without slashes and plus signs in the base64
		ask := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA1, line, key.Certificate.X.SerialNumber)}, Nonce: []byte(time.Now().String()[:32])}
		der, err := ask.Marshal()
		in.must(err)
		text := base64.StdEncoding.EncodeToString(der)
		for _, form := range []string{url.PathEscape(text), text, url.QueryEscape(text)} {
			one, ok := status(form).Find(line, key.Certificate.X.SerialNumber)
			if !ok || one.Status != ocsp.Revoked || one.Reason != 1 {
				t.Fatalf("by GET: %+v", one)
			}
		}
	}
	for _, bad := range []string{"AAAA", "%%%", "not+base64!", url.PathEscape(base64.StdEncoding.EncodeToString([]byte("no request")))} {
		if bad == "%%%" {
			continue // no client can send it
		}
		if der := fetch(a, "/ca/ocsp/"+bad); !isErrorStatus(der) {
			t.Errorf("%q is answered with %x", bad, der)
		}
	}
	// Of the wrong line the serial number is unknown.
	sm := a.program.Authority.Issuer("sm2")
	ask := ocsp.Request{IDs: []ocsp.CertID{ocsp.NewCertID(ocsp.SHA1, sm, key.Certificate.X.SerialNumber)}}
	der, err := ask.Marshal()
	in.must(err)
	if one, ok := status(url.PathEscape(base64.StdEncoding.EncodeToString(der))).Find(sm, key.Certificate.X.SerialNumber); !ok || one.Status != ocsp.Unknown {
		t.Errorf("of the other line: %+v", one)
	}

	// Between the acceptance and the act.
	handset, key = in.collected(b, page)
	s, err = page.Start(ctx, map[string]string{"purpose": "bind", "provider": program.BuiltinProvider})
	in.must(err)
	claimed, err = handset.Scan(ctx, s.Code)
	in.must(err)
	certificates := mobilecert.NewCertificates(mobilecert.Config{Store: a.life, Clock: a.program.Clock})
	lost, err = certificates.BySerial(ctx, key.Certificate.SerialHex())
	in.must(err)
	var accepted sync.Once
	b.life.onWrite(func(collection string, d store.Doc) {
		if d.ID == s.ID && strings.Contains(string(d.Body), `"state":"accepted"`) {
			accepted.Do(func() {
				if _, err := certificates.Revoke(ctx, lost.ID, mobilecert.Actor{ID: "test"}, mobilecert.KeyCompromise); err != nil {
					t.Error(err)
				}
			})
		}
	})
	if err := handset.Confirm(ctx, claimed, key); phone.Code(err) != "certificate_revoked" {
		t.Errorf("revoked after its acceptance, the phone is told %v", err)
	}
	end, err := page.Read(ctx, s.ID)
	in.must(err)
	if end.State != "failed" || end.Failure == nil || end.Failure.Code != "certificate_revoked" {
		t.Errorf("the session ended as %+v", end)
	}
	if bound, err := page.Bindings(ctx); err != nil || len(bound.Items) != 0 {
		t.Errorf("bound all the same: %+v %v", bound, err)
	}
}

// isErrorStatus tells an OCSPResponse that only says what went wrong.
func isErrorStatus(der []byte) bool {
	var r struct{ Status asn1.Enumerated }
	rest, err := asn1.Unmarshal(der, &r)
	return err == nil && len(rest) == 0 && r.Status != 0
}
