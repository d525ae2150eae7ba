package api_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"certlink/account"
	"certlink/phone"
	"certlink/trust"
	"certlink/trust/trusttest"
)

// TestStills: both pictures of the code are read back by a decoder.
func TestStills(t *testing.T) {
	w := newWorld(t)
	page := w.browser("admin")
	s := page.bind("cfca")
	for _, q := range []string{"", "?size=120&level=L", "?size=1200&level=M", "?size=240&level=L&n=7"} {
		a := page.get("/v1/qr-sessions/" + s.ID + "/still.png" + q).ok(200)
		img, err := png.Decode(bytes.NewReader(a.Body))
		check(t, err)
		want := 300
		if v := regexp.MustCompile(`size=(\d+)`).FindStringSubmatch(q); v != nil {
			want, _ = strconv.Atoi(v[1])
		}
		if img.Bounds().Dx() != want || img.Bounds().Dy() != want {
			t.Errorf("%s: %v", q, img.Bounds())
		}
		if want > 200 { // a decoder wants three pixels a module, as a camera does
			reads(t, w, img, s.ID)
		}
		a = page.get("/v1/qr-sessions/" + s.ID + "/still.svg" + q).ok(200)
		reads(t, w, paint(t, a.Body, 8), s.ID)
	}
	for _, bad := range []string{"size=119", "size=1201", "size=x", "level=H", "level=l"} {
		page.get("/v1/qr-sessions/"+s.ID+"/still.png?"+bad).refused(400, "request_invalid")
	}
	w.phone("admin").scan(page.session(s).Code)
	page.get("/v1/qr-sessions/"+s.ID+"/still.png").refused(410, "code_not_shown")
}

func reads(t *testing.T, w *world, img image.Image, session string) {
	t.Helper()
	text, err := phone.ReadCode(img)
	if err != nil || !strings.HasPrefix(text, w.origin+"/q/b"+session+".") {
		t.Errorf("read %q, %v", text, err)
	}
}

// paint draws the SVG as a browser would: runs of dark modules on white.
func paint(t *testing.T, svg []byte, scale int) image.Image {
	t.Helper()
	var doc struct {
		ViewBox string `xml:"viewBox,attr"`
		Paths   []struct {
			Fill string `xml:"fill,attr"`
			D    string `xml:"d,attr"`
		} `xml:"path"`
	}
	check(t, xml.Unmarshal(svg, &doc))
	var n int
	_, err := fmt.Sscanf(doc.ViewBox, "0 0 %d", &n)
	check(t, err)
	img := image.NewGray(image.Rect(0, 0, n*scale, n*scale))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	quiet := n
	for _, run := range strings.Split(strings.TrimSuffix(doc.Paths[1].D, "z"), "z") {
		var x, y, length, back int
		_, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &length, &back)
		check(t, err)
		quiet = min(quiet, x, y, n-x-length, n-1-y)
		for dy := range scale {
			for dx := range length * scale {
				img.SetGray(x*scale+dx, y*scale+dy, color.Gray{})
			}
		}
	}
	if quiet != 4 {
		t.Errorf("a quiet zone of %d", quiet)
	}
	return img
}

func TestLanding(t *testing.T) {
	w := newWorld(t)
	page := w.browser("admin")
	s := page.bind("cfca")
	path := strings.TrimPrefix(s.Code, w.origin)
	for _, language := range []string{"zh-CN", "en"} {
		a := w.client().with("Accept-Language", language).get(path).ok(200)
		link := regexp.MustCompile(`href="(/phone/[^"]+)"`).FindStringSubmatch(string(a.Body))
		if link == nil {
			t.Fatalf("%s", a.Body)
		}
		_, query, _ := strings.Cut(html.UnescapeString(link[1]), "#/scan?")
		v, err := url.ParseQuery(query)
		check(t, err)
		if v.Get("code") != s.Code {
			t.Errorf("%s", link[1])
		}
		if a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(string(a.Body), `lang="`+language+`"`) {
			t.Errorf("%v", a.Header)
		}
	}
	// The language chosen on the portal goes before the browser's; a click changes it.
	chosen := w.client().with("Accept-Language", "en").with("Cookie", "certlink_lang=zh-CN")
	if a := chosen.get(path).ok(200); !strings.Contains(string(a.Body), `<html lang="zh-CN">`) || !strings.Contains(a.Header.Get("Vary"), "Cookie") || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("%v %s", a.Header, a.Body)
	}
	if a := chosen.get(path + "?lang=en").ok(200); !strings.Contains(string(a.Body), `<html lang="en">`) || a.Header.Get("Set-Cookie") != "certlink_lang=en; Path=/; Max-Age=31536000; SameSite=Lax" {
		t.Errorf("%v %s", a.Header, a.Body)
	}
	for _, odd := range []string{"?lang=fr", "?lang=%0d%0aX:1"} {
		if a := chosen.get(path + odd).ok(200); !strings.Contains(string(a.Body), `<html lang="zh-CN">`) || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", odd, a.Header)
		}
	}
	if now := page.session(s); now.State != "created" || now.Seq != 1 {
		t.Errorf("looking has changed it: %+v", now)
	}
	w.client().get("/q/bAAAAAAAAAAAAAAAAAAAAAA.1.AAAAAAAAAAAAAAAAAAAAAA").ok(200) // it does not tell what is good
	for _, bad := range []string{"/q/x", "/q/" + strings.Repeat("A", 200), "/q/<script>alert(1)aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "/q/%22%3E" + strings.Repeat("A", 40)} {
		w.client().get(bad).refused(400, "code_malformed")
	}
	a := w.client().with("Accept", "text/html").get("/q/x")
	if a.Status != 400 || !strings.Contains(string(a.Body), "code_malformed") || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// TestPlainCourse goes through the pages without script: only links, forms and the
// picture, in a client that keeps cookies.
func TestPlainCourse(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	c.header.Set("Accept", "text/html")
	form := func(path string, values url.Values) *answer {
		return c.with("Origin", w.origin).with("Content-Type", "application/x-www-form-urlencoded").post(path, values.Encode())
	}
	if a := c.get("/plain/").ok(200); !strings.Contains(string(a.Body), `action="/plain/sign-in"`) {
		t.Fatalf("%s", a.Body)
	}
	a := form("/plain/sign-in", url.Values{"login": {`admin"><b>`}, "password": {"wrong"}})
	if a.Status != 401 || !strings.Contains(string(a.Body), "credentials_wrong") || !strings.Contains(string(a.Body), `value="admin&#34;&gt;&lt;b&gt;"`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	a = form("/plain/sign-in", url.Values{"login": {"admin"}, "password": {account.DemoPassword}})
	if a.Status != 303 || a.Header.Get("Location") != "/plain/" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := c.get("/plain/").ok(200); !strings.Contains(string(a.Body), `<option value="cfca">`) || strings.Contains(string(a.Body), `value="guangxi"`) {
		t.Errorf("%s", a.Body)
	}
	// A form of another site does nothing.
	for _, path := range []string{"/plain/bind", "/plain/sign-out", "/plain/sign-in"} {
		if a := c.with("Origin", "https://evil.example").with("Content-Type", "application/x-www-form-urlencoded").post(path, "provider=cfca"); a.Status != 403 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	a = form("/plain/bind", url.Values{"provider": {"xibu"}})
	at := a.Header.Get("Location")
	if a.Status != 303 || !strings.HasPrefix(at, "/plain/code/") {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	look := func(want string, refresh bool) string {
		t.Helper()
		a := c.get(at).ok(200)
		if !strings.Contains(string(a.Body), want) || strings.Contains(string(a.Body), `http-equiv="refresh" content="2"`) != refresh {
			t.Fatalf("no %q in %s", want, a.Body)
		}
		return string(a.Body)
	}
	body := look("请用手机应用扫码", true)
	src := html.UnescapeString(regexp.MustCompile(`<img class="code" src="([^"]+)"`).FindStringSubmatch(body)[1])
	img, err := png.Decode(bytes.NewReader(c.get(src).ok(200).Body))
	check(t, err)
	code, err := phone.ReadCode(img)
	check(t, err)
	h := w.phone("admin")
	p := h.scan(code)
	look(`name="digits"`, false)
	wrong := "00"
	if p.Match.Digits == wrong {
		wrong = "01"
	}
	if a := form(at+"/match", url.Values{"digits": {wrong}}); a.Status != 422 || !strings.Contains(string(a.Body), "数字与手机上显示的不一致") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	form(at+"/match", url.Values{"digits": {p.Match.Digits}}).ok(303)
	look("已扫描", true)
	h.confirm(p, h.jws(p)).ok(200)
	look("绑定成功", false)
	if a := c.get("/plain/").ok(200); !strings.Contains(string(a.Body), "张三") {
		t.Errorf("%s", a.Body)
	}
	if a := form("/plain/bind", url.Values{"provider": {"cfca"}}); a.Status != 409 || !strings.Contains(string(a.Body), "account_slot_taken") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	form("/plain/sign-out", nil).ok(303)
	if a := form("/plain/bind", url.Values{"provider": {"cfca"}}); !strings.Contains(string(a.Body), `action="/plain/sign-in"`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestPlainEndings(t *testing.T) {
	w := newWorld(t)
	c := w.browser("admin").with("Accept", "text/html").with("Content-Type", "application/x-www-form-urlencoded").with("Accept-Language", "en")
	begin := func() string { return c.post("/plain/bind", "provider=cfca").ok(303).Header.Get("Location") }
	look := func(at, want string) {
		t.Helper()
		if a := c.get(at).ok(200); !strings.Contains(string(a.Body), want) {
			t.Errorf("no %q in %s", want, a.Body)
		}
	}
	at := begin()
	c.post(at+"/cancel", "").ok(303)
	look(at, "Cancelled")
	at = begin()
	w.clock.Advance(61e9)
	look(at, "Expired")
	at = begin()
	h := w.phone("admin")
	s := c.session(&qrSession{ID: strings.TrimPrefix(at, "/plain/code/")})
	p := h.scan(s.Code)
	h.about(p, "POST", "/reject", map[string]string{"reason": "other", "text": "<b>no</b>"}).ok(200)
	look(at, "&lt;b&gt;no&lt;/b&gt;")
	if a := w.browser("lina").with("Accept", "text/html").get(at); a.Status != 404 || !strings.Contains(string(a.Body), "session_unknown") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	c.with("Content-Type", "application/json").post("/plain/bind", "{}").ok(415)
}

func TestAssets(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	a := c.get("/portal/main-ABCD2345.js").ok(200)
	if a.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || a.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || a.Header.Get("Content-Encoding") != "" {
		t.Errorf("%v", a.Header)
	}
	packed := c.with("Accept-Encoding", "gzip").get("/portal/main-ABCD2345.js").ok(200)
	if packed.Header.Get("Content-Encoding") != "gzip" || len(packed.Body) >= len(a.Body) || packed.Header.Get("Etag") == a.Header.Get("Etag") || packed.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v", packed.Header)
	}
	for path, title := range map[string]string{"/portal/": "portal", "/portal/bindings/x": "portal", "/phone/": "phone", "/docs": "docs", "/docs/": "docs"} {
		a := c.get(path).ok(200)
		if !strings.Contains(string(a.Body), "<title>"+title+"</title>") || a.Header.Get("Cache-Control") != "no-cache" || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %v", path, a.Header)
		}
		policy := a.Header.Get("Content-Security-Policy")
		if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", path, policy)
		}
		if !strings.Contains(a.Header.Get("Permissions-Policy"), "camera=(self)") {
			t.Errorf("%v", a.Header)
		}
		if c.with("If-None-Match", a.Header.Get("Etag")).get(path).Status != 304 {
			t.Errorf("%s is sent again", path)
		}
	}
	if a := c.do("HEAD", "/portal/", nil); a.Status != 200 || len(a.Body) != 0 {
		t.Errorf("%d", a.Status)
	}
	for from, to := range map[string]string{"/": "/portal/", "/portal": "/portal/", "/phone": "/phone/", "/plain": "/plain/"} {
		if a := c.get(from); a.Status != 302 || a.Header.Get("Location") != to {
			t.Errorf("%s: %d %v", from, a.Status, a.Header)
		}
	}
	for _, bad := range []string{"/portal/none.js", "/portal/../../etc/passwd.txt", "/portal/..%2f..%2fx.js", "/phone/none.png"} {
		if a := c.get(bad); a.Status != 404 {
			t.Errorf("%s: %d", bad, a.Status)
		}
	}
	if a := c.get("/widget/certlink.js").ok(200); a.Header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Errorf("%v", a.Header)
	}
	if a := c.get("/docs/errors").ok(200); !strings.Contains(string(a.Body), `id="session_unknown"`) {
		t.Errorf("%s", a.Body)
	}
	if a := c.get("/openapi.json").ok(200); !json.Valid(a.Body) {
		t.Error("the document is no JSON")
	}
	bare := newWorld(t, func(s *settings) { s.api.Assets = nil })
	if a := bare.client().get("/portal/"); a.Status != 503 || !strings.Contains(string(a.Body), "make web") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	empty := newWorld(t, func(s *settings) { s.api.Assets = fstest.MapFS{} })
	if a := empty.client().get("/portal/"); a.Status != 404 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestPublicOrigin(t *testing.T) {
	w := newWorld(t, func(s *settings) { s.api.Origin = "https://ca.example.cn" })
	c := w.client()
	for _, path := range []string{"/portal/", "/plain/", "/docs", "/phone/x?a=b"} {
		if a := c.get(path); a.Status != 308 || a.Header.Get("Location") != "https://ca.example.cn"+path {
			t.Errorf("%s: %d %v", path, a.Status, a.Header)
		}
	}
	a := c.get("/v1/config").ok(200)
	if a.member("origin") != "https://ca.example.cn" || a.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %v", a.Body, a.Header)
	}
	a = c.post("/v1/session", map[string]string{"login": "admin", "password": account.DemoPassword}).ok(200)
	for _, line := range a.Header.Values("Set-Cookie") {
		if !strings.HasPrefix(line, "__Host-certlink_") || !strings.Contains(line, "; Secure") || !strings.Contains(line, "Path=/;") || strings.Contains(line, "Domain") {
			t.Errorf("%s", line)
		}
	}
	c.with("Origin", w.origin).post("/v1/qr-sessions", map[string]string{"purpose": "bind", "provider": "cfca"}).refused(403, "csrf_refused")
	s := c.with("Origin", "https://ca.example.cn").bind("cfca")
	if !strings.HasPrefix(s.Code, "https://ca.example.cn/q/b") || len(s.Code) > 150 {
		t.Errorf("%s", s.Code)
	}
}

func TestRequester(t *testing.T) {
	w := newWorld(t, func(s *settings) {
		s.api.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	page := w.browser("admin").with("X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.1.1.1").with("X-Request-Id", "from-the-proxy")
	s := page.bind("cfca")
	if text := string(w.phone("admin").scan(s.Code).statement(t)); !strings.Contains(text, `"requester":{"browser":"Edge 142 · Windows","ip":"203.0.113.7","started_at":"`) {
		t.Errorf("%s", text)
	}
	if a := page.get("/v1/config"); a.Header.Get("X-Request-Id") != "from-the-proxy" {
		t.Errorf("%v", a.Header)
	}
	if a := page.with("X-Request-Id", "a b\"c").get("/v1/config"); strings.Contains(a.Header.Get("X-Request-Id"), " ") {
		t.Errorf("%v", a.Header)
	}
	direct := newWorld(t)
	page = direct.browser("admin").with("X-Forwarded-For", "203.0.113.7").with("X-Request-Id", "mine")
	if text := string(direct.phone("admin").scan(page.bind("cfca").Code).statement(t)); !strings.Contains(text, `"ip":"127.0.0.1"`) {
		t.Errorf("%s", text)
	}
	if a := page.get("/v1/config"); a.Header.Get("X-Request-Id") == "mine" {
		t.Error("a stranger chooses the request id")
	}
}

func TestWidgetOrigins(t *testing.T) {
	site := "https://shop.example.cn"
	w := newWorld(t, func(s *settings) { s.api.WidgetOrigins = []string{site} })
	s := w.program().begin(map[string]string{"purpose": "bind", "provider": "cfca", "actor": w.person("admin").ID})
	widget := w.client().with("Origin", site).with("Certlink-Browser-Secret", s.BrowserSecret)
	a := widget.get("/v1/qr-sessions/" + s.ID).ok(200)
	if a.Header.Get("Access-Control-Allow-Origin") != site || a.Header.Get("Access-Control-Allow-Credentials") != "" || a.Header.Get("Vary") != "Origin" {
		t.Errorf("%v", a.Header)
	}
	a = w.client().with("Origin", site).do("OPTIONS", "/v1/qr-sessions/"+s.ID+"/events", nil).ok(204)
	if !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Certlink-Browser-Secret") {
		t.Errorf("%v", a.Header)
	}
	widget.post("/v1/qr-sessions/"+s.ID+"/cancel", "{}").ok(200) // by the secret, not by a cookie
	if a := w.client().with("Origin", "https://evil.example").get("/v1/qr-sessions/" + s.ID); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", a.Header)
	}
	newWorld(t).client().with("Origin", site).do("OPTIONS", "/v1/qr-sessions/"+s.ID, nil).refused(405, "method_not_allowed")
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.browser("admin").bind("cfca")
	w.client().get("/v1/bindings").refused(401, "sign_in_required")
	a := w.client().get("/metrics").ok(200)
	for _, line := range []string{
		`certlink_http_requests_total{method="POST",route="/v1/qr-sessions",status="2xx"} 1`,
		`certlink_http_refusals_total{code="sign_in_required",method="GET",route="/v1/bindings"} 1`,
	} {
		if !strings.Contains(string(a.Body), line) {
			t.Errorf("no %s", line)
		}
	}
	w.client().with("X-Forwarded-For", "203.0.113.7").get("/metrics").refused(404, "route_unknown") // a proxy on this machine
	locked := newWorld(t, func(s *settings) { s.api.MetricsToken = "secret" })
	locked.client().get("/metrics").refused(404, "route_unknown")
	locked.client().with("Authorization", "Bearer wrong").get("/metrics").refused(404, "route_unknown")
	locked.client().with("Authorization", "Bearer secret").get("/metrics").ok(200)
}

// TestEvidence: the files that are handed out check with OpenSSL alone, for every
// algorithm; and a changed one does not.
func TestEvidence(t *testing.T) {
	w := newWorld(t)
	logins := map[trust.Algorithm]string{trust.ES256: "admin", trust.RS256: "lina", trust.SM2SM3: "zhangwei"}
	providers := map[trust.Algorithm]string{trust.ES256: "cfca", trust.RS256: "tianwei", trust.SM2SM3: "beijing"}
	authorities := map[trust.Algorithm]*trusttest.Authority{trust.ES256: ec().Sub(t, trust.ES256, "Sub"), trust.RS256: rs(), trust.SM2SM3: sm()}
	for _, alg := range trusttest.Algorithms {
		page, h := w.browser(logins[alg]), w.phone(logins[alg])
		h.holder = w.holder(authorities[alg], alg, logins[alg])
		s := page.bind(providers[alg])
		p := h.scan(s.Code)
		h.confirm(p, h.jws(p)).ok(200)
		id := page.session(s).Result.ID
		var e struct {
			Statement []byte
			JWS       string
			Chain     [][]byte
		}
		page.get("/v1/bindings/"+id+"/evidence").ok(200, &e)
		if !bytes.Equal(e.Statement, p.statement(t)) || strings.Count(e.JWS, ".") != 2 || len(e.Chain) < 2 {
			t.Errorf("%s: %+v", alg, e)
		}
		a := page.get("/v1/bindings/" + id + "/evidence?format=zip").ok(200)
		dir := unzip(t, a.Body)
		trusttest.OpenSSL(t, "version")
		if out, err := verify(dir); err != nil {
			t.Errorf("%s: %v\n%s", alg, err, out)
		}
		text, err := os.ReadFile(filepath.Join(dir, "statement.json"))
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, "statement.json"), bytes.Replace(text, []byte("bind"), []byte("bond"), 1), 0o600))
		if out, err := verify(dir); err == nil {
			t.Errorf("%s: a changed statement checks\n%s", alg, out)
		}
		page.get("/v1/bindings/"+id+"/evidence?format=tar").refused(400, "request_invalid")
		if alg == trust.ES256 {
			check(t, w.store.Delete(ctx, "evidence", id, 0))
			page.get("/v1/bindings/"+id+"/evidence").refused(404, "evidence_unknown")
		}
	}
	w.browser("admin").get("/v1/bindings/01nothing/evidence").refused(404, "binding_unknown")
	w.browser("admin").get("/v1/bindings/%2e%2e").refused(404, "binding_unknown")
}

// speaksBoth finds each language of a page, and the link to the other one in it.
func speaksBoth(page *client, at string) {
	page.w.t.Helper()
	for lang, other := range map[string]string{"zh-CN": "en", "en": "zh-CN"} {
		body := string(page.get(at + "?lang=" + lang).ok(200).Body)
		if !strings.Contains(body, `<html lang="`+lang+`">`) || !strings.Contains(body, `<a href="`+at+`?lang=`+other+`"`) {
			page.w.t.Errorf("%s in %s does not lead to %s", at, lang, other)
		}
	}
}

func unzip(t *testing.T, body []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	check(t, err)
	dir := t.TempDir()
	for _, f := range z.File {
		r, err := f.Open()
		check(t, err)
		raw, err := io.ReadAll(r)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, filepath.Base(f.Name)), raw, 0o600))
	}
	return dir
}

func verify(dir string) (string, error) {
	cmd := exec.Command("sh", "verify.sh")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
