package browser

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"certlink/account"
	"certlink/phone"
	"certlink/program/programtest"
)

// zbar reads a picture with a decoder that is not ours. A code may have changed
// since; which one it is says its beginning.
func zbar(t *testing.T, shot []byte) string {
	t.Helper()
	text, err := decoded(t, shot)
	if err != nil {
		keep := filepath.Join(os.TempDir(), "certlink-unread.png")
		os.WriteFile(keep, shot, 0o600)
		t.Fatalf("zbar reads nothing: %v; the picture is %s", err, keep)
	}
	return text
}

// decoded is what a foreign decoder reads, or that it reads nothing.
func decoded(t *testing.T, shot []byte) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shot.png")
	if err := os.WriteFile(path, shot, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(programtest.Tool(t, "zbarimg", "zbar-tools"), "--raw", "-q", "-Sdisable", "-Sqrcode.enable", path).Output()
	return strings.TrimSpace(string(out)), err
}

// margins measures a picture of a code alone: the width of the light border in
// modules, where the finder pattern at the top left is seven modules wide.
func margins(t *testing.T, img image.Image) (quiet float64) {
	t.Helper()
	dark := func(x, y int) bool {
		r, g, b, _ := img.At(x, y).RGBA()
		return r+g+b < 3*0x8000
	}
	box := img.Bounds()
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if !dark(x, y) {
				continue
			}
			end := x
			for end < box.Max.X && dark(end, y) {
				end++
			}
			module := float64(end-x) / 7
			return min(float64(x-box.Min.X), float64(y-box.Min.Y)) / module
		}
	}
	t.Fatal("the picture is light all over")
	return 0
}

func (p *person) media(colours string, width int) {
	p.t.Helper()
	p.must(p.page.SetViewport(&proto.EmulationSetDeviceMetricsOverride{Width: width, Height: 800, DeviceScaleFactor: 1}))
	p.must(proto.EmulationSetEmulatedMedia{Features: []*proto.EmulationMediaFeature{{Name: "prefers-color-scheme", Value: colours}}}.Call(p.page))
}

// The codes as screens show them, light and dark, wide and narrow, moving and
// still, with script and without: a foreign decoder reads each, at 300 pixels.
func TestCodesAreRead(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t)
	b := browser(t, awake)
	portal := own(t, b, "portal", origin+"/portal/", 1280, 800)
	portal.signInAs("admin")
	portal.beginBinding()
	session := portal.page.MustEval(`async () => JSON.stringify(Object.values(sessionStorage))`).Str()
	begins := func(what, got string) {
		t.Helper()
		link, rest, found := strings.Cut(got, "/q/b")
		id, _, _ := strings.Cut(rest, ".")
		if link != origin || !found || id == "" || !strings.Contains(session, id) || len(got) > 150 {
			t.Errorf("%s: read as %q", what, got)
		}
	}
	for _, colours := range []string{"light", "dark"} {
		for _, width := range []int{1280, 360} {
			portal.media(colours, width)
			what := colours + map[int]string{1280: " wide", 360: " narrow"}[width]
			portal.attribute("qr-code", "data-state", "live")
			portal.isWide("qr-code", map[int]float64{1280: 300, 360: 272}[width])
			shot := portal.picture(`[data-testid="qr-code"]`)
			begins(what, zbar(t, shot))
			img, err := png.Decode(bytes.NewReader(shot))
			portal.must(err)
			if quiet := margins(t, img); quiet < 3.9 {
				t.Errorf("%s: a quiet zone of %.1f modules", what, quiet)
			}
			// And out of the whole screen, as a camera has it before it.
			shot, err = portal.page.Timeout(patience).Screenshot(false, nil)
			portal.must(err)
			begins(what+", whole screen", zbar(t, shot))
		}
	}

	// The stills, fetched by the page that began: the picture itself, and the drawing
	// as a browser draws it on a dark page.
	id := strings.SplitN(strings.SplitN(zbar(t, portal.picture(`[data-testid="qr-code"]`)), "/q/b", 2)[1], ".", 2)[0]
	raw := portal.page.MustEval(`async (path) => {
		const bytes = new Uint8Array(await (await fetch(path)).arrayBuffer())
		return btoa(String.fromCharCode(...bytes))
	}`, "/v1/qr-sessions/"+id+"/still.png?size=300").Str()
	still, err := base64.StdEncoding.DecodeString(raw)
	portal.must(err)
	begins("still.png", zbar(t, still))
	img, err := png.Decode(bytes.NewReader(still))
	portal.must(err)
	if quiet := margins(t, img); img.Bounds().Dx() != 300 || quiet < 4 {
		t.Errorf("still.png: %v, a quiet zone of %.1f modules", img.Bounds(), quiet)
	}
	portal.must(portal.page.Navigate(origin + "/v1/qr-sessions/" + id + "/still.svg?size=300&level=L"))
	begins("still.svg", zbar(t, portal.picture("svg")))
}

// picture is the element as it is drawn, and nothing around it.
func (p *person) picture(selector string) []byte {
	p.t.Helper()
	e, err := p.page.Timeout(patience).Element(selector)
	p.must(err)
	shape, err := e.Shape()
	p.must(err)
	box := shape.Box()
	shot, err := p.page.Timeout(patience).Screenshot(false, &proto.PageCaptureScreenshot{
		Format: proto.PageCaptureScreenshotFormatPng,
		Clip:   &proto.PageViewport{X: box.X, Y: box.Y, Width: box.Width, Height: box.Height, Scale: 1},
	})
	p.must(err)
	return shot
}

// The whole course in a browser without script: forms, and a picture that is
// loaded anew as long as the code is shown.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t)
	ctx := t.Context()
	h := &household{origin: origin, signed: map[string]*programtest.Portal{}, phones: map[string]*phone.Phone{}}
	holder, key, err := h.holder(ctx, "lina")
	if err != nil {
		t.Fatal(err)
	}
	jar, err := browser(t, awake).Incognito()
	if err != nil {
		t.Fatal(err)
	}
	page := open(t, jar, "plain", "about:blank", 360, 800)
	page.must(proto.EmulationSetScriptExecutionDisabled{Value: true}.Call(page.page))
	page.media("dark", 360)
	page.must(page.page.Navigate(origin + "/plain/"))
	page.point(".language a")
	page.reads("登录名")
	page.field("#login", "lina")
	page.field("#password", "certlink-demo-wrong")
	page.submit(`form[action="/plain/sign-in"]`)
	page.reads("credentials_wrong")
	page.field("#password", account.DemoPassword)
	page.submit(`form[action="/plain/sign-in"]`)
	page.reads("还没有绑定证书")
	page.submit(`form[action="/plain/bind"]`)
	page.reads("请用手机应用扫码")
	var claimed *phone.Session
	for deadline := time.Now().Add(patience); ; {
		shot, err := page.page.Timeout(patience).Screenshot(false, nil)
		page.must(err)
		// The picture may not be there yet, or just be drawn anew.
		link, err := decoded(t, shot)
		if err == nil {
			if claimed, err = holder.Scan(ctx, link); err == nil {
				break
			}
			if phone.Code(err) != "code_stale" {
				t.Fatal(err)
			}
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	page.reads("已扫描")
	page.must(holder.Confirm(ctx, claimed, key))
	page.reads("绑定成功")
	page.reads("李娜")
}

// isWide waits until what has the test id is so many pixels wide.
func (p *person) isWide(id string, want float64) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		got := p.page.MustEval(`(id) => document.querySelector('[data-testid="' + id + '"]').getBoundingClientRect().width`, id).Num()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is %v pixels wide, not %v", id, got, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// field writes into a form as a person does, without script.
func (p *person) field(selector, text string) {
	p.t.Helper()
	e, err := p.page.Timeout(patience).Element(selector)
	p.must(err)
	p.must(proto.DOMFocus{ObjectID: e.Object.ObjectID}.Call(p.page))
	p.must(p.page.InsertText(text))
}

func (p *person) submit(form string) {
	p.t.Helper()
	p.point(form + " button")
}

// point clicks with the mouse alone.
func (p *person) point(selector string) {
	p.t.Helper()
	e, err := p.page.Timeout(patience).Element(selector)
	p.must(err)
	shape, err := e.Shape()
	p.must(err)
	box := shape.Box()
	p.must(p.page.Mouse.MoveTo(proto.NewPoint(box.X+box.Width/2, box.Y+box.Height/2)))
	p.must(p.page.Mouse.Click(proto.InputMouseButtonLeft, 1))
}
