package mobilecert

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certlink/trust"
	"certlink/trust/trusttest"
)

// The manual's list, written down a second time from the manual.
var manual = map[string][]string{
	"汇信CA": {"400-888-4636"}, "天谷CA": {"400-087-8198"}, "新疆CA": {"0991-2819290"}, "西部CA": {"400-860-0271"},
	"广西CA": {"400-0771-110"}, "云南CA": {"400-672-7666", "400-600-7210"}, "北京CA": {"010-5851-5511", "400-919-7888"},
	"重庆CA": {"023-88257082"}, "四川CA": {"400-028-1130"}, "天威CA": {"400-666-3999", "028-86694886", "028-85325862"},
	"CFCA": {"400-880-9888"}, "吉林安信CA": {"0431-85177688"},
}

func TestDefaultCatalogueIsTheManual(t *testing.T) {
	c, err := LoadCatalogue("")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Providers()) != len(manual) {
		t.Fatalf("%d providers, the manual has %d", len(c.Providers()), len(manual))
	}
	for _, p := range c.Providers() {
		if !slices.Equal(p.numbers(), manual[p.NameZH]) {
			t.Errorf("%s: %v, the manual says %v", p.NameZH, p.numbers(), manual[p.NameZH])
		}
		if !p.Bindable || !p.IdentityCheck || p.policy.Revocation != trust.RevocationRequired {
			t.Errorf("%s: %+v is not the strict default", p.NameZH, p)
		}
		if (len(p.Products) > 0) != (p.ID == "huixin") {
			t.Errorf("%s: only 汇信 can be applied for", p.NameZH)
		}
		if p.Available(Mobile) || p.Available(UKey) {
			t.Errorf("%s is available without anchors", p.NameZH)
		}
		if _, err := c.Policy(p.ID); !errors.Is(err, ErrProviderUnavailable) {
			t.Errorf("%s: policy without anchors: %v", p.NameZH, err)
		}
	}
	h, err := c.Provider("huixin")
	if err != nil {
		t.Fatal(err)
	}
	if h.MediaNames[Mobile].ZH != "汇信CA（移动证书）" || h.MediaNames[UKey].ZH != "汇信U-Key证书" {
		t.Errorf("names of the media: %v", h.MediaNames)
	}
	products := c.Products()
	if len(products) != 2 || products[0].Name.ZH != "汇信-Ukey证书" || products[0].Medium != UKey || products[1].Name.ZH != "汇信CA（移动证书）" || products[1].Medium != Mobile {
		t.Errorf("products %+v", products)
	}
	for _, p := range products {
		if o := p.Offer; o.Terms.Version == "" || len(o.Terms.ZH) != len(o.Terms.EN) || o.Custody.ZH == "" || o.Custody.EN == "" || o.PriceFen < 0 {
			t.Errorf("%s: %+v", p.ID, o)
		}
		if found, err := c.Offered(p.ID); err != nil || found != p {
			t.Errorf("%s: %v", p.ID, err)
		}
	}
	if _, err := c.Offered("demo-p256"); !errors.Is(err, ErrNotOffered) {
		t.Errorf("not offered: %v", err)
	}
	if _, err := c.Policy("nobody"); !errors.Is(err, ErrProviderUnknown) {
		t.Errorf("unknown provider: %v", err)
	}
}

func TestProviderViewHasNoNulls(t *testing.T) {
	c, err := LoadCatalogue("")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Providers() {
		b, err := json.Marshal(p.View())
		if err != nil || strings.Contains(string(b), "null") {
			t.Errorf("%s: %s %v", p.ID, b, err)
		}
	}
}

// anchorFiles writes a root and its intermediate to different files.
func anchorFiles(t *testing.T, dir string) (root, sub *trusttest.Authority) {
	t.Helper()
	root = trusttest.Root(t, trust.SM2SM3, "测试根")
	sub = root.Sub(t, trust.ES256, "测试中级")
	for name, c := range map[string]*trust.Certificate{"root.pem": root.Cert, "sub.pem": sub.Cert} {
		if err := os.WriteFile(filepath.Join(dir, name), trusttest.PEM(c), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root, sub
}

func catalogueFile(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "catalogue.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const oneProvider = `{"version": 1, "providers": [{
	"id": "ca1", "name_zh": "甲CA", "name_en": "CA One",
	"phones": [{"label_zh": "热线", "label_en": "Line", "number": "+86 10 1234"}],
	"media": {"mobile": {"zh": "甲（移动）", "en": "One (mobile)"}},
	"drivers": [{"os": "windows", "url": "https://ca.example/driver.exe"}],
	"anchors": ["root.pem", "sub.pem"], "revocation": "soft", "identity_check": false,
	"identifiers": [{"field": "person", "from": "subject.serialNumber", "prefix": "ID"},
	                {"field": "personName", "from": "subject.CN", "separator": "@", "part": 1}]
}]}`

func TestLoadCatalogueFile(t *testing.T) {
	dir := t.TempDir()
	root, _ := anchorFiles(t, dir)
	c, err := LoadCatalogue(catalogueFile(t, dir, "\xef\xbb\xbf"+oneProvider))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := c.Provider("ca1")
	if !p.Available(Mobile) || p.Available(UKey) || p.IdentityCheck {
		t.Errorf("%+v", p)
	}
	policy, err := c.Policy("ca1")
	if err != nil {
		t.Fatal(err)
	}
	if policy.Provider != "ca1" || policy.Revocation != trust.RevocationSoftFail || len(policy.Identifiers) != 2 ||
		len(policy.Anchors.Certificates()) != 2 || !policy.Anchors.Contains(root.Cert) {
		t.Errorf("policy %+v", policy)
	}
	if out := c.Outdated(trusttest.Now); len(out) != 0 {
		t.Errorf("outdated: %v", out)
	}
	if out := c.Outdated(trusttest.Start.AddDate(30, 0, 0)); len(out) != 2 || !strings.Contains(out[0], "ca1") {
		t.Errorf("outdated in thirty years: %v", out)
	}
}

// The anchors of the installation's own authority join those of the file.
func TestBuiltinAnchorsJoin(t *testing.T) {
	dir := t.TempDir()
	anchorFiles(t, dir)
	own := trusttest.Root(t, trust.ES256, "本机构根")
	b := Builtin{Provider: "ca1", Anchors: trusttest.PEM(own.Cert), Revocation: trust.RevocationNone}
	c, err := LoadCatalogue(catalogueFile(t, dir, oneProvider), b)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := c.Policy("ca1")
	if err != nil {
		t.Fatal(err)
	}
	if len(policy.Anchors.Certificates()) != 3 || policy.Revocation != trust.RevocationNone {
		t.Errorf("policy %+v", policy)
	}
	// The file's rules first, then those that read our own certificates.
	if len(policy.Identifiers) != 2+len(trust.DefaultIdentifiers()) || policy.Identifiers[0].Prefix != "ID" {
		t.Errorf("rules %+v", policy.Identifiers)
	}
	b.Provider = "missing"
	if _, err := LoadCatalogue("", b); err == nil || !strings.Contains(err.Error(), `no provider "missing"`) {
		t.Errorf("anchors for nobody: %v", err)
	}
}

// Every mistake is named at once, with its place.
func TestCatalogueMistakes(t *testing.T) {
	dir := t.TempDir()
	_, sub := anchorFiles(t, dir)
	leaf := sub.Leaf(t, trust.ES256)
	if err := os.WriteFile(filepath.Join(dir, "leaf.pem"), trusttest.PEM(leaf.Cert), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := LoadCatalogue(catalogueFile(t, dir, `{"version": 2, "extra": 1, "providers": [
	{"id": "Ca 1", "name_zh": "甲‮CA", "name_en": "",
	 "phones": [{"label_zh": "热线", "label_en": "Line", "number": "call me"}, 7],
	 "media": {"fax": {}}, "drivers": [{"os": "dos", "url": "http://ca.example/"}],
	 "revocation": "maybe", "identity_check": "yes", "identifers": [], "anchors": ["nowhere.pem"]},
	{"id": "ca2", "id": "ca2", "name_zh": "乙", "name_en": "Two", "phones": [],
	 "media": {"ukey": {"zh": "乙"}}, "anchors": ["root.pem", "leaf.pem"],
	 "identifiers": [{"field": "age", "from": "subject.CN"}, {"field": "person", "from": "birthday"}]},
	{"id": "ca2", "name_zh": "丙", "name_en": "Three", "phones": {}, "media": []},
	{"id": "ca4", "name_zh": "丁", "name_en": "Four", "phones": [{"label_zh": "热线", "label_en": "Line", "number": "12345"}],
	 "media": {"ukey": {"zh": "丁", "en": "Four"}}, "products": [
	 {"id": "p", "name": {"zh": "x"}, "medium": "mobile", "algorithm": "RSA", "term_days": 0, "price_fen": -1,
	  "terms": {"version": "", "zh": []}, "custody": {"maker": "nobody", "zh": "a"}},
	 {"id": "p1", "name": {"zh": "x", "en": "x"}, "medium": "ukey", "price_fen": 1.5,
	  "terms": {"version": "1", "zh": ["a"], "en": ["a"]}, "custody": {"maker": "holder", "escrow": 1, "zh": "a", "en": "a"}},
	 {"id": "p1", "medium": "ukey", "price_fen": 0}]}
	]}`))
	var wrong *CatalogueError
	if !errors.As(err, &wrong) {
		t.Fatalf("got %v", err)
	}
	got := map[string]bool{}
	for _, m := range wrong.Mistakes {
		got[m.Pointer] = true
	}
	for _, want := range []string{
		"/version", "/extra", "/providers/0/id", "/providers/0/name_zh", "/providers/0/name_en", "/providers/0/phones/0/number",
		"/providers/0/phones/1", "/providers/0/media", "/providers/0/media/fax", "/providers/0/drivers/0/os", "/providers/0/drivers/0/url",
		"/providers/0/revocation", "/providers/0/identity_check", "/providers/0/identifers", "/providers/0/anchors/0",
		"/providers/1/id", "/providers/1/phones", "/providers/1/media/ukey/en",
		"/providers/1/anchors/1, certificate 1,", "/providers/1/identifiers/0/field", "/providers/1/identifiers/1/from",
		"/providers/2/id", "/providers/2/phones", "/providers/2/media",
		"/providers/3/products/0/id", "/providers/3/products/0/name/en", "/providers/3/products/0/medium", "/providers/3/products/0/algorithm",
		"/providers/3/products/0/term_days", "/providers/3/products/0/price_fen", "/providers/3/products/0/terms/version", "/providers/3/products/0/terms/zh",
		"/providers/3/products/0/terms/en", "/providers/3/products/0/custody/maker", "/providers/3/products/0/custody/en",
		"/providers/3/products/1/price_fen", "/providers/3/products/1/custody/escrow",
		"/providers/3/products/2/id", "/providers/3/products/2/name", "/providers/3/products/2/terms", "/providers/3/products/2/custody",
	} {
		if !got[want] {
			t.Errorf("not named: %s", want)
		}
		delete(got, want)
	}
	if len(got) > 0 {
		t.Errorf("named as well: %v", got)
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestCatalogueThatIsNoJSON(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "ends in the middle",
		"{\n\"version\": 1,":          "line 2",
		"{\n\n\"version\" 1}":         "line 3",
		"\xff\xfe{":                   "UTF-8",
		oneProvider + "x":             "line 9",
		oneProvider + "{}":            "follows",
		strings.Repeat("[", 100):      "deeply",
		strings.Repeat(" ", 1<<20+10): "bytes",
	} {
		_, err := LoadCatalogue(catalogueFile(t, t.TempDir(), text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q in it", text, err, want)
		}
	}
	if _, err := LoadCatalogue(filepath.Join(t.TempDir(), "none.json")); err == nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// FuzzCatalogue: whatever the file holds, it is either refused with its mistakes
// named, or every provider in it can be asked for its policy and shown.
func FuzzCatalogue(f *testing.F) {
	f.Add(string(defaultCatalogue))
	f.Add(oneProvider)
	f.Add(`{"version":1,"providers":[{"id":"ab","media":{}}]}`)
	f.Add(`[[[[]]]]`)
	root := trusttest.PEM(trusttest.Root(f, trust.ES256, "r").Cert)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := readCatalogue("fuzz", []byte(text), func(string) ([]byte, error) { return root, nil }, nil)
		var wrong *CatalogueError
		if err != nil {
			if !errors.As(err, &wrong) || len(wrong.Mistakes) == 0 {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		for _, p := range c.Providers() {
			if q, err := c.Provider(p.ID); err != nil || q != p || !idForm.MatchString(p.ID) || len(p.Phones) == 0 || len(p.Media) == 0 {
				t.Fatalf("accepted %+v", p)
			}
			if _, err := json.Marshal(p.View()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// The example that operators copy from must load.
func TestDocumentedExample(t *testing.T) {
	text, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```json\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("there is no example")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "anchors"), 0o700); err != nil {
		t.Fatal(err)
	}
	anchorFiles(t, filepath.Join(dir, "anchors"))
	if err := os.Rename(filepath.Join(dir, "anchors", "sub.pem"), filepath.Join(dir, "anchors", "intermediate.pem")); err != nil {
		t.Fatal(err)
	}
	c, err := LoadCatalogue(catalogueFile(t, dir, example))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := c.Provider("huixin"); err != nil || !p.Available(Mobile) {
		t.Errorf("%+v, %v", p, err)
	}
}
