// Package sandbox is an authority's site that reviews nothing, for demo mode: an HTTP
// service of its own on loopback, asked by the same adapter as real ones. Whoever tries
// certlink plays the holder and the authority's clerk on a page, and the certificate is
// of the demo authority.
package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"certlink/internal/clock"
	"certlink/mobilecert/renewal"
	"certlink/mobilecert/renewal/site"
	"certlink/store"
	"certlink/trust"
	"certlink/trust/authority"
)

// Case is an extension as the site knows it.
type Case struct {
	ID       string       `json:"id"`
	Holder   string       `json:"holder"` // the certificate's subject
	Serial   string       `json:"serial"`
	Until    string       `json:"until"`
	SignedIn bool         `json:"signed_in,omitempty"` // with the account of the site, which is another than ours
	Step     renewal.Step `json:"step"`
	Back     string       `json:"back"` // where the person goes afterwards
	Note     string       `json:"note,omitempty"`
	Key      string       `json:"key"` // SHA-256 of the public key, which the token keeps
	Old      []byte       `json:"old"`
	Made     *Made        `json:"made,omitempty"`
}

// Made is what the authority has issued: for a token, the certificates that its keys
// have from now on.
type Made struct {
	Certificate []byte `json:"certificate"`
	// Encryption is the twin's; nil where the token has none.
	Encryption []byte `json:"encryption_certificate,omitempty"`
	// Number is its serial number.
	Number string `json:"encryption_serial,omitempty"`
}

var collection = store.Collection{Name: "sandbox_extensions", Indexes: []store.Index{
	{Name: "key"},    // of those that are made
	{Name: "number"}, // of the encryption certificate made
}}

// Collections declares what the package keeps.
func Collections() []store.Collection { return []store.Collection{record(nil).Declare(collection)} }

func record(s store.Store) store.Record[Case] {
	return store.Record[Case]{Store: s, Collection: collection.Name,
		ID: func(c *Case) string { return c.ID },
		Index: func(c *Case) map[string]string {
			if c.Made == nil {
				return nil
			}
			return map[string]string{"key": store.Key(c.Key, c.Until, c.ID), "number": c.Made.Number}
		}}
}

// Config of a Service.
type Config struct {
	NoticeURL string
	PageURL   string // of a case, without its id
	Clock     clock.Clock
	Client    *http.Client // sends notices
	Store     store.Store
	Authority *authority.Authority
	Rules     []trust.IdentifierRule // where its certificates name their holder
	// Twin finds the encryption certificate beside a signing one, nil where there is
	// none; it may be nil.
	Twin func(ctx context.Context, signing *trust.Certificate) (*trust.Certificate, error)
}

// Service is the site.
type Service struct {
	cfg    Config
	secret []byte // shared with the adapter
	cases  store.Record[Case]
}

// New opens the site with a fresh secret: both ends of the wire are in this process.
func New(c Config) *Service {
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 5 * time.Second}
	}
	s := &Service{cfg: c, secret: make([]byte, 32), cases: record(c.Store)}
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
		answer, err = s.begin(r.Context(), q)
	case site.SubjectStatus:
		answer, err = s.status(r.Context(), q.Ref)
	}
	if err != nil && !errors.Is(err, renewal.ErrUnknown) {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	if err != nil || answer == nil {
		http.Error(w, "not here", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// begin opens a case, finds it open, or opens one again that was turned down. Only
// certificates of the demo authority are extended here.
func (s *Service) begin(ctx context.Context, q site.Question) (any, error) {
	old, err := trust.ParseCertificate(q.Certificate)
	if err != nil {
		return nil, nil
	}
	if _, ours := s.cfg.Authority.Issued(old); !ours {
		return nil, nil
	}
	err = s.cases.Create(ctx, &Case{ID: q.Renewal, Holder: old.X.Subject.CommonName, Serial: old.SerialHex(), Until: q.Until,
		Step: renewal.StepMaterial, Back: q.Back, Key: old.PublicKeySHA256(), Old: old.Raw})
	if errors.Is(err, store.ErrExists) {
		_, err = s.change(ctx, q.Renewal, func(c *Case) error {
			if c.Step != renewal.StepRejected {
				return store.ErrUnchanged
			}
			c.Step, c.Note, c.Until = renewal.StepMaterial, "", q.Until
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return site.Begun{Ref: q.Renewal, URL: s.cfg.PageURL + q.Renewal}, nil
}

func (s *Service) status(ctx context.Context, ref string) (any, error) {
	c, err := s.Look(ctx, ref)
	if err != nil {
		return nil, err
	}
	stands := site.Stands{Step: string(c.Step), Note: c.Note}
	if c.Made != nil {
		stands.Certificate = c.Made.Certificate
	}
	return stands, nil
}

// Look tells the page about a case.
func (s *Service) Look(ctx context.Context, id string) (*Case, error) {
	c, _, err := s.cases.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, renewal.ErrUnknown
	}
	return c, err
}

func (s *Service) change(ctx context.Context, id string, decide func(*Case) error) (*Case, error) {
	c, err := s.cases.Update(ctx, id, decide)
	if errors.Is(err, store.ErrNotFound) {
		return nil, renewal.ErrUnknown
	}
	return c, err
}

// Newest is what was issued last for the key of a token: what an authority's own tool
// would write to it.
func (s *Service) Newest(ctx context.Context, key string) (*Made, error) {
	c, _, err := s.cases.Last(ctx, "key", key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, renewal.ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return c.Made, nil
}

// issue makes the new certificates: of the same holder and, as many tokens keep them,
// of the same keys.
func (s *Service) issue(ctx context.Context, c *Case) (*Made, error) {
	old, err := trust.ParseCertificate(c.Old)
	if err != nil {
		return nil, err
	}
	until, err := time.Parse(time.RFC3339, c.Until)
	if err != nil {
		return nil, err
	}
	who := trust.Identify(old, s.cfg.Rules)
	subject := authority.Subject{CommonName: old.X.Subject.CommonName}
	if o := old.X.Subject.Organization; len(o) > 0 {
		subject.Organisation = o[0]
	}
	again := func(cert *trust.Certificate, p authority.Profile) ([]byte, error) {
		made, err := s.cfg.Authority.Issue(ctx, authority.Request{
			Key: cert.PublicKey(), Subject: subject, Person: who.Person, Organisation: who.Organisation,
			NotBefore: s.cfg.Clock().UTC().Truncate(time.Second), NotAfter: until, Profile: p, Serial: authority.NewSerial(),
		})
		if err != nil {
			return nil, err
		}
		return made.X.Raw, nil
	}
	out := new(Made)
	if out.Certificate, err = again(old, authority.Sign); err != nil || s.cfg.Twin == nil {
		return out, err
	}
	twin, err := s.cfg.Twin(ctx, old)
	if err == nil && twin != nil {
		if out.Encryption, err = again(twin, authority.Encrypt); err != nil {
			return nil, err
		}
		made, err := trust.ParseCertificate(out.Encryption)
		if err != nil {
			return nil, err
		}
		out.Number = made.SerialHex()
	}
	return out, err
}

// Issued says whether an encryption certificate of this serial number was made here. The
// installation's own records know the signing certificates that it was handed, and these
// not before they are bound.
func (s *Service) Issued(ctx context.Context, serial string) (bool, error) {
	_, _, err := s.cases.First(ctx, store.Equal("number", serial))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
