package api_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"

	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/text/encoding/simplifiedchinese"

	"certlink/account"
)

func TestAccounts(t *testing.T) {
	w := newWorld(t)
	type list struct {
		Items []struct {
			ID, Login, Name, State string
			MobileMasked           string `json:"mobile_masked"`
			Bindings               *int
		}
		Next string
	}
	var l list
	w.browser("admin").get("/v1/accounts?name=%E5%BC%A0%E4%BC%9F").ok(200, &l)
	if len(l.Items) != 2 || l.Items[0].ID == l.Items[1].ID || l.Items[0].MobileMasked != "139****0002" && l.Items[0].MobileMasked != "139****0003" || *l.Items[0].Bindings != 0 {
		t.Errorf("%+v", l)
	}
	w.browser("admin").get("/v1/accounts?limit=1").ok(200, &l)
	if len(l.Items) != 1 || l.Next == "" {
		t.Errorf("%+v", l)
	}
	w.browser("admin").get("/v1/accounts?limit=1&cursor="+l.Next).ok(200, &l)
	l = list{}
	w.browser("lina").get("/v1/accounts?name=%E5%BC%A0").ok(200, &l)
	if len(l.Items) != 1 || l.Items[0].Login != "lina" {
		t.Errorf("an employee sees %+v", l)
	}
	abroad := w.person("zhoutao").OrganisationID
	w.browser("admin").get("/v1/accounts?organisation="+abroad).refused(403, "role_missing")
	w.browser("operator").get("/v1/accounts?organisation="+abroad).ok(200, &l)
	if len(l.Items) != 2 {
		t.Errorf("%+v", l)
	}
	for _, bad := range []string{"limit=0", "limit=101", "limit=x", "name=%00", "name=" + strings.Repeat("x", 65), "name=%FF", "cursor=" + strings.Repeat("c", 600)} {
		w.browser("admin").get("/v1/accounts?"+bad).refused(400, "request_invalid")
	}
	w.browser("admin").get("/v1/accounts?cursor=none").refused(400, "cursor_invalid")
}

func TestOrganisations(t *testing.T) {
	w := newWorld(t)
	p := w.program()
	make := func(name, code string) *answer {
		return p.post("/v1/organisations", map[string]string{"name": name, "credit_code": code})
	}
	a := make("新机构", "91330100MA27XXXX0A").ok(201)
	if a.member("credit_code_doubtful") != true { // legal codes fail the check, so it is only said
		t.Errorf("%s", a.Body)
	}
	if again := make("新机构", "91330100MA27XXXX0A").ok(200); again.member("id") != a.member("id") {
		t.Errorf("%s", again.Body)
	}
	if other := make("别的名字", "91330100MA27XXXX0A").refused(409, "organisation_exists"); other.member("id") != a.member("id") {
		t.Errorf("%s", other.Body)
	}
	make("新机构", "123").refused(422, "credit_code_invalid")
	make("a\u202eb", "91330100MA27XXXX1B").refused(422, "name_invalid")
	w.browser("admin").post("/v1/organisations", map[string]string{"name": "x", "credit_code": "91330100MA27XXXX0A"}).refused(403, "role_missing")
}

func TestOrganisationList(t *testing.T) {
	w := newWorld(t)
	type item struct {
		ID, Name   string
		CreditCode string `json:"credit_code"`
	}
	type list struct {
		Items []item
		Next  string
	}
	get := func(query string) (l list) {
		w.browser("operator").get("/v1/organisations"+query).ok(200, &l)
		return l
	}
	all := get("")
	if len(all.Items) < 2 || !slices.IsSortedFunc(all.Items, func(a, b item) int { return strings.Compare(a.Name, b.Name) }) {
		t.Fatalf("%+v", all)
	}
	first := get("?limit=1")
	second := get("?limit=1&cursor=" + url.QueryEscape(first.Next))
	if len(first.Items) != 1 || len(second.Items) != 1 || first.Items[0] == second.Items[0] {
		t.Errorf("%+v then %+v", first, second)
	}
	want := all.Items[1]
	for _, query := range []string{"?name=" + url.QueryEscape(want.Name), "?credit_code=" + strings.ToLower(want.CreditCode[:16])} {
		if l := get(query); len(l.Items) != 1 || l.Items[0] != want {
			t.Errorf("%s: %+v", query, l)
		}
	}
	if l := get("?name=" + url.QueryEscape("无此机构")); len(l.Items) != 0 || l.Next != "" {
		t.Errorf("%+v", l)
	}
	w.browser("reviewer").get("/v1/organisations").ok(200)
	w.program().get("/v1/organisations").ok(200)
	w.browser("admin").get("/v1/organisations").refused(403, "role_missing")
	w.browser("operator").get("/v1/organisations?cursor=none").refused(400, "cursor_invalid")
	w.browser("operator").get("/v1/organisations?credit_code=1234567890123456789").refused(400, "request_invalid")
}

type rows struct {
	Items []struct {
		Line      int
		Outcome   string
		AccountID string `json:"account_id"`
		Error     *struct {
			Code   string
			Errors []struct{ Pointer string }
		}
	}
	Created, Failed int
}

func TestBulk(t *testing.T) {
	w := newWorld(t)
	code := w.person("lina").CreditCode
	person := func(change map[string]any) map[string]any {
		p := map[string]any{"organisation_code": code, "login": "neu", "name": "新人"}
		for k, v := range change {
			p[k] = v
		}
		return p
	}
	people := []map[string]any{
		person(nil),
		person(map[string]any{"login": "x y"}),
		person(map[string]any{"login": "n1", "name": "a\u202eb"}),
		person(map[string]any{"login": "n2", "mobile": "abc"}),
		person(map[string]any{"login": "n3", "email": "nobody"}),
		person(map[string]any{"login": "n4", "id_number": "339900199506090038"}),
		person(map[string]any{"login": "n5", "roles": []string{"king"}}),
		person(map[string]any{"login": "n6", "roles": []string{"operator"}}),
		person(map[string]any{"login": ""}),
		person(map[string]any{"login": "zhoutao"}),
		person(map[string]any{"login": "n7", "organisation_code": "", "organisation_id": "nobody"}),
		person(map[string]any{"login": "n8", "organisation_code": "12"}),
		person(map[string]any{"login": "n9", "issuer": "nobody", "external_id": "1"}),
	}
	want := []string{"", "login_invalid", "name_invalid", "mobile_invalid", "email_invalid", "id_number_invalid", "role_unknown", "role_missing", "account_input_invalid",
		"account_exists", "organisation_unknown", "credit_code_invalid", "account_input_invalid"}
	for range 2 { // again: nothing more is made
		var r rows
		w.program().post("/v1/accounts/bulk", map[string]any{"items": people}).ok(200, &r)
		for i, row := range r.Items {
			got := ""
			if row.Error != nil {
				got = row.Error.Code
			}
			if got != want[i] {
				t.Errorf("row %d: %q, want %q", i, got, want[i])
			}
		}
	}
	many := make([]map[string]any, 1001)
	for i := range many {
		many[i] = person(map[string]any{"login": fmt.Sprintf("many%d", i)})
	}
	w.program().post("/v1/accounts/bulk", map[string]any{"items": many}).refused(413, "import_too_large")
	for len(many) <= 5000 {
		many = append(many, many...)
	}
	w.program().post("/v1/accounts/bulk", map[string]any{"items": many}).refused(413, "import_too_large")
	w.browser("lina").post("/v1/accounts/bulk", map[string]any{"items": people}).refused(403, "role_missing")
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	admin := w.browser("admin").with("Content-Type", "text/csv")
	send := func(body any) *answer { return admin.post("/v1/accounts/import", body) }
	text := "登录名,姓名,手机\nneu1,新人一,13900001111\nneu1,新人二,13900001112\nneu2,,13900001113\nneu3,=HYPERLINK(1),1\n"
	gb, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(text))
	check(t, err)
	for i, body := range [][]byte{[]byte("\ufeff" + text), gb} {
		var r rows
		send(body).ok(200, &r)
		if len(r.Items) != 4 || r.Created != 1-i || r.Failed != 3 || r.Items[1].Error.Code != "import_row_twice" || r.Items[0].Line != 2 {
			t.Errorf("%+v", r)
		}
	}
	send([]byte("PK\x03\x04")).refused(422, "import_malformed")
	send("no,such,columns\n1,2,3\n").refused(422, "import_malformed")
	send(bytes.Repeat([]byte("a,b\n"), 1<<20+100)).refused(413, "import_too_large")
	w.browser("admin").post("/v1/accounts/import", text).refused(415, "media_type_unsupported")
	if a := w.browser("admin").get("/v1/accounts/import").ok(200); !strings.HasPrefix(string(a.Body), "\ufeff统一社会信用代码,") {
		t.Errorf("%q", a.Body)
	}
}

func TestAuditLog(t *testing.T) {
	w := newWorld(t)
	w.bound(w.browser("admin"), w.phone("admin"))
	w.settle()
	var l struct {
		Items []struct{ Act, Account string }
		Next  string
	}
	w.browser("operator").get("/v1/audit?limit=100").ok(200, &l)
	found := false
	for _, e := range l.Items {
		found = found || e.Act == "binding.created" && e.Account == w.person("admin").ID
	}
	if !found {
		t.Errorf("%+v", l)
	}
	w.browser("operator").get("/v1/audit?organisation="+w.person("zhoutao").OrganisationID).ok(200, &l)
	w.browser("admin").get("/v1/audit").refused(403, "role_missing")
	w.browser("operator").get("/v1/audit?cursor=none").refused(400, "cursor_invalid")
}

// TestIssuer: people of an outside identity service.
func TestIssuer(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	point, err := key.PublicKey.Bytes()
	check(t, err)
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","alg":"ES256","use":"sig","x":%q,"y":%q}]}`, b64.EncodeToString(point[1:33]), b64.EncodeToString(point[33:]))
	}))
	defer jwks.Close()
	down := httptest.NewServer(nil)
	down.Close()
	w := newWorld(t, func(s *settings) {
		s.issuers = []account.IssuerConfig{
			{Name: "sso", Issuer: "https://sso.example", Audience: "certlink", JWKS: jwks.URL, Algorithms: []string{"ES256"}, Roles: map[string]account.Role{"boss": account.Admin}},
			{Name: "down", Issuer: "https://down.example", Audience: "certlink", JWKS: down.URL, Algorithms: []string{"ES256"}},
		}
	})
	code := w.person("lina").CreditCode
	token := func(change map[string]any) *client {
		claims := jwt.MapClaims{"iss": "https://sso.example", "aud": "certlink", "sub": "u1", "name": "外来者", "org_code": code, "org_name": "杭州联链示范科技有限公司",
			"iat": w.clock.Now().Unix(), "exp": w.clock.Now().Add(time.Hour).Unix()}
		for k, v := range change {
			claims[k] = v
		}
		tok := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
		tok.Header["kid"] = "1"
		text, err := tok.SignedString(key)
		check(t, err)
		return w.client().with("Authorization", "Bearer "+text)
	}
	var v struct {
		Via     string
		Account struct{ Login, Name string }
	}
	token(nil).get("/v1/session").ok(200, &v)
	if v.Via != "jwt" || v.Account.Name != "外来者" {
		t.Errorf("%+v", v)
	}
	if s := token(nil).begin(map[string]string{"purpose": "bind", "provider": "cfca"}); len(s.BrowserSecret) != 43 {
		t.Errorf("%+v", s)
	}
	token(map[string]any{"org_code": w.person("zhoutao").CreditCode}).get("/v1/session").refused(403, "organisation_changed")
	token(map[string]any{"aud": "elsewhere"}).get("/v1/session").refused(401, "token_invalid")
	token(map[string]any{"exp": w.clock.Now().Add(-time.Hour).Unix()}).get("/v1/session").refused(401, "token_invalid")
	token(map[string]any{"iss": "https://nobody.example"}).get("/v1/session").refused(401, "token_invalid")
	token(map[string]any{"iss": "https://down.example"}).get("/v1/session").refused(503, "issuer_unavailable")
}
