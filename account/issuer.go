package account

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"certlink/internal/clock"
)

// IssuerConfig is an outside identity service whose JWTs are accepted.
type IssuerConfig struct {
	// Name stands in accounts for good; the URL may move, the name may not.
	Name string `json:"name"`
	// Issuer and Audience must equal the iss claim and stand in the aud claim.
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
	// JWKS is where its public keys are: https, or http on this machine itself.
	JWKS string `json:"jwks"`
	// Algorithms accepted: RS256 and ES256 if empty. The HMAC family and "none"
	// cannot be named.
	Algorithms []string `json:"algorithms"`
	// Types are the accepted typ headers, compared without case: "JWT", "at+jwt"
	// and none at all if empty.
	Types []string `json:"types"`
	// Claims names the claims that are read.
	Claims ClaimNames `json:"claims"`
	// Roles maps a value of the roles claim to a role here. A value that is not
	// named gives nothing, so an issuer cannot make an operator unless said so.
	Roles map[string]Role `json:"roles"`
	// DefaultRole is given where no value maps: employee if empty, "-" for none.
	DefaultRole Role `json:"default_role"`
	// Organisations lists the credit codes this issuer may speak for; all if empty.
	Organisations []string `json:"organisations"`
}

// ClaimNames maps claims; a dot goes into an object ("org.code"). Defaults in brackets.
type ClaimNames struct {
	Name             string `json:"name"`              // [name]
	OrganisationCode string `json:"organisation_code"` // [org_code] unified social credit code
	OrganisationName string `json:"organisation_name"` // [org_name]
	Roles            string `json:"roles"`             // [roles] a string or a list of strings
	IDNumber         string `json:"id_number"`         // not read if empty
	Mobile           string `json:"mobile"`            // [phone_number]
	Email            string `json:"email"`             // [email]
}

// ParseIssuers reads a configuration file: a JSON list of issuers. A member it
// does not know is an error, for a misspelt one would silently mean its default.
func ParseIssuers(raw []byte) ([]IssuerConfig, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var out []IssuerConfig
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("account: the list of issuers: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("account: the list of issuers: something stands after its end")
	}
	return out, nil
}

// asymmetric are the algorithms that can be pinned: whoever checks such a
// signature cannot make one.
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

type issuer struct {
	config IssuerConfig
	// validator checks the claims.
	validator *jwt.Validator
	keys      jwkset.Storage
	// down is set while the last fetch of keys failed: then an unknown key id
	// may be a real one.
	down *atomic.Bool
}

func (c IssuerConfig) check() error {
	var errs []error
	if name, err := cleanLogin(c.Name); err != nil || name != c.Name {
		errs = append(errs, errors.New("Name must have 2 to 64 lower-case letters, digits or . _ - @"))
	}
	if c.Issuer == "" || c.Audience == "" {
		errs = append(errs, errors.New("Issuer and Audience are required: without them a token meant for somebody else would open accounts here"))
	}
	u, err := url.Parse(c.JWKS)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		errs = append(errs, errors.New("JWKS is not a URL"))
	case u.Scheme == "https":
	case u.Scheme == "http" && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1" || u.Hostname() == "localhost"):
	default:
		errs = append(errs, errors.New("JWKS must begin with https:// (or be on this machine): who can change the keys on the way can be anybody"))
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(asymmetric, a) {
			errs = append(errs, fmt.Errorf("algorithm %q cannot be accepted; there are %s", a, strings.Join(asymmetric, ", ")))
		}
	}
	for v, r := range c.Roles {
		if !slices.Contains(Roles, r) {
			errs = append(errs, fmt.Errorf("role %q, for the claim's value %q, does not exist", r, v))
		}
	}
	if c.DefaultRole != "" && c.DefaultRole != "-" && !slices.Contains(Roles, c.DefaultRole) {
		errs = append(errs, fmt.Errorf("DefaultRole %q does not exist", c.DefaultRole))
	}
	for _, o := range c.Organisations {
		if clean, err := cleanCreditCode(o); err != nil || clean != o {
			errs = append(errs, fmt.Errorf("organisation %q is no credit code", o))
		}
	}
	return errors.Join(errs...)
}

func (c IssuerConfig) withDefaults() IssuerConfig {
	if len(c.Algorithms) == 0 {
		c.Algorithms = []string{"RS256", "ES256"}
	}
	if len(c.Types) == 0 {
		c.Types = []string{"", "JWT", "at+jwt"}
	}
	c.Claims.Name = or(c.Claims.Name, "name")
	c.Claims.OrganisationCode = or(c.Claims.OrganisationCode, "org_code")
	c.Claims.OrganisationName = or(c.Claims.OrganisationName, "org_name")
	c.Claims.Roles = or(c.Claims.Roles, "roles")
	c.Claims.Mobile = or(c.Claims.Mobile, "phone_number")
	c.Claims.Email = or(c.Claims.Email, "email")
	if c.DefaultRole == "" {
		c.DefaultRole = Employee
	}
	return c
}

// jwtLeeway allows for clocks that differ.
const jwtLeeway = 2 * time.Second

// newIssuers names all mistakes of all issuers at once.
func newIssuers(ctx context.Context, configs []IssuerConfig, now clock.Clock, log *slog.Logger) (map[string]*issuer, error) {
	var errs []error
	out, names := map[string]*issuer{}, map[string]bool{}
	for i, c := range configs {
		if err := c.check(); err != nil {
			errs = append(errs, fmt.Errorf("account: issuer %d (%s): %w", i+1, c.Name, err))
			continue
		}
		if names[c.Name] || out[c.Issuer] != nil {
			errs = append(errs, fmt.Errorf("account: issuer %d (%s): name or issuer is used twice", i+1, c.Name))
			continue
		}
		names[c.Name] = true
		out[c.Issuer] = &issuer{config: c.withDefaults()}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, i := range out {
		if err := i.start(ctx, now, log); err != nil {
			return nil, fmt.Errorf("account: issuer %s: %w", i.config.Name, err)
		}
	}
	return out, nil
}

// start fetches the keys and keeps them fresh until ctx ends. An unknown key id
// fetches at once, three times and then once in five seconds, so that a bogus id
// cannot block a real rotation, and cannot make us a flood either.
func (i *issuer) start(ctx context.Context, now clock.Clock, log *slog.Logger) error {
	i.down = &atomic.Bool{}
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{i.config.JWKS}, keyfunc.Override{
		Client:            &http.Client{Transport: &jwksTransport{down: i.down}, CheckRedirect: refuseRedirect},
		HTTPTimeout:       5 * time.Second,
		RefreshInterval:   5 * time.Minute,
		RateLimitWaitMax:  time.Second,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(5*time.Second), 3),
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(_ context.Context, err error) {
				i.down.Store(true)
				log.Warn("keys of an issuer cannot be fetched", "issuer", i.config.Name, "error", err)
			}
		},
	})
	if err != nil {
		return err
	}
	i.keys = keys.Storage()
	c := i.config
	i.validator = jwt.NewValidator(jwt.WithIssuer(c.Issuer), jwt.WithAudience(c.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(jwtLeeway), jwt.WithTimeFunc(now))
	return nil
}

func refuseRedirect(*http.Request, []*http.Request) error {
	return errors.New("the issuer's key address redirects; configure the final address")
}

// jwksTransport bounds what an issuer can send.
type jwksTransport struct{ down *atomic.Bool }

const maxJWKS = 1 << 20

func (t *jwksTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.down.Store(true)
		return resp, err
	}
	t.down.Store(false) // a body that cannot be read sets it again
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxJWKS), resp.Body}
	return resp, nil
}

// key finds the key of a token; it must name one.
func (i *issuer) key(ctx context.Context, t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	if kid == "" || len(kid) > 255 {
		return nil, ErrToken.Becausef("the token names no key")
	}
	if _, has := t.Header["crit"]; has {
		return nil, ErrToken.Becausef("the token has critical headers")
	}
	typ, _ := t.Header["typ"].(string)
	if !slices.ContainsFunc(i.config.Types, func(want string) bool { return strings.EqualFold(want, typ) }) {
		return nil, ErrToken.Becausef("the token is of another type")
	}
	jwk, err := i.keys.KeyRead(ctx, kid)
	if errors.Is(err, jwkset.ErrKeyNotFound) && !i.down.Load() {
		return nil, ErrToken.Because(err)
	}
	if err != nil { // not to be fetched, or not so soon again: it may be a real one
		return nil, ErrIssuerUnavailable.After(5 * time.Second).Because(err)
	}
	m := jwk.Marshal()
	if m.ALG != "" && m.ALG.String() != t.Method.Alg() || m.USE != "" && m.USE != jwkset.UseSig {
		return nil, ErrToken.Becausef("the key is for another use")
	}
	if private, ok := jwk.Key().(interface{ Public() crypto.PublicKey }); ok {
		return private.Public(), nil
	}
	return jwk.Key(), nil
}
