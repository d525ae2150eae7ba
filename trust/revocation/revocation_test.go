package revocation_test

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/internal/clock"
	"certlink/trust"
	"certlink/trust/ocsp"
	"certlink/trust/revocation"
	tt "certlink/trust/trusttest"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// site is an authority with a web server that does what the test says.
type site struct {
	ca        *tt.Authority
	responder *tt.Holder
	url       string
	hits      atomic.Int32

	mu   sync.Mutex
	ocsp http.HandlerFunc
	crl  http.HandlerFunc
}

func newSite(t testing.TB, alg trust.Algorithm) *site {
	t.Helper()
	s := &site{ca: tt.Root(t, alg, "ca")}
	s.responder = s.ca.Leaf(t, alg, func(c *tt.Template) {
		c.Subject, c.KeyUsage = pkix.Name{CommonName: "responder"}, smx509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []smx509.ExtKeyUsage{smx509.ExtKeyUsageOCSPSigning}
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		s.mu.Lock()
		h := s.ocsp
		if r.URL.Path == "/crl" {
			h = s.crl
		}
		s.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	s.answer(nil)
	s.list(nil)
	return s
}

// leaf issues a certificate that names the given sources: "ocsp", "crl".
func (s *site) leaf(t testing.TB, sources ...string) *trust.Certificate {
	return s.ca.Leaf(t, trust.ES256, func(c *tt.Template) {
		for _, kind := range sources {
			switch kind {
			case "ocsp":
				c.OCSPServer = append(c.OCSPServer, s.url+"/ocsp")
			case "crl":
				c.CRLDistributionPoints = append(c.CRLDistributionPoints, s.url+"/crl")
			}
		}
	}).Cert
}

func (s *site) set(ocsp, crl http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ocsp != nil {
		s.ocsp = ocsp
	}
	if crl != nil {
		s.crl = crl
	}
}

// answer makes the responder tell the truth (everything is good), but for one change.
func (s *site) answer(change func(*ocsp.Single, *[]byte)) {
	s.set(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		req, err := ocsp.ParseRequest(body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/ocsp-request" {
			http.Error(w, "no request", http.StatusBadRequest)
			return
		}
		one := ocsp.Single{ID: req.IDs[0], ThisUpdate: tt.Now, NextUpdate: tt.Now.Add(24 * time.Hour)}
		if change != nil {
			change(&one, &req.Nonce)
		}
		der, err := ocsp.Build(s.responder.Key, s.responder.Cert, true, []ocsp.Single{one}, req.Nonce, tt.Now)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Write(der)
	}, nil)
}

// makeCRL makes a list of s's, with one change.
func (s *site) makeCRL(change func(*smx509.RevocationList)) ([]byte, error) {
	return s.makeCRLBy(s.ca, change)
}

func (s *site) makeCRLBy(ca *tt.Authority, change func(*smx509.RevocationList)) ([]byte, error) {
	l := &smx509.RevocationList{Number: bigInt(1), ThisUpdate: tt.Now.Add(-time.Hour), NextUpdate: tt.Now.Add(24 * time.Hour)}
	if change != nil {
		change(l)
	}
	return smx509.CreateRevocationList(nil, l, ca.Cert.X, ca.Key)
}

func (s *site) list(change func(*smx509.RevocationList)) {
	der, err := s.makeCRL(change)
	if err != nil {
		panic(err)
	}
	s.serve(der)
}

func (s *site) serve(der []byte) {
	s.set(nil, func(w http.ResponseWriter, _ *http.Request) { w.Write(der) })
}

func checker(change func(*revocation.Options)) (*revocation.Checker, *clock.Manual) {
	hands := clock.NewManual(tt.Now)
	o := revocation.Options{Allow: loopback, Clock: hands.Now, Timeout: 2 * time.Second}
	if change != nil {
		change(&o)
	}
	return revocation.New(o), hands
}

func TestGoodAndRevoked(t *testing.T) {
	for _, alg := range tt.Algorithms {
		s := newSite(t, alg)
		byOCSP, byCRL := s.leaf(t, "ocsp"), s.leaf(t, "crl")
		c, _ := checker(nil)
		p, err := c.Status(t.Context(), byOCSP, s.ca.Cert, tt.Now)
		must(t, err)
		r, err := ocsp.ParseResponse(p.DER)
		must(t, err)
		if p.Kind != trust.ProofOCSP || p.Certificate != byOCSP.Fingerprint() || p.Source != s.url+"/ocsp" || r.Verify(s.ca.Cert, tt.Now) != nil || !p.CheckedAt.Equal(tt.Now) {
			t.Errorf("%s: %+v", alg, p)
		}
		p, err = c.Status(t.Context(), byCRL, s.ca.Cert, tt.Now)
		must(t, err)
		list, err := smx509.ParseRevocationList(p.DER)
		must(t, err)
		if p.Kind != trust.ProofCRL || list.CheckSignatureFrom(s.ca.Cert.X) != nil || !p.NextUpdate.Equal(tt.Now.Add(24*time.Hour)) {
			t.Errorf("%s: %+v", alg, p)
		}

		s.answer(func(one *ocsp.Single, _ *[]byte) { one.Status, one.RevokedAt = ocsp.Revoked, tt.Now.Add(-time.Minute) })
		s.list(func(l *smx509.RevocationList) {
			l.RevokedCertificateEntries = []smx509.RevocationListEntry{{SerialNumber: byCRL.X.SerialNumber, RevocationTime: tt.Now, ReasonCode: 1}}
		})
		c, _ = checker(nil)
		for name, cert := range map[string]*trust.Certificate{"OCSP": byOCSP, "CRL": byCRL} {
			for range 2 { // the second time from what is remembered
				if _, err := c.Status(t.Context(), cert, s.ca.Cert, tt.Now); !errors.Is(err, trust.ErrRevoked) {
					t.Errorf("%s %s: %v", alg, name, err)
				}
			}
		}
	}
}

// Each way an OCSP responder can fail or lie has its own code, and none passes.
func TestOCSPThatLies(t *testing.T) {
	s := newSite(t, trust.ES256)
	stranger := newSite(t, trust.ES256)
	huge := make([]byte, ocsp.MaxResponse+1)
	for _, tc := range []struct {
		name  string
		setUp func()
		want  error
	}{
		{"HTML", func() {
			s.set(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>login</html>") }, nil)
		}, ocsp.ErrMalformed},
		{"huge", func() { s.set(func(w http.ResponseWriter, _ *http.Request) { w.Write(huge) }, nil) }, ocsp.ErrMalformed},
		{"endless", func() {
			s.set(func(w http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					if _, err := w.Write(huge); err != nil {
						return
					}
				}
			}, nil)
		}, ocsp.ErrMalformed},
		{"status 500", func() { s.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, nil) }, trust.ErrRevocationUnavailable},
		{"redirect", func() {
			s.set(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, nil)
		}, trust.ErrRevocationUnavailable},
		{"try later", func() { s.set(func(w http.ResponseWriter, _ *http.Request) { w.Write(ocsp.BuildError(3)) }, nil) }, trust.ErrRevocationUnavailable},
		{"unknown", func() { s.answer(func(one *ocsp.Single, _ *[]byte) { one.Status = ocsp.Unknown }) }, trust.ErrRevocationUnavailable},
		{"another's answer", func() { stranger.answer(nil); s.set(stranger.ocsp, nil) }, ocsp.ErrWrongResponder},
		{"about another certificate", func() { s.answer(func(one *ocsp.Single, _ *[]byte) { one.ID.Serial = bigInt(7) }) }, ocsp.ErrMalformed},
		{"another nonce", func() { s.answer(func(_ *ocsp.Single, nonce *[]byte) { *nonce = []byte("another nonce") }) }, ocsp.ErrNonce},
		{"old", func() {
			s.answer(func(one *ocsp.Single, _ *[]byte) {
				one.ThisUpdate, one.NextUpdate = tt.Now.AddDate(0, 0, -2), tt.Now.AddDate(0, 0, -1)
			})
		}, ocsp.ErrStale},
		{"old, without an end", func() {
			s.answer(func(one *ocsp.Single, _ *[]byte) {
				one.ThisUpdate, one.NextUpdate = tt.Now.AddDate(0, 0, -1), time.Time{}
			})
		}, ocsp.ErrStale},
		{"of the future", func() { s.answer(func(one *ocsp.Single, _ *[]byte) { one.ThisUpdate = tt.Now.Add(time.Hour) }) }, ocsp.ErrStale},
		{"signature changed", func() {
			s.answer(nil)
			truth := s.ocsp
			s.set(func(w http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				truth(rec, r)
				der := rec.Body.Bytes()
				at := indexOf(der, s.responder.Cert.Raw) - 12 // inside the signature, before the certificate
				der[at] ^= 1
				w.Write(der)
			}, nil)
		}, ocsp.ErrSignature},
		{"truth", func() { s.answer(nil) }, nil},
		{"truth, no nonce", func() { s.answer(func(_ *ocsp.Single, nonce *[]byte) { *nonce = nil }) }, nil},
		{"truth, without an end", func() { s.answer(func(one *ocsp.Single, _ *[]byte) { one.NextUpdate = time.Time{} }) }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.setUp()
			c, _ := checker(nil)
			if _, err := c.Status(t.Context(), s.leaf(t, "ocsp"), s.ca.Cert, tt.Now); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	s.answer(func(_ *ocsp.Single, nonce *[]byte) { *nonce = nil })
	c, _ := checker(func(o *revocation.Options) { o.RequireNonce = true })
	if _, err := c.Status(t.Context(), s.leaf(t, "ocsp"), s.ca.Cert, tt.Now); !errors.Is(err, ocsp.ErrNonce) {
		t.Errorf("nonce required: %v", err)
	}
}

func TestCRLThatLies(t *testing.T) {
	s := newSite(t, trust.ES256)
	twin := tt.Root(t, trust.ES256, "ca") // same name, other key
	ext := func(last int, critical bool, value []byte) func(*smx509.RevocationList) {
		return func(l *smx509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, last}, Critical: critical, Value: value}}
		}
	}
	made := func(ca *tt.Authority, change func(*smx509.RevocationList)) func() {
		return func() {
			der, err := s.makeCRLBy(ca, change)
			must(t, err)
			s.serve(der)
		}
	}
	named := func(address string) []byte { // IssuingDistributionPoint with a full name
		n := len(address)
		return append([]byte{0x30, byte(n + 6), 0xa0, byte(n + 4), 0xa0, byte(n + 2), 0x86, byte(n)}, address...)
	}
	for _, tc := range []struct {
		name  string
		setUp func()
		want  error
	}{
		{"HTML", func() { s.serve([]byte("<html>")) }, revocation.ErrCRLMalformed},
		{"huge", func() { s.serve(make([]byte, 100<<10)) }, revocation.ErrCRLTooLarge},
		{"huge, without saying so", func() {
			s.set(nil, func(w http.ResponseWriter, _ *http.Request) {
				for range 200 {
					w.Write(make([]byte, 1<<10))
					w.(http.Flusher).Flush()
				}
			})
		}, revocation.ErrCRLTooLarge},
		{"status 404", func() { s.set(nil, http.NotFound) }, trust.ErrRevocationUnavailable},
		{"another key of the same name", made(twin, nil), revocation.ErrCRLSignature},
		{"another authority", made(tt.Root(t, trust.ES256, "other"), nil), revocation.ErrCRLSignature},
		{"signature changed", func() {
			der, err := s.makeCRL(nil)
			must(t, err)
			der[len(der)-1] ^= 1
			s.serve(der)
		}, revocation.ErrCRLSignature},
		{"old", made(s.ca, func(l *smx509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = tt.Now.AddDate(0, 0, -9), tt.Now.AddDate(0, 0, -2)
		}), revocation.ErrCRLStale},
		{"of the future", made(s.ca, func(l *smx509.RevocationList) { l.ThisUpdate = tt.Now.Add(time.Hour) }), revocation.ErrCRLStale},
		{"delta list", made(s.ca, ext(27, true, []byte{2, 1, 1})), revocation.ErrCRLMalformed},
		{"unknown critical extension", made(s.ca, ext(99, true, []byte{5, 0})), revocation.ErrCRLMalformed},
		{"indirect", made(s.ca, ext(28, true, []byte{0x30, 3, 0x84, 1, 0xff})), revocation.ErrCRLMalformed},
		{"some reasons only", made(s.ca, ext(28, true, []byte{0x30, 4, 0x83, 2, 1, 6})), revocation.ErrCRLMalformed},
		{"authorities only", made(s.ca, ext(28, true, []byte{0x30, 3, 0x82, 1, 0xff})), revocation.ErrCRLMalformed},
		{"another part", made(s.ca, ext(28, true, named("http://x/2"))), revocation.ErrCRLMalformed},
		{"critical entry extension", made(s.ca, func(l *smx509.RevocationList) {
			l.RevokedCertificateEntries = []smx509.RevocationListEntry{{SerialNumber: bigInt(5), RevocationTime: tt.Now,
				ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}}}}
		}), revocation.ErrCRLMalformed},
		{"truth", made(s.ca, nil), nil},
		{"truth, in PEM", func() {
			der, err := s.makeCRL(nil)
			must(t, err)
			s.serve(pemCRL(der))
		}, nil},
		{"truth, holders only", made(s.ca, ext(28, true, []byte{0x30, 3, 0x81, 1, 0xff})), nil},
		{"truth, this part", made(s.ca, ext(28, true, named(s.url+"/crl"))), nil},
		{"truth, entry with a reason", made(s.ca, func(l *smx509.RevocationList) {
			l.RevokedCertificateEntries = []smx509.RevocationListEntry{{SerialNumber: bigInt(5), RevocationTime: tt.Now, ReasonCode: 6}}
		}), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.setUp()
			c, _ := checker(func(o *revocation.Options) { o.MaxCRL = 64 << 10 })
			if _, err := c.Status(t.Context(), s.leaf(t, "crl"), s.ca.Cert, tt.Now); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestListFromOneWhoMayNotSignLists(t *testing.T) {
	s := newSite(t, trust.ES256)
	der, err := s.makeCRL(nil)
	must(t, err)
	s.serve(der)
	// The same key and name, certified without the right to sign lists.
	x := *s.ca.Cert.X
	barred := s.ca.Sign(t, &tt.Template{Subject: x.Subject, SubjectKeyId: x.SubjectKeyId, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: smx509.KeyUsageCertSign, NotAfter: x.NotAfter}, s.ca.Key.Public())
	c, _ := checker(nil)
	if _, err := c.Status(t.Context(), s.leaf(t, "crl"), barred, tt.Now); !errors.Is(err, revocation.ErrCRLSignature) {
		t.Errorf("got %v", err)
	}
}

func TestWhereToAsk(t *testing.T) {
	s := newSite(t, trust.ES256)
	c, _ := checker(nil)
	for name, addresses := range map[string][]string{"none": nil, "LDAP": {"ldap://ca.example.cn/cn=crl"}, "file": {"file:///etc/passwd"}, "with a password": {"http://a:b@127.0.0.1/"}, "junk": {"http://", "::"}} {
		leaf := s.ca.Leaf(t, trust.ES256, func(c *tt.Template) { c.CRLDistributionPoints, c.OCSPServer = addresses, addresses }).Cert
		if _, err := c.Status(t.Context(), leaf, s.ca.Cert, tt.Now); !errors.Is(err, trust.ErrRevocationUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The settings replace what stands in the certificate.
	leaf := s.ca.Leaf(t, trust.ES256, func(c *tt.Template) { c.OCSPServer = []string{"http://127.0.0.1:1/"} }).Cert
	c, _ = checker(func(o *revocation.Options) {
		o.Sources = map[string]revocation.Source{s.ca.Cert.Fingerprint(): {OCSP: []string{s.url + "/ocsp"}}}
	})
	if _, err := c.Status(t.Context(), leaf, s.ca.Cert, tt.Now); err != nil {
		t.Error(err)
	}
	// OCSP is dead, the list speaks.
	both := s.leaf(t, "ocsp", "crl")
	s.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, nil)
	c, _ = checker(nil)
	if p, err := c.Status(t.Context(), both, s.ca.Cert, tt.Now); err != nil || p.Kind != trust.ProofCRL {
		t.Errorf("%+v, %v", p, err)
	}
	s.set(nil, http.NotFound)
	c, _ = checker(nil)
	if _, err := c.Status(t.Context(), both, s.ca.Cert, tt.Now); !errors.Is(err, trust.ErrRevocationUnavailable) {
		t.Errorf("both dead: %v", err)
	}
}

// Certificates name addresses; none of them may lead into the server's own network.
func TestOwnNetworkIsNeverAsked(t *testing.T) {
	s := newSite(t, trust.ES256)
	_, port, err := net.SplitHostPort(s.url[len("http://"):])
	must(t, err)
	c, _ := checker(func(o *revocation.Options) { o.Allow = nil })
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1.2.3"} {
		leaf := s.ca.Leaf(t, trust.ES256, func(c *tt.Template) { c.OCSPServer = []string{"http://" + host + ":" + port + "/ocsp"} }).Cert
		if _, err := c.Status(t.Context(), leaf, s.ca.Cert, tt.Now); !errors.Is(err, trust.ErrRevocationUnavailable) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := s.hits.Load(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestDeadAndSlow(t *testing.T) {
	s := newSite(t, trust.ES256)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	dead := "http://" + l.Addr().String()
	must(t, l.Close())
	c, _ := checker(nil)
	leaf := s.ca.Leaf(t, trust.ES256, func(c *tt.Template) { c.OCSPServer = []string{dead} }).Cert
	if _, err := c.Status(t.Context(), leaf, s.ca.Cert, tt.Now); !errors.Is(err, trust.ErrRevocationUnavailable) {
		t.Errorf("dead: %v", err)
	}

	// Slow, in three ways: no answer at all, a header and no body, a byte now and then.
	ways := map[string]http.HandlerFunc{
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"header": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"drip": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write([]byte{0})
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		},
	}
	for name, way := range ways {
		s.set(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			way(w, r)
		}, way)
		for _, kind := range []string{"ocsp", "crl"} {
			c, _ := checker(func(o *revocation.Options) { o.Timeout = 300 * time.Millisecond })
			if _, err := c.Status(t.Context(), s.leaf(t, kind), s.ca.Cert, tt.Now); !errors.Is(err, trust.ErrRevocationUnavailable) {
				t.Errorf("%s %s: %v", name, kind, err)
			}
			// And a caller with less time than the fetch has does not wait for it.
			c, _ = checker(func(o *revocation.Options) { o.Timeout = time.Second })
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_, err := c.Status(ctx, s.leaf(t, kind), s.ca.Cert, tt.Now)
			cancel()
			if !errors.Is(err, trust.ErrRevocationUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s %s, short of time: %v", name, kind, err)
			}
		}
	}
}

// A source that failed is left alone for a while, then asked again.
func TestFailureIsRemembered(t *testing.T) {
	s := newSite(t, trust.ES256)
	c, hands := checker(nil)
	status := func(kind string) error {
		_, err := c.Status(t.Context(), s.leaf(t, kind), s.ca.Cert, tt.Now)
		return err
	}
	s.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, nil)
	s.serve([]byte("junk"))
	for range 10 {
		if err := status("ocsp"); !errors.Is(err, trust.ErrRevocationUnavailable) {
			t.Error(err)
		}
		if err := status("crl"); !errors.Is(err, revocation.ErrCRLMalformed) {
			t.Error(err)
		}
	}
	if n := s.hits.Load(); n != 2 {
		t.Errorf("%d requests, want one for each source", n)
	}
	s.answer(nil)
	s.list(nil)
	hands.Advance(6 * time.Second)
	if err := errors.Join(status("ocsp"), status("crl")); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestOneFetchForAll(t *testing.T) {
	for _, kind := range []string{"ocsp", "crl"} {
		s := newSite(t, trust.ES256)
		c, _ := checker(nil)
		leaf := s.leaf(t, kind)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := c.Status(t.Context(), leaf, s.ca.Cert, tt.Now); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := s.hits.Load(); n != 1 {
			t.Errorf("%s: %d requests for one answer", kind, n)
		}
	}
}

// One caller giving up must not take the answer from the others.
func TestGivingUpAlone(t *testing.T) {
	s := newSite(t, trust.ES256)
	truth := s.ocsp
	arrived, goOn := make(chan struct{}), make(chan struct{})
	s.set(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-goOn
		truth(w, r)
	}, nil)
	c, _ := checker(nil)
	leaf := s.leaf(t, "ocsp")
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := c.Status(ctx, leaf, s.ca.Cert, tt.Now); first <- err }()
	<-arrived
	go func() { _, err := c.Status(t.Context(), leaf, s.ca.Cert, tt.Now); second <- err }()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who gave up: %v", err)
	}
	close(goOn)
	if err := <-second; err != nil {
		t.Errorf("the other one: %v", err)
	}
}

func TestHowLongAnAnswerServes(t *testing.T) {
	for _, kind := range []string{"ocsp", "crl"} {
		s := newSite(t, trust.ES256)
		c, hands := checker(func(o *revocation.Options) { o.MaxAge = time.Hour })
		leaf := s.leaf(t, kind)
		at := func(d time.Duration) error {
			_, err := c.Status(t.Context(), leaf, s.ca.Cert, tt.Now.Add(d))
			return err
		}
		hits := func(want int32, when string) {
			t.Helper()
			if n := s.hits.Load(); n != want {
				t.Errorf("%s %s: %d requests, want %d", kind, when, n, want)
			}
		}
		must(t, at(0))
		must(t, at(30*time.Minute))
		hits(1, "young")
		// Ageing: answered at once, and asked again behind the answer.
		must(t, at(90*time.Minute))
		waitFor(t, func() bool { return s.hits.Load() == 2 })
		// The authority is away. What it said counts until it ends, then nothing does.
		s.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
		hands.Advance(time.Minute)
		if err := at(10 * time.Hour); err != nil {
			t.Errorf("%s away, still counting: %v", kind, err)
		}
		hands.Advance(time.Minute)
		if err := at(25 * time.Hour); !errors.Is(err, trust.ErrRevocationUnavailable) {
			t.Errorf("%s away, ended: %v", kind, err)
		}
	}
}

// An old copy of the list must not take back a revocation that is known.
func TestOldListDoesNotUndoARevocation(t *testing.T) {
	s := newSite(t, trust.ES256)
	leaf := s.leaf(t, "crl")
	c, hands := checker(func(o *revocation.Options) { o.MaxAge = time.Minute })
	s.list(func(l *smx509.RevocationList) {
		l.RevokedCertificateEntries = []smx509.RevocationListEntry{{SerialNumber: leaf.X.SerialNumber, RevocationTime: tt.Now}}
	})
	if _, err := c.Status(t.Context(), leaf, s.ca.Cert, tt.Now); !errors.Is(err, trust.ErrRevoked) {
		t.Fatal(err)
	}
	s.list(func(l *smx509.RevocationList) { l.ThisUpdate = tt.Now.Add(-2 * time.Hour) })
	hands.Advance(time.Hour)
	if _, err := c.Status(t.Context(), leaf, s.ca.Cert, tt.Now.Add(time.Hour)); !errors.Is(err, trust.ErrRevoked) || s.hits.Load() != 2 {
		t.Errorf("got %v after %d requests", err, s.hits.Load())
	}
}

// Through the policy: fails closed, unless the provider's policy says otherwise.
func TestThroughThePolicy(t *testing.T) {
	s := newSite(t, trust.ES256)
	s.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, nil)
	c, _ := checker(nil)
	leaf := s.leaf(t, "ocsp")
	strict := trust.Policy{Anchors: tt.Pool(t, s.ca.Cert)}
	if _, err := strict.Check(t.Context(), leaf, nil, tt.Now, c); !errors.Is(err, trust.ErrRevocationUnavailable) {
		t.Errorf("strict: %v", err)
	}
	soft := trust.Policy{Anchors: tt.Pool(t, s.ca.Cert), Revocation: trust.RevocationSoftFail}
	if got, err := soft.Check(t.Context(), leaf, nil, tt.Now, c); err != nil || got.RevocationProof[0].Kind != trust.ProofNone {
		t.Errorf("soft: %v", err)
	}
	// A certificate that nobody vouches for must not make the server fetch anything.
	before := s.hits.Load()
	forged := tt.Root(t, trust.ES256, "ca").Leaf(t, trust.ES256, func(c *tt.Template) { c.OCSPServer = []string{s.url + "/ocsp"} }).Cert
	if _, err := strict.Check(t.Context(), forged, nil, tt.Now, c); !errors.Is(err, trust.ErrUntrusted) || s.hits.Load() != before {
		t.Errorf("forged: %v, %d fetches", err, s.hits.Load()-before)
	}
}
