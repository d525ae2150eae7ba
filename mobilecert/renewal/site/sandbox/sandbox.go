// Package sandbox is an authority's site that reviews nothing, for demo mode: an HTTP
// service of its own on loopback, asked by the same adapter as real ones. Whoever tries
// certlink plays the holder and the authority's clerk on a page, and the certificate is
// of the demo authority.
package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"certlink/internal/clock"
	"certlink/mobilecert/renewal"
	"certlink/mobilecert/renewal/site"
	"certlink/trust"
	"certlink/trust/authority"
)

// Case is an extension as the site knows it.
type Case struct {
	ID       string
	Holder   string // the certificate's subject
	Serial   string
	Until    string
	SignedIn bool // with the account of the site, which is another than ours
	Step     renewal.Step
	Back     string // where the person goes afterwards

	old  *trust.Certificate
	made []byte
	note string
}

// Config of a Service.
type Config struct {
	NoticeURL string
	PageURL   string // of a case, without its id
	Clock     clock.Clock
	Client    *http.Client // sends notices
	Authority *authority.Authority
	Rules     []trust.IdentifierRule // where its certificates name their holder
}

// Service is the site. It forgets what was begun when the process ends, and says so
// then: the course goes back to where 去延期 is chosen.
type Service struct {
	cfg    Config
	secret []byte // shared with the adapter

	mu    sync.Mutex
	cases map[string]*Case
}

// most bounds what is remembered.
const most = 10_000

// New opens the site with a fresh secret: both ends of the wire are in this process.
func New(c Config) *Service {
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 5 * time.Second}
	}
	s := &Service{cfg: c, secret: make([]byte, 32), cases: map[string]*Case{}}
	rand.Read(s.secret)
	return s
}

// Site makes our end, for the service served at base.
func (s *Service) Site(base string) (*site.Client, error) {
	return site.New(base, s.secret, s.cfg.Clock)
}

// ServeHTTP answers signed questions.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, site.MaxBody))
	if err != nil || site.Verify(s.secret, s.cfg.Clock(), r.Header.Get(site.Header), r.URL.Path, body) != nil {
		http.Error(w, "the signature is not good", http.StatusUnauthorized)
		return
	}
	var q site.Question
	if err := json.Unmarshal(body, &q); err != nil {
		http.Error(w, "no question", http.StatusBadRequest)
		return
	}
	var answer any
	switch r.URL.Path {
	case site.SubjectBegin:
		answer = s.begin(q)
	case site.SubjectStatus:
		answer = s.status(q.Ref)
	}
	if answer == nil {
		http.Error(w, "not here", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// begin opens a case, finds it open, or opens one again that was turned down. Only
// certificates of the demo authority are extended here.
func (s *Service) begin(q site.Question) any {
	old, err := trust.ParseCertificate(q.Certificate)
	if err != nil {
		return nil
	}
	if _, ours := s.cfg.Authority.Issued(old); !ours {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cases[q.Renewal]
	switch {
	case c == nil && len(s.cases) >= most:
		return nil
	case c == nil:
		c = &Case{ID: q.Renewal, Holder: old.X.Subject.CommonName, Serial: old.SerialHex(), Until: q.Until, Step: renewal.StepMaterial, Back: q.Back, old: old}
		s.cases[c.ID] = c
	case c.Step == renewal.StepRejected:
		c.Step, c.note, c.Until = renewal.StepMaterial, "", q.Until
	}
	return site.Begun{Ref: c.ID, URL: s.cfg.PageURL + c.ID}
}

func (s *Service) status(ref string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cases[ref]
	if c == nil {
		return site.Stands{Step: string(renewal.StepRejected), Note: "演示：沙盒平台已重新启动，请再次点击“去延期”。The sandbox was started anew; begin again."}
	}
	return site.Stands{Step: string(c.Step), Note: c.note, Certificate: c.made}
}

// Look tells the page about a case.
func (s *Service) Look(id string) (Case, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cases[id]
	if c == nil {
		return Case{}, renewal.ErrUnknown
	}
	return *c, nil
}

// issue makes the new certificate: of the same holder and, as many tokens keep it,
// of the same key.
func (s *Service) issue(ctx context.Context, c *Case) ([]byte, error) {
	until, err := time.Parse(time.RFC3339, c.Until)
	if err != nil {
		return nil, err
	}
	who := trust.Identify(c.old, s.cfg.Rules)
	subject := authority.Subject{CommonName: c.old.X.Subject.CommonName}
	if o := c.old.X.Subject.Organization; len(o) > 0 {
		subject.Organisation = o[0]
	}
	made, err := s.cfg.Authority.Issue(ctx, authority.Request{
		Key: c.old.PublicKey(), Subject: subject, Person: who.Person, Organisation: who.Organisation,
		NotBefore: s.cfg.Clock().UTC().Truncate(time.Second), NotAfter: until, Profile: authority.Sign, Serial: authority.NewSerial(),
	})
	if err != nil {
		return nil, err
	}
	return made.X.Raw, nil
}
