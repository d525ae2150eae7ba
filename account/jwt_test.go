package account

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// idp is an identity service on this machine whose keys the test changes.
type idp struct {
	t      testing.TB
	server *httptest.Server
	mu     sync.Mutex
	keys   map[string]crypto.Signer
	fetchs atomic.Int32
	answer atomic.Pointer[http.HandlerFunc] // instead of the keys
}

func newIDP(t testing.TB) *idp {
	p := &idp{t: t, keys: map[string]crypto.Signer{}}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fetchs.Add(1)
		if h := p.answer.Load(); h != nil {
			(*h)(w, r)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		set := []map[string]string{}
		for kid, k := range p.keys {
			set = append(set, publicJWK(kid, k.Public()))
		}
		json.NewEncoder(w).Encode(map[string]any{"keys": set})
	}))
	t.Cleanup(p.server.Close)
	return p
}

func publicJWK(kid string, pub crypto.PublicKey) map[string]string {
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		point, _ := k.Bytes()
		return map[string]string{"kid": kid, "use": "sig", "kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
	case *rsa.PublicKey:
		return map[string]string{"kid": kid, "use": "sig", "kty": "RSA", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	}
	panic("key")
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (p *idp) rotate(kid string) crypto.Signer {
	k := newKey(p.t)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = map[string]crypto.Signer{kid: k}
	return k
}

func (p *idp) config() IssuerConfig {
	return IssuerConfig{Name: "portal", Issuer: "https://id.example.cn", Audience: "certlink", JWKS: p.server.URL,
		Roles: map[string]Role{"ca-admin": Admin, "ca-user": Employee}, Claims: ClaimNames{OrganisationCode: "org.code", IDNumber: "cert_no"}}
}

// newJWTWorld is a world with one issuer whose first key is "k1".
func newJWTWorld(t testing.TB, change ...func(*IssuerConfig)) (*world, *idp) {
	p := newIDP(t)
	p.rotate("k1")
	c := p.config()
	for _, f := range change {
		f(&c)
	}
	return newWorld(t, func(conf *Config) { conf.Issuers = []IssuerConfig{c} }), p
}

func (w *world) claims() jwt.MapClaims {
	now := w.clock.Now()
	return jwt.MapClaims{"iss": "https://id.example.cn", "aud": "certlink", "sub": "u-1001", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"name": "张伟", "org": map[string]any{"code": "12339900MADEM0B2XU"}, "org_name": "乙中心", "roles": []string{"ca-user"}}
}

func (p *idp) sign(kid string, claims jwt.MapClaims, header ...string) string {
	p.t.Helper()
	t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	t.Header["kid"] = kid
	for i := 0; i+1 < len(header); i += 2 {
		t.Header[header[i]] = header[i+1]
	}
	p.mu.Lock()
	k := p.keys[kid]
	p.mu.Unlock()
	s, err := t.SignedString(k)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func TestFirstSignInMakesThePerson(t *testing.T) {
	w, p := newJWTWorld(t)
	claims := w.claims()
	claims["cert_no"], claims["email"], claims["phone_number"] = "339900199001010011", "zw@example.com", "not a number"
	got, err := w.Bearer(t.Context(), p.sign("k1", claims))
	want(t, err, nil)
	a := got.Account
	if got.Via != "jwt" || a.Name != "张伟" || a.Issuer != "portal" || a.ExternalID != "u-1001" || a.IDNumber != "339900199001010011" ||
		a.Email != "zw@example.com" || a.Mobile != "" || !a.Has(Employee) || got.Organisation.Name != "乙中心" || got.Organisation.CreditCode != "12339900MADEM0B2XU" {
		t.Errorf("%+v of %+v", a, got.Organisation)
	}
	// No password opens this account.
	_, _, err = w.SignIn(t.Context(), SignIn{Login: a.Login, Password: ""})
	want(t, err, ErrCredentials)
	want(t, w.SetPassword(t.Context(), w.root, a.ID, "another good one"), ErrNoPassword)

	// The second time nothing is written.
	before := w.body(accounts, a.ID)
	again, err := w.Bearer(t.Context(), p.sign("k1", claims))
	want(t, err, nil)
	if again.Account.ID != a.ID || w.body(accounts, a.ID) != before {
		t.Error("the second sign-in changed the account")
	}
	// Claims that changed are taken over.
	claims["name"], claims["roles"], claims["org_name"] = "张玮", []string{"ca-admin", "nonsense"}, "乙采购中心"
	again, err = w.Bearer(t.Context(), p.sign("k1", claims))
	want(t, err, nil)
	if again.Account.Name != "张玮" || !again.Has(Admin) || again.Has(Employee) || again.Organisation.Name != "乙采购中心" {
		t.Errorf("%+v", again.Account)
	}
	wantOwed(t, w.owed(accounts, a.ID), "account.roles_changed")

	// A lock here holds whatever the issuer says.
	_, err = w.Lock(t.Context(), w.root, a.ID, "")
	want(t, err, nil)
	_, err = w.Bearer(t.Context(), p.sign("k1", claims))
	want(t, err, ErrLocked)
}

func TestParallelFirstSignInsMakeOnePerson(t *testing.T) {
	w, p := newJWTWorld(t)
	token := p.sign("k1", w.claims())
	servers := []*Service{w.Service, w.server()}
	var wg sync.WaitGroup
	var mu sync.Mutex
	people, orgs := map[string]bool{}, map[string]bool{}
	for i := range 20 {
		wg.Go(func() {
			got, err := servers[i%2].Bearer(t.Context(), []byte(token))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			people[got.Account.ID], orgs[got.Organisation.ID] = true, true
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(people) != 1 || len(orgs) != 1 {
		t.Errorf("%d people in %d organisations", len(people), len(orgs))
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	w, p := newJWTWorld(t, func(c *IssuerConfig) { c.Organisations = []string{"12339900MADEM0B2XU"} })
	now := w.clock.Now()
	with := func(k string, v any) string {
		c := w.claims()
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
		return p.sign("k1", c)
	}
	good := p.sign("k1", w.claims())
	parts := strings.Split(good, ".")
	hmac := jwt.NewWithClaims(jwt.SigningMethodHS256, w.claims())
	hmac.Header["kid"] = "k1"
	point, _ := p.keys["k1"].(*ecdsa.PrivateKey).PublicKey.Bytes()
	confused, err := hmac.SignedString(point)
	want(t, err, nil)
	none := jwt.NewWithClaims(jwt.SigningMethodNone, w.claims())
	none.Header["kid"] = "k1"
	unsigned, err := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	want(t, err, nil)
	es := jwt.NewWithClaims(jwt.SigningMethodES256, w.claims())
	nokid, err := es.SignedString(p.keys["k1"])
	want(t, err, nil)
	es.Header["kid"] = "k1"
	stranger, err := es.SignedString(newKey(t))
	want(t, err, nil)

	for name, token := range map[string]string{
		"empty": "", "noise": "x.y.z", "two parts": parts[0] + "." + parts[1], "four parts": good + ".x",
		"long":           good + strings.Repeat("A", maxJWT),
		"payload":        parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://id.example.cn"}`)) + "." + parts[2],
		"none":           unsigned,
		"HMAC":           confused,
		"no kid":         nokid,
		"another's key":  stranger,
		"crit":           p.sign("k1", w.claims(), "crit", "x"),
		"typ":            p.sign("k1", w.claims(), "typ", "certlink-statement+jws"),
		"issuer":         with("iss", "https://evil.example"),
		"no issuer":      with("iss", nil),
		"audience":       with("aud", "another"),
		"no audience":    with("aud", nil),
		"expired":        with("exp", now.Add(-3*time.Second).Unix()),
		"no exp":         with("exp", nil),
		"not yet":        with("nbf", now.Add(3*time.Second).Unix()),
		"from future":    with("iat", now.Add(3*time.Second).Unix()),
		"no subject":     with("sub", nil),
		"odd subject":    with("sub", "a\x00b"),
		"number":         with("sub", 7),
		"odd name":       with("name", "\u202eadmin"),
		"organisation":   with("org", map[string]any{"code": "91339900MADEM0A15M"}),
		"credit code":    with("org", map[string]any{"code": "short"}),
		"our own prefix": TokenPrefix + "x",
	} {
		if _, err := w.Bearer(t.Context(), token); faultOf(err).Code != "token_invalid" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.count(accounts); n != 0 {
		t.Errorf("%d accounts were made", n)
	}
	_, err = w.Bearer(t.Context(), with("org", nil))
	want(t, err, ErrOrganisationUnknown)
	// Two seconds of leeway, on either side.
	for _, token := range []string{with("exp", now.Add(-time.Second).Unix()), with("nbf", now.Add(2*time.Second).Unix()), with("iat", now.Add(2*time.Second).Unix()), with("aud", []string{"x", "certlink"})} {
		_, err := w.Bearer(t.Context(), token)
		want(t, err, nil)
	}
}

func TestAPersonCannotMoveToAnotherOrganisation(t *testing.T) {
	w, p := newJWTWorld(t)
	_, err := w.Bearer(t.Context(), p.sign("k1", w.claims()))
	want(t, err, nil)
	c := w.claims()
	c["org"] = map[string]any{"code": w.org.CreditCode}
	_, err = w.Bearer(t.Context(), p.sign("k1", c))
	want(t, err, ErrOrganisationChanged)
	// An issuer renames only what it made.
	c["sub"], c["org_name"] = "u-2", "冒名公司"
	got, err := w.Bearer(t.Context(), p.sign("k1", c))
	want(t, err, nil)
	if got.Organisation.Name != w.org.Name {
		t.Errorf("renamed to %s", got.Organisation.Name)
	}
}

func TestRolesComeOnlyFromTheMapping(t *testing.T) {
	w, p := newJWTWorld(t, func(c *IssuerConfig) { c.DefaultRole = "-" })
	c := w.claims()
	for _, roles := range []any{"operator admin", []string{"operator", "admin"}, 7, nil} {
		c["roles"] = roles
		_, err := w.Bearer(t.Context(), p.sign("k1", c))
		want(t, err, ErrRole)
	}
	c["roles"] = "ca-user ca-admin"
	got, err := w.Bearer(t.Context(), p.sign("k1", c))
	want(t, err, nil)
	if !got.Has(Admin) || !got.Has(Employee) || got.Has(Operator) {
		t.Errorf("%v", got.Account.Roles)
	}
}

// Where an issuer says nothing of roles, the operator gives them here.
func TestWithoutTheClaimRolesAreGivenHere(t *testing.T) {
	w, p := newJWTWorld(t)
	c := w.claims()
	delete(c, "roles")
	got, err := w.Bearer(t.Context(), p.sign("k1", c))
	want(t, err, nil)
	if !got.Has(Employee) {
		t.Errorf("%v", got.Account.Roles)
	}
	_, err = w.SetRoles(t.Context(), w.root, got.Account.ID, []Role{Admin})
	want(t, err, nil)
	got, err = w.Bearer(t.Context(), p.sign("k1", c))
	want(t, err, nil)
	if !got.Has(Admin) {
		t.Error("the next request took the role away")
	}
	c["roles"] = []string{}
	got, err = w.Bearer(t.Context(), p.sign("k1", c))
	want(t, err, nil)
	if got.Has(Admin) {
		t.Error("the issuer took the role away, and it stayed")
	}
}

// An admin cannot tie a stranger's subject to an account of its organisation.
func TestOnlyIntegratorsLinkSubjects(t *testing.T) {
	w, p := newJWTWorld(t)
	boss := w.as(w.person("boss", Admin))
	lina := w.person("lina", Employee)
	for _, person := range []Person{{Login: "lina", Issuer: "portal", ExternalID: "u-1001"}, {Login: "fresh", Name: "x", Issuer: "portal", ExternalID: "u-1001"}} {
		_, _, err := w.UpsertAccount(t.Context(), boss, person)
		want(t, err, ErrRole)
	}
	got, err := w.Bearer(t.Context(), p.sign("k1", w.claims()))
	want(t, err, nil)
	if got.Account.ID == lina.ID {
		t.Error("linked")
	}
}

// The integrator makes people ahead of their first sign-in, under the issuer's name.
func TestPeopleMadeAheadAreFound(t *testing.T) {
	w, p := newJWTWorld(t)
	a, _, err := w.UpsertAccount(t.Context(), w.as(w.person("portal-api", Integrator)), Person{OrganisationCode: "12339900MADEM0B2XU", OrganisationName: "乙中心",
		Login: "zhangwei", Issuer: "portal", ExternalID: "u-1001", Name: "张伟"})
	want(t, err, nil)
	got, err := w.Bearer(t.Context(), p.sign("k1", w.claims()))
	want(t, err, nil)
	if got.Account.ID != a.ID || got.Account.Login != "zhangwei" {
		t.Errorf("%+v", got.Account)
	}
	// An organisation's own number is not the issuer's subject.
	b, _, err := w.UpsertAccount(t.Context(), w.root, Person{OrganisationCode: "12339900MADEM0B2XU", Login: "other", ExternalID: "u-2002", Name: "别人"})
	want(t, err, nil)
	c := w.claims()
	c["sub"] = "u-2002"
	got, err = w.Bearer(t.Context(), p.sign("k1", c))
	want(t, err, nil)
	if got.Account.ID == b.ID {
		t.Error("an issuer took over an account by an organisation's number")
	}
}

// A key that was rotated out is refused, the new one found, and bogus key ids
// neither hide it nor flood the issuer.
func TestKeyRotation(t *testing.T) {
	w, p := newJWTWorld(t)
	old := p.sign("k1", w.claims())
	_, err := w.Bearer(t.Context(), old)
	want(t, err, nil)
	before := p.fetchs.Load()

	bogus := jwt.NewWithClaims(jwt.SigningMethodES256, w.claims())
	bogus.Header["kid"] = "no-such-key"
	forged, err := bogus.SignedString(newKey(t))
	want(t, err, nil)
	_, err = w.Bearer(t.Context(), forged)
	want(t, err, ErrToken)

	p.rotate("k2")
	_, err = w.Bearer(t.Context(), p.sign("k2", w.claims()))
	want(t, err, nil)
	_, err = w.Bearer(t.Context(), old) // fetches once more, and the key is gone
	want(t, err, ErrToken)
	for range 20 {
		if _, err := w.Bearer(t.Context(), forged); err == nil {
			t.Fatal("a forged token was accepted")
		}
	}
	if n := p.fetchs.Load() - before; n > 4 {
		t.Errorf("the issuer was asked %d times", n)
	}
	// The keys that are known still work.
	_, err = w.Bearer(t.Context(), p.sign("k2", w.claims()))
	want(t, err, nil)
}

func TestAnIssuerThatIsDown(t *testing.T) {
	p := newIDP(t)
	p.rotate("k1")
	for name, h := range map[string]http.HandlerFunc{
		"error":    func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 302) },
		"noise":    func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>") },
		"endless": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `{"keys":[`)
			for r.Context().Err() == nil {
				if _, err := fmt.Fprint(w, strings.Repeat(" ", 1<<16)); err != nil {
					return
				}
			}
		},
	} {
		p.answer.Store(&h)
		w := newWorld(t, func(c *Config) { c.Issuers = []IssuerConfig{p.config()} }) // starts all the same
		token := p.sign("k1", w.claims())
		_, err := w.Bearer(t.Context(), token)
		if f := faultOf(err); f.Code != "issuer_unavailable" || f.Retry <= 0 {
			t.Errorf("%s: %v", name, err)
		}
		p.answer.Store(nil)
		if _, err = w.Bearer(t.Context(), token); err != nil { // back again: found at the next request
			t.Errorf("after %s: %v", name, err)
		}
	}
}

func TestRSAIssuer(t *testing.T) {
	p := newIDP(t)
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	want(t, err, nil)
	p.keys["r1"] = k
	w := newWorld(t, func(c *Config) { c.Issuers = []IssuerConfig{p.config()} })
	tok := jwt.NewWithClaims(jwt.SigningMethodRS256, w.claims())
	tok.Header["kid"] = "r1"
	s, err := tok.SignedString(k)
	want(t, err, nil)
	_, err = w.Bearer(t.Context(), s)
	want(t, err, nil)
	tok.Method, tok.Header["alg"] = jwt.SigningMethodRS512, "RS512"
	s, err = tok.SignedString(k)
	want(t, err, nil)
	_, err = w.Bearer(t.Context(), s)
	want(t, err, ErrToken) // not among the pinned ones
}

func TestIssuerConfiguration(t *testing.T) {
	good := IssuerConfig{Name: "portal", Issuer: "https://id.example.cn", Audience: "certlink", JWKS: "https://id.example.cn/jwks"}
	want := func(name, part string, change func(*IssuerConfig)) {
		t.Helper()
		c := good
		change(&c)
		if err := c.check(); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	want("plain http", "https://", func(c *IssuerConfig) { c.JWKS = "http://id.example.cn/jwks" })
	want("HMAC", "HS256", func(c *IssuerConfig) { c.Algorithms = []string{"HS256"} })
	want("none", "none", func(c *IssuerConfig) { c.Algorithms = []string{"none"} })
	want("audience", "Audience", func(c *IssuerConfig) { c.Audience = "" })
	want("name", "Name", func(c *IssuerConfig) { c.Name = "Por tal" })
	want("role", "king", func(c *IssuerConfig) { c.Roles = map[string]Role{"x": "king"} })
	want("default", "DefaultRole", func(c *IssuerConfig) { c.DefaultRole = "king" })
	want("organisation", "credit code", func(c *IssuerConfig) { c.Organisations = []string{"x"} })
	want("several", "JWKS", func(c *IssuerConfig) { *c = IssuerConfig{} })

	if _, err := newIssuers(t.Context(), []IssuerConfig{good, good}, time.Now, nil); err == nil {
		t.Error("one issuer twice was accepted")
	}
	list, err := ParseIssuers([]byte(`[{"name":"portal","issuer":"i","audience":"a","jwks":"https://x/","roles":{"a":"admin"},"claims":{"organisation_code":"org.code"}}]`))
	if err != nil || list[0].Roles["a"] != Admin || list[0].Claims.OrganisationCode != "org.code" {
		t.Errorf("%+v, %v", list, err)
	}
	for _, bad := range []string{"", "{}", "[] x", `[{"nam":"x"}]`} {
		if _, err := ParseIssuers([]byte(bad)); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"sub":"u-1","name":"张伟","org":{"code":"12339900MADEM0B2XU"},"org_name":"乙","roles":["ca-admin"],"cert_no":"339900199001010011"}`))
	f.Add([]byte(`{"sub":"\u0000","roles":"ca-user ca-admin","org.code":"x"}`))
	f.Add([]byte(`{"sub":7,"roles":{"a":[]},"org":[]}`))
	i := &issuer{config: IssuerConfig{Name: "portal", Roles: map[string]Role{"ca-admin": Admin}, Claims: ClaimNames{OrganisationCode: "org.code", IDNumber: "cert_no"}}.withDefaults()}
	f.Fuzz(func(t *testing.T, raw []byte) {
		claims := jwt.MapClaims{}
		if json.Unmarshal(raw, &claims) != nil {
			return
		}
		p, err := i.person(claims)
		if err != nil {
			return
		}
		if !ordinary(p.Roles) {
			t.Fatalf("roles %v", p.Roles)
		}
		if _, err := p.clean(); err != nil {
			t.Fatalf("%+v would be refused later: %v", p, err)
		}
		if strings.ContainsRune(p.ExternalID, 0x1f) {
			t.Fatal("the separator of keys got through")
		}
	})
}
